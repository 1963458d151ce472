"""The sockets of WS-Discovery: on each address one for what goes to all, and one for what goes to us alone.

A socket that is bound to the group and joined on one interface gets that interface's datagrams only
(IP_MULTICAST_ALL off), so the address to tell is known: the one of the interface that the question came in on.
"""

import socket
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol

from bridge.base.time import Clock
from bridge.dialogue.discovery import DiscoverableDevice, DiscoverableDevices

GROUP = "239.255.255.250"
PORT = 3702

MAX_DELAY_MS = 500  # before a match, so that many devices do not answer at once (WS-Discovery, APP_MAX_DELAY)
REPEAT_S = 0.1  # multicast may be lost: it is sent twice (SOAP-over-UDP, MULTICAST_UDP_REPEAT)
MAX_WAITING = 64  # answers, of one device; with more devices, as many as three questions to all of them bring

_IP_MULTICAST_ALL = 49  # linux/in.h; Python has no name for it


class DiscoveryResponder:
    """Finds listeners on `addresses`, says Hello, answers, says Bye, for every device of this host.

    At most MAX_WAITING answers, or three of each device, wait for their delay; further ones are `dropped`.
    """

    def __init__(
        self,
        reactor: Any,
        clock: Clock,
        addresses: Sequence[str],
        random_ms: Callable[[int], int],
        *,
        port: int = PORT,
    ) -> None:
        """
        addresses: IPv4 addresses of the interfaces to be found on
        random_ms: limit -> a number below it
        """
        self._reactor = reactor
        self._clock = clock
        self._devices = DiscoverableDevices()
        self._addresses = addresses
        self._started = False
        self._random_ms = random_ms
        self._port = port
        self._log = structlog.get_logger().bind(door="discovery")
        self._groups: dict[str, Any] = {}  # address -> port (Any: IMulticastTransport) that is bound to the group
        self._ports: list[Any] = []
        self._waiting: set[Any] = set()
        self.dropped = 0

    def start(self) -> None:
        """Listens and says Hello. What cannot be opened is one line in the log, and the rest goes on."""
        for address in self._addresses:
            try:
                self._open(address)
            except (OSError, CannotListenError) as error:
                self._log.warning("not discoverable here", address=address, reason=str(error))
        self._started = True
        for device in self._devices:
            self._greet(device)

    def add(self, device: DiscoverableDevice) -> None:
        """A device is there, before or after the start."""
        self._devices.add(device)
        if self._started:
            self._greet(device)

    def remove(self, device: DiscoverableDevice) -> None:
        """A device is gone, and says so."""
        self._devices.remove(device)
        self._to_all(device.bye())

    def stop(self) -> Deferred[Any]:
        """Says Bye and closes; fires when every socket is closed."""
        for call in list(self._waiting):
            call.cancel()
        self._waiting.clear()
        self._started = False
        for device in self._devices:
            self._to_all(device.bye())
        closing = [maybeDeferred(port.stopListening) for port in self._ports]
        self._ports.clear()
        self._groups.clear()
        return gatherResults(closing)

    def received(self, data: bytes, source: tuple[str, int], local: str, reply: Any, *, unicast: bool) -> None:
        """A datagram; reply: the transport (IUDPTransport) that its answer goes through."""
        now = self._clock.monotonic_ns()
        room = max(MAX_WAITING, 3 * len(self._devices)) - len(self._waiting)
        if room <= 0:
            self.dropped += 1
            return
        answers = self._devices.answers(data, source[0], local, now, unicast=unicast)
        self.dropped += max(0, len(answers) - room)
        for answer in answers[:room]:
            # Many at once would be more than the asker's socket holds, whoever else was asked.
            delay_ms = 0 if unicast and len(answers) == 1 else self._random_ms(MAX_DELAY_MS)
            self._later(delay_ms / 1000, self._send, reply, answer, source)

    def _open(self, address: str) -> None:
        # The group's own socket must be there; without the other one we are still found by multicast.
        group = self._listen(GROUP, address, unicast=False)
        handle = group.getHandle()
        handle.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        handle.setsockopt(
            socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton(address)
        )
        group.setOutgoingInterface(address)
        group.setTTL(1)
        self._groups[address] = group
        self._listen(address, address, unicast=True)

    def _listen(self, bound: str, address: str, *, unicast: bool) -> Any:
        protocol = _Socket(self, address, unicast=unicast)
        # Other ONVIF software on this host may listen on the same port.
        port = self._reactor.listenMulticast(self._port, protocol, interface=bound, listenMultiple=True)
        self._ports.append(port)
        return port

    def _greet(self, device: DiscoverableDevice) -> None:
        delay_ms = self._random_ms(MAX_DELAY_MS)
        for repeat in (0, REPEAT_S):
            self._later(delay_ms / 1000 + repeat, self._say_hello, device)

    def _say_hello(self, device: DiscoverableDevice) -> None:
        if device not in self._devices:
            return
        for address, port in self._groups.items():
            self._send(port, device.hello(address), (GROUP, self._port))

    def _to_all(self, message: bytes) -> None:
        for port in self._groups.values():
            self._send(port, message, (GROUP, self._port))

    def _send(self, transport: Any, message: bytes, to: tuple[str, int]) -> None:
        try:
            transport.write(message, to)
        except OSError as error:
            self._log.info("a discovery message could not be sent", to=to[0], reason=str(error))

    def _later(self, delay_s: float, call: Callable[..., None], *arguments: Any) -> None:
        def run() -> None:
            self._waiting.discard(delayed)
            call(*arguments)

        delayed = self._reactor.callLater(delay_s, run)
        self._waiting.add(delayed)


class _Socket(DatagramProtocol):
    """One socket: bound to `address`, or to the group and joined on its interface."""

    def __init__(self, responder: DiscoveryResponder, address: str, *, unicast: bool) -> None:
        self._responder = responder
        self._address = address
        self._unicast = unicast

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802 - Twisted's name
        self._responder.received(datagram, addr[:2], self._address, self.transport, unicast=self._unicast)
