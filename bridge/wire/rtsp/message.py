"""Requests, responses, and the reader that takes them and the `$` frames between them out of a byte stream.

RFC 2326 clauses 4 to 7 and 10.12. What the reader bears is `reader_limits.py`, what single headers mean `headers.py`;
order of calls is `dialogue`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.wire.rtsp.reader_limits import (
    CLIENT_LIMITS,
    MAX_FINDS,
    MAX_LOST_BYTES,
    SERVER_LIMITS,
    BadHeader,
    BareNewline,
    BodyLength,
    ControlBytes,
    LostPlace,
    OtherVersion,
    ReaderLimits,
)
from bridge.wire.rtsp.url import hide_credentials

__all__ = ["CLIENT_LIMITS", "REASONS", "SERVER_LIMITS", "Headers", "Reader", "ReaderLimits", "Request", "Response"]

REASONS: dict[int, str] = {
    100: "Continue",
    200: "OK",
    201: "Created",
    250: "Low on Storage Space",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    303: "See Other",
    304: "Not Modified",
    305: "Use Proxy",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Time-out",
    410: "Gone",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Large",
    415: "Unsupported Media Type",
    451: "Parameter Not Understood",
    452: "Conference Not Found",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    456: "Header Field Not Valid for Resource",
    457: "Invalid Range",
    458: "Parameter Is Read-Only",
    459: "Aggregate Operation Not Allowed",
    460: "Only Aggregate Operation Allowed",
    461: "Unsupported Transport",
    462: "Destination Unreachable",
    463: "Key Management Failure",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Time-out",
    505: "RTSP Version Not Supported",
    551: "Option Not Supported",
}
"""Reason phrases of RFC 2326 7.1.1 and 463 of RFC 4567."""

_DOLLAR = 0x24
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_NOT_IN_LINE = re.compile(r"[\r\n\0]")
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate"})


class Headers:
    """Header fields in the order they came; names compare without case, a name may stand several times."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields = list(fields)

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of `name`."""
        wanted = name.lower()
        for known, value in self._fields:
            if known.lower() == wanted:
                return value
        return default

    def all(self, name: str) -> list[str]:
        """Every value of `name`, in order."""
        wanted = name.lower()
        return [value for known, value in self._fields if known.lower() == wanted]

    def add(self, name: str, value: str) -> None:
        """One more field, after the others."""
        self._fields.append((name, value))

    def set(self, name: str, value: str) -> None:
        """The only field of that name from now on, in the place of the first one there was."""
        wanted = name.lower()
        kept: list[tuple[str, str]] = []
        placed = False
        for known, old in self._fields:
            if known.lower() != wanted:
                kept.append((known, old))
            elif not placed:
                kept.append((name, value))
                placed = True
        if not placed:
            kept.append((name, value))
        self._fields = kept

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return [(name.lower(), value) for name, value in self] == [(name.lower(), value) for name, value in other]

    def __repr__(self) -> str:
        shown = [(name, "..." if name.lower() in _SECRET_HEADERS else value) for name, value in self._fields]
        return f"Headers({shown!r})"


@dataclass(slots=True, repr=False)
class Request:
    """A request; `uri` as it stands in the request line: an absolute URL or `*`."""

    method: str
    uri: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    def encode(self) -> bytes:
        """The bytes to send. Raises LocalProtocolError where a value would break the message apart."""
        if not _TOKEN.fullmatch(self.method):
            raise LocalProtocolError(f"request method {self.method!r}: expected a token")
        if not self.uri or any(ord(character) <= 0x20 for character in self.uri):
            raise LocalProtocolError(f"request URI {hide_credentials(self.uri)!r}: expected text without blanks")
        return _encode(f"{self.method} {self.uri} RTSP/1.0", self.headers, self.body)

    def __repr__(self) -> str:
        uri = hide_credentials(self.uri)
        return f"Request({self.method!r}, {uri!r}, {self.headers!r}, <{len(self.body)} bytes>)"


@dataclass(slots=True, repr=False)
class Response:
    """A response; an empty `reason` is filled in from REASONS when it is sent."""

    status: int
    reason: str = ""
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    def encode(self) -> bytes:
        """The bytes to send. Raises LocalProtocolError where a value would break the message apart."""
        if not 100 <= self.status <= 999:
            raise LocalProtocolError(f"response status {self.status}: expected three digits")
        reason = self.reason or REASONS.get(self.status, "Unknown")
        return _encode(f"RTSP/1.0 {self.status} {reason}", self.headers, self.body)

    def __repr__(self) -> str:
        return f"Response({self.status}, {self.reason!r}, {self.headers!r}, <{len(self.body)} bytes>)"


def _encode(start: str, headers: Headers, body: bytes) -> bytes:
    if _NOT_IN_LINE.search(start):
        raise LocalProtocolError(f"start line {hide_credentials(start)!r}: a line break or NUL would end it early")
    lines = [start]
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise LocalProtocolError(f"header name {name!r}: expected a token")
        if _NOT_IN_LINE.search(value):
            raise LocalProtocolError(f"value of header {name}: a line break or NUL would begin another header")
        if name.lower() != "content-length":
            lines.append(f"{name}: {value}")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    lines.append("\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


# What a head may begin with, checked while it is still incomplete, so that garbage is refused at its first bytes.
_PLAUSIBLE_START = re.compile(rb"(?:RTSP/|[A-Za-z][A-Za-z0-9_.-]{0,31}(?:[ \t]|\Z))", re.ASCII)
_PLAUSIBLE_BYTES = 40
_HEAD_END = re.compile(rb"\n\r?\n")
_HEAD_END_OF_CAMERAS = re.compile(rb"\n\r{0,2}\n")
_BAD_IN_HEAD = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_CSEQ = re.compile(rb"^CSeq[ \t]*:[ \t]*(\d{1,10})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_LINE_END = re.compile(r"\r*\n")
_DROPPED = dict.fromkeys((*range(0x09), *range(0x0B, 0x20), 0x7F))

# The lines of an SDP that go on behind its Content-Length; and what ends the search behind a body, or may begin there.
_SDP_LINES = re.compile(rb"(?:[a-z]=[^\r\n\0]*(?:[\r\n\0]+|\Z))*")
_REST_OF_LINE = re.compile(rb"[^\r\n\0]*[\r\n\0]*")
_BEGINNING = re.compile(rb"\$|R(?:T(?:S(?:P(?:/|\Z)|\Z)|\Z)|\Z)|[A-Z_]{3,32}(?:\Z|[ \t][^\r\n]*(?:[ \t]RTSP/|\Z))")
_NEXT_START = re.compile(rb"\$[\x00-\x1f]|RTSP/\d")
_NEXT_START_BYTES = 6
# A frame of RTP or RTCP on one of the first channels, and what may follow one.
_FRAME = re.compile(rb"\$[\x00-\x0f](..)[\x80-\xbf]", re.DOTALL)
_AFTER_FRAME = re.compile(rb"\$[\x00-\x0f]|RTSP/|[A-Z_]{3,32} ")
_STATUS_LINE = re.compile(r"RTSP/(\d{1,3})\.(\d{1,3})[ \t]+(\d{3})(?!\d)[ \t]*(.*)", re.ASCII | re.IGNORECASE)
_VERSION = re.compile(r"RTSP/(\d{1,3})\.(\d{1,3})", re.ASCII | re.IGNORECASE)


class Reader:
    """Takes messages and interleaved frames out of the bytes of one connection.

    on_message: called with each `Request` or `Response`, in order
    on_frame:   called with channel and payload of each `$` frame (RFC 2326 10.12); the view is into the bytes that
                were fed, without a copy, and keeps them alive as long as somebody holds it
    limits:     SERVER_LIMITS or CLIENT_LIMITS
    take_run:   asked before on_frame: (channel, view, where a whole frame begins) -> where what it took of that frame
                and of those right behind it ends; the same place when it took nothing. For who can take frames at less
                than a call each

    `mended` counts the messages whose Content-Length was not believed and the stretches that were skipped, `finds` how
    often the place was lost and found again.

    It keeps at most one unfinished frame or message. After RemoteProtocolError, or after a callable raised, the place
    in the stream is lost and it refuses more input.
    """

    __slots__ = (
        "_after_message",
        "_body_at",
        "_limits",
        "_need",
        "_on_frame",
        "_on_message",
        "_searched",
        "_stray_bytes",
        "_tail",
        "_take_run",
        "_usable",
        "finds",
        "mended",
    )

    def __init__(
        self,
        on_message: Callable[[Request | Response], None],
        on_frame: Callable[[int, memoryview], None],
        limits: ReaderLimits = SERVER_LIMITS,
        *,
        take_run: Callable[[int, memoryview, int], int] | None = None,
    ) -> None:
        self._take_run = take_run
        self._on_message = on_message
        self._on_frame = on_frame
        self._limits = limits
        self._tail = bytearray()  # the unfinished frame or message, from its first byte
        self._need = 0  # bytes that the tail must hold before it is worth another look
        self._searched = 0  # bytes of an unfinished head known not to hold its end
        self._usable = True
        self._body_at = 0  # where the body begins in a tail that lacks bytes of it
        self._after_message = -1  # where, in the bytes being fed, nothing but a message has come before
        self._stray_bytes = 0  # skipped since the latest message
        self.mended = 0
        self.finds = 0

    @property
    def unfinished(self) -> bool:
        """Whether the bytes so far end inside a message or frame."""
        return bool(self._tail)

    @property
    def unfinished_body(self) -> bool:
        """Whether a head is there whose body is not, or not wholly."""
        return self._body_at > 0

    def finish_body(self) -> None:
        """Nothing more comes of the unfinished body: the message is taken with what there is (`BodyLength.MEND`)."""
        if not self._body_at or self._limits.body_length is BodyLength.TRUST:
            return
        data, at = bytes(self._tail), self._body_at
        self._tail.clear()
        self._body_at = self._searched = 0
        message, _ = self._parse_head(data[:at])
        message.body = data[at:]
        self.mended += 1
        self._after_message, self._stray_bytes = 0, 0
        self._on_message(message)

    def feed(self, data: bytes) -> None:
        """The next bytes. Raises RemoteProtocolError; its status is the reply to give before closing (0: none)."""
        if not self._usable:
            raise RemoteProtocolError("input after an error: the place in the stream is lost")
        self._usable = False
        at = 0
        tail = self._tail
        on_frame, take_run = self._on_frame, self._take_run
        if tail:
            missing = self._need - len(tail)
            if len(data) < missing:
                tail += data
                self._usable = True
                return
            if self._need > 4 and tail[0] == _DOLLAR:
                # Only the unfinished frame is copied, not the chunk that brings its end.
                tail += data[:missing]
                frame = bytes(tail)
                tail.clear()
                at = missing
                on_frame(frame[1], memoryview(frame)[4:])
            else:
                data = bytes(tail) + data
                tail.clear()
        end_of_data = len(data)
        view = memoryview(data)
        while at < end_of_data:
            first = data[at]
            if first == _DOLLAR:
                start = at + 4
                if start > end_of_data:
                    self._need = 4
                    break
                end = start + (data[at + 2] << 8 | data[at + 3])
                if end > end_of_data:
                    self._need = end - at
                    break
                if take_run is not None:
                    taken = take_run(data[at + 1], view, at)
                    if taken > at:
                        at = taken
                        continue
                on_frame(data[at + 1], view[start:end])
                at = end
            elif first == 0x0D or first == 0x0A:  # stray line ends between messages (RFC 2326 4)
                self._after_message += at == self._after_message
                at += 1
            else:
                end = self._message(data, at)
                if not end:
                    break
                at = end
        if at < end_of_data:
            tail += view[at:]
        self._after_message = 0 if at == self._after_message else -1
        self._usable = True

    def _message(self, data: bytes, start: int) -> int:
        """The message that begins at `start`; -> where it ends, or 0 when more bytes are needed."""
        limits = self._limits
        if self._searched < _PLAUSIBLE_BYTES and not _PLAUSIBLE_START.match(data[start : start + _PLAUSIBLE_BYTES]):
            if start == self._after_message and limits.body_length is BodyLength.MEND:
                return self._skip(data, start)
            if limits.lost_place is LostPlace.SEEK and self.finds < MAX_FINDS and len(data) - start <= MAX_LOST_BYTES:
                return self._seek(data, start)
            raise RemoteProtocolError(
                f"{data[start : start + 20]!r} begins neither a message nor a frame", clause="RFC 2326 4", status=400
            )
        head_end = _HEAD_END if limits.control_bytes is ControlBytes.REFUSE else _HEAD_END_OF_CAMERAS
        found = head_end.search(data, start + self._searched, start + limits.max_head_bytes)
        if found is None:
            self._refuse_hopeless(data, start)
            self._searched = max(0, len(data) - start - 3)
            self._need = len(data) - start + 1
            return 0
        head = data[start : found.end()]
        try:
            message, size = self._parse_head(head)
        except RemoteProtocolError as error:
            number = _CSEQ.search(head)
            if number:
                error.cseq = number[1].decode("ascii")
            raise
        end = found.end() + size
        if limits.body_length is BodyLength.MEND and isinstance(message, Response):
            end = self._mended_end(message, data, found.end(), end)
        if end > len(data):
            self._searched = found.start() - start
            self._need = end - start
            self._body_at = found.end() - start
            return 0
        self._searched = self._body_at = 0
        message.body = data[found.end() : end]
        self._after_message, self._stray_bytes = end, 0
        self._on_message(message)
        return end

    def _mended_end(self, response: Response, data: bytes, body: int, end: int) -> int:
        """Where an SDP ends whose Content-Length, by which it ends at `end`, is too short or missing."""
        is_sdp = "sdp" in (response.headers.get("Content-Type") or "").lower() or data.startswith(b"v=0", body)
        if not is_sdp or end > len(data):
            return end
        mended = end
        if end > body and data[end - 1] not in b"\r\n\0" and not _begins_something(data, end):
            mended = _end_of(_REST_OF_LINE, data, end)
        mended = _end_of(_SDP_LINES, data, mended)
        if end == body and mended == len(data) and response.status < 300 and _length(response.headers) is None:
            return mended + 1  # it may go on in the next packet; `finish_body` ends it
        self.mended += mended > end
        return mended

    def _seek(self, data: bytes, start: int) -> int:
        """Where the next frame begins that something follows, or 0 when that cannot be told yet."""
        self._searched = 0
        for found in _FRAME.finditer(data, start):
            end = found.start() + 4 + int.from_bytes(found[1], "big")
            if end < len(data) and _AFTER_FRAME.match(data, end):
                self.finds += 1
                return found.start()
        self._need = len(data) - start + 1
        return 0

    def _skip(self, data: bytes, start: int) -> int:
        """What is neither message nor frame behind a message is passed over; -> where one of them may begin, or 0."""
        found = _NEXT_START.search(data, start)
        end = found.start() if found else max(start, len(data) - _NEXT_START_BYTES)
        if found is None and data[end] == _DOLLAR and end + 1 < len(data):
            end += 1  # no frame: the byte behind it is known
        self._searched = 0
        self.mended += not self._stray_bytes
        self._stray_bytes += max(end - start, 1)
        if self._stray_bytes > self._limits.max_body_bytes:
            raise RemoteProtocolError(
                f"{self._stray_bytes} bytes behind a message begin neither another nor a frame",
                clause="RFC 2326 4",
                status=400,
            )
        self._after_message = end
        if found is None and end == start:
            self._need = len(data) - start + 1
            return 0
        return end

    def _refuse_hopeless(self, data: bytes, start: int) -> None:
        """Raises for a head that is not complete yet and can never become one."""
        bad = _CONTROL.search(data, start + self._searched)
        if bad and self._limits.control_bytes is ControlBytes.REFUSE:
            raise RemoteProtocolError(f"byte {bad[0]!r} in the head of a message", clause="RFC 2326 4", status=400)
        if len(data) - start >= self._limits.max_head_bytes:
            whole_line = b"\n" in data[start : start + self._limits.max_head_bytes]
            raise RemoteProtocolError(
                f"the head of a message exceeds {self._limits.max_head_bytes} bytes", status=400 if whole_line else 414
            )

    def _parse_head(self, head: bytes) -> tuple[Request | Response, int]:
        """A head with its blank line -> message without body, and the size of its body."""
        if self._limits.bare_newline is BareNewline.REFUSE and _BARE_LF.search(head):
            raise RemoteProtocolError("a line ends in LF without CR", clause="RFC 2326 4", status=400)
        head = head.rstrip(b"\r\n")
        bad = _BAD_IN_HEAD.search(head)
        if bad and self._limits.control_bytes is ControlBytes.REFUSE:
            raise RemoteProtocolError(f"byte {bad[0]!r} in the head of a message", clause="RFC 2326 4", status=400)
        try:
            text = head.decode("utf-8")
        except UnicodeDecodeError:
            text = head.decode("latin-1")  # what older cameras and recorders mean
        start_line, *lines = _LINE_END.split(text)
        if bad:
            start_line, lines = start_line.translate(_DROPPED), [line.translate(_DROPPED) for line in lines]
        message = _parse_start_line(start_line, self._limits.other_version)
        message.headers = self._parse_headers(lines)
        return message, self._body_size(message.headers)

    def _parse_headers(self, lines: list[str]) -> Headers:
        fields: list[tuple[str, str]] = []
        for line in lines:
            if line[:1] in (" ", "\t"):
                if fields:  # a folded line goes on with the field before it
                    name, value = fields[-1]
                    fields[-1] = (name, f"{value} {line.strip()}".strip())
                    continue
            else:
                name, colon, value = line.partition(":")
                name = name.rstrip()
                if colon and _TOKEN.fullmatch(name):
                    fields.append((name, value.strip()))
                    continue
            if self._limits.bad_header is BadHeader.REFUSE:
                raise RemoteProtocolError(f"{line[:40]!r} is not a header", clause="RFC 2326 4.2", status=400)
        if len(fields) > self._limits.max_headers:
            raise RemoteProtocolError(f"{len(fields)} headers; at most {self._limits.max_headers}", status=400)
        return Headers(fields)

    def _body_size(self, headers: Headers) -> int:
        values = set(headers.all("Content-Length"))
        if self._limits.bad_header is BadHeader.SKIP:
            values.discard("")
        if self._limits.body_length is BodyLength.MEND:
            # The shortest of several: what is beyond it is found by its looks.
            length = _length(headers)
            values = set() if length is None else {str(length)}
        if not values:
            return 0
        text = values.pop()
        if values:
            raise RemoteProtocolError(
                "Content-Length stands twice with two values", clause="RFC 2326 12.14", status=400
            )
        if not (text.isascii() and text.isdigit()):
            raise RemoteProtocolError(
                f"Content-Length {text[:20]!r}: expected a number", clause="RFC 2326 12.14", status=400
            )
        if len(text) > 12 or int(text) > self._limits.max_body_bytes:
            raise RemoteProtocolError(
                f"Content-Length {text[:20]}: at most {self._limits.max_body_bytes} bytes", status=413
            )
        return int(text)


def _length(headers: Headers) -> int | None:
    """The smallest Content-Length that can be read; None when there is none."""
    texts = [text for text in headers.all("Content-Length") if text.isascii() and text.isdigit() and len(text) <= 12]
    return min(map(int, texts), default=None)


def _end_of(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    """Where what `pattern` finds at `at` ends, which may be there."""
    found = pattern.match(data, at)
    return found.end() if found else at


def _begins_something(data: bytes, at: int) -> bool:
    """Whether a frame or a message may begin there, rather than the rest of a line."""
    return _BEGINNING.match(data, at) is not None


def _parse_start_line(line: str, other_version: OtherVersion) -> Request | Response:
    """The first line of a message -> the message without headers."""
    status_line = _STATUS_LINE.fullmatch(line)
    if status_line:
        if other_version is OtherVersion.REFUSE:
            _check_version(status_line[1], status_line[2])
        return Response(int(status_line[3]), (status_line[4] or "").strip())
    method, _, rest = line.partition(" ")
    uri, _, version_text = rest.strip().rpartition(" ")  # a blank inside the URI is a fault that costs nothing to bear
    version = _VERSION.fullmatch(version_text)
    if version and _TOKEN.fullmatch(method) and uri.strip():
        _check_version(version[1], version[2])
        return Request(method, uri.strip())
    raise RemoteProtocolError(
        f"{hide_credentials(line)[:60]!r} is neither a request line nor a status line",
        clause="RFC 2326 6.1",
        status=400,
    )


def _check_version(major: str, minor: str) -> None:
    if (int(major), int(minor)) != (1, 0):
        raise RemoteProtocolError(f"RTSP/{major}.{minor}: we speak RTSP/1.0", clause="RFC 2326 7.1.1", status=505)
