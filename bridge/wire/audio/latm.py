"""AAC in LATM (RFC 6416 6, ISO/IEC 14496-3 1.7): what its configuration says. Payloads are `wire/marked_units`.

An access unit is an audioMuxElement as the camera made it, with whatever it multiplexes: nothing is taken out.
"""

from bridge.base.errors import RemoteProtocolError
from bridge.wire.audio import aac

#: Longer than any audioMuxElement of a camera: AAC of eight channels has 6 KiB a frame at most.
MAX_UNIT_BYTES = 64 << 10

#: StreamMuxConfig of version 0 and one program, layer and subframe, in front of AudioSpecificConfig (table 1.42).
_IN_FRONT_BITS = 15
_READ_BYTES = 64


def parse_config(config: bytes) -> aac.AudioSpecificConfig:
    """The first AudioSpecificConfig of a StreamMuxConfig of version 0. Raises RemoteProtocolError."""
    head = config[:_READ_BYTES]
    if not head or head[0] & 0x80:
        raise RemoteProtocolError(
            f"StreamMuxConfig {head[:8].hex()} is not of version 0", clause="ISO/IEC 14496-3 1.7.3"
        )
    bits = int.from_bytes(head) << _IN_FRONT_BITS & (1 << 8 * len(head)) - 1
    return aac.parse_config(bits.to_bytes(len(head)))
