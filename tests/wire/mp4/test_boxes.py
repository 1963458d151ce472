"""Boxes both ways, and walking over them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import DamagedError
from bridge.wire.mp4 import boxes
from bridge.wire.mp4.boxes import Box

USERTYPE = bytes(range(16))

# (bytes, what they are read as)
TABLE = [
    (boxes.box(b"free"), "00000008 66726565", Box(b"free", b"", 0, 8, 8)),
    (boxes.box(b"mdat", b"ab", b"c"), "0000000b 6d646174 616263", Box(b"mdat", b"", 0, 8, 11)),
    (boxes.full_box(b"tfdt", 1, 0x020304, b"x"), "0000000d 74666474 01020304 78", Box(b"tfdt", b"", 0, 8, 13)),
    (
        boxes.uuid_box(USERTYPE, b"xy"),
        "0000001a 75756964 000102030405060708090a0b0c0d0e0f 7879",
        Box(b"uuid", USERTYPE, 0, 24, 26),
    ),
]

# What cannot be a box, and what its error says.
NONSENSE = {
    "size 0, to the end of the file": (bytes.fromhex("00000000 6d646174 00"), "size is 0"),
    "zeros of a disk without power": (bytes(64), "size is 0"),
    "shorter than its header": (bytes.fromhex("00000007 6d646174"), "size is 7"),
    "a uuid without room for its usertype": (bytes.fromhex("00000017 75756964") + bytes(16), "size is 23"),
    "a large size below its header": (bytes.fromhex("00000001 6d646174 000000000000000f"), "size is 15"),
    "beyond the end": (bytes.fromhex("0000000a 6d646174 00"), "10 bytes where 9 bytes are left"),
    "half a header": (bytes.fromhex("0000000a 6d64"), "a header where 6 bytes are left"),
    "half a large header": (bytes.fromhex("00000001 6d646174 0000"), "a header where 10 bytes are left"),
    "a large size beyond everything": (bytes.fromhex("00000001 6d646174 ffffffffffffffff"), "18446744073709551615"),
}


@pytest.mark.parametrize(("written", "expected", "found"), TABLE)
def test_both_directions(written, expected, found):
    assert written == bytes.fromhex(expected)
    assert list(boxes.read_boxes(written)) == [found]
    assert boxes.read_header(written) == (found.kind, found.content, found.end)


@pytest.mark.parametrize(("data", "says"), NONSENSE.values(), ids=NONSENSE.keys())
@pytest.mark.parametrize("before", [0, 1])
def test_nonsense_is_damage(data, says, before):
    first = boxes.box(b"free") * before
    with pytest.raises(DamagedError, match=says) as raised:
        list(boxes.read_boxes(first + data))
    assert raised.value.offset == len(first)
    assert str(raised.value).endswith(f", at byte {len(first)} (ISO/IEC 14496-12 4.2)")


def test_boxes_follow_each_other_and_hold_boxes():
    inner = boxes.box(b"mfhd", b"abcd") + boxes.uuid_box(USERTYPE)
    data = b"before" + boxes.box(b"moof", inner) + boxes.box(b"mdat", b"x") + b"behind"
    outer = list(boxes.read_boxes(memoryview(data), 6, len(data) - 6))
    assert [found.kind for found in outer] == [b"moof", b"mdat"]
    assert [found.kind for found in boxes.read_boxes(data, outer[0].content, outer[0].end)] == [b"mfhd", b"uuid"]
    assert boxes.child(data, outer[0], b"uuid").usertype == USERTYPE
    assert boxes.whole_box(data, b"moof", 6) == outer[0]
    with pytest.raises(DamagedError, match=r"b'moof' without b'traf', at byte 6"):
        boxes.child(data, outer[0], b"traf")
    with pytest.raises(DamagedError, match=r"b'moof' where b'mdat' is expected"):
        boxes.whole_box(data, b"mdat", 6)
    with pytest.raises(DamagedError, match="nothing where b'mdat' is expected"):
        boxes.whole_box(b"", b"mdat")


def test_a_box_ends_where_the_one_around_it_ends():
    # The inner box reaches into what follows the outer one.
    data = boxes.box(b"moof", bytes.fromhex("0000000c 6d666864")) + bytes(8)
    outer = next(boxes.read_boxes(data))
    with pytest.raises(DamagedError, match="12 bytes where 8 bytes are left"):
        boxes.child(data, outer, b"mfhd")


def test_fields_lie_inside_their_box():
    data = boxes.full_box(b"mfhd", 1, 2, b"\0\0\0\7") + bytes(8)
    found = boxes.whole_box(data, b"mfhd")
    assert boxes.read_full(data, found) == (1, 2, 12)
    assert boxes.read_fields(struct.Struct("!I"), data, 12, found) == (7,)
    with pytest.raises(DamagedError, match="8 bytes of fields expected; 4 are left"):
        boxes.read_fields(struct.Struct("!Q"), data, 12, found)
    with pytest.raises(DamagedError, match="4 bytes of fields expected; 0 are left"):
        boxes.read_fields(struct.Struct("!I"), data, 20, found)


def test_a_large_size():
    data = struct.pack("!I4sQ", 1, b"mdat", 18) + b"ab"
    assert list(boxes.read_boxes(data)) == [Box(b"mdat", b"", 0, 16, 18)]
    assert boxes.read_header(struct.pack("!I4sQ16s", 1, b"uuid", 1 << 40, USERTYPE)) == (b"uuid", 32, 1 << 40)


@pytest.mark.parametrize(
    "header", [boxes.box(b"mdat"), boxes.uuid_box(USERTYPE), struct.pack("!I4sQ16s", 1, b"uuid", 1 << 40, USERTYPE)]
)
def test_a_header_that_is_cut_asks_for_more(header):
    assert len(header) <= boxes.MAX_HEADER_BYTES
    assert all(boxes.read_header(header[:size]) is None for size in range(len(header)))
    assert boxes.read_header(header + b"more") is not None


def test_what_cannot_be_written_is_our_defect():
    with pytest.raises(ValueError, match="15 bytes"):
        boxes.uuid_box(b"x" * 15)

    class Huge(bytes):
        def __len__(self):
            return 1 << 32

    with pytest.raises(ValueError, match="4294967304 bytes"):
        boxes.box(b"mdat", Huge())


@given(st.binary(max_size=200))
def test_any_bytes_give_boxes_or_damage(data):
    try:
        found = list(boxes.read_boxes(data))
    except DamagedError:
        return
    assert [box.start for box in found] == [0, *(box.end for box in found)][: len(found)]
    assert (found[-1].end if found else 0) == len(data)
