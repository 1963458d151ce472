"""G.726 in RTP (RFC 3551 4.5.4): 2, 3, 4 or 5 bits a sample, in one of two orders that only the encoding name tells.

`G726-32` has the first sample in the least significant bits of a byte, `AAL2-G726-32` in the most significant (ITU-T
I.366.2 annex E). Cameras mix the two up; so nothing is turned round: the name and the bytes pass as they came.
"""

from collections.abc import Sequence

from bridge.wire.access_units import UnitSink
from bridge.wire.audio import g711

#: Old cameras send 32 kbit/s under it without a rtpmap (RFC 1890 had it as G721).
PAYLOAD_TYPE = 2

SAMPLE_RATE = 8000

#: By encoding name: bits a sample.
SAMPLE_BITS = {
    f"{packing}G726-{bits * SAMPLE_RATE // 1000}": bits for packing in ("", "AAL2-") for bits in (2, 3, 4, 5)
}


def sample_bits(name: bytes) -> int:
    """Of an encoding name as a track carries it; 4 for one that is none."""
    return SAMPLE_BITS.get(name.decode("latin-1"), 4)


class Depacketizer(g711.Depacketizer):
    """RTP payloads of one G.726 track -> access units; see there. name: its RTP encoding name."""

    def __init__(self, sink: UnitSink, *, name: bytes, channels: int = 1) -> None:
        super().__init__(sink, channels=channels, sample_bits=sample_bits(name))


def packetize(parts: Sequence[bytes], max_payload_bytes: int) -> list[bytes]:
    """The RTP payloads of one access unit: one packet, as it came; see `g711.packetize`."""
    return g711.packetize(parts, max_payload_bytes)
