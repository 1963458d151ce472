"""What a stream is measured to carry: bit rate, frame rate, length of a GOP, over windows of a few seconds."""

from dataclasses import dataclass

from bridge.base.media import AccessUnit
from bridge.base.time import NS_PER_S

WINDOW_NS = 5 * NS_PER_S

#: The first window of a run is shorter, so that a new camera has figures soon.
FIRST_WINDOW_NS = 2 * NS_PER_S


@dataclass(slots=True)
class StreamStatistics:
    """What was measured over the last seconds; zeros until known. Counts are since the hub began.

    bitrate_bps:       all tracks, without the transport's headers
    frame_rate:        of the video track
    gop_length:        pictures from one key frame to the next; 0 until two came
    damaged_units:     delivered although packets of them were lost
    undecodable_units: not delivered: pictures before a run's first key frame
    """

    bitrate_bps: int = 0
    frame_rate: float = 0.0
    gop_length: int = 0
    units: int = 0
    damaged_units: int = 0
    runs: int = 0
    undecodable_units: int = 0


class StreamMeter:
    """See the module. After a run's end the figures of its last window stand."""

    def __init__(self) -> None:
        self.statistics = StreamStatistics()
        self._since_ns = 0
        self._due_ns = 0
        self._bytes = 0
        self._pictures = 0
        self._in_gop = -1

    def begin_run(self, now_ns: int) -> None:
        """A new connection: nothing of an unfinished window is worth keeping."""
        self.statistics.runs += 1
        self._in_gop = -1
        self._open(now_ns, FIRST_WINDOW_NS)

    def _open(self, now_ns: int, window_ns: int) -> None:
        self._since_ns = now_ns
        self._due_ns = now_ns + window_ns
        self._bytes = 0
        self._pictures = 0

    def count(self, unit: AccessUnit, lead: bool) -> None:
        """lead: it is of the track that frames and GOPs are counted by."""
        statistics = self.statistics
        # A window ends with the unit that opens the next one: so many intervals between pictures as pictures.
        if unit.arrived_ns >= self._due_ns:
            elapsed_ns = unit.arrived_ns - self._since_ns
            statistics.bitrate_bps = self._bytes * 8 * NS_PER_S // elapsed_ns
            statistics.frame_rate = self._pictures * NS_PER_S / elapsed_ns
            self._open(unit.arrived_ns, WINDOW_NS)
        statistics.units += 1
        if unit.damaged:
            statistics.damaged_units += 1
        self._bytes += unit.size_bytes
        if lead:
            self._pictures += 1
            if unit.key:
                if self._in_gop >= 0:
                    statistics.gop_length = self._in_gop
                self._in_gop = 0
            if self._in_gop >= 0:
                self._in_gop += 1
