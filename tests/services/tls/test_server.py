"""The wrapper in memory: a client of Python's own `ssl` on one side, an echo on the other."""

import socket
import ssl

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ISSLTransport, ISystemHandle
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock as TwistedClock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from bridge.base.errors import LocalProtocolError
from bridge.services.tls.server import FAREWELL_S, HANDSHAKE_S, ServerTls
from tests.system.tls_files import ec_key, rsa_key, server_certificate


class Transport(StringTransport):
    """A connection whose closing can be seen."""

    aborted = False

    def setTcpNoDelay(self, enabled):
        assert enabled

    def abortConnection(self):
        self.aborted = True


class Echo(Protocol):
    """Says what it hears; on `bye` it hangs up, on `half` it closes its side."""

    lost = None

    def dataReceived(self, data):
        if data == b"bye":
            self.transport.loseConnection()
        elif data == b"half":
            self.transport.write(b"last words")
            self.transport.loseWriteConnection()
        else:
            self.transport.write(data)

    def connectionLost(self, reason):
        self.lost = reason


class Peer:
    """One connection, both ends."""

    def __init__(self, tls, factory, version=None):
        self.transport = Transport()
        self.server = tls.behind(factory).buildProtocol(None)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if version:
            context.minimum_version = context.maximum_version = version
            context.set_ciphers("ALL:@SECLEVEL=0")
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = context.wrap_bio(self.into, self.out)
        self.server.makeConnection(self.transport)
        self.echo = self.server.wrappedProtocol

    def carry(self):
        if data := self.out.read():
            self.server.dataReceived(data)
        self.into.write(self.transport.value())
        self.transport.clear()

    def shake_hands(self):
        for _ in range(4):
            try:
                self.client.do_handshake()
            except ssl.SSLWantReadError:
                self.carry()
        self.carry()
        return self

    def say(self, data):
        self.client.write(data)
        self.carry()
        return self.client.read(1000)

    def certificate(self):
        return self.client.getpeercert(binary_form=True)

    def lose(self):
        self.server.connectionLost(Failure(ConnectionDone()))


@pytest.fixture
def reactor():
    return TwistedClock()


@pytest.fixture
def tls(reactor):
    made = ServerTls(reactor)
    made.take((server_certificate(),), rsa_key())
    return made


@pytest.fixture
def factory():
    return Factory.forProtocol(Echo)


def test_what_is_said_inside_is_heard(tls, factory, reactor):
    peer = Peer(tls, factory).shake_hands()
    assert ISSLTransport.providedBy(peer.echo.transport)
    assert peer.say(b"hello") == b"hello"
    assert peer.say(bytes(900)) == bytes(900)
    assert (tls.counts.handshakes, tls.counts.failed, tls.counts.timed_out) == (1, 0, 0)
    peer.lose()
    assert reactor.getDelayedCalls() == []
    assert tls.counts.failed == 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_and_ciphers(tls, factory, version):
    peer = Peer(tls, factory, version).shake_hands()
    assert peer.client.version() == version.name.replace("_", ".")
    name = peer.client.cipher()[0]
    assert "GCM" in name or "CHACHA20" in name


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_older_versions_are_refused(tls, factory):
    with pytest.raises(ssl.SSLError):
        Peer(tls, factory, ssl.TLSVersion.TLSv1_1).shake_hands()


def test_a_new_certificate_is_for_new_connections(tls, factory):
    before = Peer(tls, factory).shake_hands()
    tls.take((server_certificate(ec_key()), server_certificate()), ec_key())
    after = Peer(tls, factory).shake_hands()
    assert before.certificate() != after.certificate()
    assert (before.say(b"still here"), after.say(b"here")) == (b"still here", b"here")


def test_goodbye_is_said_and_not_waited_for(tls, factory):
    peer = Peer(tls, factory).shake_hands()
    assert peer.say(b"bye") == b"", "the end, not cut off"
    assert peer.transport.disconnecting


def test_half_of_a_goodbye(tls, factory):
    peer = Peer(tls, factory).shake_hands()
    peer.echo.transport.registerProducer(FakeProducer(), True)
    assert peer.say(b"half") == b"last words"
    assert not peer.transport.disconnecting
    assert peer.say(b"more") == b"", "the end was told"
    peer.echo.transport.loseConnection()
    assert peer.transport.disconnecting


def test_a_writer_that_is_paused_may_hang_up(tls, factory):
    peer = Peer(tls, factory).shake_hands()
    peer.echo.transport.registerProducer(FakeProducer(), True)
    peer.echo.transport.loseConnection()
    assert not peer.transport.disconnecting
    peer.echo.transport.unregisterProducer()
    assert peer.transport.disconnecting


class FakeProducer:
    def stopProducing(self):
        pass


def test_who_says_nothing_is_cut(tls, factory, reactor):
    peer = Peer(tls, factory)
    reactor.advance(HANDSHAKE_S - 0.1)
    assert not peer.transport.aborted
    reactor.advance(0.1)
    assert peer.transport.aborted
    peer.lose()
    assert (tls.counts.timed_out, tls.counts.failed) == (1, 0)
    assert peer.echo.lost is not None


def test_who_stops_in_the_middle_is_cut(tls, factory, reactor):
    peer = Peer(tls, factory)
    with pytest.raises(ssl.SSLWantReadError):
        peer.client.do_handshake()
    peer.server.dataReceived(peer.out.read()[:60])
    reactor.advance(HANDSHAKE_S)
    assert peer.transport.aborted


@pytest.mark.parametrize("said", [b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", bytes(1000)])
def test_who_speaks_in_clear_is_cut_at_once(tls, factory, said):
    peer = Peer(tls, factory)
    peer.server.dataReceived(said)
    assert peer.transport.disconnecting
    peer.lose()
    assert tls.counts.failed == 1
    assert peer.echo.lost is not None


@implementer(ISystemHandle)
class SocketTransport(Transport):
    """With a socket, as Twisted's have it; what is written through the transport waits."""

    def __init__(self, handle):
        super().__init__()
        self._handle = handle
        self.dataBuffer, self.offset, self._tempDataLen = b"", 0, 0
        self._tempDataBuffer = []

    def getHandle(self):
        return self._handle

    def write(self, data):
        if self._handle is not None:
            self._tempDataBuffer.append(data)
            self._tempDataLen += len(data)


def test_records_go_to_the_kernel_at_once_and_in_order(tls, factory):
    """Pictures to a peer that does not read: the socket takes some, the transport the rest, and nothing is mixed up."""
    peer = Peer(tls, factory).shake_hands()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        peer.server._socket, peer.server.transport = ours, SocketTransport(ours)
        said = [bytes([number]) * 70_000 for number in range(20)]
        peer.echo.transport.write(said[0])
        assert peer.server.transport._tempDataBuffer == []
        for picture in said[1:]:
            peer.echo.transport.write(picture)
        theirs.setblocking(False)
        waiting = peer.server.transport._tempDataBuffer
        assert waiting
        heard = b"".join(iter(lambda: read_now(theirs), b""))
        peer.into.write(heard + b"".join(waiting))
        assert b"".join(iter(lambda: read_now(peer.client), b"")) == b"".join(said)
        peer.lose()
        peer.server.write(b"nobody hears it")


@pytest.mark.parametrize("reads", [False, True])
def test_a_farewell_to_who_does_not_read(tls, factory, reactor, reads):
    peer = Peer(tls, factory).shake_hands()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        transport = SocketTransport(ours)
        peer.server._socket, peer.server.transport = ours, transport
        peer.echo.transport.write(bytes(5_000_000))
        assert peer.server.queued_bytes == transport._tempDataLen > 0
        peer.echo.transport.loseConnection()
        for _ in range(3):
            transport._tempDataLen -= reads
            reactor.advance(FAREWELL_S)
        assert transport.aborted is not reads
        peer.lose()
        assert reactor.getDelayedCalls() == []
        assert tls.counts.failed == 0


def read_now(connection):
    try:
        return connection.recv(1 << 20) if isinstance(connection, socket.socket) else connection.read(1 << 20)
    except (BlockingIOError, ssl.SSLWantReadError):
        return b""


def test_a_door_that_is_full(tls, factory):
    factory.buildProtocol = lambda address: None
    assert tls.behind(factory).buildProtocol(None) is None


def test_a_certificate_comes_first(reactor, factory):
    with pytest.raises(LocalProtocolError, match="before it had a certificate"):
        Peer(ServerTls(reactor), factory)
