"""Pairs of UDP ports for RTP and RTCP (RFC 3550 11): opened, read in batches, checked for their sender."""

import enum
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from structlog.typing import FilteringBoundLogger
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from bridge.base.time import NS_PER_S, Clock, MonotonicNs
from bridge.dialogue.rtsp_client_events import ReadyTrack
from bridge.services.ingest.reception import IngestStatistics

#: A key frame of 1 MB comes as one burst; the kernel counts each packet with its overhead.
RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024

#: Datagrams read per wake-up: enough for a burst, few enough for the other cameras' turn to come.
MAX_DATAGRAMS_PER_WAKE = 256

#: The smallest RTP packet, a header without payload: sent to the camera it opens the way back through a firewall.
PUNCH = bytes([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])

_MAX_DATAGRAM_BYTES = 65_536
_TRIES = 40

Deliver = Callable[[memoryview, MonotonicNs], object]


#: After so long without a datagram the one that was listened to is gone.
SILENT_NS = NS_PER_S // 2


class SourceCheck(enum.Enum):
    """Whose datagrams are taken."""

    ADDRESS = "address"
    """Those of the address that the RTSP connection leads to, or that SETUP's answer names as their source."""

    NONE = "none"
    """Anybody's: for cameras that stream from another address than they are asked at."""


class SourcePort(enum.Enum):
    """From which ports of such an address datagrams are taken."""

    ONE = "one"
    """From one at a time, as two cameras may live behind one address (NAT), and one that was not told of the end of its
    session goes on sending to a port that is another's by now. The port that SETUP announced wins when it is heard;
    until then the first does, as cameras and NATs send from other ports than are announced. Another takes over when
    the one that is listened to was silent for SILENT_NS."""

    ANY = "any"
    """From all: for cameras that send one stream from several ports."""


@dataclass(frozen=True, slots=True)
class Senders:
    """Who may send to a pair.

    addresses: None: anybody
    ports:     of RTP and RTCP as SETUP announced them; (0, 0) when it did not
    """

    addresses: frozenset[str] | None = None
    ports: tuple[int, int] = (0, 0)
    source_port: SourcePort = SourcePort.ONE

    def may(self, host: str) -> bool:
        """Whether datagrams of that address are taken."""
        return self.addresses is None or host in self.addresses or _unmapped(host) in self.addresses


def senders_of(check: SourceCheck, peer: str, ready: ReadyTrack, source_port: SourcePort = SourcePort.ONE) -> Senders:
    """Those of a track over UDP. peer: the address that the RTSP connection leads to."""
    named = {_unmapped(host) for host in (peer, ready.source) if host}
    addresses = frozenset(named) if check is SourceCheck.ADDRESS else None
    return Senders(addresses, ready.server_ports or (0, 0), source_port)


class UdpPair:
    """An RTP socket and an RTCP socket, not blocking."""

    def __init__(self, rtp: socket.socket, rtcp: socket.socket) -> None:
        self._rtp, self._rtcp = rtp, rtcp
        self._readers: list[UdpReader] = []

    @classmethod
    def open(cls, host: str) -> "UdpPair":
        """On an even port and the next one of our address `host`. Raises OSError when no two neighbours are free."""
        return cls(*open_neighbours(host))

    @property
    def ports(self) -> tuple[int, int]:
        """Our RTP and RTCP port."""
        return self._rtp.getsockname()[1], self._rtcp.getsockname()[1]

    def granted_bytes(self) -> int:
        """The receive buffer that the kernel gave; it reports twice what it was asked for (socket(7))."""
        return self._rtp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2

    def read(
        self,
        reactor: Any,  # provides IReactorFDSet; test reactors provide parts of it
        clock: Clock,
        statistics: IngestStatistics,
        senders: Senders,
        on_rtp: Deliver,
        on_rtcp: Deliver,
        after_batch: Callable[[], object],
    ) -> None:
        """Begins to read."""
        for index, opened, deliver in ((0, self._rtp, on_rtp), (1, self._rtcp, on_rtcp)):
            reader = UdpReader(opened, clock, statistics, senders, senders.ports[index], deliver, after_batch)
            self._readers.append(reader)
            reader.start(reactor)

    def send_rtp(self, data: bytes, host: str, port: int) -> None:
        """From our RTP port; what the kernel refuses is lost, as UDP is."""
        _send(self._rtp, data, host, port)

    def send_rtcp(self, data: bytes, host: str, port: int) -> None:
        """From our RTCP port."""
        _send(self._rtcp, data, host, port)

    def close(self) -> None:
        """Stops reading and frees both ports."""
        for reader in self._readers:
            reader.stop()
        self._readers.clear()
        self._rtp.close()
        self._rtcp.close()


@implementer(IReadDescriptor)
class UdpReader:
    """Reads one socket into one callable: no Twisted datagram objects, one time stamp per batch.

    announced_port: that of the socket's kind among those of `senders`
    """

    def __init__(
        self,
        opened: socket.socket,
        clock: Clock,
        statistics: IngestStatistics,
        senders: Senders,
        announced_port: int,
        deliver: Deliver,
        after_batch: Callable[[], object],
    ) -> None:
        self._socket = opened
        self._clock = clock
        self._statistics = statistics
        self._senders = senders
        self._announced_port = announced_port
        self._source: Any = None  # whom we listen to: an address of the socket module, whose shape the family decides
        self._heard_ns = MonotonicNs(0)
        self._deliver = deliver
        self._after_batch = after_batch
        self._buffer = memoryview(bytearray(_MAX_DATAGRAM_BYTES))
        self._reactor: Any = None  # see UdpPair.read

    def start(self, reactor: Any) -> None:  # see UdpPair.read
        """Begins to read."""
        self._reactor = reactor
        reactor.addReader(self)

    def stop(self) -> None:
        """No more calls."""
        if self._reactor is not None:
            self._reactor.removeReader(self)
            self._reactor = None

    def doRead(self) -> None:  # noqa: N802 - Twisted's name
        """The socket is readable: everything that is there, up to a bound."""
        now = self._clock.monotonic_ns()
        receive, buffer, deliver = self._socket.recvfrom_into, self._buffer, self._deliver
        total = 0
        for _ in range(MAX_DATAGRAMS_PER_WAKE):
            try:
                size, source = receive(buffer)
            except BlockingIOError:
                break
            except OSError:
                # An ICMP answer to something that we sent (the camera's RTCP port is closed): not about reading.
                continue
            if source != self._source and not self._admits(source, now):
                self._statistics.foreign += 1
                continue
            total += size
            # A copy, as the buffer is used again.
            deliver(memoryview(bytes(buffer[:size])), now)
            if self._reactor is None:
                return
        if total:
            self._heard_ns = now
        self._statistics.bytes += total
        self._after_batch()

    def _admits(self, source: Any, now: MonotonicNs) -> bool:  # Any: see _source
        """Whether we listen to `source` from now on."""
        if not self._senders.may(source[0]):
            return False
        if (
            self._source is None
            or self._senders.source_port is SourcePort.ANY
            or source[1] == self._announced_port
            or now - self._heard_ns >= SILENT_NS
        ):
            self._source = source
            self._heard_ns = now
            return True
        return False

    def fileno(self) -> int:
        """For the reactor; -1 when closed."""
        return self._socket.fileno()

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """The reactor stops, or doRead raised."""
        self._reactor = None

    def logPrefix(self) -> str:  # noqa: N802 - Twisted's name
        """For Twisted's log."""
        return "ingest-udp"


def note_small_buffer(pair: UdpPair, log: FilteringBoundLogger) -> None:
    """One line when the kernel gives less than we ask for, with the setting that changes it."""
    granted = pair.granted_bytes()
    if granted < RECEIVE_BUFFER_BYTES:
        log.warning(
            "UDP receive buffer is smaller than asked; bursts of large key frames may be lost",
            asked_bytes=RECEIVE_BUFFER_BYTES,
            granted_bytes=granted,
            remedy=f"sysctl -w net.core.rmem_max={RECEIVE_BUFFER_BYTES}",
        )


def open_neighbours(host: str) -> tuple[socket.socket, socket.socket]:
    """(RTP socket on an even port, RTCP socket on the next one), not blocking. Raises OSError after 40 tries."""
    for _ in range(_TRIES):
        first = _bound(host, 0)
        port = first.getsockname()[1]
        try:
            second = _bound(host, port ^ 1)
        except OSError:
            first.close()
            continue
        return (first, second) if port % 2 == 0 else (second, first)
    raise OSError(f"no two neighbouring UDP ports are free on {host}")


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        opened.bind((host, port))
    except OSError:
        opened.close()
        raise
    return opened


def _send(opened: socket.socket, data: bytes, host: str, port: int) -> None:
    try:
        opened.sendto(data, (host, port))
    except OSError:
        return


def _unmapped(address: str) -> str:
    """An IPv4 address that an IPv6 socket shows as `::ffff:192.0.2.1`, and without the scope of a link-local one."""
    return address.removeprefix("::ffff:").partition("%")[0]
