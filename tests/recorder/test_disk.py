import errno
import shutil
import uuid
from dataclasses import replace

import pytest

from bridge.base.time import NS_PER_S, ManualClock
from bridge.recorder import disk as module
from bridge.recorder.disk import Keeper, StorageDisk
from bridge.recorder.lane import RecordedStream
from bridge.recorder.retention import RetentionRule, StorageLimits
from bridge.recorder.settings import RecordingSettings, StorageSettings
from bridge.recorder.storage import StorageWriter
from bridge.recorder.storage_state import StorageProblemError, StorageState
from bridge.store.chain import KeySigner, What, read_chain, verify_chain
from bridge.store.index import MediaIndex, open_index
from bridge.store.layout import RecordingFacts, RecordingFolder, StorageFolder
from bridge.store.segment_reader import SegmentReader
from bridge.store.verify import verify
from tests.recorder.fake_disk import Recorded
from tests.recorder.streams import AUDIO, VIDEO

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


@pytest.fixture
def setting(tmp_path):
    made = []

    def make(**settings):
        made.append(Setting(tmp_path, **settings))
        return made[-1]

    yield make
    for one in made:
        for segment in one.storage._open.values():
            segment.abandon()
        one.disk.close()
        one.database.close()


def essence(unit):
    return unit.track, unit.media_time, unit.utc_ns, unit.key, unit.parts


@pytest.mark.parametrize("tracks", [(VIDEO,), (VIDEO, AUDIO), (AUDIO,)])
def test_what_went_in_comes_out(setting, tracks):
    one = setting(tracks=tracks)
    one.run(9)
    one.end()
    assert sorted(map(essence, one.units())) == sorted(map(essence, one.one.live.units))
    rows = one.rows()
    assert len(rows) >= 4
    assert {row.run for row in rows} == {1}
    assert [fault for row in rows for fault in verify(one.folder().find(row.serial))] == []
    head = one.index.chain_head(one.one.stream.id, 1)
    assert head.entries == len(rows)
    assert verify_chain(one.folder(), one.signer.public_key, head) == []
    facts = one.folder().facts()
    assert (facts.camera, facts.stream, facts.ended_utc_ns) == ("cam-0", "main", None)
    assert one.one.lane.live == ()


def test_live_segments_are_read_as_they_grow(setting):
    one = setting()
    one.run(3)
    (live,) = one.one.lane.live
    reader = SegmentReader.live(live.path, live.header, live.tracks, live.index)
    count = len(live.index.tracks[0])
    assert count == 13
    assert [unit.parts for unit in reader.read(0, 0, count)] == [unit.parts for unit in one.one.live.units[50:63]]
    reader.close()


def test_two_runs_have_their_serials(setting):
    one = setting()
    one.run(3)
    one.one.live.connect()
    one.run(3)
    one.end()
    assert [(row.serial, row.run) for row in one.rows()] == [(1, 1), (2, 1), (3, 3), (4, 3)]
    assert sorted(map(essence, one.units())) == sorted(map(essence, one.one.live.units))


def test_a_killed_process_is_recovered_before_it_records_on(setting):
    one = setting()
    one.run(5)
    one.disk.close()
    written = one.one.lane.written_units
    before = one.rows()
    assert len(before) == 2
    one.restart()
    one.storage.sync_step()
    assert one.status.state is StorageState.OK
    rows = one.rows()
    assert len(rows) == 3
    assert len(one.units()) == written
    assert [read.entry.what for read in read_chain(one.folder())] == [What.WRITTEN, What.WRITTEN, What.RECOVERED]
    assert one.disk.prepare(one.one.stream) == 4


def test_first_use_makes_the_storage_and_only_the_default_one_its_folder(setting, tmp_path):
    one = setting()
    one.storage.sync_step()
    assert StorageFolder(one.path).facts().name == "default"
    explicit = StorageDisk(StorageSettings("big", tmp_path / "none"), one.keeper, one.clock)
    with pytest.raises(StorageProblemError, match="is not there") as problem:
        explicit.open()
    assert problem.value.state is StorageState.MISSING
    assert not (tmp_path / "none").exists()


def test_a_folder_with_something_else_in_it_is_not_taken(setting):
    one = setting()
    one.path.mkdir()
    (one.path / "holiday.jpg").touch()
    one.storage.sync_step()
    assert one.status.state is StorageState.FAILING
    assert "is not empty" in one.status.sentence
    assert [path.name for path in one.path.iterdir()] == ["holiday.jpg"]


def test_an_empty_mount_point_is_never_written_to(setting):
    one = setting()
    one.run(5)
    one.path.rename(one.path.with_name("elsewhere"))
    one.path.mkdir()
    one.run(3)
    assert one.status.state is StorageState.MISSING
    one.run(25)
    assert list(one.path.iterdir()) == []
    lost = one.one.lane.lost_units
    assert lost > 600
    one.path.rmdir()
    one.path.with_name("elsewhere").rename(one.path)
    one.run(12)
    assert one.status.state is StorageState.OK
    one.run(4)
    one.end()
    assert len(one.units()) == one.one.lane.written_units
    assert len({row.run for row in one.rows()}) == 2
    assert verify_chain(one.folder(), one.signer.public_key) == []


def test_a_second_recorder_is_refused(setting):
    one = setting()
    one.run(1)
    other = StorageDisk(one.settings, one.keeper, one.clock)
    with pytest.raises(StorageProblemError, match="another recorder writes here"):
        other.open()
    one.disk.close()
    other.open()
    other.close()


def test_a_folder_that_went_while_it_was_used_takes_no_new_segment(setting):
    one = setting()
    one.run(1)
    shutil.rmtree(one.path)
    one.run(25)
    assert one.status.state is StorageState.MISSING
    assert "a new disk needs a storage of another name" in one.status.sentence
    assert not one.path.exists()


def test_an_ended_recording_says_so(setting):
    one = setting()
    one.run(3)
    one.one.cutter.end()
    one.storage.remove(one.one.lane, ended_utc_ns=4711)
    one.step()
    assert one.folder().facts().ended_utc_ns == 4711
    # Also when its storage was away at that time.
    one.folder().write_facts(replace(one.folder().facts(), ended_utc_ns=None))
    one.index.end_recording(one.one.stream.id, 4712)
    one.disk.open()
    assert one.folder().facts().ended_utc_ns == 4712


def rules(one, **rule):
    settings = RecordingSettings("cam-0", "main", one.one.live.hub, retention=RetentionRule(**rule))
    one.disk.rule(one.settings, [(one.one.stream, settings)])


def clean(one):
    count = 0
    while removed := one.disk.retain(urgent=False).segments:
        count += removed
    return count


def test_old_footage_goes_with_row_chain_and_file(setting):
    one = setting()
    one.run(20)
    one.end()
    rules(one, age_ns=8 * NS_PER_S)
    # 20 s in ten segments: the sixth lasts a picture too long to be 8 s old.
    assert clean(one) == 5
    rows = one.rows()
    assert [row.serial for row in rows] == [6, 7, 8, 9, 10]
    assert [path.serial for path in one.folder().segments()] == [6, 7, 8, 9, 10]
    last = [read.entry for read in read_chain(one.folder())][-1]
    assert (last.what, last.serial, last.until_serial) == (What.DELETED, 1, 5)
    assert verify_chain(one.folder(), one.signer.public_key, one.index.chain_head(one.one.stream.id, 1)) == []
    assert clean(one) == 0


def test_a_recording_keeps_to_its_size(setting):
    one = setting()
    one.run(20)
    one.end()
    rules(one, size_bytes=200_000)
    assert clean(one) > 0
    assert 140_000 < one.index.totals(one.one.stream.id).size_bytes <= 200_000


def test_the_storage_keeps_to_its_size_the_oldest_of_all_first(setting):
    one = setting(recordings=2)
    one.run(20)
    one.end()
    one.settings = replace(one.settings, limits=StorageLimits(max_bytes=500_000))
    one.disk.rule(one.settings, [])
    assert clean(one) > 0
    kept = [one.rows(recording)[0].start_utc_ns for recording in one.recordings]
    assert abs(kept[0] - kept[1]) <= 2 * NS_PER_S
    assert one.disk.room[0] <= 500_000


def test_locked_footage_stays_by_no_rule_does_it_go(setting):
    one = setting()
    one.run(20)
    one.end()
    rows = one.rows()
    one.locks[one.one.stream.recording] = [(rows[2].start_utc_ns + 1, rows[4].start_utc_ns + 1)]
    one.settings = replace(one.settings, limits=StorageLimits(max_bytes=1))
    rules(one, age_ns=0, size_bytes=0)
    assert clean(one) == 7
    assert [row.serial for row in one.rows()] == [3, 4, 5]
    assert one.disk.retain(urgent=False).stuck.endswith("nothing may be deleted")
    with pytest.raises(StorageProblemError) as problem:
        one.disk.retain(urgent=True)
    assert problem.value.state is StorageState.FULL


def test_where_locks_cannot_be_asked_nothing_goes(setting):
    one = setting()
    one.run(6)

    def fail(recording):
        raise OSError(errno.EIO, "config.db")

    one.disk._keeper = replace(one.keeper, locked=fail)
    rules(one, age_ns=0)
    with pytest.raises(OSError, match="config"):
        clean(one)
    assert len(one.rows()) > 1


def test_without_room_and_nothing_to_delete_recording_stops(setting, monkeypatch):
    one = setting()
    one.run(1)
    usage = shutil.disk_usage(one.path)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage._replace(free=1 << 20))
    one.run(12)
    assert one.status.state is StorageState.FULL
    assert "nothing may be deleted" in one.status.sentence
    one.run(12)
    assert one.status.state is StorageState.FULL
    assert one.one.lane.lost_units > 200
    monkeypatch.undo()
    one.run(12)
    assert one.status.state is StorageState.OK


def test_foreign_recordings_are_left_alone(setting):
    one = setting()
    one.storage.sync_step()
    foreign = RecordingFolder(one.path / str(uuid.uuid4()))
    foreign.path.mkdir()
    (foreign.path / "something").touch()
    others = RecordingFolder(one.path / str(uuid.uuid4()))
    others.create(RecordingFacts(others.uuid, uuid.UUID(int=78), "cam-0", "main", 5, None, bytes(32)))
    one.disk.open()
    assert (foreign.path / "something").exists()
    assert [row.uuid for row in one.index.recordings()] == [one.one.stream.recording]
    assert others.facts().ended_utc_ns is None


def lose_index(one):
    """A new process finds none."""
    one.disk.close()
    for segment in one.storage._open.values():
        segment.abandon()
    one.database.close()
    for path in one.path.parent.glob("index.db*"):
        path.unlink()
    one.database = open_index(one.path.parent)
    one.index = MediaIndex(one.database)
    one.keeper = replace(one.keeper, index=one.index)
    one.restart()


def test_a_lost_index_does_not_end_a_recording(setting):
    one = setting()
    one.run(9)
    written = len(one.rows())
    files = [file.serial for file in one.folder().segments()]
    assert written == len(files) - 1 >= 3
    lose_index(one)
    one.storage.sync_step()
    (row,) = one.index.current_recordings("cam-0", "main")
    stream = one.one.stream
    assert (row.uuid, row.created_utc_ns) == (stream.recording, stream.created_utc_ns)
    # What was open is finished; what the chain knows is left to a rebuilt index.
    assert [one.serial for one in one.rows()] == files[-1:]
    assert one.disk.prepare(stream) == one.index.highest_serial(row.id) + 1 == files[-1] + 1
    # And so it stays, however often it starts.
    one.disk.open()
    assert [one.serial for one in one.rows()] == files[-1:]
    assert verify_chain(one.folder(), one.signer.public_key, one.index.chain_head(row.id, 1)) == []


def test_of_several_recordings_of_a_stream_that_a_lost_index_left_the_youngest_goes_on(setting):
    one = setting()
    one.storage.sync_step()
    made = []
    for number, (created, ended) in enumerate([(5, None), (7, None), (6, None), (9, 10)]):
        folder = RecordingFolder(one.path / str(uuid.UUID(int=number + 1)))
        folder.create(RecordingFacts(folder.uuid, RECORDER, "yard", "main", created, ended, bytes(32)))
        made.append(folder)
    one.disk.open()
    assert [row.created_utc_ns for row in one.index.current_recordings("yard", "main")] == [7, 5]
    now = one.clock.utc_ns()
    assert [folder.facts().ended_utc_ns for folder in made] == [None, None, now, 10]


def test_a_storage_that_holds_nothing_of_a_recording_yet_is_no_lost_index(setting):
    one = setting()
    one.storage.sync_step()
    one.disk.prepare(one.one.stream)
    assert one.index.knows(one.one.stream.id, 1)
    assert one.disk.prepare(one.one.stream) == 1
