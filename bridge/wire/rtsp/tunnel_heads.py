"""RTSP inside HTTP as its client speaks it: the heads of GET and POST, and of what the server answers.

The formats are those that cameras have seen from QuickTime, live555 and FFmpeg for twenty years: HTTP/1.0, a
Content-Length of 32767 that means nothing, and a date of expiry long ago.
"""

import re
from dataclasses import dataclass

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.wire.rtsp.tunnel import COOKIE_HEADER, MEDIA_TYPE

MAX_ANSWER_BYTES = 16 * 1024
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(r"\r?\n")
# Some servers answer with RTSP's name, as theirs is one parser for both.
_STATUS = re.compile(r"(?:HTTP|RTSP)/\d\.\d[ \t]+(\d{3})(?!\d)[ \t]*(.*)", re.ASCII)
_NOT_IN_LINE = re.compile(r"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class TunnelAnswer:
    """The head of a response.

    challenges: the values of all WWW-Authenticate headers
    """

    status: int
    reason: str
    challenges: tuple[str, ...] = ()


def format_get(target: str, host: str, cookie: str, agent: str, authorization: str = "") -> bytes:
    """The half that media come on. target: path and query; host: with the port, as in a URL."""
    return _format("GET", target, host, cookie, agent, authorization, [f"Accept: {MEDIA_TYPE}"])


def format_post(target: str, host: str, cookie: str, agent: str, authorization: str = "") -> bytes:
    """The half that requests go on."""
    more = [f"Content-Type: {MEDIA_TYPE}", "Content-Length: 32767", "Expires: Sun, 9 Jan 1972 00:00:00 GMT"]
    return _format("POST", target, host, cookie, agent, authorization, more)


def _format(method: str, target: str, host: str, cookie: str, agent: str, authorization: str, more: list[str]) -> bytes:
    lines = [
        f"{method} {target or '/'} HTTP/1.0",
        f"Host: {host}",
        f"User-Agent: {agent}",
        f"{COOKIE_HEADER}: {cookie}",
        *more,
        "Pragma: no-cache",
        "Cache-Control: no-cache",
        *([f"Authorization: {authorization}"] if authorization else []),
    ]
    for line in lines:
        if _NOT_IN_LINE.search(line):
            raise LocalProtocolError(f"a line break or NUL in {line.partition(':')[0]!r} of a tunnel's request")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def parse_answer(data: bytes) -> tuple[TunnelAnswer, bytes] | None:
    """The head that `data` begins with, and what follows it; None while it is not complete.

    Raises RemoteProtocolError.
    """
    end = _HEAD_END.search(data)
    if end is None:
        if len(data) > MAX_ANSWER_BYTES:
            raise RemoteProtocolError(f"head of an HTTP response longer than {MAX_ANSWER_BYTES} bytes")
        return None
    first, *lines = _LINE_END.split(data[: end.start()].decode("utf-8", "surrogateescape"))
    match = _STATUS.fullmatch(first)
    if match is None:
        raise RemoteProtocolError(f"{first[:32]!r} begins no HTTP response", clause="RFC 9112 4")
    fields = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    challenges = tuple(value for name, value in fields if name == "www-authenticate")
    return TunnelAnswer(int(match[1]), match[2].strip(), challenges), data[end.end() :]
