"""RTSP over WebSocket, with both doors in memory."""

import pytest

from bridge.dialogue.digest import DigestClient
from bridge.net.websocket import LINGER_S
from bridge.services.rtsp.websocket import WebSocketDoor
from bridge.wire.rtsp.tunnel import WEBSOCKET_PATH
from bridge.wire.websocket import FrameReader, Opcode, Role, encode, encode_close
from tests.fake_camera import frame, rtp
from tests.services.rtsp.server_setting import loudspeaker
from tests.services.rtsp.tunnel_setting import Doors, Http, TunnelClient

MASK = b"\x01\x02\x03\x04"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
OPTIONS = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"


class SocketDoors(Doors):
    def __init__(self, **limits):
        super().__init__(**limits)
        self.sockets = WebSocketDoor(self.door.server)
        self.http.server.add_door(self.sockets)

    def opening(self, path=WEBSOCKET_PATH, protocol="rtsp.onvif.org", version="13", key=KEY):
        head = (
            f"GET {path} HTTP/1.1\r\nHost: cams.example:580\r\nUpgrade: websocket\r\n"
            "Connection: keep-alive, Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: {version}\r\nOrigin: http://elsewhere.example\r\n"
            f"Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
        )
        return Http(self).send(head.encode())

    def client(self):
        return SocketClient(self.opening())

    def counts(self):
        return (
            *super().counts(),
            self.sockets.open,
            len([c for c in self.door.reactor.getDelayedCalls() if "abort" in repr(c)]),
        )


NOTHING = (0,) * 9


class SocketClient(TunnelClient):
    """The same conversation in frames."""

    def __init__(self, http):
        super().__init__(http, None, lambda data: http.send(encode(Opcode.BINARY, data, MASK)))
        self.http = http
        self.controls = []
        self.frames_reader = FrameReader(Role.CLIENT, self.reader.feed, lambda *frame: self.controls.append(frame))

    def read(self):
        head, _, body = self.http.said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        new, self.read_bytes = body[self.read_bytes :], len(body)
        self.frames_reader.feed(new)


def test_live_over_websocket():
    doors = SocketDoors()
    client = doors.client().play()
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in client.http.said
    assert b"Sec-WebSocket-Protocol: rtsp.onvif.org\r\n" in client.http.said
    doors.feed.push(20)
    client.read()
    assert client.frames.count(0) > 20
    assert doors.sockets.open == 1
    assert len(doors.http.server._channels) == 0
    client.http.cut()
    assert doors.counts() == NOTHING


def test_talk_comes_in_frames_of_the_client():
    doors = SocketDoors()
    line, said = loudspeaker()
    doors.door.catalogue.camera("door").talk = line
    client = doors.client()
    client.digest = DigestClient("ops", "o")
    setup = client.ask("SETUP", "/live/door/trackID=100", ("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1"))
    client.session = setup.headers.get("Session").partition(";")[0]
    assert client.ask("PLAY", "/live/door").status == 200
    client.say(frame(0, rtp(1, b"hello", payload_type=0)))
    assert said == [b"hello"]


def test_requests_in_pieces():
    doors = SocketDoors()
    client = doors.client()

    def say(data):
        client.http.send(*(encode(Opcode.BINARY, data[at : at + 3], MASK) for at in range(0, len(data), 3)))

    client.say = say
    client.play()


def test_goodbye_of_the_client():
    doors = SocketDoors()
    client = doors.client().play()
    client.http.send(encode_close(1001, MASK))
    client.read()
    assert client.controls == [(Opcode.CLOSE, (1000).to_bytes(2))]
    assert client.http.gone
    assert doors.counts() == NOTHING


def test_goodbye_of_ours():
    doors = SocketDoors()
    client = doors.client().play()
    doors.rtsp.close()
    client.read()
    assert client.controls == [(Opcode.CLOSE, (1000).to_bytes(2))]
    assert client.http.gone
    assert doors.counts() == NOTHING


def test_a_client_that_does_not_read_our_goodbye_is_cut_off():
    doors = SocketDoors()
    client = doors.client()
    client.http.wire.loseConnection = lambda: None  # all that waits is not read
    client.http.send(encode_close(1000, MASK))
    assert not client.http.gone
    doors.door.advance(LINGER_S)
    assert client.http.gone
    assert doors.counts() == NOTHING


def test_pings():
    doors = SocketDoors()
    client = doors.client()
    client.http.send(encode(Opcode.PING, b"there?", MASK), encode(Opcode.PONG, b"", MASK))
    client.read()
    assert client.controls == [(Opcode.PONG, b"there?")]


def test_pings_of_who_does_not_read_are_not_answered():
    doors = SocketDoors()
    client = doors.client()
    client.http.wire.producer.pauseProducing()
    client.http.send(encode(Opcode.PING, b"there?", MASK))
    client.read()
    assert client.controls == []


@pytest.mark.parametrize(
    ("frame", "code"),
    [(encode(Opcode.TEXT, OPTIONS, MASK), 1003), (encode(Opcode.BINARY, OPTIONS), 1002), (b"\xff" * 20, 1002)],
)
def test_frames_that_break_the_rules(frame, code):
    doors = SocketDoors()
    client = doors.client()
    client.http.send(frame, encode(Opcode.BINARY, OPTIONS, MASK))
    client.read()
    assert client.controls == [(Opcode.CLOSE, code.to_bytes(2))]
    assert client.replies == []
    assert doors.rtsp.statistics.protocol_errors == 1
    assert doors.counts() == NOTHING


def test_rtsp_that_cannot_be_read():
    doors = SocketDoors()
    client = doors.client()
    client.say(b"\x16\x03 rubbish\r\n\r\n")
    client.say(OPTIONS)
    client.read()
    assert [reply.status for reply in client.replies] == [400]
    assert client.http.gone
    assert doors.counts() == NOTHING


@pytest.mark.parametrize(
    ("opening", "status", "says"),
    [
        ({"version": "8"}, 426, b"Sec-Websocket-Version: 13"),
        ({"key": "short"}, 400, b"Sec-WebSocket-Key"),
        ({"protocol": "chat"}, 400, b"expected rtsp.onvif.org"),
    ],
)
def test_openings_that_are_refused(opening, status, says):
    doors = SocketDoors()
    http = doors.opening(**opening)
    assert http.said.startswith(b"HTTP/1.1 %d " % status)
    assert says.lower() in http.said.lower()
    assert doors.sockets.open == 0


def test_the_rtsp_doors_limits_hold():
    doors = SocketDoors(connections=1)
    doors.client()
    assert doors.opening().said.startswith(b"HTTP/1.1 503 ")
    assert doors.rtsp.statistics.connections_refused == 1


def test_any_path():
    assert SocketDoors().opening(path="/").said.startswith(b"HTTP/1.1 101 ")
