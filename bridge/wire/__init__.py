"""Bytes <-> values: parsers and formatters. No clock, no randomness, no files, no log, no Twisted.

Any bytes give a value or RemoteProtocolError (of files of our own: DamagedError), in linear time and bounded memory.

    rtsp/      messages, headers, URLs            h264/ h265/   NAL units, parameter sets, RTP payloads
    sdp        session descriptions               jpeg/         picture headers, RTP payloads
    rtp rtcp   headers, reports                   audio/        AAC, LATM, Opus, G.711, G.726
    payload    codec <-> SDP and RTP payload      access_units  NAL units into access units, for both codecs
    annexb bits    byte streams, bit fields       marked_units  LATM and metadata: units cut anywhere
    digest     HTTP and RTSP Digest               soap/ wsse    envelopes, faults, schemas; UsernameToken
    discovery scopes   WS-Discovery               mp4/          files: fragmented and plain MP4
    search_filter topic_filter  what a client searches for
    replay_header  RTP header extension of replayed footage
"""
