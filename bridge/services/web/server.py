"""The HTTP site of the web door, with the bounds that twisted.web leaves open: connections, and bodies nobody reads."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import resource
from twisted.web.http import HTTPChannel
from twisted.web.http import Request as HttpRequest
from twisted.web.server import Request, Site

IDLE_TIMEOUT_S = 60
BODY_BYTES = 64 * 1024
"""No resource reads a body yet; a client that sends a small one all the same is answered."""


class _Root(resource.Resource):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Twisted's is not typed

    def render_GET(self, request: HttpRequest) -> bytes:  # noqa: N802 - Twisted's name
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        return b"Open Network Bridge. /healthz answers while the service runs; /metrics has its numbers.\n"

    def getChild(self, path: bytes, request: HttpRequest) -> resource.Resource:  # noqa: N802 - Twisted's name
        """Unknown paths say so in one plain line; Twisted's own page names the library."""
        return _NotFound()


class _NotFound(resource.Resource):
    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Twisted's is not typed

    def render(self, request: HttpRequest) -> bytes:
        request.setResponseCode(404)
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        return b"not found\n"


class _Request(Request):
    """twisted.web would keep a body of any size, in a file, before anybody is asked."""

    channel: "_Channel"
    _body_bytes = 0

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        """The headers are complete."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """A piece of the body."""
        self._body_bytes += len(data)
        if self._body_bytes <= BODY_BYTES:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call] # Twisted's is not typed
        else:
            self.channel.refuse()

    def render(self, resrc: resource.Resource) -> None:
        """Without the header that names the library and its version."""
        self.responseHeaders.removeHeader(b"server")
        super().render(resrc)  # type: ignore[no-untyped-call] # Twisted's is not typed


class _Channel(HTTPChannel):
    """One connection."""

    transport: Any  # ITCPTransport; there before anything else is called
    on_lost: Callable[[], None]
    _refused = False

    def refuse(self) -> None:
        """Its body is too large: says so and hangs up; nothing more is read."""
        if not self._refused:
            self._refused = True
            self.transport.write(b"HTTP/1.1 413 Request Entity Too Large\r\nConnection: close\r\n\r\n")
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        """The connection is gone."""
        super().connectionLost(reason)  # type: ignore[no-untyped-call] # Twisted's is not typed
        self.on_lost()


class _Site(Site):
    """At most `connections` at once; further ones are closed."""

    noisy = False
    protocol: Any = _Channel  # Twisted's is a wrapper that also speaks HTTP/2

    def __init__(self, root: resource.Resource, connections: int) -> None:
        super().__init__(  # type: ignore[no-untyped-call] # Twisted's is not typed
            root, requestFactory=_Request, parsePOSTFormSubmission=False, timeout=IDLE_TIMEOUT_S
        )
        self.refused = 0
        """Connections closed because there were too many."""
        self._limit, self._connections = connections, 0

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802 - Twisted's name; Any: as HTTPFactory has it
        if self._connections >= self._limit:
            self.refused += 1
            return None
        channel: Any = super().buildProtocol(addr)  # type: ignore[no-untyped-call] # Twisted's is not typed
        self._connections += 1
        channel.on_lost = self._lost
        return channel

    def _lost(self) -> None:
        self._connections -= 1

    def log(self, request: HttpRequest) -> None:
        """Nothing: probes of health and metrics come every few seconds."""


class WebServer:
    """Serves the resources that it is given at the top level of its address."""

    def __init__(self, resources: dict[str, resource.Resource], *, connections: int = 500) -> None:
        """resources: path without slashes -> resource. connections: at once, further ones are closed."""
        root = _Root()
        root.putChild(b"", root)
        for path, child in resources.items():
            root.putChild(path.encode(), child)
        self.factory = _Site(root, connections)
