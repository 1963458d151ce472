"""JPEG headers: read from encoders' pictures, made for decoders."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.wire.jpeg import image as jpeg
from bridge.wire.jpeg.image import Marker
from tests.wire.encoded import JPEG_420, JPEG_422, JPEG_GREY, jpegs

FFMPEG = jpegs()[0]

# A segment, and the bytes of it; read in both directions.
SEGMENTS = [
    (jpeg.restart_segment(0x1234), Marker.DRI, "ffdd 0004 1234"),
    (
        jpeg.frame_segment(640, 480, luma=0x21, chroma_table=1),
        Marker.SOF0,
        "ffc0 0011 08 01e0 0280 03 012100 021101 031101",
    ),
    (jpeg.STANDARD_SCAN, Marker.SOS, "ffda 000c 03 0100 0211 0311 003f00"),
    (jpeg.JFIF, Marker.APP0, "ffe0 0010 4a46494600 0101 00 0001 0001 00 00"),
    (jpeg.quantization_segment([bytes(64)]), Marker.DQT, "ffdb 0043 00" + "00" * 64),
    (jpeg.quantization_segment([bytes(64), bytes(128)]), Marker.DQT, "ffdb 00c4 00" + "00" * 64 + "11" + "00" * 128),
]


@pytest.mark.parametrize(("made", "marker", "text"), SEGMENTS)
def test_segments(made, marker, text):
    assert made == bytes.fromhex(text)
    assert list(jpeg.segments(made)) == [(marker, 0, len(made))]


def test_segments_end_at_the_scan():
    found = list(jpeg.segments(JPEG_422))
    assert found[0][0] == Marker.APP0
    assert found[-1][0] == Marker.SOS
    assert all(JPEG_422[at] == 0xFF for _, at, _ in found)
    assert list(jpeg.segments(b"\xff\xff" + jpeg.SOI + b"\xff\xff\xff" + jpeg.JFIF + jpeg.EOI)) == [(0xE0, 7, 25)]


@pytest.mark.parametrize(
    ("picture", "size", "sampling", "interval"),
    [
        (JPEG_420, (72, 40), ((0x22, 0), (0x11, 1), (0x11, 1)), 0),
        (JPEG_422, (72, 40), ((0x21, 0), (0x11, 1), (0x11, 1)), 0),
        (JPEG_GREY, (72, 40), ((0x11, 0),), 0),
        (FFMPEG, (320, 240), ((0x22, 0), (0x11, 0), (0x11, 0)), 20),
    ],
)
def test_headers_of_encoders(picture, size, sampling, interval):
    header = jpeg.parse_header(picture)
    assert (header.width, header.height) == jpeg.size_of(picture) == size
    assert (header.sampling, header.restart_interval, header.standard_huffman) == (sampling, interval, True)
    assert header.baseline is (len(sampling) == 3)
    assert set(header.tables) == {table for _, table in sampling}
    assert picture[: header.scan_at].endswith(bytes.fromhex("003f00"))


def test_other_huffman_tables_are_told_apart():
    at = JPEG_420.index(b"\xff\xc4") + 4 + 17
    other = JPEG_420[:at] + b"\x01\x00" + JPEG_420[at + 2 :]
    assert not jpeg.parse_header(other).standard_huffman
    assert not jpeg.parse_header(JPEG_420.replace(b"\xff\xc0", b"\xff\xc2")).baseline
    assert not jpeg.parse_header(JPEG_420.replace(bytes.fromhex("021103"), bytes.fromhex("021003"))).baseline


def test_tables_by_quality_are_those_of_the_encoder():
    """libjpeg scales the tables of annex K in the same way."""
    tables = jpeg.parse_header(JPEG_420).tables
    assert jpeg.quantization_tables(60) == (tables[0], tables[1])
    assert jpeg.quantization_tables(50)[0][:4] == bytes((16, 11, 12, 14))
    assert jpeg.quantization_tables(1)[1] == b"\xff" * 64
    assert jpeg.quantization_tables(99)[0][:2] == b"\1\1"
    for quality in (0, 100):
        with pytest.raises(ValueError, match=str(quality)):
            jpeg.quantization_tables(quality)


def test_tables_as_rtp_carries_them():
    small, large = bytes(range(64)), bytes(range(128))
    assert jpeg.split_tables(small, 0) == [small]
    assert jpeg.split_tables(small + large, 2) == [small, large]
    assert jpeg.split_tables(small * 4, 0) == [small] * 4
    for data, precision in ((b"", 0), (small[1:], 0), (small + b"x", 0), (small * 5, 0), (small, 1)):
        assert jpeg.split_tables(data, precision) is None


@pytest.mark.parametrize(
    "picture",
    [
        b"",
        b"\xff\xd9",
        jpeg.SOI + jpeg.EOI,
        jpeg.SOI + jpeg.STANDARD_SCAN,
        jpeg.SOI + jpeg.segment(Marker.SOF0, b"\x08\0\1\0\1\3") + jpeg.STANDARD_SCAN,
        jpeg.SOI + jpeg.frame_segment(0, 8, luma=0x22, chroma_table=0) + jpeg.STANDARD_SCAN,
        jpeg.SOI + jpeg.segment(Marker.DQT, bytes(60)) + JPEG_420[2:],
        JPEG_420[:100],
    ],
)
def test_refuses_what_is_no_picture(picture):
    with pytest.raises(RemoteProtocolError, match="JPEG"):
        jpeg.parse_header(picture)


def test_no_size():
    assert jpeg.size_of(JPEG_420[:100]) is None
    assert jpeg.size_of(jpeg.SOI + jpeg.frame_segment(8, 0, luma=0x22, chroma_table=0)) is None


@given(st.binary(max_size=60) | st.integers(0, len(JPEG_420)).map(lambda at: JPEG_420[:at]), st.binary(max_size=8))
def test_anything_gives_a_value_or_a_protocol_error(head, tail):
    data = head + tail
    for place in range(0, len(data), max(1, len(data) // 8)):
        for candidate in (data, jpeg.SOI + data[place:]):
            jpeg.size_of(candidate)
            with contextlib.suppress(RemoteProtocolError):
                header = jpeg.parse_header(candidate)
                assert 0 < header.scan_at <= len(candidate)


@given(st.integers(1, 0xFFFF), st.integers(1, 0xFFFF), st.sampled_from([0x21, 0x22]), st.integers(0, 0xFFFF))
def test_a_made_header_is_read_back(width, height, luma, interval):
    tables = jpeg.quantization_tables(37)
    made = b"".join(
        (
            jpeg.SOI + jpeg.JFIF + jpeg.quantization_segment(tables) + jpeg.STANDARD_HUFFMAN,
            jpeg.restart_segment(interval),
            jpeg.frame_segment(width, height, luma=luma, chroma_table=1) + jpeg.STANDARD_SCAN,
        )
    )
    header = jpeg.parse_header(made)
    assert (header.width, header.height, header.restart_interval) == (width, height, interval)
    assert (header.tables, header.standard_huffman, header.baseline) == ({0: tables[0], 1: tables[1]}, True, True)
    assert header.sampling == ((luma, 0), (0x11, 1), (0x11, 1))
    assert header.scan_at == len(made)
