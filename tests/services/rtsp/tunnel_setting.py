"""Both doors in memory: the HTTP port hands connections over to the RTSP door."""

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from bridge.dialogue.digest import DigestClient
from bridge.dialogue.rtsp_tunnels import TunnelLimits
from bridge.services.rtsp.http_tunnel import TunnelDoor
from bridge.wire.rtsp.message import CLIENT_LIMITS, Headers, Reader, Request
from bridge.wire.rtsp.tunnel import encode
from tests.services.onvif.connection import Setting
from tests.services.rtsp.server_setting import ROOT, Door, Feed

TYPE = "application/x-rtsp-tunnelled"


class Wire(StringTransport):
    """A TCP connection without a socket: closing it is seen at once."""

    def __init__(self, host):
        super().__init__(hostAddress=IPv4Address("TCP", "192.0.2.9", 580), peerAddress=IPv4Address("TCP", host, 40000))
        self.channel = None
        self.gone = False

    def getHandle(self):
        return None

    def loseConnection(self):
        self.cut()

    def abortConnection(self):
        self.cut()

    def loseWriteConnection(self):
        """The client sees it and closes."""

    def cut(self):
        if not self.gone:
            self.gone = True
            self.channel.connectionLost(Failure(ConnectionDone()))


class Http:
    """One connection of a client to the HTTP port."""

    def __init__(self, doors, host="192.0.2.50"):
        self.wire = Wire(host)
        self.wire.channel = doors.http.server.factory.buildProtocol(self.wire.getPeer())
        self.wire.channel.makeConnection(self.wire)

    @property
    def gone(self):
        return self.wire.gone

    @property
    def said(self):
        return self.wire.value()

    @property
    def paused(self):
        return self.wire.producerState == "paused"

    def send(self, *data):
        for each in data:
            if not self.wire.gone:
                self.wire.channel.dataReceived(each)
        return self

    def cut(self):
        self.wire.cut()


class Doors:
    def __init__(self, limits=None, **rtsp_limits):
        self.door = Door(**rtsp_limits)
        self.http = Setting()
        self.tunnels = TunnelDoor(self.door.server, limits or TunnelLimits())
        self.http.server.add_door(self.tunnels)
        self.feed = Feed(self.door, self.door.hubs["door/main"])
        self.feed.push(3)

    @property
    def rtsp(self):
        return self.door.server

    def get(self, cookie="c00kie", host="192.0.2.50", version="1.1", path="/live/door"):
        return Http(self, host).send(get_head(cookie, version, path))

    def post(self, cookie="c00kie", host="192.0.2.50", length="Content-Length: 32767", path="/live/door", body=b""):
        return Http(self, host).send(post_head(cookie, length, path) + body)

    def counts(self):
        """What is to be 0 when everybody has gone."""
        numbers = self.rtsp.statistics
        http = self.http.server
        return (
            numbers.connections,
            numbers.sessions,
            numbers.viewers,
            self.tunnels.open,
            len(http._channels),
            len(self.http.reactor.getDelayedCalls()),
            len([call for call in self.door.reactor.getDelayedCalls() if "TunnelDoor" in repr(call)]),
        )


NOTHING = (0,) * 7


def get_head(cookie="c00kie", version="1.1", path="/live/door"):
    return (
        f"GET {path} HTTP/{version}\r\nHost: cams.example:580\r\nx-sessioncookie: {cookie}\r\n"
        f"Accept: {TYPE}\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\r\n"
    ).encode()


def post_head(cookie="c00kie", length="Content-Length: 32767", path="/live/door"):
    lines = [f"POST {path} HTTP/1.1", f"x-sessioncookie: {cookie}", f"Content-Type: {TYPE}"]
    return "\r\n".join([*lines, *([length] if length else []), "", ""]).encode()


class TunnelClient:
    """Speaks RTSP through a GET and a POST. `say` is how it sends: the default is one piece in base64."""

    def __init__(self, get, post, say=None):
        self.get, self.post = get, post
        self.say = say or (lambda data: self.post.send(encode(data)))
        self.replies, self.frames = [], []
        self.reader = Reader(self.replies.append, lambda channel, data: self.frames.append(channel), CLIENT_LIMITS)
        self.digest = DigestClient("ann", "apple")
        self.cseq, self.session, self.read_bytes = 0, "", 0

    def read(self):
        """Everything behind the head of the GET's answer."""
        head, _, body = self.get.said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 200 OK\r\n")
        new, self.read_bytes = body[self.read_bytes :], len(body)
        self.reader.feed(new)

    def ask(self, method, path, *headers):
        url = ROOT + path
        reply = self._ask(method, url, headers, self.digest.header(method, url))
        if reply.status == 401:
            challenges = reply.headers.all("WWW-Authenticate")
            reply = self._ask(method, url, headers, self.digest.authorize(challenges, method, url, "cnonce12"))
        return reply

    def _ask(self, method, url, headers, authorization):
        self.cseq += 1
        fields = [("CSeq", str(self.cseq)), *headers]
        fields += [("Authorization", authorization)] if authorization else []
        fields += [("Session", self.session)] if self.session else []
        self.say(Request(method, url, Headers(fields)).encode())
        self.read()
        reply = self.replies[-1]
        assert reply.headers.get("CSeq") == str(self.cseq)
        return reply

    def play(self):
        assert self.ask("DESCRIBE", "/live/door").status == 200
        setup = self.ask("SETUP", "/live/door/trackID=0", ("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1"))
        assert setup.status == 200
        self.session = setup.headers.get("Session").partition(";")[0]
        assert self.ask("PLAY", "/live/door").status == 200
        return self
