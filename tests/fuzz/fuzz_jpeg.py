"""Any bytes as JPEG payloads, header extensions and pictures: pictures within bounds, or RemoteProtocolError."""

import contextlib

from bridge.base.errors import RemoteProtocolError
from bridge.wire.jpeg import image, rtp
from tests.fuzz.payloads import push_all, seed

_TABLES = image.quantization_tables(60)
_HEADER = b"".join(
    (
        image.SOI + image.JFIF + image.quantization_segment(_TABLES) + image.restart_segment(4),
        image.frame_segment(72, 40, luma=0x21, chroma_table=1) + image.STANDARD_SCAN,
    )
)
_FIRST = bytes.fromhex("00000000 41 3c 09 05 0004 ffff") + b"scan" * 20
MAX_UNIT_BYTES = 2000

# A header; a picture in fragments with restart markers; tables in band; a piece that is missing.
SEEDS = [
    _HEADER + b"scan" + image.EOI,
    seed([_FIRST, bytes.fromhex("00000050 41 3c 09 05 0004 ffff") + b"scan"]),
    seed([bytes.fromhex("00000000 00 ff 09 05 00000080") + b"".join(_TABLES) + b"scan"]),
    seed([_FIRST, bytes.fromhex("00000099 41 3c 09 05 0004 ffff") + b"scan"]),
]


def _check(timestamp: int, parts: tuple[bytes, ...], key: bool, damaged: bool) -> None:
    (picture,) = parts
    assert picture.startswith(image.SOI)
    assert picture.endswith(image.EOI)
    assert len(picture) <= MAX_UNIT_BYTES


def run(data: bytes) -> None:
    """The same bytes as a picture, as payloads, and as an extension in front of them."""
    image.size_of(data)
    with contextlib.suppress(RemoteProtocolError):
        header = image.parse_header(data)
        assert 0 < header.scan_at <= len(data)
        assert header.width
        assert header.height
    extension = rtp.header_extension(data)
    assert len(extension) % 4 == 0
    payloads = rtp.packetize([data], 1400)
    assert all(len(payload) <= 1400 for payload in payloads)
    assert not payloads or len(payloads[0]) + len(extension) <= 1400
    for extension in (None, data):
        depacketizer = rtp.Depacketizer(_check, width=8, max_unit_bytes=MAX_UNIT_BYTES)
        if extension is not None:
            depacketizer.extension(rtp.FIRST_EXTENSION, extension)
        push_all(depacketizer, data)
