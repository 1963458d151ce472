"""The RTSP door (RFC 2326, ONVIF Streaming specification).

server      listening, limits, log-ins, the viewers of all sessions
connection  one TCP connection: bytes to the dialogue, its events to the rest
served      what the server asks of presentations and viewers, live or recorded
live        `/live/<camera>[/<stream>]` and the shared RTP of each stream
viewer      what a session of live video holds from PLAY to its end
recorded    `/recordings/<recording token or camera>`
replay_viewer, replay_reading
            what a session of a recording holds: its PLAYs, and what is read for them
talk        who talks to which camera
udp         RTP and RTCP by UDP
multicast   the same to groups: from which of our addresses, and what stands on the packets
"""
