"""H.264 (ITU-T H.264) as far as a gateway must know it. `wire/h265` mirrors it name for name.

nal   NAL unit types, sequence parameter set, where decoding may start
rtp   RFC 6184: payloads to access units and back
"""
