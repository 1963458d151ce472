"""Which fragment begins a segment, and which of them a run (docs/design/store.md, "A segment"). Pure."""

import enum

from bridge.base.media import Track
from bridge.recorder.cutter import Fragment

#: Where no key frame comes, a segment is cut after so many times its length.
FORCED_AFTER = 4


class Begins(enum.Enum):
    """What begins with a fragment."""

    NOTHING = "nothing"
    SEGMENT = "segment"
    RUN = "run"


class SegmentRule:
    """The fragments of one recording in order, those left out that were lost."""

    def __init__(self, segment_ns: int) -> None:
        self.segment_ns = segment_ns
        self._sequence: int | None = None
        self._tracks: tuple[Track, ...] | None = None
        self._start_utc_ns = 0
        self._started_with_key = False

    def begins(self, fragment: Fragment) -> Begins:
        """Asked once for every fragment that is to be written."""
        begins = self._decide(fragment)
        self._sequence = fragment.sequence
        if begins is not Begins.NOTHING:
            self._tracks = fragment.tracks
            self._start_utc_ns = fragment.start_utc_ns
            self._started_with_key = fragment.starts_with_key
        return begins

    def close(self) -> None:
        """The open segment was finished: whatever comes begins another."""
        self._tracks = None

    def lose(self) -> None:
        """Something was lost: whatever comes begins a run."""
        self._sequence = None

    def _decide(self, fragment: Fragment) -> Begins:
        if fragment.new_run or self._sequence is None or fragment.sequence != self._sequence + 1:
            return Begins.RUN
        if fragment.tracks != self._tracks:
            return Begins.SEGMENT
        length_ns = fragment.start_utc_ns - self._start_utc_ns
        # What began without a key frame waits for nothing but one.
        if fragment.starts_with_key and (length_ns >= self.segment_ns or not self._started_with_key):
            return Begins.SEGMENT
        return Begins.SEGMENT if length_ns >= FORCED_AFTER * self.segment_ns else Begins.NOTHING
