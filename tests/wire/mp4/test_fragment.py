"""Fragments both ways."""

import struct
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import DamagedError
from bridge.base.time import parse_utc
from bridge.wire.mp4 import boxes, fragment
from bridge.wire.mp4.fragment import DAMAGED, DELTA_FLAGS, KEY_FLAGS, TrackRun

EXTRA = boxes.uuid_box(bytes(16), b"times")

# (bytes, runs); read in both directions
TABLE = {
    "two pictures, all columns": (
        """00000078 6d6f6f66  00000010 6d666864 00000000 00000007
           00000060 74726166  00000010 74666864 00020000 00000001
                              00000014 74666474 01000000 000000010000000a
                              00000034 7472756e 01000f01 00000002 00000080
                              00000e10 00000005 02000000 00000000
                              00000e11 00000003 01010001 fffffff6""",
        [TrackRun(1, (1 << 32) + 10, (3600, 3601), (5, 3), (KEY_FLAGS, DELTA_FLAGS | DAMAGED), (0, -10))],
    ),
    "sound: what is equal is said once": (
        """00000068 6d6f6f66  00000010 6d666864 00000000 00000007
           00000050 74726166  00000018 74666864 00020028 00000002 00000400 02000000
                              00000014 74666474 01000000 0000000000000000
                              0000001c 7472756e 01000201 00000002 00000070 00000009 00000008""",
        [TrackRun(2, 0, (1024, 1024), (9, 8), (KEY_FLAGS, KEY_FLAGS), (0, 0))],
    ),
    "nothing": ("00000018 6d6f6f66  00000010 6d666864 00000000 00000007", []),
}
TWO_RUNS = [
    TrackRun(1, 5, (3600, 3600), (5, 3), (KEY_FLAGS, DELTA_FLAGS), (0, 0), EXTRA),
    TrackRun(2, 9, (1024, 1023, 1024), (9, 8, 7), (KEY_FLAGS, KEY_FLAGS, KEY_FLAGS), (0, 0, 0), EXTRA + EXTRA),
]

_U32, _S32, _U64 = st.integers(0, (1 << 32) - 1), st.integers(-(1 << 31), (1 << 31) - 1), st.integers(0, (1 << 64) - 1)


@st.composite
def track_runs(draw):
    count = draw(st.integers(1, 8))

    def column(numbers):
        same = st.builds(lambda number: (number,) * count, numbers)
        return draw(same | st.lists(numbers, min_size=count, max_size=count).map(tuple))

    sizes = column(st.integers(0, 1 << 26))
    extra = b"".join(draw(st.lists(st.sampled_from([EXTRA, boxes.box(b"free")]), max_size=2)))
    offsets = column(_S32 | st.just(0))
    return TrackRun(draw(_U32), draw(_U64), column(_U32), sizes, column(_U32), offsets, extra)


@pytest.mark.parametrize(("data", "runs"), TABLE.values(), ids=TABLE.keys())
def test_both_directions(data, runs):
    assert fragment.moof(7, runs) == bytes.fromhex(data)
    assert fragment.parse_moof(bytes.fromhex(data)) == (7, runs)


@given(_U32, st.lists(track_runs(), max_size=3), st.binary(max_size=5))
def test_what_is_written_is_read_back(sequence, runs, before):
    data = before + fragment.moof(sequence, runs)
    assert fragment.parse_moof(memoryview(data + b"behind"), len(before)) == (sequence, runs)


def test_samples_lie_run_by_run_in_the_mdat_behind():
    moof = fragment.moof(1, TWO_RUNS)
    _, runs = fragment.parse_moof(moof)
    assert [run.data_at for run in runs] == [len(moof) + 8, len(moof) + 8 + 5 + 3]
    assert len(fragment.mdat_header(32)) == fragment.MDAT_HEADER_BYTES
    assert fragment.mdat_header(32) == bytes.fromhex("00000028 6d646174")
    with pytest.raises(ValueError, match="fit an mdat"):
        fragment.mdat_header(1 << 32)


@pytest.mark.parametrize(
    "changed",
    [{"durations": (1,)}, {"flags": (0, 0, 0)}, {"offsets": ()}, {"sizes": ()}, {"sizes": (1,)}],
)
def test_columns_of_different_length_are_our_defect(changed):
    with pytest.raises(ValueError, match="samples with columns"):
        fragment.moof(1, [replace(TWO_RUNS[0], **changed)])


@pytest.mark.parametrize(
    "changed", [{"offsets": (0, 1 << 31)}, {"sizes": (1, -1)}, {"durations": (0, 1 << 32)}, {"decode_time": -1}]
)
def test_numbers_that_do_not_fit_are_our_defect(changed):
    with pytest.raises(struct.error):
        fragment.moof(1, [replace(TWO_RUNS[0], **changed)])


GOOD = fragment.moof(7, TWO_RUNS)

# (what stands there, what is put in its place, what the error says)
DAMAGE = {
    "another box": (b"moof", b"moov", "b'moov' where b'moof' is expected"),
    "no sequence": (b"mfhd", b"mfhx", "moof does not begin with mfhd"),
    "a run without decode time": (b"tfdt", b"tfdx", "tfhd, tfdt, one trun"),
    "two runs of samples": (b"uuid" + bytes(16), b"trun" + bytes(16), "tfhd, tfdt, one trun"),
    "offsets that count from the file": (b"tfhd\0\2\0", b"tfhd\0\0\0", "which we do not write"),
    "decode time of 32 bits": (b"tfdt\1", b"tfdt\0", "tfdt of version 0"),
    "unsigned offsets": (b"trun\1", b"trun\0", "trun of version 0"),
    "no sizes": (b"trun\1\0\6\1", b"trun\1\0\4\1", "which we do not write"),
    "flags of the first sample": (b"trun\1\0\6\1", b"trun\1\0\6\5", "which we do not write"),
    "more columns than bytes": (b"trun\1\0\6\1", b"trun\1\0\x0e\1", "2 samples in 16 bytes, 12 each"),
    "more samples than bytes": (b"trun\1\0\6\1\0\0\0\2", b"trun\1\0\6\1\xff\xff\xff\xff", "4294967295 samples"),
    "no samples": (b"trun\1\0\6\1\0\0\0\2", b"trun\1\0\6\1\0\0\0\0", "0 samples"),
    "flags nowhere": (b"trun\1\0\6\1", b"trun\1\0\x0a\1", "neither tfhd nor trun"),
    "another size": (b"\0\0\0\5\2\0", b"\0\0\0\6\2\0", "data_offset"),
}


@pytest.mark.parametrize(("old", "new", "says"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_named(old, new, says):
    assert old in GOOD
    with pytest.raises(DamagedError, match=says):
        fragment.parse_moof(GOOD.replace(old, new, 1))


def test_a_moof_that_is_cut_is_damage():
    for size in range(len(GOOD)):
        with pytest.raises(DamagedError):
            fragment.parse_moof(GOOD[:size])


def test_memory_is_bounded_by_the_bytes():
    """The most samples that bytes can tell: sizes alone, everything else said once."""
    count = 100_000
    data = fragment.moof(1, [TrackRun(1, 0, (1,) * count, (2,) * count, (3,) * count, (0,) * count)])
    assert len(data) < 4 * count + 200
    tracemalloc.start()
    try:
        fragment.parse_moof(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * len(data)


def test_wall_time_of_a_fragment():
    utc_ns = parse_utc("2026-11-24T17:32:37.5Z")
    written = fragment.prft(1, utc_ns, 1 << 40)
    assert written == bytes.fromhex("00000020 70726674 01000018 00000001 eeb048b5 80000000 00000100 00000000")
    assert fragment.parse_prft(b"x" + written, 1) == (1, utc_ns, 1 << 40)
    with pytest.raises(DamagedError, match="prft of version 0"):
        fragment.parse_prft(written.replace(b"prft\1", b"prft\0"))


@given(_U32, st.integers(0, 4_000_000_000 * 10**9), _U64)
def test_wall_time_keeps_the_nanosecond_up_to_one(track_id, utc_ns, media_time):
    read = fragment.parse_prft(fragment.prft(track_id, utc_ns, media_time))
    assert (read[0], read[2]) == (track_id, media_time)
    assert abs(read[1] - utc_ns) <= 1


@given(st.binary(max_size=300), st.integers(0, len(GOOD)), st.integers(0, 40))
def test_any_bytes_give_runs_or_damage(data, at, gone):
    for damaged in (data, GOOD[:at] + data + GOOD[at + gone :]):
        try:
            sequence, runs = fragment.parse_moof(damaged)
        except DamagedError:
            continue
        assert fragment.parse_moof(fragment.moof(sequence, runs)) == (sequence, runs)


@given(
    st.integers(0, 0xFFFFFFFF),
    st.integers(1, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFFFFFFFFFF),
    st.integers(-(1 << 31), (1 << 31) - 1),
    st.integers(0, 0xFFFFFFFF),
    st.sampled_from([fragment.KEY_FLAGS, fragment.DELTA_FLAGS]),
    st.integers(0, 0xFFFFFFF0),
)
def test_a_sample_alone_is_what_the_general_way_tells(sequence, track, time, offset, duration, flags, size):
    head = fragment.head_of_one(sequence, track, time, offset, duration, flags, size)
    run = fragment.TrackRun(track, time, (duration,), (size,), (flags,), (offset,))
    assert fragment.parse_moof(head) == (sequence, [run])
    assert head[-8:] == fragment.mdat_header(size)
