"""Pairs of UDP ports for RTP and RTCP (RFC 3550 11): opened, read in batches, checked for their sender."""

import enum
import socket
from collections.abc import Callable
from typing import Any

from structlog.typing import FilteringBoundLogger
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from bridge.base.time import Clock, MonotonicNs
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


class SourceCheck(enum.Enum):
    """Whose datagrams are taken."""

    ADDRESS = "address"
    """Those of the address that the RTSP connection leads to. Cameras send from other ports than they announce."""

    NONE = "none"
    """Anybody's: for cameras that stream from another address than they are asked at."""


class UdpPair:
    """An RTP socket on an even port and an RTCP socket on the next one, bound to our address `host`.

    Raises OSError when none of 40 tries finds two neighbours free.
    """

    def __init__(self, host: str) -> None:
        self._rtp, self._rtcp = open_neighbours(host)
        self._readers: list[UdpReader] = []

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
        sender: str | None,
        on_rtp: Deliver,
        on_rtcp: Deliver,
        after_batch: Callable[[], object],
    ) -> None:
        """Begins to read. sender: the address that datagrams must come from; None: anybody."""
        for opened, deliver in ((self._rtp, on_rtp), (self._rtcp, on_rtcp)):
            reader = UdpReader(opened, clock, statistics, sender, deliver, after_batch)
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

    The view that is delivered is valid during the call only.
    """

    def __init__(
        self,
        opened: socket.socket,
        clock: Clock,
        statistics: IngestStatistics,
        sender: str | None,
        deliver: Deliver,
        after_batch: Callable[[], object],
    ) -> None:
        self._socket = opened
        self._clock = clock
        self._statistics = statistics
        self._sender = _unmapped(sender) if sender else None
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
        receive, buffer, deliver, sender = self._socket.recvfrom_into, self._buffer, self._deliver, self._sender
        total = 0
        for _ in range(MAX_DATAGRAMS_PER_WAKE):
            try:
                size, source = receive(buffer)
            except BlockingIOError:
                break
            except OSError:
                # An ICMP answer to something that we sent (the camera's RTCP port is closed): not about reading.
                continue
            if sender is not None and source[0] != sender and _unmapped(source[0]) != sender:
                self._statistics.foreign += 1
                continue
            total += size
            # A copy, as the buffer is used again.
            deliver(memoryview(bytes(buffer[:size])), now)
            if self._reactor is None:
                return
        self._statistics.bytes += total
        self._after_batch()

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
    """(RTP socket on an even port, RTCP socket on the next one), not blocking. Raises OSError."""
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
