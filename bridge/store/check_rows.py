"""Whether the rows of the index agree with each other: sums, serials, runs against segments. Read-only."""

from collections.abc import Iterator

import sqlalchemy as sa

from bridge.store.rows import RecordingRow, RunRow, SegmentRow
from bridge.store.schema import holdings, recordings, runs, segments

_PAGE_ROWS = 1_000

_HELD = sa.select(
    segments.c.storage_id, sa.func.count(), sa.func.sum(segments.c.size_bytes), sa.func.max(segments.c.serial)
)


def row_faults(connection: sa.Connection, recording: RecordingRow) -> list[str]:
    """What is wrong with the rows of that recording. All of it within the one transaction."""
    return [*_sums(connection, recording.id), *_runs(connection, recording.id)]


def _sums(connection: sa.Connection, of: int) -> Iterator[str]:
    rows = connection.execute(_HELD.where(segments.c.recording_id == of).group_by(segments.c.storage_id))
    lies = {storage_id: (count, int(size_bytes), last) for storage_id, count, size_bytes, last in rows}
    told = {row.storage_id: row for row in connection.execute(sa.select(holdings).where(holdings.c.recording_id == of))}
    for storage_id in sorted(lies.keys() | told.keys()):
        count, size_bytes, last = lies.get(storage_id, (0, 0, 0))
        row = told.get(storage_id)
        if row is None:
            yield f"{count} segments on storage {storage_id}, which is not said to hold any"
            continue
        if (row.segments, row.size_bytes) != (count, size_bytes):
            yield (
                f"storage {storage_id} is said to hold {row.segments} segments of {row.size_bytes} bytes;"
                f" there are {count} of {size_bytes}"
            )
        if row.last_serial < last:
            yield f"the highest serial on storage {storage_id} is said to be {row.last_serial}; there is {last}"


def _runs(connection: sa.Connection, of: int) -> Iterator[str]:
    pages = connection.execution_options(yield_per=_PAGE_ROWS)
    longest_ns = connection.execute(sa.select(recordings.c.longest_ns).where(recordings.c.id == of)).scalar_one()
    in_order = sa.select(runs).where(runs.c.recording_id == of).order_by(runs.c.first_serial)
    rows = sa.select(segments).where(segments.c.recording_id == of).order_by(segments.c.serial)
    left = (_Run(RunRow(*row), longest_ns) for row in pages.execute(in_order))
    run = next(left, None)
    for row in pages.execute(rows):
        segment = SegmentRow(*row)
        while run is not None and segment.serial > run.row.last_serial:
            yield from run.end()
            before, run = run, next(left, None)
            if run is not None and run.row.first_serial <= before.row.last_serial:
                yield f"{run.name} overlaps {before.name}"
        if run is None or segment.serial < run.row.first_serial:
            yield f"segment {segment.serial} lies in no run"
        else:
            yield from run.add(segment)
    while run is not None:
        yield from run.end()
        run = next(left, None)


class _Run:
    """A run's row, and the segments that lie in it."""

    def __init__(self, row: RunRow, longest_ns: int) -> None:
        self.row = row
        self.name = f"run {row.run} (segments {row.first_serial} to {row.last_serial})"
        self._longest_ns = longest_ns
        self._first: SegmentRow | None = None
        self._last: SegmentRow | None = None
        self._end_utc_ns = 0
        self._count = 0

    def add(self, segment: SegmentRow) -> Iterator[str]:
        """The next segment in it."""
        if segment.run != self.row.run:
            yield f"segment {segment.serial} of run {segment.run} lies in {self.name}"
        lasts_ns = segment.end_utc_ns - segment.start_utc_ns
        if not 0 <= lasts_ns <= self._longest_ns:
            yield f"segment {segment.serial} lasts {lasts_ns} ns; 0 to {self._longest_ns} expected"
        if self._last is not None:
            pause_ns = segment.start_utc_ns - self._last.start_utc_ns
            if pause_ns > self._longest_ns:
                yield (
                    f"segment {segment.serial} begins {pause_ns} ns after the one before;"
                    f" up to {self._longest_ns} expected"
                )
        self._first = self._first or segment
        self._last = segment
        self._end_utc_ns = max(self._end_utc_ns, segment.end_utc_ns)
        self._count += 1

    def end(self) -> Iterator[str]:
        """There are no more."""
        row, first, last = self.row, self._first, self._last
        expected = row.last_serial - row.first_serial + 1
        if first is None or last is None or self._count != expected:
            yield f"{self.name} has {self._count} segments; {expected} expected"
            return
        if row.start_utc_ns != first.start_utc_ns:
            yield f"{self.name} begins at {row.start_utc_ns}; its first segment at {first.start_utc_ns}"
        if row.end_utc_ns not in (last.end_utc_ns, self._end_utc_ns):
            yield f"{self.name} ends at {row.end_utc_ns}; its last segment at {last.end_utc_ns}"
