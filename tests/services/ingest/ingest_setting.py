"""The stage for the Twisted shells: a reactor in memory, a camera in memory, a hub that writes everything down."""

import random
from types import SimpleNamespace

import structlog
from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from bridge.base.time import NS_PER_S
from bridge.dialogue.rtsp_client_events import Lower
from bridge.services.ingest.driver import Errand
from bridge.services.ingest.native import NativeDriver
from bridge.services.ingest.reception import IngestStatistics
from bridge.wire.rtsp.url import RtspUrl
from tests.fake_camera import URL, FakeCamera


class ReactorClock:
    """The reactor's time as the core reads it."""

    def __init__(self, reactor):
        self._reactor = reactor

    def monotonic_ns(self):
        return int(self._reactor.seconds() * NS_PER_S)

    def utc_ns(self):
        return self.monotonic_ns()


class RecordingHub:
    """Everything that the hub is told, in order."""

    def __init__(self):
        self.runs = []
        self.ended = 0
        self.units = []
        self.reports = []

    def begin_run(self, tracks):
        self.runs.append(tuple(tracks))
        return self

    def push(self, track, media_time, parts, key, damaged, arrived_ns):
        self.units.append(SimpleNamespace(track=track, media_time=media_time, parts=parts, key=key, damaged=damaged))

    def report(self, track, ntp_utc_ns, media_time, arrived_ns):
        self.reports.append((track, ntp_utc_ns, media_time))

    def end(self):
        self.ended += 1


class Owner:
    """A `DriverOwner` that writes down."""

    def __init__(self):
        self.told = []

    def on_up(self):
        self.told.append("up")

    def on_down(self, reason, text):
        self.told.append(text)


class Wire(StringTransport):
    """A TCP connection in memory; closing is seen by the protocol at once."""

    def __init__(self):
        super().__init__(
            hostAddress=IPv4Address("TCP", "127.0.0.1", 40000), peerAddress=IPv4Address("TCP", "127.0.0.1", 554)
        )
        self.protocol = None
        self.deaf = False

    def loseConnection(self):
        super().loseConnection()
        if not self.deaf:
            self.abortConnection()

    def abortConnection(self):
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            protocol.connectionLost(Failure(ConnectionDone()))


class Stage:
    """A reactor, and cameras that answer its connections one after the other; the last one answers the rest."""

    def __init__(self, *cameras, transport=Lower.TCP, url=URL, hub=None, talk=None):
        self.reactor = MemoryReactorClock()
        self.clock = ReactorClock(self.reactor)
        self.hub = RecordingHub() if hub is None else hub(self.clock)
        self.statistics = IngestStatistics()
        self.cameras = list(cameras) or [FakeCamera()]
        self.random = random.Random(1)
        self.owner = Owner()
        self.wire = None
        self.camera = None
        self.errand = Errand(
            RtspUrl.parse(url),
            transport,
            self.hub,
            self.reactor,
            self.clock,
            self.random,
            self.statistics,
            structlog.get_logger(),
            talk=talk,
        )
        self._connected = 0

    def driver(self, errand=None, owner=None):
        return NativeDriver(errand or self.errand, owner or self.owner, endpoint=self.endpoint)

    @staticmethod
    def endpoint(reactor, url):
        return TCP4ClientEndpoint(reactor, url.host, url.port)

    def answer(self):
        """Connections come about and everything said is answered, until it is quiet."""
        while True:
            if len(self.reactor.tcpClients) > self._connected:
                factory = self.reactor.tcpClients[self._connected][2]
                self._connected += 1
                self.camera = self.cameras.pop(0) if len(self.cameras) > 1 else self.cameras[0]
                self.wire = Wire()
                self.wire.protocol = factory.buildProtocol(self.wire.getPeer())
                self.wire.protocol.makeConnection(self.wire)
            if self.wire is None or not self.wire.value():
                return
            said = self.wire.value()
            self.wire.clear()
            self.say(self.camera.receive(said))

    def say(self, data):
        if data and self.wire.protocol is not None:
            self.wire.protocol.dataReceived(data)

    def wait(self, seconds, step=0.25):
        for _ in range(int(seconds / step)):
            self.reactor.advance(step)
            self.answer()
