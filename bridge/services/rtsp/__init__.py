"""The RTSP door (RFC 2326, ONVIF Streaming specification).

server      listening, limits, log-ins, the viewers of all sessions
connection  one TCP connection: bytes to the dialogue, its events to the rest
live        `/live/<camera>[/<stream>]` and the shared RTP of each stream
viewer      what a session holds from PLAY to its end
writer      the one ordered writer of a connection: replies, RTCP, media
udp         RTP and RTCP by UDP
"""
