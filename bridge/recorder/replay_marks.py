"""The flags of replayed units: what each is to those before and behind it. Pure.

Whether a unit is the last before a gap is known when the next of its track is seen, or the gap. So the newest of each
track waits, and what came behind it with it: the order stays. What waits is bounded by bytes and by time: the last unit
of a track that fell silent long before the gap goes without its flag.
"""

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bridge.base.media import AccessUnit
from bridge.base.time import NS_PER_S
from bridge.store.reader import Begin

LONGEST_WAIT_NS = 10 * NS_PER_S
MOST_WAITING_BYTES = 4 << 20


@dataclass(slots=True)
class ReplayUnit:
    """An access unit and its flags; see `ReplayHeader`. `unit.track` is a number in `Held.tracks`."""

    unit: AccessUnit
    clean: bool
    end: bool
    discontinuity: bool
    terminal: bool


Marked = Begin | ReplayUnit


class Marks:
    """Takes units in the order of sending and hands them out in that order, with flags.

    What a method returns is what can be handed out now; it has to be taken.
    """

    def __init__(self) -> None:
        self._waiting: deque[Marked] = deque()
        self._bytes = 0
        self._newest: dict[int, ReplayUnit] = {}
        """Of each track, while it waits: what comes behind it is not known."""
        self._followed: set[int] = set()
        """Tracks whose next unit follows what was sent before."""
        self._ended = False
        """Whether what waits has its flags, unless it turns out that nothing comes any more."""

    def add(self, unit: AccessUnit) -> Iterator[Marked]:
        """The next unit."""
        track = unit.track
        marked = ReplayUnit(unit, unit.key, False, track not in self._followed, False)
        self._followed.add(track)
        if self._ended:
            self._ended = False
            self._newest.clear()
        self._newest[track] = marked
        self._waiting.append(marked)
        self._bytes += unit.size_bytes
        return self._take(unit.utc_ns)

    def begin(self, begin: Begin) -> Iterator[Marked]:
        """Tracks or run change here."""
        self._waiting.append(begin)
        return self._take()

    def goes_on(self, tracks: Collection[int]) -> Iterator[Marked]:
        """What was added last of these tracks is not the end of a section, though nothing behind it is sent."""
        for track in tracks:
            self._newest.pop(track, None)
        return self._take()

    def jump(self) -> None:
        """What comes does not follow what was sent, though there need be no gap before it."""
        self._followed.clear()

    def end(self, *, terminal: bool = False) -> None:
        """Here is a gap, or the end of the footage (terminal)."""
        for last in self._newest.values():
            last.end = True
            last.terminal = terminal
        self.jump()
        self._ended = True

    def flush(self) -> Iterator[Marked]:
        """Nothing more is there by now."""
        self._ended = False
        return self.goes_on(list(self._newest))

    def _take(self, utc_ns: int | None = None) -> Iterator[Marked]:
        """What waits for nothing any more. utc_ns: of what was added last."""
        while self._waiting:
            first = self._waiting[0]
            if isinstance(first, ReplayUnit):
                unit = first.unit
                if self._newest.get(unit.track) is first:
                    waited_ns = 0 if utc_ns is None else abs(utc_ns - unit.utc_ns)
                    if waited_ns <= LONGEST_WAIT_NS and self._bytes <= MOST_WAITING_BYTES:
                        return
                    del self._newest[unit.track]
                self._bytes -= unit.size_bytes
            yield self._waiting.popleft()
