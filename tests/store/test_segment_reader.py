import os
from contextlib import closing

import pytest

from bridge.base.errors import DamagedError
from bridge.store import segment_reader
from bridge.store.segment_reader import SegmentReader
from bridge.store.segment_writer import FragmentUnits
from tests.store.segments import (
    CLOCK,
    TRACKS,
    finish,
    real_fragments,
    recording_folder,
    small_fragment,
    start,
    unfinished,
    unit,
    units_of,
)

FRAGMENTS = [small_fragment(number) for number in range(3)]


@pytest.fixture
def folder(tmp_path):
    return recording_folder(tmp_path)


@pytest.fixture
def reads(monkeypatch):
    """(size, offset) of every read."""
    seen, pread = [], os.pread
    monkeypatch.setattr(os, "pread", lambda *arguments: seen.append(arguments[1:]) or pread(*arguments))
    return seen


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
def test_units_come_back_bit_for_bit(folder, encoder):
    tracks, fragments = real_fragments(encoder, b_frames=2)
    path, _ = finish(folder, fragments, tracks=tracks)
    with closing(SegmentReader.open(path)) as reader:
        assert reader.tracks == tracks
        for track in range(2):
            expected = units_of(fragments, track)
            assert reader.read(track, 0, len(expected)) == expected
            assert [one.arrived_ns for one in reader.read(track, 3, 6)] == [0, 0, 0]
            assert reader.read(track, 5, 6) == expected[5:6]
            assert reader.read(track, 5, 5) == []


def test_the_clock_comes_with_the_footer(folder):
    path, _ = finish(folder, FRAGMENTS)
    with closing(SegmentReader.open(path)) as reader:
        assert reader.clock == CLOCK
        assert (reader.header.serial, reader.path) == (1, path)


def test_neighbours_come_with_one_read(folder, reads):
    # Ten pictures in a fragment, sound behind them.
    path, _ = finish(folder, [small_fragment(number, pictures=10) for number in range(2)])
    with closing(SegmentReader.open(path)) as reader:
        reads.clear()
        reader.read(0, 0, 10)
        assert len(reads) == 1
        reader.read(0, 5, 15)
        assert len(reads) == 3
        reader.read(1, 0, 20)
        assert len(reads) == 5


def test_a_read_is_bounded(folder, reads, monkeypatch):
    fragment = small_fragment(0, pictures=10)
    path, _ = finish(folder, [fragment])
    with closing(SegmentReader.open(path)) as reader:
        reads.clear()
        monkeypatch.setattr(segment_reader, "MAX_READ_BYTES", 50)
        assert reader.read(0, 0, 10) == units_of([fragment], 0)
        assert len(reads) > 3
        # A sample that is larger by itself is read whole.
        monkeypatch.setattr(segment_reader, "MAX_READ_BYTES", 1)
        reads.clear()
        assert reader.read(0, 0, 10) == units_of([fragment], 0)
        assert len(reads) == 10


def test_a_segment_is_read_while_it_is_written(folder):
    writer = start(folder, FRAGMENTS[:1])
    with closing(SegmentReader.live(writer.path, writer.header, writer.tracks, writer.index)) as reader:
        assert reader.read(0, 0, 2) == units_of(FRAGMENTS[:1], 0)
        with pytest.raises(IndexError):
            reader.read(0, 0, 3)
        writer.append(FRAGMENTS[1])
        assert reader.read(0, 0, 4) == units_of(FRAGMENTS[:2], 0)
        assert reader.read(1, 2, 4) == units_of(FRAGMENTS[1:2], 1)
        writer.finish(CLOCK)
        writer.close()
        assert reader.read(0, 0, 4) == units_of(FRAGMENTS[:2], 0)
        assert reader.clock is None


def test_a_deleted_segment_is_read_on(folder):
    path, _ = finish(folder, FRAGMENTS)
    with closing(SegmentReader.open(path)) as reader:
        path.unlink()
        assert reader.read(0, 0, 6) == units_of(FRAGMENTS, 0)
    with pytest.raises(FileNotFoundError):
        SegmentReader.open(path)


def test_without_a_footer_what_is_whole_is_read(folder):
    path = unfinished(folder, FRAGMENTS)
    path.write_bytes(path.read_bytes()[:-10])
    with closing(SegmentReader.open(path)) as reader:
        assert reader.clock is None
        assert reader.read(0, 0, len(reader.index.tracks[0])) == units_of(FRAGMENTS[:2], 0)
        assert reader.read(1, 0, len(reader.index.tracks[1])) == units_of(FRAGMENTS[:2], 1)


def test_a_damaged_footer_costs_nothing_but_a_walk(folder):
    path, _ = finish(folder, FRAGMENTS)
    data = bytearray(path.read_bytes())
    data[-150] ^= 0xFF
    data[-1] ^= 0x01
    path.write_bytes(data)
    with closing(SegmentReader.open(path)) as reader:
        assert reader.read(0, 0, 6) == units_of(FRAGMENTS, 0)


def test_a_damaged_head_is_named_with_its_file(folder):
    path, _ = finish(folder, FRAGMENTS)
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DamagedError, match=f"{path.name}: ftyp, header and moov"):
        SegmentReader.open(path)


def test_a_file_that_was_cut_behind_its_index(folder):
    writer = start(folder, FRAGMENTS)
    os.truncate(writer.path, writer.index.tracks[0].at[5] + 3)
    with (
        closing(SegmentReader.live(writer.path, writer.header, TRACKS, writer.index)) as reader,
        pytest.raises(DamagedError, match="ends inside a sample") as caught,
    ):
        reader.read(0, 5, 6)
    assert caught.value.offset == writer.index.tracks[0].at[5] + 3
    writer.close()


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff", b"\0\0\0\x30", b"\0\0\0\x01"])
def test_lengths_of_nal_units_that_do_not_add_up(folder, length):
    path, _ = finish(folder, [FragmentUnits([unit(0, 0, parts=(b"NALUNIT",)), unit(0, 3600, key=False)])])
    data = path.read_bytes()
    path.write_bytes(data.replace(b"\0\0\0\x07NALUNIT", length + b"NALUNIT"))
    with closing(SegmentReader.open(path)) as reader:
        with pytest.raises(DamagedError, match="longer than its sample"):
            reader.read(0, 0, 1)
        assert reader.read(0, 1, 2)[0].parts == (b"0:3600",)


@pytest.mark.parametrize(("first", "until"), [(-1, 2), (2, 1), (0, 7), (7, 7)])
def test_samples_that_are_not_there(folder, first, until):
    path, _ = finish(folder, FRAGMENTS)
    with closing(SegmentReader.open(path)) as reader, pytest.raises(IndexError, match="which has 6"):
        reader.read(0, first, until)


def test_empty_units_and_empty_nal_units(folder):
    units = [unit(0, 0, parts=()), unit(0, 3600, parts=(b"", b"a", b"")), unit(1, 0, parts=(b"",))]
    path, _ = finish(folder, [FragmentUnits(units)])
    with closing(SegmentReader.open(path)) as reader:
        assert reader.read(0, 0, 2) == units[:2]
        assert reader.read(1, 0, 1) == units[2:]
