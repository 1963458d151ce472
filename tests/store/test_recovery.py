"""What a crash leaves: at every byte, and between any two steps."""

import os
import shutil
import uuid

import pytest

from bridge.base.time import NS_PER_S
from bridge.store import recovery
from bridge.store.chain import ChainWriter, KeySigner, What, read_chain, verify_chain
from bridge.store.layout import CHAIN
from bridge.store.recovery import recover_recording
from bridge.store.segment_reader import SegmentReader
from bridge.store.verify import verify
from bridge.store.walk import read_head
from tests.store.segments import (
    CLOCK,
    RECORDER,
    SIGNER,
    finish,
    real_fragments,
    recording_folder,
    small_fragment,
    start,
    unfinished,
    units_of,
)

NOW_NS = 1_796_000_000 * NS_PER_S
FRAGMENTS = [small_fragment(number) for number in range(3)]


@pytest.fixture(autouse=True)
def fast_disk(monkeypatch):
    """Thousands of crashes, none of them of this machine's power."""
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda descriptor: None)


@pytest.fixture
def folder(tmp_path):
    return recording_folder(tmp_path)


def recover(folder, highest=0, **options):
    return recover_recording(folder, highest, RECORDER, SIGNER, NOW_NS, **options)


def serials(folder):
    return [file.serial for file in folder.segments()]


def entries(folder):
    return [(read.entry.what, read.entry.serial) for read in read_chain(folder)]


def readable(path):
    """How many units of each track the file gives, which must be those that were written."""
    reader = SegmentReader.open(path)
    counts = []
    for track, samples in enumerate(reader.index.tracks):
        units = reader.read(track, 0, len(samples))
        assert units == units_of(FRAGMENTS, track)[: len(units)]
        counts.append(len(units))
    reader.close()
    return counts


def assert_in_order(folder, found, highest=0):
    """The invariants: every file is whole and has one entry, the chain holds, and a second look finds nothing to do."""
    assert verify_chain(folder, SIGNER.public_key, found.chain) == []
    told = [serial for what, serial in entries(folder) if what is not What.DELETED]
    assert sorted(told) == sorted(set(told))
    for file in folder.segments():
        assert verify(file.path) == []
        assert file.serial in told
    rows = {segment.serial: segment for segment in found.segments}
    assert sorted(rows) == [serial for serial in serials(folder) if serial > highest]
    assert found.next_serial > max([0, highest, *serials(folder), *told])
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    again = recover(folder, highest)
    assert {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()} == before
    assert (again.segments, again.cut_bytes, again.removed, again.unlinked) == (found.segments, 0, [], [])


def test_a_file_that_was_open_is_finished(folder):
    path = unfinished(folder, FRAGMENTS)
    found = recover(folder)
    (segment,) = found.segments
    assert (segment.serial, segment.size_bytes) == (1, path.stat().st_size)
    assert (found.cut_bytes, found.next_serial, found.notes) == (0, 2, [])
    assert entries(folder) == [(What.RECOVERED, 1)]
    assert readable(path) == [6, 6]
    assert_in_order(folder, found)


def test_it_says_the_same_as_if_it_had_been_finished(folder, tmp_path):
    tracks, fragments = real_fragments("libx264", b_frames=3, audio="aac")
    unfinished(folder, fragments, tracks=tracks)
    (recovered,) = recover(folder).segments
    shutil.rmtree(folder.thousand(0))
    _, finished = finish(folder, fragments, tracks=tracks)
    assert recovered.size_bytes == pytest.approx(finished.size_bytes, abs=30)  # the facts of the clock are lost
    assert recovered.digest == finished.digest
    for name in ("serial", "run", "start_utc_ns", "end_utc_ns", "interval_ns", "starts_with_key"):
        assert getattr(recovered, name) == getattr(finished, name)


@pytest.mark.parametrize("is_finished", [False, True])
def test_torn_at_every_byte(folder, is_finished):
    writer = start(folder, FRAGMENTS)
    if is_finished:
        writer.finish(CLOCK)
    writer.close()
    whole = writer.path.read_bytes()
    ends = [unfinished(folder, FRAGMENTS[:count], 10 + count).stat().st_size for count in (1, 2, 3)]
    shutil.rmtree(folder.thousand(0))
    for size in range(len(whole)):
        folder.make_thousand(1)
        writer.path.write_bytes(whole[:size])
        found = recover(folder)
        kept = sum(end <= size for end in ends)
        assert found.notes == []
        assert [segment.serial for segment in found.segments] == ([1] if kept else [])
        assert writer.path.exists() == bool(kept)
        if kept:
            assert found.cut_bytes == size - ends[kept - 1]
            assert readable(writer.path) == [2 * kept, 2 * kept]
            assert verify(writer.path) == []
        else:
            assert found.removed == [writer.path]
        if size % 100 == 0 or size in ends:
            assert_in_order(folder, found)
        shutil.rmtree(folder.thousand(0))


@pytest.mark.parametrize("is_finished", [False, True])
def test_any_changed_byte(folder, is_finished):
    if is_finished:
        path, _ = finish(folder, FRAGMENTS)
    else:
        path = unfinished(folder, FRAGMENTS)
    whole = path.read_bytes()
    counts = set()
    for at in range(0, len(whole), 3):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        found = recover(folder)
        if path.exists() and not found.notes:
            assert verify(path) == []
            counts.add(tuple(readable(path)))
        else:
            # A damaged head: the file is left as it is.
            assert bool(found.notes) != bool(found.removed)
            assert not found.segments
        shutil.rmtree(folder.thousand(0))
        folder.make_thousand(1)
    # All of it is younger than what a power cut may take; a footer is made anew.
    assert counts == {(2, 2), (4, 4)} | ({(6, 6)} if is_finished else set())


@pytest.mark.parametrize("hole", [False, True])
def test_zeros_that_a_power_cut_left(folder, hole):
    path = unfinished(folder, FRAGMENTS)
    whole = path.read_bytes()
    second = unfinished(folder, FRAGMENTS[:1], 2).stat().st_size
    if hole:  # the pages of a fragment never came, those of the next one did
        path.write_bytes(whole[:second] + bytes(300) + whole[second + 300 :])
    else:
        path.write_bytes(whole[:second] + bytes(5000))
    (tmp,) = [file.path for file in folder.segments(2)]
    tmp.unlink()
    found = recover(folder)
    assert readable(path) == [2, 2]
    assert found.cut_bytes == (len(whole) if hole else second + 5000) - second
    assert_in_order(folder, found)


def test_zeros_alone(folder):
    path = unfinished(folder, FRAGMENTS)
    path.write_bytes(bytes(10_000))
    assert recover(folder).removed == [path]


def test_the_last_fragments_must_keep_their_seals_and_older_ones_are_believed(folder):
    fragments = [small_fragment(number) for number in range(12)]  # half a second each
    for name, place, kept in (("delta23", 1, 11), ("delta15", 1, 7), ("delta3", 1, 12)):
        path = unfinished(folder, fragments)
        data = bytearray(path.read_bytes())
        data[data.index(name.encode()) + place] ^= 1
        path.write_bytes(data)
        found = recover(folder)
        reader = SegmentReader.open(path)
        assert len(reader.index.tracks[0]) == 2 * kept
        reader.close()
        assert bool(found.cut_bytes) == (kept < 12)
        # What a crash cannot have done is for `verify` to find.
        assert bool(verify(path)) == (kept == 12)
        shutil.rmtree(folder.thousand(0))


def test_damage_in_the_middle_is_no_torn_end(folder):
    fragments = [small_fragment(number) for number in range(20)]
    path = unfinished(folder, fragments)
    data = bytearray(path.read_bytes())
    data[data.index(b"moof", data.index(b"moof") + 8) + 2] ^= 1
    path.write_bytes(data)
    found = recover(folder)
    assert path.read_bytes() == data
    assert (found.segments, found.removed, found.cut_bytes, found.next_serial) == ([], [], 0, 2)
    (note,) = found.notes
    assert path.name in note
    assert "with footage behind it, left as it is" in note
    # Unless so much may have been lost.
    assert recover(folder, suspect_ns=3600 * NS_PER_S).cut_bytes > 0


def test_a_damaged_head_with_footage_is_left_as_it_is(folder):
    path = unfinished(folder, FRAGMENTS)
    data = bytearray(path.read_bytes())
    data[70] ^= 1
    path.write_bytes(data)
    found = recover(folder)
    assert path.read_bytes() == data
    assert "not what the header's digest says" in found.notes[0]
    assert (found.segments, found.next_serial) == ([], 2)


def test_many_files_and_those_below_the_highest_row_are_not_touched(folder):
    finish(folder, FRAGMENTS, 998)
    ChainWriter(folder, SIGNER).append(What.WRITTEN, 998, 1)
    untouched = unfinished(folder, FRAGMENTS, 999)
    before = untouched.read_bytes()
    unfinished(folder, FRAGMENTS, 1000)
    finish(folder, FRAGMENTS, 1001)
    found = recover(folder, 999)
    assert [segment.serial for segment in found.segments] == [1000, 1001]
    assert untouched.read_bytes() == before
    assert entries(folder) == [(What.WRITTEN, 998), (What.RECOVERED, 1000), (What.RECOVERED, 1001)]
    assert found.next_serial == 1002


def test_where_the_index_was_lost_only_what_lies_behind_the_chain_was_open(folder, monkeypatch):
    chain = ChainWriter(folder, SIGNER)
    for serial in range(990, 1005):
        _, segment = finish(folder, FRAGMENTS, serial)
        chain.append(What.WRITTEN, serial, 1, digest=segment.digest)
    chain.append(What.DELETED, 980, 1, until_serial=989)
    unfinished(folder, FRAGMENTS, 1005)
    finish(folder, FRAGMENTS, 1006)
    before = {file.serial: file.path.read_bytes() for file in folder.segments(990, 1005)}
    read = []
    monkeypatch.setattr(recovery, "read_head", lambda descriptor: read.append(1) or read_head(descriptor))
    found = recover(folder, None)
    assert [segment.serial for segment in found.segments] == [1005, 1006]
    assert len(read) == 2
    assert (found.next_serial, found.notes) == (1007, [])
    assert {file.serial: file.path.read_bytes() for file in folder.segments(990, 1005)} == before
    assert entries(folder)[-2:] == [(What.RECOVERED, 1005), (What.RECOVERED, 1006)]
    assert_in_order(folder, found, 1004)


def test_where_the_chain_was_lost_too_the_newest_files_are_looked_at(folder, monkeypatch):
    assert recover(folder, None).next_serial == 1
    monkeypatch.setattr(recovery, "MAX_LEFT_OPEN", 3)
    for serial in range(995, 1003):
        unfinished(folder, FRAGMENTS, serial)
    found = recover(folder, None)
    assert [segment.serial for segment in found.segments] == [1000, 1001, 1002]
    assert found.next_serial == 1003
    # A folder without a segment is not the end.
    folder.make_thousand(7000)
    assert recover(folder, None).next_serial == 1003


def test_serials_are_used_once(folder):
    assert recover(folder).next_serial == 1
    assert recover(folder, 41).next_serial == 42
    chain = ChainWriter(folder, SIGNER)
    chain.append(What.WRITTEN, 50, 1)
    chain.append(What.DELETED, 43, 1, until_serial=60)
    assert recover(folder, 41).next_serial == 61
    assert recover(folder, 100).next_serial == 101


def test_foreign_files_are_named_and_left_alone(folder):
    path = unfinished(folder, FRAGMENTS, 1)
    other_recorder = recover_recording(folder, 0, uuid.UUID(int=7), SIGNER, NOW_NS)
    assert "recorder 99999999" in other_recorder.notes[0]
    moved = folder.segment_path(5, NOW_NS)
    shutil.copy(path, moved)
    foreign = [folder.path / "notes.txt", folder.thousand(1) / "holiday.mp4", folder.segment_path(6, NOW_NS)]
    for one in foreign:
        one.write_bytes(b"not ours")
    before = {one: one.read_bytes() for one in [moved, *foreign]}
    found = recover(folder)
    assert {one: one.read_bytes() for one in before} == before
    assert [segment.serial for segment in found.segments] == [1]
    assert len(found.notes) == 4
    for one in before:
        assert any(str(one) in note for note in found.notes)
    assert "serial 1 where 5 is expected" in "".join(found.notes)
    assert found.next_serial == 7


def test_the_file_of_another_recording(folder, tmp_path):
    (tmp_path / "other").mkdir()
    other = recording_folder(tmp_path / "other")
    path = unfinished(other, FRAGMENTS)
    renamed = other.path.rename(other.path.with_name(str(uuid.UUID(int=8))))
    moved = renamed / path.relative_to(other.path)
    found = recover_recording(type(other)(renamed), 0, RECORDER, SIGNER, NOW_NS)
    assert "recording 11111111" in found.notes[0]
    assert moved.exists()


def test_a_file_that_cannot_be_opened_costs_itself_only(folder, monkeypatch):
    unfinished(folder, FRAGMENTS, 1)
    unfinished(folder, FRAGMENTS, 2)
    opening = os.open

    def refuse(path, *arguments):
        if "00000001-" in str(path):
            raise PermissionError(13, "Permission denied")
        return opening(path, *arguments)

    monkeypatch.setattr(os, "open", refuse)
    found = recover(folder)
    assert [segment.serial for segment in found.segments] == [2]
    assert "Permission denied, left as it is" in found.notes[0]


def test_a_full_disk_is_tried_again_at_the_next_start(folder, monkeypatch):
    path = unfinished(folder, FRAGMENTS)
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda *arguments: (_ for _ in ()).throw(OSError(28, "No space left")))
    found = recover(folder)
    assert (found.segments, len(found.notes)) == ([], 1)
    monkeypatch.setattr(os, "pwrite", pwrite)
    found = recover(folder)
    assert readable(path) == [6, 6]
    assert_in_order(folder, found)


def test_a_recording_that_is_not_there(folder):
    shutil.rmtree(folder.path)
    found = recover(folder, 7)
    assert (found.segments, found.notes, found.next_serial) == ([], [], 8)


# Killed between any two steps: by an exception that nothing of ours catches, at the n-th call that reaches the disk.


class Killed(BaseException):
    """As if by SIGKILL."""


class Disk:
    """Counts what reaches the disk, and kills before the n-th of it; a write may also be torn in its middle."""

    CALLS = ("pwrite", "pwritev", "ftruncate", "fsync", "fdatasync", "unlink", "rmdir", "mkdir")

    def __init__(self, monkeypatch, kill_at, *, torn=False):
        self.calls = []
        self._kill_at = kill_at
        self._torn = torn
        self._monkeypatch = monkeypatch
        for name in self.CALLS:
            monkeypatch.setattr(os, name, self._counted(name, getattr(os, name)))

    def _counted(self, name, call):
        def counted(*arguments, **options):
            if len(self.calls) == self._kill_at:
                if self._torn and name.startswith("pwrite"):
                    descriptor, data, offset = arguments
                    whole = b"".join(data) if name == "pwritev" else data
                    os.lseek(descriptor, offset, os.SEEK_SET)
                    os.write(descriptor, whole[: len(whole) // 2])
                raise Killed
            self.calls.append(name)
            return call(*arguments, **options)

        return counted


def killed_at_each_step(monkeypatch, tmp_path, prepare, act):
    """Yields (folder, calls that were done) after a kill before each call of `act`."""
    for torn in (False, True):
        for kill_at in range(1000):
            place = tmp_path / f"{torn}{kill_at}"
            place.mkdir()
            folder = recording_folder(place)
            prepare(folder)
            with monkeypatch.context() as patch:
                disk = Disk(patch, kill_at, torn=torn)
                try:
                    act(folder)
                except Killed:
                    killed = True
                else:
                    killed = False
            yield folder, disk.calls, killed
            if not killed:
                break
        assert kill_at > 3


def create(folder):
    """The steps of "Create" up to the row."""
    writer = start(folder, FRAGMENTS, 1)
    writer.sync()
    segment = writer.finish(CLOCK)
    writer.sync()
    writer.close()
    ChainWriter(folder, SIGNER).append(What.WRITTEN, 1, NOW_NS, digest=segment.digest)


def test_killed_while_it_creates(monkeypatch, tmp_path):
    seen = set()
    for folder, calls, killed in killed_at_each_step(monkeypatch, tmp_path, lambda folder: None, create):
        found = recover(folder)
        # mkdir, its sync, head; then each write that was done is a fragment.
        fragments = min(3, max(0, calls.count("pwritev") - 1))
        path = folder.find(1)
        assert (path is not None) == (fragments > 0)
        if path:
            assert readable(path) == [2 * fragments] * 2
        if not killed:
            assert entries(folder) == [(What.WRITTEN, 1)]
        seen.add(fragments)
        assert_in_order(folder, found)
    assert seen == {0, 1, 2, 3}


def four_segments(folder):
    chain = ChainWriter(folder, SIGNER)
    for serial in (998, 999, 1000, 1001):
        _, segment = finish(folder, FRAGMENTS, serial)
        chain.append(What.WRITTEN, serial, NOW_NS, digest=segment.digest)


def delete(folder):
    """The steps of "Delete" but for the rows."""
    ChainWriter(folder, SIGNER).append(What.DELETED, 998, NOW_NS, until_serial=1000, why="days")
    folder.unlink_segments(998, 1000)


def test_killed_while_it_deletes(monkeypatch, tmp_path):
    for folder, _, _ in killed_at_each_step(monkeypatch, tmp_path, four_segments, delete):
        found = recover(folder, 1001)
        if found.deletions:
            assert found.deletions == [(998, 1000)]
            assert serials(folder) == [1001]
            assert not folder.thousand(998).exists()
        else:
            assert serials(folder) == [998, 999, 1000, 1001]
        assert verify_chain(folder, SIGNER.public_key, found.chain) == []
        assert found.next_serial == 1002
        assert recover(folder, 1001).unlinked == []


def test_killed_while_it_recovers(monkeypatch, tmp_path):
    def crashed(folder):
        four_segments(folder)
        folder.find(1001).unlink()
        ChainWriter(folder, SIGNER).append(What.DELETED, 998, NOW_NS, why="days")
        torn = unfinished(folder, FRAGMENTS, 1002)
        torn.write_bytes(torn.read_bytes()[:-5])
        empty = unfinished(folder, FRAGMENTS, 1003)
        empty.write_bytes(empty.read_bytes()[:300])
        with (folder.thousand(1000) / CHAIN).open("ab") as file:
            file.write(b'{"torn')

    for folder, _, _ in killed_at_each_step(monkeypatch, tmp_path, crashed, lambda folder: recover(folder, 1001)):
        found = recover(folder, 1001)
        assert serials(folder) == [999, 1000, 1002]
        assert readable(folder.find(1002)) == [4, 4]
        assert found.deletions == [(998, 998)]
        assert found.next_serial >= 1003
        assert verify_chain(folder, SIGNER.public_key, found.chain) == []
        assert [segment.serial for segment in found.segments] == [1002]


# The chain has told of a segment already: its row alone is missing.


def told(folder, change):
    path, segment = finish(folder, FRAGMENTS)
    ChainWriter(folder, SIGNER).append(What.WRITTEN, 1, NOW_NS, digest=segment.digest)
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    found = recover(folder)
    assert path.read_bytes() == data
    assert entries(folder) == [(What.WRITTEN, 1)]
    return segment, found


def flip(data, at):
    data[at] ^= 1


def test_a_row_that_is_missing(folder):
    segment, found = told(folder, lambda data: None)
    assert (found.segments, found.notes) == ([segment], [])


def test_a_segment_that_lost_its_footer_is_taken_by_its_fragments(folder):
    segment, found = told(folder, lambda data: flip(data, -1))
    assert found.segments == [segment]
    assert "no footer, left as it is" in found.notes[0]


def test_a_segment_that_was_changed_is_named(folder):
    _, found = told(folder, lambda data: data.__setitem__(slice(data.index(b"prft") - 4, None), b""))
    assert found.segments == []
    assert any("was changed after it was written" in note for note in found.notes)


def test_a_told_segment_with_a_damaged_head(folder):
    _, found = told(folder, lambda data: flip(data, 70))
    assert found.segments == []
    assert "left as it is" in found.notes[0]


def test_deletions_are_merged(folder):
    chain = ChainWriter(folder, SIGNER)
    for first, last in ((5, 6), (1, 2), (3, 3), (9, 9), (2, 4)):
        chain.append(What.DELETED, first, NOW_NS, until_serial=last)
    assert recover(folder, 20).deletions == [(1, 6), (9, 9)]


def test_a_forged_deletion_is_not_carried_out(folder):
    path, segment = finish(folder, FRAGMENTS)
    ChainWriter(folder, SIGNER).append(What.WRITTEN, 1, NOW_NS, digest=segment.digest)
    ChainWriter(folder, KeySigner(bytes(32))).append(What.DELETED, 1, NOW_NS)
    recover(folder, 1)
    assert path.exists()


def test_seals_are_found_over_the_edge_of_a_block(folder, monkeypatch):
    fragments = [small_fragment(number) for number in range(20)]
    path = unfinished(folder, fragments)
    data = bytearray(path.read_bytes())
    data[data.index(b"moof") + 2] ^= 1
    path.write_bytes(data)
    for size in (57, 64, 999):
        monkeypatch.setattr(recovery, "_BLOCK_BYTES", size)
        assert "with footage behind it" in recover(folder).notes[0]
