"""Cameras behind TLS in memory: our own server's wrapper stands in for theirs."""

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from bridge.services.ingest.native import CONNECT_TIMEOUT_S
from bridge.services.ingest.tls import CameraTls
from bridge.services.tls.server import ServerTls
from tests.fake_camera import FakeCamera, frame, picture
from tests.services.ingest.ingest_setting import Stage, Wire
from tests.system.tls_files import ec_key, rsa_key, server_certificate

URL = "rtsps://admin:secret@gate.example/live"


class Trust:
    """Remembers in memory."""

    def __init__(self):
        self.known = {}

    def judge(self, camera, address, sha256, now):
        trusted = self.known.setdefault((camera, address), sha256)
        return "" if trusted == sha256 else trusted


class CameraSide(Protocol):
    """The camera's half inside TLS: gives what it hears to a FakeCamera."""

    def __init__(self, camera):
        self.camera = camera

    def dataReceived(self, data):
        self.transport.write(self.camera.receive(data))


class LateWire(Wire):
    """Closing is seen a moment later, as Twisted's transports have it: TLS in between cannot stand it at once."""

    def __init__(self, reactor):
        super().__init__()
        self.reactor = reactor

    def setTcpNoDelay(self, on):
        pass

    def loseConnection(self):
        self.reactor.callLater(0, super().abortConnection)

    def abortConnection(self):
        self.reactor.callLater(0, super().abortConnection)


class TlsStage(Stage):
    """As Stage, with the camera behind TLS."""

    def __init__(self, *, trust=None, authorities=(), key=None, certificate=None, speaks_tls=True, url=URL, **kinds):
        super().__init__(FakeCamera(password="secret"), url=url, **kinds)
        self.trust = trust or Trust()
        tls = CameraTls("gate", self.trust, self.clock, authorities)
        self.errand = type(self.errand)(
            *(getattr(self.errand, name) for name in ("url", "transport", "hub", "reactor", "clock", "random")),
            self.statistics,
            self.errand.log,
            tls=tls,
        )
        self.server_tls = ServerTls(self.reactor)
        key = key or rsa_key()
        self.server_tls.take((certificate or server_certificate(key),), key)
        self.speaks_tls = speaks_tls
        self.seen = b""

    def run(self):
        self.driver().start()
        if self.reactor.tcpClients:
            self.connect()
        for _ in range(3):
            self.reactor.advance(0)
        return self

    def connect(self):
        self.wire = LateWire(self.reactor)
        self.wire.protocol = self.reactor.tcpClients[-1][2].buildProtocol(self.wire.getPeer())
        self.theirs = StringTransport()
        self.theirs.setTcpNoDelay = lambda on: None
        camera = CameraSide(self.cameras[0])
        factory = Factory()
        factory.buildProtocol = lambda address: camera
        self.inside = camera
        self.server = self.server_tls.behind(factory).buildProtocol(None) if self.speaks_tls else camera
        self.server.makeConnection(self.theirs)
        self.wire.protocol.makeConnection(self.wire)
        self.carry()

    def carry(self):
        for _ in range(30):
            said, heard = self.wire.value(), self.theirs.value()
            self.wire.clear()
            self.theirs.clear()
            if not said and not heard:
                return
            self.seen += said
            if said:
                self.server.dataReceived(said)
            if heard and self.wire.protocol is not None:
                self.wire.protocol.dataReceived(heard)

    def film(self):
        for number in range(3):
            self.inside.transport.write(frame(0, picture(number, 3600 * number)))
        self.carry()


def test_a_camera_over_tls_comes_up():
    stage = TlsStage().run()
    assert stage.cameras[0].methods == ["OPTIONS", "DESCRIBE", "DESCRIBE", "SETUP", "SETUP", "PLAY"]
    stage.film()
    assert stage.owner.told == ["up"]
    assert len(stage.hub.units) == 3
    assert b"RTSP" not in stage.seen, "nothing was said in clear"
    assert stage.reactor.tcpClients[-1][1] == 322


def test_the_same_certificate_is_good_and_another_one_is_not():
    first = TlsStage().run()
    TlsStage(trust=first.trust).run().film()
    other = TlsStage(trust=first.trust, key=ec_key()).run()
    assert other.cameras[0].methods == [], "it was told nothing"
    (reason,) = other.owner.told
    (trusted,) = first.trust.known.values()
    assert reason.startswith("certificate: gate.example:322 shows SHA-256 ")
    assert f"is trusted with {trusted}" in reason
    assert "onb cameras trust gate" in reason
    assert "secret" not in reason


@pytest.mark.parametrize(
    ("url", "authority", "reason"),
    [
        (URL, server_certificate(), None),
        (URL, server_certificate(rsa_key(1)), "certificate: gate.example:322: it is signed by itself"),
        ("rtsps://other.example/", server_certificate(), "certificate: it is not issued for other.example"),
        ("rtsps://192.0.2.1/", server_certificate(), "certificate: it is not issued for 192.0.2.1"),
    ],
)
def test_authorities_vouch(url, authority, reason):
    stage = TlsStage(authorities=(authority,), url=url).run()
    assert stage.trust.known == {}
    if reason is None:
        stage.film()
        assert stage.owner.told == ["up"]
    else:
        assert stage.owner.told == [reason]
        assert stage.cameras[0].methods == []


def test_an_expired_certificate_is_told_where_an_authority_counts():
    expired = server_certificate(until=2021)
    stage = TlsStage(authorities=(expired,), certificate=expired).run()
    assert stage.owner.told == ["certificate: gate.example:322: it has expired"]
    stage = TlsStage(certificate=expired).run()
    stage.film()
    assert stage.owner.told == ["up"], "it is the same one all the same"


def test_a_camera_that_speaks_no_tls():
    stage = TlsStage(speaks_tls=False)
    stage.cameras[0].receive = lambda data: b"RTSP/1.0 400 Bad Request\r\n\r\n"
    stage.run()
    assert stage.owner.told == ["TLS: no TLS with gate.example:322: wrong version number"]


def test_a_camera_that_hangs_up_in_the_handshake():
    stage = TlsStage()
    stage.carry = lambda: None
    stage.run()
    stage.wire.abortConnection()
    stage.reactor.advance(0)
    assert stage.owner.told == ["TLS: no TLS with gate.example:322: it hung up"]


def test_a_camera_that_says_nothing():
    stage = TlsStage()
    stage.carry = lambda: None
    stage.run()
    stage.reactor.advance(CONNECT_TIMEOUT_S)
    stage.reactor.advance(0)
    assert stage.owner.told == [f"timeout: gate.example:322 did not answer in {CONNECT_TIMEOUT_S} s"]
    assert stage.reactor.getDelayedCalls() == []


def test_stopped_before_and_in_the_handshake():
    for connects in (False, True):
        stage = TlsStage()
        stage.carry = lambda: None
        driver = stage.driver()
        driver.start()
        if connects:
            stage.connect()
        driver.stop()
        stage.reactor.advance(0)
        assert stage.owner.told == []
        if connects:
            stage.server.connectionLost(Failure(ConnectionDone()))
        assert stage.reactor.getDelayedCalls() == []


def test_a_redirect_to_where_all_would_be_in_clear_is_refused():
    stage = TlsStage()
    stage.cameras[0].answers["DESCRIBE"] = [redirect]
    stage.run().reactor.advance(1)
    stage.reactor.advance(0)
    assert stage.owner.told == ["protocol: a redirect from rtsps to rtsp, where all is in clear"]


def redirect(request):
    from bridge.wire.rtsp.message import Headers, Response

    return Response(
        302, "Moved", Headers([("CSeq", request.headers.get("CSeq")), ("Location", "rtsp://gate.example/")])
    )


def test_udp_is_never_asked_for():
    stage = TlsStage()
    stage.cameras[0].answers["SETUP"] = [461]
    stage.run().reactor.advance(1)
    stage.reactor.advance(0)
    assert stage.cameras[0].methods.count("SETUP") == 1
    assert stage.owner.told[0].startswith("protocol: ")
