import json
import os
from dataclasses import replace

import pytest

from bridge.base.errors import DamagedError
from bridge.store import chain as chains
from bridge.store.chain import ChainWriter, Entry, KeySigner, What, parse_entry, read_chain, verify_chain
from bridge.store.layout import CHAIN
from bridge.store.rows import ChainHead
from tests.store.segments import SIGNER, recording_folder

KEY = SIGNER.public_key
ENTRY = Entry(7, 1_795_000_000_000_000_000, What.DELETED, 3, 5, b"", 'days = "30"', b"p" * 32, b"s" * 64)


@pytest.fixture
def folder(tmp_path):
    return recording_folder(tmp_path)


@pytest.fixture
def three(folder):
    """A writer that wrote three entries."""
    writer = ChainWriter(folder, SIGNER)
    for serial in (1, 2, 3):
        writer.append(What.WRITTEN, serial, 100 + serial, digest=bytes([serial]) * 32)
    return writer


def lines(folder, thousand=0):
    return (folder.thousand(thousand * 1000) / CHAIN).read_bytes().splitlines(keepends=True)


def rewrite(folder, found):
    (folder.thousand(0) / CHAIN).write_bytes(b"".join(found))


def faults(folder, head=None, key=KEY):
    return [fault.text for fault in verify_chain(folder, key, head)]


def test_a_line_is_as_the_document_says():
    assert ENTRY.line() == (
        b'{"digest":"","n":7,"prev":"' + b"70" * 32 + b'","serial":3,"signature":"' + b"73" * 64 + b'",'
        b'"until_serial":5,"utc_ns":1795000000000000000,"what":"deleted","why":"days = \\"30\\""}\n'
    )
    assert parse_entry(ENTRY.line()) == ENTRY
    assert b"signature" not in ENTRY.unsigned()


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"[]\n",
        b"null\n",
        b"{}\n",
        ENTRY.line()[:-1],
        ENTRY.line().replace(b'"n":7', b'"n":7.0'),
        ENTRY.line().replace(b'"n":7', b'"n":true'),
        ENTRY.line().replace(b'"n":7', b'"n": 7'),
        ENTRY.line().replace(b'"n":7', b'"n":7,"n":7'),
        ENTRY.line().replace(b"deleted", b"invented"),
        ENTRY.line().replace(b'"7070', b'"zz70'),
        ENTRY.line().replace(b'"what"', b'"more":1,"what"'),
        ENTRY.line().replace(b'"deleted"', b'["deleted"]'),
        b"[" * 5000 + b"\n",
        b"\xff\n",
        b'{"n": ' + b"9" * 5000 + b"}\n",
    ],
)
def test_a_line_in_any_other_form_is_damaged(line):
    with pytest.raises(DamagedError):
        parse_entry(line)


def test_entries_follow_each_other(folder, three):
    entries = [read.entry for read in read_chain(folder)]
    assert [entry.n for entry in entries] == [1, 2, 3]
    assert [entry.serial for entry in entries] == [entry.until_serial for entry in entries] == [1, 2, 3]
    assert entries[0].prev == b""
    assert entries[1].prev == entries[0].link()
    assert three.head == ChainHead(3, entries[2].link())
    assert faults(folder, three.head) == []


def test_it_is_continued_after_a_start(folder, three):
    again = ChainWriter(folder, SIGNER)
    assert again.head == three.head
    again.append(What.DELETED, 1, 200, until_serial=2, why="days")
    assert faults(folder, again.head) == []
    assert again.head.entries == 4


def test_every_entry_is_synced(folder, three, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    three.append(What.WRITTEN, 4, 0)
    assert len(synced) == 1
    # A new file, in a new folder: both are.
    three.append(What.WRITTEN, 1000, 0)
    assert len(synced) == 4


def test_it_runs_through_the_folders(folder, three):
    three.append(What.WRITTEN, 1000, 0)
    # A deletion is told where the newest entries are, a late segment as well.
    three.append(What.DELETED, 1, 0, until_serial=3)
    three.append(What.INSERTED, 999, 0)
    assert [len(lines(folder, thousand)) for thousand in (0, 1)] == [3, 3]
    assert ChainWriter(folder, SIGNER).head == three.head
    assert [read.entry.n for read in read_chain(folder)] == [1, 2, 3, 4, 5, 6]
    assert [read.entry.n for read in read_chain(folder, 1500)] == [4, 5, 6]
    assert faults(folder, three.head) == []
    # The oldest folder goes: what is left holds.
    (folder.thousand(0) / CHAIN).unlink()
    assert faults(folder, three.head) == []


def test_a_new_folder_without_entries_takes_the_next_one(folder, three):
    folder.make_thousand(1000)
    again = ChainWriter(folder, SIGNER)
    assert again.head == three.head
    again.append(What.WRITTEN, 4, 0)
    assert [len(lines(folder, thousand)) for thousand in (0, 1)] == [3, 1]
    assert faults(folder, again.head) == []


def test_a_torn_line_is_cut_off_whatever_is_left_of_it(folder, three):
    whole = b"".join(lines(folder))
    last = lines(folder)[-1]
    for size in range(len(last)):
        rewrite(folder, [whole, last[:size]])
        writer = ChainWriter(folder, SIGNER)
        assert writer.cut_bytes == size
        assert b"".join(lines(folder)) == whole
        assert writer.head == three.head


def test_a_torn_first_line(folder):
    folder.make_thousand(0)
    (folder.thousand(0) / CHAIN).write_bytes(b'{"n"')
    writer = ChainWriter(folder, SIGNER)
    assert (writer.cut_bytes, writer.head) == (4, ChainHead())
    writer.append(What.WRITTEN, 1, 0)
    assert faults(folder, writer.head) == []


def test_zeros_that_a_power_cut_left(folder, three, monkeypatch):
    monkeypatch.setattr(chains, "_BLOCK_BYTES", 100)
    rewrite(folder, [*lines(folder), bytes(1000)])
    writer = ChainWriter(folder, SIGNER)
    assert (writer.cut_bytes, writer.head) == (1000, three.head)


@pytest.mark.parametrize("room", [0, 30])
def test_a_disk_that_is_full(folder, three, monkeypatch, room):
    before, pwrite = lines(folder), os.pwrite
    left = [room]

    def full(descriptor, data, offset):
        if not left[0]:
            raise OSError("full")
        written = pwrite(descriptor, data[: left[0]], offset)
        left[0] -= written
        return written

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="full"):
        three.append(What.WRITTEN, 4, 0)
    assert lines(folder) == before
    # Even if the disk did not take the line back.
    monkeypatch.setattr(os, "ftruncate", lambda *arguments: (_ for _ in ()).throw(OSError("broken")))
    left[0] = room
    with pytest.raises(OSError, match="full"):
        three.append(What.WRITTEN, 4, 0)
    left[0] = 1 << 20
    three.append(What.WRITTEN, 4, 0)
    assert faults(folder, three.head) == []
    assert three.head.entries == 4


def test_a_reason_without_end_is_refused(folder, three):
    with pytest.raises(ValueError, match="at most"):
        three.append(What.DELETED, 1, 0, why="x" * chains.MAX_LINE_BYTES)
    assert faults(folder, three.head) == []


def test_every_changed_byte_is_found(folder, three):
    whole = b"".join(lines(folder))
    for at in range(len(whole)):
        rewrite(folder, [whole[:at], bytes([whole[at] ^ 1]), whole[at + 1 :]])
        assert faults(folder, three.head), f"byte {at}"


def test_an_entry_that_was_taken_out_is_found(folder, three):
    first, second, third = lines(folder)
    rewrite(folder, [first, third])
    assert faults(folder, three.head) == ["entry 3 follows entry 1"]
    rewrite(folder, [second, first, third])
    assert faults(folder, three.head)
    rewrite(folder, [first, first, second, third])
    assert faults(folder, three.head) == ["entry 1 follows entry 1"]


def test_a_chain_that_was_cut_off_is_found_by_its_head(folder, three):
    rewrite(folder, lines(folder)[:2])
    assert faults(folder) == []
    assert faults(folder, three.head) == ["the chain ends with entry 2; 3 expected"]
    (folder.thousand(0) / CHAIN).unlink()
    assert faults(folder, three.head) == ["the chain ends with entry 0; 3 expected"]


def test_a_chain_that_was_rewritten_is_found_by_its_signatures(folder, three):
    found = [parse_entry(line) for line in lines(folder)]
    forger = KeySigner(bytes(32))
    changed, prev = [], b""
    for entry in found:
        forged = replace(entry, digest=b"x" * 32, prev=prev)
        forged = replace(forged, signature=forger.sign(forged.unsigned()))
        changed.append(forged.line())
        prev = forged.link()
    rewrite(folder, changed)
    assert faults(folder) == [f"entry {n}: the signature is not the recorder's" for n in (1, 2, 3)]
    assert faults(folder, key=forger.public_key) == []
    assert faults(folder, three.head, key=forger.public_key) == ["entry 3 is not the one that the index knows"]


def test_an_entry_of_another_history_is_found_by_its_link(folder, three):
    # Signed by the recorder, but made on another chain.
    entry = parse_entry(lines(folder)[1])
    other = replace(entry, prev=b"o" * 32)
    other = replace(other, signature=SIGNER.sign(other.unsigned()))
    rewrite(folder, [lines(folder)[0], other.line()])
    assert faults(folder) == ["entry 2: prev is not the entry before"]


def test_a_damaged_line_in_the_middle_is_named_and_the_rest_still_held(folder, three):
    first, second, third = lines(folder)
    rewrite(folder, [first, b"x" + second[1:], third])
    (fault,) = verify_chain(folder, KEY, three.head)
    assert (fault.path.name, fault.offset) == (CHAIN, len(first))
    # It is continued behind the damage, with numbers that tell of it.
    rewrite(folder, [first, second, b"x" + third[1:]])
    writer = ChainWriter(folder, SIGNER)
    assert writer.head.entries == 3
    writer.append(What.WRITTEN, 4, 0)
    assert len(verify_chain(folder, KEY, writer.head)) == 1


def test_lines_are_json_for_anybody(folder, three):
    for line in lines(folder):
        fields = json.loads(line)
        assert list(fields) == sorted(fields)
        assert len(bytes.fromhex(fields["signature"])) == 64


def test_a_recording_without_a_chain_has_no_faults(folder):
    assert faults(folder) == faults(folder, ChainHead()) == []
    assert ChainWriter(folder, SIGNER).head == ChainHead()
