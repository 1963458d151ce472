"""RTSP over WebSocket (ONVIF Streaming Specification 7; RFC 6455): the bytes of an RTSP connection in binary messages.

The HTTP door reads the head of the opening handshake and hands the connection over. What a message holds says nothing:
each write of ours is one, what comes is read as one stream. Who may see what is asked inside, by RTSP: browsers cannot
answer a challenge to the handshake, and no cookie of theirs counts here, so a page of others gets no further than one
that knows no password.
"""

from typing import TYPE_CHECKING, Any

import structlog
from twisted.python.failure import Failure

from bridge.base.errors import RemoteProtocolError
from bridge.net.http import Head
from bridge.net.websocket import WebSocketTransport
from bridge.services.rtsp.connection import RtspConnection, host_and_port
from bridge.wire.rtsp.tunnel import WEBSOCKET_PROTOCOL
from bridge.wire.websocket import (
    FrameReader,
    Opcode,
    Role,
    check_opening,
    encode,
    tokens,
)

if TYPE_CHECKING:
    from bridge.services.rtsp.server import RtspServer


class WebSocketDoor:
    """Takes connections over from the HTTP door; the RTSP door's limits are theirs too."""

    def __init__(self, server: "RtspServer") -> None:
        self._server = server
        self._log = structlog.get_logger()
        self.open = 0
        """Connections now."""

    def wants(self, head: Head) -> bool:
        """Whether a request opens a WebSocket; on any path, as the subprotocol says what it is for."""
        upgrades = [word.lower() for word in tokens(head.value("upgrade"))]
        return head.method == "GET" and "websocket" in upgrades

    def take(self, head: Head, transport: Any) -> "_WebSocket":  # Any: ITCPTransport, or TLS around one
        """What is told of the connection from now on. Raises RemoteProtocolError with the HTTP status of a refusal."""
        accept = check_opening(
            head.value("sec-websocket-key"),
            head.value("sec-websocket-version"),
            head.value("sec-websocket-protocol"),
            WEBSOCKET_PROTOCOL,
        )
        connection = self._server.buildProtocol(transport.getPeer())
        if connection is None:
            raise RemoteProtocolError("too many RTSP connections", status=503)
        self.open += 1
        socket = _WebSocket(self, connection, WebSocketTransport(transport, self._server.reactor))
        connection.writer.write(
            (
                "HTTP/1.1 101 Switching Protocols\r\n"
                "Upgrade: websocket\r\n"
                "Connection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accept}\r\n"
                f"Sec-WebSocket-Protocol: {WEBSOCKET_PROTOCOL}\r\n"
                "\r\n"
            ).encode(),
            bare=True,
        )
        return socket

    def lost(self) -> None:
        """One of them is gone."""
        self.open -= 1

    def broken(self, peer: object, error: RemoteProtocolError) -> None:
        """A client broke the rules of its frames."""
        self._server.counts.protocol_errors += 1
        host, port = host_and_port(peer)
        self._log.info("WebSocket closed", peer=f"{host}:{port}", reason=str(error))


class _WebSocket:
    """One connection: frames in, RTSP on."""

    def __init__(self, door: WebSocketDoor, connection: RtspConnection, transport: WebSocketTransport) -> None:
        self._door = door
        self._connection = connection
        self._transport = transport
        self._reader = FrameReader(Role.SERVER, self._on_data, self._on_control)
        connection.makeConnection(transport)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Bytes of frames."""
        if self._reader.closed:
            return
        try:
            self._reader.feed(data)
        except RemoteProtocolError as error:
            self._door.broken(self._transport.getPeer(), error)
            self._transport.code = error.status
            self._end()

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """It is gone."""
        self._reader.closed = True
        self._transport.lost()
        self._connection.connectionLost(reason)
        self._door.lost()

    def _on_data(self, data: bytes) -> None:
        if not self._transport.closing:
            self._connection.dataReceived(data)

    def _on_control(self, opcode: Opcode, payload: bytes) -> None:
        if opcode is Opcode.CLOSE:
            self._end()
        elif opcode is Opcode.PING and self._connection.writer.clear:
            # Who does not read what he is sent gets no answers to count on top of it.
            self._connection.writer.write(encode(Opcode.PONG, payload), bare=True)

    def _end(self) -> None:
        """Nothing more is read; what is being written is written to its end."""
        self._reader.closed = True
        self._connection.writer.lose()
