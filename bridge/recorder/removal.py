"""Retention carried out on one storage: the steps of docs/design/store.md, "Delete". What goes, retention.py says.

Blocking; one thread at a time.
"""

import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from structlog.typing import FilteringBoundLogger

from bridge.base.errors import DamagedError
from bridge.base.time import Clock, format_utc
from bridge.recorder.clock_watch import ClockWatch
from bridge.recorder.keeper import Chains, Keeper, amend
from bridge.recorder.retention import (
    BATCH_SEGMENTS,
    Kept,
    Removed,
    RetentionRule,
    StorageLimits,
    expired,
    needed,
    surplus,
)
from bridge.recorder.storage_state import StorageProblemError, StorageState
from bridge.store.chain import What
from bridge.store.layout import StorageFolder, sync_folder
from bridge.store.oldest import Range
from bridge.store.rows import RecordingRow, SegmentRow
from bridge.store.serials import stretches

#: So much stays free in any case: chain entries and footers must find room when fragments do not.
LEAST_FREE_BYTES = 16 << 20

#: Between two rounds of deletions free space wavers about its limit; recording stops only where it is well below.
_STOP_PER_CENT = 90


class Removal:
    """See the module."""

    def __init__(
        self, folder: StorageFolder, keeper: Keeper, chains: Chains, clock: Clock, log: FilteringBoundLogger
    ) -> None:
        self.storage_id = 0
        """The index's number of the storage; known when it is open."""
        self.room: tuple[int, int, int | None] = (0, 0, None)
        """Bytes held, bytes free, oldest footage (UTC ns; None: none): as the last look found them."""
        self.kept: Mapping[tuple[str, str], Kept] = {}
        """By camera and stream, of recordings that go on: as the last look found it."""
        self._removed: dict[UUID, tuple[int, int]] = {}
        self._folder = folder
        self._keeper = keeper
        self._chains = chains
        self._clock = clock
        self._log = log
        self._watch = ClockWatch(clock)
        self._limits = StorageLimits()
        self._rules: Mapping[int, RetentionRule] = {}
        # As recording.json says.
        self._ages: dict[UUID, int | None] = {}

    def rule(self, limits: StorageLimits, rules: Mapping[int, RetentionRule]) -> None:
        """From now on. rules: by the index's number of the recording. Safe on any thread."""
        self._limits = limits
        self._rules = rules

    def retain(self, *, urgent: bool) -> Removed:
        """One small batch: what is too old or too much of a recording, then what the storage has no room for.

        urgent: a write found the disk full, so some of the oldest goes whatever the limits say. Where nothing may go
                that raises StorageProblemError, and leaves the spare room to footers of what is still to be finished
        """
        if urgent:
            self._folder.free_spare()
        removed = self._retain(urgent=urgent)
        self._folder.keep_spare()
        return removed

    def _retain(self, *, urgent: bool) -> Removed:
        index = self._keeper.index
        self._watch.look()
        recordings = {row.id: row for row in index.recordings()}
        held = index.recordings_on(self.storage_id)
        locked = {number: self._keeper.locked(recordings[number].uuid) for number in held}
        for number in held:
            taken = self._expired(number, self._rule_of(recordings[number]), locked[number])
            if taken:
                return self._delete(taken, recordings, "rule of the recording")
        going_on = [row for row in recordings.values() if row.ended_utc_ns is None and row.id in held]
        self.kept = {(row.camera, row.stream): self._kept(row) for row in going_on}
        return self._make_room(recordings, locked, urgent=urgent)

    def _kept(self, row: RecordingRow) -> Kept:
        totals = self._keeper.index.totals(row.id, self.storage_id)
        removed = self._removed.get(row.uuid, (0, 0))
        return Kept(totals.segments, totals.size_bytes, totals.oldest_utc_ns, *removed)

    def age_of(self, number: int) -> int | None:
        """The age that the rule of a recording says."""
        rule = self._rules.get(number)
        return rule.age_ns if rule else None

    def _rule_of(self, row: RecordingRow) -> RetentionRule:
        """As it is configured; of a recording that has ended, the age that was configured last."""
        rule = self._rules.get(row.id)
        folder = self._folder.recording(row.uuid)
        if rule is not None:
            if self._ages.get(row.uuid, 0) != rule.age_ns:
                amend(folder, self._log, retention_ns=rule.age_ns)
                self._ages[row.uuid] = rule.age_ns
            return rule
        if row.ended_utc_ns is None:
            return RetentionRule()  # its stream is being looked up
        if row.uuid not in self._ages:
            try:
                self._ages[row.uuid] = folder.facts().retention_ns
            except (FileNotFoundError, DamagedError):
                self._ages[row.uuid] = None
        return RetentionRule(self._ages[row.uuid])

    def _expired(self, number: int, rule: RetentionRule, locked: Sequence[Range]) -> Sequence[SegmentRow]:
        """What a recording's rule takes here. Other storages delete what they hold, and a missing one delays nothing.

        The oldest footage goes first, wherever it lies: while another storage has it, a recording keeps to its size
        with what it has here alone.
        """
        if self._watch.rests:
            rule = replace(rule, age_ns=None)
        if rule.age_ns is None and rule.size_bytes is None:
            return ()
        index = self._keeper.index
        rows = index.oldest_of_recording(number, self.storage_id, BATCH_SEGMENTS, locked)
        size_bytes = 0
        if rows and rule.size_bytes is not None:
            totals = index.totals(number)
            if totals.oldest_utc_ns != rows[0].start_utc_ns:
                totals = index.totals(number, self.storage_id)
            size_bytes = totals.size_bytes
        return expired(rows, rule, size_bytes, self._clock.utc_ns())

    def _make_room(
        self, recordings: dict[int, RecordingRow], locked: dict[int, Sequence[Range]], *, urgent: bool
    ) -> Removed:
        index, limits = self._keeper.index, self._limits
        limits = replace(limits, min_free_bytes=max(limits.min_free_bytes, LEAST_FREE_BYTES))
        totals, free_bytes = index.totals_of_storage(self.storage_id), shutil.disk_usage(self._folder.path).free
        self.room = (totals.size_bytes, free_bytes, totals.oldest_utc_ns)
        missing_bytes = needed(limits, totals.size_bytes, free_bytes)
        if missing_bytes <= 0 and not urgent:
            return Removed()
        rows = index.oldest_of_storage(self.storage_id, BATCH_SEGMENTS, locked)
        if rows:
            # Where a write was refused although there seems to be room (a quota), any help is welcome.
            taken = surplus(rows, missing_bytes) if missing_bytes > 0 else rows
            removed = self._delete(taken, recordings, "no room on the storage")
            if urgent:
                # ext4 gives the blocks of a deleted file to others once its journal is on disk.
                sync_folder(self._folder.path)
            return removed
        held = f"has {free_bytes} bytes free and holds {totals.size_bytes}"
        sentence = f"{self._folder.path} {held}: nothing may be deleted"
        if urgent or free_bytes < limits.min_free_bytes * _STOP_PER_CENT // 100:
            raise StorageProblemError(StorageState.FULL, sentence)
        return Removed(stuck=sentence)

    def _delete(self, rows: Sequence[SegmentRow], recordings: dict[int, RecordingRow], why: str) -> Removed:
        """docs/design/store.md, "Delete": chain, rows, files."""
        by_recording: dict[int, list[int]] = defaultdict(list)
        for row in rows:
            by_recording[row.recording_id].append(row.serial)
        for number, serials in by_recording.items():
            recording = recordings[number].uuid
            chain = self._chains.of(recording)
            gone = stretches(serials)
            head = chain.head
            for first, last in gone:
                head = chain.append(What.DELETED, first, self._clock.utc_ns(), until_serial=last, why=why)
            self._keeper.index.delete_segments(number, serials, {self.storage_id: head})
            for first, last in gone:
                self._folder.recording(recording).unlink_segments(first, last)
            segments, taken_bytes = self._removed.get(recording, (0, 0))
            taken_bytes += sum(row.size_bytes for row in rows if row.recording_id == number)
            self._removed[recording] = segments + len(serials), taken_bytes
        size_bytes = sum(row.size_bytes for row in rows)
        self._log.info(
            "footage deleted",
            why=why,
            segments=len(rows),
            size_bytes=size_bytes,
            oldest=format_utc(min(row.start_utc_ns for row in rows)),
        )
        return Removed(len(rows), size_bytes)
