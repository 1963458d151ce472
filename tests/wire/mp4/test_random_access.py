"""`mfra` both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import DamagedError
from bridge.wire.mp4.random_access import RandomAccess, mfra, parse_mfra

# (bytes, tracks); read in both directions
TABLE = [
    ("00000018 6d667261 00000010 6d66726f 00000000 00000018", []),
    (
        """00000046 6d667261
           0000002e 74667261 01000000 00000002 00000003 00000001  0000000100000000 0000000000000abc 01 01 00000003
           00000010 6d66726f 00000000 00000046""",
        [(2, [RandomAccess(1 << 32, 0xABC, 1, 3)])],
    ),
]

_U32, _U64 = st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 64) - 1)
_ENTRIES = st.lists(st.builds(RandomAccess, _U64, _U64, st.integers(0, 255), _U32), max_size=5)


@pytest.mark.parametrize(("data", "tracks"), TABLE)
def test_both_directions(data, tracks):
    assert mfra(tracks) == bytes.fromhex(data)
    assert parse_mfra(bytes.fromhex(data)) == tracks


@given(st.lists(st.tuples(_U32, _ENTRIES), max_size=3), st.binary(max_size=9))
def test_what_is_written_is_read_back(tracks, before):
    written = mfra(tracks)
    assert parse_mfra(memoryview(before + written + b"behind"), len(before)) == tracks
    assert int.from_bytes(written[-4:], "big") == len(written), "found from the end of the file"


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"mfra", b"mfro"), (b"tfra\1", b"tfra\0"), (b"\0\0\0\3\0", b"\0\0\0\0\0"), (b"\0\0\0\1\0", b"\0\0\0\2\0")],
)
def test_damage(old, new):
    good = mfra([(9, [RandomAccess(0, 5)])])
    assert old in good
    with pytest.raises(DamagedError):
        parse_mfra(good.replace(old, new, 1))


@given(st.binary(max_size=99), st.integers(0, 70), st.integers(0, 9))
def test_any_bytes_give_entries_or_damage(data, at, gone):
    good = bytes.fromhex(TABLE[1][0])
    for damaged in (data, good[:at] + data + good[at + gone :]):
        try:
            tracks = parse_mfra(damaged)
        except DamagedError:
            continue
        assert parse_mfra(mfra(tracks)) == tracks
