from dataclasses import replace

import pytest

from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_MS, NS_PER_S, MonotonicNs
from bridge.recorder import cutter
from bridge.recorder.cutter import Cutter
from tests.recorder.streams import AUDIO, FRAME_NS, VIDEO, LiveStream, Sink


def cut(stream):
    sink = Sink()
    return Cutter(stream.hub, sink), sink


def counts(sink):
    return [len(fragment.units) for fragment in sink.fragments]


def tick(stream, cutter_, ns, step_ns=100 * NS_PER_MS):
    """Time passes without a unit."""
    for _ in range(ns // step_ns):
        stream.clock.advance(step_ns)
        cutter_.on_timeout(stream.clock.monotonic_ns())


def test_half_a_second_or_up_to_the_next_key_frame():
    stream = LiveStream(gop=30)
    _, sink = cut(stream)
    stream.frames(61)
    # 30 pictures last 1.2 s
    assert counts(sink) == [13, 13, 4, 13, 13, 4]
    assert [fragment.starts_with_key for fragment in sink.fragments] == [True, False, False] * 2
    assert [fragment.new_run for fragment in sink.fragments] == [True, False, False, False, False, False]
    assert [fragment.sequence for fragment in sink.fragments] == [1, 2, 3, 4, 5, 6]


def test_every_unit_comes_out_once_in_order_and_tells_what_follows():
    stream = LiveStream(tracks=(VIDEO, AUDIO))
    cutter_, sink = cut(stream)
    stream.frames(100)
    cutter_.end()
    assert [unit for fragment in sink.fragments for unit in fragment.units] == stream.units
    for fragment, following in zip(sink.fragments, sink.fragments[1:], strict=False):
        lead = next(unit for unit in following.units if unit.track == 0)
        assert fragment.next_media_time == {0: lead.media_time}
        assert fragment.size_bytes == sum(unit.size_bytes for unit in fragment.units)
        captures = [unit.utc_ns for unit in fragment.units]
        assert (fragment.start_utc_ns, fragment.end_utc_ns) == (min(captures), max(captures))
    assert sink.fragments[-1].next_media_time == {}
    assert sink.all[-1] is None


def test_a_fragment_begins_with_the_unit_of_the_leading_track_that_closed_the_one_before():
    stream = LiveStream(tracks=(AUDIO, VIDEO))
    stream.hub.begin_run((AUDIO, VIDEO))
    assert stream.hub.lead == 1
    _, sink = cut(stream)
    stream.run = stream.hub.begin_run((AUDIO, VIDEO))
    for number in range(40):
        stream.clock.advance(FRAME_NS)
        stream.push(0)
        stream.push(1, key=number % 10 == 0)
    assert [fragment.units[0].track for fragment in sink.fragments[1:]] == [1, 1]
    assert [fragment.starts_with_key for fragment in sink.fragments] == [True, True, True]


def test_sound_before_the_first_picture_of_a_run_shares_its_fragment():
    stream = LiveStream(tracks=(VIDEO, AUDIO), gop=10)
    _, sink = cut(stream)
    for _ in range(5):
        stream.clock.advance(FRAME_NS)
        stream.push(1)
    stream.frames(11)
    assert [unit.track for unit in sink.fragments[0].units[:7]] == [1, 1, 1, 1, 1, 0, 1]
    assert sink.fragments[0].starts_with_key


def test_a_recording_begins_with_the_gop_that_the_hub_holds():
    stream = LiveStream(gop=50)
    stream.frames(30)
    cutter_, sink = cut(stream)
    stream.frames(5)
    cutter_.end()
    assert [unit for fragment in sink.fragments for unit in fragment.units] == stream.units
    assert counts(sink) == [13, 13, 9]
    assert sink.fragments[0].starts_with_key


@pytest.mark.parametrize("tracks", [(AUDIO,), (VIDEO,)])
def test_where_every_unit_is_a_key_frame_they_tell_nothing(tracks):
    stream = LiveStream(tracks=tracks, gop=1)
    _, sink = cut(stream)
    stream.frames(40)
    assert counts(sink) == [13, 13, 13]
    assert all(fragment.starts_with_key for fragment in sink.fragments)


def test_a_gop_of_thirty_seconds_is_cut_into_fragments_of_half_a_second():
    stream = LiveStream(gop=750)
    _, sink = cut(stream)
    stream.frames(751)
    assert max(counts(sink)) == 13
    assert sum(counts(sink)) == 750
    assert [fragment.starts_with_key for fragment in sink.fragments].count(True) == 1


def test_a_burst_after_a_stall_is_cut_by_its_media_times():
    stream = LiveStream()
    _, sink = cut(stream)
    stream.frames(1)
    stream.clock.advance(4 * NS_PER_S)
    for number in range(1, 100):
        stream.push(0, key=number % 25 == 0, back_ns=4 * NS_PER_S - number * FRAME_NS)
    assert counts(sink) == [1, 13, 11, 13, 12, 13, 12, 13]
    assert not any(fragment.new_run for fragment in sink.fragments[1:])


def test_without_a_following_unit_a_fragment_is_closed_in_time():
    stream = LiveStream()
    cutter_, sink = cut(stream)
    stream.frames(3)
    first = stream.units[0].arrived_ns
    tick(stream, cutter_, 2 * NS_PER_S, 10 * NS_PER_MS)
    assert counts(sink) == [3]
    assert (
        cutter.FRAGMENT_TIMEOUT_NS <= sink.fragments[0].closed_ns - first <= cutter.FRAGMENT_TIMEOUT_NS + 10 * NS_PER_MS
    )
    # The picture after it goes on in the same run, as a stalled network is no gap.
    stream.push(0, key=False, back_ns=stream.clock.monotonic_ns() - stream.units[-1].arrived_ns - FRAME_NS)
    stream.frames(20)
    assert not sink.fragments[1].new_run


def test_pictures_that_stay_away_do_not_keep_the_sound_in_memory():
    stream = LiveStream(tracks=(VIDEO, AUDIO))
    cutter_, sink = cut(stream)
    stream.frames(2)
    for _ in range(100):
        stream.clock.advance(20 * NS_PER_MS)
        stream.push(1)
        cutter_.on_timeout(stream.clock.monotonic_ns())
    assert sum(counts(sink)) > 60
    assert not any(fragment.starts_with_key for fragment in sink.fragments[1:])


def test_a_slow_camera_loses_no_second_to_a_kill():
    stream = LiveStream(frame_ns=NS_PER_S, gop=10)
    cutter_, sink = cut(stream)
    for _ in range(20):
        stream.frames(1, step_ns=0)
        tick(stream, cutter_, NS_PER_S)
        assert sum(counts(sink)) == len(stream.units)
    assert [fragment.new_run for fragment in sink.fragments].count(True) == 1


def test_a_reconnect_begins_a_run_and_ends_what_was_open():
    stream = LiveStream()
    _, sink = cut(stream)
    stream.frames(20)
    stream.connect()
    stream.frames(26)
    assert counts(sink) == [13, 7, 13, 12]
    assert [fragment.new_run for fragment in sink.fragments] == [True, False, True, False]


def test_a_break_of_the_stream_is_one_when_it_is_longer_than_a_second_and_three_intervals():
    stream = LiveStream()
    _, sink = cut(stream)
    stream.frames(30)
    stream.frames(1, step_ns=NS_PER_S - NS_PER_MS)
    stream.frames(30)
    assert [fragment.new_run for fragment in sink.fragments].count(True) == 1
    stream.frames(1, step_ns=NS_PER_S + NS_PER_MS)
    stream.frames(30)
    assert [fragment.new_run for fragment in sink.fragments].count(True) == 2
    # A picture in ten seconds: the first interval is not yet known to be a usual one.
    rare = LiveStream(frame_ns=10 * NS_PER_S, gop=2)
    cutter_, sink = cut(rare)
    rare.frames(10)
    cutter_.end()
    assert [fragment.new_run for fragment in sink.fragments] == [True, True] + [False] * 8
    rare.frames(1, step_ns=31 * NS_PER_S)


def test_a_slow_camera_that_reconnects_has_no_gap_after_its_first_picture():
    stream = LiveStream(frame_ns=5 * NS_PER_S, gop=1)
    cutter_, sink = cut(stream)
    stream.frames(6)
    stream.connect()
    stream.frames(6)
    cutter_.end()
    assert [fragment.new_run for fragment in sink.fragments] == [True, True, *[False] * 4, True, *[False] * 5]


def test_sound_that_goes_on_is_no_gap():
    stream = LiveStream(tracks=(VIDEO, AUDIO))
    _, sink = cut(stream)
    stream.frames(20)
    for _ in range(100):
        stream.clock.advance(FRAME_NS)
        stream.push(1)
    stream.frames(20)
    assert [fragment.new_run for fragment in sink.fragments].count(True) == 1


def test_the_hosts_clock_set_back_begins_a_run():
    stream = LiveStream(gop=1000)
    _, sink = cut(stream)
    stream.frames(60)
    stream.clock.step_utc(-3600 * NS_PER_S)
    stream.frames(60)
    runs = [fragment for fragment in sink.fragments if fragment.new_run]
    assert len(runs) == 2
    assert not runs[1].starts_with_key
    assert runs[1].start_utc_ns < runs[0].start_utc_ns
    for fragment in sink.fragments:
        assert fragment.end_utc_ns - fragment.start_utc_ns < NS_PER_S


def test_the_hosts_clock_set_back_by_a_little_begins_a_run_too():
    stream = LiveStream(tracks=(VIDEO, AUDIO), gop=1000)
    _, sink = cut(stream)
    stream.frames(60)
    stream.clock.step_utc(-200 * NS_PER_MS)
    stream.frames(60)
    assert [fragment.new_run for fragment in sink.fragments].count(True) == 2


def test_the_hosts_clock_set_forward_is_a_gap():
    stream = LiveStream()
    _, sink = cut(stream)
    stream.frames(60)
    stream.clock.step_utc(3600 * NS_PER_S)
    stream.frames(60)
    assert [fragment.new_run for fragment in sink.fragments].count(True) == 2


def b_frames(stream, count):
    """Groups I0 P3 B1 B2: decoded in this order, presented as numbered; each arrives with the picture behind it."""
    for group in range(count):
        for number, place in enumerate((3, 1, 2)):
            stream.clock.advance(FRAME_NS)
            stream.push(0, key=group == 0 and number == 0, back_ns=(5 - place + number) * FRAME_NS)


def test_b_frames_are_no_clock_set_back():
    stream = LiveStream()
    cutter_, sink = cut(stream)
    b_frames(stream, 40)
    cutter_.end()
    assert [fragment.new_run for fragment in sink.fragments].count(True) == 1
    assert sum(counts(sink)) == 120
    times = [unit.utc_ns for unit in stream.units]
    assert times != sorted(times)
    assert any(fragment.end_utc_ns > fragment.units[-1].utc_ns for fragment in sink.fragments)


def test_a_clock_set_back_at_a_b_frame_is_seen_there():
    stream = LiveStream()
    _, sink = cut(stream)
    b_frames(stream, 24)
    stream.clock.step_utc(-3600 * NS_PER_S)
    b_frames(stream, 24)
    assert [fragment.new_run for fragment in sink.fragments].count(True) == 2
    for fragment in sink.fragments:
        assert fragment.end_utc_ns - fragment.start_utc_ns < NS_PER_S


def test_new_parameter_sets_close_a_fragment_and_go_with_the_next():
    stream = LiveStream(gop=1000)
    _, sink = cut(stream)
    stream.frames(8)
    other = replace(VIDEO, parameter_sets=(b"\x67\x65", b"\x68\xee"))
    stream.hub._set_tracks((other,))
    stream.frames(14)
    assert counts(sink) == [8, 13]
    assert [fragment.tracks for fragment in sink.fragments] == [(VIDEO,), (other,)]
    assert not sink.fragments[1].new_run


def test_another_set_of_tracks_after_a_reconnect():
    stream = LiveStream()
    cutter_, sink = cut(stream)
    stream.frames(8)
    stream.tracks = (AUDIO, Track(Codec.H265, 90_000))
    stream.connect()
    stream.push(0)
    stream.push(1)
    cutter_.end()
    assert [(fragment.new_run, fragment.lead, fragment.tracks) for fragment in sink.fragments] == [
        (True, 0, (VIDEO,)),
        (True, 1, stream.hub.tracks),
    ]


def test_a_flood_is_cut_by_its_size():
    stream = LiveStream(gop=1000, size=3 << 20)
    cutter_, sink = cut(stream)
    for _ in range(10):
        stream.push(0, key=False) if stream.units else stream.push(0)
        stream.clock.advance(NS_PER_MS)
        assert cutter_.held_bytes <= cutter.MAX_FRAGMENT_BYTES
    assert counts(sink) == [3, 3, 3]


def test_a_camera_that_is_gone_ends_its_segment_once():
    stream = LiveStream()
    cutter_, sink = cut(stream)
    stream.frames(3)
    stream.run.end()
    tick(stream, cutter_, 60 * NS_PER_S)
    assert [one if one is None else len(one.units) for one in sink.all] == [3, None]
    stream.connect()
    stream.frames(14)
    assert sink.fragments[-1].new_run


def test_a_camera_that_falls_silent_ends_its_segment_after_a_while():
    stream = LiveStream()
    cutter_, sink = cut(stream)
    stream.frames(3)
    tick(stream, cutter_, cutter.IDLE_NS)
    assert sink.all[-1] is not None
    tick(stream, cutter_, 10 * NS_PER_S)
    assert sink.all[-1] is None
    assert sink.all.count(None) == 1


def test_the_clock_that_the_camera_claims_belongs_to_its_run():
    stream = LiveStream()
    _, sink = cut(stream)
    stream.frames(2)
    stream.run.report(0, stream.clock.utc_ns() + 7 * NS_PER_S, 3600, MonotonicNs(0))
    stream.frames(12)
    stream.connect()
    stream.frames(14)
    clocks = [fragment.camera_clock for fragment in sink.fragments]
    assert [clock.reports for clock in clocks] == [1, 1, 0]
    assert clocks[0] is clocks[1]


def test_after_the_end_nothing_comes():
    stream = LiveStream()
    cutter_, sink = cut(stream)
    stream.frames(3)
    cutter_.end()
    stream.frames(30)
    assert counts(sink) == [3]
