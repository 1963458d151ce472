"""The transport of a WebSocket (RFC 6455): frames around what is written, and the goodbye."""

from typing import Any

from bridge.net.carrier import Carrier
from bridge.wire.websocket import NORMAL, Opcode, encode_close, header

LINGER_S = 5
"""How long a connection that we close may take to be read to its end."""


def message(data: bytes) -> bytes:
    """A piece that is written, as one binary message."""
    return header(Opcode.BINARY, len(data)) + data


class WebSocketTransport(Carrier):
    """What a connection's writer takes for its transport. Each piece that is written is a message of its own."""

    frame = staticmethod(message)

    def __init__(self, below: Any, reactor: Any) -> None:  # Any: see Carrier; IReactorTime
        super().__init__(below)
        self._reactor = reactor
        self._linger: Any = None
        self.code = NORMAL
        """What our goodbye says."""

    @property
    def closing(self) -> bool:
        """Whether goodbye was said."""
        return self._linger is not None

    def loseConnection(self) -> None:
        """Says goodbye and closes: everything else is written by now."""
        if self._linger is None:
            self._below.write(encode_close(self.code))
            # What the client does not read would keep the connection for ever.
            self._linger = self._reactor.callLater(LINGER_S, self._below.abortConnection)
        self._below.loseConnection()

    def lost(self) -> None:
        """It is closed."""
        if self._linger is not None and self._linger.active():
            self._linger.cancel()
