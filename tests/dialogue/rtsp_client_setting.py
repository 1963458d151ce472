"""A client and a camera joined in memory, for the tests of the client's conversation."""

from bridge.base.time import NS_PER_S
from bridge.dialogue.rtsp_client import RtspClient
from bridge.dialogue.rtsp_client_events import Failed, Fault, Lower, PortsWanted, Send, Tolerated
from bridge.wire.rtsp.message import CLIENT_LIMITS, Reader
from bridge.wire.rtsp.url import RtspUrl
from tests.fake_camera import URL, FakeCamera

S = NS_PER_S


class Talk:
    """A client and a camera joined in memory; every event that is not Send is kept."""

    def __init__(self, camera=None, url=URL, transport=Lower.TCP, **options):
        self.camera = camera or FakeCamera()
        self.client = RtspClient(RtspUrl.parse(url), transport=transport, random_bytes=bytes, **options)
        self.events = []
        self.now = 1000 * S
        self._wire = []
        self._feeding = False
        self._reader = Reader(self._message, lambda channel, data: None, CLIENT_LIMITS)

    def _message(self, message):
        self.perform(self.client.on_message(message, self.now))

    def perform(self, events):
        for event in events:
            if isinstance(event, Send):
                self._wire.append(self.camera.receive(event.data))
            else:
                self.events.append(event)
                if isinstance(event, PortsWanted):
                    ports = [(40000 + 2 * i, 40001 + 2 * i) for i in range(event.pairs)]
                    self.perform(self.client.give_ports(ports, self.now))
        while self._wire and not self._feeding:
            self._feeding = True
            self._reader.feed(self._wire.pop(0))
            self._feeding = False

    def start(self):
        self.perform(self.client.start(self.now))
        return self

    def wait(self, seconds):
        """Time passes; the client is called whenever it asked for it."""
        until = self.now + int(seconds * S)
        while (due := self.client.next_timeout()) is not None and due <= until:
            self.now = max(due, self.now)
            self.perform(self.client.on_timeout(self.now))
        self.now = until

    def play(self, seconds):
        """Time passes while pictures come."""
        for _ in range(seconds):
            self.wait(1)
            self.client.media_arrived(self.now)

    def event(self, kind):
        return next(event for event in self.events if isinstance(event, kind))

    @property
    def failed(self):
        return self.event(Failed)

    @property
    def tolerated(self) -> list[Fault]:
        return [event.fault for event in self.events if isinstance(event, Tolerated)]
