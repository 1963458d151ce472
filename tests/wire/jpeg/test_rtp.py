"""RFC 2435 both ways, with pictures of two encoders and FFmpeg's decoder as the judge."""

import itertools
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.wire.access_units import MarkerPolicy
from bridge.wire.jpeg import image as jpeg
from bridge.wire.jpeg.image import EOI, SOI, Marker
from bridge.wire.jpeg.rtp import FIRST_EXTENSION, NEXT_EXTENSION, Depacketizer, header_extension, packetize
from tests.wire.encoded import JPEG_420, JPEG_422, JPEG_GREY, jpeg_pixels, jpegs
from tests.wire.units import Units, push, push_unit

TABLES_60 = b"".join(jpeg.quantization_tables(60))
SCAN_420 = JPEG_420[jpeg.parse_header(JPEG_420).scan_at :]


def scan_of(picture: bytes) -> bytes:
    return picture[jpeg.parse_header(picture).scan_at :]


def payload(
    scan: bytes, *, offset: int = 0, kind: int = 1, q: int = 60, across: int = 9, down: int = 5, between: bytes = b""
) -> bytes:
    return struct.pack("!I4B", offset, kind, q, across, down) + between + scan


# What comes, and the same picture as we make it of that: (payload, header in front of the scan)
HEAD_420 = jpeg.STANDARD_HUFFMAN + jpeg.frame_segment(72, 40, luma=0x22, chroma_table=1) + jpeg.STANDARD_SCAN
TABLE = {
    "4:2:0 with tables by Q": (
        payload(b"scan"),
        jpeg.quantization_segment(jpeg.quantization_tables(60)) + HEAD_420,
    ),
    "4:2:2": (
        payload(b"scan", kind=0, q=5, across=255, down=1),
        jpeg.quantization_segment(jpeg.quantization_tables(5))
        + jpeg.STANDARD_HUFFMAN
        + jpeg.frame_segment(2040, 8, luma=0x21, chroma_table=1)
        + jpeg.STANDARD_SCAN,
    ),
    "restart markers": (
        payload(b"scan", kind=65, between=bytes.fromhex("000a ffff")),
        jpeg.quantization_segment(jpeg.quantization_tables(60))
        + jpeg.STANDARD_HUFFMAN
        + jpeg.restart_segment(10)
        + jpeg.frame_segment(72, 40, luma=0x22, chroma_table=1)
        + jpeg.STANDARD_SCAN,
    ),
    "tables in band": (
        payload(b"scan", q=255, between=b"\0\0\0\x80" + TABLES_60),
        jpeg.quantization_segment(jpeg.quantization_tables(60)) + HEAD_420,
    ),
    "one table in band for all": (
        payload(b"scan", q=128, between=b"\0\0\0\x40" + TABLES_60[:64]),
        jpeg.quantization_segment([TABLES_60[:64]])
        + jpeg.STANDARD_HUFFMAN
        + jpeg.frame_segment(72, 40, luma=0x22, chroma_table=0)
        + jpeg.STANDARD_SCAN,
    ),
    "a table of two bytes a value": (
        payload(b"scan", q=254, between=b"\0\2\0\xc0" + TABLES_60[:64] + TABLES_60),
        jpeg.quantization_segment([TABLES_60[:64], TABLES_60]) + HEAD_420,
    ),
}


@pytest.mark.parametrize(("received", "head"), TABLE.values(), ids=TABLE.keys())
def test_headers_are_made(received, head):
    units = Units()
    push(Depacketizer(units), received, 7, True)
    assert units == [(7, (SOI + jpeg.JFIF + head + b"scan" + EOI,), True, False)]
    # And back: the same scan behind a header that says the same.
    again = Units()
    push_unit(Depacketizer(again), packetize(units.parts[0], 1400), 7)
    first, second = (jpeg.parse_header(parts[0]) for parts in (units.parts[0], again.parts[0]))
    assert scan_of(units.parts[0][0]) == scan_of(again.parts[0][0])
    assert (first.width, first.height, first.restart_interval) == (second.width, second.height, second.restart_interval)
    assert [first.tables[number] for _, number in first.sampling] == [
        second.tables[number] for _, number in second.sampling
    ]


@pytest.mark.parametrize("max_payload_bytes", [300, 1388, 60_000])
@pytest.mark.parametrize("pictures", [[JPEG_420], [JPEG_422], jpegs(), jpegs(336, 248)])
def test_real_pictures_survive_and_decode(pictures, max_payload_bytes):
    units = Units()
    depacketizer = Depacketizer(units)
    for number, picture in enumerate(pictures):
        payloads = packetize([picture], max_payload_bytes)
        assert max(map(len, payloads)) <= max_payload_bytes
        push_unit(depacketizer, payloads, 3600 * number)
    assert [unit[0] for unit in units] == [3600 * number for number in range(len(pictures))]
    assert all(key and not damaged for _, _, key, damaged in units)
    for (made,), picture in zip(units.parts, pictures, strict=True):
        assert scan_of(made) == scan_of(picture)
        assert jpeg_pixels(made) == jpeg_pixels(picture)
        # What we made goes through unchanged.
        again = Units()
        push_unit(Depacketizer(again), packetize([made], max_payload_bytes), 0)
        assert again.parts[0] in [(made,), *units.parts]


def test_a_picture_of_4_2_2_decodes_as_such():
    units = Units()
    push_unit(Depacketizer(units), packetize([JPEG_422], 400), 0)
    assert jpeg_pixels(units.parts[0][0])[:3] == (72, 40, "yuvj422p")


def test_tables_of_a_quality_are_remembered():
    units = Units()
    depacketizer = Depacketizer(units)
    with_tables = payload(b"scan", q=200, between=b"\0\0\0\x80" + TABLES_60)
    without = payload(b"scan", q=200, between=bytes(4))
    push(depacketizer, without, 0, True)
    assert (units, depacketizer.refused_payloads) == ([], 1)
    push(depacketizer, with_tables, 1, True)
    push(depacketizer, without, 2, True)
    push(depacketizer, payload(b"scan", q=255, between=bytes(4)), 3, True)
    assert len(units) == 2
    assert units.parts[0] == units.parts[1]
    assert depacketizer.refused_payloads == 2


@pytest.mark.parametrize(
    ("announced", "across", "down", "size"),
    [
        ((0, 0), 9, 5, (72, 40)),
        ((70, 36), 9, 5, (70, 36)),
        ((640, 480), 9, 5, (72, 40)),
        ((2592, 1944), 0, 0, (2592, 1944)),
        ((2592, 1944), 0, 243, (2592, 1944)),
    ],
)
def test_sizes(announced, across, down, size):
    units = Units()
    width, height = announced
    push(Depacketizer(units, width=width, height=height), payload(b"scan", across=across, down=down), 0, True)
    assert jpeg.size_of(units.parts[0][0]) == size


def test_large_pictures_go_by_the_size_in_sdp():
    picture = jpegs(2592, 64, 1)[0]
    payloads = packetize([picture], 1388)
    assert {bytes(one[6:8]) for one in payloads} == {b"\0\0"}
    units = Units()
    push_unit(Depacketizer(units, width=2592, height=64), payloads, 0)
    assert jpeg_pixels(units.parts[0][0]) == jpeg_pixels(picture)
    unknown = Depacketizer(Units())
    push_unit(unknown, payloads, 0)
    assert unknown.refused_payloads == 1


@pytest.mark.parametrize(
    "received",
    [
        b"\0",
        payload(b"")[:7],
        payload(b"scan", q=0),
        payload(b"scan", q=100),
        payload(b"scan", kind=2),
        payload(b"scan", across=0),
        payload(b"", kind=65, between=b"\0"),
        payload(b"", q=255, between=b"\0\0"),
        payload(b"", q=255, between=b"\0\0\0\x80" + bytes(64)),
        payload(b"scan", q=255, between=b"\0\0\0\x41" + bytes(65)),
    ],
)
def test_refused_payloads_are_counted(received):
    depacketizer = Depacketizer(Units())
    push(depacketizer, received, 1, True)
    assert (depacketizer.refused_payloads, depacketizer.open) == (1, False)


def test_a_lost_packet_costs_its_picture_only():
    first, second = jpegs()[:2]
    payloads = packetize([first], 400)
    for missing in range(len(payloads)):
        units = Units()
        depacketizer = Depacketizer(units)
        for number, one in enumerate(payloads):
            if number == missing:
                depacketizer.lost()
            else:
                push(depacketizer, one, 1, number == len(payloads) - 1)
        if missing == len(payloads) - 1:
            assert not depacketizer.open
        push_unit(depacketizer, packetize([second], 400), 2)
        assert [unit[0] for unit in units] == [2]
        assert depacketizer.lost_units == (missing > 0)


def test_a_piece_that_the_camera_left_out():
    units = Units()
    depacketizer = Depacketizer(units)
    payloads = packetize([JPEG_420], 400)
    for one in (payloads[0], *payloads[2:]):
        push(depacketizer, one, 1)
    push_unit(depacketizer, payloads, 2)
    assert (len(units), depacketizer.lost_units) == (1, 1)


def test_the_next_timestamp_ends_a_picture_without_marker():
    units = Units()
    depacketizer = Depacketizer(units)
    payloads = packetize([JPEG_420], 400)
    for timestamp in range(4):
        for one in payloads:
            push(depacketizer, one, timestamp)
        assert depacketizer.awaits_timestamp is (timestamp == 3)
    assert [unit[0] for unit in units] == [0, 1, 2]
    depacketizer.flush()
    assert len(units) == 4
    # With the same timestamp, from the beginning on: a clock that stands.
    for one in [*payloads, *payloads]:
        push(depacketizer, one, 9)
    assert len(units) == 5


def test_what_is_open_at_the_end_is_no_picture():
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, packetize([JPEG_420], 400)[0], 1)
    assert depacketizer.open
    depacketizer.flush()
    assert (units, depacketizer.open, depacketizer.lost_units) == ([], False, 1)


def test_markers_in_the_middle_are_found_out():
    units = Units()
    depacketizer = Depacketizer(units)
    payloads = packetize([JPEG_420], 400)
    for timestamp in range(4):
        for one in payloads:
            push(depacketizer, one, timestamp, True)
    push_unit(depacketizer, payloads, 4)
    assert depacketizer.marker_policy is MarkerPolicy.IGNORE
    whole = [parts for timestamp, parts, *_ in units if timestamp in (2, 3)]
    assert len(whole) == 2
    assert {scan_of(parts[0]) for parts in whole} == {SCAN_420}


def test_an_empty_payload_with_the_marker_ends_a_picture():
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, payload(b"scan"), 1)
    push(depacketizer, b"", 1)
    assert units == []
    push(depacketizer, b"", 1, True)
    assert len(units) == 1


@pytest.mark.parametrize("tail", [b"", b"\xff", b"\xff\xd9", b"\xd9"])
def test_end_of_image_stands_once(tail):
    units = Units()
    depacketizer = Depacketizer(units)
    push(depacketizer, payload(b"scan\xff" if tail == b"\xd9" else b"scan"), 1)
    push(depacketizer, payload(tail, offset=5 if tail == b"\xd9" else 4), 1, True)
    assert units.parts[0][0].count(EOI) == 1
    assert units.parts[0][0].endswith(EOI)


def test_oversized_pictures_are_dropped():
    units = Units()
    depacketizer = Depacketizer(units, max_unit_bytes=1000)
    push_unit(depacketizer, packetize(jpegs()[:1], 400), 1)
    push(depacketizer, payload(b"s" * 600), 2, True)
    push(depacketizer, payload(b"scan"), 3, True)
    assert ([unit[0] for unit in units], depacketizer.oversized_units) == ([3], 2)


@pytest.mark.parametrize(
    "picture",
    [
        b"",
        b"no picture",
        JPEG_420[: len(JPEG_420) - len(SCAN_420)] + bytes(1 << 24),
        SOI + jpeg.segment(Marker.DHT, bytes(1500)) + JPEG_420[2:],
    ],
)
def test_what_cannot_be_sent_is_left_out(picture):
    assert packetize([picture], 1388) == []


@pytest.mark.parametrize(
    "picture",
    [
        JPEG_GREY,
        JPEG_420.replace(bytes.fromhex("012200"), bytes.fromhex("011200")),
        JPEG_420.replace(b"\xff\xc0", b"\xff\xc1"),
        JPEG_420.replace(bytes.fromhex("031101"), bytes.fromhex("031100")),
        jpegs(2592, 64, 1)[0],
        SOI + jpeg.segment(0xFE, b"comment") + JPEG_GREY[2:],
    ],
)
def test_what_rfc_2435_cannot_tell_goes_with_the_extension(picture):
    made = sent_with_extension(picture)
    assert scan_of(made) == scan_of(picture)
    was, now = jpeg.parse_header(picture), jpeg.parse_header(made)
    assert (now.sampling, now.tables, now.restart_interval) == (was.sampling, was.tables, was.restart_interval)
    assert (jpeg.size_of(made), now.baseline) == (jpeg.size_of(picture), was.baseline)
    # From there on it passes as it is.
    assert sent_with_extension(made) == made


def sent_with_extension(picture: bytes) -> bytes:
    extension = header_extension(picture)
    profile, words = struct.unpack("!HH", extension[:4])
    assert (profile, 4 * words) == (FIRST_EXTENSION, len(extension) - 4)
    payloads = packetize([picture], 1388)
    assert len(payloads[0]) + len(extension) <= 1388
    units = Units()
    depacketizer = Depacketizer(units)
    depacketizer.extension(profile, extension[4:])
    push_unit(depacketizer, payloads, 7)
    ((made,),) = units.parts
    return made


def test_no_extension_where_rfc_2435_tells_all():
    assert [header_extension(picture) for picture in (JPEG_420, JPEG_422, *jpegs(), b"", b"no picture")] == [b""] * 7


def test_packetize_needs_room_for_its_headers():
    with pytest.raises(ValueError, match="299"):
        packetize([JPEG_420], 299)


# ONVIF's header extension


def extended(picture: bytes, across: int = 9, down: int = 5, *, kind: int = 1, q: int = 60) -> tuple[bytes, bytes]:
    """(extension, payload) of a picture whose header goes in the extension."""
    at = jpeg.parse_header(picture).scan_at
    segments = picture[2:at]
    padding = b"\xff" * (-len(segments) % 4)
    sos = segments.rindex(b"\xff\xda")
    return segments[:sos] + padding + segments[sos:], payload(picture[at:], across=across, down=down, kind=kind, q=q)


@pytest.mark.parametrize("picture", [JPEG_GREY, JPEG_422, jpegs(2592, 64, 1)[0]])
def test_the_extension_tells_all(picture):
    units = Units()
    depacketizer = Depacketizer(units)
    extension, first = extended(picture, 0, 0, kind=7, q=0)
    depacketizer.extension(FIRST_EXTENSION, extension)
    push(depacketizer, first, 1, True)
    ((made,),) = units.parts
    assert jpeg_pixels(made) == jpeg_pixels(picture)
    assert scan_of(made) == scan_of(picture)


def test_what_the_extension_leaves_out_is_as_rfc_2435_has_it():
    plain, bare, inherited = Units(), Units(), Units()
    push(Depacketizer(plain), payload(SCAN_420), 1, True)
    depacketizer = Depacketizer(bare)
    depacketizer.extension(FIRST_EXTENSION, b"")
    push(depacketizer, payload(SCAN_420), 1, True)
    assert bare == plain
    # Another picture's: quantisation and Huffman tables, and the frame where both sides are 0.
    depacketizer = Depacketizer(inherited)
    extension, first = extended(JPEG_422)
    depacketizer.extension(FIRST_EXTENSION, extension)
    push(depacketizer, first, 1, True)
    depacketizer.extension(FIRST_EXTENSION, b"")
    push(depacketizer, payload(scan_of(JPEG_422), across=0, down=0, q=0), 2, True)
    assert jpeg_pixels(inherited.parts[1][0]) == jpeg_pixels(JPEG_422)
    # Without an extension there is nothing to inherit from.
    push(depacketizer, payload(SCAN_420, across=0, down=0), 3, True)
    push(depacketizer, payload(SCAN_420, q=0), 4, True)
    assert (len(inherited), depacketizer.refused_payloads) == (2, 2)


def test_an_extension_over_several_packets():
    units = Units()
    depacketizer = Depacketizer(units)
    extension, first = extended(JPEG_422, 0, 0, q=0)
    cut = len(extension) // 2
    depacketizer.extension(FIRST_EXTENSION, extension[:cut])
    push(depacketizer, payload(b"", across=0, down=0, q=0), 1)
    depacketizer.extension(NEXT_EXTENSION, extension[cut:])
    push(depacketizer, first, 1, True)
    assert jpeg_pixels(units.parts[0][0]) == jpeg_pixels(JPEG_422)


def test_an_extension_goes_with_its_packet():
    units = Units()
    depacketizer = Depacketizer(units)
    extension, first = extended(JPEG_422, 0, 0, q=0)
    depacketizer.extension(FIRST_EXTENSION, extension)
    depacketizer.lost()
    push(depacketizer, first, 1, True)
    depacketizer.extension(0xABAC, extension)
    push(depacketizer, first, 2, True)
    depacketizer.extension(NEXT_EXTENSION, extension)
    push(depacketizer, first, 3, True)
    depacketizer.extension(FIRST_EXTENSION, extension)
    depacketizer.extension(NEXT_EXTENSION, bytes(1 << 20))
    push(depacketizer, first, 4, True)
    assert (units, depacketizer.refused_payloads) == ([], 4)


def test_other_segments_of_the_extension_stay():
    units = Units()
    depacketizer = Depacketizer(units)
    comment = jpeg.segment(0xFE, b"camera")
    depacketizer.extension(FIRST_EXTENSION, comment + b"\xff\xff\xff")
    push(depacketizer, payload(b"scan"), 1, True)
    assert units.parts[0][0].startswith(SOI + comment + b"\xff" + bytes((Marker.DQT,)))


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.binary(max_size=40)
            | st.builds(
                payload,
                st.binary(max_size=30),
                offset=st.integers(0, 40),
                kind=st.sampled_from([0, 1, 2, 64, 65]),
                q=st.sampled_from([0, 1, 99, 100, 128, 255]),
                across=st.integers(0, 255),
                down=st.integers(0, 255),
                between=st.sampled_from([b"", bytes(4), b"\0\0\0\x40" + bytes(64)]),
            ),
            st.integers(0, 3),
            st.booleans(),
            st.none() | st.binary(max_size=30),
        ),
        max_size=20,
    )
)
def test_any_payloads_give_pictures(packets):
    units = Units()
    depacketizer = Depacketizer(units, width=16, height=16, max_unit_bytes=900)
    for data, timestamp, marker, extension in packets:
        if extension is not None:
            depacketizer.extension(FIRST_EXTENSION, extension)
        push(depacketizer, data, timestamp, marker)
    depacketizer.flush()
    assert not depacketizer.open
    for (picture,), key in zip(units.parts, (unit[2] for unit in units), strict=True):
        assert key
        assert picture.startswith(SOI)
        assert picture.endswith(EOI)
        assert len(picture) <= 900


@given(st.binary(min_size=1, max_size=3000), st.integers(300, 1500), st.booleans(), st.integers(0, 9))
def test_whatever_scan_comes_back(scan, max_payload_bytes, restarts, sides):
    head = SOI + jpeg.quantization_segment(jpeg.quantization_tables(10)) + jpeg.STANDARD_HUFFMAN
    head += jpeg.restart_segment(3) if restarts else b""
    head += jpeg.frame_segment(8 + sides, 200 - sides, luma=0x22, chroma_table=1) + jpeg.STANDARD_SCAN
    picture = head + scan + (b"" if scan.endswith(EOI) else EOI)
    payloads = packetize([picture], max_payload_bytes)
    assert all(0 < len(one) <= max_payload_bytes for one in payloads)
    offsets = [int.from_bytes(one[1:4]) for one in payloads]
    assert all(before < after for before, after in itertools.pairwise(offsets))
    units = Units()
    push_unit(Depacketizer(units, width=8 + sides, height=200 - sides), payloads, 1)
    assert scan_of(units.parts[0][0]) == scan_of(picture)
    assert jpeg.size_of(units.parts[0][0]) == (8 + sides, 200 - sides)
