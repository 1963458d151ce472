"""Conversations without sockets: values in, values out, `now` and random bytes as arguments.

rtsp_client, rtsp_offer, rtsp_setups, rtsp_group
                             our side of a conversation with a camera
rtsp_server, rtsp_server_side, rtsp_session, rtsp_transport, rtsp_presentation, rtsp_login,
rtsp_refused, rtsp_replay, rtsp_frames
                             our side of a conversation with a viewer
rtsp_states                  both state machines, as tables
rtp_receiver, rtp_statistics order, loss and reports of one RTP track
rtp_talk                     what clients say to a camera's loudspeaker, as one stream
digest, wsse                 log-in: HTTP and RTSP Digest, UsernameToken
searches                     ONVIF's search sessions: pages, patience, who may have how many
discovery                    what a discoverable device says to whom
backoff                      how long to wait before the next try
"""
