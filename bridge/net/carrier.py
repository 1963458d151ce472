"""What carries a conversation where it does not have a TCP connection to itself: a transport around another one.

A connection and its writer ask of a transport what is here; a carrier changes of it what it must. Connections that are
carried come from an HTTP door, with the head of the request that began them.
"""

from typing import Any

from bridge.media.routes import Frame


class Carrier:
    """Passes everything on to the transport below.

    frame: what is to be around each piece that is written; whoever writes puts it there, as media for many viewers are
           framed once
    """

    frame: Frame | None = None

    def __init__(self, below: Any) -> None:  # Any: ITCPTransport, or TLS around one
        self._below = below

    def getPeer(self) -> Any:
        """The client."""
        return self._below.getPeer()

    def getHost(self) -> Any:
        """Our end."""
        return self._below.getHost()

    def getHandle(self) -> Any:
        """A socket, if bytes may be sent to it as they are; anything else, if they must go through `write`."""
        return self._below.getHandle()

    @property
    def secure(self) -> bool:
        """Whether there is TLS below."""
        return bool(getattr(self._below, "secure", False))

    @property
    def queued_bytes(self) -> int:
        """What the transport below has not got rid of, where it says so."""
        return int(getattr(self._below, "queued_bytes", 0))

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Asked of sockets only."""
        self._below.setTcpNoDelay(enabled)

    def write(self, data: bytes) -> None:
        """Asked where there is no socket."""
        self._below.write(data)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Who is told when there is no more room to write, and when there is again."""
        self._below.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """Nobody any more."""
        self._below.unregisterProducer()

    def pauseProducing(self) -> None:
        """Requests are not to come for a while."""
        self._below.pauseProducing()

    def resumeProducing(self) -> None:
        """They may come again."""
        self._below.resumeProducing()

    def loseConnection(self) -> None:
        """Closes when all is written."""
        self._below.loseConnection()

    def abortConnection(self) -> None:
        """Closes at once."""
        self._below.abortConnection()
