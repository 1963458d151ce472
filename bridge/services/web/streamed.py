"""Answers that are long, or never end: written piece by piece, no faster than the client reads."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from bridge.net.http import Reply
from bridge.services.web.door import API_POLICY, SAFE_HEADERS

STALL_S = 30
"""A client that reads nothing for so long is cut off."""


@implementer(IPushProducer)
class StreamedAnswer:
    """The body of one answer. `write` waits while the client does not read; the handler is cancelled when it goes."""

    def __init__(self, request: Any, reactor: Any, reply: Reply) -> None:
        """
        request: a DoorRequest; Twisted's calls are not typed
        reactor: provides IReactorTime
        reply:   status, type and headers; its body is the first piece
        """
        self._request = request
        self._reactor = reactor
        self._waiting: Deferred[None] | None = None
        self._paused = False
        request.setResponseCode(reply.status)
        names = {name.lower() for name, _ in reply.headers}
        policy = () if "content-security-policy" in names else (API_POLICY,)
        full = Reply(reply.status, b"", reply.content_type, (*reply.headers, *SAFE_HEADERS, *policy))
        for name, value in request.channel.headers(full):
            if name != b"Content-Length":
                request.responseHeaders.addRawHeader(name, value)
        self._request.registerProducer(self, True)
        if reply.body:
            self._request.write(reply.body)

    @property
    def blocked(self) -> bool:
        """Whether the client has not read what was written."""
        return self._paused

    async def write(self, data: bytes) -> None:
        """The next piece; returns when there is room for another."""
        self._request.write(data)
        await self.room()

    async def room(self) -> None:
        """Waits until the client has read what was written."""
        if not self._paused:
            return
        cut = self._reactor.callLater(STALL_S, self._request.channel.transport.abortConnection)
        self._waiting = Deferred()
        try:
            await self._waiting
        finally:
            self._waiting = None
            if cut.active():
                cut.cancel()

    def end(self) -> None:
        """That was all."""
        if not (self._request._disconnected or self._request.finished):  # noqa: SLF001 - as DoorRequest does
            self._request.unregisterProducer()
            self._request.finish()

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The client does not read."""
        self._paused = True

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """It does again."""
        self._paused = False
        if self._waiting is not None and not self._waiting.called:
            self._waiting.callback(None)

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """It is gone; the handler is cancelled."""
        self._paused = True
