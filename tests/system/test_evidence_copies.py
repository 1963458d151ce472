import uuid

import pytest

from bridge.store.layout import RecordingFacts, StorageFacts, StorageFolder
from bridge.system.database import CONFIG
from bridge.system.evidence import EvidenceLocks
from bridge.system.evidence_copies import mirror, take_over

GATE, YARD = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
def locks(opened):
    return EvidenceLocks(opened(CONFIG))


@pytest.fixture
def storages(tmp_path):
    """The gate's recording lies on both, the yard's on the first."""
    storages = []
    for number, name in enumerate(("one", "two")):
        storage = StorageFolder(tmp_path / name)
        storage.create(StorageFacts(uuid.UUID(int=number), name))
        for recording in (GATE, YARD)[: 2 - number]:
            facts = RecordingFacts(recording, uuid.UUID(int=9), "gate", "main", 0, None, bytes(32))
            storage.recording(recording).create(facts)
        storages.append(storage)
    return storages


def add(locks, recording=GATE, since=10):
    return locks.add(recording, since, since + 10, who="op", why="theft", created_utc_ns=100, expires_utc_ns=1000)


def folders(storages):
    return [folder for storage in storages for folder in storage.recordings()]


def test_each_storage_that_holds_the_recording_has_a_copy(locks, storages):
    first, second = add(locks), add(locks, since=50)
    add(locks, YARD)
    assert mirror(locks, GATE, storages) == []
    for storage in storages:
        assert [copy.uuid for copy in storage.recording(GATE).locks()] == sorted((first.id, second.id))
    assert storages[0].recording(YARD).locks() == ()
    assert mirror(locks, YARD, storages) == []
    assert not storages[1].recording(YARD).path.exists()
    locks.remove(first.id)
    mirror(locks, GATE, storages)
    assert [copy.uuid for copy in storages[1].recording(GATE).locks()] == [second.id]


def test_lost_locks_come_back_from_the_copies(locks, storages):
    kept = [add(locks), add(locks, since=50), add(locks, YARD)]
    mirror(locks, GATE, storages)
    mirror(locks, YARD, storages)
    for lock in kept[:2]:
        locks.remove(lock.id)
    assert take_over(locks, folders(storages)) == (2, [])
    assert take_over(locks, folders(storages)) == (0, [])
    assert set(locks.list()) == set(kept)


def test_what_cannot_be_read_or_written_is_named_and_the_others_go_on(locks, storages):
    lock = add(locks)
    mirror(locks, GATE, storages)
    (storages[0].recording(GATE).path / "locks.json").write_text("{}")
    locks.remove(lock.id)
    count, (problem,) = take_over(locks, folders(storages))
    assert count == 1
    assert problem.startswith(f"{storages[0].recording(GATE).path}: the copy of its locks cannot be read: ")
    (storages[0].recording(GATE).path / "locks.json.new").mkdir()
    (problem,) = mirror(locks, GATE, storages)
    assert problem.startswith(f"{storages[0].recording(GATE).path}: the copy of its locks cannot be written: ")
    assert storages[1].recording(GATE).locks()[0].uuid == lock.id
