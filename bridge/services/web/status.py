"""`/healthz` (no log-in, no detail) and `/metrics` (Prometheus text format)."""

import enum
import ipaddress
from collections.abc import Callable
from typing import Any

from twisted.web import resource
from twisted.web.http import Request


class MetricsAccess(enum.StrEnum):
    """Who may read /metrics without logging in (`[security] metrics`)."""

    NOBODY = "nobody"
    LOOPBACK = "loopback"
    EVERYBODY = "everybody"

    def allows(self, peer: str) -> bool:
        """peer: the client's address as text."""
        if self is MetricsAccess.LOOPBACK:
            address = ipaddress.ip_address(peer.partition("%")[0])
            mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
            return (mapped or address).is_loopback
        return self is MetricsAccess.EVERYBODY


class Health(resource.Resource):
    """200 while the reactor turns."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Twisted's is not typed

    def render_GET(self, request: Request) -> bytes:  # noqa: N802 - Twisted's name
        """The whole answer."""
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        request.setHeader("Cache-Control", "no-store")
        return b"ok\n"


class Metrics(resource.Resource):
    """The numbers, for those who may read them; for others the page does not exist."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self, render: Callable[[], tuple[bytes, str]], access: MetricsAccess) -> None:
        """render: the page and its content type."""
        super().__init__()  # type: ignore[no-untyped-call] # Twisted's is not typed
        self._render, self._access = render, access

    def render_GET(self, request: Request) -> bytes:  # noqa: N802 - Twisted's name
        """Prometheus's text format, or 404."""
        client: Any = request.getClientAddress()
        if not self._access.allows(client.host):
            request.setResponseCode(404)
            return b"not found\n"
        page, content_type = self._render()
        request.setHeader("Content-Type", content_type)
        request.setHeader("Cache-Control", "no-store")
        return page
