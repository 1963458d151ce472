"""Opus in RTP (RFC 7587): one packet of Opus is one payload and one access unit, nothing is added.

The clock is 48 kHz and SDP says two channels, whatever is sent (RFC 7587 4.1 and 7).
"""

from collections.abc import Sequence

from bridge.wire.access_units import UnitSink

CLOCK_RATE = 48_000
CHANNELS_IN_SDP = 2


class Depacketizer:
    """RTP payloads of one Opus track -> access units. A marker begins a talkspurt (RFC 3551 4.1) and ends nothing."""

    open = False
    awaits_timestamp = False

    def __init__(self, sink: UnitSink) -> None:
        self._sink = sink

    def push(self, packet: memoryview, start: int, end: int, timestamp: int, marker: bool) -> None:
        """The payload packet[start:end]; an empty one keeps a NAT open and says nothing."""
        if start < end:
            self._sink(timestamp, (bytes(packet[start:end]),), True, False)

    def lost(self) -> None:
        """Every packet stands for itself: decoders conceal, or find the lost one in the next (RFC 6716 2.1.7)."""

    def flush(self) -> None:
        """Nothing is ever held."""


def packetize(parts: Sequence[bytes], max_payload_bytes: int) -> list[bytes]:
    """The RTP payload of one access unit. Opus has no fragments: a unit beyond max_payload_bytes is left out.

    Cameras send 20 ms a packet, which has 1275 bytes at most (RFC 6716 3.2.1).
    """
    return [part for part in parts if 0 < len(part) <= max_payload_bytes]
