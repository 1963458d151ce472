"""What comes inside HTTP from any bytes: base64 in POSTs, the answer to a GET, frames of WebSocket."""

from contextlib import suppress

from bridge.base.errors import RemoteProtocolError
from bridge.wire.rtsp.tunnel import Base64Stream, PostReader, encode
from bridge.wire.rtsp.tunnel_heads import parse_answer
from bridge.wire.websocket import FrameReader, Opcode, Role, encode_close
from bridge.wire.websocket import encode as encode_frame

OPTIONS = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"
MASK = b"\x01\x02\x03\x04"

SEEDS = [
    encode(OPTIONS) + encode(OPTIONS),
    (
        b"4\r\nT1BU\r\n4 ; x\r\nSU9O\r\n0\r\n\r\n"
        b"POST / HTTP/1.1\r\nx-sessioncookie: c\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    b"T1BU\r\nPOST / HTTP/1.1\r\nx-sessioncookie: c\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nSU9O",
    b'HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="a"\r\n\r\nrest',
    encode_frame(Opcode.BINARY, OPTIONS, MASK) + encode_frame(Opcode.PING, b"x", MASK) + encode_close(1000, MASK),
    encode_frame(Opcode.BINARY, bytes(200), MASK) + b"\x02\x82" + MASK + b"ab\x80\x81" + MASK + b"c",
]


def run(data: bytes) -> None:
    """Each reader gives the same however cut, or refuses."""
    middle = len(data) // 2
    cuts = [[data], [data[:middle], data[middle:]], [data[at : at + 1] for at in range(len(data))][:4096]]
    cuts = cuts if len(data) <= 4096 else cuts[:2]
    for length in (None, 4, 32767):
        assert len({_posted(cut, length) for cut in cuts}) == 1
    for role in Role:
        assert len({_framed(cut, role) for cut in cuts}) == 1
    with suppress(RemoteProtocolError):
        found = parse_answer(data)
        assert found is None or data.endswith(found[1])


def _posted(pieces: list[bytes], length: int | None) -> tuple[bytes, bool]:
    """What could be read before a refusal depends on the cuts; whether one comes does not, nor what is read without."""
    reader, stream = PostReader("c", length), Base64Stream()
    found = b""
    try:
        for piece in pieces:
            found += stream.feed(reader.feed(piece))
    except RemoteProtocolError:
        return b"", True
    return found + reader.take_replies(), False


def _framed(pieces: list[bytes], role: Role) -> tuple[bytes, bool]:
    found = bytearray()
    reader = FrameReader(role, found.extend, lambda opcode, payload: found.extend(opcode.name.encode() + payload))
    try:
        for piece in pieces:
            reader.feed(piece)
    except RemoteProtocolError:
        return bytes(found), True
    return bytes(found), False
