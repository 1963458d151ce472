"""Cameras over `rtsps://`: TLS from our side, and whether a camera is who it was.

A camera's certificate is one that it made itself, so by default it is trusted when it is first seen and must stay the
same (`Trust`); where `tls_ca` names authorities, they vouch for it and for the host's name. Nothing is said to a camera
before that is settled: `TlsEndpoint` has no connection to give until then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import SSL, crypto
from service_identity import CertificateError as WrongHostError
from service_identity import VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address
from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from bridge.base.errors import BridgeError
from bridge.base.time import Clock, UtcNs
from bridge.wire.rtsp.url import RtspUrl

CIPHERS = b"DEFAULT:@SECLEVEL=0"
"""Cameras of ten years ago have keys of 1024 bits and sign with SHA-1. It is their word that the video is theirs; what
we hold them to is that it stays the same."""

_WHY = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is signed by itself",
    19: "its authority is not one of tls_ca",
    20: "its authority is not one of tls_ca",
    21: "its authority is not one of tls_ca",
}
"""Results of X.509 verification (openssl-verification-options(1)) that people meet."""


class Trust(Protocol):
    """Who remembers certificates (`bridge.system.camera_trust`)."""

    def judge(self, camera: str, address: str, sha256: str, now: UtcNs) -> str:
        """ "" when it is trusted, as the first one is; else the digest of the one that is."""


class CertificateRefusedError(BridgeError):
    """The camera shows a certificate that it is not trusted with; the text says what of it."""


@dataclass(frozen=True, slots=True)
class CameraTls:
    """What a camera's certificate is held against.

    authorities: when there are any, they alone count
    """

    camera_id: str
    trust: Trust
    clock: Clock
    authorities: tuple[x509.Certificate, ...] = field(default=(), repr=False)

    def check(self, certificate: x509.Certificate, host: str, address: str) -> None:
        """After the handshake, which proved that the peer has its key. Raises CertificateRefusedError."""
        if self.authorities:
            _check_host(certificate, host)
            return
        shown = certificate.fingerprint(SHA256()).hex()
        trusted = self.trust.judge(self.camera_id, address, shown, self.clock.utc_ns())
        if trusted:
            raise CertificateRefusedError(
                f"{address} shows SHA-256 {shown}, and is trusted with {trusted}: when its change is known to you,"
                f" `onb cameras trust {self.camera_id}`"
            )


@implementer(IStreamClientEndpoint)
class TlsEndpoint:
    """Connects to one camera; the protocol is made when the handshake is through and the certificate is good."""

    def __init__(
        self,
        reactor: Any,  # see driver.Errand
        url: RtspUrl,
        tls: CameraTls,
        timeout_s: int,
        lower: IStreamClientEndpoint | None = None,
    ) -> None:
        """lower: how TCP comes about; usually made here."""
        self._reactor, self._url, self._tls, self._timeout_s = reactor, url, tls, timeout_s
        self._lower = lower or HostnameEndpoint(reactor, url.host, url.port, timeout=timeout_s)

    def connect(self, protocol_factory: IProtocolFactory) -> "Deferred[IProtocol]":
        """Fails as TCP does, or with CertificateRefusedError, SSL.Error, TimeoutError."""
        creator = _Creator(self._url.host, self._tls.authorities)
        greeting = _Greeting(self._reactor, self._url, self._tls, creator, protocol_factory, self._timeout_s)
        greeting.begin(self._lower.connect(_TlsFactory(creator, True, _Once(greeting), clock=self._reactor)))
        return greeting.done


class _Once(Factory):
    """Gives out one protocol: of two addresses that answer at the same time the second is hung up on."""

    noisy = False

    def __init__(self, protocol: TwistedProtocol) -> None:
        self._protocol: TwistedProtocol | None = protocol

    def buildProtocol(self, addr: IAddress | None) -> TwistedProtocol | None:  # noqa: N802 - Twisted's name
        protocol, self._protocol = self._protocol, None
        return protocol


class _TlsFactory(TLSMemoryBIOFactory):
    """Twisted's does not expect to be given none."""

    protocol = TLSMemoryBIOProtocol

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802 - Twisted's name
        protocol = self.wrappedFactory.buildProtocol(addr)
        return None if protocol is None else self.protocol(self, protocol)


@implementer(IOpenSSLClientConnectionCreator)
class _Creator:
    """OpenSSL's side of one connection. why: of a chain that was refused."""

    def __init__(self, host: str, authorities: Sequence[x509.Certificate]) -> None:
        self.why = ""
        self._host = host
        self._context = context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        if authorities:
            store = context.get_cert_store()
            for authority in authorities:
                if store is not None:
                    store.add_cert(crypto.X509.from_cryptography(authority))
            context.set_verify(SSL.VERIFY_PEER, self._on_verified)
        else:
            context.set_cipher_list(CIPHERS)
            context.set_verify(SSL.VERIFY_NONE)

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:  # noqa: N802 - Twisted's name
        """For the one connection."""
        connection = SSL.Connection(self._context, None)
        connection.set_connect_state()
        if not _is_address(self._host):
            connection.set_tlsext_host_name(self._host.encode("idna"))
        return connection

    def _on_verified(
        self, connection: SSL.Connection, certificate: crypto.X509, code: int, depth: int, ok: int
    ) -> bool:
        if not ok and not self.why:
            self.why = _WHY.get(code, f"the verification failed with code {code}")
        return bool(ok)


@implementer(IHandshakeListener)
class _Greeting(TwistedProtocol):
    """Stands where the real protocol is to stand until the peer is known."""

    transport: Any  # TLSMemoryBIOProtocol

    def __init__(
        self,
        reactor: Any,  # see TlsEndpoint
        url: RtspUrl,
        tls: CameraTls,
        creator: _Creator,
        factory: IProtocolFactory,
        timeout_s: int,
    ) -> None:
        self._url, self._tls, self._creator, self._factory = url, tls, creator, factory
        self._connecting: Deferred[IProtocol] | None = None
        self._deadline: IDelayedCall | None = reactor.callLater(timeout_s, self._too_slow)
        self._why: Exception | None = None
        self.done: Deferred[IProtocol] = Deferred(self._cancel)

    def begin(self, connecting: "Deferred[IProtocol]") -> None:
        """TCP is on its way."""
        self._connecting = connecting
        connecting.addCallbacks(self._on_tcp, self._fail)

    def handshakeCompleted(self) -> None:  # noqa: N802 - Twisted's name
        """The peer has the key of its certificate."""
        self._forget_deadline()
        shown = self.transport.getHandle().get_peer_certificate(as_cryptography=True)
        address = f"{self._url.host}:{self._url.port}"
        try:
            if shown is None:
                raise CertificateRefusedError(f"{address} shows none")
            self._tls.check(shown, self._url.host, address)
        except CertificateRefusedError as refused:
            self._why = refused
            self.transport.abortConnection()
            return
        protocol = self._factory.buildProtocol(self.transport.getPeer())
        if protocol is None:
            self.transport.abortConnection()
            return
        # From here on the TLS layer hands everything to it directly.
        self.transport.wrappedProtocol = protocol
        protocol.makeConnection(self.transport)
        self.done.callback(protocol)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        """Before it came to anything."""
        if self._why is None and self._creator.why:
            self._why = CertificateRefusedError(f"{self._url.host}:{self._url.port}: {self._creator.why}")
        self._fail(reason if self._why is None else Failure(self._why))

    def _on_tcp(self, _protocol: IProtocol) -> None:
        self._connecting = None

    def _too_slow(self) -> None:
        self._deadline = None
        self._why = error.TimeoutError()
        self._hang_up()

    def _cancel(self, _done: "Deferred[IProtocol]") -> None:
        self._hang_up()

    def _hang_up(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        elif self.transport is not None:
            self.transport.abortConnection()

    def _fail(self, failure: Failure) -> None:
        self._connecting = None
        self._forget_deadline()
        if not self.done.called:
            self.done.errback(failure if self._why is None else Failure(self._why))

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _check_host(certificate: x509.Certificate, host: str) -> None:
    """RFC 6125. Raises CertificateRefusedError."""
    try:
        if _is_address(host):
            verify_certificate_ip_address(certificate, host.partition("%")[0])
        else:
            verify_certificate_hostname(certificate, host)
    except (VerificationError, WrongHostError):
        raise CertificateRefusedError(f"it is not issued for {host}") from None
