"""One TCP connection of the RTSP door: bytes to the dialogue, its events to writer, ports and viewers."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import MonotonicNs
from bridge.dialogue.rtsp_server import Connection
from bridge.dialogue.rtsp_server_events import (
    Close,
    Event,
    LoggedIn,
    LoginFailed,
    NotFound,
    Paused,
    PauseWanted,
    PlayRequested,
    PlayStarted,
    PortsWanted,
    Send,
    SessionEnded,
    TrackEnded,
    TracksWanted,
)
from bridge.net.carrier import Carrier
from bridge.net.writer import ConnectionWriter
from bridge.services.rtsp.served import PlayRefusedError
from bridge.wire.rtsp.message import Reader, Request, Response

if TYPE_CHECKING:
    from bridge.services.rtsp.server import RtspServer

REPLY_QUEUE_BYTES = 256 * 1024
"""Replies that wait: above it nothing is read until they have gone out. Media have their own bound in the writer."""


class RtspConnection(Protocol):
    """See the module. It decides nothing."""

    def __init__(self, server: "RtspServer") -> None:
        self._server = server
        self._log = structlog.get_logger()
        self._reader = Reader(self._on_message, self._on_frame)
        self._stop_waiting: Callable[[], object] | None = None
        self._bytes_read = 0
        self._reading_paused = False
        self._gone = False
        self._now = MonotonicNs(0)
        self.peer = ""

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """The peer is there; the first word is his."""
        transport = self.transport
        if transport is None:
            raise RuntimeError("connectionMade without a transport")
        self._now = self._server.clock.monotonic_ns()
        peer_host, peer_port = host_and_port(transport.getPeer())
        local_host, local_port = host_and_port(transport.getHost())
        self.peer = f"{peer_host}:{peer_port}"
        self._log = self._log.bind(peer=self.peer)
        self.peer_host, self.local_host = peer_host, local_host
        frame = transport.frame if isinstance(transport, Carrier) else None
        self.writer = ConnectionWriter(
            self._server.reactor, self._server.clock, transport, on_close=self._on_given_up, frame=frame
        )
        self.dialogue = Connection(
            self._server.side,
            peer_host=peer_host,
            local_host=local_host,
            local_port=local_port,
            now=self._now,
            secure=bool(getattr(transport, "secure", False)),
        )
        self._server.connected(self)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Bytes of the peer."""
        self._now = self._server.clock.monotonic_ns()
        try:
            self._reader.feed(data)
        except RemoteProtocolError as error:
            self._server.counts.protocol_errors += 1
            self.perform(self.dialogue.receive(error, self._now))
        self._bytes_read += len(data)
        self.dialogue.bytes_read(self._now, partial=self._reader.unfinished)
        self.pace()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        """The transport is gone."""
        self._gone = True
        self._now = self._server.clock.monotonic_ns()
        if self._stop_waiting is not None:
            self._stop_waiting()
            self._stop_waiting = None
        self.writer.close()
        self.perform(self.dialogue.lost())
        self._server.disconnected(self)

    def tick(self, now: MonotonicNs) -> None:
        """Once a second."""
        self._now = now
        self.perform(self.dialogue.on_timeout(now))
        self.pace()

    def pace(self) -> None:
        """Reads on only while the requests are answered and the answers are read."""
        transport: Any = self.transport  # provides ITCPTransport and IPushProducer
        if transport is None or not self.connected:
            return
        stuck = self.dialogue.waiting or (
            self.writer.queue_bytes > REPLY_QUEUE_BYTES and not self._server.plays(self.dialogue)
        )
        if stuck != self._reading_paused:
            self._reading_paused = stuck
            (transport.pauseProducing if stuck else transport.resumeProducing)()

    def abort(self) -> None:
        """Gone at once, whatever waits to be written."""
        transport: Any = self.transport  # see pace
        if transport is not None:
            transport.abortConnection()

    def perform(self, events: list[Event]) -> None:
        """Does what the dialogue wants, in order."""
        for event in events:
            self._perform(event)

    def _perform(self, event: Event) -> None:
        server, now = self._server, self._now
        match event:
            case Send(data=data):
                self.writer.write(data)
            case Close(reason=reason):
                # after_bytes: where in a capture to look for what could not be read.
                self._log.info("RTSP connection closed", reason=reason, after_bytes=self._bytes_read)
                self.writer.lose()
            case TracksWanted(presentation=presentation):
                self._stop_waiting = server.served(presentation).when_known(self._on_known)
            case PortsWanted():
                ports = server.give_ports(event, self)
                answer = self.dialogue.accept_ports(ports, now) if ports else self.dialogue.refuse(503, now)
                self.perform(answer)
            case PlayRequested():
                Deferred.fromCoroutine(self._play(event)).addErrback(self._on_failure)
            case PlayStarted(session=session):
                server.begin(session, now)
            case Paused(session=session):
                server.pause(session, now)
            case PauseWanted(session=session, at_ns=at_ns):
                server.pause_at(session, at_ns, now)
            case TrackEnded(session=session, track=track):
                server.stop_track(session, track, now)
            case SessionEnded(session=session, reason=reason):
                server.session_ended(session, reason)
            case LoginFailed(user=user):
                server.login_failed(user, self)
            case LoggedIn(user=user):
                server.logged_in(user, self)
            case NotFound(user=user, path=path):
                server.not_found(user, path, self)

    async def _play(self, asked: PlayRequested) -> None:
        """Recorded media are looked up and read before the answer; the connection may be gone by then."""
        try:
            start = await self._server.play(asked, self)
        except PlayRefusedError as refused:
            status = refused.status
            self._answer(lambda now: self.dialogue.refuse(status, now))
            return
        self._answer(lambda now: self.dialogue.accept_play(start.starts, now, *start.headers))

    def _on_known(self, status: int) -> None:
        self._stop_waiting = None
        self._answer(lambda now: self.dialogue.refuse(status, now) if status else self.dialogue.resume(now))

    def _answer(self, answer: Callable[[MonotonicNs], list[Event]]) -> None:
        """What the dialogue waits for."""
        if self._gone:
            return
        self._now = self._server.clock.monotonic_ns()
        self.perform(answer(self._now))
        self.pace()

    def _on_failure(self, failure: Failure) -> None:
        """A defect of ours: nobody is to wait for an answer that does not come."""
        self._log.error("a PLAY failed", error=failure.getErrorMessage(), traceback=failure.getTraceback())
        self.abort()

    def _on_message(self, message: Request | Response) -> None:
        if isinstance(message, Request):  # answers to requests that we never send are nothing to us
            self.perform(self.dialogue.receive(message, self._now))

    def _on_frame(self, channel: int, payload: memoryview) -> None:
        events = self.dialogue.receive_frame(channel, payload, self._now)
        if events:
            self.perform(events)

    def _on_given_up(self, reason: str) -> None:
        self._log.info("RTSP connection given up", reason=reason)


def host_and_port(address: object) -> tuple[str, int]:
    """An IPv4 address in IPv6 clothes is the IPv4 one: clients may be told it, and it must equal what they say."""
    if not isinstance(address, IPv4Address | IPv6Address):
        return "127.0.0.1", 0
    return address.host.removeprefix("::ffff:"), address.port
