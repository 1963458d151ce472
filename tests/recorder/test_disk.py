import shutil
import uuid
from dataclasses import replace

import pytest

from bridge.recorder.disk import StorageDisk
from bridge.recorder.settings import StorageSettings
from bridge.recorder.storage_state import StorageProblemError, StorageState
from bridge.store.chain import What, read_chain, verify_chain
from bridge.store.index import MediaIndex, open_index
from bridge.store.layout import RecordingFacts, RecordingFolder, StorageFolder
from bridge.store.segment_reader import SegmentReader
from bridge.store.verify import verify
from tests.recorder.disks import RECORDER
from tests.recorder.streams import AUDIO, VIDEO


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
