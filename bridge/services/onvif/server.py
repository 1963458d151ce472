"""The ONVIF port: SOAP on the service paths, and plain resources (still pictures) that are read with GET beside it."""

import inspect
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web import http

from bridge.base.time import Clock
from bridge.services.onvif.addresses import bracketed
from bridge.services.onvif.admission import Head, HttpLimits, refuse, screen_plain, screen_soap
from bridge.services.onvif.call import Call
from bridge.services.onvif.channel import OnvifChannel, OnvifRequest
from bridge.services.onvif.faces import Place
from bridge.services.onvif.login import Login, UnauthorizedError
from bridge.services.onvif.service import OnvifService, Post, Reply, unauthorized
from bridge.services.onvif.takeover import OtherDoor

PlainResource = Callable[[Call, str], Reply | Awaitable[Reply]]
"""Answers GET of one path for a caller who has logged in by HTTP Digest; it asks the gatekeeper itself."""


class OnvifServer:
    """Screens and hands over; SOAP itself is `OnvifService`. `factory` makes a protocol for each connection."""

    def __init__(
        self, reactor: Any, service: OnvifService, login: Login, clock: Clock, limits: HttpLimits | None = None
    ) -> None:
        self._reactor = reactor
        self.clock = clock
        self._service = service
        self._login = login
        self._limits = limits or HttpLimits()
        self._resources: list[tuple[str, PlainResource]] = []
        self._others: list[OtherDoor] = []
        self._channels: dict[OnvifChannel, str] = {}
        self._per_address: Counter[str] = Counter()
        self.turned_away = 0
        """Connections closed because there were too many."""
        self.factory: http.HTTPFactory = _Factory(self, self._limits, reactor)
        """For whoever opens the ports himself."""
        self._log = structlog.get_logger()

    def add_resource(self, prefix: str, resource: PlainResource) -> None:
        """GET of every path that begins with `prefix` is answered by `resource`."""
        self._resources.append((prefix, resource))

    def add_door(self, door: OtherDoor) -> None:
        """Requests that `door` wants are its own, and so are their connections from then on."""
        self._others.append(door)

    def other_door(self, head: Head) -> OtherDoor | None:
        """Whose request that is; None: it is ours."""
        return next((door for door in self._others if door.wants(head)), None)

    def hang_up(self, place: Place | None = None) -> None:
        """Ends every connection, or those that came in there, but for those that other doors took over."""
        for channel in list(self._channels):
            if place is None or place in _places(channel):
                channel.transport.abortConnection()

    # --- Connections -------------------------------------------------------------------------------------------------

    def accept(self, address: str) -> OnvifChannel | None:
        """The protocol of a new connection; None closes it at once."""
        limits = self._limits
        if len(self._channels) >= limits.connections or self._per_address[address] >= limits.connections_per_address:
            self.turned_away += 1
            return None
        channel = OnvifChannel(self, limits)
        channel.on_lost = self._forget
        self._channels[channel] = address
        self._per_address[address] += 1
        return channel

    def _forget(self, channel: OnvifChannel) -> None:
        address = self._channels.pop(channel, None)
        if address is not None:
            self._per_address[address] -= 1
            self._per_address += Counter()  # drops the zeros

    # --- Requests ----------------------------------------------------------------------------------------------------

    def screen(self, head: Head, channel: OnvifChannel) -> Reply | int:
        """What is decided before the body: a refusal, or how many bytes it may have."""
        if head.path not in self._service.paths:
            if self._resource(head.path) is None:
                return refuse(404, "not found")
            return screen_plain(head) or 0
        refusal = screen_soap(head)
        if refusal is not None:
            return refusal
        limits = self._limits
        if head.length is not None and head.length <= limits.anonymous_body_bytes:
            return limits.anonymous_body_bytes
        try:
            self._login.by_headers(head.method, head.target, head.values("authorization"), _peer_text(channel))
        except UnauthorizedError:
            return limits.anonymous_body_bytes
        return limits.body_bytes

    def serve(self, request: OnvifRequest) -> None:
        """Answers a complete request."""
        answering = Deferred.fromCoroutine(self._answer(request.head, request))
        request.notifyFinish().addErrback(lambda _: answering.cancel())
        answering.addCallbacks(request.send, self._lost)

    def _lost(self, failure: Failure) -> None:
        """Only a client that hung up gets here: everything else became a reply."""
        if failure.check(CancelledError) is None:
            self._log.error("onvif request was not answered", why=repr(failure.value))

    async def _answer(self, head: Head, request: OnvifRequest) -> Reply:
        peer, local = request.channel.getPeer(), request.channel.getHost()
        post = Post(
            target=head.target,
            body=request.body(),
            authorization=head.values("authorization"),
            host=head.value("host"),
            scheme="https" if request.isSecure() else "http",
            peer=(peer.host, peer.port),
            local=(local.host, local.port),
        )
        resource = self._resource(head.path)
        if resource is None:
            return await self._service.answer(post)
        return await self._answer_plain(resource, head, post)

    async def _answer_plain(self, resource: PlainResource, head: Head, post: Post) -> Reply:
        try:
            principal = self._login.by_headers(head.method, head.target, post.authorization, post.peer_text)
            reply = resource(self._service.call(post, principal), head.path)
            return await reply if inspect.isawaitable(reply) else reply
        except UnauthorizedError as error:
            return unauthorized(error)
        except CancelledError:
            raise
        except Exception:  # noqa: BLE001 - the last line of the door: a defect of ours costs one request
            self._log.exception("onvif resource failed", path=head.path[:128], peer=post.peer_text)
            return refuse(500, "this failed")

    def _resource(self, path: str) -> PlainResource | None:
        return next((resource for prefix, resource in self._resources if path.startswith(prefix)), None)


class _Factory(http.HTTPFactory):
    """twisted.web's factory without its log of requests."""

    noisy = False

    def __init__(self, server: OnvifServer, limits: HttpLimits, reactor: Any) -> None:
        super().__init__(timeout=limits.idle_s, reactor=reactor)
        self._server = server
        self._first_s = min(limits.first_request_s, limits.idle_s)

    def buildProtocol(self, addr: Any) -> Any:
        channel = self._server.accept(addr.host)
        if channel is None:
            return None
        channel.factory = self
        channel.callLater = self.reactor.callLater
        channel.timeOut = self._first_s
        return channel

    def log(self, request: Any) -> None:
        """Nothing: what matters is in the audit and the metrics."""


def _places(channel: OnvifChannel) -> tuple[Place, Place]:
    """Where it came in, as `Faces` writes it."""
    local = channel.getHost()
    return (bracketed(local.host), local.port), ("", local.port)


def _peer_text(channel: OnvifChannel) -> str:
    peer = channel.getPeer()
    return Post("", b"", peer=(peer.host, peer.port)).peer_text
