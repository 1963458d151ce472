import json
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.base.errors import DamagedError
from bridge.base.time import parse_utc
from bridge.store.layout import (
    SPARE,
    SPARE_BYTES,
    STORAGE_JSON,
    Fault,
    LockFacts,
    RecordingFacts,
    RecordingFolder,
    StorageError,
    StorageFacts,
    StorageFolder,
    write_json,
)

STORAGE = StorageFacts(uuid.UUID(int=1), "Platte 1")
FACTS = RecordingFacts(uuid.UUID(int=2), uuid.UUID(int=3), "cam-1", "main", 1_700_000_000_123_456_789, None, b"k" * 32)
LOCK = LockFacts(uuid.UUID(int=4), 10, 20, "anna", "theft", 30, None)
TIME = parse_utc("2026-11-24T17:32:37.123Z")


@pytest.fixture
def storage(tmp_path):
    folder = StorageFolder(tmp_path / "storage")
    folder.create(STORAGE)
    return folder


@pytest.fixture
def recording(storage):
    folder = storage.recording(FACTS.uuid)
    folder.create(FACTS)
    return folder


def put(recording, *serials):
    for serial in serials:
        recording.make_thousand(serial)
        recording.segment_path(serial, TIME).write_bytes(b"")


def serials(found):
    return [segment.serial for segment in found]


def test_a_storage_says_who_it_is(storage):
    assert storage.facts() == STORAGE


def test_a_folder_that_is_not_empty_becomes_no_storage(storage):
    with pytest.raises(StorageError, match="not empty"):
        storage.create(STORAGE)


def test_a_fresh_file_system_is_empty(tmp_path):
    (tmp_path / "lost+found").mkdir()
    storage = StorageFolder(tmp_path)
    storage.create(STORAGE)
    assert storage.facts() == STORAGE
    assert storage.foreign() == []


def test_a_mount_point_without_its_disk_is_no_storage(tmp_path):
    with pytest.raises(StorageError, match="not mounted"):
        StorageFolder(tmp_path).facts()


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2}', '{"format": 1, "uuid": 7}', '{"format": 1, "uuid": "x"}'])
def test_a_damaged_storage_json_is_named(storage, text):
    (storage.path / "storage.json").write_text(text)
    with pytest.raises(StorageError, match=r"storage\.json"):
        storage.facts()


def test_one_recorder_at_a_time(storage):
    with storage.locked(), pytest.raises(StorageError, match="another recorder"), storage.locked():
        pass
    with storage.locked():
        pass


def test_recordings_are_found_and_foreign_things_named(storage, recording):
    (storage.path / "holiday").mkdir()
    (storage.path / "storage.json.new").touch()
    (storage.path / str(uuid.UUID(int=9))).touch()  # a file, not a folder
    assert [folder.uuid for folder in storage.recordings()] == [FACTS.uuid]
    assert [path.name for path in storage.foreign()] == [str(uuid.UUID(int=9)), "holiday"]


def test_recording_json_both_ways(recording):
    assert recording.facts() == FACTS
    ended = replace(FACTS, ended_utc_ns=1_800_000_000_000_000_001, retention_ns=5)
    recording.write_facts(ended)
    assert recording.facts() == ended
    assert json.loads((recording.path / "recording.json").read_text())["public_key"] == "6b" * 32


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("uuid", str(uuid.UUID(int=7)), "expected"),
        ("camera", None, "a text"),
        ("created_utc_ns", True, "a whole number"),
        ("created_utc_ns", 1.5, "a whole number"),
        ("retention_ns", "a week", "a whole number"),
        ("public_key", "xyz", "hexadecimal"),
        ("recorder", "{", "a UUID"),
    ],
)
def test_a_damaged_recording_json_is_named(recording, name, value, expected):
    path = recording.path / "recording.json"
    fields = json.loads(path.read_text())
    path.write_text(json.dumps({**fields, name: value}))
    with pytest.raises(DamagedError, match=f"recording.json: {name}.*{expected}"):
        recording.facts()


def test_locks_both_ways(recording):
    assert recording.locks() == ()
    locks = (LOCK, replace(LOCK, expires_utc_ns=99, why='"quoted" ü'))
    recording.write_locks(locks)
    assert recording.locks() == locks


@pytest.mark.parametrize(
    "text", ['{"format": 1}', '{"format": 1, "locks": [1]}', '{"format": 1, "locks": [null]}', "{"]
)
def test_damaged_locks_are_named(recording, text):
    (recording.path / "locks.json").write_text(text)
    with pytest.raises(DamagedError, match=r"locks\.json"):
        recording.locks()


def test_a_write_that_was_cut_off_leaves_the_file_as_it_was(recording, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda descriptor: (_ for _ in ()).throw(OSError("gone")))
    with pytest.raises(OSError, match="gone"):
        write_json(recording.path / "recording.json", {})
    assert recording.facts() == FACTS
    assert recording.foreign() == []


def test_the_recording_of_another_folder_is_refused(storage):
    with pytest.raises(ValueError, match="in the folder of"):
        storage.recording(uuid.UUID(int=5)).create(FACTS)


@pytest.mark.parametrize(
    ("serial", "name"),
    [
        (0, "000000/00000000-20261124T173237.123Z.mp4"),
        (42_137, "000042/00042137-20261124T173237.123Z.mp4"),
        (1_234_567_890, "1234567/1234567890-20261124T173237.123Z.mp4"),
    ],
)
def test_names_of_segments(recording, serial, name):
    path = recording.segment_path(serial, TIME + 999_999)
    assert path.relative_to(recording.path).as_posix() == name
    put(recording, serial)
    assert recording.find(serial) == path
    assert serials(recording.segments()) == [serial]


def test_a_segment_is_found_by_its_number_whatever_its_time(recording):
    put(recording, 5, 6)
    assert recording.find(5, TIME) == recording.find(5, TIME + 10**10) == recording.segment_path(5, TIME)
    assert recording.find(7, TIME) is None
    assert recording.find(7000) is None


def test_segments_of_a_range(recording):
    put(recording, 1, 998, 999, 1000, 1001, 2000, 1_000_000_000, 12_000_000)
    assert serials(recording.segments()) == [1, 998, 999, 1000, 1001, 2000, 12_000_000, 1_000_000_000]
    assert serials(recording.segments(999)) == [999, 1000, 1001, 2000, 12_000_000, 1_000_000_000]
    assert serials(recording.segments(999, 1001)) == [999, 1000]
    assert serials(recording.segments(0, 1)) == []


def test_a_recording_that_is_not_there_has_nothing(storage):
    folder = storage.recording(uuid.UUID(int=6))
    assert list(folder.segments()) == folder.thousands() == folder.chains() == []
    assert folder.find(3, TIME) is None


def test_room_is_set_aside_where_the_storage_is_and_given_up_again(storage):
    spare = storage.path / SPARE
    storage.keep_spare()
    storage.keep_spare()
    assert spare.stat().st_blocks * 512 >= SPARE_BYTES
    assert storage.foreign() == []
    storage.free_spare()
    storage.free_spare()
    assert not spare.exists()
    (storage.path / STORAGE_JSON).unlink()
    storage.keep_spare()
    assert not spare.exists()


def test_foreign_files_of_a_recording(recording):
    put(recording, 1, 1001)
    foreign = [
        recording.path / "notes.txt",
        recording.path / "000000" / "00001001-20261124T173237.123Z.mp4",  # of another thousand
        recording.path / "000000" / "1-20261124T173237.123Z.mp4",
        recording.path / "000001" / "00001002-20261124T173237.123Z.mp4.part",
    ]
    for path in foreign:
        path.touch()
    (recording.path / "000000" / "chain.jsonl").touch()
    assert recording.foreign() == sorted(foreign)
    assert serials(recording.segments()) == [1, 1001]
    assert recording.chains() == [recording.path / "000000" / "chain.jsonl"]


def test_making_the_folder_of_a_thousand_twice(recording):
    assert recording.make_thousand(42_137) == recording.make_thousand(42_999) == recording.path / "000042"
    assert recording.thousands() == [recording.path / "000042"]
    assert RecordingFolder(recording.path).uuid == FACTS.uuid


def deleted(recording, first, last):
    return [int(path.name[:8]) for path in recording.unlink_segments(first, last)]


def test_a_range_of_segments_is_deleted(recording):
    put(recording, 1, 2, 3, 5)
    assert deleted(recording, 2, 4) == [2, 3]
    assert deleted(recording, 2, 4) == []
    assert serials(recording.segments()) == [1, 5]
    assert [path.name for path in recording.thousands()] == ["000000"]


def test_a_folder_goes_with_its_last_segment_when_all_older_ones_are_gone(recording):
    put(recording, 1, 1000, 2000, 3000)
    for folder in recording.thousands():
        (folder / "chain.jsonl").touch()
    # The first is kept, as evidence: the chain goes on without a hole.
    assert deleted(recording, 1000, 1500) == [1000]
    assert [path.name for path in recording.thousands()] == ["000000", "000001", "000002", "000003"]
    assert deleted(recording, 1, 1) == [1]
    assert [path.name for path in recording.thousands()] == ["000002", "000003"]
    # The newest stays, empty or not.
    assert deleted(recording, 2000, 3000) == [2000, 3000]
    assert [path.name for path in recording.thousands()] == ["000003"]


def test_a_folder_stays_while_the_chain_has_no_newer_part(recording):
    put(recording, 1, 1000, 2000, 10**9)
    (recording.thousand(1000) / "chain.jsonl").touch()
    assert deleted(recording, 1, 2000) == [1, 1000, 2000]
    assert [path.name for path in recording.thousands()] == ["000001", "000002", "1000000"]


def test_a_folder_with_foreign_files_stays(recording):
    put(recording, 1, 1000)
    (recording.thousand(1000) / "chain.jsonl").touch()
    (recording.thousand(1) / "notes.txt").touch()
    assert deleted(recording, 1, 1) == [1]
    assert [path.name for path in recording.thousands()] == ["000000", "000001"]


def test_a_fault_says_where():
    path = Path("/video/a.mp4")
    assert str(Fault(path, 7, "is torn")) == "/video/a.mp4, byte 7: is torn"
    assert str(Fault(path, -1, "is gone")) == "/video/a.mp4: is gone"
