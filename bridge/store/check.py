"""Whether everything that was recorded is there, and as it was written (docs/design/store.md, "Check").

Read-only: nothing is written anywhere, not even a lock. May run beside the service. Memory does not grow with the
number of segments, but for those that are wrong.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import UUID

from bridge.base.errors import DamagedError
from bridge.store.check_folder import Checked, Checking, FolderCheck, Keys
from bridge.store.check_rows import row_faults
from bridge.store.index import read_known
from bridge.store.layout import STORAGE_JSON, Fault, RecordingFolder, StorageError, StorageFolder
from bridge.store.read_only import ReadOnlyDatabase
from bridge.store.rows import ChainHead, HoldingRow, Known, RecordingRow, StorageRow

__all__ = ["Check", "Checked", "Keys"]


class Check:
    """One check. `faults` is gone through once; `checked` says afterwards how much was looked at."""

    def __init__(
        self,
        database: ReadOnlyDatabase | None,
        paths: Sequence[Path],
        keys: Keys | None,
        *,
        digests: bool,
        in_use: Callable[[], bool],
        pause: Callable[[], object],
    ) -> None:
        """
        database: the index; None: there is none
        paths:    of the storages that are configured; those that the index knows are looked at as well
        keys:     of our recorder, from where whoever may have changed a storage cannot write; None: not known
        digests:  every byte is read, every seal and digest made anew
        in_use:   whether a service runs on the data folder, now
        pause:    waits some seconds before the second look
        """
        self.checked = Checked()
        self._database = database
        self._paths = paths
        self._keys = keys
        self._digests = digests
        self._in_use = in_use
        self._pause = pause

    def faults(self) -> Iterator[Fault]:
        """Everything that is wrong, one after the other. Raises DatabaseUnusableError."""
        database = self._database
        if database is None:
            yield from self._without_index()
            return
        index = database.read(read_known)
        for recording in index.recordings:
            self.checked.recordings += 1
            yield from self._rows(database, recording)
        found: dict[UUID, Path] = {}
        yield from self._find_storages(index, found)
        for row in index.storages:
            if row.uuid not in found:
                yield from self._missing_storage(row, index)
        paths = {row.id: found.get(row.uuid, Path(row.path)) for row in index.storages}
        checking = Checking(database, paths, self._digests, self._in_use, self._pause)
        rows = {row.uuid: row for row in index.storages}
        for storage, path in found.items():
            yield from self._storage(checking, index, StorageFolder(path), rows.get(storage))

    def _find_storages(self, index: Known, found: dict[UUID, Path]) -> Iterator[Fault]:
        """Fills `found`."""
        for path in dict.fromkeys([*self._paths, *(Path(row.path) for row in index.storages)]):
            if not (path / STORAGE_JSON).exists():
                continue  # whether something should be there is for the index to say
            try:
                storage = StorageFolder(path).facts().uuid
            except StorageError as error:
                yield Fault(path, -1, str(error).removeprefix(f"{path}: "))
                continue
            if storage in found:
                yield Fault(path, -1, f"has the UUID of {found[storage]}: a copy of it")
            else:
                found[storage] = path

    def _without_index(self) -> Iterator[Fault]:
        for path in self._paths:
            if (path / STORAGE_JSON).exists():
                for folder in StorageFolder(path).recordings():
                    yield Fault(folder.path, -1, "there is no index: `onb recordings reindex` makes one")

    def _rows(self, database: ReadOnlyDatabase, recording: RecordingRow) -> Iterator[Fault]:
        name = f"recording {recording.uuid} ({recording.camera}, {recording.stream})"
        for text in database.read(lambda connection: row_faults(connection, recording)):
            yield Fault(Path(database.place), -1, f"{name}: {text}")

    def _missing_storage(self, row: StorageRow, index: Known) -> Iterator[Fault]:
        count = sum(held.segments for held in index.holdings if held.storage_id == row.id)
        if count:
            text = f"storage {row.name} is missing, or its disk is not mounted: {count} segments expected"
            yield Fault(Path(row.path), -1, text)

    def _storage(
        self, checking: Checking, index: Known, storage: StorageFolder, row: StorageRow | None
    ) -> Iterator[Fault]:
        yield from checking.twice(lambda: [Fault(path, -1, "not ours") for path in storage.foreign()])
        known = {recording.uuid: recording for recording in index.recordings}
        held = {one.recording_id: one for one in index.holdings if row is not None and one.storage_id == row.id}
        there = storage.recordings()
        for folder in there:
            recording = known.get(folder.uuid)
            if recording is None or row is None:
                yield from checking.twice(lambda: self._unknown(checking, folder, storage))  # noqa: B023 - called now
            else:
                yield from self._known(checking, folder, recording, row, held.get(recording.id))
        uuids = {folder.uuid for folder in there}
        for recording in index.recordings:
            if recording.id in held and held[recording.id].segments and recording.uuid not in uuids:
                count = held[recording.id].segments
                text = f"is missing: {count} segments of {recording.camera}, {recording.stream} expected"
                yield Fault(storage.recording(recording.uuid).path, -1, text)

    def _known(
        self,
        checking: Checking,
        folder: RecordingFolder,
        recording: RecordingRow,
        row: StorageRow,
        held: HoldingRow | None,
    ) -> Iterator[Fault]:
        keys = self._keys or _claimed(folder)
        if keys is None:
            yield Fault(folder.path, -1, "neither config.db nor recording.json says whose key its chain is signed with")
            return
        if self._keys is None:
            yield Fault(folder.path, -1, "config.db does not say whose keys are right, only its own recording.json")
        head = held.chain if held else ChainHead()
        yield from FolderCheck(checking, self.checked, folder, recording, row.id, keys, head).faults()

    def _unknown(self, checking: Checking, folder: RecordingFolder, storage: StorageFolder) -> list[Fault]:
        index = checking.database.read(read_known)
        recordings, storages = {row.uuid for row in index.recordings}, {row.uuid for row in index.storages}
        if folder.uuid in recordings and storage.facts().uuid in storages:
            return []  # it came while we looked
        claimed = _claimed(folder)
        if claimed is not None and self._keys is not None and claimed.recorder != self._keys.recorder:
            return [Fault(folder.path, -1, f"is of recorder {claimed.recorder}; ours is {self._keys.recorder}")]
        text = "the index does not know this recording here; `onb recordings reindex` takes in what is ours"
        return [Fault(folder.path, -1, text)]


def _claimed(folder: RecordingFolder) -> Keys | None:
    try:
        facts = folder.facts()
    except (OSError, DamagedError):
        return None
    return Keys(facts.recorder, facts.public_key)
