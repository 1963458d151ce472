"""The second driver in a loop without sockets: its connection is joined to a camera in memory."""

import asyncio
import dataclasses

import pytest
from twisted.internet.testing import MemoryReactorClock

from bridge.base.time import SystemClock
from bridge.services.ingest import aiortsp_driver
from bridge.services.ingest.aiortsp_driver import AiortspDriver
from bridge.wire.rtsp.message import Headers
from tests.fake_camera import AUDIO, MPEG4, SESSION, VIDEO, FakeCamera, frame, picture
from tests.services.ingest.ingest_setting import Stage


class Pipe:
    """An asyncio transport that ends in the camera."""

    def __init__(self, connection, camera):
        self.connection = connection
        self.camera = camera
        self.closed = False

    def write(self, data):
        answer = self.camera.receive(bytes(data))
        if answer:
            asyncio.get_running_loop().call_soon(self.connection.data_received, answer)

    def close(self):
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)

    def get_extra_info(self, name):
        return ("127.0.0.1", 554)


class LoopReactor:
    def callLater(self, delay, call, *arguments):
        return asyncio.get_running_loop().call_later(delay, call, *arguments)


@pytest.fixture
def play(monkeypatch):
    """play(camera, url, script): the driver runs until `script(pipe)` is through, then it is stopped."""

    def play(camera, url="rtsp://cam.example/live", script=None):
        stage = Stage(camera, url=url)
        errand = dataclasses.replace(stage.errand, reactor=LoopReactor(), clock=SystemClock())
        pipes = []

        async def prepare(self):
            pipes.append(Pipe(self, camera))
            self.connection_made(pipes[-1])

        monkeypatch.setattr(aiortsp_driver._Connection, "prepare", prepare)

        async def run():
            driver = AiortspDriver(errand, stage.owner)
            driver.start()
            for _ in range(200):
                await asyncio.sleep(0)
                if stage.owner.told or "PLAY" in camera.methods:
                    break
            await asyncio.sleep(0)
            if script is not None:
                script(pipes[-1])
                for _ in range(20):
                    await asyncio.sleep(0)
            await driver.stop().asFuture(asyncio.get_running_loop())

        asyncio.run(run())
        return stage

    return play


def test_video_reaches_the_hub_and_it_takes_leave(play):
    camera = FakeCamera()
    stage = play(camera, script=lambda pipe: pipe.connection.data_received(frame(0, picture(1, 3600))))
    assert camera.methods == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]
    assert "Scale" not in camera.requests[3].headers
    assert [[track.codec for track in run] for run in stage.hub.runs] == [["H264"]]
    assert [unit.media_time for unit in stage.hub.units] == [3600]
    assert (stage.owner.told, stage.hub.ended) == (["up"], 1)


def test_channels_of_the_cameras_choice(play):
    camera = FakeCamera()
    camera.answers["SETUP"] = [lambda request: camera.set_up(request, "RTP/AVP/TCP;unicast;interleaved=4-5")]
    stage = play(camera, script=lambda pipe: pipe.connection.data_received(frame(4, picture(1, 3600))))
    assert len(stage.hub.units) == 1


def test_digest_with_qop_beats_basic_and_passwords_are_decoded(play):
    camera = FakeCamera(password="p@ss wort")
    basic = ("WWW-Authenticate", 'Basic realm="cam"')
    usual = camera._usual

    def both(request):
        response = usual(request)
        if response.status == 401:
            response.headers = Headers([basic, *response.headers])
        return response

    camera._usual = both
    play(camera, url="rtsp://admin:p%40ss%20wort@cam.example/live")
    assert "PLAY" in camera.methods
    authorization = camera.requests[-1].headers.get("Authorization")
    assert authorization.startswith("Digest ")
    assert "qop=auth" in authorization


def test_a_status_line_without_a_reason_and_no_public(play):
    camera = FakeCamera(public="", options=[lambda request: b"RTSP/1.0 200\r\nCSeq: 1\r\nno header\r\n\r\n"])
    play(camera)
    assert "PLAY" in camera.methods


def test_packets_that_it_cannot_read_do_not_end_it(play):
    data = frame(0, b"\x80") + frame(1, b"\x81\xcd\x00\x00") + frame(9, b"x") + frame(0, picture(1, 3600))
    stage = play(FakeCamera(), script=lambda pipe: pipe.connection.data_received(data))
    assert stage.owner.told == ["up"]


@pytest.mark.parametrize(
    ("camera", "url", "text"),
    [
        (FakeCamera(describe=[404]), "rtsp://h/", "404: the camera has no stream at this path"),
        (FakeCamera(setup=[500]), "rtsp://h/", "protocol: a request was answered 500"),
        (FakeCamera(password="x"), "rtsp://h/", "401: the camera wants a user name and password"),
        (FakeCamera(password="x"), "rtsp://admin:y@h/", "401: user name or password refused"),
        (FakeCamera(SESSION + MPEG4), "rtsp://h/", "codec: MP4V-ES not supported (have H264, H265, JPEG)"),
        (FakeCamera(SESSION + AUDIO), "rtsp://h/", "no video: the camera describes no video"),
        (FakeCamera(options=[lambda request: b"\0\0rubbish of a camera"]), "rtsp://h/", "closed: "),
    ],
)
def test_reasons(play, camera, url, text):
    (told,) = play(camera, url).owner.told
    assert told.startswith(text)


def test_a_lost_connection(play, monkeypatch):
    monkeypatch.setattr(aiortsp_driver, "_TICK_S", 0)
    stage = play(FakeCamera(SESSION + VIDEO), script=lambda pipe: pipe.close())
    assert stage.owner.told == ["closed: the camera closed the connection"]


def test_another_reactor_is_refused():
    stage = Stage()
    assert isinstance(stage.reactor, MemoryReactorClock)
    AiortspDriver(stage.errand, stage.owner).start()
    stage.reactor.advance(0)
    assert stage.owner.told == ["protocol: driver aiortsp needs the asyncio reactor"]


def test_rtsps_is_said_not_to_be_supported():
    stage = Stage(url="rtsps://cam.example/live")
    AiortspDriver(stage.errand, stage.owner).start()
    stage.reactor.advance(0)
    assert stage.owner.told == ["protocol: rtsps is not supported, only rtsp"]


def test_stop_before_it_began():
    stage = Stage()
    driver = AiortspDriver(stage.errand, stage.owner)
    driver.start()
    done = []
    driver.stop().addCallback(done.append)
    stage.reactor.advance(0)
    assert (done, stage.owner.told) == ([None], [])
