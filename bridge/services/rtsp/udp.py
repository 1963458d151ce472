"""RTP and RTCP by UDP (RFC 3550 11) from one pair of ports that all viewers share (`bridge.media.routes`).

Packets of equal size leave as one send with segmentation offload (UDP_SEGMENT, Linux 4.18): set once per run, one
`sendto` per viewer. Where a route refuses that, packets go one by one. What the kernel has no room for is lost, as UDP
is, and counted. From clients come reports, which keep a session alive, packets that open their firewall, and talk.
"""

import errno
import ipaddress
import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from bridge.base.errors import RemoteProtocolError
from bridge.media.packets import Run
from bridge.media.routes import Address
from bridge.wire import rtcp

#: A key frame for many viewers is a burst of megabytes; the kernel grants what net.core.wmem_max allows.
SEND_BUFFER_BYTES = 8 << 20

#: Addresses remembered as refusing offload, the oldest forgotten first.
MAX_REFUSING = 1024

#: Datagrams read per wake-up, so that a flood at our ports does not hold the others up.
MAX_DATAGRAMS_PER_WAKE = 64

_TRIES = 40
_MAX_DATAGRAM_BYTES = 2048

#: linux/udp.h; Python 3.11 does not name them.
_SOL_UDP = 17
_UDP_SEGMENT = 103

#: How the kernel says that a route or card cannot segment, or that the path's packets are smaller.
_REFUSALS = frozenset({errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.EOPNOTSUPP, errno.ENOPROTOOPT})

OnReport = Callable[[str, int], object]
OnRtp = Callable[[str, int, memoryview], object]
"""(host, port, packet): of their sender; a packet that is larger than _MAX_DATAGRAM_BYTES is cut off there."""


class UdpPorts:
    """One even/odd pair bound to one of our addresses: what `bridge.media.routes.Datagrams.sender` takes.

    lost_sends: sends that the kernel refused, each a run or a packet of one viewer
    """

    def __init__(self, host: str, on_report: OnReport, on_rtp: OnRtp = lambda host, port, packet: None) -> None:
        """Raises OSError when none of 40 tries finds two neighbours free."""
        self.host = host
        self.lost_sends = 0
        self._rtp, self._rtcp = self.sockets = _open_neighbours(host)
        self.ports: tuple[int, int] = (self._rtp.getsockname()[1], self._rtcp.getsockname()[1])
        self._on_report = on_report
        self._on_rtp = on_rtp
        self._refusing: dict[Address, None] = {}
        self._segment = 0
        self._offload = True
        self._descriptors = (_Descriptor(self._rtp, self._read_rtp), _Descriptor(self._rtcp, self._read_reports))

    def start(self, reactor: Any) -> None:  # provides IReactorFDSet
        """Begins to read."""
        for descriptor in self._descriptors:
            descriptor.start(reactor)

    def send(self, runs: Sequence[Run], to: Collection[Address]) -> None:
        """The packets of one access unit to each of `to`."""
        refusing = self._refusing
        plain: Collection[Address] = ()
        if not self._offload:
            plain, to = to, ()
        elif refusing and not refusing.keys().isdisjoint(to):
            plain = [address for address in to if address in refusing]
            to = [address for address in to if address not in refusing]
        sendto = self._rtp.sendto
        for segment, data in runs:
            if to and self._set_segment(segment if len(data) > segment else 0):
                for address in to:
                    try:
                        sendto(data, address)
                    except OSError as error:
                        self._on_refused(error, segment, data, address)
            elif to:
                for address in to:
                    self._send_plainly(segment, data, address)
            for address in plain:
                self._send_plainly(segment, data, address)

    def _set_segment(self, size: int) -> bool:
        """Packets are cut to `size` from now on (0: not at all); False when the kernel does not know how."""
        if size != self._segment:
            try:
                self._rtp.setsockopt(_SOL_UDP, _UDP_SEGMENT, size)
            except OSError:
                self._offload = False
                return size == 0
            self._segment = size
        return True

    def _on_refused(self, error: OSError, segment: int, data: bytes, address: Address) -> None:
        if error.errno not in _REFUSALS or len(data) <= segment:
            # EAGAIN: no room; ECONNREFUSED and the like: an older packet found nobody.
            self.lost_sends += 1
            return
        self._refusing[address] = None
        if len(self._refusing) > MAX_REFUSING:
            del self._refusing[next(iter(self._refusing))]
        self._send_plainly(segment, data, address)
        self._set_segment(segment)

    def _send_plainly(self, segment: int, data: bytes, address: Address) -> None:
        self._set_segment(0)
        for at in range(0, len(data), segment):
            try:
                self._rtp.sendto(data[at : at + segment], address)
            except OSError:
                self.lost_sends += 1

    def send_rtcp(self, data: bytes, to: Address) -> None:
        """One compound from our RTCP port."""
        try:
            self._rtcp.sendto(data, to)
        except OSError:
            self.lost_sends += 1

    def _read_rtp(self, opened: socket.socket) -> None:
        for data, address in _datagrams(opened):
            self._on_rtp(address[0], address[1], memoryview(data))

    def _read_reports(self, opened: socket.socket) -> None:
        for data, address in _datagrams(opened):
            try:
                packets = rtcp.parse(data)
            except RemoteProtocolError:
                # A packet that opens a firewall, or noise.
                continue
            if packets:
                self._on_report(address[0], address[1])

    def close(self) -> None:
        """Stops reading and frees both ports."""
        for descriptor in self._descriptors:
            descriptor.stop()
        self._rtp.close()
        self._rtcp.close()


class UdpSender:
    """The pairs of the server: one for each address that it is bound to."""

    def __init__(
        self,
        reactor: Any,  # provides IReactorFDSet; test reactors provide parts of it
        hosts: Sequence[str],
        *,
        on_report: OnReport = lambda host, port: None,
        on_rtp: OnRtp = lambda host, port, packet: None,
    ) -> None:
        """
        hosts:     addresses to bind (`0.0.0.0`, `::`, …); OSError when one cannot be
        on_report: a client at (host, port) sent RTCP: a sign of life
        on_rtp:    somebody sent something to our port of RTP
        """
        self.on_report = on_report
        self.pairs: list[UdpPorts] = []
        try:
            for host in dict.fromkeys(hosts):
                self.pairs.append(UdpPorts(host, self._on_report, on_rtp))
        except OSError:
            self.close()
            raise
        for pair in self.pairs:
            pair.start(reactor)

    def _on_report(self, host: str, port: int) -> None:
        self.on_report(host, port)

    @property
    def lost_sends(self) -> int:
        """Sends that the kernel refused, over all pairs."""
        return sum(pair.lost_sends for pair in self.pairs)

    def ports_for(self, local_host: str, peer_host: str) -> UdpPorts | None:
        """The pair that serves a viewer whose RTSP connection joins these addresses; None: none of that family.

        local_host: our end; a pair bound to it goes before one that is bound to all addresses
        """
        local, peer = _plain(local_host), _plain(peer_host)
        same = [pair for pair in self.pairs if _plain(pair.host).version == peer.version]
        exact = next((pair for pair in same if _plain(pair.host) == local), None)
        return exact or next((pair for pair in same if _plain(pair.host).is_unspecified), None)

    @staticmethod
    def address(host: str, port: int) -> Address:
        """What `Datagrams` wants: the kernel's form of an address and port."""
        plain = _plain(host)
        if plain.version == 4:
            return (str(plain), port)
        _, _, scope = host.partition("%")
        return (str(plain).partition("%")[0], port, 0, _scope_id(scope))

    def close(self) -> None:
        """Frees the ports."""
        for pair in self.pairs:
            pair.close()
        self.pairs = []


def _plain(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An IPv4 address that came in IPv6's clothes is IPv4: the RTSP socket may serve both."""
    address = ipaddress.ip_address(host)
    return getattr(address, "ipv4_mapped", None) or address


def _scope_id(scope: str) -> int:
    if not scope or scope.isdigit():
        return int(scope or 0)
    try:
        return socket.if_nametoindex(scope)
    except OSError:
        return 0


def _open_neighbours(host: str) -> tuple[socket.socket, socket.socket]:
    """An even port for RTP and the next one for RTCP (RFC 3550 11)."""
    for _ in range(_TRIES):
        rtp = _open(host, 0)
        port = rtp.getsockname()[1]
        try:
            if port % 2 == 0:
                return rtp, _open(host, port + 1)
            # The kernel gave the odd one: perhaps its even neighbour is free.
            return _open(host, port - 1), rtp
        except OSError:
            rtp.close()
    raise OSError(errno.EADDRINUSE, f"{host}: no two neighbouring UDP ports are free")


def _open(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        opened.setblocking(False)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        opened.bind((host, port))
    except OSError:
        opened.close()
        raise
    return opened


def _datagrams(opened: socket.socket) -> Iterator[tuple[bytes, Any]]:  # Any: an address, whose shape the family decides
    """What has come, with its senders, up to a bound."""
    for _ in range(MAX_DATAGRAMS_PER_WAKE):
        try:
            yield opened.recvfrom(_MAX_DATAGRAM_BYTES)
        except BlockingIOError:
            return
        except OSError:
            # The error of an earlier send (ICMP), told on the next call.
            continue


@implementer(IReadDescriptor)
class _Descriptor:
    """A socket that the reactor watches."""

    def __init__(self, opened: socket.socket, read: Callable[[socket.socket], None]) -> None:
        self._socket = opened
        self._read = read
        self._reactor: Any = None

    def start(self, reactor: Any) -> None:
        self._reactor = reactor
        reactor.addReader(self)

    def stop(self) -> None:
        if self._reactor is not None:
            self._reactor.removeReader(self)
            self._reactor = None

    def fileno(self) -> int:
        return self._socket.fileno()

    def doRead(self) -> None:  # noqa: N802 - Twisted's name
        self._read(self._socket)

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """The reactor gave the descriptor up: it is not watched any more."""
        self._reactor = None

    def logPrefix(self) -> str:  # noqa: N802 - Twisted's name
        return "rtp udp"
