"""Opens the TCP doors: binds their addresses, and says in one sentence what is in the way when one cannot be bound."""

import contextlib
import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from bridge.base.errors import BridgeError

BACKLOG = 1024


class DoorError(BridgeError):
    """A door cannot be opened; the text says which, why, and the way out."""


@dataclass(frozen=True, slots=True)
class Door:
    """name: key under [ports]; factory: what Twisted asks for a protocol for each connection.

    key: where the port stands in the file, for doors that [ports] does not name
    """

    name: str
    port: int
    addresses: tuple[str, ...]
    factory: Any
    key: str = ""

    @property
    def setting(self) -> str:
        """Where its port is set."""
        return self.key or f"[ports] {self.name}"


@dataclass(slots=True)
class OpenDoor:
    """A door that listens. `close` stops listening; connections are their service's business."""

    door: Door
    _ports: list[Any] = field(default_factory=list)

    @property
    def port(self) -> int:
        """The port that it listens on, which the system chose if 0 was asked for."""
        return int(self._ports[0].getHost().port)

    async def close(self) -> None:
        """No more connections."""
        ports, self._ports = self._ports, []
        for port in ports:
            await port.stopListening()


def open_door(reactor: Any, door: Door) -> OpenDoor:
    """Listens on every address of the door. Raises DoorError; then nothing of it listens.

    reactor: IReactorSocket
    """
    sockets: list[socket.socket] = []
    with contextlib.ExitStack() as undo:
        for address in door.addresses:
            listening = _bound(door, address)
            if listening is None:
                continue
            sockets.append(listening)
            undo.callback(listening.close)
        if not sockets:
            raise DoorError(f"{door.name}: none of the addresses {', '.join(door.addresses)} is one of this host's")
        # The reactor takes a descriptor of its own; ours are closed in any case.
        return OpenDoor(door, [reactor.adoptStreamPort(each.fileno(), each.family, door.factory) for each in sockets])


def _bound(door: Door, address: str) -> socket.socket | None:
    """A listening socket; None when this host has no IPv6 and was not asked for a certain IPv6 address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = None
    try:
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # So that 0.0.0.0 and :: can stand side by side whatever net.ipv6.bindv6only says.
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((address, door.port))
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        if listening is not None:
            listening.close()
        if address == "::" and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            structlog.get_logger().info("this host has no IPv6", door=door.name)
            return None
        raise DoorError(_sentence(door, address, error)) from None
    return listening


def _sentence(door: Door, address: str, error: OSError) -> str:
    what = f"{door.name}: port {door.port} of {address} cannot be opened"
    if error.errno == errno.EACCES:
        return (
            f"{what}: ports under 1024 need root or the capability CAP_NET_BIND_SERVICE;"
            f" or set another one, such as {door.setting} = {door.port + 8000}"
        )
    if error.errno == errno.EADDRINUSE:
        return f"{what}: another program listens there; end it, or set another {door.setting}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{what}: this host has no such address; see bind and [bind_door]"
    return f"{what}: {error.strerror}"


def may_bind_low_ports(addresses: Sequence[str]) -> bool:
    """Whether this process may open ports under 1024 (port 0 of a trial tells nothing, so one is tried for real)."""
    for port in range(1023, 1000, -1):
        try:
            with socket.socket(socket.AF_INET6 if ":" in addresses[0] else socket.AF_INET) as trial:
                trial.bind((addresses[0], port))
        except PermissionError:
            return False
        except OSError:
            continue
        return True
    return True
