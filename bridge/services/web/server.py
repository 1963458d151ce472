"""The HTTP site of the web door."""

from twisted.web import resource
from twisted.web.http import Request
from twisted.web.server import Site

IDLE_TIMEOUT_S = 60


class _Root(resource.Resource):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Twisted's is not typed

    def render_GET(self, request: Request) -> bytes:  # noqa: N802 - Twisted's name
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        return b"Open Network Bridge. /healthz answers while the service runs; /metrics has its numbers.\n"

    def getChild(self, path: bytes, request: Request) -> resource.Resource:  # noqa: N802 - Twisted's name
        """Unknown paths say so in one plain line; Twisted's own page names the library."""
        return _NotFound()


class _NotFound(resource.Resource):
    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Twisted's is not typed

    def render(self, request: Request) -> bytes:
        request.setResponseCode(404)
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        return b"not found\n"


class WebServer:
    """Serves the resources that it is given at the top level of its address."""

    def __init__(self, resources: dict[str, resource.Resource]) -> None:
        """resources: path without slashes -> resource."""
        root = _Root()
        root.putChild(b"", root)
        for path, child in resources.items():
            root.putChild(path.encode(), child)
        self.factory = Site(root, timeout=IDLE_TIMEOUT_S)
        self.factory.noisy = False
