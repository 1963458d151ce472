"""Piece by piece through a recording, forwards or backwards: which segment is shown from when to when.

Where segments overlap, the latest written is shown (bridge/store/overlay.py); here that is done a few rows at a time:
a reading of a minute in a year asks for a minute.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.store.overlay import visible
from bridge.store.rows import SegmentRow

FOREVER_NS = 2**63 - 1
"""The end of a segment that is being written."""

WINDOW_ROWS = 64

_WIDENINGS = 8


class Rows(Protocol):
    """The rows of one recording, that of the segment being written among them (it ends at FOREVER_NS)."""

    def between(self, from_ns: int, until_ns: int, limit: int) -> Sequence[SegmentRow]:
        """Those that hold a moment of [from, until), by start, at most `limit`."""

    def before(self, utc_ns: int) -> SegmentRow | None:
        """The last that starts before the instant."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The segment of `row` is shown from `from_ns` until `until_ns`."""

    row: SegmentRow
    from_ns: int
    until_ns: int


class Pieces:
    """See the module. run: of that run alone, whatever hides it."""

    def __init__(self, rows: Rows, run: int | None = None) -> None:
        self._rows = rows
        self._run = run
        self._ahead: list[Shown] = []

    def following(self, utc_ns: int, until_ns: int = FOREVER_NS) -> Shown | None:
        """What is shown at `utc_ns`, from then on, or else the first piece behind it that begins before `until_ns`."""
        self._ahead = [piece for piece in self._ahead if piece.until_ns > utc_ns]
        # The last piece of a window is looked up again: more may have come to hide or to follow it.
        if len(self._ahead) < 2:
            self._ahead = self._look_ahead(utc_ns, until_ns)
        if not self._ahead:
            return None
        first = self._ahead[0]
        return Shown(first.row, max(first.from_ns, utc_ns), first.until_ns)

    def _look_ahead(self, utc_ns: int, until_ns: int) -> list[Shown]:
        at = utc_ns
        while True:
            rows = self._rows.between(at, until_ns, WINDOW_ROWS)
            shown = [piece for piece in self._shown(rows) if piece.until_ns > utc_ns]
            if len(rows) == WINDOW_ROWS:
                # What starts behind the last row may hide what reaches beyond it.
                known_until_ns = rows[-1].start_utc_ns
                shown = [piece for piece in shown if piece.until_ns <= known_until_ns] or shown[:1]
            if shown or len(rows) < WINDOW_ROWS:
                return shown
            at = max(rows[-1].start_utc_ns, at + 1)

    def preceding(self, utc_ns: int) -> Shown | None:
        """What is shown just before `utc_ns`, up to then, or else the last piece before it."""
        at = utc_ns
        while (latest := self._rows.before(at)) is not None:
            since_ns = latest.start_utc_ns
            # Back to where the longest of those that reach in here begins, so that no piece is cut off at its start.
            for _ in range(_WIDENINGS):
                rows = self._rows.between(since_ns, at, WINDOW_ROWS)
                earliest_ns = min((row.start_utc_ns for row in rows), default=since_ns)
                if earliest_ns >= since_ns:
                    break
                since_ns = earliest_ns
            shown = [piece for piece in self._shown(rows) if piece.from_ns < utc_ns]
            if shown:
                return Shown(shown[-1].row, shown[-1].from_ns, min(shown[-1].until_ns, utc_ns))
            at = since_ns
        return None

    def _shown(self, rows: Sequence[SegmentRow]) -> list[Shown]:
        mine = {row.serial: row for row in rows if self._run is None or row.run == self._run}
        return [Shown(mine[piece.serial], piece.from_ns, piece.until_ns) for piece in visible(list(mine.values()))]
