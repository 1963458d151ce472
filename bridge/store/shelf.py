"""One recording as readers see it: the index's rows and, before the index knows them, the segments being written."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

from bridge.base.errors import DamagedError
from bridge.store.index import MediaIndex
from bridge.store.layout import RecordingFolder
from bridge.store.pieces import FOREVER_NS
from bridge.store.rows import SegmentRow
from bridge.store.segment_reader import SegmentReader


@dataclass(frozen=True, slots=True)
class LentSegment:
    """A segment that the index does not know yet: being written, or finished and on its way into the index.

    row:  its end is FOREVER_NS while more may come
    open: reads it by the samples that its writer lends
    """

    row: SegmentRow
    open: Callable[[], SegmentReader]

    @property
    def being_written(self) -> bool:
        """Whether more may come."""
        return self.row.end_utc_ns == FOREVER_NS


Lent = Callable[[], Sequence[LentSegment]]
"""What the recorder lends of the recording at this moment. Safe to call on any thread."""


def nothing_lent() -> Sequence[LentSegment]:
    """No recorder runs in this process."""
    return ()


def not_indexed(folders: Iterable[RecordingFolder], recording_id: int, highest_serial: int) -> list[LentSegment]:
    """What lies in the folders above the highest indexed serial: another process is writing it, or was when it died.

    As far as it is written now. Damaged heads are passed over: recovery and `check` tell of them.
    """
    lent = []
    for folder in folders:
        for found in folder.segments(highest_serial + 1):
            try:
                reader = SegmentReader.open(found.path)
            except (OSError, DamagedError):
                continue
            header, index = reader.header, reader.index
            reader.close()
            if (header.recording, header.serial) == (folder.uuid, found.serial) and len(index):
                span = index.span(reader.lead)
                row = SegmentRow(
                    *(recording_id, header.serial, header.run, 0, span.start_utc_ns, span.end_utc_ns, 0),
                    header.starts_with_key,
                )
                lent.append(LentSegment(row, partial(SegmentReader.open, found.path)))
    return sorted(lent, key=lambda one: one.row.serial)


class RecordingShelf:
    """A `Shelf` (bridge/store/reader.py) of the recording. Blocks for the database and the disk.

    path_of: the file of a serial that began then: (storage id, recording, serial, start) -> path; None: gone
    """

    def __init__(
        self,
        index: MediaIndex,
        recording_id: int,
        recording: UUID,
        path_of: Callable[[int, UUID, int, int], Path | None],
        lent: Lent = nothing_lent,
    ) -> None:
        self._index = index
        self._recording_id = recording_id
        self._recording = recording
        self._path_of = path_of
        self._lent = lent

    def between(self, from_ns: int, until_ns: int, limit: int) -> Sequence[SegmentRow]:
        """As `Rows` has it."""
        # Lent first: what is finished between the two questions is then found in the index.
        lent = [one.row for one in self._lent()]
        rows = self._index.segments_between(self._recording_id, from_ns, until_ns, limit)
        known = {row.serial for row in rows}
        more = [
            row for row in lent if row.serial not in known and row.start_utc_ns < until_ns and row.end_utc_ns > from_ns
        ]
        if not more:
            return rows
        return sorted((*rows, *more), key=lambda row: (row.start_utc_ns, row.serial))[:limit]

    def before(self, utc_ns: int) -> SegmentRow | None:
        """As `Rows` has it."""
        lent = [one.row for one in self._lent() if one.row.start_utc_ns < utc_ns]
        row = self._index.previous_segment(self._recording_id, utc_ns)
        return max((*lent, *([row] if row else [])), key=lambda one: (one.start_utc_ns, one.serial), default=None)

    def segment(self, serial: int) -> SegmentRow | None:
        """As `Shelf` has it."""
        lent = next((one.row for one in self._lent() if one.row.serial == serial), None)
        return self._index.segment(self._recording_id, serial) or lent

    def being_written(self, serial: int) -> bool:
        """As `Shelf` has it."""
        return any(one.being_written for one in self._lent() if one.row.serial == serial)

    def open(self, row: SegmentRow) -> SegmentReader:
        """As `Shelf` has it. Raises FileNotFoundError when it was deleted meanwhile."""
        for one in self._lent():
            if one.row.serial == row.serial:
                return one.open()
        path = self._path_of(row.storage_id, self._recording, row.serial, row.start_utc_ns)
        if path is None:
            raise FileNotFoundError(f"segment {row.serial} is gone")
        return SegmentReader.open(path)
