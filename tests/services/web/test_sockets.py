import json
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from bridge.net.websocket import LINGER_S
from bridge.services.web.problems import not_found
from bridge.services.web.routes import Asked, Caller, Route, Who
from bridge.services.web.sockets import POLICY_VIOLATION, Socket
from bridge.system.access import Action, Gatekeeper, Principal, Role
from bridge.wire.websocket import FrameReader, Opcode, encode
from bridge.wire.websocket import Role as Side
from tests.services.web.web_setting import Setting, Transport, parse

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
OPENING = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13")
OURS = "Origin: http://bridge.example:8081"


class Parrot:
    """Says hello, and what became of it. Whoever may see gate-1 may listen."""

    def __init__(self, asked: Asked) -> None:
        self.name = asked.principal.name
        self.place = asked.place
        self.socket: Socket | None = None
        self.ends = 0

    def opened(self, socket: Socket) -> None:
        self.socket = socket
        socket.send({"hello": self.name, **self.place})

    def gone(self) -> None:
        self.ends += 1

    def still_allowed(self, principal: Principal) -> bool:
        return Gatekeeper().may(principal, Action.LIVE, "gate-1")


class Sockets(Setting):
    def __init__(self) -> None:
        self.talks: list[Parrot] = []
        super().__init__(sockets=[Route("GET", "/talk/{id}", self._talk, Who.USER, "")])

    def _talk(self, asked: Asked) -> Parrot:
        if asked.place["id"] == "none":
            raise not_found()
        self.talks.append(Parrot(asked))
        return self.talks[-1]

    def open(self, target: str, *headers: str) -> tuple[Any, Transport]:
        channel, transport = self.connect()
        lines = [f"GET {target} HTTP/1.1", "Host: bridge.example:8081", *OPENING, *headers, "", ""]
        channel.dataReceived("\r\n".join(lines).encode())
        return channel, transport


def frames(transport: Transport) -> list[tuple[str, bytes]]:
    """What came behind the handshake: controls by name, data frames as DATA."""
    found: list[tuple[str, bytes]] = []
    reader = FrameReader(
        Side.CLIENT,
        lambda data: found.append(("DATA", data)),
        lambda code, data: found.append((code.name, data)),
        text=True,
    )
    reader.feed(transport.value().partition(b"\r\n\r\n")[2])
    return found


def test_a_conversation() -> None:
    one = Sockets()
    channel, transport = one.open("/talk/a", "Authorization: Bearer vera")
    status, headers, _ = parse(transport.value())
    assert (status, headers["sec-websocket-accept"]) == (101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    assert [json.loads(data) for _, data in frames(transport)] == [{"hello": "vera", "id": "a"}]
    assert one.sockets.open == 1
    channel.dataReceived(encode(Opcode.TEXT, b"hm", b"abcd") + encode(Opcode.PING, b"?", b"abcd"))
    assert frames(transport)[1:] == [("PONG", b"?")]
    channel.connectionLost(Failure(ConnectionDone()))
    assert (one.sockets.open, one.talks[0].ends) == (0, 1)


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/talk/a", (), 401),
        ("/talk/none", ("Authorization: Bearer vera",), 404),
        ("/other", ("Authorization: Bearer vera",), 404),
        ("/talk/a", ("Cookie: user=vera",), 403),
        ("/talk/a", ("Cookie: user=vera", "Origin: https://evil.example"), 403),
        ("/talk/a", ("Cookie: user=vera", OURS), 101),
    ],
)
def test_who_gets_in(target: str, headers: tuple[str, ...], status: int) -> None:
    one = Sockets()
    _, transport = one.open(target, *headers)
    assert parse(transport.value())[0] == status
    assert one.sockets.open == (status == 101)


def test_the_wrong_version_is_told_the_right_one() -> None:
    one = Sockets()
    channel, transport = one.connect()
    lines = [
        "GET /talk/a HTTP/1.1",
        "Host: x",
        *OPENING[:3],
        "Sec-WebSocket-Version: 12",
        "Authorization: Bearer vera",
        "",
        "",
    ]
    channel.dataReceived("\r\n".join(lines).encode())
    status, headers, _ = parse(transport.value())
    assert (status, headers["sec-websocket-version"]) == (426, "13")
    assert one.talks == []


def test_goodbyes() -> None:
    one = Sockets()
    channel, transport = one.open("/talk/a", "Authorization: Bearer anna")
    one.sockets.close()
    assert frames(transport)[-1] == ("CLOSE", (1001).to_bytes(2, "big"))
    one.reactor.advance(LINGER_S)
    assert transport.aborted
    channel.connectionLost(Failure(ConnectionDone()))
    assert one.reactor.getDelayedCalls() == []


def test_frames_against_the_rules_close_it() -> None:
    one = Sockets()
    channel, transport = one.open("/talk/a", "Authorization: Bearer anna")
    channel.dataReceived(b"\x81\x02hi")  # without a mask
    assert frames(transport)[-1] == ("CLOSE", (1002).to_bytes(2, "big"))


def now_is(one: Sockets, principal: Principal | None) -> None:
    """From now on every caller is that one; None: nobody."""

    def now(caller: Caller) -> Caller | None:
        return None if principal is None else replace(caller, principal=principal)

    one.door.caller_now = now
    one.sockets.recheck()


@pytest.mark.parametrize(
    ("principal", "reason"),
    [
        (None, "you are logged out"),
        (Principal.with_role("vera", Role.VIEWER, ["yard"]), "your rights have changed"),
    ],
)
def test_who_may_not_listen_any_more_is_told_and_closed(principal: Principal | None, reason: str) -> None:
    one = Sockets()
    channel, transport = one.open("/talk/a", "Authorization: Bearer vera")
    now_is(one, principal)
    told, goodbye = frames(transport)[1:]
    assert json.loads(told[1]) == {"type": "end", "reason": reason}
    assert goodbye == ("CLOSE", POLICY_VIOLATION.to_bytes(2, "big"))
    now_is(one, principal)
    assert len(frames(transport)) == 3  # once
    channel.connectionLost(Failure(ConnectionDone()))
    assert (one.sockets.open, one.talks[0].ends) == (0, 1)


def test_who_still_may_goes_on() -> None:
    one = Sockets()
    _, transport = one.open("/talk/a", "Authorization: Bearer vera")
    now_is(one, Principal.with_role("vera", Role.VIEWER, ["gate-1"]))
    assert len(frames(transport)) == 1


def test_a_conversation_that_asks_nothing_goes_on_while_he_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Sockets()
    _, transport = one.open("/talk/a", "Authorization: Bearer vera")
    monkeypatch.delattr(Parrot, "still_allowed")
    now_is(one, Principal.with_role("vera", Role.VIEWER, []))
    assert len(frames(transport)) == 1
