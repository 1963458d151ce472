"""Work that grows with the number of cameras, done in slices, so that everybody's video goes out in between.

Requests for lists of all cameras do theirs by `Slices`; the rendering ahead (warming.py) takes a `Slice` now and then.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

from twisted.internet.defer import Deferred

from bridge.base.time import NS_PER_MS, Clock

SLICE_NS = 4 * NS_PER_MS

Later = Callable[[Callable[[], None]], object]
"""Has something called in the reactor's next turn: `reactor.callLater` with 0 seconds."""

_T = TypeVar("_T")


class Slice:
    """A stretch of work: whoever does it asks after each small step whether it is over."""

    __slots__ = ("_clock", "_ends_ns")

    def __init__(self, clock: Clock) -> None:
        """It begins now."""
        self._clock = clock
        self._ends_ns = clock.monotonic_ns() + SLICE_NS

    @property
    def over(self) -> bool:
        """Whether it has lasted for SLICE_NS."""
        return self._clock.monotonic_ns() >= self._ends_ns


class Slices:
    """One slice in each turn of the reactor for all requests together, however many there are.

    Who has not finished when it is over waits for another turn; those who wait go on in their order, one after the
    other as long as the slice lasts. Nobody is dropped: a connection has one request in work, and the limit of
    connections is the limit here.
    """

    def __init__(self, clock: Clock, later: Later) -> None:
        self._clock, self._later = clock, later
        self._present: Slice | None = None
        self._waiting: deque[Deferred[Slice]] = deque()

    async def gather(self, steps: Iterable[_T | None]) -> list[_T]:
        """What `steps` yields, without None: a step that found nothing.

        steps: each does a little, at most what rendering a profile costs. Other work comes between them, so they walk
               over what nobody changes. Whoever cancels this ends it at the next wait.
        """
        found: list[_T] = []
        present = await self._join()
        for step in steps:
            if step is not None:
                found.append(step)
            if present.over:
                present = await self._wait()
        return found

    async def _join(self) -> Slice:
        """The slice of this turn, or a later one when others have used it up."""
        if self._present is None:
            return self._begin()
        return await self._wait() if self._present.over else self._present

    def _begin(self) -> Slice:
        self._present = present = Slice(self._clock)
        self._later(self._next_turn)
        return present

    def _wait(self) -> Deferred[Slice]:
        waiting: Deferred[Slice] = Deferred(self._waiting.remove)  # cancelled, it waits no more
        self._waiting.append(waiting)
        return waiting

    def _next_turn(self) -> None:
        self._present = None
        if not self._waiting:
            return
        present = self._begin()
        while self._waiting and not present.over:
            self._waiting.popleft().callback(present)
