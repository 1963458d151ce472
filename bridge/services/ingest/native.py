"""The driver in production: a Twisted shell around `dialogue.rtsp_client`; media come by TCP, UDP or multicast.

It holds the transport, the timers and the ways of the packets; what is said and when is the dialogue's. Frames go from
the reader by a table of channels straight to the receivers.
"""

import enum
import struct
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IAddress, IDelayedCall, IPushProducer, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import NS_PER_S, MonotonicNs
from bridge.dialogue.rtp_talk import TalkRelay
from bridge.dialogue.rtsp_client import MAX_REDIRECTS, ClientPolicy, RtspClient
from bridge.dialogue.rtsp_client_events import (
    Described,
    DownReason,
    Ended,
    Event,
    Failed,
    Fault,
    Lower,
    Playing,
    PortsWanted,
    Ready,
    ReadyTrack,
    Redirected,
    Send,
    Tolerated,
    TrackRefused,
)
from bridge.dialogue.rtsp_group import CameraGroup
from bridge.services.ingest.driver import DriverOwner, Errand
from bridge.services.ingest.failures import connect_failure
from bridge.services.ingest.http_tunnel import MakeEndpoint, TunnelEndpoint
from bridge.services.ingest.multicast import join_group
from bridge.services.ingest.reception import REPORT_PERIOD_NS, Reception
from bridge.services.ingest.tls import TlsEndpoint
from bridge.services.ingest.udp import PUNCH, SourceCheck, UdpPair, note_small_buffer, senders_of
from bridge.wire.rtsp.message import CLIENT_LIMITS, Reader, Request, Response
from bridge.wire.rtsp.url import RtspUrl

CONNECT_TIMEOUT_S = 10
_LINGER_S = 1

#: A body that lacks bytes for so long gets no more: its Content-Length was wrong.
_BODY_WAIT_NS = 1 * NS_PER_S

_PUNCHES = 2

_INTERLEAVED = struct.Struct("!BBH")

_PORT_TRIES_FAILED = "no free UDP ports"


def tcp_endpoint(reactor: Any, url: RtspUrl) -> IStreamClientEndpoint:  # Any: see Errand.reactor
    """Name or address, IPv4 and IPv6 raced (RFC 8305)."""
    endpoint: IStreamClientEndpoint = HostnameEndpoint(reactor, url.host, url.port, timeout=CONNECT_TIMEOUT_S)
    return endpoint


class SilentUdp(enum.Enum):
    """What is done when a camera plays over UDP and not one picture comes: a firewall or a NAT between us, mostly."""

    TRY_TCP = "try TCP"
    """At once; when that delivers, later connections begin with it: what held UDP back is still there."""

    FAIL = "fail"
    """It is down, and tried again over UDP."""


class NativeDriver:
    """A `Driver`: follows redirects from connection to connection, each of which is a `CameraConnection`."""

    def __init__(
        self,
        errand: Errand,
        owner: DriverOwner,
        *,
        endpoint: MakeEndpoint = tcp_endpoint,
        source_check: SourceCheck = SourceCheck.ADDRESS,
        silent_udp: SilentUdp = SilentUdp.TRY_TCP,
    ) -> None:
        self._errand = errand
        self._silent_udp = silent_udp
        self._owner = owner
        self._endpoint = _tunnel_over(endpoint, errand) if errand.tunnelled else endpoint
        self._source_check = source_check
        self._connecting: Deferred[Any] | None = None  # Any: the endpoint fires with the protocol
        self._connection: CameraConnection | None = None
        self._over = False
        self._tcp_instead = False
        self._without_talk = False

    def start(self) -> None:
        """Connects."""
        self._tcp_instead = Fault.UDP_SILENT in self._errand.statistics.faults
        self._connect(self._errand.url, MAX_REDIRECTS)

    def stop(self) -> Deferred[None]:
        """Sends TEARDOWN when there is something to tear down, and closes."""
        self._over = True
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection is not None:
            return self._connection.stop()
        return succeed(None)

    def _connect(self, url: RtspUrl, redirects_left: int) -> None:
        secure = url.scheme == "rtsps"
        endpoint = self._endpoint(self._errand.reactor, url)
        if secure:
            if self._errand.tls is None:
                refused = Failed(DownReason.PROTOCOL, "protocol: rtsps is not supported, only rtsp")
                self._errand.reactor.callLater(0, self._down, refused)
                return
            endpoint = TlsEndpoint(self._errand.reactor, url, self._errand.tls, CONNECT_TIMEOUT_S, endpoint)
        client = RtspClient(
            url,
            transport=Lower.TCP if secure or self._tcp_instead else self._errand.transport,
            random_bytes=self._errand.random.randbytes,
            # Beside TLS the media would be in clear, and cameras that know SRTP are few.
            policy=ClientPolicy(try_other_transport=not (secure or self._errand.tunnelled)),
            redirects_left=redirects_left,
            talk=self._errand.talk is not None and not self._without_talk,
        )
        factory = _ConnectionFactory(partial(CameraConnection, self._errand, client, self._source_check, self._ended))
        connecting = endpoint.connect(factory)
        self._connecting = connecting
        connecting.addCallbacks(self._connected, partial(self._not_connected, url))

    def _connected(self, connection: "CameraConnection") -> None:
        self._connecting = None
        self._connection = connection
        connection.begin(self._on_up)

    def _on_up(self) -> None:
        if self._tcp_instead:
            self._errand.statistics.tolerate(Fault.UDP_SILENT, self._errand.log)
        self._owner.on_up()

    def _not_connected(self, url: RtspUrl, failure: Failure) -> None:
        self._connecting = None
        if not self._over:
            # Some failures are there before connect() returns; the owner is not told inside start().
            self._errand.reactor.callLater(0, self._down, connect_failure(failure.value, url, CONNECT_TIMEOUT_S))

    def _ended(self, outcome: Failed | Redirected) -> None:
        connection, self._connection = self._connection, None
        if self._over:
            return
        if isinstance(outcome, Redirected):
            self._errand.log.info("camera redirects", to=str(outcome.url))
            self._connect(outcome.url, outcome.redirects_left)
        elif connection is not None and connection.talk_was_fatal:
            self._without_talk = True
            self._errand.statistics.tolerate(Fault.NO_LOUDSPEAKER, self._errand.log)
            self._connect(self._errand.url, MAX_REDIRECTS)
        elif connection is not None and connection.udp_was_silent and self._silent_udp is SilentUdp.TRY_TCP:
            self._tcp_instead = True
            self._connect(self._errand.url, MAX_REDIRECTS)
        else:
            self._down(outcome)

    def _down(self, outcome: Failed) -> None:
        if not self._over:
            self._over = True
            self._owner.on_down(outcome.reason, outcome.text)


def _tunnel_over(below: MakeEndpoint, errand: Errand) -> MakeEndpoint:
    return lambda reactor, url: TunnelEndpoint(reactor, url, errand.random.randbytes, below)


class _ConnectionFactory(Factory):
    """One protocol, made when the connection stands."""

    noisy = False

    def __init__(self, make: Callable[[], "CameraConnection"]) -> None:
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> "CameraConnection":  # noqa: N802 - Twisted's name
        return self._make()


@implementer(IPushProducer)
class CameraConnection(Protocol):
    """One RTSP connection: performs the dialogue's events, feeds the reader, keeps the timers.

    on_end: called once, when the connection is closed and everything of it is freed
    """

    transport: Any  # ITCPTransport; there before anything else is called

    def __init__(
        self,
        errand: Errand,
        client: RtspClient,
        source_check: SourceCheck,
        on_end: Callable[[Failed | Redirected], object],
    ) -> None:
        self._errand = errand
        self._client = client
        self._source_check = source_check
        self._on_end = on_end
        self._on_up: Callable[[], object] = lambda: None
        self._reader = Reader(self._on_message, self._on_frame, CLIENT_LIMITS, take_run=self._take_run)
        self._ways: list[Callable[[memoryview, MonotonicNs], object]] = [self._on_unasked] * 256
        self._runs: dict[int, Callable[[memoryview, int, MonotonicNs], int]] = {}
        self._pairs: dict[tuple[int, int], UdpPair] = {}
        self._groups: dict[CameraGroup, UdpPair] = {}
        self._tracks: tuple[ReadyTrack, ...] = ()
        self._loudspeaker: ReadyTrack | None = None
        self._say: Callable[[bytes], object] | None = None
        self._reception: Reception | None = None
        self._now = errand.clock.monotonic_ns()
        self._timer: IDelayedCall | None = None
        self._gap_timer: IDelayedCall | None = None
        self._report_timer: IDelayedCall | None = None
        self._body_timer: IDelayedCall | None = None
        self._abort_timer: IDelayedCall | None = None
        self._unread = False
        self._mended = False
        self._finds = 0
        #: Whether the camera played over UDP, and in the whole time that a picture is waited for none came.
        self.udp_was_silent = False
        self._outcome: Failed | Redirected | None = None
        self._closing = False
        self._stopped: list[Deferred[None]] = []

    # From the driver

    @property
    def talk_was_fatal(self) -> bool:
        """Whether the camera did not bear to be asked for its loudspeaker."""
        return self._client.talk_was_fatal

    def begin(self, on_up: Callable[[], object]) -> None:
        """The conversation starts. on_up: called at the first access unit."""
        self._on_up = on_up
        self.transport.registerProducer(self, True)
        self._perform(self._client.start(self._read_clock()))

    def stop(self) -> Deferred[None]:
        """Takes leave; fires when the connection is closed."""
        stopped: Deferred[None] = Deferred()
        self._stopped.append(stopped)
        self._perform(self._client.teardown(self._read_clock()))
        return stopped

    # From Twisted

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """The chunk's packets share one time of arrival."""
        if self._closing and not self._stopped:
            return
        self._read_clock()
        self._errand.statistics.bytes += len(data)
        try:
            self._reader.feed(data)
        except RemoteProtocolError as error:
            self._fail(DownReason.PROTOCOL, str(error))
        if self._reception is None and self._reader.unfinished_body:
            self._await_body()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        """Everything of this connection is freed, then the owner is told."""
        self._perform(self._client.connection_lost())
        self._release()
        outcome = self._outcome or Failed(DownReason.CLOSED, "closed: we closed the connection")
        self._on_end(outcome)
        for stopped in self._stopped:
            stopped.callback(None)

    # The ways of packets and messages

    def _on_frame(self, channel: int, packet: memoryview) -> None:
        self._ways[channel](packet, self._now)

    def _take_run(self, channel: int, frames: memoryview, at: int) -> int:
        take = self._runs.get(channel)
        return at if take is None else take(frames, at, self._now)

    def _on_message(self, message: Request | Response) -> None:
        if self._reader.mended and not self._mended:
            self._mended = True
            self._tolerate(Fault.WRONG_LENGTH)
        self._perform(self._client.on_message(message, self._now))

    def _on_unasked(self, packet: memoryview, now: MonotonicNs) -> None:
        """RTP on a channel that nobody set up, or not yet: dropped (RFC 2326 10.12 says nothing of it).

        It is not taken for a track of ours, even if its payload type fits: live555 before June 2017 (Reolink among
        others) goes on sending sessions of before, of another stream perhaps, to whoever has their socket's number.
        """
        self._errand.statistics.foreign += 1
        self._tolerate(Fault.UNASKED_CHANNEL)

    def _tolerate(self, fault: Fault) -> None:
        self._errand.statistics.tolerate(fault, self._errand.log)

    # The dialogue's events

    def _perform(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Send(data):
                    self._write(data)
                case PortsWanted(pairs):
                    self._open_ports(pairs)
                case Ready(tracks, loudspeaker):
                    self._loudspeaker = loudspeaker
                    self._make_ways(tracks)
                case Failed() | Redirected():
                    self._close(event)
                case Ended():
                    self._close(None)
                case Tolerated(fault):
                    self._tolerate(fault)
                case Described(tracks, passed_over):
                    self._errand.log.debug("described", tracks=len(tracks), passed_over=passed_over)
                case TrackRefused(track, status):
                    self._errand.log.warning("camera refused a track", track=track.codec.value, status=status)
                case Playing(keepalive, keepalive_ns, talks):
                    self._open_line(talks)
                    self._errand.log.debug("playing", keepalive=keepalive, keepalive_s=keepalive_ns // NS_PER_S)
        self._arm()

    def _open_ports(self, pairs: int) -> None:
        try:
            for _ in range(pairs):
                pair = UdpPair.open(self.transport.getHost().host)
                self._pairs[pair.ports] = pair
        except OSError as error:
            self._fail(DownReason.PROTOCOL, f"{_PORT_TRIES_FAILED}: {error.strerror or error}")
            return
        self._perform(self._client.give_ports(list(self._pairs), self._now))

    def _make_ways(self, tracks: tuple[ReadyTrack, ...]) -> None:
        errand = self._errand
        if not self._join_groups(tracks):
            return
        over_udp = any(ready.datagrams for ready in tracks)
        self._tracks = tracks
        self._reception = reception = Reception(
            tracks,
            errand.hub,
            errand.statistics,
            errand.log,
            on_up=self._on_up,
            ssrc=errand.random.getrandbits(32),
            reorder=over_udp,
        )
        peer = self.transport.getPeer().host
        used: set[tuple[int, int]] = set()
        for index, ready in enumerate(tracks):
            on_rtp, on_rtcp = reception.receivers[index].push, partial(reception.on_rtcp, index)
            if ready.channels:
                self._ways[ready.channels[1]] = on_rtcp
                self._ways[ready.channels[0]] = on_rtp
                self._runs[ready.channels[0]] = reception.receivers[index].take_run
            elif (pair := self._pair_of(ready)) is not None:
                senders = senders_of(self._source_check, peer, ready)
                pair.read(errand.reactor, errand.clock, errand.statistics, senders, on_rtp, on_rtcp, self._arm_gap)
                if ready.client_ports:
                    used.add(ready.client_ports)
                if ready.server_ports:
                    for _ in range(_PUNCHES):
                        pair.send_rtp(PUNCH, peer, ready.server_ports[0])
        if (loudspeaker := self._loudspeaker) is not None and loudspeaker.channels:
            # Its reports of what it hears.
            self._ways[loudspeaker.channels[0]] = self._ways[loudspeaker.channels[1]] = _ignore
        elif loudspeaker is not None and loudspeaker.client_ports:
            pair = self._pairs[loudspeaker.client_ports]
            senders = senders_of(self._source_check, peer, loudspeaker)
            pair.read(errand.reactor, errand.clock, errand.statistics, senders, _ignore, _ignore, self._arm_gap)
            used.add(loudspeaker.client_ports)
        if errand.talk is not None:
            # Before viewers are told of the tracks: DESCRIBE waits for those.
            errand.talk.offer(loudspeaker.track if loudspeaker is not None else None)
        for ports in set(self._pairs) - used:
            self._pairs.pop(ports).close()
        if over_udp and not errand.statistics.reconnects:
            note_small_buffer(next(iter((*self._pairs.values(), *self._groups.values()))), errand.log)
        self._report()

    def _join_groups(self, tracks: tuple[ReadyTrack, ...]) -> bool:
        """Before PLAY, so that nothing is missed. False: a group could not be joined, and the conversation is over."""
        interface, peer = self.transport.getHost().host, self.transport.getPeer().host
        for ready in tracks:
            if ready.group is None:
                continue
            try:
                sources = senders_of(self._source_check, peer, ready).addresses
                self._groups[ready.group] = join_group(ready.group, interface, sources)
            except OSError as error:
                text = f"the group {ready.group.host} cannot be joined from {interface}: {error.strerror or error}"
                self._fail(DownReason.PROTOCOL, text)
                return False
        return True

    def _open_line(self, talks: bool) -> None:
        """Whoever talks to the camera is heard from now on, unless it has thought better of it."""
        line, loudspeaker, draw = self._errand.talk, self._loudspeaker, self._errand.random.getrandbits
        if line is None or loudspeaker is None:
            return
        number = loudspeaker.payload_type
        if number is None or not talks:
            line.offer(None)
            return
        relay = TalkRelay(loudspeaker.track, payload_type=number, ssrc=draw(32), sequence=draw(16), rtp_time=draw(32))
        self._say = partial(self._talk_to, loudspeaker)
        line.open(relay, self._say)

    def _talk_to(self, loudspeaker: ReadyTrack, packet: bytes) -> None:
        if loudspeaker.channels:
            self._write(_INTERLEAVED.pack(0x24, loudspeaker.channels[0], len(packet)) + packet)
        elif loudspeaker.client_ports and loudspeaker.server_ports:
            peer = self.transport.getPeer().host
            self._pairs[loudspeaker.client_ports].send_rtp(packet, peer, loudspeaker.server_ports[0])

    def _close_line(self) -> None:
        if self._errand.talk is not None and self._say is not None:
            self._errand.talk.close(self._say)
        self._say = None

    def _pair_of(self, ready: ReadyTrack) -> UdpPair | None:
        if ready.group is not None:
            return self._groups[ready.group]
        return self._pairs[ready.client_ports] if ready.client_ports else None

    def _write(self, data: bytes) -> None:
        """What a camera does not read waits in the transport; beyond its 64 KiB it is dropped, reports first of all."""
        if not self._closing and not self._unread:
            self.transport.write(data)

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The camera does not read."""
        self._unread = True

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """It reads again."""
        self._unread = False

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The connection is gone; connectionLost follows."""

    # Timers

    def _read_clock(self) -> MonotonicNs:
        self._now = self._errand.clock.monotonic_ns()
        return self._now

    def _later(self, due: MonotonicNs, call: Callable[[], object]) -> IDelayedCall:
        delay_ns = max(0, due - self._errand.clock.monotonic_ns())
        timer: IDelayedCall = self._errand.reactor.callLater(delay_ns / NS_PER_S, call)
        return timer

    def _arm(self) -> None:
        """One timer for the dialogue, renewed after everything that may have moved its next timeout."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._client.next_timeout()
        if due is not None and not self._closing:
            self._timer = self._later(due, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._reception is not None and self._reception.media_at is not None:
            self._client.media_arrived(self._reception.media_at)
        self._perform(self._client.on_timeout(self._read_clock()))

    def _await_body(self) -> None:
        """An SDP that is not whole yet: it gets a while for each further piece."""
        if self._body_timer is not None:
            self._body_timer.cancel()
        self._body_timer = self._later(MonotonicNs(self._now + _BODY_WAIT_NS), self._on_body_wait)

    def _on_body_wait(self) -> None:
        self._body_timer = None
        if not self._closing:
            self._read_clock()
            self._reader.finish_body()

    def _arm_gap(self) -> None:
        """After a batch of datagrams: somebody may wait for a missing one."""
        if self._gap_timer is None and self._reception is not None:
            due = self._reception.next_timeout()
            if due is not None:
                self._gap_timer = self._later(due, self._on_gap)

    def _on_gap(self) -> None:
        self._gap_timer = None
        if self._reception is not None:
            self._reception.on_timeout(self._read_clock())
            self._arm_gap()

    def _report(self) -> None:
        """Our receiver reports on every track; over UDP the first ones also open the way back for the camera's."""
        self._report_timer = None
        if self._reception is None or self._closing:
            return
        now = self._read_clock()
        if self._reader.finds > self._finds:
            self._finds = self._reader.finds
            self._tolerate(Fault.LOST_PLACE)
        for index, ready in enumerate(self._tracks):
            report = self._reception.report(index, now)
            if ready.channels:
                self._write(_INTERLEAVED.pack(0x24, ready.channels[1], len(report)) + report)
            elif ready.client_ports and ready.server_ports:
                peer = self.transport.getPeer().host
                self._pairs[ready.client_ports].send_rtcp(report, peer, ready.server_ports[1])
        self._report_timer = self._later(MonotonicNs(now + REPORT_PERIOD_NS), self._report)

    # Ends

    def _fail(self, reason: DownReason, detail: str) -> None:
        self._perform(self._client.fail(reason, detail))

    def _close(self, outcome: Failed | Redirected | None) -> None:
        """The outcome is kept until the connection is gone; bytes that still come mean nothing any more."""
        if self._closing:
            return
        self._closing = True
        self._close_line()
        self._outcome = outcome
        if isinstance(outcome, Failed) and outcome.reason is DownReason.NO_VIDEO and self._reception is not None:
            over_udp = any(ready.datagrams for ready in self._tracks)
            self.udp_was_silent = over_udp and self._reception.media_at is None
        self._ways = [_ignore] * 256
        self._runs = {}
        # A camera that does not read would keep the connection open for minutes.
        self._abort_timer = self._errand.reactor.callLater(_LINGER_S, self._abort)
        self.transport.unregisterProducer()  # else TLS waits for more of us before it says goodbye
        self.transport.loseConnection()

    def _abort(self) -> None:
        self._abort_timer = None
        self.transport.abortConnection()

    def _release(self) -> None:
        self._closing = True
        self._close_line()
        self._ways = [_ignore] * 256
        self._runs = {}
        for timer in (self._timer, self._gap_timer, self._report_timer, self._body_timer, self._abort_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._gap_timer = self._report_timer = self._body_timer = self._abort_timer = None
        for pair in (*self._pairs.values(), *self._groups.values()):
            pair.close()
        self._pairs.clear()
        self._groups.clear()
        if self._reception is not None:
            self._reception.end()
            self._reception = None


def _ignore(packet: memoryview, now: MonotonicNs) -> None:
    """The way of what still comes when the connection is given up."""
