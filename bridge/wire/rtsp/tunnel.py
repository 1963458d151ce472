"""RTSP inside HTTP, the client's half: base64 in the bodies of POST requests (Apple, "Tunneling RTSP and RTP through
HTTP", which the ONVIF Streaming Specification 5.1.1.4 makes a rule). The server's half is not encoded.

What the field makes of it is borne: groups of four cut anywhere, line breaks between any two characters, padding at the
end of each request with more behind it; a Content-Length that means nothing, or that is kept, with one POST after the
other on a connection; chunks.
"""

import enum
import re
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64

from bridge.base.errors import RemoteProtocolError

WEBSOCKET_PATH = "/onvif/rtsp_over_websocket"
WEBSOCKET_PROTOCOL = "rtsp.onvif.org"
"""The other way through HTTP: where it is, and what its client offers (ONVIF Streaming Specification 7)."""

MEDIA_TYPE = "application/x-rtsp-tunnelled"
COOKIE_HEADER = "x-sessioncookie"

_BLANKS = b"\r\n \t"
_COOKIE = re.compile(r"[!-~]{1,128}", re.ASCII)
_MAX_HEAD_BYTES = 16 * 1024
_MAX_LINE_BYTES = 1024
_MAX_LENGTH_DIGITS = 18
_ENDLESS = 1 << 62
_NEXT_POST = b"POST "
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?", re.ASCII)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def encode(data: bytes) -> bytes:
    """What of ours goes into the body of a POST; each piece is padded, as live555 and FFmpeg do."""
    return b64encode(data)


def is_cookie(text: str) -> bool:
    """Whether that may join a GET and a POST: 1 to 128 visible characters, no blank."""
    return _COOKIE.fullmatch(text) is not None


class Base64Stream:
    """Decodes base64 that comes in pieces. It keeps less than a group of four characters."""

    __slots__ = ("_at", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._at = 0  # characters decoded so far: where in a capture to look

    def feed(self, data: bytes) -> bytes:
        """What is complete of it. Raises RemoteProtocolError; then the place is lost."""
        data = self._rest + data.translate(None, _BLANKS)
        padding = data.find(b"=")
        if padding < 0:
            end = len(data) & ~3
            self._rest = data[end:]
            return self._decoded(data[:end])
        parts = []
        start = 0
        while padding >= 0:
            end = start + ((padding - start) | 3) + 1
            if end > len(data):
                break
            parts.append(self._decoded(data[start:end]))
            start = end
            padding = data.find(b"=", start)
        if padding < 0:
            end = start + ((len(data) - start) & ~3)
            parts.append(self._decoded(data[start:end]))
            start = end
        elif padding - start > 3:
            # Whole groups before the one whose padding is not all there.
            end = start + ((padding - start) & ~3)
            parts.append(self._decoded(data[start:end]))
            start = end
        self._rest = data[start:]
        return b"".join(parts)

    def _decoded(self, groups: bytes) -> bytes:
        try:
            found = a2b_base64(groups, strict_mode=True)
        except Base64Error:
            raise RemoteProtocolError(
                f"base64 {groups[:24]!r} behind {self._at} characters: expected A-Z, a-z, 0-9, + and /, = at an end",
                clause="RFC 4648 4",
                status=400,
            ) from None
        self._at += len(groups)
        return found


class _Expects(enum.Enum):
    """What the next byte of a connection belongs to."""

    BODY = enum.auto()
    AFTER_BODY = enum.auto()
    CHUNK_SIZE = enum.auto()
    CHUNK = enum.auto()
    CHUNK_END = enum.auto()
    TRAILER = enum.auto()
    HEAD = enum.auto()


class PostReader:
    """Takes the base64 out of one connection that began with a POST of a tunnel, from the end of that head on.

    By the book a body ends with the connection and its Content-Length is an empty word, but clients that keep it go
    on with the next POST: so where a body would end, another head is looked for.
    """

    __slots__ = ("_at", "_buffer", "_cookie", "_expects", "_left", "_replies")

    def __init__(self, cookie: str, length: int | None) -> None:
        """
        cookie: of the tunnel; POSTs of another one are refused
        length: of the first body as its head says; None: it comes in chunks
        """
        self._cookie = cookie
        self._buffer = b""
        self._at = 0  # what of the buffer is taken already
        self._replies = b""
        self._left = 0
        self._expects = _Expects.CHUNK_SIZE
        self._begin(length)

    def take_replies(self) -> bytes:
        """What HTTP wants to be said on this connection: chunked bodies have an end, which is answered."""
        replies, self._replies = self._replies, b""
        return replies

    def feed(self, data: bytes) -> bytes:
        """The base64 in it. Raises RemoteProtocolError."""
        if self._expects is _Expects.BODY and len(data) < self._left:
            self._left -= len(data)
            return data
        found: list[bytes] = []
        self._buffer, self._at = self._buffer[self._at :] + data, 0
        while self._at < len(self._buffer) and self._step(found):
            pass
        return b"".join(found)

    def _begin(self, length: int | None) -> None:
        if length is None:
            self._expects = _Expects.CHUNK_SIZE
        elif length:
            self._expects, self._left = _Expects.BODY, length
        else:
            self._expects = _Expects.AFTER_BODY

    def _step(self, found: list[bytes]) -> bool:
        """Takes one thing off the buffer; False when it needs more for that."""
        match self._expects:
            case _Expects.BODY | _Expects.CHUNK:
                piece = self._buffer[self._at : self._at + self._left]
                found.append(piece)
                self._at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    after = _Expects.AFTER_BODY if self._expects is _Expects.BODY else _Expects.CHUNK_END
                    self._expects = after
                return True
            case _Expects.AFTER_BODY:
                return self._after_body()
            case _Expects.HEAD:
                return self._head()
            case _:
                return self._line()

    def _after_body(self) -> bool:
        while self._buffer[self._at : self._at + 1] in (b"\r", b"\n"):
            self._at += 1
        ahead = self._buffer[self._at : self._at + len(_NEXT_POST)]
        if ahead == _NEXT_POST:
            self._expects = _Expects.HEAD
        elif _NEXT_POST.startswith(ahead):
            return False
        else:
            # Content-Length was an empty word. There is no other end then.
            self._expects, self._left = _Expects.BODY, _ENDLESS
        return True

    def _line(self) -> bool:
        end = self._buffer.find(b"\n", self._at)
        if end < 0:
            if len(self._buffer) - self._at > _MAX_LINE_BYTES:
                raise _bad(f"a line of chunked coding longer than {_MAX_LINE_BYTES} bytes")
            return False
        line = self._buffer[self._at : end].removesuffix(b"\r")
        self._at = end + 1
        if self._expects is _Expects.CHUNK_END:
            if line:
                raise _bad(f"{line[:24]!r} behind a chunk: expected a line end")
            self._expects = _Expects.CHUNK_SIZE
        elif self._expects is _Expects.TRAILER:
            if not line:
                self._replies += _DONE
                self._expects = _Expects.AFTER_BODY
        else:
            match = _SIZE.fullmatch(line)
            if match is None:
                raise _bad(f"chunk size {line[:24]!r}: expected up to 8 hexadecimal digits")
            self._left = int(match[1], 16)
            self._expects = _Expects.CHUNK if self._left else _Expects.TRAILER
        return True

    def _head(self) -> bool:
        """A further POST on the same connection."""
        end = self._buffer.find(b"\r\n\r\n", self._at)
        if end < 0:
            if len(self._buffer) - self._at > _MAX_HEAD_BYTES:
                raise _bad(f"head of a further POST longer than {_MAX_HEAD_BYTES} bytes")
            return False
        lines = self._buffer[self._at : end].decode("latin-1").split("\r\n")
        self._at = end + 4
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), value.strip())
        if headers.get(COOKIE_HEADER) != self._cookie:
            raise _bad("a further POST on the connection of a tunnel is not of that tunnel")
        length = headers.get("content-length", "0")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            self._begin(None)
        elif length.isascii() and length.isdigit() and len(length) <= _MAX_LENGTH_DIGITS:
            self._begin(int(length))
        else:
            raise _bad(f"Content-Length {length[:24]!r} of a further POST: expected a number")
        if headers.get("expect", "").lower() == "100-continue":
            self._replies += _CONTINUE
        return True


def _bad(what: str) -> RemoteProtocolError:
    return RemoteProtocolError(what, clause="RFC 9112 6", status=400)
