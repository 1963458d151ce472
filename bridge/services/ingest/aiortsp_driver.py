"""The second driver: aiortsp, written independently of ours, for comparing when a camera puzzles. Video only.

The only asyncio file of this folder. It needs Twisted's asyncio reactor. aiortsp 1.4 has defects that real cameras
meet; what works around which is said at each class. Its packet queue, which has no bound, is not used.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from aiortsp.rtsp.connection import RTSPConnection
from aiortsp.rtsp.errors import RTSPConnectionError, RTSPError, RTSPResponseError, RTSPTimeoutError
from aiortsp.rtsp.parser import RTSPParser, RTSPResponse
from aiortsp.rtsp.session import RTSPMediaSession
from aiortsp.transport import RTPTransport, RTPTransportClient, TCPTransport, UDPTransport
from aiortsp.transport.udp import DatagramSink
from dpkt import Error as DpktError
from dpkt.rtp import RTP
from twisted.internet.defer import Deferred, succeed

from bridge.base.errors import BridgeError, RemoteProtocolError
from bridge.base.media import Medium
from bridge.base.time import NS_PER_S, MonotonicNs
from bridge.dialogue.digest import DigestClient
from bridge.dialogue.rtsp_client_events import DownReason, Failed, Lower, ReadyTrack
from bridge.dialogue.rtsp_offer import read_offer
from bridge.services.ingest.driver import DriverOwner, Errand
from bridge.services.ingest.failures import connect_failure
from bridge.services.ingest.reception import Reception
from bridge.services.ingest.udp import PUNCH, open_neighbours
from bridge.wire.rtsp.headers import Transport, parse_transports
from bridge.wire.rtsp.message import Headers, Response

_TIMEOUT_S = 10
_MEDIA_TIMEOUT_NS = 10 * NS_PER_S
_KEEPALIVE_MOST_S = 30
_TEARDOWN_TIMEOUT_S = 1
_TICK_S = 1

#: aiortsp's parser copies the rest of a chunk for every packet in it; small chunks keep that cheap.
_CHUNK_BYTES = 16 * 1024

#: aiortsp writes whole messages, credentials included, and tracebacks. What matters is told to the owner.
_SILENCE = logging.getLogger("bridge.services.ingest.aiortsp")
_SILENCE.disabled = True


class AiortspDriver:
    """A `Driver`."""

    def __init__(self, errand: Errand, owner: DriverOwner) -> None:
        self._errand = errand
        self._owner = owner
        self._task: asyncio.Future[None] | None = None
        self._stopped = False

    def start(self) -> None:
        """Begins as soon as the reactor runs: asyncio needs its running loop."""
        self._errand.reactor.callLater(0, self._begin)

    def stop(self) -> Deferred[None]:
        """Cancels the task, which takes leave of the camera on its way out."""
        self._stopped = True
        if self._task is None:
            return succeed(None)
        self._task.cancel()
        stopped: Deferred[None] = Deferred.fromFuture(self._task)
        return stopped.addBoth(lambda _: None)

    def _begin(self) -> None:
        if self._stopped:
            return
        if self._errand.url.scheme != "rtsp":
            # It would speak in clear to the port of RTSP over TLS.
            self._owner.on_down(DownReason.PROTOCOL, "protocol: rtsps is not supported, only rtsp")
            return
        pull: Coroutine[Any, Any, None] = self._pull()
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pull.close()
            self._owner.on_down(DownReason.PROTOCOL, "protocol: driver aiortsp needs the asyncio reactor")
            return
        self._task = asyncio.ensure_future(pull)

    async def _pull(self) -> None:
        try:
            failed = await self._converse()
        except (RTSPError, BridgeError, OSError, TimeoutError) as error:
            failed = _failed(error, self._errand)
        except (AssertionError, ValueError, LookupError, TypeError, AttributeError) as error:
            # What aiortsp raises for answers that it did not expect.
            failed = Failed(DownReason.PROTOCOL, f"protocol: aiortsp gave up with {type(error).__name__}")
        if not self._stopped:
            self._stopped = True
            self._owner.on_down(failed.reason, failed.text)

    async def _converse(self) -> Failed:
        """One connection from its beginning to its end, which is always a failure."""
        url, over = self._errand.url, self._errand.transport
        async with _Connection(self._errand) as connection:
            transport = (_Tcp if over is Lower.TCP else _Udp)(connection, logger=_SILENCE, timeout=0)
            async with transport, _Session(connection, url.without_credentials, transport, logger=_SILENCE) as session:
                receiver = _Receiver(self._errand, session.ready_track(over), self._owner.on_up)
                transport.subscribe(receiver)
                transport.on_rtcp = receiver.on_rtcp
                try:
                    await session.play()
                    return await self._keep(connection, session, receiver)
                finally:
                    transport.unsubscribe(receiver)
                    transport.on_rtcp = None
                    receiver.end()

    async def _keep(self, connection: "_Connection", session: "_Session", receiver: "_Receiver") -> Failed:
        """Keepalives until something ends."""
        clock = self._errand.clock
        period_ns = min(session.session_keepalive // 2, _KEEPALIVE_MOST_S) * NS_PER_S
        keepalive_at = clock.monotonic_ns() + period_ns
        began = clock.monotonic_ns()
        # Python 3.11's wait_for, under every request, can swallow the cancellation (fixed in 3.12): so look as well.
        while not self._stopped:
            await asyncio.wait((connection.result,), timeout=_TICK_S)
            now = clock.monotonic_ns()
            if connection.result.done() or not connection.running:
                return Failed(DownReason.CLOSED, "closed: the camera closed the connection")
            if now - max(began, receiver.media_at) >= _MEDIA_TIMEOUT_NS:
                return Failed(DownReason.NO_VIDEO, f"no video: no picture came for {_MEDIA_TIMEOUT_NS // NS_PER_S} s")
            if now >= keepalive_at:
                await session.keep_alive()
                keepalive_at = now + period_ns
        return Failed(DownReason.CLOSED, "closed: we closed the connection")


class _Receiver(RTPTransportClient):  # type: ignore[misc]  # aiortsp ships no types
    """Where packets go instead of into a queue."""

    def __init__(self, errand: Errand, ready: ReadyTrack, on_up: Callable[[], object]) -> None:
        self._clock = errand.clock
        self._statistics = errand.statistics
        self._reception = Reception(
            (ready,),
            errand.hub,
            errand.statistics,
            errand.log,
            on_up=on_up,
            ssrc=errand.random.getrandbits(32),
            reorder=ready.channels is None,
        )
        self._push = self._reception.receivers[0].push

    def handle_rtp(self, rtp: RTP) -> None:
        """dpkt keeps all bytes of a packet, so it is put together again as it came."""
        packet = bytes(rtp)
        self._statistics.bytes += len(packet)
        now = self._clock.monotonic_ns()
        self._push(memoryview(packet), now)
        due = self._reception.next_timeout()
        if due is not None and now >= due:
            self._reception.on_timeout(now)

    def on_rtcp(self, data: bytes) -> None:
        """Read by our parser, for aiortsp's stops at packet types that it does not know."""
        self._reception.on_rtcp(0, data, self._clock.monotonic_ns())
        self._reception.count()

    @property
    def media_at(self) -> MonotonicNs:
        """When the latest access unit came; 0 before the first."""
        return self._reception.media_at or MonotonicNs(0)

    def end(self) -> None:
        """The connection is over."""
        self._reception.end()


class _Login:
    """aiortsp prefers Basic to Digest and knows neither qop nor SHA-256: our `DigestClient` answers instead."""

    def __init__(self, errand: Errand) -> None:
        self._client = DigestClient(errand.url.user or "", errand.url.password or "")
        self._random_bytes = errand.random.randbytes
        self._challenges: list[str] = []
        self._hopeless = errand.url.user is None

    def handle_401(self, headers: dict[str, Any]) -> bool:  # Any: text, or a list of texts for repeated headers
        """Whether to send the request again."""
        offered = headers.get("www-authenticate") or []
        self._challenges = [offered] if isinstance(offered, str) else list(offered)
        return not self._hopeless and bool(self._challenges)

    def handle_ok(self, headers: dict[str, Any]) -> None:  # Any: see handle_401
        """The request was not refused."""

    def make_auth(self, method: str, url: str, headers: dict[str, Any]) -> None:  # Any: see handle_401
        """Adds Authorization; without hope none, and the 401 that follows is final."""
        challenges, self._challenges = self._challenges, []
        headers.pop("Authorization", None)
        if challenges:
            value = self._client.authorize(challenges, method, url, self._random_bytes(8).hex())
            self._hopeless = value is None
        else:
            value = self._client.header(method, url)
        if value is not None:
            headers["Authorization"] = value


class _Response(RTSPResponse):  # type: ignore[misc]  # aiortsp ships no types
    """aiortsp refuses a status line without a reason phrase, and header bytes beyond UTF-8."""

    def parse_first_line(self, line: str) -> None:
        super().parse_first_line(line if len(line.split(None, 2)) > 2 else line.strip() + " -")

    def parse_header(self, line: str) -> bool:
        # A line without a colon is skipped as our own reader does.
        if self.first_line is not None and line.strip() and ":" not in line and line[0] not in " \t":
            return False
        return bool(super().parse_header(line))


class _Parser(RTSPParser):  # type: ignore[misc]  # aiortsp ships no types
    """Puts `_Response` where aiortsp puts its own class."""

    @property
    def pending_msg(self) -> Any:  # Any: aiortsp's message classes have no types
        """The message that is being read."""
        return self._pending

    @pending_msg.setter
    def pending_msg(self, message: Any) -> None:  # Any: see above
        self._pending = _Response() if type(message) is RTSPResponse else message


class _Connection(RTSPConnection):  # type: ignore[misc]  # aiortsp ships no types
    """Credentials as they are meant (aiortsp leaves them percent-encoded), small chunks, no dumps and tracebacks."""

    def __init__(self, errand: Errand) -> None:
        super().__init__(errand.url.host, errand.url.port, logger=_SILENCE, timeout=_TIMEOUT_S)
        self._auth = _Login(errand)
        self.parser = _Parser()
        # Nobody may be waiting for it when the connection is lost.
        self.result.add_done_callback(lambda result: result.cancelled() or result.exception())

    def address(self, which: str) -> str:
        """which: `peername` or `sockname`."""
        pair = self._transport.get_extra_info(which) if self._transport else None
        return str(pair[0]) if pair else ""

    def data_received(self, data: bytes) -> None:
        try:
            for start in range(0, len(data), _CHUNK_BYTES):
                for message in self.parser.parse(data[start : start + _CHUNK_BYTES]):
                    self._take(message)
        except (AssertionError, ValueError, LookupError, RTSPError) as error:
            if not self.result.done():
                self.result.set_exception(RTSPConnectionError(f"unreadable: {type(error).__name__}"))
            self.close()

    def _take(self, message: Any) -> None:  # Any: aiortsp's message classes have no types
        if message.type == "binary":
            take = self.binary_handlers.get(message.id)
            if take is not None:
                take(message)
        elif message.type == "request":
            self.on_request(message)
        else:
            waiting = self.active_requests.get(message.cseq)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)


class _Session(RTSPMediaSession):  # type: ignore[misc]  # aiortsp ships no types
    """Does without Public and Session, asks for no Scale, and never waits long for a TEARDOWN."""

    description: Response | None = None
    granted: Transport | None = None

    async def _send(self, method: str, url: str | None = None, headers: dict[str, Any] | None = None) -> Any:
        answer = await super()._send(method, url, headers)
        if method == "DESCRIBE":
            kept = Headers((name, value) for name, value in answer.headerlist if name.startswith("content-"))
            self.description = Response(answer.status, "", kept, answer.data)
        return answer

    def save_options(self, resp: Any) -> None:
        if "public" in resp.headers:
            super().save_options(resp)

    def save_session(self, resp: Any) -> None:
        if "session" in resp.headers:
            super().save_session(resp)

    def ready_track(self, over: Lower) -> ReadyTrack:
        """The video track that was set up. Raises RemoteProtocolError when it is none of ours."""
        if self.description is None:
            raise RemoteProtocolError("DESCRIBE without an answer")
        offer = read_offer(self.description, self.media_url)
        video = next((offered for offered in offer.tracks if offered.track.medium is Medium.VIDEO), None)
        if video is None:
            raise _NoVideoError(*offer.why_none)
        if over is Lower.TCP:
            channels = (self.transport.rtp_idx, self.transport.rtcp_idx)
            return ReadyTrack(video.track, video.payload_type, channels=channels)
        return ReadyTrack(video.track, video.payload_type)

    async def play(self, seek: int | None = None, speed: int = 1) -> Any:
        return await self._send("PLAY", headers={"Range": "npt=0.000-"})

    async def teardown(self) -> None:
        with suppress(RTSPError, OSError, TimeoutError):
            await asyncio.wait_for(super().teardown(), _TEARDOWN_TIMEOUT_S)


class _NoVideoError(BridgeError):
    """There is nothing for us at that camera."""

    def __init__(self, reason: DownReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class _Reading(RTPTransport):  # type: ignore[misc]  # aiortsp ships no types
    """aiortsp ends the connection over RTCP packet types and RTP packets that it cannot read."""

    on_rtcp: Callable[[bytes], object] | None = None

    def handle_rtp_data(self, data: bytes) -> None:
        try:
            packet = RTP(data)
        except DpktError:
            return
        self.stats.update(packet)
        for client in tuple(self.clients):
            client.handle_rtp(packet)

    def handle_rtcp_data(self, data: bytes) -> None:
        if self.on_rtcp is not None:
            self.on_rtcp(data)
        with suppress(ValueError, LookupError, TypeError, ArithmeticError):
            super().handle_rtcp_data(data)

    def granted(self, headers: dict[str, Any]) -> Transport:  # Any: text, or a list of texts
        """The camera's Transport; what cannot be read is taken as it was asked for."""
        text = headers.get("transport") or ""
        try:
            return parse_transports(text if isinstance(text, str) else text[0])[0]
        except RemoteProtocolError:
            return Transport()


class _Tcp(_Reading, TCPTransport):  # type: ignore[misc]  # aiortsp ships no types
    """aiortsp insists on the channels that it asked for; the camera may choose (RFC 2326 10.12)."""

    rtp_idx: int
    rtcp_idx: int

    def on_transport_response(self, headers: dict[str, Any]) -> None:
        asked, channels = (self.rtp_idx, self.rtcp_idx), self.granted(headers).interleaved
        if channels is None or channels == asked or channels[0] == channels[1]:
            return
        handlers = self.connection.binary_handlers
        rtp, rtcp = handlers.pop(asked[0]), handlers.pop(asked[1])
        handlers[channels[0]], handlers[channels[1]] = rtp, rtcp
        self.rtp_idx, self.rtcp_idx = channels


class _Sink(DatagramSink):  # type: ignore[misc]  # aiortsp ships no types
    """aiortsp takes datagrams of anybody."""

    def __init__(self, receiver: "_Udp", deliver: Callable[[bytes], object]) -> None:
        super().__init__(receiver)
        self._deliver = deliver

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr[0] == self.receiver.peer:
            self._deliver(data)

    def error_received(self, exc: Exception) -> None:
        """An ICMP answer to something that we sent."""


class _Udp(_Reading, UDPTransport):  # type: ignore[misc]  # aiortsp ships no types
    """aiortsp leaks sockets while it looks for two neighbours, binds every address, and sends 200 random bytes."""

    peer = ""
    rtcp_sender: tuple[str, int] | None

    async def prepare(self) -> None:
        self.peer = self.connection.address("peername")
        rtp, rtcp = open_neighbours(self.connection.address("sockname"))
        self.rtp_sink = await self._open(rtp, self.handle_rtp_data)
        self.rtcp_sink = await self._open(rtcp, self._on_report)

    async def _open(self, opened: socket.socket, deliver: Callable[[bytes], object]) -> _Sink:
        loop = asyncio.get_running_loop()
        _, sink = await loop.create_datagram_endpoint(lambda: _Sink(self, deliver), sock=opened)
        return sink

    def _on_report(self, data: bytes) -> None:
        if self.rtcp_sender is None and self.server_rtcp:
            self.rtcp_sender = (self.peer, self.server_rtcp)
        self.handle_rtcp_data(data)

    def on_transport_response(self, headers: dict[str, Any]) -> None:
        ports = self.granted(headers).server_port
        if ports and 0 not in ports:
            self.server_rtp, self.server_rtcp = ports

    async def warmup(self) -> None:
        await RTPTransport.warmup(self)
        if self.server_rtp:
            for _ in range(2):
                self.rtp_sink.sendto(PUNCH, (self.peer, self.server_rtp))


def _failed(error: Exception, errand: Errand) -> Failed:
    """aiortsp's errors in the words of our own client."""
    if isinstance(error, RTSPResponseError) and error.response is not None:
        status = error.response.status
        if status == 401 and errand.url.user is None:
            return Failed(DownReason.AUTH, "401: the camera wants a user name and password")
        if status in (401, 403):
            return Failed(DownReason.AUTH, "401: user name or password refused")
        if status == 404:
            return Failed(DownReason.NOT_FOUND, "404: the camera has no stream at this path")
        return Failed(DownReason.PROTOCOL, f"protocol: a request was answered {status}")
    if isinstance(error, _NoVideoError):
        return Failed(error.reason, str(error))
    if isinstance(error, RTSPTimeoutError):
        return Failed(DownReason.TIMEOUT, f"timeout: no answer in {_TIMEOUT_S} s")
    if isinstance(error, RTSPConnectionError) and isinstance(error.__cause__, OSError | TimeoutError):
        return connect_failure(error.__cause__, errand.url, _TIMEOUT_S)
    if isinstance(error, RTSPConnectionError):
        return Failed(DownReason.CLOSED, "closed: the camera closed the connection")
    if isinstance(error, OSError):
        return connect_failure(error, errand.url, _TIMEOUT_S)
    return Failed(DownReason.PROTOCOL, f"protocol: {type(error).__name__}")
