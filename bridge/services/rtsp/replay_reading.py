"""Footage on its way from the disk: a replay is pulled in the reader pool, one batch at a time."""

import enum
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from bridge.media.replay_sender import Described, Item
from bridge.recorder.replay import ReplayItem, ReplayUnit
from bridge.store.reader import Begin, Edge

#: A batch holds about so much; a batch that is sent and one that is read ahead is what a session costs.
BATCH_BYTES = 512 * 1024
BATCH_UNITS = 1_000

#: The first one is small: the reply to PLAY waits for it.
FIRST_BYTES = 64 * 1024

#: In reverse a batch ends with a GOP, as its last picture is shown first; but not beyond this.
GOP_BYTES = 8 << 20


class Source(Protocol):
    """What is pulled: `bridge.recorder.replay.Replay`."""

    def items(self) -> Iterator[ReplayItem]:
        """Blocking."""

    def close(self) -> None:
        """Blocking."""


class After(enum.Enum):
    """What comes behind a batch. EDGE: more, once it is written. OVER: nothing."""

    MORE = "more"
    EDGE = "edge"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read in one go."""

    items: list[Item]
    after: After


InPool = Callable[[Callable[[], object]], Awaitable[object]]
"""Runs blocking work elsewhere. Of one session one piece at a time: the door sees to that."""


class ReplayReading:
    """See the module. One `next` at a time."""

    def __init__(self, open_source: Callable[[], Source], in_pool: InPool, *, reverse: bool) -> None:
        """open_source: blocking; what it raises comes out of the first `next`."""
        self._open_source = open_source
        self._in_pool = in_pool
        self._reverse = reverse
        self._source: Source | None = None
        self._iterator: Iterator[ReplayItem] | None = None
        self._carried: ReplayUnit | None = None
        self._batch = Batch([], After.MORE)
        self.closed = False

    async def next(self) -> Batch:
        """The next batch. Raises what the source raises."""
        await self._in_pool(self._pull)
        return self._batch

    async def close(self) -> None:
        """Lets the files go, behind a `next` that is under way."""
        if not self.closed:
            self.closed = True
            await self._in_pool(self._shut)

    def _pull(self) -> None:
        """In the pool."""
        if self.closed:
            return
        limit_bytes = BATCH_BYTES
        if self._iterator is None:
            self._source = self._open_source()
            self._iterator = self._source.items()
            limit_bytes = FIRST_BYTES
        items: list[Item] = []
        size_bytes = 0
        if self._carried is not None:
            items.append(self._carried)
            size_bytes = self._carried.unit.size_bytes
            self._carried = None
        for item in self._iterator:
            match item:
                case Begin(tracks, _, run):
                    items.append(Described(tracks, run))
                case Edge():
                    self._batch = Batch(items, After.EDGE)
                    return
                case ReplayUnit():
                    full = size_bytes >= limit_bytes or len(items) >= BATCH_UNITS
                    if self._reverse:
                        full = (full and item.discontinuity) or size_bytes >= GOP_BYTES
                    if full:
                        self._carried = item
                        self._batch = Batch(items, After.MORE)
                        return
                    items.append(item)
                    size_bytes += item.unit.size_bytes
        self._batch = Batch(items, After.OVER)

    def _shut(self) -> None:
        """In the pool."""
        self._carried = None
        self._batch = Batch([], After.OVER)
        if self._source is not None:
            self._source.close()
