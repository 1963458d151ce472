"""Where the samples of one segment lie and when they were taken, column by column.

One thread appends while others read: a reader asks for `len` first and stays below it. Columns only grow, and the
length is published after them (the interpreter's lock makes each step whole).
"""

from array import array
from bisect import bisect_right
from collections.abc import Sequence

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
        at: int,
        size: Sequence[int],
        flags: Sequence[int],
    ) -> None:
        """Samples that lie one behind the other, the first at `at`. Only the one thread that writes calls it."""
        number = self._count
        for one_size, flag in zip(size, flags, strict=True):
            self.at.append(at)
            at += one_size
            if flag & KEY:
                self.keys.append(number)
            number += 1
        self.utc_ns.extend(utc_ns)
        self.media_time.extend(media_time)
        self.dts.extend(dts)
        self.size.extend(size)
        self.flags.extend(flags)
        self._count = number

    def key_at(self, utc_ns: int) -> int | None:
        """The last key sample that was captured at `utc_ns` or before; None when all came later."""
        count, times = self._count, self.utc_ns
        keys = self.keys[: bisect_right(self.keys, count - 1)]
        place = bisect_right(keys, utc_ns, key=lambda number: times[number])
        return keys[place - 1] if place else None


class SampleIndex:
    """All tracks of a segment."""

    __slots__ = ("tracks",)

    def __init__(self, tracks: int) -> None:
        """tracks: how many"""
        self.tracks: tuple[Samples, ...] = tuple(Samples() for _ in range(tracks))

    def __len__(self) -> int:
        """Samples of all tracks."""
        return sum(map(len, self.tracks))
