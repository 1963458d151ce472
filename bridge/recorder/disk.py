"""A storage's folder as its two threads use it: opened and recovered, segments made and finished.

The steps are those of docs/design/store.md, "Create" and "Recover"; removal.py has "Delete". Every call blocks.
`create` and `append` are the writer's thread's; all else is done on one thread at a time (bridge/recorder/storage.py
says which).
"""

import os
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import structlog

from bridge.base.errors import DamagedError
from bridge.base.media import Track
from bridge.base.time import Clock
from bridge.media.camera_clock import CameraClock
from bridge.recorder.cutter import Fragment
from bridge.recorder.keeper import Chains, Keeper, amend
from bridge.recorder.lane import LiveSegment, RecordedStream
from bridge.recorder.removal import Removal
from bridge.recorder.retention import Kept, Removed, RetentionRule
from bridge.recorder.settings import StorageSettings
from bridge.recorder.storage_state import StorageProblemError, StorageState
from bridge.store.chain import What
from bridge.store.format import ClockFacts, SegmentHeader
from bridge.store.index import MediaIndex
from bridge.store.layout import STORAGE_JSON, RecordingFacts, RecordingFolder, StorageError, StorageFacts, StorageFolder
from bridge.store.recovery import Recovered, recover_recording
from bridge.store.rows import ChainHead, RecordingRow, SegmentRow
from bridge.store.segment_writer import FinishedSegment, FragmentUnits, SegmentWriter, segment_origins
from bridge.wire.mp4.decode_times import DecodeTimes, begin_run


class StorageDisk:
    """See the module."""

    def __init__(self, settings: StorageSettings, keeper: Keeper, clock: Clock) -> None:
        self.path = settings.path
        self._settings = settings
        self._keeper = keeper
        self._clock = clock
        self._log = structlog.get_logger().bind(storage=settings.name)
        self._folder = StorageFolder(settings.path)
        self._held = ExitStack()
        self._id = 0
        self._place: tuple[int, int] | None = None
        self._chains = Chains(self._folder, keeper.signer)
        self._removal = Removal(self._folder, keeper, self._chains, clock, self._log)
        self._removal.rule(settings.limits, {})
        self._next: dict[uuid.UUID, int] = {}
        self._times: dict[uuid.UUID, tuple[int, list[tuple[str, int]], Sequence[DecodeTimes]]] = {}

    def rule(self, settings: StorageSettings, rules: Mapping[int, RetentionRule]) -> None:
        """From now on. rules: by the index's number of the recording."""
        self._settings = settings
        self._removal.rule(settings.limits, rules)

    def retain(self, *, urgent: bool) -> Removed:
        """One small batch goes, as the rules say."""
        return self._removal.retain(urgent=urgent)

    @property
    def room(self) -> tuple[int, int, int | None]:
        """Bytes held, bytes free, oldest footage (UTC ns; None: none): as the last look found them."""
        return self._removal.room

    @property
    def kept(self) -> Mapping[tuple[str, str], Kept]:
        """By camera and stream, as the last look found it."""
        return self._removal.kept

    # -- opened, and given back

    def open(self) -> None:
        """Looks whether it is there and ours, takes its lock, recovers every recording.

        Raises StorageProblemError, OSError, DatabaseUnusableError.
        """
        self.close()
        self._chains.forget()
        self._next.clear()
        facts = self._facts()
        try:
            self._held.enter_context(self._folder.locked())
        except StorageError as error:
            raise StorageProblemError(StorageState.FAILING, str(error)) from None
        self._place = self._identity()
        self._id = self._keeper.index.storage(facts.uuid, self._settings.name, str(self.path)).id
        self._removal.storage_id = self._id
        self._folder.free_spare()  # recovery writes footers, also on a full disk; `retain` sets it aside again
        self._adopt()
        self._recover()

    def close(self) -> None:
        """Others may write to it."""
        self._held.close()
        self._place = None

    def check(self) -> None:
        """What was opened is still there: storage.json is the same file of the same file system."""
        if self._place != self._identity():
            raise self._missing()

    def _identity(self) -> tuple[int, int]:
        try:
            found = (self.path / STORAGE_JSON).stat()
        except FileNotFoundError:
            raise self._missing() from None
        return found.st_dev, found.st_ino

    def _missing(self) -> StorageProblemError:
        return StorageProblemError(
            StorageState.MISSING, f"{self.path} has no {STORAGE_JSON}: its disk is not mounted, or not ours"
        )

    def _facts(self) -> StorageFacts:
        """storage.json; made on first use, which is when the index knows no storage of this name there."""
        known = [
            row
            for row in self._keeper.index.storages()
            if (row.name, row.path) == (self._settings.name, str(self.path))
        ]
        if not self.path.is_dir() and not known:
            if not self._settings.make:
                raise StorageProblemError(StorageState.MISSING, f"{self.path} is not there; make the folder")
            self.path.mkdir(parents=True, exist_ok=True)
        if not (self.path / STORAGE_JSON).exists():
            if known:
                raise StorageProblemError(
                    StorageState.MISSING,
                    f"{self.path} has no {STORAGE_JSON}: its disk is not mounted"
                    " (a new disk needs a storage of another name)",
                )
            try:
                self._folder.create(StorageFacts(uuid.uuid4(), self._settings.name))
            except StorageError as error:
                raise StorageProblemError(StorageState.FAILING, str(error)) from None
        try:
            return self._folder.facts()
        except StorageError as error:
            raise StorageProblemError(StorageState.FAILING, str(error)) from None

    # -- recovery

    def _adopt(self) -> None:
        """Recordings of ours that the index does not know, as it was lost: they are to go on."""
        index = self._keeper.index
        known = {row.uuid for row in index.recordings()}
        for folder in self._folder.recordings():
            if folder.uuid in known:
                continue
            try:
                facts = folder.facts()
            except (OSError, DamagedError) as error:
                self._log.warning("recording is left alone", path=str(folder.path), reason=str(error))
                continue
            if facts.recorder != self._keeper.recorder:
                self._log.warning("recording of another recorder is left alone", path=str(folder.path))
                continue
            ended_utc_ns = facts.ended_utc_ns
            current = index.current_recordings(facts.camera, facts.stream)
            if ended_utc_ns is None and current and current[0].created_utc_ns >= facts.created_utc_ns:
                ended_utc_ns = self._clock.utc_ns()
            index.ensure_recording(facts.uuid, facts.camera, facts.stream, facts.created_utc_ns, ended_utc_ns)

    def _recover(self) -> None:
        index = self._keeper.index
        rows = {row.uuid: row for row in index.recordings()}
        counts: dict[str, int] = defaultdict(int)
        unknown = 0
        for folder in self._folder.recordings():
            row = rows.get(folder.uuid)
            if row is None:
                continue
            known = index.knows(row.id, self._id)
            found = recover_recording(
                folder,
                index.highest_serial(row.id, self._id) if known else None,
                self._keeper.recorder,
                self._keeper.signer,
                self._clock.utc_ns(),
            )
            self._take(row, folder, found)
            if not known:
                index.note_serial(row.id, self._id, found.next_serial - 1)
                unknown += 1
            counts["segments"] += len(found.segments)
            counts["cut_bytes"] += found.cut_bytes
            counts["removed_files"] += len(found.removed) + len(found.unlinked)
            for note in found.notes:
                self._log.warning("recovery", note=note)
        self._log.info("storage opened", path=str(self.path), recordings=len(rows), **counts)
        if unknown:
            self._log.warning(
                "the index was lost: recordings go on, what they have comes back by `onb recordings reindex`",
                path=str(self.path),
                recordings=unknown,
            )

    def _take(self, row: RecordingRow, folder: RecordingFolder, found: Recovered) -> None:
        index = self._keeper.index
        for segment in found.segments:
            index.add_segment(_row(row.id, self._id, segment), segment.interval_ns, found.chain)
        for first, last in found.deletions:
            index.delete_segments(row.id, range(first, last + 1), {self._id: found.chain})
        self._next[row.uuid] = found.next_serial
        if row.ended_utc_ns is not None:
            amend(folder, self._log, ended_utc_ns=row.ended_utc_ns)

    def prepare(self, stream: RecordedStream) -> int:
        """The recording's folder, with its recording.json; the next serial."""
        if not self._keeper.index.knows(stream.id, self._id):
            self._keeper.index.note_serial(stream.id, self._id, 0)
        folder = self._folder.recording(stream.recording)
        try:
            folder.facts()
        except (FileNotFoundError, DamagedError):
            folder.create(
                RecordingFacts(
                    stream.recording,
                    self._keeper.recorder,
                    stream.camera,
                    stream.stream,
                    stream.created_utc_ns,
                    None,
                    self._keeper.signer.public_key,
                    self._removal.age_of(stream.id),
                )
            )
        # On whatever storage: a serial is used once.
        highest = self._keeper.index.highest_serial(stream.id)
        return max(highest + 1, self._next.get(stream.recording, 1))

    def end(self, stream: RecordedStream, utc_ns: int) -> None:
        """Nothing will be added."""
        amend(self._folder.recording(stream.recording), self._log, ended_utc_ns=utc_ns)

    # -- segments

    def create(self, stream: RecordedStream, serial: int, run: int, fragment: Fragment) -> "DiskSegment":
        """A new file, unless the disk is another one by now."""
        self.check()
        kinds = [(track.codec.value, track.clock_rate) for track in fragment.tracks]
        before = self._times.get(stream.recording)
        times: Sequence[DecodeTimes]
        if before is not None and before[:2] == (run, kinds) and run != serial:
            times = before[2]
        else:
            times = begin_run(fragment.tracks)
        self._times[stream.recording] = (run, kinds, times)
        header = SegmentHeader(
            stream.recording,
            self._keeper.recorder,
            serial,
            run,
            segment_origins(fragment.tracks, times, _units(fragment)),
            fragment.starts_with_key,
        )
        folder = self._folder.recording(stream.recording)
        writer = SegmentWriter.create(folder, header, fragment.tracks, fragment.start_utc_ns, times)
        return DiskSegment(self, stream, writer, fragment.tracks, fragment.start_utc_ns)

    def written(self, stream: RecordedStream, segment: FinishedSegment) -> "Written":
        """Its chain entry; the row is to follow."""
        head = self._chains.of(stream.recording).append(
            What.WRITTEN, segment.serial, self._clock.utc_ns(), digest=segment.digest
        )
        return Written(self._keeper.index, _row(stream.id, self._id, segment), segment.interval_ns, head)


class DiskSegment:
    """A segment that is being written."""

    def __init__(
        self,
        disk: StorageDisk,
        stream: RecordedStream,
        writer: SegmentWriter,
        tracks: tuple[Track, ...],
        start_utc_ns: int,
    ) -> None:
        self.live = LiveSegment(writer.path, start_utc_ns, writer.header, tracks, writer.index)
        self._disk = disk
        self._stream = stream
        self._writer: SegmentWriter | None = writer
        self._finished: FinishedSegment | None = None

    def append(self, fragment: Fragment) -> int:
        """One write."""
        return self._open().append(_units(fragment))

    def sync(self) -> None:
        """What was appended is on disk."""
        self._open().sync()

    def finish(self, clock: CameraClock) -> "Written":
        """Footer, sync, chain entry: what failed of it, when called again. Without a fragment nothing is left."""
        writer = self._open()
        if self._finished is None:
            facts = ClockFacts(clock.offset_ns if clock.reports else None, clock.quality.value)
            self._finished = writer.finish(facts)
            if self._finished is None:
                self._writer = None
                writer.remove()
                return Written()
        writer.sync()
        written = self._disk.written(self._stream, self._finished)
        self._writer = None
        writer.close()
        return written

    def abandon(self) -> None:
        """Lets it go as it is."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _open(self) -> SegmentWriter:
        if self._writer is None:
            raise OSError(os.EX_SOFTWARE, "the segment is closed")
        return self._writer


@dataclass(frozen=True, slots=True)
class Written:
    """A finished segment on its way into the index. index None: nothing was written."""

    index: MediaIndex | None = None
    row: SegmentRow | None = None
    interval_ns: int = 0
    head: ChainHead | None = None

    def add(self) -> None:
        """Commits its row. Raises DatabaseUnusableError: to be tried again."""
        if self.index is not None and self.row is not None:
            self.index.add_segment(self.row, self.interval_ns, self.head)


def _units(fragment: Fragment) -> FragmentUnits:
    return FragmentUnits(fragment.units, fragment.next_media_time)


def _row(recording_id: int, storage_id: int, segment: FinishedSegment) -> SegmentRow:
    return SegmentRow(
        recording_id,
        segment.serial,
        segment.run,
        storage_id,
        segment.start_utc_ns,
        segment.end_utc_ns,
        segment.size_bytes,
        segment.starts_with_key,
    )
