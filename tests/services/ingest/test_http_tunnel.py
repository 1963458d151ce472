"""Cameras behind a tunnel, in memory: what the driver says goes out by POST, what the camera says comes by GET."""

from base64 import b64decode
from dataclasses import replace

import pytest
from twisted.internet import error as errors
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from bridge.dialogue.digest import DigestAuthenticator
from bridge.services.ingest.http_tunnel import ANSWER_WITHIN_S, MAX_EARLY_BYTES, MAX_UNSENT_BYTES
from tests.fake_camera import FakeCamera, frame, picture
from tests.services.ingest.ingest_setting import Stage, Wire

OK = b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n"


class TunnelStage(Stage):
    """Its reactor's connections are GETs and POSTs of a camera's HTTP server.

    answer_get: what a GET's head is answered with; None: nothing
    """

    def __init__(self, camera=None, answer_get=lambda head: OK, url="rtsp://cam.example:80/live"):
        super().__init__(camera or FakeCamera(), url=url)
        self.camera = self.cameras[0]
        self.errand = replace(self.errand, tunnelled=True)
        self.answer_get = answer_get
        self.heads, self.wires, self.get, self.post = [], [], None, None
        self.posted = b""

    def answer(self):
        while self._connect() or any(map(self._hear, tuple(self.wires))):
            pass

    def _connect(self):
        if len(self.reactor.tcpClients) == self._connected:
            return False
        host, port, factory = self.reactor.tcpClients[self._connected][:3]
        self._connected += 1
        self.dialled = (host, port)
        wire = Wire()
        wire.head = b""
        wire.protocol = factory.buildProtocol(wire.getPeer())
        wire.protocol.makeConnection(wire)
        self.wires.append(wire)
        return True

    def _hear(self, wire):
        said = wire.value()
        if not said or wire.protocol is None:
            return False
        wire.clear()
        if not wire.head:
            wire.head, _, said = said.partition(b"\r\n\r\n")
            self.heads.append(wire.head.decode())
            if wire.head.startswith(b"GET"):
                self.get = self.wire = wire
                answer = self.answer_get(wire.head.decode())
                if answer is not None:
                    wire.protocol.dataReceived(answer)
                return True
            self.post = wire
        self.posted += said
        whole = len(self.posted) & ~3
        plain, self.posted = self.posted[:whole], self.posted[whole:]
        decoded = b"".join(
            b64decode(each + b"=" * (-len(each) % 4)) for each in plain.replace(b"=", b"= ").split(b"= ") if each
        )
        self.say(self.camera.receive(decoded))
        return True

    def begin(self):
        self.made = self.driver()
        self.made.start()
        self.answer()
        return self

    def pictures(self, count, first=0):
        for number in range(first, first + count):
            self.say(frame(0, picture(number, 3600 * number)))


def names(head):
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])}


def test_a_camera_comes_up():
    stage = TunnelStage().begin()
    stage.pictures(3)
    assert stage.owner.told == ["up"]
    assert len(stage.hub.units) == 3
    get, post = stage.heads
    assert get.startswith("GET /live HTTP/1.0\r\nHost: cam.example:80\r\n")
    assert post.startswith("POST /live HTTP/1.0\r\n")
    assert names(get)["x-sessioncookie"] == names(post)["x-sessioncookie"]
    assert len(names(get)["x-sessioncookie"]) == 22
    assert stage.dialled == ("127.0.0.1", 80)  # the POST: where the GET went to
    assert stage.camera.requests[0].uri == "rtsp://cam.example:80/live"


def test_what_comes_with_the_head_is_not_lost():
    stage = TunnelStage(answer_get=lambda head: OK[:20]).begin()
    assert len(stage.heads) == 1
    stage.say(OK[20:] + frame(9, b"early"))
    stage.answer()
    assert stage.statistics.foreign == 1
    assert stage.camera.methods[0] == "OPTIONS"


class OnlyGets(TunnelStage):
    """The POST is on its way and does not arrive."""

    def _connect(self):
        return not self.wires and super()._connect()


def test_what_comes_before_the_post_is_open_is_bounded():
    stage = OnlyGets().begin()
    stage.get.protocol.dataReceived(bytes(MAX_EARLY_BYTES))
    assert stage.get.protocol is not None
    stage.get.protocol.dataReceived(b"x")
    assert stage.get.protocol is None  # hung up on


def test_reports_go_by_post():
    stage = TunnelStage().begin()
    stage.pictures(1)
    stage.wait(5.5)
    assert {channel for channel, _ in stage.camera.reports} == {1, 3}


def test_teardown_goes_out_before_the_get_closes():
    stage = TunnelStage().begin()
    stage.pictures(1)
    stopped = stage.made.stop()
    stage.answer()
    assert stage.camera.methods[-1] == "TEARDOWN"
    assert stopped.called
    assert [wire.protocol for wire in stage.wires] == [None, None]
    assert stage.reactor.getDelayedCalls() == []


def test_the_camera_hangs_up():
    stage = TunnelStage().begin()
    stage.pictures(1)
    stage.get.abortConnection()
    assert stage.post.protocol is None
    assert stage.owner.told[0] == "up"
    assert stage.owner.told[1].startswith("closed")
    assert stage.reactor.getDelayedCalls() == []


def test_a_post_that_the_camera_closes_is_opened_again():
    stage = TunnelStage().begin()
    stage.pictures(1)
    first = stage.post
    first.abortConnection()
    assert stage.owner.told == ["up"]
    before = len(stage.camera.reports)
    stage.wait(6)
    assert stage.post is not first
    assert names(stage.heads[2])["x-sessioncookie"] == names(stage.heads[0])["x-sessioncookie"]
    assert len(stage.camera.reports) > before


def test_a_post_that_cannot_be_opened_again_ends_it():
    stage = TunnelStage().begin()
    stage.pictures(1)
    stage.post.abortConnection()
    stage.reactor.advance(5.5)
    stage.reactor.tcpClients[-1][2].clientConnectionFailed(None, Failure(errors.ConnectionRefusedError()))
    assert stage.get.protocol is None
    assert len(stage.owner.told) == 2


def test_what_waits_for_a_post_is_bounded():
    stage = TunnelStage().begin()
    stage.post.abortConnection()
    wire = stage.made._connection.transport
    for _ in range(MAX_UNSENT_BYTES // 1000 + 1):
        wire.write(bytes(1000))
    assert stage.get.protocol is None
    assert len(stage.owner.told) == 1


def test_a_camera_that_does_not_read_its_post():
    stage = TunnelStage().begin()
    stage.pictures(1)
    before = len(stage.camera.reports)
    stage.post.producer.pauseProducing()
    stage.wait(6)
    assert len(stage.camera.reports) == before
    stage.pictures(1, first=1)
    stage.post.abortConnection()  # and with it goes what held it up
    stage.wait(6)
    assert len(stage.camera.reports) > before


def test_a_driver_that_says_farewell_wants_to_know_no_more():
    stage = TunnelStage().begin()
    wire = stage.made._connection.transport
    wire.unregisterProducer()
    assert stage.post.producer is None
    stage.post.abortConnection()
    wire.unregisterProducer()
    wire.write(b"x")
    stage.answer()
    assert stage.post.producer is None
    wire.loseConnection()
    assert stage.get.protocol is None


# --- Log-in at the GET -----------------------------------------------------------------------------------------------


class Guard:
    """An HTTP server that wants Digest before it answers a GET."""

    def __init__(self, password="hush"):
        self.digest = DigestAuthenticator("cam", b"s" * 16)
        self.password = password
        self.asked = 0

    def __call__(self, head):
        self.asked += 1
        given = names(head).get("authorization")
        verdict = given and self.digest.check(given, "GET", {"admin": self.password}.get, 0)
        if verdict and verdict.ok:
            return OK
        lines = "".join(f"WWW-Authenticate: {value}\r\n" for value in self.digest.challenges(0, b"n" * 8))
        return f"HTTP/1.1 401 Unauthorized\r\n{lines}Content-Length: 0\r\n\r\n".encode()


def test_the_log_in_is_given_to_http_too():
    guard = Guard()
    stage = TunnelStage(FakeCamera(password="hush"), guard, url="rtsp://admin:hush@cam.example:80/live").begin()
    stage.pictures(1)
    assert stage.owner.told == ["up"]
    assert guard.asked == 2
    assert names(stage.heads[-1])["authorization"].startswith("Digest ")  # the POST's


@pytest.mark.parametrize(
    ("login", "answer", "told", "gets"),
    [
        ("admin:wrong@", Guard(), "401: user name or password refused", 2),
        ("", Guard(), "401: the camera wants a user name and password", 1),
        ("", b"HTTP/1.1 404 No\r\n\r\n", "protocol: cam.example:80 answered the GET of a tunnel with HTTP 404 No", 1),
        ("", b"SSH-2.0-x\r\n\r\n", "protocol: 'SSH-2.0-x' begins no HTTP response (RFC 9112 4)", 1),
        ("", b"", f"timeout: the camera did not answer the GET of a tunnel in {ANSWER_WITHIN_S} s", 1),
    ],
)
def test_gets_that_come_to_nothing(login, answer, told, gets):
    stage = TunnelStage(
        answer_get=answer if callable(answer) else lambda head: answer, url=f"rtsp://{login}cam.example:80/x"
    )
    stage.begin()
    stage.wait(ANSWER_WITHIN_S + 1)
    assert stage.owner.told == [told]
    assert len(stage.heads) == gets
    assert [wire.protocol for wire in stage.wires] == [None] * gets
    assert stage.reactor.getDelayedCalls() == []


def test_a_get_that_is_closed_without_a_word():
    stage = TunnelStage(answer_get=lambda head: None).begin()
    stage.get.abortConnection()
    stage.wait(1)
    assert stage.owner.told == ["closed: the camera did not answer the GET of a tunnel"]


def test_nobody_listens():
    stage = TunnelStage()
    stage.driver().start()
    stage.reactor.tcpClients[0][2].clientConnectionFailed(None, Failure(errors.ConnectionRefusedError()))
    stage.reactor.advance(0)
    assert stage.owner.told == ["refused: cam.example:80 does not accept connections"]


@pytest.mark.parametrize("answered", [False, True])
def test_stopped_while_it_connects(answered):
    stage = TunnelStage(answer_get=lambda head: OK if answered else None)
    driver = stage.driver()
    driver.start()
    stage._connect()
    stage._hear(stage.wires[0])  # with the answer the POST is on its way
    assert driver.stop().called
    assert stage.get.protocol is None
    assert stage.owner.told == []
    assert stage.reactor.getDelayedCalls() == []


def test_no_udp_through_a_tunnel():
    camera = FakeCamera(setup=[461])
    stage = TunnelStage(camera).begin()
    stage.wait(2)
    assert camera.methods.count("SETUP") == 1
    assert len(stage.owner.told) == 1
    assert isinstance(stage.get, StringTransport)
