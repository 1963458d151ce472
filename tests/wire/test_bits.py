"""Bit fields and Exp-Golomb numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.wire.bits import MAX_RBSP_BYTES, BitReader, unescape


def bits(text: str) -> bytes:
    text = text.replace(" ", "")
    return int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big")


def golomb(number: int) -> str:
    binary = f"{number + 1:b}"
    return "0" * (len(binary) - 1) + binary


@pytest.mark.parametrize(
    ("text", "unsigned", "signed"),
    [("1", 0, 0), ("010", 1, 1), ("011", 2, -1), ("00100", 3, 2), ("00101", 4, -2), ("00110", 5, 3), ("00111", 6, -3)],
)
def test_exp_golomb_as_in_the_standard(text, unsigned, signed):
    assert BitReader(bits(text), name="x").ue() == unsigned
    assert BitReader(bits(text), name="x").se() == signed


@given(st.lists(st.integers(0, (1 << 32) - 2), max_size=20))
def test_a_row_of_numbers(numbers):
    reader = BitReader(bits("".join(map(golomb, numbers)) + "1"), name="x")
    assert [reader.ue() for _ in numbers] == numbers


@given(st.binary(min_size=1, max_size=40), st.data())
def test_fields_tile_the_data(data, draw):
    reader = BitReader(data, name="x")
    text = ""
    while reader.left:
        count = draw.draw(st.integers(1, reader.left))
        text += f"{reader.bits(count):0{count}b}"
    assert bits(text) == data


def test_bounds():
    reader = BitReader(b"\xff\x00\x00\x00\x00\x00", name="SPS", first_byte=1)
    with pytest.raises(RemoteProtocolError, match="SPS"):
        BitReader(b"\xff", name="SPS").bits(9)
    with pytest.raises(RemoteProtocolError, match="SPS"):
        BitReader(b"\xff", name="SPS").skip(9)
    with pytest.raises(RemoteProtocolError, match="more than 32 bits"):
        reader.ue()
    with pytest.raises(RemoteProtocolError, match="count is 3; at most 2"):
        BitReader(bits(golomb(3)), name="SPS").ue_up_to(2, "count")


def test_emulation_prevention_is_removed_within_bounds():
    assert unescape(bytes.fromhex("67 000003 00 000003 01 0003")) == bytes.fromhex("67 0000 00 0000 01 0003")
    assert len(unescape(b"\1" * (MAX_RBSP_BYTES + 1))) == MAX_RBSP_BYTES
