"""Access units that are cut anywhere into packets, the last of which is marked.

AAC in LATM (RFC 6416 6: an audioMuxElement) and ONVIF's metadata (Streaming Specification, "Metadata stream": an XML
document). Nothing is read of them: they pass byte for byte.
"""

from collections.abc import Sequence

from bridge.wire.access_units import MISSING_MARKERS_PROVE, UnitSink

MAX_UNIT_BYTES = 4 << 20


class Depacketizer:
    """RTP payloads of one track, in order -> access units, whole or not delivered at all.

    A unit ends by its marker; where that is missing and nothing was lost, by the next timestamp. Behind a loss nobody
    can tell a unit's beginning from its middle, so what comes up to its end is dropped as well. `lost_units` counts
    units that were cut off, `oversized_units` those beyond `max_unit_bytes`.
    """

    def __init__(self, sink: UnitSink, *, max_unit_bytes: int = MAX_UNIT_BYTES) -> None:
        self.lost_units = 0
        self.oversized_units = 0
        self._sink = sink
        self._max_unit_bytes = max_unit_bytes
        self._markers = self._unmarked_units = 0
        self._pieces: list[bytes] = []
        self._size_bytes = 0
        self._timestamp = -1
        # What comes up to the end of this unit is dropped; it ends as any other does.
        self._spoilt = False

    @property
    def open(self) -> bool:
        """Whether the beginning of a unit waits for its rest."""
        return bool(self._pieces)

    @property
    def awaits_timestamp(self) -> bool:
        """Whether, as far as we know this camera, no marker ends the open unit."""
        return bool(self._pieces) and self._markers == 0 and self._unmarked_units >= MISSING_MARKERS_PROVE

    def push(self, packet: memoryview, start: int, end: int, timestamp: int, marker: bool) -> None:
        """The payload packet[start:end], which must be the next in sequence unless `lost` was called before."""
        if timestamp != self._timestamp:
            if self._pieces:
                self._unmarked_units += 1
                self._close()
            if self._timestamp >= 0:
                self._spoilt = False
            self._timestamp = timestamp
        if not self._spoilt and start < end:
            self._pieces.append(bytes(packet[start:end]))
            self._size_bytes += end - start
            if self._size_bytes > self._max_unit_bytes:
                self.oversized_units += 1
                self._spoil()
        if marker:
            self._markers += 1
            self._close()
            self._spoilt = False

    def lost(self) -> None:
        """Packets went missing before the next push: a unit in progress is dropped."""
        if self._pieces:
            self.lost_units += 1
        self._spoil()
        # Another timestamp proves no beginning now.
        self._timestamp = -1

    def flush(self) -> None:
        """Nothing more comes of the open unit: it is whole if nothing but the next one would have ended it."""
        if self.awaits_timestamp:
            self._close()
        elif self._pieces:
            self.lost_units += 1
            self._spoil()

    def _close(self) -> None:
        unit = b"".join(self._pieces)
        self._pieces, self._size_bytes = [], 0
        if unit:
            self._sink(self._timestamp, (unit,), True, False)

    def _spoil(self) -> None:
        self._pieces, self._size_bytes = [], 0
        self._spoilt = True


def packetize(parts: Sequence[bytes], max_payload_bytes: int) -> list[bytes]:
    """RTP payloads of one access unit, in order; the last gets the marker. max_payload_bytes: at least 1."""
    return [part[at : at + max_payload_bytes] for part in parts for at in range(0, len(part), max_payload_bytes)]
