"""Pictures one by one: JPEG untouched, others by the snapshot worker, no more than are asked for."""

import json

from twisted.internet.defer import succeed

from bridge.base.errors import BridgeError
from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_MS, ManualClock
from bridge.media.hub import Hub
from bridge.services.web.mjpeg import QUIET_S, MjpegDoor
from bridge.services.web.problems import not_found
from bridge.system.catalogue import Camera as Listed
from bridge.system.catalogue import LiveStream
from tests.live_viewers import Camera
from tests.services.web.test_footage import unchunked
from tests.services.web.test_live import gone
from tests.services.web.web_setting import Setting, parse


class Jpeg:
    """A camera that sends JPEG, 25 pictures a second."""

    def __init__(self):
        self.clock = ManualClock()
        self.hub = Hub("gate/main", self.clock)
        self.run = self.hub.begin_run((Track(Codec.JPEG, 90_000),))
        self.number = 0

    def next(self, count=1):
        for _ in range(count):
            self.clock.advance(40 * NS_PER_MS)
            self.run.push(0, self.number * 3600, (b"jpeg %d" % self.number,), True, False, self.clock.monotonic_ns())
            self.number += 1


class Door(Setting):
    def __init__(self, camera, *, viewers=2):
        self.camera = camera
        self.asked = 0
        setting = Setting()
        self.mjpeg = MjpegDoor(setting.reactor, camera.clock, self._find, self._still, viewers=viewers)
        super().__init__(self.mjpeg.routes())
        self.reactor = setting.reactor

    def _find(self, principal, camera, stream):
        if camera != "gate":
            raise not_found()
        live = LiveStream("main", self.camera.hub)
        return Listed("gate", "Gate", (live,)), live

    def _still(self, hub):
        self.asked += 1
        if self.asked == 2:
            raise BridgeError("does not decode")
        return succeed(b"still %d" % self.asked)

    def open(self, target):
        channel, transport = self.connect()
        lines = [f"GET {target} HTTP/1.1", "Host: bridge.example", "Authorization: Bearer anna", "", ""]
        channel.dataReceived("\r\n".join(lines).encode())
        return channel, transport

    def pass_time(self, ms, *, step=40):
        for _ in range(ms // step):
            self.camera.next(1)
            self.reactor.advance(step / 1000)


def pictures(transport):
    status, headers, body = parse(transport.value())
    assert status == 200
    boundary = headers["content-type"].partition("boundary=")[2].encode()
    parts = unchunked(body).split(b"--" + boundary)
    assert parts[0] == b""
    found = []
    for part in parts[1:-1]:
        head, _, data = part.partition(b"\r\n\r\n")
        assert b"Content-Type: image/jpeg" in head
        assert int(head.rpartition(b": ")[2]) == len(data) - 2
        found.append(data[:-2])
    return found


def test_jpeg_goes_out_untouched_as_often_as_is_asked():
    door = Door(Jpeg())
    door.camera.next(1)
    _, transport = door.open("/mjpeg/gate?fps=5")
    assert pictures(transport) == [b"jpeg 0"]
    door.pass_time(2000)
    found = pictures(transport)
    assert 9 <= len(found) <= 12
    assert found == sorted(found, key=lambda one: int(one[5:]))
    assert door.asked == 0


def test_of_others_each_key_frame_is_decoded_for_all():
    door = Door(Camera(gop=10))
    door.camera.next(1)
    _, transport = door.open("/mjpeg/gate?fps=25")
    door.pass_time(1000)
    # One of them did not decode.
    assert pictures(transport) == [b"still 1", b"still 3"]


def test_a_camera_without_pictures_ends_it():
    door = Door(Camera())
    channel, transport = door.open("/mjpeg/gate")
    door.reactor.advance(QUIET_S)
    assert transport.value().endswith(b"0\r\n\r\n")
    assert door.mjpeg.open == 0
    channel.connectionLost(gone())


def test_limits_and_rights():
    door = Door(Jpeg(), viewers=1)
    channel, _ = door.open("/mjpeg/gate")
    status, problem = door.ask_json("GET", "/mjpeg/gate", "Authorization: Bearer anna")
    assert (status, problem["type"]) == (503, "/api/v1/problems#busy")
    channel.connectionLost(gone())
    assert door.mjpeg.open == 0
    assert door.ask("GET", "/mjpeg/yard", "Authorization: Bearer anna")[0] == 404
    assert json.loads(door.ask("GET", "/mjpeg/gate?fps=1000", "Authorization: Bearer anna")[2])["status"] == 422
    assert door.ask("HEAD", "/mjpeg/gate", "Authorization: Bearer anna")[0] == 200
