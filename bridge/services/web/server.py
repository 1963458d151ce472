"""The HTTP site of the web door."""

from typing import Any

from twisted.web import resource
from twisted.web.http import Request
from twisted.web.server import Site

IDLE_TIMEOUT_S = 60


class _Root(resource.Resource):
    def render_GET(self, request: Request) -> bytes:  # noqa: N802 - Twisted's name
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        return b"Open Network Bridge. /healthz answers while the service runs; /metrics has its numbers.\n"

    def getChild(self, path: bytes, request: Request) -> resource.Resource:  # noqa: N802 - Twisted's name
        """Unknown paths say so in one plain line; Twisted's own page names the library."""
        return _NotFound()


class _NotFound(resource.Resource):
    isLeaf = True  # noqa: N815 - Twisted's name

    def render(self, request: Request) -> bytes:
        request.setResponseCode(404)
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        return b"not found\n"


class WebServer:
    """Serves the resources that it is given at the top level of its address."""

    def __init__(self, reactor: Any, resources: dict[str, resource.Resource]) -> None:
        """resources: path without slashes -> resource."""
        self._reactor = reactor
        root = _Root()
        root.putChild(b"", root)
        for path, child in resources.items():
            root.putChild(path.encode(), child)
        self._site = Site(root, timeout=IDLE_TIMEOUT_S)
        self._site.noisy = False
        self._ports: list[Any] = []

    def listen(self, port: int, interface: str) -> int:
        """Opens the door on one address; CannotListenError. Returns the port, which the system chose if it was 0."""
        listening = self._reactor.listenTCP(port, self._site, interface=interface)
        self._ports.append(listening)
        return int(listening.getHost().port)

    async def close(self) -> None:
        """Stops listening."""
        ports, self._ports = self._ports, []
        for port in ports:
            await port.stopListening()
