"""A storage in a folder whose threads' steps the test runs: what the tests of disk and removal share."""

import uuid

from bridge.base.time import NS_PER_S, ManualClock
from bridge.recorder.disk import StorageDisk
from bridge.recorder.keeper import Keeper
from bridge.recorder.lane import RecordedStream
from bridge.recorder.settings import StorageSettings
from bridge.recorder.storage import StorageWriter
from bridge.store.chain import KeySigner
from bridge.store.index import MediaIndex, open_index
from bridge.store.layout import StorageFolder
from bridge.store.segment_reader import SegmentReader
from tests.recorder.fake_disk import Recorded

RECORDER = uuid.UUID(int=77)
FOREVER = 1 << 62


class Setting:
    """A storage in a folder, its steps run by the test; recordings have GOPs of a second and segments of two."""

    def __init__(self, path, *, recordings=1, **stream):
        self.path = path / "cctv"
        self.clock = ManualClock()
        self.database = open_index(path)
        self.index = MediaIndex(self.database)
        self.locks = {}
        self.signer = KeySigner(bytes(32))
        self.settings = StorageSettings("default", self.path, make=True)
        self.keeper = Keeper(RECORDER, self.signer, self.index, lambda recording: self.locks.get(recording, ()))
        self.recordings = []
        self.restart()
        for number in range(recordings):
            row = self.index.ensure_recording(uuid.uuid4(), f"cam-{number}", "main", self.clock.utc_ns())
            one = Recorded(self.storage, number + 1, segment_ns=2 * NS_PER_S, clock=self.clock, **stream)
            one.stream = one.lane.stream = RecordedStream(row.id, row.uuid, row.camera, row.stream, row.created_utc_ns)
            self.recordings.append(one)
        self.one = self.recordings[0]

    def restart(self):
        """What a new process sees; what the old one had open is left as a kill leaves it."""
        self.disk = StorageDisk(self.settings, self.keeper, self.clock)
        self.storage = StorageWriter("default", self.disk, self.clock, sync_interval_ns=2 * NS_PER_S)

    @property
    def status(self):
        return self.storage.status(self.clock.monotonic_ns())

    def step(self):
        while self.storage.write_next():
            pass
        self.storage.sync_step()

    def run(self, seconds):
        for _ in range(seconds):
            self.step()
            for _ in range(25):
                for index, recording in enumerate(self.recordings):
                    recording.live.frames(1, step_ns=0 if index else None)
            self.step()

    def end(self):
        for recording in self.recordings:
            recording.cutter.end()
        self.step()

    def folder(self, one=None):
        return StorageFolder(self.path).recording((one or self.one).stream.recording)

    def rows(self, one=None):
        return self.index.segments_between((one or self.one).stream.id, 0, FOREVER, 10_000)

    def units(self, one=None):
        """All that can be read, in order."""
        found = []
        for row in self.rows(one):
            reader = SegmentReader.open(self.folder(one).find(row.serial))
            for track in range(len(reader.tracks)):
                found += reader.read(track, 0, len(reader.index.tracks[track]))
            reader.close()
        return found
