"""Other doors behind an HTTP port: who takes a connection over once the head of a request on it is read.

RTSP through HTTP and over WebSocket share the web service's port (ONVIF Streaming Specification 5.1.1.4 and 7), live
video for browsers that of the page. What they do with a connection is not known here; `app` brings the two together.
"""

from typing import Any, Protocol

from twisted.python.failure import Failure

from bridge.base.errors import BridgeError, RemoteProtocolError
from bridge.net.http import Head, Reply, refuse


class RefusedError(BridgeError):
    """A door does not want a connection after all. reply: what is answered on it."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"refused with {reply.status}")
        self.reply = reply


class Takeover(Protocol):
    """Who has taken a connection over: told what comes on it from behind that head on, and when it is gone."""

    def dataReceived(self, data: bytes) -> None:
        """Bytes came."""

    def connectionLost(self, reason: Failure) -> None:
        """The connection is gone."""


class OtherDoor(Protocol):
    """One of them."""

    def wants(self, head: Head) -> bool:
        """Whether a request is for it."""

    def take(self, head: Head, transport: Any) -> Takeover:  # Any: ITCPTransport, or TLS around one
        """Takes the connection; nothing else is written to it or read from it any more.

        Raises RefusedError, or RemoteProtocolError with the HTTP status of a refusal: then the connection stays where
        it was.
        """


def refusal(error: RemoteProtocolError) -> Reply:
    """The HTTP response to a request that another door did not want after all."""
    # RFC 6455 4.4: which version of WebSocket would have been understood.
    headers = (("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")) if error.status == 426 else ()
    return refuse(error.status or 400, str(error), *headers)
