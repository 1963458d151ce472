"""The index made anew from the files (docs/design/store.md, "Reindex"). With the service stopped.

All of it is one transaction: whoever is interrupted has the index that he had, and begins again. What is brought into
order on the storages meanwhile are the steps of recovery, which may be repeated.
"""

import contextlib
import heapq
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import sqlalchemy as sa

from bridge.base.errors import DamagedError
from bridge.store import index_changes
from bridge.store.chain import Signer
from bridge.store.database import Database
from bridge.store.format import Head, lead_of
from bridge.store.fresh_rows import FreshRows
from bridge.store.index import read_known
from bridge.store.layout import (
    STORAGE_JSON,
    Fault,
    RecordingFacts,
    RecordingFolder,
    SegmentFile,
    StorageError,
    StorageFolder,
)
from bridge.store.recovery import Recovered, recover_recording
from bridge.store.rows import Known, RecordingRow, SegmentRow
from bridge.store.sample_index import SampleIndex, Span
from bridge.store.schema import holdings, recordings, storages
from bridge.store.serials import stretches
from bridge.store.walk import add_to_index, read_head, read_summary, walk

#: Segments between two lines that tell how far it is.
_TELL_SEGMENTS = 10_000

_FOREVER_S = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Place:
    """A storage. made: its folder is made when it is needed, so that there may be none yet."""

    name: str
    path: Path
    made: bool = False


def missing(places: Sequence[Place]) -> list[Place]:
    """Those that hold no storage now: their disk is not mounted, or they were never used."""
    return [place for place in places if not (place.path / STORAGE_JSON).exists() and not (place.made and _new(place))]


def _new(place: Place) -> bool:
    return not place.path.is_dir() or not any(place.path.iterdir())


@dataclass(slots=True)
class Reindexed:
    """What is in the index afterwards. faults: how many were named."""

    recordings: int = 0
    segments: int = 0
    size_bytes: int = 0
    faults: int = 0


@dataclass(slots=True)
class _Recording:
    """A recording of ours. folders: by the storage's number"""

    facts: RecordingFacts
    folders: dict[int, RecordingFolder]


class Reindex:
    """One rebuild."""

    def __init__(
        self,
        database: Database,
        recorder: uuid.UUID,
        signer: Signer,
        now_utc_ns: int,
        *,
        tell: Callable[[str], object],
        name: Callable[[Fault], object],
    ) -> None:
        """
        database: the index
        tell:     is given a line for people, now and then
        name:     is given what is wrong with a file; both are called on the database's thread
        """
        self._database = database
        self._recorder = recorder
        self._signer = signer
        self._now_utc_ns = now_utc_ns
        self._tell = tell
        self._name_fault = name
        self._done = Reindexed()

    def run(self, places: Sequence[Place]) -> Reindexed:
        """places: all storages; those that are missing stay known with what they had of serials, without segments.

        Raises StorageError when another recorder writes to one, DatabaseUnusableError.
        """
        with contextlib.ExitStack() as held:
            for place in places:
                if (place.path / STORAGE_JSON).exists():
                    held.enter_context(StorageFolder(place.path).locked())
            self._database.write(lambda connection: self._rebuild(connection, places), timeout_s=_FOREVER_S)
        return self._done

    def _rebuild(self, connection: sa.Connection, places: Sequence[Place]) -> None:
        self._done = Reindexed()
        before = read_known(connection)
        index_changes.clear(connection)
        folders = self._storages(connection, before, places)
        found = self._find_recordings(folders, before)
        ids: dict[uuid.UUID, int] = {}
        for recording in sorted(found.values(), key=lambda one: one.facts.created_utc_ns):
            facts = recording.facts
            row = RecordingRow(0, facts.uuid, facts.camera, facts.stream, facts.created_utc_ns, facts.ended_utc_ns)
            ids[facts.uuid] = _insert_recording(connection, row)
            self._done.recordings += 1
        for recording in found.values():
            self._take_in(connection, ids[recording.facts.uuid], recording.folders)
        self._remember(connection, before, ids, folders)

    # -- storages and recordings

    def _storages(self, connection: sa.Connection, before: Known, places: Sequence[Place]) -> dict[int, StorageFolder]:
        """Rows for those that are there, and for those that were known. Returns those that are there, by number."""
        there: dict[uuid.UUID, Place] = {}
        for place in places:
            if not (place.path / STORAGE_JSON).exists():
                continue
            try:
                storage = StorageFolder(place.path).facts().uuid
            except StorageError as error:
                self._name(Fault(place.path, -1, str(error).removeprefix(f"{place.path}: ")))
                continue
            if storage in there:
                self._name(Fault(place.path, -1, f"is a copy of {there[storage].path}: left alone"))
            else:
                there[storage] = place
        folders = {}
        # Those that were known come first: of a recording that was copied, the copy is on the other one.
        known = {row.uuid: row for row in before.storages}
        for storage in dict.fromkeys([*known, *there]):
            place = there.get(storage) or Place(known[storage].name, Path(known[storage].path))
            row = {"uuid": storage, "name": place.name, "path": str(place.path)}
            number = connection.execute(sa.insert(storages).returning(storages.c.id), row).scalar_one()
            if storage in there:
                folders[number] = StorageFolder(place.path)
        return folders

    def _find_recordings(self, folders: Mapping[int, StorageFolder], before: Known) -> dict[uuid.UUID, _Recording]:
        known = {row.uuid: row for row in before.recordings}
        found: dict[uuid.UUID, _Recording] = {}
        for number, storage in folders.items():
            for path in storage.foreign():
                self._name(Fault(path, -1, "not ours, left as it is"))
            for folder in storage.recordings():
                facts = self._facts(folder, known.get(folder.uuid))
                if facts is None:
                    continue
                one = found.setdefault(folder.uuid, _Recording(facts, {}))
                one.folders[number] = folder
                if facts.ended_utc_ns is not None and one.facts.ended_utc_ns is None:
                    one.facts = facts
        return found

    def _facts(self, folder: RecordingFolder, known: RecordingRow | None) -> RecordingFacts | None:
        """What recording.json says, or else what the index knew; None: left alone."""
        try:
            facts = folder.facts()
        except (OSError, DamagedError) as error:
            if known is None:
                self._name(Fault(folder.path, -1, f"{error}: left alone"))
                return None
            self._name(Fault(folder.path, -1, f"{error}: taken in as the index knew it"))
            told = (known.camera, known.stream, known.created_utc_ns, known.ended_utc_ns)
            return RecordingFacts(folder.uuid, self._recorder, *told, self._signer.public_key)
        if facts.recorder != self._recorder:
            text = f"is of recorder {facts.recorder}; ours is {self._recorder}: left alone"
            self._name(Fault(folder.path, -1, text))
            return None
        return facts

    def _remember(
        self,
        connection: sa.Connection,
        before: Known,
        ids: dict[uuid.UUID, int],
        folders: Mapping[int, StorageFolder],
    ) -> None:
        """No serial that was ever used is used again; recordings of a storage that is missing go on."""
        numbers = {row.uuid: row.id for row in read_known(connection).storages}
        storage_of = {row.id: numbers[row.uuid] for row in before.storages}
        known = {row.id: row for row in before.recordings}
        for held in before.holdings:
            recording, on = known[held.recording_id], storage_of[held.storage_id]
            if recording.uuid not in ids:
                ids[recording.uuid] = _insert_recording(connection, recording)
            of = ids[recording.uuid]
            index_changes.note_serial(connection, of, on, held.last_serial)
            if on not in folders:
                index_changes.set_chain_head(connection, of, on, held.chain)
                continue
            entries = sa.select(holdings.c.chain_entries)
            mine = sa.and_(holdings.c.recording_id == of, holdings.c.storage_id == on)
            now = connection.execute(entries.where(mine)).scalar_one()
            if now < held.chain.entries:
                text = f"the chain ends with entry {now}; the index knew {held.chain.entries}"
                self._name(Fault(folders[on].recording(recording.uuid).path, -1, text))

    # -- segments

    def _take_in(self, connection: sa.Connection, of: int, folders: Mapping[int, RecordingFolder]) -> None:
        """All segments of a recording, from all storages in the order of their serials."""
        recovered = {on: self._recover(folder) for on, folder in folders.items()}
        rows = FreshRows(connection, of)
        counts = dict.fromkeys(folders, 0)
        used: dict[int, list[int]] = {on: [] for on in folders}
        before = (0, 0)
        for serial, _, on, file in heapq.merge(*(_numbered(place, *one) for place, one in enumerate(folders.items()))):
            read = self._read(folders[on], file)
            if read is None:
                continue
            if serial == before[0] and on == before[1]:
                self._name(Fault(file.path, -1, f"a second file of serial {serial}: left alone"))
                continue
            if serial == before[0]:
                used[on].append(serial)
                continue
            before = serial, on
            row, interval_ns = replace(read[0], recording_id=of, storage_id=on), read[1]
            rows.add(row, interval_ns)
            counts[on] += 1
            self._done.segments += 1
            self._done.size_bytes += row.size_bytes
            if counts[on] % _TELL_SEGMENTS == 0:
                self._tell(f"{folders[on].path}: {counts[on]} segments …")
        rows.end()
        for on, folder in folders.items():
            for first, last in stretches(used[on]):
                text = f"segments {first} to {last} are there already, from elsewhere: left alone"
                self._name(Fault(folder.path, -1, text))
            index_changes.set_chain_head(connection, of, on, recovered[on].chain)
            index_changes.note_serial(connection, of, on, recovered[on].next_serial - 1)
            self._tell(f"{folder.path}: {counts[on]} segments")

    def _recover(self, folder: RecordingFolder) -> Recovered:
        recovered = recover_recording(folder, None, self._recorder, self._signer, self._now_utc_ns)
        for note in recovered.notes:
            path, _, text = note.partition(": ")
            self._name(Fault(Path(path), -1, text))
        return recovered

    def _read(self, folder: RecordingFolder, file: SegmentFile) -> tuple[SegmentRow, int] | None:
        """(its row, whose recording and storage others fill in; usual time between two frames); None: left alone."""
        try:
            descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            self._name(Fault(file.path, -1, f"{error.strerror}: left alone"))
            return None
        try:
            size = os.fstat(descriptor).st_size
            head = read_head(descriptor)
            header = head.header
            for name, value, expected in (
                ("recording", header.recording, folder.uuid),
                ("recorder", header.recorder, self._recorder),
                ("serial", header.serial, file.serial),
            ):
                if value != expected:
                    self._name(Fault(file.path, -1, f"{name} is {value}; {expected} expected: left alone"))
                    return None
            span = self._span(file, descriptor, head, size)
        except (OSError, DamagedError) as error:
            self._name(Fault(file.path, -1, f"{error}: left alone"))
            return None
        finally:
            os.close(descriptor)
        if span is None:
            self._name(Fault(file.path, -1, "holds nothing that can be read: left alone"))
            return None
        row = SegmentRow(
            *(0, header.serial, header.run, 0, span.start_utc_ns, span.end_utc_ns, size, header.starts_with_key)
        )
        return row, span.interval_ns

    def _span(self, file: SegmentFile, descriptor: int, head: Head, size: int) -> Span | None:
        """Of a finished segment as its footer says it, of a damaged one what can be read; None: nothing."""
        try:
            summary = read_summary(descriptor, head, size)
        except DamagedError as error:
            self._name(Fault(file.path, error.offset, f"{error}: taken in as far as it can be read"))
        else:
            if summary is not None:
                return summary.span
            self._name(Fault(file.path, -1, "has no footer: taken in as far as it can be read"))
        index = SampleIndex(len(head.tracks))
        with contextlib.suppress(DamagedError):
            for fragment in walk(descriptor, head, size):
                add_to_index(index, head, fragment)
        return index.span(lead_of(head.tracks)) if len(index) else None

    def _name(self, fault: Fault) -> None:
        self._done.faults += 1
        self._name_fault(fault)


def _numbered(place: int, on: int, folder: RecordingFolder) -> Iterator[tuple[int, int, int, SegmentFile]]:
    """Its files, to be merged with others': the storage that comes first has the first file of a serial."""
    return ((file.serial, place, on, file) for file in folder.segments())


def _insert_recording(connection: sa.Connection, row: RecordingRow) -> int:
    """The new row's number; that of `row` is another index's."""
    values = asdict(row) | {"longest_ns": 0}
    del values["id"]
    number: int = connection.execute(sa.insert(recordings).returning(recordings.c.id), values).scalar_one()
    return number
