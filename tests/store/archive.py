"""Storages with recordings on them and the index that knows them: what check and reindex are tested on."""

import contextlib
import sqlite3
import uuid

from bridge.store.chain import ChainWriter, What
from bridge.store.index import MediaIndex, open_index
from bridge.store.layout import RecordingFacts, StorageFacts, StorageFolder
from bridge.store.rows import SegmentRow
from tests.store.segments import RECORDER, RECORDING, SIGNER, START_NS, finish, small_fragment, unfinished


class Archive:
    """Written as the recorder writes: file, chain, row. A segment has two fragments of half a second."""

    def __init__(self, path, default="default", *, address=""):
        """default: where the storage of that name lies; address: of a PostgreSQL database for the index."""
        self.path = path
        self.data = path / "data"
        self.address = address
        self.database = None
        self.storages = {}
        self.add_storage("default", default)

    @property
    def index(self):
        """Open until `close`."""
        if self.database is None:
            self.database = open_index(self.data, self.address)
        return MediaIndex(self.database)

    def close(self):
        if self.database is not None:
            self.database.close()
            self.database = None

    def add_storage(self, name, place=""):
        folder = StorageFolder(self.path / (place or name))
        folder.create(StorageFacts(uuid.uuid5(uuid.NAMESPACE_OID, name), name))
        self.storages[name] = folder
        return folder

    @property
    def paths(self):
        return [storage.path for storage in self.storages.values()]

    def row(self, recording=RECORDING, camera="cam-1"):
        return self.index.ensure_recording(recording, camera, "main", START_NS)

    def storage_id(self, storage="default"):
        facts = self.storages[storage].facts()
        return self.index.storage(facts.uuid, storage, str(self.storages[storage].path)).id

    def folder(self, recording=RECORDING, storage="default", *, camera="cam-1", recorder=RECORDER):
        folder = self.storages[storage].recording(recording)
        if not folder.path.exists():
            facts = RecordingFacts(recording, recorder, camera, "main", START_NS, None, SIGNER.public_key)
            folder.create(facts)
        return folder

    def chain(self, recording=RECORDING, storage="default"):
        return ChainWriter(self.folder(recording, storage), SIGNER)

    def write(self, *serials, run=None, recording=RECORDING, storage="default", camera="cam-1"):
        """Finished segments of one run; the paths of their files."""
        of, on, index = self.row(recording, camera).id, self.storage_id(storage), self.index
        folder = self.folder(recording, storage, camera=camera)
        chain, paths, done = ChainWriter(folder, SIGNER), [], []
        for serial in serials:
            path, segment = finish(folder, fragments(serial), serial, run=run or serials[0])
            head = chain.append(What.WRITTEN, serial, START_NS, digest=segment.digest)
            row = SegmentRow(
                *(of, serial, segment.run, on, segment.start_utc_ns, segment.end_utc_ns),
                *(segment.size_bytes, segment.starts_with_key),
            )
            done.append(index.submit_segment(row, segment.interval_ns, head))
            paths.append(path)
        for one in done:
            one.result(30)
        return paths

    def leave_open(self, serial, **options):
        """A file as a killed process leaves it."""
        return unfinished(self.folder(), fragments(serial), serial, **options)

    def delete(self, first, last, *, rows=True, files=True, storage="default"):
        """The steps of a deletion, as far as they are wanted."""
        head = self.chain(storage=storage).append(What.DELETED, first, START_NS, until_serial=last, why="a test")
        if rows:
            self.index.delete_segments(self.row().id, range(first, last + 1), {self.storage_id(storage): head})
        if files:
            self.folder(storage=storage).unlink_segments(first, last)

    def sql(self, statement, *values):
        """Changes the index behind its back."""
        with contextlib.closing(sqlite3.connect(self.data / "index.db")) as connection, connection:
            assert connection.execute(statement, values).rowcount > 0, statement


def fragments(serial):
    return [small_fragment(2 * serial), small_fragment(2 * serial + 1)]


def state(folder):
    """Everything in it: names, times, bytes."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in [folder, *folder.rglob("*")]
    }
