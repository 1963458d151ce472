import pytest

from bridge.base.errors import LocalProtocolError
from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_S, ManualClock
from bridge.media.camera_clock import ClockQuality
from bridge.media.hub import Hub
from tests.live_viewers import AUDIO, FRAME_NS, PPS, SPS, VIDEO, Camera
from tests.wire.encoded import JPEG_420, JPEG_422, jpegs


class Watcher:
    def __init__(self):
        self.units, self.tracks = [], []

    def on_access_unit(self, unit):
        self.units.append(unit)

    def on_tracks(self, tracks):
        self.tracks.append(tracks)


def test_units_reach_subscribers_in_order_of_subscription_bit_for_bit():
    camera = Camera(in_band=True)
    calls = []
    for name in "abc":
        watcher = Watcher()
        watcher.on_access_unit = lambda unit, name=name: calls.append((name, unit))
        camera.hub.subscribe(watcher)
    camera.next(2)
    assert [name for name, _ in calls] == ["a", "b", "c", "a", "b", "c"]
    unit = calls[0][1]
    assert unit.parts == camera.parts[0]
    assert unit.key
    assert unit.arrived_ns == FRAME_NS
    assert unit.utc_ns == camera.clock.utc_ns() - FRAME_NS


def test_the_gop_is_kept_with_its_audio_from_the_key_frame_on():
    camera = Camera(gop=4, audio=True)
    assert camera.hub.gop() == ()
    camera.next(6)
    gop = camera.hub.gop()
    assert [(unit.track, unit.key) for unit in gop] == [(0, True), (1, True), (0, False), (1, True)]
    assert camera.hub.gop_start() is gop[0] is camera.hub.latest_key()


def test_the_gop_goes_with_its_run_and_the_latest_key_stays():
    camera = Camera(gop=4)
    camera.next(6)
    key = camera.hub.latest_key()
    camera.run.end()
    assert camera.hub.gop() == ()
    assert camera.hub.latest_key() is key
    assert not camera.hub.running
    with pytest.raises(LocalProtocolError, match="gate/main"):
        camera.next()


def test_a_new_run_ends_the_one_before_and_begins_with_its_key_frame():
    camera = Camera(gop=4)
    camera.next(6)
    old, watcher = camera.run, Watcher()
    camera.hub.subscribe(watcher)
    camera.connect(raw=5)
    camera.number += 1
    camera.next(5)
    assert [unit.key for unit in watcher.units] == [True, False]
    assert camera.hub.statistics.undecodable_units == 3
    assert camera.hub.statistics.runs == 2
    with pytest.raises(LocalProtocolError):
        old.push(0, 0, (b"\x65",), True, False, camera.now)
    old.end()
    assert camera.hub.running


def test_a_damaged_key_frame_is_delivered_and_is_no_start():
    camera = Camera(gop=100)
    watcher = Watcher()
    camera.hub.subscribe(watcher)
    camera.push(0, 0, (b"\x65\x88",), key=True, damaged=True)
    assert camera.hub.gop() == ()
    assert camera.hub.latest_key() is None
    camera.clock.advance(FRAME_NS)
    camera.push(0, 3600, (b"\x41\x88",), key=False, damaged=True)
    assert [(unit.key, unit.damaged) for unit in watcher.units] == [(False, True), (False, True)]
    assert camera.hub.statistics.damaged_units == 2


def test_parameter_sets_in_band_are_news_only_when_they_differ():
    camera = Camera(gop=2, in_band=True)
    watcher = Watcher()
    camera.hub.subscribe(watcher)
    camera.next(4)
    assert watcher.tracks == []
    other = PPS + b"\x01"
    camera.push(0, camera.raw, (SPS, other, b"\x65\x88"), key=True)
    assert [tracks[0].parameter_sets for tracks in watcher.tracks] == [(SPS, other)]
    assert camera.hub.tracks == watcher.tracks[-1]
    # The key frame that brought them comes after the news.
    assert len(watcher.units) == 5


def test_jpeg_tells_its_size_with_every_picture():
    hub = Hub("gate/main", ManualClock())
    watcher = Watcher()
    hub.subscribe(watcher)
    run = hub.begin_run((Track(Codec.JPEG, 90_000), Track(Codec.ONVIF_METADATA, 90_000)))
    run.push(1, 0, (b"<a/>",), True, False, 0)
    run.push(0, 0, (JPEG_420,), True, False, 0)
    run.push(0, 3600, (JPEG_422,), True, False, 0)
    assert [(tracks[0].width, tracks[0].height) for tracks in watcher.tracks] == [(0, 0), (72, 40)]
    assert [unit.track for unit in watcher.units] == [1, 0, 0]
    assert hub.gop() == (watcher.units[-1],)
    # The next connection's SDP is silent again: nothing has changed.
    hub.begin_run((Track(Codec.JPEG, 90_000), Track(Codec.ONVIF_METADATA, 90_000)))
    assert len(watcher.tracks) == 2
    run = hub.begin_run((Track(Codec.JPEG, 90_000, width=640, height=480),))
    run.push(0, 0, (jpegs(640, 480, 1)[0],), True, False, 0)
    assert len(watcher.tracks) == 3


def test_tracks_learn_their_size_and_keep_what_was_learnt_in_band():
    hub = Hub("gate/main", ManualClock())
    watcher = Watcher()
    hub.subscribe(watcher)
    run = hub.begin_run((Track(Codec.H264, 90_000),))
    sps = bytes.fromhex("6742c01ed903c568400000030040000000c03c58b920")
    run.push(0, 0, (sps, PPS, b"\x65\x88"), True, False, 0)
    assert hub.tracks[0].width > 0
    assert len(watcher.tracks) == 2
    hub.begin_run((Track(Codec.H264, 90_000),))
    assert len(watcher.tracks) == 2
    assert hub.tracks[0].parameter_sets == (sps, PPS)


def test_a_subscriber_that_raises_is_removed_and_harms_nobody():
    failures = []
    camera = Camera()
    hub = Hub("gate/main", camera.clock, on_failure=lambda who, error: failures.append((who, str(error))))
    bad, good = Watcher(), Watcher()

    def fail(unit):
        raise RuntimeError("broken")

    bad.on_access_unit = fail
    hub.subscribe(bad)
    hub.subscribe(good)
    camera.hub = hub
    camera.connect()
    camera.next(3)
    assert failures == [(bad, "broken")]
    assert len(good.units) == 3


def test_a_subscriber_may_leave_itself_and_others_while_called():
    camera = Camera()
    first, second = Watcher(), Watcher()

    def leave(unit):
        camera.hub.unsubscribe(first)
        camera.hub.unsubscribe(second)

    first.on_access_unit = leave
    camera.hub.subscribe(first)
    camera.hub.subscribe(first)
    camera.hub.subscribe(second)
    camera.next(2)
    assert second.units == []


def test_when_the_hosts_clock_is_set_utc_follows_and_media_time_does_not():
    camera = Camera()
    watcher = Watcher()
    camera.hub.subscribe(watcher)
    camera.next(30)
    camera.clock.step_utc(-3600 * NS_PER_S)
    camera.next(30)
    assert {b.media_time - a.media_time for a, b in zip(watcher.units, watcher.units[1:], strict=False)} == {3600}
    assert watcher.units[-1].utc_ns == camera.clock.utc_ns()


def test_sender_reports_are_kept_beside():
    camera = Camera()
    camera.run.report(0, 5, camera.raw, camera.now)
    assert camera.hub.camera_clocks[0].quality is ClockQuality.UNKNOWN
    camera.next(3)
    utc_ns = camera.hub.gop()[-1].utc_ns
    camera.run.report(0, utc_ns - 7200 * NS_PER_S, camera.raw - 3600, camera.now)
    assert camera.hub.camera_clocks[0].quality is ClockQuality.OFFSET
    assert camera.hub.camera_clocks[0].offset_ns == -7200 * NS_PER_S
    assert camera.hub.gop()[-1].utc_ns == utc_ns


def test_audio_alone_flows_at_once():
    hub = Hub("mic/main", ManualClock())
    watcher = Watcher()
    hub.subscribe(watcher)
    run = hub.begin_run((AUDIO,))
    run.push(0, 0, (b"\xff" * 160,), True, False, 0)
    assert len(watcher.units) == 1
    assert hub.latest_key() is None
    assert hub.tracks == (AUDIO,)
    assert VIDEO not in hub.tracks
