"""The door towards the cameras: pulls every stream by RTSP and feeds its hub.

source          `CameraSource`: one stream, pulled for ever; reconnects, states, statistics
driver          what a source asks of a driver, and what it hands to one
native          the driver in production: our own RTSP client over TCP, RTP interleaved or over UDP
udp             pairs of UDP ports: opened, read in batches, checked for their sender
multicast       the same for groups, which are joined
aiortsp_driver  a second, independently written client, selectable per stream; the only asyncio file
reception       RTP and RTCP of one connection on their way into the hub; shared by the drivers
tls             cameras over rtsps: connects, and holds their certificates to what they are trusted with
failures        Twisted's and the system's errors in words for people
"""
