"""The head of a fragmented file both ways."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.errors import DamagedError
from bridge.wire.mp4 import boxes
from bridge.wire.mp4.init import init, parse_moov
from tests.wire.mp4.test_entries import TRACKS


@pytest.mark.parametrize("tracks", [(), tuple(TRACKS.values()), (TRACKS["H.264"],)])
def test_tracks_are_read_back(tracks):
    ftyp, moov = init(tracks)
    assert parse_moov(memoryview(moov + b"behind")) == tracks
    assert [found.kind for found in boxes.read_boxes(ftyp + moov)] == [b"ftyp", b"moov"]


_TKHD = b"tkhd\1\0\0\3" + bytes(16)
GOOD = init([TRACKS["mu-law"]])[1]

# (what stands there, what is put in its place, what the error says)
DAMAGE = {
    "another box": (b"moov", b"moof", "b'moof' where b'moov' is expected"),
    "an id that is not ours": (_TKHD + b"\0\0\0\1", _TKHD + b"\0\0\0\3", "track_ID 3; 1 expected"),
    "times of 32 bits": (b"mdhd\1", b"mdhd\0", "b'mdhd' of version 0; 1 expected"),
    "a clock that stands": (b"\0\0\x1f\x40" + bytes(8) + b"\x55", bytes(12) + b"\x55", "timescale is 0"),
    "no table of samples": (b"stbl", b"stbx", "b'minf' without b'stbl'"),
    "two entries": (b"stsd\0\0\0\0\0\0\0\1", b"stsd\0\0\0\0\0\0\0\2", "2 sample entries; 1 expected"),
    "an unknown entry": (b"ulaw", b"samr", "sample entry b'samr'"),
}


@pytest.mark.parametrize(("old", "new", "says"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_named(old, new, says):
    assert old in GOOD
    with pytest.raises(DamagedError, match=says):
        parse_moov(GOOD.replace(old, new, 1))


def test_a_table_without_an_entry():
    entry = GOOD.index(b"ulaw") - 4
    size = int.from_bytes(GOOD[entry : entry + 4], "big")
    stsd = entry - 16
    header = (int.from_bytes(GOOD[stsd : stsd + 4], "big") - size).to_bytes(4, "big")
    # What was the entry is a box beside its table now.
    with pytest.raises(DamagedError, match="stsd without a sample entry"):
        parse_moov(GOOD[:stsd] + header + GOOD[stsd + 4 :])


def test_what_players_are_told():
    """Sizes beyond 16 bits cannot be: they are cut, as the parameter sets say them."""
    huge = replace(TRACKS["H.264"], width=99_999, parameter_sets=())
    (read,) = parse_moov(init([huge])[1])
    assert (read.width, read.height) == (65_535, 240)


def test_a_moov_that_is_cut_is_damage():
    _, moov = init(tuple(TRACKS.values()))
    for size in range(len(moov)):
        with pytest.raises(DamagedError):
            parse_moov(moov[:size])


@settings(max_examples=300)
@given(st.integers(0, 3000), st.binary(max_size=6))
def test_any_damage_gives_tracks_or_damage(at, new):
    _, moov = init(tuple(TRACKS.values()))
    with contextlib.suppress(DamagedError):
        parse_moov(moov[:at] + new + moov[at + len(new) :])
