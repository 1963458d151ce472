"""RTSP 1.0 (RFC 2326): bytes <-> values, the same for servers and clients.

    message   `Request`, `Response`, `Headers`, and the incremental `Reader` of a connection's bytes
    headers   Transport, Range, RTP-Info, Session and Public: parse/format pairs
    replay_headers  Scale, Rate-Control, Frames and Immediate of ONVIF replay
    url       `RtspUrl`, with credentials that never show, and the resolving of `a=control`

RTSP 2.0 (RFC 7826) does not apply; a request that speaks it raises an error whose status is 505.
"""
