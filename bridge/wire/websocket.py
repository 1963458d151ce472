"""WebSocket (RFC 6455): the opening handshake's values, and frames both ways, for a carrier of a byte stream.

What is carried in data frames is handed on as it comes, whole frame or not: nothing is kept of it, and where a message
ends says nothing. Text is refused unless it is asked for, as no stream of bytes may come in it. When to answer what is
`services`'.
"""

import enum
import hashlib
import re
import struct
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable

from bridge.base.errors import LocalProtocolError, RemoteProtocolError

VERSION = "13"
NORMAL, GOING_AWAY, PROTOCOL_ERROR, NOT_TAKEN = 1000, 1001, 1002, 1003
"""Close codes (RFC 6455 7.4.1); errors of the reader carry theirs as `status`."""

MAX_CONTROL_BYTES = 125

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_KEY_BYTES = 16
_MASK_BYTES = 4
_FIN, _RSV, _OPCODE, _MASKED, _LENGTH = 0x80, 0x70, 0x0F, 0x80, 0x7F
_TWO_MORE, _EIGHT_MORE = 126, 127


class Opcode(enum.IntEnum):
    """RFC 6455 5.2."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class Role(enum.Enum):
    """Who we are. What a client sends is masked, what a server sends is not (RFC 6455 5.1)."""

    CLIENT = enum.auto()
    SERVER = enum.auto()


def accept_of(key: str) -> str:
    """Sec-WebSocket-Accept for a Sec-WebSocket-Key."""
    return b64encode(hashlib.sha1(f"{key}{_GUID}".encode(), usedforsecurity=False).digest()).decode()


def make_key(random: bytes) -> str:
    """Sec-WebSocket-Key of 16 random bytes."""
    if len(random) != _KEY_BYTES:
        raise LocalProtocolError(f"a WebSocket key of {len(random)} bytes: expected {_KEY_BYTES}")
    return b64encode(random).decode()


def check_opening(key: str, version: str, offered: str, subprotocol: str) -> str:
    """Sec-WebSocket-Accept for an opening handshake whose client offers that subprotocol.

    key, version, offered: the headers Sec-WebSocket-Key, -Version and -Protocol
    subprotocol: "" where there is none to agree on
    Raises RemoteProtocolError with the HTTP status of the refusal.
    """
    if version.strip() != VERSION:
        raise RemoteProtocolError(
            f"Sec-WebSocket-Version {version[:16]!r}: expected {VERSION}", clause="RFC 6455 4.2.1", status=426
        )
    try:
        size = len(a2b_base64(key.strip().encode("latin-1", "replace"), strict_mode=True))
    except Base64Error:
        size = 0
    if size != _KEY_BYTES:
        raise RemoteProtocolError(
            f"Sec-WebSocket-Key {key[:32]!r}: expected {_KEY_BYTES} bytes in base64",
            clause="RFC 6455 4.2.1",
            status=400,
        )
    if subprotocol and subprotocol not in tokens(offered):
        raise RemoteProtocolError(f"Sec-WebSocket-Protocol {offered[:64]!r}: expected {subprotocol}", status=400)
    return accept_of(key.strip())


def tokens(text: str) -> list[str]:
    """The words of a header's list; what is none is left out."""
    return [word for word in (each.strip() for each in text.split(",")) if _TOKEN.fullmatch(word)]


def encode(opcode: Opcode, payload: bytes, mask: bytes = b"") -> bytes:
    """One whole frame. mask: 4 random bytes of a client; a server has none."""
    return header(opcode, len(payload), mask) + (masked(payload, mask) if mask else payload)


def encode_close(code: int, mask: bytes = b"") -> bytes:
    """The frame that says goodbye."""
    return encode(Opcode.CLOSE, code.to_bytes(2, "big"), mask)


def header(opcode: Opcode, size_bytes: int, mask: bytes = b"") -> bytes:
    """What stands before the payload of a frame that is a message of its own."""
    first, flag = _FIN | opcode, _MASKED if mask else 0
    if size_bytes < _TWO_MORE:
        return bytes((first, flag | size_bytes)) + mask
    if size_bytes < 1 << 16:
        return struct.pack("!BBH", first, flag | _TWO_MORE, size_bytes) + mask
    return struct.pack("!BBQ", first, flag | _EIGHT_MORE, size_bytes) + mask


def masked(data: bytes, mask: bytes, phase: int = 0) -> bytes:
    """Masks or unmasks. phase: how many bytes of the payload came before."""
    turned = mask[phase % _MASK_BYTES :] + mask[: phase % _MASK_BYTES]
    size = len(data)
    key = (turned * (size // _MASK_BYTES + 1))[:size]
    return (int.from_bytes(data) ^ int.from_bytes(key)).to_bytes(size)


class FrameReader:
    """Takes what is carried out of the bytes of one connection.

    on_data:    called with each piece of what data frames carry, in order
    on_control: called with the opcode and payload of each PING, PONG and CLOSE
    It keeps at most the head of a frame, or one unfinished control frame. After an error, or a CLOSE, it takes no more.
    """

    __slots__ = (
        "_buffer",
        "_control",
        "_fragmented",
        "_left",
        "_mask",
        "_masks",
        "_on_control",
        "_on_data",
        "_phase",
        "_text",
        "closed",
    )

    def __init__(
        self,
        role: Role,
        on_data: Callable[[bytes], object],
        on_control: Callable[[Opcode, bytes], object],
        *,
        text: bool = False,
    ) -> None:
        """text: text messages are taken like binary ones; what they hold is not looked at."""
        self._text = text
        self._masks = role is Role.SERVER
        self._on_data = on_data
        self._on_control = on_control
        self._buffer = b""
        self._control: Opcode | None = None  # of the frame whose payload comes next
        self._mask = b""
        self._phase = 0
        self._left = 0
        self._fragmented = False
        self.closed = False

    def feed(self, data: bytes) -> None:
        """The next bytes. Raises RemoteProtocolError; its status is the code to close with."""
        if self._buffer:
            data = self._buffer + data
        at = taken = 0
        while taken >= 0 and not self.closed:
            at += taken
            taken = self._step(data, at)
        self._buffer = b"" if self.closed else data[at:]

    def _step(self, data: bytes, at: int) -> int:
        """Takes one thing off; how many bytes that were, or -1 when there is more to come of it."""
        if self._control is not None:
            return self._take_control(self._control, data, at)
        if not self._left:
            return self._head(data, at)
        piece = data[at : at + self._left]
        if not piece:
            return -1
        self._left -= len(piece)
        self._on_data(self._unmasked(piece))
        return len(piece)

    def _take_control(self, opcode: Opcode, data: bytes, at: int) -> int:
        size = self._left
        if len(data) - at < size:
            return -1
        self._control, self._left = None, 0
        self.closed = opcode is Opcode.CLOSE
        self._on_control(opcode, self._unmasked(data[at : at + size]))
        return size

    def _unmasked(self, piece: bytes) -> bytes:
        if not self._mask:
            return piece
        plain = masked(piece, self._mask, self._phase)
        self._phase = (self._phase + len(piece)) % _MASK_BYTES
        return plain

    def _head(self, data: bytes, at: int) -> int:
        """Reads the head of a frame; see `_step`."""
        if len(data) - at < 2:
            return -1
        first, second = data[at], data[at + 1]
        opcode = self._checked(first, second)
        length = second & _LENGTH
        size = 2 + {_TWO_MORE: 2, _EIGHT_MORE: 8}.get(length, 0)
        whole = size + (_MASK_BYTES if self._masks else 0)
        if len(data) - at < whole:
            return -1
        if length >= _TWO_MORE:
            least = _TWO_MORE if length == _TWO_MORE else 1 << 16
            length = int.from_bytes(data[at + 2 : at + size])
            if not least <= length < 1 << 63:
                raise _bad(f"length {length} of a frame in {size - 2} bytes: expected at least {least}, less than 2^63")
        self._mask = data[at + size : at + whole]
        self._phase = 0
        self._left = length
        if opcode >= Opcode.CLOSE:
            self._control = opcode
        else:
            self._fragmented = not first & _FIN
        return whole

    def _checked(self, first: int, second: int) -> Opcode:
        try:
            opcode = Opcode(first & _OPCODE)
        except ValueError:
            raise _bad(f"opcode {first & _OPCODE} of a frame: expected 0, 2, 8, 9 or 10") from None
        if first & _RSV:
            raise _bad(f"reserved bits of a frame {first & _RSV:#x}: expected 0, as no extension was agreed on")
        if bool(second & _MASKED) != self._masks:
            raise _bad("a frame of a client without a mask" if self._masks else "a frame of a server with a mask")
        if opcode is Opcode.TEXT and not self._text:
            raise RemoteProtocolError("a text message: expected binary ones", clause="RFC 6455 5.6", status=NOT_TAKEN)
        if opcode >= Opcode.CLOSE:
            if second & _LENGTH > MAX_CONTROL_BYTES or not first & _FIN:
                raise _bad(f"{opcode.name} in pieces or longer than {MAX_CONTROL_BYTES} bytes")
        elif (opcode is Opcode.CONTINUATION) != self._fragmented:
            raise _bad(f"{opcode.name}: {'the message before has not ended' if self._fragmented else 'of no message'}")
        return opcode


def _bad(what: str) -> RemoteProtocolError:
    return RemoteProtocolError(what, clause="RFC 6455 5.2", status=PROTOCOL_ERROR)
