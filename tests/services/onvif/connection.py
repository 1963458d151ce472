"""Clients of the ONVIF port in memory: Twisted's clock, transports without sockets."""

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock as TwistedClock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from bridge.dialogue.digest import DigestClient
from bridge.net.http import HttpLimits
from bridge.services.onvif.server import OnvifServer
from tests.services.onvif.door import Door

PATH = "/onvif/device_service"


class Transport(StringTransport):
    """A connection whose closing can be seen."""

    half_closed = False
    aborted = False

    def __init__(self, peer: str = "192.0.2.1") -> None:
        super().__init__(hostAddress=IPv4Address("TCP", "192.0.2.9", 580), peerAddress=IPv4Address("TCP", peer, 40000))

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def abortConnection(self) -> None:
        self.aborted = True

    @property
    def closed(self) -> bool:
        return self.half_closed or self.aborted or self.disconnecting


class Connection:
    """One client."""

    def __init__(self, server: OnvifServer, peer: str = "192.0.2.1") -> None:
        self.transport = Transport(peer)
        self.channel: Any = server.factory.buildProtocol(self.transport.getPeer())
        if self.channel is not None:
            self.channel.makeConnection(self.transport)

    def send(self, *data: bytes) -> "Connection":
        for each in data:
            self.channel.dataReceived(each)
        return self

    def replies(self) -> list[tuple[int, dict[str, str], bytes]]:
        """Status, headers and body of every response so far."""
        data, found = self.transport.value(), []
        while data:
            head, _, data = data.partition(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            size = int(headers.get("content-length", 0))
            found.append((int(first.split()[1]), headers, data[:size]))
            data = data[size:]
        return found

    def statuses(self) -> list[int]:
        return [status for status, _, _ in self.replies()]

    def lose(self) -> None:
        self.channel.connectionLost(Failure(ConnectionDone()))


class Setting:
    def __init__(self, limits: HttpLimits | None = None) -> None:
        self.door = Door()
        self.reactor = TwistedClock()
        self.server = OnvifServer(self.reactor, self.door.service, self.door.login, self.door.clock, limits)

    def connect(self, peer: str = "192.0.2.1") -> Connection:
        return Connection(self.server, peer)

    def authorization(self, method: str, target: str, user: str = "viewer", password: str = "geheim") -> str:
        client = DigestClient(user, password)
        return f"Authorization: {client.authorize(self.door.login.challenge().challenges, method, target, 'c' * 16)}"


def request(
    *headers: str,
    body: bytes = b"",
    method: str = "POST",
    target: str = PATH,
    version: str = "1.1",
    length: bool = True,
) -> bytes:
    lines = [f"{method} {target} HTTP/{version}", "Host: cams.example:580", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


SOAP = "Content-Type: application/soap+xml; charset=utf-8"
