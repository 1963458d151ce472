import hashlib
import re
import shutil
import uuid

import pytest

from bridge.store.chain import KeySigner
from bridge.store.check import Check, Keys
from bridge.store.format import SEAL_HEAD, encode_index
from bridge.store.index import INDEX
from bridge.store.layout import STORAGE_JSON
from bridge.store.read_only import open_read_only
from bridge.store.walk import read_footer, read_head, walk
from tests.store.archive import Archive, state
from tests.store.segments import RECORDER, RECORDING, SIGNER

KEYS = Keys(RECORDER, SIGNER.public_key)
OTHER = uuid.UUID("aaaaaaaa-2222-4333-8444-555555555555")


class Checker:
    """Runs the check; nothing may have changed by it."""

    def __init__(self, archive):
        self.archive = archive
        self.in_use = False
        self.pauses = 0
        self.between_looks = lambda: None
        self.checked = None

    def pause(self):
        assert self.in_use
        self.pauses += 1
        self.between_looks()

    def __call__(self, *, keys=KEYS, digests=False):
        before = None
        if not self.in_use:
            self.archive.close()
            before = state(self.archive.path)
        database = open_read_only(self.archive.data, INDEX)
        check = Check(database, self.archive.paths, keys, digests=digests, in_use=lambda: self.in_use, pause=self.pause)
        faults = [str(fault).removeprefix(f"{self.archive.path}/") for fault in check.faults()]
        if database is not None:
            database.close()
        assert before is None or state(self.archive.path) == before
        self.checked = check.checked
        # The folder of the recording goes without saying; digests are too long to be read.
        return [
            re.sub(
                r"[0-9a-f]{64}", "DIGEST", fault.replace(f"default/{RECORDING}/", "").replace(f"{RECORDING}", "UUID")
            )
            for fault in faults
        ]


@pytest.fixture
def archive(tmp_path):
    archive = Archive(tmp_path)
    archive.write(1, 2, 3)
    archive.write(4)
    yield archive
    archive.close()


@pytest.fixture
def check(archive):
    return Checker(archive)


NAME_3 = "000000/00000003-20261118T110643.000Z.mp4"


def test_nothing_is_found_where_nothing_is_wrong(archive, check):
    assert check() == check(digests=True) == []
    assert (check.checked.recordings, check.checked.segments, check.checked.chain_entries) == (1, 4, 4)
    assert check.checked.size_bytes == archive.index.totals(1).size_bytes
    assert check.pauses == 0


def test_nothing_at_all_is_clean(tmp_path):
    (tmp_path / "data").mkdir()
    check = Check(None, [tmp_path / "none"], None, digests=False, in_use=lambda: False, pause=lambda: None)
    assert list(check.faults()) == []


def test_deleted_segments_are_no_fault(archive, check):
    archive.delete(1, 2)
    assert check() == []
    archive.delete(3, 4)
    assert check() == []
    assert check.checked.segments == 0


def test_a_folder_that_went_with_its_part_of_the_chain_is_no_fault(archive, check):
    archive.write(1000, 1001)
    archive.write(2000)
    archive.delete(1, 4)
    assert [path.name for path in archive.folder().thousands()] == ["000001", "000002"]
    archive.delete(1000, 1000)
    assert check() == check(digests=True) == []


def test_an_entry_in_a_later_folder_belongs_to_its_segment(archive, check):
    archive.folder().make_thousand(1000)
    archive.write(999)
    archive.write(1000, 1001)
    assert "999" in (archive.folder().thousand(1000) / "chain.jsonl").read_text()
    assert check() == []


# -- files


def test_a_truncated_file_is_found_at_any_length(archive, check):
    (path,) = archive.write(5)
    whole = path.read_bytes()
    for size in (*range(0, len(whole), 197), len(whole) - 1):
        path.write_bytes(whole[:size])
        first, *others = check()
        assert first == f"000000/{path.name}: length is {size}; {len(whole)} expected"
        assert others
        assert check.checked.segments == 5
    path.write_bytes(whole + b"!")
    assert len(check()) == 2


def test_every_flipped_byte_is_found_when_all_are_read(archive, check):
    (path,) = archive.write(5)
    whole = path.read_bytes()
    unseen = 0
    for at in range(0, len(whole), 37):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        assert any(fault.startswith(f"000000/{path.name}") for fault in check(digests=True)), at
        unseen += not check()
    # Without digests only head, seals and footer are looked at.
    assert 0 < unseen < len(whole) / 37


def test_a_missing_file_is_found(archive, check):
    path = archive.folder().find(3)
    size = path.stat().st_size
    path.unlink()
    assert check() == [f"{NAME_3}: is missing: a segment of {size} bytes expected"]


def test_a_segment_that_is_gone_with_its_row_is_found(archive, check):
    archive.folder().find(2).unlink()
    archive.index.delete_segments(archive.row().id, [2])
    assert check() == ["000000: segment 2 is missing: entry 2 of the chain says that it was written"]


def test_foreign_files_are_named(archive, check):
    (archive.folder().path / "notes.txt").touch()
    (archive.folder().thousand(1) / "00000007.mp4").touch()
    (archive.storages["default"].path / "film.mkv").touch()
    found = check()
    assert sorted(found) == ["000000/00000007.mp4: not ours", "default/film.mkv: not ours", "notes.txt: not ours"]


def test_a_file_that_was_added_is_found(archive, check):
    archive.delete(3, 3)
    archive.write(5)
    copy = archive.leave_open(3)
    assert check() == [
        f"000000/{copy.name}: its deletion was not finished: the service goes on with it at its next start"
    ]
    copy.unlink()
    archive.write(7)
    copy = archive.leave_open(6)
    assert check() == [f"000000/{copy.name}: the index has no row of serial 6, and the chain has no entry of it"]
    copy.unlink()


def test_a_second_file_of_a_serial_is_found(archive, check):
    path = archive.folder().find(4)
    second = path.with_name(path.name.replace("0000004-2026", "0000004-2027"))
    shutil.copy(path, second)
    assert check() == [f"000000/{second.name}: a second file of serial 4; {path.name} is the first"]


def test_a_file_in_the_place_of_another_is_found(archive, check):
    three, four = archive.folder().find(3), archive.folder().find(4)
    shutil.copy(four, three)
    found = check()
    assert f"{NAME_3}: serial is 4; 3 expected" in found
    assert f"{NAME_3}: was changed: its digest is DIGEST; entry 3 of the chain says DIGEST" in found


def test_a_segment_that_was_made_anew_is_found_by_its_digest(archive, check):
    path = archive.folder().find(3)
    path.unlink()
    (anew,) = archive.write(3, run=1)
    lines = (archive.folder().thousand(1) / "chain.jsonl").read_bytes().splitlines(keepends=True)
    (archive.folder().thousand(1) / "chain.jsonl").write_bytes(b"".join(lines[:-1]))
    data = bytearray(anew.read_bytes())
    # Its footage and its seals changed alike; only the chain knows better.
    with path.open("r+b") as file:
        head = read_head(file.fileno())
        footer = read_footer(file.fileno(), head, len(data))
        seals = []
        for fragment in walk(file.fileno(), head, len(data)):
            sealed_at = fragment.end - 32
            data[sealed_at - len(SEAL_HEAD) - 1] ^= 1
            seals.append(hashlib.sha256(data[fragment.at : sealed_at - len(SEAL_HEAD)]).digest())
            data[sealed_at : fragment.end] = seals[-1]
        index = encode_index(footer.footer.index, seals, footer.footer.clock)
    path.write_bytes(data[: footer.at] + index + footer.mfra)
    archive.sql("UPDATE holding SET chain_entries = 4, chain_link = ?", archive.chain().head.link)
    archive.sql("UPDATE segment SET size_bytes = ? WHERE serial = 3", path.stat().st_size)
    archive.sql("UPDATE holding SET size_bytes = (SELECT sum(size_bytes) FROM segment)")
    changed = f"{NAME_3}: was changed: its digest is DIGEST; entry 3 of the chain says DIGEST"
    assert check() == [changed] == check(digests=True)


# -- rows


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("start_utc_ns = start_utc_ns + 1", "start is "),
        ("end_utc_ns = end_utc_ns - 1", "end is "),
        ("size_bytes = size_bytes + 1", "length is "),
        ("starts_with_key = 0", "starts with a key frame is True; False expected"),
        ("run = 2", "run is 1; 2 expected"),
    ],
)
def test_a_changed_row_is_found(archive, check, change, expected):
    archive.sql(f"UPDATE segment SET {change} WHERE serial = 3")
    found = check()
    assert any(fault.startswith(f"{NAME_3}: {expected}") for fault in found), found


def test_a_row_that_was_taken_out_is_found(archive, check):
    archive.sql("DELETE FROM segment WHERE serial = 2")
    found = check()
    assert found[-1] == f"000000/{archive.folder().find(2).name}: the index has no row of serial 2"
    assert any("run 1 (segments 1 to 3) has 2 segments; 3 expected" in fault for fault in found)


# -- the chain


def rewrite(archive, change):
    path = archive.folder().thousand(1) / "chain.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines)
    path.write_bytes(b"".join(lines))


def test_a_changed_line_of_the_chain_is_found(archive, check):
    def change(lines):
        lines[1] = lines[1].replace(b'"serial":2', b'"serial":1')

    rewrite(archive, change)
    found = check()
    assert any("entry 2: the signature is not the recorder's" in fault for fault in found)
    assert any("entry 3: prev is not the entry before" in fault for fault in found)
    assert any("the chain has no entry of serial 2" in fault for fault in found)


def test_a_line_that_was_taken_out_is_found(archive, check):
    rewrite(archive, lambda lines: lines.pop(1))
    found = check()
    assert any("entry 3 follows entry 1" in fault for fault in found)
    assert any("the chain has no entry of serial 2" in fault for fault in found)


def test_a_line_that_was_added_is_found(archive, check):
    rewrite(archive, lambda lines: lines.insert(1, lines[0]))
    (fault,) = check()
    assert "entry 1 follows entry 1" in fault


def test_a_line_that_is_none_is_found(archive, check):
    rewrite(archive, lambda lines: lines.append(b"something else\n"))
    assert len(check()) == 1


def test_a_tail_that_was_cut_off_is_found(archive, check):
    rewrite(archive, lambda lines: lines.pop())
    assert check() == [
        "default/UUID: the chain ends with entry 3; 4 expected",
        f"000000/{archive.folder().find(4).name}: the chain has no entry of serial 4",
    ]
    (archive.folder().thousand(1) / "chain.jsonl").unlink()
    assert "default/UUID: the chain ends with entry 0; 4 expected" in check()


def test_a_chain_that_others_signed_is_found(archive, check):
    found = check(keys=Keys(RECORDER, KeySigner(bytes(32)).public_key))
    assert sum("the signature is not the recorder's" in fault for fault in found) == 4
    assert "recording.json: public_key is DIGEST; DIGEST expected" in found


def test_without_keys_of_our_own_that_is_said(archive, check):
    assert check(keys=None) == [
        "default/UUID: config.db does not say whose keys are right, only its own recording.json"
    ]


# -- folders


def test_a_folder_of_another_recorder_is_found(archive, check):
    archive.folder(OTHER, recorder=uuid.UUID(int=5))
    assert check() == [f"default/{OTHER}: is of recorder {uuid.UUID(int=5)}; ours is {RECORDER}"]
    found = check(keys=Keys(uuid.UUID(int=5), SIGNER.public_key))
    assert f"recording.json: recorder is {RECORDER}; {uuid.UUID(int=5)} expected" in found


def test_a_recording_that_the_index_does_not_know_is_found(archive, check):
    archive.folder(OTHER)
    assert check() == [
        f"default/{OTHER}: the index does not know this recording here; `onb recordings reindex` takes in what is ours"
    ]


def test_a_recording_that_was_copied_to_another_storage_is_found(archive, check):
    second = archive.add_storage("second")
    shutil.copytree(archive.folder().path, second.path / str(RECORDING))
    assert len(check()) == 1
    archive.write(9, storage="second")
    found = check()
    names = [path.name for _, path in archive.folder().segments()]
    place = archive.folder().path.parent
    assert [fault for fault in found if "copy" in fault] == [
        f"second/UUID/000000/{name}: the index has serial {serial} on {place}: is this a copy?"
        for serial, name in enumerate(names, 1)
    ]


def test_a_storage_that_was_copied_is_found(archive, check):
    shutil.copytree(archive.storages["default"].path, archive.path / "copy")
    archive.storages["copy"] = type(archive.storages["default"])(archive.path / "copy")
    assert check() == [f"copy: has the UUID of {archive.storages['default'].path}: a copy of it"]


def test_a_recording_over_two_storages_is_no_fault(archive, check):
    archive.add_storage("second")
    archive.write(5, 6, storage="second")
    archive.write(7)
    assert check() == check(digests=True) == []


def test_a_missing_storage_is_found(archive, check):
    path = archive.storages["default"].path
    (path / STORAGE_JSON).rename(archive.path / "gone")
    assert check() == ["default: storage default is missing, or its disk is not mounted: 4 segments expected"]
    (path / STORAGE_JSON).write_text("{}")
    assert check()[0].startswith(f"default: {path / STORAGE_JSON}: an object with format 1 expected")


def test_a_missing_folder_is_found(archive, check):
    shutil.rmtree(archive.folder().path)
    assert check() == ["default/UUID: is missing: 4 segments of cam-1, main expected"]


def test_changed_facts_are_found(archive, check):
    path = archive.folder().path / "recording.json"
    path.write_text(path.read_text().replace("cam-1", "cam-2"))
    assert check() == ["recording.json: camera is cam-2; cam-1 expected"]
    path.write_text("{}")
    (fault,) = check()
    assert "recording.json: an object with format 1 expected" in fault
    path.unlink()
    assert check() == ["recording.json: No such file or directory"]


def test_damaged_locks_are_found(archive, check):
    (archive.folder().path / "locks.json").write_text('{"format": 1, "locks": [{}]}')
    (fault,) = check()
    assert "locks.json: uuid is None; a text expected" in fault


def test_without_an_index_that_is_said(archive, check):
    archive.close()
    for path in archive.data.iterdir():
        path.unlink()
    assert check() == ["default/UUID: there is no index: `onb recordings reindex` makes one"]


# -- beside a running service


def test_what_is_being_written_is_no_fault_while_a_service_runs(archive, check):
    path = archive.leave_open(5)
    assert check() == [f"000000/{path.name}: not finished; the service recovers it at its next start"]
    check.in_use = True
    assert check() == []
    assert (check.checked.being_written, check.pauses) == (1, 0)


def test_what_the_service_finishes_between_two_looks_is_not_told(archive, check):
    """A deletion that was half done at the first look: chain and rows, but not the files."""
    archive.delete(1, 2, files=False)
    assert len(check()) == 2
    check.in_use = True
    check.between_looks = lambda: archive.folder().unlink_segments(1, 2)
    assert check() == []
    assert check.pauses == 1


def test_what_the_service_leaves_so_is_told(archive, check):
    check.in_use = True
    archive.folder().find(3).unlink()
    assert len(check()) == 1
    (archive.folder().path / "notes.txt").touch()
    rewrite(archive, lambda lines: lines.append(b"something else\n"))
    assert len(check()) == 3
    assert check.pauses == 4


def test_a_recording_that_begins_meanwhile_is_no_fault(archive, check):
    check.in_use = True
    archive.folder(OTHER)
    check.between_looks = lambda: archive.row(OTHER, "cam-2")
    assert check() == []


def test_segments_that_come_while_it_looks_are_no_fault(archive, check):
    """The index is read before the files, and these before the chain."""
    check.in_use = True
    database = open_read_only(archive.data, INDEX)
    faults = Check(database, archive.paths, KEYS, digests=False, in_use=lambda: True, pause=check.pause).faults()
    archive.write(5, 6)
    assert list(faults) == []
    database.close()
