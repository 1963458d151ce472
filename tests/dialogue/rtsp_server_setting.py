"""A server conversation in memory: bytes of requests in, replies and events out. Shared by the tests beside it."""

from dataclasses import dataclass, field, replace

from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_S, MonotonicNs
from bridge.dialogue.digest import DigestAuthenticator, DigestClient
from bridge.dialogue.rtp_talk import offered_loudspeaker
from bridge.dialogue.rtsp_login import Login
from bridge.dialogue.rtsp_presentation import OfferedTrack
from bridge.dialogue.rtsp_server import Connection
from bridge.dialogue.rtsp_server_events import Close, PlayRequested, PortsWanted, Send, TracksWanted
from bridge.dialogue.rtsp_server_side import ServerSide
from bridge.dialogue.rtsp_session import Sessions
from bridge.wire.rtsp.message import Headers, Reader, Request, Response
from bridge.wire.sdp import MediaDescription

PEER = "192.0.2.50"
ROOT = "rtsp://gate.example:8554"
VIDEO = MediaDescription("video", 0, "RTP/AVP", ["96"], [("rtpmap", f"96 {Codec.H264}/90000")])
AUDIO = MediaDescription("audio", 0, "RTP/AVP", ["8"], [])
TALK = Track(Codec.PCMU, 8_000)


@dataclass
class FakePresentation:
    path: str
    offered: list[OfferedTrack] = field(default_factory=list)
    title: str = "Front door"
    live: bool = True
    range: str = "npt=now-"
    talk: OfferedTrack | None = None

    def tracks(self):
        return self.offered

    def loudspeaker(self):
        return self.talk


def two_tracks(path="/live/door"):
    return FakePresentation(path, [OfferedTrack(0, VIDEO, 0x11), OfferedTrack(1, AUDIO)])


def one_track(path="/live/gate", *, live=True):
    return FakePresentation(path, [OfferedTrack(0, VIDEO, 0x22)], live=live)


class FakeListener:
    """Takes what is talked; `busy` when another one has the loudspeaker."""

    def __init__(self):
        self.busy = False
        self.taken = []
        self.heard = []

    def take(self, session):
        self.taken.append(session)
        return not self.busy

    def hear(self, session, packet, now):
        self.heard.append((session, bytes(packet)))


class Setting:
    """One server, its users, its presentations; `connect` makes conversations."""

    def __init__(self, *, login=True, vouched=None, **side):
        self.now = 1_000 * NS_PER_S
        self.numbers = 0
        self.presentations = {
            p.path: p for p in (two_tracks(), one_track(), FakePresentation("/live/new"), two_tracks("/live/secret"))
        }
        self.presentations["/recordings/rec-gate.main"] = one_track("/recordings/rec-gate.main", live=False)
        self.presentations["/live/door/main"] = self.presentations["/live/door"]
        self.secrets = {"ann": "apple", "bob": "banana"}
        self.locked = set()
        self.sessions = Sessions(self.random, max_sessions=side.pop("max_sessions", 1000))
        authenticator = DigestAuthenticator("onb", b"0123456789abcdef")
        self.login = Login(
            authenticator,
            self.secrets.get,
            self.random,
            lambda host, user: (host, user) in self.locked,
            lambda host, now: (vouched or {}).get(host),
        )
        self.listener = FakeListener()
        self.presentations["/live/porch"] = replace(two_tracks("/live/porch"), talk=offered_loudspeaker(TALK))
        self.side = ServerSide(self.sessions, self.find, self.login if login else None, listener=self.listener, **side)

    def random(self, count):
        self.numbers += 1
        return self.numbers.to_bytes(count, "big")

    def find(self, user, path):
        return None if path == "/live/secret" and user == "bob" else self.presentations.get(path)

    def connect(self, user="", **more):
        return Talk(self, user, **more)


class Talk:
    """One connection: `ask` sends a request and returns its reply; what else came of it stands in `events`."""

    def __init__(self, setting, user="", peer=PEER):
        self.setting = setting
        self.dialogue = Connection(
            setting.side, peer_host=peer, local_host="192.0.2.1", local_port=554, now=MonotonicNs(setting.now)
        )
        self.user = user
        self.digest = DigestClient(user, setting.secrets.get(user, "wrong")) if user else None
        self.cseq = 0
        self.events = []
        self.waiting = []
        self.replies = []
        self.session = None
        self.automatic = True
        self.refusing = False

    def feed(self, data):
        """Bytes as the client sends them."""
        reader = Reader(
            lambda m: self.perform(self.dialogue.receive(m, self.setting.now)) if isinstance(m, Request) else None,
            lambda c, p: self.perform(self.dialogue.receive_frame(c, p, self.setting.now)),
        )
        reader.feed(data)

    def perform(self, events):
        for event in events:
            if isinstance(event, Send):
                found = []
                Reader(found.append, lambda c, p: None).feed(event.data)
                self.replies.append(found[0])
            else:
                self.events.append(event)
            if isinstance(event, TracksWanted | PortsWanted | PlayRequested):
                if self.automatic:
                    self.answer(event)
                else:
                    self.waiting.append(event)

    def answer(self, event):
        match event:
            case _ if self.refusing:
                self.perform(self.dialogue.refuse(500, self.setting.now))
            case TracksWanted():
                self.perform(self.dialogue.resume(self.setting.now))
            case PortsWanted():
                self.perform(self.dialogue.accept_ports((40000, 40001), self.setting.now))
            case PlayRequested(session=session, replay=wish):
                starts = dict.fromkeys(session.legs, (7, 900))
                said = wish.reply_headers(wish.terms(None), wish.from_ns or 0, wish.until_ns) if wish else []
                self.perform(self.dialogue.accept_play(starts, self.setting.now, *said))

    def send(self, method, url, headers=(), body=b"", *, login=True):
        """A request, without waiting for a reply."""
        self.cseq += 1
        fields = [("CSeq", str(self.cseq)), *headers]
        if login and self.digest and (value := self.digest.header(method, url)):
            fields.append(("Authorization", value))
        self.feed(Request(method, url, Headers(fields), body).encode())

    def ask(self, method, url, headers=(), body=b"", *, login=True) -> Response:
        """A request and its reply; a challenge is answered as clients do."""
        if self.session and method != "DESCRIBE" and not any(name == "Session" for name, _ in headers):
            headers = [*headers, ("Session", self.session)]
        count = len(self.replies)
        self.send(method, url, headers, body, login=login)
        reply = self.last(count)
        if reply.status == 401 and self.digest and login:
            value = self.digest.authorize(reply.headers.all("WWW-Authenticate"), method, url, "cnonce12")
            if value is None:
                return reply
            self.cseq += 1
            fields = [("CSeq", str(self.cseq)), *headers, ("Authorization", value)]
            self.feed(Request(method, url, Headers(fields), body).encode())
            reply = self.last(count + 1)
        return reply

    def last(self, count):
        assert len(self.replies) == count + 1, [*self.replies[count:], *self.events]
        reply = self.replies[-1]
        assert reply.headers.get("CSeq") == str(self.cseq)
        return reply

    def setup(self, url=f"{ROOT}/live/door/trackID=0", transport="RTP/AVP/TCP;unicast;interleaved=0-1", **more):
        reply = self.ask("SETUP", url, [("Transport", transport)], **more)
        if reply.status == 200:
            self.session = reply.headers.get("Session").partition(";")[0]
        return reply

    def closed(self):
        return next((event.reason for event in self.events if isinstance(event, Close)), None)
