"""Builds the web door: its table of routes out of what the parts of the service offer."""

from collections.abc import Callable
from typing import Any

from bridge.base.time import NS_PER_S, Clock
from bridge.net.http import Head, HttpLimits
from bridge.services.web.door import WebDoor
from bridge.services.web.page import page_routes, read_page
from bridge.services.web.routes import Caller, Routes
from bridge.services.web.sockets import SocketDoor
from bridge.services.web.status import MetricsAccess, status_routes
from bridge.system.config import Config


class Web:
    """The web door and what hangs on it. `door.factory` makes a protocol for each connection."""

    def __init__(self, reactor: Any, clock: Clock, config: Config, metrics: Callable[[], tuple[bytes, str]]) -> None:
        """metrics: the page and its content type."""
        limits = config.limits
        routes = Routes(page_routes(read_page()))
        routes.add(status_routes(metrics, MetricsAccess(config.security.metrics)))
        self.door = WebDoor(
            reactor,
            clock,
            _find_caller,
            routes,
            HttpLimits(
                first_request_s=limits.first_request_timeout_ns // NS_PER_S,
                request_s=limits.request_timeout_ns // NS_PER_S,
                idle_s=limits.idle_timeout_ns // NS_PER_S,
                connections=limits.http_connections,
                connections_per_address=limits.http_connections_per_address,
            ),
        )
        self.sockets = SocketDoor(self.door, reactor, Routes())
        self.door.add_door(self.sockets)

    def close(self) -> None:
        """The service stops: open connections are told, or cut."""
        self.sockets.close()
        self.door.hang_up()


def _find_caller(head: Head, peer: str) -> Caller | None:
    return None
