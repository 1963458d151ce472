"""`/healthz` (no log-in, no detail) and `/metrics` (Prometheus text format)."""

import enum
import ipaddress
from collections.abc import Callable

from bridge.net.http import Reply
from bridge.services.web.problems import not_found
from bridge.services.web.routes import Asked, Route, Who

TEXT = "text/plain; charset=utf-8"


class MetricsAccess(enum.StrEnum):
    """Who may read /metrics without logging in (`[security] metrics`)."""

    NOBODY = "nobody"
    LOOPBACK = "loopback"
    EVERYBODY = "everybody"

    def allows(self, peer: str) -> bool:
        """peer: address and port of the client as text."""
        if self is MetricsAccess.LOOPBACK:
            return is_loopback(peer)
        return self is MetricsAccess.EVERYBODY


def is_loopback(peer: str) -> bool:
    """Whether an address and port, `127.0.0.1:4711` or `[::1]:4711`, is of this host."""
    address = ipaddress.ip_address(peer.rpartition(":")[0].strip("[]").partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def status_routes(render: Callable[[], tuple[bytes, str]], access: MetricsAccess) -> list[Route]:
    """render: the numbers, and their content type. For those who may not read them the page does not exist.

    access: who may without logging in; administrators may from everywhere
    """

    def health(asked: Asked) -> Reply:
        return Reply(200, b"ok\n", TEXT, (("Cache-Control", "no-store"),))

    def metrics(asked: Asked) -> Reply:
        if not access.allows(asked.peer) and not Who.ADMINISTRATOR.admits(asked.caller):
            raise not_found()
        page, content_type = render()
        return Reply(200, page, content_type, (("Cache-Control", "no-store"),))

    return [
        Route("GET", "/healthz", health, Who.ANYBODY, "200 while the service runs", content=TEXT),
        Route("GET", "/metrics", metrics, Who.ANYBODY, "Numbers in Prometheus's text format", content=TEXT),
    ]
