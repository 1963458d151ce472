import os
import shutil
import signal
import uuid
from dataclasses import replace

import pytest
import sqlalchemy as sa

from bridge.store import reindex as module
from bridge.store import schema
from bridge.store.chain import read_chain
from bridge.store.check import Check, Keys
from bridge.store.index import INDEX, read_known
from bridge.store.layout import STORAGE_JSON, StorageError, StorageFolder
from bridge.store.read_only import open_read_only
from bridge.store.reindex import Place, Reindex, missing
from bridge.store.rows import RunRow, SegmentRow
from bridge.store.segment_reader import SegmentReader
from tests.store.archive import Archive
from tests.store.segments import RECORDER, RECORDING, SIGNER, START_NS

OTHER = uuid.UUID("aaaaaaaa-2222-4333-8444-555555555555")


class Rebuilt:
    """Archives, rebuilt and looked at."""

    def __init__(self, path):
        self.archive = Archive(path)
        self.told, self.named = [], []
        self.done = None

    def places(self):
        return [Place(name, storage.path) for name, storage in self.archive.storages.items()]

    def run(self):
        """What was named."""
        self.told, self.named = [], []
        self.archive.index.storages()
        reindex = Reindex(
            self.archive.database, RECORDER, SIGNER, START_NS, tell=self.told.append, name=self.named.append
        )
        self.done = reindex.run(self.places())
        assert self.done.faults == len(self.named)
        return [
            str(fault).removeprefix(f"{self.archive.path}/").replace(str(RECORDING), "UUID") for fault in self.named
        ]

    def lose_index(self):
        self.archive.close()
        for path in self.archive.data.iterdir():
            path.unlink()

    def check(self):
        self.archive.close()
        database = open_read_only(self.archive.data, INDEX)
        keys = Keys(RECORDER, SIGNER.public_key)
        check = Check(database, self.archive.paths, keys, digests=True, in_use=lambda: False, pause=lambda: None)
        found = [str(fault) for fault in check.faults()]
        database.close()
        return found

    def rows(self):
        """All that the index holds, by UUIDs in place of its own numbers."""
        self.archive.index.storages()

        def look(connection):
            known = read_known(connection)
            of = {row.id: row.uuid for row in known.recordings}
            on = {row.id: row.uuid for row in known.storages}
            segments = [SegmentRow(*row) for row in connection.execute(sa.select(schema.segments))]
            runs = [RunRow(*row) for row in connection.execute(sa.select(schema.runs))]
            return {
                "storages": {replace(row, id=0) for row in known.storages},
                "recordings": {replace(row, id=0) for row in known.recordings},
                "longest": {(row.uuid, row.longest_ns) for row in connection.execute(sa.select(schema.recordings))},
                "holdings": {
                    replace(row, recording_id=of[row.recording_id], storage_id=on[row.storage_id])
                    for row in known.holdings
                },
                "runs": {replace(row, recording_id=of[row.recording_id]) for row in runs},
                "segments": {
                    replace(row, recording_id=of[row.recording_id], storage_id=on[row.storage_id]) for row in segments
                },
            }

        return self.archive.database.read(look)


@pytest.fixture
def rebuilt(tmp_path):
    rebuilt = Rebuilt(tmp_path)
    archive = rebuilt.archive
    archive.write(1, 2, 3)
    archive.write(4, 5)
    archive.write(1, 2, recording=OTHER, camera="cam-2")
    archive.write(1000, 1001)
    archive.delete(1, 2)
    archive.delete(4, 4)
    yield rebuilt
    archive.close()


def test_the_index_comes_back_as_it_was(rebuilt):
    before = rebuilt.rows()
    assert rebuilt.run() == []
    assert rebuilt.rows() == before
    rebuilt.lose_index()
    assert rebuilt.run() == []
    assert rebuilt.rows() == before
    assert rebuilt.check() == []
    assert (rebuilt.done.recordings, rebuilt.done.segments) == (2, 6)
    assert rebuilt.told == [
        f"{rebuilt.archive.folder().path}: 4 segments",
        f"{rebuilt.archive.folder(OTHER).path}: 2 segments",
    ]


def test_again_and_again_it_is_the_same(rebuilt):
    rebuilt.run()
    before = rebuilt.rows()
    chains = list(read_chain(rebuilt.archive.folder()))
    assert rebuilt.run() == []
    assert rebuilt.rows() == before
    assert list(read_chain(rebuilt.archive.folder())) == chains


def test_events_stay(rebuilt):
    event = {"utc_ns": 1, "source": "", "topic": "t", "operation": "", "data": "{}"}
    rebuilt.archive.database.write(lambda connection: connection.execute(schema.events.insert(), event).close())
    rebuilt.run()
    count = sa.select(sa.func.count()).select_from(schema.events)
    assert rebuilt.archive.database.read(lambda connection: connection.execute(count).scalar()) == 1


def test_whoever_is_interrupted_has_the_index_that_he_had(rebuilt, monkeypatch):
    before = rebuilt.rows()
    rebuilt.archive.close()
    child = os.fork()
    if child == 0:
        taken = []

        def killed(*arguments):
            taken.append(arguments)
            if len(taken) == 4:
                os.kill(os.getpid(), signal.SIGKILL)
            return add(*arguments)

        add = module.FreshRows.add
        monkeypatch.setattr(module.FreshRows, "add", killed)
        try:
            rebuilt.run()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert rebuilt.rows() == before
    assert rebuilt.run() == []
    assert rebuilt.rows() == before
    assert rebuilt.check() == []


def test_unfinished_segments_are_finished(rebuilt):
    path = rebuilt.archive.leave_open(1002, run=1000)
    torn = path.read_bytes()[:-5]
    path.write_bytes(torn)
    rebuilt.lose_index()
    assert rebuilt.run() == []
    assert rebuilt.done.segments == 7
    with_footer = SegmentReader.open(path)
    assert with_footer.clock is not None
    with_footer.close()
    assert [entry.what.value for _, _, entry in read_chain(rebuilt.archive.folder())][-1] == "recovered"
    assert rebuilt.check() == []


def test_no_serial_is_used_twice(rebuilt):
    archive = rebuilt.archive
    archive.delete(1000, 1001)
    assert archive.index.highest_serial(archive.row().id) == 1001
    rebuilt.run()
    assert archive.index.highest_serial(archive.row().id) == 1001
    rebuilt.lose_index()
    rebuilt.run()
    assert archive.index.highest_serial(archive.row().id) == 1001
    assert rebuilt.check() == []


def test_a_damaged_segment_is_named_and_taken_in_as_far_as_it_goes(rebuilt):
    (path,) = rebuilt.archive.write(1002, run=1000)
    rebuilt.archive.write(1003, run=1000)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert rebuilt.run() == [f"default/UUID/000001/{path.name}: has no footer: taken in as far as it can be read"]
    assert rebuilt.archive.index.segment(rebuilt.archive.row().id, 1002).size_bytes == len(whole) - 100
    path.write_bytes(whole[:-10] + b"xx" + whole[-8:])
    (fault,) = rebuilt.run()
    assert fault.endswith("taken in as far as it can be read")
    path.write_bytes(b"nothing" + whole[7:])
    (fault,) = rebuilt.run()
    assert fault.endswith(": left alone")
    assert rebuilt.archive.index.segment(rebuilt.archive.row().id, 1002) is None
    assert rebuilt.archive.index.segment(rebuilt.archive.row().id, 1003) is not None


def test_what_is_not_ours_is_named_and_left_alone(rebuilt):
    archive = rebuilt.archive
    third = uuid.UUID("bbbbbbbb-2222-4333-8444-555555555555")
    archive.folder(third, recorder=uuid.UUID(int=5))
    (archive.folder().path / "notes.txt").touch()
    (archive.storages["default"].path / "film.mkv").touch()
    foreign = archive.folder().segment_path(6, START_NS)
    shutil.copy(archive.folder(OTHER).find(1), foreign)
    copy = archive.folder().segment_path(7, START_NS)
    shutil.copy(archive.folder().find(1001), copy)
    second = archive.folder().find(5).with_name("00000005-20991231T000000.000Z.mp4")
    shutil.copy(archive.folder().find(5), second)
    assert sorted(rebuilt.run()) == [
        "default/UUID/000000/00000005-20991231T000000.000Z.mp4: a second file of serial 5: left alone",
        f"default/UUID/000000/{foreign.name}: recording is {OTHER}; UUID expected: left alone",
        f"default/UUID/000000/{copy.name}: serial is 1001; 7 expected: left alone",
        "default/UUID/notes.txt: not ours, left as it is",
        f"default/{third}: is of recorder {uuid.UUID(int=5)}; ours is {RECORDER}: left alone",
        "default/film.mkv: not ours, left as it is",
    ]
    assert foreign.exists()
    assert archive.index.recording(third) is None


def test_a_segment_that_was_added_is_not_signed(rebuilt):
    """What lies before the chain's end without an entry may be looked at, but stays a fault."""
    rebuilt.archive.leave_open(900)
    assert rebuilt.run()[0].endswith("has no footer: taken in as far as it can be read")
    assert any("the chain has no entry of serial 900" in fault for fault in rebuilt.check())


def test_a_copied_recording_gives_way_to_the_one_that_was_known(rebuilt):
    archive = rebuilt.archive
    before = rebuilt.rows()
    second = archive.add_storage("a copy")
    shutil.copytree(archive.folder().path, second.path / str(RECORDING))
    archive.storages = {"a copy": second, "default": archive.storages["default"]}
    assert rebuilt.run() == [
        f"a copy/UUID: segments {stretch} are there already, from elsewhere: left alone"
        for stretch in ("3 to 3", "5 to 5", "1000 to 1001")
    ]
    assert rebuilt.rows()["segments"] == before["segments"]


def test_a_copied_storage_is_left_alone(rebuilt):
    archive = rebuilt.archive
    before = rebuilt.rows()
    shutil.copytree(archive.storages["default"].path, archive.path / "copy")
    archive.storages["copy"] = StorageFolder(archive.path / "copy")
    assert rebuilt.run() == [f"copy: is a copy of {archive.storages['default'].path}: left alone"]
    assert rebuilt.rows() == before


def test_a_recording_over_two_storages(rebuilt):
    archive = rebuilt.archive
    archive.add_storage("second")
    archive.write(1002, 1003, storage="second")
    archive.write(1004)
    before = rebuilt.rows()
    assert rebuilt.run() == []
    assert rebuilt.rows() == before
    rebuilt.lose_index()
    assert rebuilt.run() == []
    assert rebuilt.rows() == before
    assert rebuilt.check() == []


def test_the_end_of_a_recording_is_kept(rebuilt):
    folder = rebuilt.archive.folder()
    folder.write_facts(replace(folder.facts(), ended_utc_ns=START_NS + 5))
    rebuilt.lose_index()
    rebuilt.run()
    assert rebuilt.archive.index.recording(RECORDING).ended_utc_ns == START_NS + 5
    assert rebuilt.archive.index.recording(OTHER).ended_utc_ns is None


def test_lost_facts_are_those_that_the_index_knew(rebuilt):
    before = rebuilt.rows()
    (rebuilt.archive.folder().path / "recording.json").unlink()
    (fault,) = rebuilt.run()
    assert fault.endswith("recording.json': taken in as the index knew it")
    assert rebuilt.rows() == before
    rebuilt.lose_index()
    (fault,) = rebuilt.run()
    assert fault.endswith("recording.json': left alone")
    assert rebuilt.archive.index.recording(RECORDING) is None


def test_a_chain_that_was_cut_off_is_named(rebuilt):
    path = rebuilt.archive.folder().thousand(1000) / "chain.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    assert rebuilt.run() == ["default/UUID: the chain ends with entry 8; the index knew 9"]


def test_a_missing_storage_stays_known_with_its_serials(rebuilt):
    archive = rebuilt.archive
    archive.add_storage("second")
    archive.write(1002, storage="second")
    archive.write(1, storage="second", recording=uuid.UUID(int=9), camera="cam-9")
    head = archive.index.chain_head(archive.row().id, archive.storage_id("second"))
    away = archive.path / "away"
    (archive.storages["second"].path).rename(away)
    assert [place.name for place in missing(rebuilt.places())] == ["second"]
    assert rebuilt.run() == []
    row = archive.row()
    assert archive.index.segment(row.id, 1002) is None
    assert archive.index.highest_serial(row.id) == 1002
    assert archive.index.recording(uuid.UUID(int=9)).camera == "cam-9"
    assert [one.name for one in archive.index.storages()] == ["default", "second"]
    away.rename(archive.storages["second"].path)
    assert archive.index.chain_head(row.id, archive.storage_id("second")) == head
    assert rebuilt.run() == []
    assert rebuilt.check() == []
    assert archive.index.segment(archive.row().id, 1002) is not None


def test_storages_that_hold_nothing_yet_are_not_missing(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    made = [Place("a", tmp_path / "none", made=True), Place("b", tmp_path / "empty", made=True)]
    assert missing(made) == []
    others = [Place("c", tmp_path / "none"), Place("d", tmp_path / "empty"), Place("e", tmp_path / "full", made=True)]
    assert missing(others) == others


def test_a_storage_that_somebody_writes_to_is_refused(rebuilt):
    before = rebuilt.rows()
    with rebuilt.archive.storages["default"].locked(), pytest.raises(StorageError, match="another recorder"):
        rebuilt.run()
    assert rebuilt.rows() == before


def test_a_damaged_storage_is_named(rebuilt):
    (rebuilt.archive.storages["default"].path / STORAGE_JSON).write_text("{}")
    (fault,) = rebuilt.run()
    assert "an object with format 1 expected" in fault
    assert [one.name for one in rebuilt.archive.index.storages()] == ["default"]
    assert rebuilt.done.segments == 0
