"""H.265 (ITU-T H.265) as far as a gateway must know it. `wire/h264` mirrors it name for name.

nal   NAL unit types, parameter sets, where decoding may start
rtp   RFC 7798: payloads to access units and back
"""
