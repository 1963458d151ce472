"""G.711 in RTP (RFC 3551 4.5.14): PCMU and PCMA, one byte a sample. One packet is one access unit.

What holds for every codec of so many bits a sample: `g726` has its payloads from here.
"""

import math
from collections.abc import Sequence

from bridge.wire.access_units import UnitSink

#: RFC 3551 table 4: these payload types need no rtpmap.
PCMU_PAYLOAD_TYPE = 0
PCMA_PAYLOAD_TYPE = 8

SAMPLE_RATE = 8000

#: Longer packets (cameras with 200 ms and more, over TCP) become several units, so that each fits a packet of ours.
MAX_UNIT_BYTES = 1280


class Depacketizer:
    """RTP payloads of one track -> access units. A marker begins a talkspurt (RFC 3551 4.1) and ends nothing.

    sample_bits: of one channel
    """

    open = False
    awaits_timestamp = False

    def __init__(self, sink: UnitSink, *, channels: int = 1, sample_bits: int = 8) -> None:
        self._sink = sink
        self._frame_bits = channels * sample_bits
        # A whole number of samples must be a whole number of bytes.
        self._step = MAX_UNIT_BYTES - MAX_UNIT_BYTES % (self._frame_bits // math.gcd(self._frame_bits, 8))

    def push(self, packet: memoryview, start: int, end: int, timestamp: int, marker: bool) -> None:
        """The payload packet[start:end]; an empty one keeps a NAT open and says nothing."""
        while start < end:
            stop = min(start + self._step, end)
            self._sink(timestamp, (bytes(packet[start:stop]),), True, False)
            timestamp = timestamp + (stop - start) * 8 // self._frame_bits & 0xFFFFFFFF
            start = stop

    def lost(self) -> None:
        """Every packet stands for itself: a hole shows in the timestamps."""

    def flush(self) -> None:
        """Nothing is ever held."""


def packetize(parts: Sequence[bytes], max_payload_bytes: int) -> list[bytes]:
    """The RTP payloads of one access unit: one packet, as it came.

    A unit longer than `max_payload_bytes` is left out: to cut it would need a second timestamp. The depacketiser makes
    none beyond MAX_UNIT_BYTES.
    """
    return [part for part in parts if 0 < len(part) <= max_payload_bytes]
