"""Which segment is shown when, where several hold the same time because the clock was set back. Pure."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bridge.store.rows import SegmentRow


@dataclass(frozen=True, slots=True)
class Piece:
    """From `from_ns` until just before `until_ns` (UTC) the segment `serial` is shown."""

    from_ns: int
    until_ns: int
    serial: int


def visible(segments: Sequence[SegmentRow]) -> list[Piece]:
    """Segments of one recording, in any order -> pieces in order that do not overlap: the higher serial is shown.

    A run has no break, so each segment counts up to the start of the next one of its run: between the two nothing older
    shines through for the milliseconds by which their times may differ.
    """
    starting = sorted((segment.start_utc_ns, segment.serial, end) for segment, end in _with_ends(segments))
    edges = sorted({time for start, _, end in starting if end > start for time in (start, end)})
    pieces: list[Piece] = []
    shown: list[tuple[int, int]] = []  # (-serial, end) of what has begun: the highest serial first
    begun = 0
    for now, following in pairwise(edges):
        while begun < len(starting) and starting[begun][0] <= now:
            _, serial, end = starting[begun]
            heapq.heappush(shown, (-serial, end))
            begun += 1
        while shown and shown[0][1] <= now:
            heapq.heappop(shown)
        if not shown:
            continue
        serial = -shown[0][0]
        if pieces and pieces[-1].serial == serial and pieces[-1].until_ns == now:
            pieces[-1] = Piece(pieces[-1].from_ns, following, serial)
        else:
            pieces.append(Piece(now, following, serial))
    return pieces


def _with_ends(segments: Sequence[SegmentRow]) -> list[tuple[SegmentRow, int]]:
    """Each with the time that it is shown until, when nothing hides it."""
    next_starts = {(segment.run, segment.serial - 1): segment.start_utc_ns for segment in segments}
    return [
        (segment, max(segment.end_utc_ns, next_starts.get((segment.run, segment.serial), segment.end_utc_ns)))
        for segment in segments
    ]
