"""The ONVIF port: SOAP on the service paths, and plain resources (still pictures) that are read with GET beside it."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import CancelledError

from bridge.base.time import Clock
from bridge.net.http import Head, HttpLimits, Reply, refuse
from bridge.net.http_channel import DoorChannel, DoorRequest
from bridge.net.http_door import HttpDoor
from bridge.services.onvif.admission import screen_plain, screen_soap
from bridge.services.onvif.call import Call
from bridge.services.onvif.login import Login, UnauthorizedError
from bridge.services.onvif.service import OnvifService, Post, unauthorized

PlainResource = Callable[[Call, str], Reply | Awaitable[Reply]]
"""Answers GET of one path for a caller who has logged in by HTTP Digest; it asks the gatekeeper itself."""


class OnvifServer(HttpDoor):
    """Screens and hands over; SOAP itself is `OnvifService`."""

    def __init__(
        self, reactor: Any, service: OnvifService, login: Login, clock: Clock, limits: HttpLimits | None = None
    ) -> None:
        super().__init__(reactor, clock, limits or HttpLimits())
        self._service = service
        self._login = login
        self._resources: list[tuple[str, PlainResource]] = []

    def add_resource(self, prefix: str, resource: PlainResource) -> None:
        """GET of every path that begins with `prefix` is answered by `resource`."""
        self._resources.append((prefix, resource))

    def screen(self, head: Head, channel: DoorChannel) -> Reply | int:
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

    async def answer(self, request: DoorRequest) -> Reply:
        """The whole answer to a complete request."""
        head = request.head
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


def _peer_text(channel: DoorChannel) -> str:
    peer = channel.getPeer()
    return Post("", b"", peer=(peer.host, peer.port)).peer_text
