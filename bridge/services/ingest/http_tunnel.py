"""Cameras behind a tunnel of RTSP through HTTP: a GET that answers and media come on, a POST for requests.

To a driver it is an endpoint like any other: the two connections are one transport for the driver's protocol.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from bridge.base.errors import RemoteProtocolError
from bridge.dialogue.digest import DigestClient
from bridge.dialogue.rtsp_client import USER_AGENT
from bridge.dialogue.rtsp_client_events import DownReason
from bridge.services.ingest.failures import CameraRefusedError
from bridge.wire.rtsp.tunnel import encode
from bridge.wire.rtsp.tunnel_heads import TunnelAnswer, format_get, format_post, parse_answer
from bridge.wire.rtsp.url import RtspUrl

ANSWER_WITHIN_S = 10
MAX_LOG_INS = 3
_COOKIE_BYTES = 11

MAX_UNSENT_BYTES = 64 * 1024
"""Of requests while a POST that the camera closed is opened again; a camera that wants more is given up."""

MAX_EARLY_BYTES = 64 * 1024
"""Of what a camera sends on the GET while the POST is not open yet: nothing was asked for, so it has nothing to say."""

MakeEndpoint = Callable[[Any, RtspUrl], IStreamClientEndpoint]


@implementer(IStreamClientEndpoint)
class TunnelEndpoint:
    """Connects to one camera. `connect` fails as the endpoint below does, or with CameraRefusedError.

    below: to each of the two connections
    """

    def __init__(
        self, reactor: Any, url: RtspUrl, random_bytes: Callable[[int], bytes], below: MakeEndpoint
    ) -> None:  # Any: see driver.Errand
        self._reactor = reactor
        self._url = url
        self._random_bytes = random_bytes
        self._below = below
        self._login = None if url.user is None else DigestClient(url.user, url.password or "")

    def connect(self, protocolFactory: Any) -> "Deferred[Any]":  # noqa: N803 - Twisted's name; Any: IProtocolFactory
        """Fires with the protocol, when requests may be sent."""
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: Any) -> Any:
        cookie = self._random_bytes(_COOKIE_BYTES).hex()
        get = await self._open_get(cookie)
        # To the address that the GET went to: a name may have several.
        url = replace(self._url, host=get.transport.getPeer().host)
        wire = TunnelWire(get, lambda: self._open_post(url, cookie))
        try:
            await wire.open_post()
        except BaseException:
            get.abort()
            raise
        protocol = factory.buildProtocol(get.transport.getPeer())
        protocol.makeConnection(wire)
        get.feed(protocol)
        return protocol

    async def _open_get(self, cookie: str) -> "_Get":
        """The GET, when the camera has agreed to it; it may ask for the log-in first."""
        authorization = ""
        for _ in range(MAX_LOG_INS):
            get = cast("_Get", await self._below(self._reactor, self._url).connect(_Once(_Get)))
            try:
                answer = await get.ask(
                    format_get(self._target, self._host, cookie, USER_AGENT, authorization), self._reactor
                )
            except BaseException:
                get.abort()
                raise
            if answer.status == 200:
                return get
            get.abort()
            authorization = self._answered(answer)
        raise CameraRefusedError(DownReason.AUTH, "the camera asks for the log-in again and again")

    def _answered(self, answer: TunnelAnswer) -> str:
        """The Authorization for the next try. Raises CameraRefusedError when there is no use in one."""
        if answer.status != 401:
            # 404 and 405 mostly: an HTTP server that knows no tunnels, or not on this port.
            said = f"{answer.status} {answer.reason[:40]}".strip()
            raise CameraRefusedError(DownReason.PROTOCOL, f"{self._host} answered the GET of a tunnel with HTTP {said}")
        if self._login is None:
            raise CameraRefusedError(DownReason.AUTH, "the camera wants a user name and password")
        cnonce = self._random_bytes(8).hex()
        authorization = self._login.authorize(answer.challenges, "GET", self._target, cnonce)
        if authorization is None:
            raise CameraRefusedError(DownReason.AUTH, "user name or password refused")
        return authorization

    async def _open_post(self, url: RtspUrl, cookie: str) -> "_Post":
        post = cast("_Post", await self._below(self._reactor, url).connect(_Once(_Post)))
        authorization = (self._login.header("POST", self._target) if self._login else None) or ""
        post.transport.write(format_post(self._target, self._host, cookie, USER_AGENT, authorization))
        return post

    @property
    def _target(self) -> str:
        return self._url.path or "/"

    @property
    def _host(self) -> str:
        host = f"[{self._url.host}]" if ":" in self._url.host else self._url.host
        return f"{host}:{self._url.port}"


class TunnelWire:
    """The two connections as one transport. A POST that the camera closes is opened again for the next request."""

    def __init__(self, get: "_Get", make_post: Callable[[], Any]) -> None:
        """make_post: () -> coroutine of an open `_Post`."""
        self._get = get
        self._make_post = make_post
        self._post: _Post | None = None
        self._opening: Deferred[None] | None = None
        self._unsent = b""
        self._producer: Any = None
        self._closing = False
        get.on_lost = self._on_get_lost

    async def open_post(self) -> None:
        """The first one, and each after one that was closed."""
        self._take_post(await self._make_post())

    def _take_post(self, post: "_Post") -> None:
        if self._closing or self._get.gone:
            post.transport.abortConnection()
            return
        self._post = post
        post.on_lost = self._on_post_lost
        if self._producer is not None:
            post.transport.registerProducer(self._producer, True)
        unsent, self._unsent = self._unsent, b""
        if unsent:
            post.transport.write(encode(unsent))

    def write(self, data: bytes) -> None:
        """Requests and reports."""
        if self._post is not None:
            self._post.transport.write(encode(data))
            return
        if self._closing:
            return
        self._unsent += data
        if len(self._unsent) > MAX_UNSENT_BYTES:
            self.abortConnection()
        elif self._opening is None:
            self._opening = Deferred.fromCoroutine(self.open_post())
            self._opening.addBoth(self._opened)

    def _opened(self, result: Any) -> None:
        self._opening = None
        if isinstance(result, Failure):
            self.abortConnection()

    def getPeer(self) -> Any:  # noqa: N802 - Twisted's names, all of them
        """The camera."""
        return self._get.transport.getPeer()

    def getHost(self) -> Any:  # noqa: N802
        """Our end."""
        return self._get.transport.getHost()

    def registerProducer(self, producer: Any, streaming: bool) -> None:  # noqa: N802
        """Who is told when the camera does not read."""
        self._producer = producer
        if self._post is not None:
            self._post.transport.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:  # noqa: N802
        """Nobody any more."""
        if self._producer is not None and self._post is not None:
            self._post.transport.unregisterProducer()
        self._producer = None

    def loseConnection(self) -> None:  # noqa: N802
        """When all is written."""
        self._closing = True
        self.unregisterProducer()
        if self._post is not None:
            # Whoever closes the GET ends all of it: the last word is to arrive before.
            self._post.on_lost = lambda reason: self._get.transport.loseConnection()
            self._post.transport.loseConnection()
        else:
            self._get.transport.loseConnection()

    def abortConnection(self) -> None:  # noqa: N802
        """At once."""
        self._closing = True
        self._get.abort()

    def _on_post_lost(self, reason: Failure) -> None:
        self._post = None
        if self._producer is not None:
            # What held it up is gone.
            self._producer.resumeProducing()

    def _on_get_lost(self, reason: Failure) -> None:
        """All is over."""
        self._closing = True
        if self._opening is not None:
            self._opening.cancel()
        post, self._post = self._post, None
        if post is not None:
            post.on_lost = _nothing
            post.transport.abortConnection()


def _too_late(result: object, timeout_s: float) -> TunnelAnswer:
    raise CameraRefusedError(DownReason.TIMEOUT, f"the camera did not answer the GET of a tunnel in {timeout_s:.0f} s")


def _nothing(reason: Failure) -> None:
    """Nobody wants to know."""


class _Once(Factory):
    """One protocol."""

    noisy = False

    def __init__(self, make: Callable[[], Protocol]) -> None:
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> Protocol:  # noqa: N802 - Twisted's name
        return self._make()


class _Get(Protocol):
    """The connection that answers and media come on: an HTTP head first, then whatever the driver's protocol reads."""

    transport: Any  # ITCPTransport; there before anything else is called

    def __init__(self) -> None:
        self._early = b""
        self._asked: Deferred[TunnelAnswer] | None = None
        self._protocol: IProtocol | None = None
        self.gone = False
        self.on_lost: Callable[[Failure], object] = _nothing

    async def ask(self, request: bytes, reactor: Any) -> TunnelAnswer:
        """Sends the head; the camera's answer. Raises CameraRefusedError."""
        asked: Deferred[TunnelAnswer] = Deferred(self._forget)
        self._asked = asked
        asked.addTimeout(ANSWER_WITHIN_S, reactor, _too_late)
        self.transport.write(request)
        return await asked

    def _forget(self, asked: "Deferred[TunnelAnswer]") -> None:
        self._asked = None

    def feed(self, protocol: IProtocol) -> None:
        """What comes from now on, and what has come already, is for that protocol."""
        self._protocol = protocol
        early, self._early = self._early, b""
        if early:
            protocol.dataReceived(early)

    def abort(self) -> None:
        """At once."""
        if not self.gone:
            self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Bytes of the camera."""
        if self._protocol is not None:
            self._protocol.dataReceived(data)
            return
        self._early += data
        asked = self._asked
        if asked is None:
            if len(self._early) > MAX_EARLY_BYTES:
                self.abort()
            return
        try:
            found = parse_answer(self._early)
        except RemoteProtocolError as error:
            self._asked = None
            asked.errback(CameraRefusedError(DownReason.PROTOCOL, str(error)))
            return
        if found is not None:
            self._asked = None
            answer, self._early = found
            asked.callback(answer)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        """Everything is over."""
        self.gone = True
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.errback(CameraRefusedError(DownReason.CLOSED, "the camera did not answer the GET of a tunnel"))
        self.on_lost(reason)
        if self._protocol is not None:
            self._protocol.connectionLost(reason)


class _Post(Protocol):
    """The connection that requests go on. What a camera answers on it means nothing."""

    transport: Any  # ITCPTransport; there before anything else is called

    def __init__(self) -> None:
        self.on_lost: Callable[[Failure], object] = _nothing

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        """It may be opened again."""
        self.on_lost(reason)
