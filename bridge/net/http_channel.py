"""The HTTP connection of a door: twisted.web's parser with limits that hold from the first line on.

twisted.web alone would keep a whole body, of any size, for as long as it takes, before anybody is asked. Here a request
is screened when its headers are complete; a refusal is answered at once and the connection closed. A request for
another door on this port takes the connection with it.
"""

from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from io import BytesIO
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import NS_PER_S
from bridge.net.http import Head, HttpLimits, Reply, refuse
from bridge.net.takeover import OtherDoor, RefusedError, Takeover, refusal

LINGER_S = 2
MAX_DISCARDED_BYTES = 4 * 1024 * 1024


class DoorRequest(http.Request):
    """One request. Its channel's door decides about it twice: by its head, then with its body."""

    channel: "DoorChannel"
    head: Head

    def gotLength(self, length: int | None) -> None:
        """The headers are complete."""
        self.content = BytesIO()  # Twisted would write larger bodies to disk
        headers = {
            name.decode("latin-1").lower(): [value.decode("utf-8", "replace") for value in values]
            for name, values in self.requestHeaders.getAllRawHeaders()
        }
        self.head = Head(*self.channel.request_line, headers, length)
        self._left_bytes = self.channel.screen(self.head)

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of the body, of either transfer coding."""
        if self.channel.deaf:
            return
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            self.channel.refuse(refuse(413, "the body is too large"))
            return
        super().handleContentChunk(data)

    def process(self) -> None:
        """The body is complete."""
        self.channel.door.serve(self)

    def body(self) -> bytes:
        """All of the body."""
        return self.content.read() if self.content is not None else b""

    def send(self, reply: Reply) -> None:
        """The response, unless the client has gone."""
        if self._disconnected or self.finished:
            return
        self.setResponseCode(reply.status)
        for name, value in self.channel.headers(reply):
            self.responseHeaders.addRawHeader(name, value)
        self.write(reply.body)
        self.finish()


class DoorChannel(http.HTTPChannel):
    """One connection. It has one request in work at a time; more of them wait unread in the socket."""

    transport: Any  # ITCPTransport, perhaps with TLS in front; there before anything else is called
    callLater: Any  # noqa: N815 - the reactor's, set by the factory
    requestFactory = DoorRequest  # noqa: N815 - Twisted's name
    # Small enough that headers cost nothing, large enough for any Digest and cookies of a browser.
    totalHeadersSize = 16 * 1024  # noqa: N815
    maxHeaders = 64  # noqa: N815
    abortTimeout = LINGER_S  # noqa: N815

    def __init__(self, door: Any, limits: HttpLimits) -> None:
        """door: what decides and answers: `HttpDoor`."""
        super().__init__()
        self.door = door
        self.refused = False
        self._limits = limits
        self._deadline: Any = None
        self._serving = False
        self._discarded_bytes = 0
        self._taken: Takeover | None = None
        self.on_lost: Callable[[DoorChannel], None] = lambda channel: None

    @property
    def request_line(self) -> tuple[str, str]:
        """Method and target of the request whose headers are complete and whose body is not."""
        return self._command.decode("latin-1"), self._path.decode("latin-1")

    @property
    def deaf(self) -> bool:
        """Whether requests are over here: the latest was refused, or the connection is another door's."""
        return self.refused or self._taken is not None

    def dataReceived(self, data: bytes) -> None:
        """Bytes came."""
        if self._taken is not None:
            self._taken.dataReceived(data)
            return
        if self.refused:
            # Read and forget for a moment: closing with unread bytes would reset the connection before the client has
            # seen why.
            self._discarded_bytes += len(data)
            if self._discarded_bytes > MAX_DISCARDED_BYTES:
                self.transport.abortConnection()
            return
        if self._deadline is None and not self._serving:
            self._deadline = self.callLater(self._limits.request_s, self._too_slow)
        super().dataReceived(data)

    def screen(self, head: Head) -> int:
        """How many bytes of body the request may send; 0 after it was refused."""
        if (other := self.door.other_door(head)) is not None:
            self._hand_over(other, head)
            return 0
        found = self.door.screen(head, self)
        if isinstance(found, int):
            if head.length is None or head.length <= found:
                return found
            found = refuse(413, "the body is too large")
        self.refuse(found)
        return 0

    def _hand_over(self, other: OtherDoor, head: Head) -> None:
        """From the end of this head on the connection is not ours any more, nor counted here."""
        self.transport.unregisterProducer()
        try:
            self._taken = other.take(head, self.transport)
        except RefusedError as error:
            self.refuse(error.reply)
            return
        except RemoteProtocolError as error:
            self.refuse(refusal(error))
            return
        self._cancel_deadline()
        self.setTimeout(None)
        self.on_lost(self)

    def refuse(self, reply: Reply) -> None:
        """Answers before the request is complete, and closes."""
        if self.refused:
            return
        self.refused = True
        self._cancel_deadline()
        lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}".encode()]
        lines += [name + b": " + value for name, value in self.headers(reply)]
        self.transport.write(b"\r\n".join([*lines, b"Connection: close", b"", reply.body]))
        self.setTimeout(LINGER_S)
        self.transport.loseWriteConnection()

    def headers(self, reply: Reply) -> list[tuple[bytes, bytes]]:
        """The headers of a response. No Server: what we are is not a stranger's business before he logs in."""
        date = formatdate(self.door.clock.utc_ns() // NS_PER_S, usegmt=True)
        found = [("Date", date), ("Content-Length", str(len(reply.body)))]
        if reply.content_type:
            found.append(("Content-Type", reply.content_type))
        return [(name.encode(), value.encode()) for name, value in (*found, *reply.headers)]

    def _send100Continue(self) -> None:
        if not self.refused and self.length != 0:
            super()._send100Continue()

    def lineReceived(self, line: bytes) -> None:
        """A line of a head; after a refusal the rest of what was read at once still comes by here."""
        if self.deaf:
            return
        super().lineReceived(line)
        if self._taken is not None:
            self.setRawMode()

    def rawDataReceived(self, data: bytes) -> None:
        """A piece of a body; the same holds."""
        if self._taken is not None:
            self._taken.dataReceived(data)
        elif not self.refused:
            super().rawDataReceived(data)

    def allContentReceived(self) -> None:
        """The request is complete."""
        if self.deaf:
            return
        self._cancel_deadline()
        self._serving = True
        self.setTimeout(self._limits.idle_s)  # from the response on
        super().allContentReceived()

    def requestDone(self, request: http.Request) -> None:
        """Its response is written."""
        self._serving = False
        super().requestDone(request)

    def timeoutConnection(self) -> None:
        """Idle for too long, or a refused client that does not go."""
        if self.refused:
            self.transport.abortConnection()
        else:
            self.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self._cancel_deadline()
        super().connectionLost(reason)
        if self._taken is not None:
            self._taken.connectionLost(reason)
        else:
            self.on_lost(self)

    def _too_slow(self) -> None:
        self._deadline = None
        if self.requests:
            self.refuse(refuse(408, "the request took too long"))
        else:
            self.loseConnection()

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
