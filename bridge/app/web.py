"""Builds the web door: its table of routes out of what the parts of the service offer."""

from collections.abc import Callable
from typing import Any

from twisted.internet.task import LoopingCall

from bridge import __version__
from bridge.app.resources import Resources
from bridge.app.video import WebVideo
from bridge.app.web_users import WebUsers
from bridge.base.time import NS_PER_S, Clock
from bridge.net.http import HttpLimits, Reply
from bridge.services.web.door import WebDoor
from bridge.services.web.openapi import openapi_routes
from bridge.services.web.routes import Asked, Route, Routes, Who
from bridge.services.web.sockets import SocketDoor
from bridge.services.web.status import TEXT, MetricsAccess, status_routes
from bridge.system.config import Config

SWEEP_S = 60
"""How often sessions and sockets are looked at for their time."""


class Web:
    """The web door and what hangs on it. `door.factory` makes a protocol for each connection."""

    def __init__(
        self,
        reactor: Any,
        clock: Clock,
        config: Config,
        metrics: Callable[[], tuple[bytes, str]],
        users: WebUsers,
        resources: Resources,
        strict_transport: Callable[[], bool],
        video: WebVideo,
    ) -> None:
        """
        metrics:          the page and its content type
        strict_transport: see `WebDoor`
        """
        limits = config.limits
        self.video = video
        routes = Routes([Route("GET", "/", _front, Who.ANYBODY, "What this is", content=TEXT)])
        routes.add(status_routes(metrics, MetricsAccess(config.security.metrics)))
        routes.add(video.routes())
        routes.add(users.routes())
        routes.add(resources.rows)
        self.door = WebDoor(
            reactor,
            clock,
            users.login.find,
            routes,
            HttpLimits(
                first_request_s=limits.first_request_timeout_ns // NS_PER_S,
                request_s=limits.request_timeout_ns // NS_PER_S,
                idle_s=limits.idle_timeout_ns // NS_PER_S,
                connections=limits.http_connections,
                connections_per_address=limits.http_connections_per_address,
            ),
            caller_now=users.login.now,
            strict_transport=strict_transport,
        )
        self.sockets = SocketDoor(self.door, reactor, Routes((*resources.sockets, *video.sockets())))
        self.door.add_door(self.sockets)
        routes.add(openapi_routes(routes, self.sockets.rows, __version__, users.in_thread))
        self.users = users
        users.on_ended = self._look_again
        self._sweeper = LoopingCall(users.sweep)
        self._sweeper.clock = reactor

    def start(self) -> None:
        """Log-ins are taken from now on."""
        self.users.start()
        self._sweeper.start(SWEEP_S, now=False)

    def rights_changed(self) -> None:
        """Users have changed: who is in, and what is open, is looked at again."""
        self.users.recheck()
        self._look_again()

    def _look_again(self) -> None:
        self.sockets.recheck()
        self.door.recheck()

    def close(self) -> None:
        """The service stops: open connections are told, or cut."""
        self.video.close()
        if self._sweeper.running:
            self._sweeper.stop()
        self.sockets.close()
        self.door.hang_up()
        self.users.stop()


def _front(asked: Asked) -> Reply:
    return Reply(
        200, b"Open Network Bridge. /healthz answers while the service runs; /metrics has its numbers.\n", TEXT
    )
