"""Where the samples of one segment lie and when they were taken, column by column.

One thread appends while others read: a reader asks for `len` first and stays below it. Columns only grow, and the
length is published after them (the interpreter's lock makes each step whole).
"""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from operator import sub
from typing import NamedTuple

KEY = 1
"""Decoding may start at the sample."""
DAMAGED = 2
"""Packets of it were lost on the way."""


class Samples:
    """The samples of one track, in decoding order.

    utc_ns:     capture time
    media_time: presentation time on the stream's time line, in the track's clock
    dts:        decode time on the same line: what the file says plus the origin of its header
    at:         offset in the file
    size:       bytes in the file
    flags:      KEY, DAMAGED
    keys:       numbers of the samples with KEY
    """

    __slots__ = ("_count", "at", "dts", "flags", "keys", "media_time", "size", "utc_ns")

    def __init__(self) -> None:
        self.utc_ns = array("q")
        self.media_time = array("q")
        self.dts = array("q")
        self.at = array("Q")
        self.size = array("I")
        self.flags = array("B")
        self.keys = array("I")
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def extend(
        self,
        utc_ns: Sequence[int],
        media_time: Sequence[int],
        dts: Sequence[int],
        at: Sequence[int],
        size: Sequence[int],
        flags: Sequence[int],
    ) -> None:
        """More samples; columns of one length. Only the one thread that writes calls it."""
        count = len(size)
        if not len(utc_ns) == len(media_time) == len(dts) == len(at) == len(flags) == count:
            raise ValueError(f"{count} sizes with columns of another length")
        self.keys.extend([number for number, flag in enumerate(flags, self._count) if flag & KEY])
        self.at.extend(at)
        self.utc_ns.extend(utc_ns)
        self.media_time.extend(media_time)
        self.dts.extend(dts)
        self.size.extend(size)
        self.flags.extend(flags)
        self._count += count

    def key_at(self, utc_ns: int) -> int | None:
        """The last key sample that was captured at `utc_ns` or before; None when all came later."""
        count, times = self._count, self.utc_ns
        keys = self.keys[: bisect_right(self.keys, count - 1)]
        place = bisect_right(keys, utc_ns, key=lambda number: times[number])
        return keys[place - 1] if place else None

    def interval_ns(self) -> int:
        """Usual time between two captures, the median; 0 with fewer than two samples."""
        return _interval_ns(self.utc_ns)


class Span(NamedTuple):
    """When a segment was captured.

    start_utc_ns: the first capture of any track
    end_utc_ns:   where the last sample of any track ends: its capture and the track's usual interval
    interval_ns:  usual time between two samples of the leading track; 0: not known
    """

    start_utc_ns: int
    end_utc_ns: int
    interval_ns: int


class SampleIndex:
    """All tracks of a segment."""

    __slots__ = ("tracks",)

    def __init__(self, tracks: int) -> None:
        """tracks: how many"""
        self.tracks: tuple[Samples, ...] = tuple(Samples() for _ in range(tracks))

    def __len__(self) -> int:
        """Samples of all tracks."""
        return sum(map(len, self.tracks))

    def span(self, lead: int) -> Span:
        """When all of it was captured. lead: the leading track. Raises ValueError without samples."""
        return span_of([samples.utc_ns for samples in self.tracks], lead)


def span_of(captures: Sequence[Sequence[int]], lead: int) -> Span:
    """The same, from the capture times of each track, UTC ns."""
    intervals = [_interval_ns(times) for times in captures]
    ends = [max(times) + interval for times, interval in zip(captures, intervals, strict=True) if times]
    start = min(min(times) for times in captures if times)
    # A single picture lasts a moment: a stretch without length would be nowhere.
    return Span(start, max(*ends, start + 1), intervals[lead])


def _interval_ns(times: Sequence[int]) -> int:
    if len(times) < 2:
        return 0
    steps: list[int] = list(map(sub, times[1:], times))
    if min(steps) < 0:  # pictures out of order
        times = sorted(times)
        steps = list(map(sub, times[1:], times))
    steps.sort()
    return steps[len(steps) // 2]
