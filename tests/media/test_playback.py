import pytest

from bridge.base.errors import LocalProtocolError
from bridge.base.time import NS_PER_S
from bridge.media.playback import MAX_PACED_AT_ONCE, PlaybackState
from bridge.media.routes import Datagrams
from tests.live_viewers import Camera, FakeSender, FakeWriter, Received, route


def test_a_caller_who_never_begins_holds_no_more_than_the_allowance():
    camera = Camera(gop=10, size=60_000)
    stream, writer = camera.stream(), FakeWriter(camera.clock)
    camera.next(5)
    playback = stream.play({0: route(writer)}, fast_start=True, now=camera.now)
    camera.next(200)
    assert playback.statistics.queue_bytes < 2.6 * 10 * 62_000
    assert playback.statistics.dropped_units > 100
    playback.begin(camera.now)
    camera.next(10)
    units = Received(writer.wire).units()
    assert units[0][2]
    assert len(units) + playback.statistics.dropped_units == 215


def test_a_late_timer_sends_a_few_at_once_and_no_more():
    camera = Camera(gop=100)
    camera.next(60)
    stream, sender = camera.stream(), FakeSender(camera.clock)
    playback = stream.play({0: Datagrams(sender, ("a", 1), ("a", 2))}, fast_start=True, now=camera.now)
    playback.begin(camera.now)
    assert playback.state is PlaybackState.CATCHING_UP
    camera.clock.advance(NS_PER_S)
    stream.on_timeout(camera.now)
    assert len(sender.sent) == 1 + MAX_PACED_AT_ONCE
    assert stream.next_timeout() > camera.now


def test_only_a_paused_playback_can_be_continued():
    camera = Camera()
    camera.next(3)
    stream, writer = camera.stream(), FakeWriter(camera.clock)
    playback = stream.play({0: route(writer)}, fast_start=True, now=camera.now)
    playback.begin(camera.now)
    with pytest.raises(LocalProtocolError, match="pause it first"):
        stream.play({0: route(writer)}, fast_start=True, now=camera.now, continues=playback)


def test_stopped_before_it_began_it_says_nothing():
    camera = Camera()
    camera.next(3)
    stream, writer = camera.stream(), FakeWriter(camera.clock)
    playback = stream.play({0: route(writer)}, fast_start=True, now=camera.now)
    playback.stop(camera.now)
    playback.begin(camera.now)
    playback.pause(camera.now)
    camera.next(12)
    assert not writer.wire
    assert playback.state is PlaybackState.ENDED
    assert stream.playbacks == ()
