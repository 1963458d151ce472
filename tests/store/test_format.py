import struct
import zlib
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import DamagedError
from bridge.store import format as stored
from bridge.store.format import ClockFacts, KeyTable, SegmentHeader, Summary
from bridge.store.sample_index import DAMAGED, KEY, SampleIndex
from bridge.wire.mp4 import boxes
from bridge.wire.mp4.fragment import DAMAGED as DAMAGED_FLAG
from bridge.wire.mp4.fragment import DELTA_FLAGS, KEY_FLAGS, TrackRun
from bridge.wire.mp4.random_access import RandomAccess
from tests.store.segments import AUDIO, TRACKS, VIDEO

HEADER = SegmentHeader(UUID(int=1), UUID(int=2), 42_137, 42_001, (-5, 1 << 40), True)
HEAD = stored.encode_head(HEADER, TRACKS)
SEALS = (b"a" * 32, b"b" * 32)
COLUMNS = ("utc_ns", "media_time", "dts", "at", "size", "flags", "keys")


def index_of(*tracks):
    index = SampleIndex(len(tracks))
    for samples, columns in zip(index.tracks, tracks, strict=True):
        samples.extend(*columns)
    return index


SMALL = index_of(
    ([100, 140, 120], [7, 9, 8], [6, 7, 8], [1000, 1010, 2000], [10, 20, 30], [KEY, 0, DAMAGED]),
    ([90], [-4], [-4], [1030], [0], [KEY | DAMAGED]),
)


def same(one, other):
    return len(one.tracks) == len(other.tracks) and all(
        getattr(a, column) == getattr(b, column)
        for a, b in zip(one.tracks, other.tracks, strict=True)
        for column in COLUMNS
    )


@pytest.mark.parametrize("header", [HEADER, replace(HEADER, starts_with_key=False, key_id=UUID(int=(1 << 128) - 1))])
def test_the_head_both_ways(header):
    data = stored.encode_head(header, TRACKS)
    assert stored.head_bytes(data + b"behind") == len(data)
    assert stored.decode_head(data) == (header, TRACKS, data)
    assert [found.kind for found in boxes.read_boxes(data)] == [b"ftyp", b"uuid", b"moov"]


def test_the_header_byte_by_byte():
    header = list(boxes.read_boxes(HEAD))[1]
    assert HEAD[header.content : header.end - 32] == bytes.fromhex(
        """0001 0001 00000000000000000000000000000001 00000000000000000000000000000002
           000000000000a499 000000000000a411 00000000000000000000000000000000
           0002 fffffffffffffffb 0000010000000000"""
    )


def test_every_changed_byte_of_the_head_is_found():
    for at in range(len(HEAD)):
        for flip in (1, 0x80):
            changed = HEAD[:at] + bytes([HEAD[at] ^ flip]) + HEAD[at + 1 :]
            with pytest.raises(DamagedError):
                stored.decode_head(changed)


def test_a_head_that_is_cut_off():
    for size in range(len(HEAD)):
        claimed = stored.head_bytes(HEAD[:size])
        assert claimed is None or claimed > size
        with pytest.raises(DamagedError):
            stored.decode_head(HEAD[:size])


def test_a_head_beyond_all_bounds_is_not_waited_for():
    ftyp = next(boxes.read_boxes(HEAD))
    with pytest.raises(DamagedError, match="head expected"):
        stored.head_bytes(HEAD[: ftyp.end] + struct.pack("!I4s16x", stored.MAX_HEAD_BYTES, b"uuid"))


def test_another_mp4_is_no_segment():
    with pytest.raises(DamagedError, match="moov"):
        stored.head_bytes(HEAD[:28] + HEAD[list(boxes.read_boxes(HEAD))[1].end :])


def test_a_track_without_an_origin_is_refused():
    with pytest.raises(ValueError, match="2 origins for 1 tracks"):
        stored.encode_head(HEADER, TRACKS[:1])


def test_a_version_to_come_is_refused_by_its_name():
    at = list(boxes.read_boxes(HEAD))[1].content
    with pytest.raises(DamagedError, match="version 2; 1 expected"):
        stored.decode_head(HEAD[:at] + b"\0\2" + HEAD[at + 2 :])


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=30))
def test_capture_times_both_ways(times):
    data = boxes.box(b"free", b"something else") + stored.captures_box(times)
    assert stored.decode_captures(data, len(times)) == tuple(times)
    with pytest.raises(DamagedError, match="expected"):
        stored.decode_captures(data, len(times) + 1)


def test_a_run_without_capture_times_is_damaged():
    with pytest.raises(DamagedError, match="without capture times"):
        stored.decode_captures(boxes.uuid_box(stored.SEAL_TYPE, bytes(8)), 1)


@pytest.mark.parametrize("flags", [0, KEY, DAMAGED, KEY | DAMAGED])
def test_flags_both_ways(flags):
    assert stored.sample_flags([stored.TRUN_FLAGS[flags]]) == [flags]


@pytest.mark.parametrize("clock", [ClockFacts(), ClockFacts(0, "synchronous"), ClockFacts(-(1 << 62), "unsteady")])
def test_the_index_both_ways(clock):
    data = stored.encode_index(SMALL, SEALS, clock)
    assert stored.index_bytes(data) == len(data)
    footer = stored.decode_index(data)
    assert same(footer.index, SMALL)
    assert (footer.seals, footer.clock) == (SEALS, clock)


INT64 = st.integers(-(1 << 60), 1 << 60)
INT32 = st.integers(-(1 << 31) + 1, (1 << 31) - 1)
SAMPLES = st.lists(
    st.tuples(INT64, INT64, INT32, st.integers(0, 1 << 50), st.integers(0, (1 << 32) - 1)),
    max_size=20,
)


@given(st.lists(SAMPLES, max_size=3), st.lists(st.binary(min_size=32, max_size=32), max_size=4))
def test_any_index_both_ways(tracks, seals):
    index = index_of(
        *(
            (
                [one[0] for one in rows],
                [one[1] for one in rows],
                [one[1] - one[2] for one in rows],
                [one[3] for one in rows],
                [one[4] for one in rows],
                [one[4] % 4 for one in rows],
            )
            for rows in tracks
        )
    )
    footer = stored.decode_index(stored.encode_index(index, seals, ClockFacts()))
    assert same(footer.index, index)
    assert footer.seals == tuple(seals)
    if tracks:
        summary = stored.summarize_index(stored.encode_index(index, seals, ClockFacts(1, "offset")), len(tracks), 0)
        assert summary == Summary(tuple(seals), index.span(0) if len(index) else None)


def test_a_changed_byte_of_the_index_is_harmless_or_found():
    data = stored.encode_index(SMALL, SEALS, ClockFacts(5, "offset"))
    found = 0
    for at in range(len(data)):
        for flip in (1, 0x80, 0xFF):
            try:
                footer = stored.decode_index(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :])
            except DamagedError:
                found += 1
            else:
                assert same(footer.index, SMALL)
                assert (footer.seals, footer.clock) == (SEALS, ClockFacts(5, "offset"))
    assert found > 2.9 * len(data)


def test_an_index_that_is_cut_off_is_damaged():
    data = stored.encode_index(SMALL, SEALS, ClockFacts())
    for size in range(len(data)):
        with pytest.raises(DamagedError):
            stored.decode_index(data[:size])


def index_box(content, size=None):
    packed = zlib.compress(content)
    data = struct.pack("!I", len(content) if size is None else size) + packed
    return boxes.uuid_box(stored.INDEX_TYPE, data, struct.pack("!I", 24 + len(data) + 4))


CLOCK = struct.pack("!BqH", 0, 0, 0)
FIXED = bytes(8 + 8 + 4 + 8 + 4)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "11 bytes expected"),
        (struct.pack("!BqH", 0, 0, 2) + b"\xff\xff" + bytes(6), "no UTF-8"),
        (CLOCK + struct.pack("!I", 1 << 30), "are left"),
        (CLOCK + bytes(4) + struct.pack("!HI", 1, 1 << 31), "are left"),
        (CLOCK + bytes(4) + struct.pack("!H", 9), "are left"),
        (CLOCK + bytes(4 + 2) + b"more", "4 bytes behind its end"),
        (CLOCK + bytes(4) + struct.pack("!HI", 1, 1) + FIXED + b"\x04", "sample flags 4"),
        (CLOCK + bytes(4) + struct.pack("!HI", 1, 1) + bytes(20) + b"\xff" * 8 + bytes(4) + b"\0", "beyond 64 bits"),
    ],
)
def test_nonsense_in_an_index_is_named(content, text):
    with pytest.raises(DamagedError, match=text):
        stored.decode_index(index_box(content))
    if "expected" in text or "are left" in text:
        with pytest.raises(DamagedError, match=f"{text}|index of 9 tracks; moov has 1"):
            stored.summarize_index(index_box(content), 1, 0)


def test_an_index_cannot_grow_in_memory_beyond_what_it_says():
    with pytest.raises(DamagedError, match="at most"):
        stored.decode_index(index_box(b"", stored.MAX_INDEX_BYTES + 1))
    with pytest.raises(DamagedError, match="11 bytes; 10 expected"):
        stored.decode_index(index_box(bytes(50_000_000), 10))


def test_key_frames_of_video_and_nothing_of_audio():
    keys = KeyTable(TRACKS)
    video = TrackRun(1, 100, (10, 10, 10), (1, 1, 1), (KEY_FLAGS, DELTA_FLAGS, KEY_FLAGS | DAMAGED_FLAG), (5, 0, -500))
    audio = TrackRun(2, 0, (1,), (1,), (KEY_FLAGS,), (0,))
    keys.add([audio, video], 4000)
    assert keys.entries() == [(1, [RandomAccess(105, 4000, 2, 1), RandomAccess(0, 4000, 2, 3)])]


def test_without_video_the_first_sample_of_each_fragment():
    keys = KeyTable((AUDIO, AUDIO))
    for number in range(2):
        keys.add([TrackRun(1, number * 20, (10, 10), (1, 1), (KEY_FLAGS, KEY_FLAGS), (0, 0))], number * 1000)
    assert keys.entries() == [(1, [RandomAccess(0, 0), RandomAccess(20, 1000)])]


@pytest.mark.parametrize(("tracks", "lead"), [((VIDEO, AUDIO), 0), ((AUDIO, VIDEO), 1), ((AUDIO,), 0), ((), 0)])
def test_video_leads(tracks, lead):
    assert stored.lead_of(tracks) == lead
