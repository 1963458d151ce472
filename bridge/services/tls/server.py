"""TLS in front of any door: wraps the factory that serves it in clear, which notices nothing but a slower transport.

The certificate may be changed at any time: connections that stand keep theirs. TLS 1.2 and later (RFC 9325), forward
secret and authenticated ciphers alone. A handshake that takes too long is cut; until then it counts among the door's
connections, in whose limits it stands like any that says nothing.
"""

import contextlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    ISSLTransport,
    ISystemHandle,
)
from twisted.internet.protocol import connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import classImplements, implementer

from bridge.base.errors import LocalProtocolError
from bridge.system.certificate_files import PrivateKey

CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; those of 1.3 are all sound. Recorders of 2014 know the first of them (RFC 5289)."""

HANDSHAKE_S = 10.0
FAREWELL_S = 10.0

_RECORD_BYTES = 1 << 14
_OVERHEAD_BYTES = 256
"""More than a record is longer than what is in it (RFC 8446 5.2)."""

#: SSL_MODE_RELEASE_BUFFERS: 34 kB less for each connection that is idle.
_RELEASE_BUFFERS = 0x10


@dataclass(slots=True)
class TlsStatistics:
    """Of all doors together. failed: by what the peer said or did; timed_out: by what it did not."""

    handshakes: int = 0
    failed: int = 0
    timed_out: int = 0


@implementer(IOpenSSLServerConnectionCreator)
class ServerTls:
    """See the module. `take` comes before the first connection."""

    def __init__(self, reactor: Any, *, handshake_s: float = HANDSHAKE_S) -> None:
        """reactor: Any, as test reactors provide parts of IReactorTime only."""
        self.reactor = reactor
        self.handshake_s = handshake_s
        self.counts = TlsStatistics()
        self._context: SSL.Context | None = None

    def take(self, chain: Sequence[x509.Certificate], key: PrivateKey) -> None:
        """Shown to every connection that begins from now on."""
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_cipher_list(CIPHERS)
        # Renegotiation is a client's way to make us sign for nothing; a cache of sessions is memory for nothing.
        context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_mode(_RELEASE_BUFFERS)
        context.use_certificate(chain[0])
        for above in chain[1:]:
            context.add_extra_chain_cert(above)
        context.use_privatekey(key)
        context.check_privatekey()
        self._context = context

    def behind(self, factory: IProtocolFactory) -> "TlsFactory":
        """`factory` with TLS in front."""
        return TlsFactory(self, factory)

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:  # noqa: N802 - Twisted's name
        """For one connection."""
        if self._context is None:
            raise LocalProtocolError("a TLS door was opened before it had a certificate")
        return SSL.Connection(self._context, None)


class TlsConnection(TLSMemoryBIOProtocol):
    """One connection: Twisted's, with an end to the handshake and to the farewell."""

    factory: "TlsFactory"
    transport: Any  # ITCPTransport; there before anything else is called
    shaken = False
    secure = True
    _deadline: IDelayedCall | None = None
    _socket: socket.socket | None = None

    def makeConnection(self, transport: Any) -> None:  # noqa: N802 - Twisted's name
        """TCP stands; the handshake begins."""
        tls = self.factory.tls
        transport.setTcpNoDelay(True)
        handle = transport.getHandle() if ISystemHandle.providedBy(transport) else None
        self._socket = handle if isinstance(handle, socket.socket) else None
        self._deadline = tls.reactor.callLater(tls.handshake_s, self._too_slow)
        super().makeConnection(transport)

    @property
    def queued_bytes(self) -> int:
        """Records that the kernel has not taken yet."""
        raw = self.transport
        return 0 if self._socket is None else len(raw.dataBuffer) - raw.offset + raw._tempDataLen  # noqa: SLF001 - see write

    def handshake_done(self) -> None:
        """The peer is who he is, and can read what we write."""
        self.shaken = True
        self.factory.tls.counts.handshakes += 1
        self._forget_deadline()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Records of the peer."""
        super().dataReceived(data)
        if not self.shaken and self._handshakeDone:
            self.handshake_done()

    def loseConnection(self) -> None:  # noqa: N802 - Twisted's name
        """Says goodbye, and closes when that has gone out: the peer's own goodbye is not waited for (RFC 8446 6.1)."""
        super().loseConnection()
        self._close_after_goodbye()

    def unregisterProducer(self) -> None:  # noqa: N802 - Twisted's name
        """Who lost the connection while he still wrote has written all."""
        super().unregisterProducer()
        self._close_after_goodbye()

    def loseWriteConnection(self) -> None:  # noqa: N802 - Twisted's name
        """Says goodbye, and goes on reading: to close with unread bytes would take what was written along.

        Who asks for it closes the connection in the end.
        """
        super().loseConnection()
        super().unregisterProducer()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        """TCP is gone."""
        self._socket = None
        if self._deadline is not None and not self._handshakeDone:
            self.factory.tls.counts.failed += 1
        self._forget_deadline()
        super().connectionLost(reason)

    def write(self, data: bytes) -> None:
        """As Twisted's, but all records of `data` go to the kernel in one call, and what it does not take waits.

        Twisted hands each record to the transport, which waits until the reactor says that the socket is writable:
        every picture to every viewer would be a turn of the reactor.
        """
        handle = self._tlsConnection
        if self._socket is None or not self._handshakeDone or self._appSendBuffer or self.disconnecting:
            super().write(data)
            return
        view, at = memoryview(data), 0
        try:
            while at < len(view):
                at += handle.send(view[at : at + _RECORD_BYTES])
        except SSL.Error:
            pass  # the rest goes Twisted's way, which knows what follows from each kind
        if at:
            self._hand_over(handle.bio_read(at + _OVERHEAD_BYTES * (1 + at // _RECORD_BYTES)))
        if at < len(data):
            super().write(data[at:])

    def _hand_over(self, records: bytes) -> None:
        """Directly only while nothing waits in the transport: records that overtake others break the connection."""
        raw = self.transport
        if self._socket is not None and not (raw._tempDataBuffer or raw.dataBuffer):  # noqa: SLF001 - nothing else says
            with contextlib.suppress(OSError):  # full; or gone, as the transport will find out
                records = records[self._socket.send(records) :]
        if records:
            raw.write(records)

    def _close_after_goodbye(self) -> None:
        handle: Any = self._tlsConnection  # None when TCP is gone
        if self.disconnecting and handle is not None and handle.get_shutdown() & SSL.SENT_SHUTDOWN:
            self.transport.loseConnection()
            if self._deadline is None and self.queued_bytes:
                self._watch_farewell(self.queued_bytes)

    def _watch_farewell(self, queued_bytes: int) -> None:
        """Who does not read what was written to him before the goodbye is not waited for."""

        def look() -> None:
            self._deadline = None
            if self.queued_bytes and self.queued_bytes == queued_bytes:
                self.abortConnection()
            else:
                self._watch_farewell(self.queued_bytes)

        self._deadline = self.factory.tls.reactor.callLater(FAREWELL_S, look)

    def _too_slow(self) -> None:
        self._deadline = None
        self.factory.tls.counts.timed_out += 1
        self.abortConnection()

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


# How twisted.web knows that a request is secure; the methods are those of the transport behind.
classImplements(TlsConnection, ISSLTransport)


class TlsFactory(TLSMemoryBIOFactory):
    """Makes a `TlsConnection` in front of each of the wrapped factory's."""

    protocol = TlsConnection
    noisy = False

    def __init__(self, tls: ServerTls, factory: IProtocolFactory) -> None:
        super().__init__(tls, False, factory, clock=tls.reactor)
        self.tls = tls

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802 - Twisted's name
        """None where the door has too many."""
        served = self.wrappedFactory.buildProtocol(addr)
        return None if served is None else self.protocol(self, served)
