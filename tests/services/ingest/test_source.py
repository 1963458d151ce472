import random

import pytest
import structlog
from structlog.testing import capture_logs
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock

from bridge.base.errors import ConfigurationError
from bridge.dialogue.rtsp_client_events import DownReason
from bridge.services.ingest.native import NativeDriver
from bridge.services.ingest.source import CameraSource, StreamSettings
from bridge.system.catalogue import StreamState
from tests.fake_camera import MPEG4, SESSION, URL, FakeCamera, frame, picture
from tests.services.ingest.ingest_setting import ReactorClock, RecordingHub, Stage


class Driver:
    """A driver on strings: the test pulls."""

    def __init__(self, errand, owner):
        self.owner = owner
        self.started = False
        self.stopping = None

    def start(self):
        self.started = True

    def stop(self):
        self.stopping = Deferred()
        return self.stopping


class Play:
    """A source whose drivers are kept, and the states that it tells."""

    def __init__(self, **settings):
        self.reactor = MemoryReactorClock()
        self.states = []
        self.drivers = []
        self.source = CameraSource(
            StreamSettings("gate", "main", settings.pop("url", URL), **settings),
            RecordingHub(),
            self.reactor,
            ReactorClock(self.reactor),
            random.Random(1),
            lambda state, reason: self.states.append((state, reason)),
            structlog.get_logger(),
            drivers={"native": self.make},
        )

    def make(self, errand, owner):
        self.drivers.append(Driver(errand, owner))
        return self.drivers[-1]


def test_a_certificate_is_tried_again_when_somebody_has_said_something():
    play = Play()
    play.source.start()
    play.drivers[-1].owner.on_down(DownReason.CERTIFICATE, "certificate: x")
    (retry,) = play.reactor.getDelayedCalls()
    assert retry.getTime() > 20, "it is not tried soon"
    play.source.trust_changed()
    assert len(play.drivers) == 2
    play.drivers[-1].owner.on_down(DownReason.TIMEOUT, "timeout: x")
    play.source.trust_changed()
    assert len(play.drivers) == 2, "that is nothing to others"


def test_states_and_endless_tries():
    play = Play()
    play.source.start()
    waits = []
    for number in range(12):
        assert play.drivers[number].started
        play.drivers[number].owner.on_down(DownReason.REFUSED, "refused: x")
        waits.append(play.reactor.getDelayedCalls()[0].getTime() - play.reactor.seconds())
        play.reactor.advance(waits[-1] + 0.001)
    assert waits[0] == pytest.approx(0.5, rel=0.25)
    assert waits[-1] == pytest.approx(30, rel=0.25)
    assert play.states[0] == (StreamState.CONNECTING, "")
    assert set(play.states[1:]) == {(StreamState.DOWN, "refused: x")}
    assert play.source.statistics.reconnects == 12


def test_up_for_a_minute_makes_the_next_try_quick():
    play = Play()
    play.source.start()
    for _ in range(8):
        play.drivers[-1].owner.on_down(DownReason.CLOSED, "closed: x")
        play.reactor.advance(40)
    play.drivers[-1].owner.on_up()
    assert play.states[-1] == (StreamState.UP, "")
    play.reactor.advance(61)
    play.drivers[-1].owner.on_down(DownReason.CLOSED, "closed: x")
    assert play.reactor.getDelayedCalls()[0].getTime() - play.reactor.seconds() < 1


def test_wrong_passwords_are_not_tried_in_quick_succession():
    play = Play()
    play.source.start()
    play.drivers[-1].owner.on_down(DownReason.AUTH, "401: x")
    assert play.reactor.getDelayedCalls()[0].getTime() > 20


def test_the_same_trouble_is_one_line_in_the_log():
    play = Play()
    with capture_logs() as lines:
        play.source.start()
        for text in ("refused: x", "refused: x", "DNS: x"):
            play.drivers[-1].owner.on_down(DownReason.REFUSED, text)
            play.reactor.advance(40)
    assert [line["log_level"] for line in lines] == ["warning", "debug", "warning"]
    assert all(line["camera"] == "gate" and line["stream"] == "main" for line in lines)


def test_stop_waits_for_the_driver_and_nothing_follows():
    play = Play()
    play.source.start()
    done = []
    play.source.stop().addCallback(done.append)
    play.source.stop().addCallback(done.append)
    play.drivers[0].owner.on_down(DownReason.CLOSED, "closed: x")
    assert done == []
    play.drivers[0].stopping.callback(None)
    assert done == [None, None]
    play.reactor.advance(100)
    assert len(play.drivers) == 1
    assert play.states == [(StreamState.CONNECTING, "")]


def test_stop_between_two_tries():
    play = Play()
    play.source.start()
    play.drivers[0].owner.on_down(DownReason.CLOSED, "closed: x")
    done = []
    play.source.stop().addCallback(done.append)
    assert done == [None]
    assert play.reactor.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"driver": "vlc"}, "vlc"),
        ({"transport": "carrier pigeon"}, "carrier pigeon"),
        ({"url": "http://admin:hunter22@cam.example/"}, "gate/main"),
        ({"url": "rtsp://admin:a%0Ahunter22@cam.example/"}, "control character"),
    ],
)
def test_settings_that_cannot_be_used(settings, named):
    with pytest.raises(ConfigurationError, match=named) as caught:
        Play(**settings)
    assert "hunter22" not in str(caught.value)
    assert "hunter22" not in repr(StreamSettings("c", "s", "rtsp://admin:hunter22@h/"))


def test_with_the_native_driver_from_down_to_up_and_back():
    stage = Stage(FakeCamera(SESSION + MPEG4), FakeCamera(describe=[404]), FakeCamera())
    states = []
    source = CameraSource(
        StreamSettings("gate", "main", URL),
        stage.hub,
        stage.reactor,
        stage.clock,
        stage.random,
        lambda state, reason: states.append((state.value, reason)),
        structlog.get_logger(),
        drivers={"native": lambda errand, owner: NativeDriver(errand, owner, endpoint=stage.endpoint)},
    )
    source.start()
    stage.wait(5)
    stage.say(frame(0, picture(1, 3600)))
    stage.wire.abortConnection()
    stage.wait(3)
    stage.say(frame(0, picture(2, 7200)))
    assert states == [
        ("connecting", ""),
        ("down", "codec: MP4V-ES not supported (have H264, H265, JPEG)"),
        ("down", "404: the camera has no stream at this path"),
        ("up", ""),
        ("down", "closed: the camera closed the connection"),
        ("up", ""),
    ]
    assert (len(stage.hub.runs), stage.hub.ended, source.statistics.reconnects) == (2, 1, 3)
    source.stop()
    stage.answer()
    assert stage.hub.ended == 2
