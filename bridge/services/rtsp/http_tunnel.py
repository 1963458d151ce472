"""RTSP through HTTP: a GET that answers and media go out on, and POSTs that requests come in on.

To the rest of the door it is one more transport: `RtspConnection` writes to the socket of the GET as it would to its
own, media by the direct way, and is fed what the POSTs carry. Which belong together is `dialogue.rtsp_tunnels`, what is
in them `wire.rtsp.tunnel`; the HTTP door reads the heads and hands the connections over.
"""

from typing import TYPE_CHECKING, Any

import structlog
from twisted.python.failure import Failure

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import NS_PER_S
from bridge.dialogue.rtsp_tunnels import Tunnel, TunnelLimits, Tunnels
from bridge.net.carrier import Carrier
from bridge.net.http import Head
from bridge.services.rtsp.connection import RtspConnection, host_and_port
from bridge.wire.rtsp.tunnel import COOKIE_HEADER, MEDIA_TYPE, Base64Stream, PostReader

if TYPE_CHECKING:
    from bridge.services.rtsp.server import RtspServer

_GET_ANSWER = (
    "HTTP/1.0 200 OK\r\n"
    "Connection: close\r\n"
    "Cache-Control: no-cache, no-store\r\n"
    "Pragma: no-cache\r\n"
    f"Content-Type: {MEDIA_TYPE}\r\n"
    "\r\n"
).encode()
_NO_GET = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

MAX_EARLY_BYTES = 64 * 1024
"""Of a POST that waits for its GET; it is not read any further, but what was read with its head is kept."""

MAX_STRAY_BYTES = 64 * 1024
"""Of what a client sends on its GET, where nothing is expected and nothing is looked at."""


class TunnelDoor:
    """Takes connections over from the HTTP door, half by half. How many may wait for how long: `TunnelLimits`."""

    def __init__(self, server: "RtspServer", limits: TunnelLimits | None = None) -> None:
        self._server = server
        self._tunnels: Tunnels[_Get, _Post] = Tunnels(limits or TunnelLimits())
        self._timer: Any = None
        self.refused = 0
        """Requests for a tunnel that were answered with an error, halves that waited in vain, and broken base64."""
        self._log = structlog.get_logger()

    @property
    def open(self) -> int:
        """Tunnels now, those with one half included."""
        return len(self._tunnels)

    def wants(self, head: Head) -> bool:
        """Whether a request is of a tunnel. Its path says nothing: clients ask for any, the RTSP path mostly."""
        if not head.value(COOKIE_HEADER):
            return False
        named = head.value("accept" if head.method == "GET" else "content-type").lower()
        return head.method in ("GET", "POST") and (MEDIA_TYPE in named or named in ("", "*/*"))

    def take(self, head: Head, transport: Any) -> "_Get | _Post":  # Any: ITCPTransport, or TLS around one
        """What is told of the connection from now on. Raises RemoteProtocolError with the HTTP status of a refusal."""
        try:
            half = self._take_get(head, transport) if head.method == "GET" else self._take_post(head, transport)
        except RemoteProtocolError as error:
            self.refused += 1
            self._log.info("RTSP tunnel refused", peer=_peer(transport), reason=str(error))
            raise
        self._arm()
        return half

    def close(self) -> None:
        """No halves wait any more; whole tunnels end with their RTSP connections."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for tunnel in self._tunnels.waiting():
            self._tunnels.ended(tunnel)
            self._give_up(tunnel, "the service ends")

    def get_lost(self, tunnel: "Tunnel[_Get, _Post]") -> None:
        """All is over."""
        self._tunnels.ended(tunnel)
        post, tunnel.post = tunnel.post, None
        if post is not None:
            post.transport.loseConnection()
        self._arm()

    def post_lost(self, tunnel: "Tunnel[_Get, _Post]", post: "_Post") -> None:
        """The client may open another one."""
        self._tunnels.post_lost(tunnel, post)
        self._arm()

    def broken(self, tunnel: "Tunnel[_Get, _Post]", error: RemoteProtocolError) -> None:
        """What the POST carries cannot be read: the place is lost."""
        self._server.counts.protocol_errors += 1
        self._give_up(tunnel, str(error))

    def _take_get(self, head: Head, transport: Any) -> "_Get":
        connection = self._server.buildProtocol(transport.getPeer())
        if connection is None:
            raise RemoteProtocolError("too many RTSP connections", status=503)
        get = _Get(self, connection, transport)
        address, _ = host_and_port(transport.getPeer())
        now = self._server.clock.monotonic_ns()
        get.tunnel = tunnel = self._tunnels.joined_by_get(address, head.value(COOKIE_HEADER), get, now)
        connection.makeConnection(get.carrier)
        connection.writer.write(_GET_ANSWER)
        if tunnel.post is not None:
            tunnel.post.met(get)
        return get

    def _take_post(self, head: Head, transport: Any) -> "_Post":
        cookie = head.value(COOKIE_HEADER)
        post = _Post(self, transport, PostReader(cookie, head.length))
        address, _ = host_and_port(transport.getPeer())
        now = self._server.clock.monotonic_ns()
        post.tunnel, before = self._tunnels.joined_by_post(address, cookie, post, now)
        if before is not None:
            before.transport.loseConnection()
        if post.tunnel.get is not None:
            post.met(post.tunnel.get)
        else:
            transport.pauseProducing()
        return post

    def _arm(self) -> None:
        """One timer, for the half that has waited longest."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._tunnels.next_timeout()
        if due is not None:
            wait_ns = max(0, due - self._server.clock.monotonic_ns())
            self._timer = self._server.reactor.callLater(wait_ns / NS_PER_S, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        for tunnel in self._tunnels.on_timeout(self._server.clock.monotonic_ns()):
            self._give_up(tunnel, "its GET did not come" if tunnel.get is None else "its POST did not come")
        self._arm()

    def _give_up(self, tunnel: "Tunnel[_Get, _Post]", reason: str) -> None:
        self.refused += 1
        self._log.info("RTSP tunnel closed", peer=tunnel.address, reason=reason)
        if tunnel.get is not None:
            tunnel.get.connection.writer.lose()
        elif tunnel.post is not None:
            tunnel.post.transport.write(_NO_GET)
            tunnel.post.transport.loseConnection()


class TunnelTransport(Carrier):
    """What an RTSP connection takes for its transport: the GET's to write on, the POST's to pause."""

    def __init__(self, get: Any) -> None:  # Any: see TunnelDoor.take
        super().__init__(get)
        self._post: Any = None
        self._paused = False
        self.closing = False

    def read_from(self, post: Any) -> None:
        """Requests come on that connection from now on."""
        self._post = post
        if self._paused:
            post.pauseProducing()
        else:
            post.resumeProducing()

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's names
        """Of the POST."""
        self._paused = True
        if self._post is not None:
            self._post.pauseProducing()

    def resumeProducing(self) -> None:  # noqa: N802
        """The same."""
        self._paused = False
        if self._post is not None and not self.closing:
            self._post.resumeProducing()

    def loseConnection(self) -> None:  # noqa: N802
        """The GET closes when all is written; the POST follows it."""
        self.closing = True
        super().loseConnection()

    def abortConnection(self) -> None:  # noqa: N802
        """At once."""
        self.closing = True
        super().abortConnection()


class _Get:
    """The half that goes out."""

    tunnel: "Tunnel[_Get, _Post]"

    def __init__(self, door: TunnelDoor, connection: RtspConnection, transport: Any) -> None:
        self.connection = connection
        self.carrier = TunnelTransport(transport)
        self.base64 = Base64Stream()
        """Goes on from POST to POST: a client may cut it anywhere."""
        self._door = door
        self._transport = transport
        self._stray_bytes = 0

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Nothing is expected here."""
        self._stray_bytes += len(data)
        if self._stray_bytes > MAX_STRAY_BYTES:
            self.carrier.abortConnection()

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """The client has gone."""
        self.carrier.closing = True
        self.connection.connectionLost(reason)
        self._door.get_lost(self.tunnel)


class _Post:
    """A half that comes in."""

    tunnel: "Tunnel[_Get, _Post]"

    def __init__(self, door: TunnelDoor, transport: Any, reader: PostReader) -> None:
        self.transport = transport
        self._door = door
        self._reader = reader
        self._early = b""

    def met(self, get: _Get) -> None:
        """It has a GET: what it sent before is read now."""
        get.carrier.read_from(self.transport)
        early, self._early = self._early, b""
        if early:
            self.dataReceived(early)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Base64, as far as it is not HTTP."""
        get = self.tunnel.get
        if get is None:
            self._early += data
            if len(self._early) > MAX_EARLY_BYTES:
                self.transport.abortConnection()
            return
        if get.carrier.closing or self.tunnel.post is not self:
            return
        try:
            plain = get.base64.feed(self._reader.feed(data))
        except RemoteProtocolError as error:
            self._door.broken(self.tunnel, error)
            return
        replies = self._reader.take_replies()
        if replies:
            self.transport.write(replies)
        if plain:
            get.connection.dataReceived(plain)

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """Closed by the client, or by us."""
        self._door.post_lost(self.tunnel, self)


def _peer(transport: Any) -> str:
    host, port = host_and_port(transport.getPeer())
    return f"{host}:{port}"
