"""Bytes <-> values: parsers and formatters. No clock, no randomness, no files, no log, no Twisted.

Any bytes give a value or RemoteProtocolError (of files of our own: DamagedError), in linear time and bounded memory.

    rtsp/      messages, headers, URLs            h264/ h265/   NAL units, parameter sets, RTP payloads
    sdp        session descriptions               audio/        AAC, G.711
    rtp rtcp   headers, reports                   access_units  NAL units into access units, for both codecs
    payload    codec <-> SDP and RTP payload      annexb bits   byte streams, bit fields
    digest     HTTP and RTSP Digest               soap/ wsse    envelopes, faults, schemas; UsernameToken
    discovery scopes   WS-Discovery               mp4/          files: fragmented and plain MP4
    search_filter topic_filter  what a client searches for
"""
