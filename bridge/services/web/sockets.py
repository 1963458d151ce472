"""WebSockets of the web door: from the table of those that there are to whoever talks on one.

The HTTP door reads the head of the opening handshake; who asks, and whether a page of others does, is settled before it
is answered (RFC 6455 4.2, 10.2). We talk, clients listen: what they send is read and passed over.
"""

import json
from collections.abc import Mapping
from typing import Any, Protocol

import structlog
from twisted.python.failure import Failure

from bridge.base.errors import RemoteProtocolError
from bridge.net.addresses import bracketed
from bridge.net.http import Head
from bridge.net.takeover import RefusedError
from bridge.net.websocket import WebSocketTransport, message
from bridge.net.writer import ConnectionWriter
from bridge.services.web.door import WebDoor
from bridge.services.web.problems import ProblemError
from bridge.services.web.routes import Caller, Routes, Who
from bridge.system.access import Principal
from bridge.wire.websocket import GOING_AWAY, FrameReader, Opcode, Role, check_opening, encode, tokens

POLICY_VIOLATION = 1008
"""Close code of those who may not listen any more (RFC 6455 7.4.1)."""


class Talk(Protocol):
    """One end of a conversation: what the handler of a row of the table gives. It may raise ProblemError instead.

    It may have a method `still_allowed(principal: Principal) -> bool`, which is asked when rights have changed.
    """

    def opened(self, socket: "Socket") -> None:
        """The handshake is answered: talk."""

    def gone(self) -> None:
        """The connection is gone, whoever ended it. Called once, after `opened`."""


class SocketDoor:
    """Takes connections over from the web door (`bridge.net.takeover.OtherDoor`)."""

    def __init__(self, door: WebDoor, reactor: Any, rows: Routes) -> None:
        """reactor: Twisted's. rows: their handlers give a `Talk`; method GET, no body, no answer."""
        self.rows = rows
        self._door, self._reactor = door, reactor
        self._sockets: dict[Socket, tuple[Who, Caller | None]] = {}

    @property
    def open(self) -> int:
        """Connections now."""
        return len(self._sockets)

    def wants(self, head: Head) -> bool:
        """Whether a request opens a WebSocket."""
        return head.method == "GET" and "websocket" in [word.lower() for word in tokens(head.value("upgrade"))]

    def take(self, head: Head, transport: Any) -> "Socket":  # Any: ITCPTransport, or TLS around one
        """What is told of the connection from now on. Raises RefusedError, RemoteProtocolError."""
        peer = transport.getPeer()
        try:
            secure = bool(getattr(transport, "secure", False))
            address = f"{bracketed(peer.host)}:{peer.port}"
            route, asked = self._door.admit_socket(head, address, self.rows, secure=secure)
            accept = check_opening(
                head.value("sec-websocket-key"),
                head.value("sec-websocket-version"),
                head.value("sec-websocket-protocol"),
                "",
            )
            talk: Any = route.handler(asked)
        except ProblemError as problem:
            raise RefusedError(problem.reply()) from None
        socket = Socket(self._reactor, self._door, transport, talk, self._forget)
        self._sockets[socket] = route.who, asked.caller
        socket.begin(accept)
        return socket

    def recheck(self) -> None:
        """Rights have changed, or somebody has logged out: whoever may not listen any more is told, and closed."""
        for socket, (who, caller) in list(self._sockets.items()):
            if caller is None:
                continue
            now = self._door.caller_now(caller)
            if now is None or not who.admits(now):
                socket.end("you are logged out")
            elif not socket.still_allowed(now.principal):
                socket.end("your rights have changed")

    def _forget(self, socket: "Socket") -> None:
        self._sockets.pop(socket, None)

    def close(self) -> None:
        """Says goodbye on all of them: the service stops."""
        for socket in list(self._sockets):
            socket.close(GOING_AWAY)


class Socket:
    """One connection, once it is a WebSocket. Media go to `writer` (`frame` is around each piece: binary messages)."""

    def __init__(self, reactor: Any, door: WebDoor, transport: Any, talk: Talk, forget: Any) -> None:
        self._talk = talk
        self._forget = forget
        self._transport = WebSocketTransport(transport, reactor)
        self._reader = FrameReader(Role.SERVER, lambda data: None, self._on_control, text=True)
        self._log = structlog.get_logger()
        self.writer = ConnectionWriter(reactor, door.clock, self._transport, on_close=self._given_up, frame=message)

    def begin(self, accept: str) -> None:
        """Answers the handshake."""
        self.writer.write(
            (
                "HTTP/1.1 101 Switching Protocols\r\n"
                "Upgrade: websocket\r\n"
                "Connection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accept}\r\n"
                "\r\n"
            ).encode(),
            bare=True,
        )
        self._talk.opened(self)

    def send(self, value: Mapping[str, object]) -> None:
        """A JSON object as a text message, in order with the media."""
        self.writer.write(encode(Opcode.TEXT, json.dumps(value, ensure_ascii=False).encode()), bare=True)

    def still_allowed(self, principal: Principal) -> bool:
        """What the conversation says to these rights; one that says nothing goes on."""
        ask = getattr(self._talk, "still_allowed", None)
        return ask is None or bool(ask(principal))

    def end(self, reason: str) -> None:
        """Nothing more is to be heard here, and why."""
        if not self._reader.closed:
            self.send({"type": "end", "reason": reason})
            self.close(POLICY_VIOLATION)

    def close(self, code: int) -> None:
        """Says goodbye once replies that wait have gone out."""
        self._reader.closed = True
        self._transport.code = code
        self.writer.lose()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Bytes of frames."""
        if self._reader.closed:
            return
        try:
            self._reader.feed(data)
        except RemoteProtocolError as error:
            self._log.info("WebSocket closed", reason=str(error))
            self.close(error.status or 0)

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """It is gone."""
        self._reader.closed = True
        self._transport.lost()
        self.writer.close()
        self._forget(self)
        self._talk.gone()

    def _given_up(self, reason: str) -> None:
        self._log.info("WebSocket closed", reason=reason)

    def _on_control(self, opcode: Opcode, payload: bytes) -> None:
        if opcode is Opcode.CLOSE:
            self.close(self._transport.code)
        elif opcode is Opcode.PING and self.writer.clear:
            # Who does not read what he is sent gets no answers to count on top of it.
            self.writer.write(encode(Opcode.PONG, payload), bare=True)
