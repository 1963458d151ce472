"""A file as a response: whole or a part of it (RFC 9110 14), read in the pool, as fast as the client takes it."""

import re
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from bridge.net.http import Reply
from bridge.services.web.problems import ProblemError, not_found
from bridge.services.web.routes import Asked
from bridge.services.web.stills import InThread, matches

PIECE_BYTES = 256 * 1024
STALLED_S = 60
"""A client that takes nothing for so long is cut off."""

_RANGE = re.compile(r"bytes=(?:(\d{1,19})-(\d{0,19})|-(\d{1,19}))", re.ASCII)


def wanted_range(header: str, size_bytes: int) -> tuple[int, int] | None:
    """(from, until) of a Range header; None: the whole, also for several ranges and for other units (14.2).

    Raises ProblemError (416) when nothing of the range is there.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        return None
    if match[3] is not None:
        begin, end = max(0, size_bytes - int(match[3])), size_bytes
        wrong = int(match[3]) == 0
    else:
        begin = int(match[1])
        last = int(match[2]) if match[2] else size_bytes - 1
        if match[2] and last < begin:
            return None  # invalid, so it is ignored
        end, wrong = min(last + 1, size_bytes), False
    if wrong or begin >= size_bytes:
        raise ProblemError(
            416,
            "range",
            f"Range {header[:64]!r}: expected a part of {size_bytes} bytes",
            headers=(("Content-Range", f"bytes */{size_bytes}"),),
        )
    return begin, end


async def send_file(
    asked: Asked, path: Path, content_type: str, tag: str, name: str, in_thread: InThread
) -> Reply | None:
    """Answers with the file; a Reply where nothing of it is sent.

    tag: names its content, without quotes; name: what a browser saves it as, in ASCII without quotes
    Raises ProblemError.
    """
    request: Any = asked.request  # Any: twisted.web has no types
    if request is None:
        raise LookupError("a file needs a request to be sent to")
    tag = f'"{tag}"'
    if matches(asked, tag):
        return Reply(304, headers=(("ETag", tag),))
    file: BinaryIO | None = await in_thread(lambda: _open(path))
    if file is None:
        raise not_found()
    try:
        size = await in_thread(lambda: file.seek(0, 2))
        part = wanted_range(asked.head.value("range"), size)
        # A part of what the client has is useless when that has changed (13.1.5).
        if asked.head.value("if-range") not in ("", tag):
            part = None
        begin, end = part or (0, size)
        reply = Reply(
            206 if part else 200,
            content_type=content_type,
            headers=(
                *((("Content-Range", f"bytes {begin}-{end - 1}/{size}"),) if part else ()),
                ("Accept-Ranges", "bytes"),
                ("ETag", tag),
                ("Cache-Control", "private, no-cache"),
                ("Content-Disposition", f'attachment; filename="{name}"'),
                ("X-Content-Type-Options", "nosniff"),
            ),
        )
        _begin(request, reply, end - begin)
        if asked.head.method != "HEAD":
            await _Sending(request, in_thread).send(file, begin, end)
        request.finish()
    finally:
        await in_thread(file.close)  # after a read that may be under way
    return None


def _open(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except OSError:
        return None


def _begin(request: Any, reply: Reply, length: int) -> None:
    request.setResponseCode(reply.status)
    for name, value in request.channel.headers(reply):
        if name.lower() != b"content-length":
            request.responseHeaders.addRawHeader(name, value)
    request.responseHeaders.setRawHeaders(b"content-length", [str(length).encode()])
    request.write(b"")


@implementer(IPushProducer)
class _Sending:
    """Reads a piece, writes it, and waits while the client's connection is full."""

    def __init__(self, request: Any, in_thread: InThread) -> None:
        """request: a DoorRequest."""
        self._request, self._in_thread = request, in_thread
        self._paused = False
        self._resumed: Deferred[None] | None = None

    async def send(self, file: BinaryIO, begin: int, end: int) -> None:
        """Cancelled when the client hangs up."""
        request = self._request
        request.registerProducer(self, True)
        try:
            await self._in_thread(lambda: file.seek(begin))
            while begin < end:
                count = min(PIECE_BYTES, end - begin)
                data: bytes = await self._in_thread(partial(file.read, count))
                if not data:  # it became shorter: the client sees that the response breaks off
                    request.channel.transport.abortConnection()
                    return
                begin += len(data)
                request.write(data)
                if self._paused:
                    await self._room()
        finally:
            request.unregisterProducer()

    async def _room(self) -> None:
        self._resumed = Deferred()
        channel = self._request.channel
        stalled = channel.callLater(STALLED_S, channel.transport.abortConnection)
        try:
            await self._resumed
        finally:
            self._resumed = None
            if stalled.active():
                stalled.cancel()

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The connection is full."""
        self._paused = True

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """There is room again."""
        self._paused = False
        if self._resumed is not None:
            resumed, self._resumed = self._resumed, None
            resumed.callback(None)

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The client is gone: the request tells it too."""
