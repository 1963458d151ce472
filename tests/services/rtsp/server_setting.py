"""The RTSP door in memory: cameras that deliver synthetic pictures, clients as transports that collect bytes."""

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock as TwistedClock
from twisted.internet.testing import StringTransport

from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_S, ManualClock
from bridge.dialogue.digest import DigestClient
from bridge.dialogue.rtp_talk import TalkRelay
from bridge.media.hub import Hub
from bridge.media.talk import TalkLine
from bridge.services.rtsp.server import Accounts, RtspLimits, RtspServer
from bridge.system.access import Action, Gatekeeper, Grant, Principal, Role
from bridge.system.catalogue import Camera, Catalogue, LiveStream
from bridge.system.lockout import Lockout
from bridge.system.multicast_groups import MulticastGroups
from bridge.wire.rtsp.message import CLIENT_LIMITS, Headers, Reader, Request

ROOT = "rtsp://gate.example:8554"
SPS = bytes.fromhex("6742c01ed9005005bb0110000003001000000303c0f162e480")
PPS = bytes.fromhex("68cb83cb20")
VIDEO = Track(Codec.H264, 90_000, parameter_sets=(SPS, PPS))
AUDIO = Track(Codec.PCMA, 8_000)
FRAME_TICKS = 3_600


def loudspeaker():
    """The line to a loudspeaker that plays PCMU, and what it was given."""
    line, said = TalkLine(), []
    line.offer(Track(Codec.PCMU, 8_000))
    relay = TalkRelay(line.track, payload_type=0, ssrc=5, sequence=0, rtp_time=0)
    line.open(relay, lambda packet: said.append(packet[12:]))
    return line, said


class FakePorts:
    """A pair of UDP ports that keeps what it is to send."""

    ports = (40000, 40001)

    def __init__(self):
        self.sent = []
        self.rtcp = []

    def send(self, runs, to):
        self.sent.append((list(runs), list(to)))

    def send_rtcp(self, data, to):
        self.rtcp.append((data, to))


class FakeUdp:
    """Stands for UdpSender."""

    def __init__(self):
        self.pair = FakePorts()
        self.closed = False
        self.lost_sends = 0

    def ports_for(self, local_host, peer_host):
        return self.pair if "." in peer_host else None

    def close(self):
        self.closed = True


class FakeWaysOut:
    """Stands for WaysOut: one pair for each address of ours."""

    def __init__(self):
        self.pairs = {}
        self.closed = False
        self.lost_sends = 0

    def ports_for(self, local_host):
        return self.pairs.setdefault(local_host, FakePorts()) if local_host != "198.51.100.1" else None

    def close(self):
        self.closed = True


class Feed:
    """A camera's connection: pushes a picture every 40 ms, a key frame every ten."""

    def __init__(self, door, hub, tracks=(VIDEO, AUDIO)):
        self.door = door
        self.run = hub.begin_run(tracks)
        self.count = 0

    def push(self, pictures=1):
        for _ in range(pictures):
            key = self.count % 10 == 0
            parts = (SPS, PPS, b"\x65" + bytes(3000)) if key else (b"\x41" + bytes(500),)
            now = self.door.clock.monotonic_ns()
            self.run.push(0, self.count * FRAME_TICKS, parts, key, damaged=False, arrived_ns=now)
            self.count += 1
            self.door.advance(0.04)


class Door:
    """The server and everything around it."""

    def __init__(self, anonymous=None, recorded=None, multicast=False, **limits):
        """recorded: (door) -> RecordedStreams."""
        self.clock = ManualClock(monotonic_ns=1_000 * NS_PER_S)
        self.reactor = TwistedClock()
        self.numbers = 0
        self.audits = []
        self.udp = FakeUdp()
        self.hubs = {name: Hub(name, self.clock) for name in ("door/main", "door/sub", "yard/main", "new/main")}
        self.catalogue = Catalogue()
        self.groups = MulticastGroups(self.catalogue, "239.192.0.0/16", 3) if multicast else None
        self.ways_out = FakeWaysOut()
        self.replace("door", "yard", "new")
        self.secrets = {"ann": "apple", "bob": "banana", "web": "w", "ops": "o", "guard": "g"}
        self.principals = {
            "ann": Principal.with_role("ann", Role.VIEWER),
            "bob": Principal("bob", Role.VIEWER, (Grant(("yard",), frozenset({Action.LIVE})),)),
            "web": Principal.with_role("web", Role.VIEWER, doors=["web"]),
            "ops": Principal.with_role("ops", Role.OPERATOR),
            "guard": Principal.with_role("guard", Role.OPERATOR),
        }
        self.lockout = Lockout(3, 10 * NS_PER_S)
        self.server = RtspServer(
            self.reactor,
            self.clock,
            self.catalogue,
            Gatekeeper(),
            Accounts(self.principals.get, self.secrets.get, self.lockout, anonymous),
            lambda *row: self.audits.append(row[:5]),
            self.random,
            limits=RtspLimits(**limits),
            udp=self.udp,
            recorded=recorded(self) if recorded else None,
            groups=self.groups,
            ways_out=self.ways_out if multicast else None,
        )

    def replace(self, *ids):
        old = {camera.id: camera for camera in self.catalogue.cameras()}
        self.catalogue.replace(old.get(each) or self.camera(each) for each in ids)

    def camera(self, camera_id):
        streams = [
            LiveStream(name.partition("/")[2], hub) for name, hub in self.hubs.items() if name.startswith(camera_id)
        ]
        return Camera(camera_id, camera_id.title(), tuple(streams))

    def random(self, count):
        self.numbers += 1
        return (self.numbers * 0x0101_0101).to_bytes(max(count, 8), "big")[-count:]

    def advance(self, seconds):
        self.clock.advance(int(seconds * NS_PER_S))
        self.reactor.advance(seconds)

    def tick(self, seconds=1):
        """The server's own second hand; `start` starts it, which needs sockets."""
        for _ in range(seconds):
            self.advance(1)
            self.server.tick()

    def connect(self, user="", host="192.0.2.50", port=50000, local="192.0.2.1"):
        protocol = self.server.buildProtocol(IPv4Address("TCP", host, port))
        return Client(self, protocol, user, host, port, local) if protocol else None


class FakeTransport(StringTransport):
    """A TCP transport without a socket."""

    def __init__(self, client, peer, local):
        super().__init__(hostAddress=IPv4Address("TCP", local, 8554), peerAddress=peer)
        self.client = client

    def getHandle(self):
        return None

    def loseConnection(self):
        super().loseConnection()
        self.client.cut()

    def abortConnection(self):
        super().abortConnection()
        self.client.cut()


class Client:
    """A viewer's end of a connection: replies, frames, and in `order` which came when."""

    def __init__(self, door, protocol, user, host, port, local="192.0.2.1"):
        self.door = door
        self.protocol = protocol
        self.digest = DigestClient(user, door.secrets.get(user, "wrong")) if user else None
        self.transport = FakeTransport(self, IPv4Address("TCP", host, port), local)
        self.replies = []
        self.frames = []
        self.order = []
        self.cseq = 0
        self.session = None
        self.gone = False
        self.reader = Reader(self.on_reply, self.on_frame, CLIENT_LIMITS)
        protocol.makeConnection(self.transport)

    def on_reply(self, reply):
        self.replies.append(reply)
        self.order.append(reply.status)

    def on_frame(self, channel, payload):
        self.frames.append((channel, bytes(payload)))
        self.order.append(f"${channel}")

    def read(self):
        data = self.transport.value()
        self.transport.clear()
        self.reader.feed(data)

    def feed(self, data):
        self.protocol.dataReceived(data)
        self.read()

    def cut(self):
        """The connection goes."""
        if not self.gone:
            self.gone = True
            self.read()
            self.protocol.connectionLost()

    def ask(self, method, path, *headers, body=b""):
        url = path if path == "*" else ROOT + path
        fields = list(headers)
        if self.session:
            fields.append(("Session", self.session))
        reply = self.exchange(method, url, fields, body, self.digest.header(method, url) if self.digest else None)
        if reply.status == 401 and self.digest:
            value = self.digest.authorize(reply.headers.all("WWW-Authenticate"), method, url, "cnonce12")
            if value:
                reply = self.exchange(method, url, fields, body, value)
        return reply

    def exchange(self, method, url, fields, body, authorization):
        self.cseq += 1
        headers = [("CSeq", str(self.cseq)), *fields]
        if authorization:
            headers.append(("Authorization", authorization))
        self.feed(Request(method, url, Headers(headers), body).encode())
        reply = self.replies[-1]
        assert reply.headers.get("CSeq") == str(self.cseq)
        return reply

    def setup(self, path, transport="RTP/AVP/TCP;unicast;interleaved=0-1"):
        reply = self.ask("SETUP", path, ("Transport", transport))
        if reply.status == 200:
            self.session = reply.headers.get("Session").partition(";")[0]
        return reply

    def play(self, camera="door", transport="RTP/AVP/TCP;unicast;interleaved=0-1"):
        assert self.setup(f"/live/{camera}/trackID=0", transport).status == 200
        return self.ask("PLAY", f"/live/{camera}")
