"""Rows of one recording for an index that has no segments of it, given in the order of their serials, a page at a time.

What comes of it is what `index_changes.add_segment` makes of them one by one, for a tenth of the questions.
"""

from collections import defaultdict
from dataclasses import asdict, replace

import sqlalchemy as sa

from bridge.store import index_changes
from bridge.store.rows import RunRow, SegmentRow
from bridge.store.schema import holdings, recordings, runs, segments

PAGE_ROWS = 1_000


class FreshRows:
    """`add` each segment, then `end`. Holds a page of rows."""

    def __init__(self, connection: sa.Connection, recording_id: int) -> None:
        """The recording has its row."""
        self._connection = connection
        self._recording_id = recording_id
        self._segments: list[SegmentRow] = []
        self._runs: list[RunRow] = []
        self._last: SegmentRow | None = None
        self._longest_ns = 0
        self._counts: dict[int, int] = defaultdict(int)
        self._bytes: dict[int, int] = defaultdict(int)
        self._highest: dict[int, int] = {}

    def add(self, row: SegmentRow, interval_ns: int) -> None:
        """A segment with a serial above those before. interval_ns: usual time between two frames."""
        before, self._last = self._last, row
        lasts_ns = row.end_utc_ns - row.start_utc_ns
        if before is not None and (row.run, row.serial) == (before.run, before.serial + 1):
            lasts_ns = max(lasts_ns, row.start_utc_ns - before.start_utc_ns)
            run = self._runs[-1]
            self._runs[-1] = replace(
                run,
                last_serial=row.serial,
                end_utc_ns=max(run.end_utc_ns, row.end_utc_ns),
                interval_ns=max(run.interval_ns, interval_ns),
            )
        else:
            times = (row.start_utc_ns, row.end_utc_ns, interval_ns)
            self._runs.append(RunRow(row.recording_id, row.serial, row.serial, row.run, *times))
        self._longest_ns = max(self._longest_ns, lasts_ns)
        self._segments.append(row)
        self._counts[row.storage_id] += 1
        self._bytes[row.storage_id] += row.size_bytes
        self._highest[row.storage_id] = row.serial
        self._write_page()

    def end(self) -> None:
        """There are no more."""
        self._write_page(all_of_it=True)
        self._connection.execute(
            sa.update(recordings).where(recordings.c.id == self._recording_id).values(longest_ns=self._longest_ns)
        )
        for storage_id, count in self._counts.items():
            index_changes.hold(self._connection, self._recording_id, storage_id)
            self._connection.execute(
                sa.update(holdings)
                .where(holdings.c.recording_id == self._recording_id, holdings.c.storage_id == storage_id)
                .values(segments=count, size_bytes=self._bytes[storage_id], last_serial=self._highest[storage_id])
            )

    def _write_page(self, *, all_of_it: bool = False) -> None:
        """The last run may go on."""
        if self._segments and (all_of_it or len(self._segments) >= PAGE_ROWS):
            self._connection.execute(sa.insert(segments), [asdict(row) for row in self._segments])
            self._segments = []
        done = self._runs if all_of_it else self._runs[:-1] if len(self._runs) > PAGE_ROWS else []
        if done:
            self._connection.execute(sa.insert(runs), [asdict(run) for run in done])
            self._runs = self._runs[len(done) :]
