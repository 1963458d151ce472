"""A web door in memory: its clients, callers by a header of the tests, and rows without HTTP."""

import json
from collections.abc import Iterable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock as TwistedClock
from twisted.internet.testing import StringTransport

from bridge.base.time import ManualClock
from bridge.net.http import Head, HttpLimits
from bridge.services.web.door import WebDoor
from bridge.services.web.routes import Asked, Caller, Handler, Means, Route, Routes
from bridge.services.web.sockets import SocketDoor
from bridge.system.access import Principal, Role

ANNA = Principal.with_role("anna", Role.ADMINISTRATOR)
VERA = Principal.with_role("vera", Role.VIEWER, ["gate-*"])
PRINCIPALS = {"anna": ANNA, "vera": VERA}


def caller(head: Head, peer: str, secure: bool) -> Caller | None:
    """`Authorization: Bearer anna`, or `Cookie: user=anna`."""
    scheme, _, name = head.value("authorization").partition(" ")
    if scheme == "Bearer" and name in PRINCIPALS:
        return Caller(PRINCIPALS[name], Means.BEARER, "s1")
    name = head.value("cookie").removeprefix("user=")
    return Caller(PRINCIPALS[name], Means.COOKIE, "s2") if name in PRINCIPALS else None


def asked(principal: Principal | None = None, *, query: Any = None, body: Any = None, **more: Any) -> Asked:
    """What a handler is given; `place` by name."""
    peer, secure = more.pop("peer", "192.0.2.1:4711"), more.pop("secure", False)
    by = Caller(principal, Means.BEARER, "s1") if principal is not None else None
    return Asked(Head("GET", "/", {}, 0), by, more, query, body, peer, secure)


def handler(rows: Iterable[Route], path: str, method: str = "GET") -> Handler:
    """Of the row of that method and template."""
    return next(row.handler for row in rows if (row.method, row.path) == (method, path))


class Transport(StringTransport):
    """A connection whose closing can be seen."""

    half_closed = aborted = False

    def __init__(self, peer: str = "192.0.2.1") -> None:
        super().__init__(hostAddress=IPv4Address("TCP", "192.0.2.9", 8081), peerAddress=IPv4Address("TCP", peer, 40000))

    def getHandle(self) -> None:
        return None

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def abortConnection(self) -> None:
        self.aborted = True

    @property
    def closed(self) -> bool:
        return self.half_closed or self.aborted or self.disconnecting


class Setting:
    """A door with these rows."""

    def __init__(self, rows: Iterable[Route] = (), sockets: Iterable[Route] = (), limits: HttpLimits | None = None):
        self.reactor = TwistedClock()
        self.clock = ManualClock(monotonic_ns=10**12)
        self.door = WebDoor(self.reactor, self.clock, caller, Routes(rows), limits)
        self.sockets = SocketDoor(self.door, self.reactor, Routes(sockets))
        self.door.add_door(self.sockets)

    def connect(self) -> tuple[Any, Transport]:
        transport = Transport()
        channel: Any = self.door.factory.buildProtocol(transport.getPeer())
        channel.makeConnection(transport)
        return channel, transport

    def ask(
        self, method: str, target: str, *headers: str, body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers in lower case and body of the answer."""
        lines = [f"{method} {target} HTTP/1.1", "Host: bridge.example:8081", *headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        channel, transport = self.connect()
        channel.dataReceived("\r\n".join([*lines, "", ""]).encode() + (body or b""))
        return parse(transport.value())

    def ask_json(self, method: str, target: str, *headers: str, value: Any = None) -> tuple[int, Any]:
        """The same, JSON both ways."""
        body = None if value is None else json.dumps(value).encode()
        kind = () if body is None else ("Content-Type: application/json",)
        status, _, answer = self.ask(method, target, *headers, *kind, body=body)
        return status, json.loads(answer) if answer else None


def parse(data: bytes) -> tuple[int, dict[str, str], bytes]:
    """A response."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, body
