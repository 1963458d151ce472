"""JPEG pictures (ITU-T T.81 annex B): their marker segments up to the scan, read and made; the tables of RFC 2435.

Nothing is decoded. What is read: size, sampling, quantisation tables, and whether the Huffman tables are the standard
ones, as that is all that RFC 2435 can say of a picture.
"""

import enum
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from bridge.base.errors import RemoteProtocolError


class Marker(enum.IntEnum):
    """The second byte of a marker, behind 0xFF (table B.1); those that we treat apart."""

    SOF0 = 0xC0
    DHT = 0xC4
    JPG = 0xC8
    DAC = 0xCC
    SOF15 = 0xCF
    SOI = 0xD8
    EOI = 0xD9
    SOS = 0xDA
    DQT = 0xDB
    DRI = 0xDD
    APP0 = 0xE0


_SOI, _SOS = int(Marker.SOI), int(Marker.SOS)  # comparing with an enumeration takes twice as long
SOI = bytes((0xFF, Marker.SOI))
EOI = bytes((0xFF, Marker.EOI))

#: So many segments are looked at before the scan; encoders write about ten.
MAX_SEGMENTS = 64

#: Headers whose contents are remembered, of as many cameras; 600 bytes each as a rule.
_HEADERS_KEPT = 256
_KEPT_BYTES = 4096

#: T.81 A.1.1.
MAX_SIDE = 0xFFFF

TABLE_BYTES = 64
_MAX_TABLES = 4
_LENGTH = struct.Struct("!H")
_FRAME = struct.Struct("!BHHB")

#: All that is no start of frame in the range of these (table B.1).
_NO_FRAME = frozenset({Marker.DHT, Marker.JPG, Marker.DAC})


def _hex(text: str) -> bytes:
    return bytes.fromhex(text)


# Annex K.3.3: counts of codes by length, then the values; class and number in front (B.2.4.2).
_DC_LUMA = _hex("00 00010501010101010100000000000000") + bytes(range(12))
_DC_CHROMA = _hex("01 00030101010101010101010000000000") + bytes(range(12))
_AC_LUMA = _hex(
    "10 0002010303020403050504040000017d 01020300041105122131410613516107227114328191a1082342b1c11552d1f0"
    "2433627282090a161718191a25262728292a3435363738393a434445464748494a535455565758595a636465666768696a73"
    "7475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9"
    "cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
)
_AC_CHROMA = _hex(
    "11 00020102040403040705040400010277 000102031104052131061241510761711322328108144291a1b1c109233352f0"
    "156272d10a162434e125f11718191a262728292a35363738393a434445464748494a535455565758595a636465666768696a"
    "737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7"
    "c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa"
)
_STANDARD_HUFFMAN = {table[0]: table[1:] for table in (_DC_LUMA, _DC_CHROMA, _AC_LUMA, _AC_CHROMA)}

# Annex K.1, in zigzag order: luminance, then chrominance.
_QUANTIZERS = _hex(
    "100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933383740485c4e404457453738506d51575f6267"
    "68673e4d71797064785c656763 1112121815182f1a1a2f634238426363"
) + bytes([99] * 48)


def segment(marker: int, content: bytes) -> bytes:
    """A marker segment (B.1.1.4)."""
    return bytes((0xFF, marker)) + _LENGTH.pack(len(content) + 2) + content


STANDARD_HUFFMAN = segment(Marker.DHT, _DC_LUMA + _DC_CHROMA + _AC_LUMA + _AC_CHROMA)
JFIF = segment(Marker.APP0, _hex("4a46494600 0101 00 0001 0001 00 00"))
#: Of three components in one scan, the first with tables 0, the others with tables 1.
STANDARD_SCAN = segment(Marker.SOS, _hex("03 0100 0211 0311 003f00"))


@lru_cache(maxsize=99)
def quantization_tables(quality: int) -> tuple[bytes, bytes]:
    """Luminance and chrominance for Q 1 to 99, in zigzag order (RFC 2435 4.2). ValueError for others."""
    if not 1 <= quality <= 99:
        raise ValueError(f"Q is {quality}; 1 to 99 stand for tables")
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    values = bytes(min(max((value * scale + 50) // 100, 1), 255) for value in _QUANTIZERS)
    return values[:TABLE_BYTES], values[TABLE_BYTES:]


def quantization_segment(tables: Sequence[bytes]) -> bytes:
    """DQT with these as tables 0, 1, …; a table has 64 values of one byte, or of two."""
    return segment(
        Marker.DQT,
        b"".join(bytes(((len(table) > TABLE_BYTES) << 4 | number,)) + table for number, table in enumerate(tables)),
    )


def restart_segment(interval: int) -> bytes:
    """DRI: a restart marker stands after so many MCUs."""
    return segment(Marker.DRI, _LENGTH.pack(interval))


def frame_segment(width: int, height: int, *, luma: int, chroma_table: int) -> bytes:
    """SOF0 of Y, Cb and Cr (B.2.2). luma: sampling factors of Y, 0x21 or 0x22; chroma_table: the table of Cb and Cr."""
    components = bytes((1, luma, 0, 2, 0x11, chroma_table, 3, 0x11, chroma_table))
    return segment(Marker.SOF0, _FRAME.pack(8, height, width, 3) + components)


def segments(data: bytes | memoryview, at: int = 0) -> Iterator[tuple[int, int, int]]:
    """(marker, offset of its 0xFF, offset behind it) of each segment from `at` to the scan, SOS the last.

    Fill bytes and markers without a segment are passed over. It ends with the data, with what is none, or at EOI.
    """
    size = len(data)
    for _ in range(MAX_SEGMENTS):
        while at + 1 < size and data[at] == data[at + 1] == 0xFF:
            at += 1
        if at + 4 > size or data[at] != 0xFF:
            return
        marker = data[at + 1]
        if Marker.SOI <= marker <= Marker.EOI:
            if marker == Marker.EOI:
                return
            at += 2
            continue
        end = at + 2 + (data[at + 2] << 8 | data[at + 3])
        if end > size or end < at + 4:
            return
        yield marker, at, end
        if marker == Marker.SOS:
            return
        at = end


def is_frame(marker: int) -> bool:
    """Whether it is a start of frame (SOF0 to SOF15)."""
    return Marker.SOF0 <= marker <= Marker.SOF15 and marker not in _NO_FRAME


def _head(picture: bytes) -> bytes:
    """All that `segments` looks at, up to the entropy-coded data; without its checks: every picture comes by here."""
    at, size = 0, len(picture) - 4
    for _ in range(MAX_SEGMENTS):
        if at > size or picture[at] != 0xFF:
            break
        marker = picture[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker == _SOI:
            at += 2
        else:
            at += 2 + (picture[at + 2] << 8 | picture[at + 3])
            if marker == _SOS:
                break
    return picture[: max(at, len(SOI))]


def size_of(picture: bytes) -> tuple[int, int] | None:
    """(width, height) as the start of frame says; None when none is found, or one that leaves the height open."""
    head = _head(picture)
    return _size_in(head) if len(head) <= _KEPT_BYTES else _size_in.__wrapped__(head)


# One camera's headers are the same from picture to picture: what stands in them is looked at once.
@lru_cache(maxsize=_HEADERS_KEPT)
def _size_in(data: bytes) -> tuple[int, int] | None:
    for marker, at, end in segments(data):
        if is_frame(marker) and end - at >= 4 + _FRAME.size:
            _, height, width, _ = _FRAME.unpack_from(data, at + 4)
            return (width, height) if width and height else None
    return None


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the scan of a picture.

    sampling:          (factors, number of the quantisation table) of each component; factors as 0x22
    tables:            quantisation tables by their numbers, in zigzag order; 64 bytes, or 128 where values have two
    restart_interval:  MCUs; 0: there are no restart markers
    standard_huffman:  all of its Huffman tables are those of annex K
    baseline:          SOF0, 8 bits, one scan of all components with the tables that RFC 2435 takes for granted
    scan_at:           where the entropy-coded data begin
    """

    width: int
    height: int
    sampling: tuple[tuple[int, int], ...]
    tables: dict[int, bytes]
    restart_interval: int
    standard_huffman: bool
    baseline: bool
    scan_at: int


def parse_header(picture: bytes) -> Header:
    """The header of a whole picture. Raises RemoteProtocolError."""
    head = _head(picture)
    return _parse_head(head) if len(head) <= _KEPT_BYTES else _parse_head.__wrapped__(head)


@lru_cache(maxsize=_HEADERS_KEPT)
def _parse_head(image: bytes) -> Header:
    if not image.startswith(SOI):
        raise RemoteProtocolError(f"JPEG begins with {image[:2].hex()}; ffd8 expected", clause="T.81 B.2.1")
    tables: dict[int, bytes] = {}
    frame: tuple[int, int, int, bytes] | None = None
    restart_interval, standard = 0, True
    for marker, at, end in segments(image):
        if marker == Marker.DQT:
            _read_tables(image, at + 4, end, tables)
        elif marker == Marker.DHT:
            standard = standard and _is_standard(image, at + 4, end)
        elif marker == Marker.DRI and end - at >= 6:
            restart_interval = image[at + 4] << 8 | image[at + 5]
        elif is_frame(marker):
            frame = (marker, at, end, image[at + 4 : end])
        elif marker == Marker.SOS:
            if frame is None:
                break
            width, height, sampling, plain = _read_frame(*frame)
            plain &= image[at + 4 : end] == _scan_of(frame[3])
            return Header(width, height, sampling, tables, restart_interval, standard, plain, end)
    raise RemoteProtocolError("JPEG without a frame and a scan", clause="T.81 B.2.1")


def _read_frame(marker: int, at: int, end: int, content: bytes) -> tuple[int, int, tuple[tuple[int, int], ...], bool]:
    """(width, height, sampling, whether it is baseline with 8 bits)"""
    if len(content) < _FRAME.size or len(content) < _FRAME.size + 3 * content[5]:
        raise RemoteProtocolError(f"JPEG frame header of {end - at} bytes at {at}", clause="T.81 B.2.2")
    depth, height, width, count = _FRAME.unpack_from(content)
    if not width or not height:
        raise RemoteProtocolError(f"JPEG of {width} x {height}", clause="T.81 B.2.2")
    places = range(_FRAME.size, _FRAME.size + 3 * count, 3)
    sampling = tuple((content[place + 1], content[place + 2]) for place in places)
    return width, height, sampling, marker == Marker.SOF0 and depth == 8


def _scan_of(frame: bytes) -> bytes:
    """SOS of a frame with three components, as RFC 2435 takes it for granted."""
    ids = frame[6:15:3]
    if len(ids) != 3:
        return b""
    return bytes((3, ids[0], 0, ids[1], 0x11, ids[2], 0x11, 0, 63, 0))


def _read_tables(data: bytes, at: int, end: int, into: dict[int, bytes]) -> None:
    """The quantisation tables of a DQT (B.2.4.1)."""
    while at < end:
        size = TABLE_BYTES << (data[at] >> 4 != 0)
        if at + 1 + size > end:
            raise RemoteProtocolError(f"JPEG quantisation table of {end - at - 1} bytes", clause="T.81 B.2.4.1")
        into[data[at] & 0xF] = data[at + 1 : at + 1 + size]
        at += 1 + size


def _is_standard(data: bytes, at: int, end: int) -> bool:
    """Whether all Huffman tables of a DHT (B.2.4.2) are those of annex K."""
    while at + 17 <= end:
        size = 17 + sum(data[at + 1 : at + 17])
        if data[at + 1 : at + size] != _STANDARD_HUFFMAN.get(data[at]):
            return False
        at += size
    return at == end


def split_tables(data: bytes, precision: int) -> list[bytes] | None:
    """Quantisation tables as RTP carries them (RFC 2435 3.1.8), in zigzag order; None when there are not 1 to 4.

    precision: bit i is set where table i has values of two bytes
    """
    tables: list[bytes] = []
    at = 0
    while at < len(data):
        size = TABLE_BYTES << (precision >> len(tables) & 1)
        tables.append(data[at : at + size])
        at += size
        if len(tables) > _MAX_TABLES or at > len(data):
            return None
    return tables or None
