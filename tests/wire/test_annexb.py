"""NAL units in a byte stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.wire import annexb

TABLE = [
    (b"", ()),
    (b"\0\0\0\1\x67\x01", (b"\x67\x01",)),
    (b"\0\0\1\x67\0\0\1\x68", (b"\x67", b"\x68")),
    (b"\0\0\0\0\0\1\x67\0\0\0\0\1\x68\0\0", (b"\x67", b"\x68")),
    (b"rubbish\0\0\1\x67", (b"\x67",)),
    (b"no start code", ()),
]


@pytest.mark.parametrize(("stream", "units"), TABLE)
def test_split(stream: bytes, units: tuple[bytes, ...]) -> None:
    assert annexb.split(stream) == units


# A NAL unit holds no start code and does not end in a zero byte (H.264 7.4.1).
UNIT = st.binary(min_size=1, max_size=40).map(lambda x: x.replace(b"\0", b"\3") + b"\x80")


@given(st.lists(UNIT, max_size=6))
def test_round_trip(units: list[bytes]) -> None:
    assert annexb.split(annexb.join(units)) == tuple(units)
