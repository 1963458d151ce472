import random
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_MS, NS_PER_S
from bridge.media.timeline import STALL_GRACE_NS, STALL_PROOF_NS, Timeline

VIDEO = Track(Codec.H264, 90_000)
AUDIO = Track(Codec.PCMU, 8000)
METADATA = Track(Codec.ONVIF_METADATA, 90_000)
FRAME_NS = 40 * NS_PER_MS
FRAME = 3600


def started(*tracks, now_ns=0):
    timeline = Timeline()
    timeline.begin_run(tracks or (VIDEO,), now_ns)
    return timeline


class Place(NamedTuple):
    media_time: int
    captured_ns: int


def date(timeline, track, raw, arrived_ns):
    return Place(*timeline.tracks[track].date(raw, arrived_ns))


def feed(timeline, units, track=0):
    return [date(timeline, track, raw, arrived_ns) for raw, arrived_ns in units]


def rises(dated):
    return all(a.media_time < b.media_time and a.captured_ns < b.captured_ns for a, b in pairwise(dated))


@pytest.mark.parametrize("ppm", [-200, -50, 0, 50, 200])
def test_drift_is_followed_and_jitter_taken_out(ppm):
    chance = random.Random(ppm)
    timeline = started()
    errors = []
    for number in range(25 * 1800):
        true_ns = number * FRAME_NS * (1_000_000 + ppm) // 1_000_000
        jitter_ns = chance.choice([0, 1, 2, 5, 30, 200]) * NS_PER_MS
        dated = date(timeline, 0, number * FRAME, true_ns + jitter_ns)
        if number > 250:
            errors.append(dated.captured_ns - true_ns)
    assert timeline.discontinuities == 0
    assert min(errors) >= 0
    assert max(errors) < 5 * NS_PER_MS


def test_documents_of_one_moment_follow_each_other():
    """Events come in bursts, and analytics a little after them."""
    timeline = started(METADATA)
    units = [
        (100, 0),
        (100, 1),
        (90_100, NS_PER_S),
        (90_100, NS_PER_S + 1),
        (89_000, NS_PER_S + 2),
        (90_101, NS_PER_S + 3),
    ]
    dated = feed(timeline, units)
    assert rises(dated)
    assert [place.media_time - dated[0].media_time for place in dated] == [0, 1, 90_000, 90_001, 90_002, 90_003]
    assert timeline.discontinuities == 0
    # A clock that stands is found out all the same, and so is one that was set back.
    standing = feed(timeline, [(90_101, NS_PER_S + n * FRAME_NS) for n in range(1, 100)])
    assert rises(standing)
    assert timeline.discontinuities >= 2
    assert abs(standing[-1].captured_ns - (NS_PER_S + 99 * FRAME_NS)) <= NS_PER_S
    before = timeline.discontinuities
    assert rises([standing[-1], *feed(timeline, [(-900_000, NS_PER_S + 100 * FRAME_NS)])])
    assert timeline.discontinuities == before + 1


def test_media_time_keeps_the_cameras_ticks():
    dated = feed(started(), [(7000 + 3600 * n, n * FRAME_NS + (n % 3) * NS_PER_MS) for n in range(50)])
    assert {b.media_time - a.media_time for a, b in pairwise(dated)} == {3600}
    assert rises(dated)


def test_a_late_first_picture_pulls_the_line_without_going_back():
    units = [(0, 500 * NS_PER_MS)] + [(FRAME * n, n * FRAME_NS) for n in range(13, 40)]
    dated = feed(started(), units)
    assert rises(dated)
    assert dated[-1].captured_ns == 39 * FRAME_NS


@pytest.mark.parametrize("jump", [-10_000_000, 100 * 90_000, 2**32, -(2**40)])
def test_a_clock_that_jumps_or_is_reset_starts_anew_in_step(jump):
    units = [(2**33 + FRAME * n + (jump if n >= 50 else 0), n * FRAME_NS) for n in range(100)]
    timeline = started()
    dated = feed(timeline, units)
    assert timeline.discontinuities == 1
    assert rises(dated)
    assert dated[-1].media_time - dated[0].media_time == 99 * FRAME
    assert dated[-1].captured_ns == 99 * FRAME_NS


def test_a_frozen_clock_is_dated_by_arrival():
    timeline = started()
    dated = feed(timeline, [(FRAME * min(n, 20), n * FRAME_NS) for n in range(60)])
    assert rises(dated)
    assert dated[-1].captured_ns == 59 * FRAME_NS
    assert dated[-1].media_time == 59 * FRAME
    assert timeline.discontinuities == 39


@pytest.mark.parametrize("rate", [0.2, 0.5, 2, 10])
def test_a_clock_of_a_wrong_rate_never_leaves_ours_by_more_than_the_limit(rate):
    dated = feed(started(), [(int(FRAME * n * rate), n * FRAME_NS) for n in range(2000)])
    assert rises(dated)
    assert all(abs(unit.captured_ns - n * FRAME_NS) <= NS_PER_S + FRAME_NS for n, unit in enumerate(dated))


def test_after_a_silence_of_the_network_the_cameras_clock_is_believed():
    arrivals = [n * FRAME_NS if not 50 <= n < 125 else 125 * FRAME_NS for n in range(200)]
    timeline = started()
    dated = feed(timeline, [(FRAME * n, at) for n, at in enumerate(arrivals)])
    assert timeline.discontinuities == 0
    assert [unit.captured_ns for unit in dated] == [n * FRAME_NS for n in range(200)]


@pytest.mark.parametrize("jitter_ms", [0, 30])
def test_a_camera_that_stood_still_is_moved_after_a_second(jitter_ms):
    gap_ns, dice = 5 * NS_PER_S, random.Random(1)
    late = [dice.randint(0, jitter_ms) * NS_PER_MS for _ in range(200)]
    arrivals = [n * FRAME_NS + (gap_ns if n >= 50 else 0) + late[n] for n in range(200)]
    timeline = started()
    dated = feed(timeline, [(FRAME * n, at) for n, at in enumerate(arrivals)])
    assert timeline.discontinuities == 1
    assert rises(dated)
    moved = next(n for n in range(51, 200) if dated[n].captured_ns - dated[n - 1].captured_ns > NS_PER_S)
    assert moved == 50 + STALL_PROOF_NS // FRAME_NS + (jitter_ms > 0 and arrivals[75] - arrivals[50] < STALL_PROOF_NS)
    assert abs(dated[-1].captured_ns - 199 * FRAME_NS - gap_ns) <= 30 * NS_PER_MS


@pytest.mark.parametrize("faster_percent", [10, 25, 50])
def test_a_network_that_catches_up_slowly_is_believed_for_the_grace(faster_percent):
    gap_ns, timeline = 4 * NS_PER_S, started()
    units = [(FRAME * n, n * FRAME_NS) for n in range(50)]
    lateness = gap_ns
    for n in range(50, 50 + STALL_GRACE_NS // FRAME_NS - 1):
        units.append((FRAME * n, n * FRAME_NS + lateness))
        lateness = max(0, lateness - FRAME_NS * faster_percent // 100)
    dated = feed(timeline, units)
    assert timeline.discontinuities == 0
    assert all(abs(unit.captured_ns - n * FRAME_NS) <= 5 * NS_PER_MS for n, unit in enumerate(dated))


def test_b_frames_keep_their_presentation_times():
    order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8]
    dated = feed(started(), [(FRAME * shown, n * FRAME_NS) for n, shown in enumerate(order)])
    assert [unit.media_time // FRAME for unit in dated] == order


def test_a_clock_set_back_a_little_is_no_b_frame():
    units = [(FRAME * n - (FRAME * 5 // 2 if n >= 200 else 0), n * FRAME_NS) for n in range(300)]
    timeline = started()
    dated = feed(timeline, units)
    assert timeline.discontinuities == 1
    assert rises(dated)


def test_a_step_back_while_learning_ends_when_no_reordering_would_be_so_deep():
    units = [(FRAME * n - (FRAME * 24 if n >= 10 else 0), n * FRAME_NS) for n in range(100)]
    timeline = started()
    dated = feed(timeline, units)
    assert timeline.discontinuities == 1
    assert rises(dated[40:])


def test_audio_never_goes_back():
    units = [(160 * n - (400 if n >= 10 else 0), n * 20 * NS_PER_MS) for n in range(50)]
    assert rises(feed(started(AUDIO), units))


def test_a_reconnect_goes_on_by_the_time_that_passed_and_tracks_stay_in_step():
    timeline = started(VIDEO, AUDIO)
    for n in range(100):
        video = date(timeline, 0, 5_000 + FRAME * n, n * FRAME_NS)
        audio = date(timeline, 1, 99_000 + 320 * n, n * FRAME_NS)
    timeline.begin_run((VIDEO, AUDIO), 110 * FRAME_NS)
    after = date(timeline, 0, 2**31, 124 * FRAME_NS)
    heard = date(timeline, 1, 7, 124 * FRAME_NS)
    assert after.media_time - video.media_time == 25 * FRAME
    assert heard.media_time - audio.media_time == 25 * 320
    assert abs(after.media_time / 90_000 - heard.media_time / 8000) < 0.001


def test_a_track_that_is_another_one_now_begins_where_the_stream_is():
    timeline = started(VIDEO, AUDIO)
    last = feed(timeline, [(FRAME * n, n * FRAME_NS) for n in range(100)])[-1]
    timeline.begin_run((Track(Codec.AAC, 48_000),), 100 * FRAME_NS)
    dated = date(timeline, 0, 123, 100 * FRAME_NS)
    assert dated.media_time / 48_000 == pytest.approx((last.media_time + FRAME) / 90_000)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-(2**40), 2**40) | st.integers(0, 20_000), st.integers(0, 3 * NS_PER_S), st.booleans()),
        max_size=60,
    )
)
def test_whatever_a_clock_does_audio_rises_and_never_is_far_in_the_future(steps):
    timeline = started(AUDIO)
    raw, arrived_ns, last = 0, 0, None
    for step, elapsed_ns, reconnect in steps:
        raw += step
        arrived_ns += elapsed_ns
        if reconnect:
            timeline.begin_run((AUDIO,), arrived_ns)
        dated = date(timeline, 0, raw, arrived_ns)
        if last is not None:
            assert dated.media_time > last.media_time
            assert dated.captured_ns > last.captured_ns
        assert dated.captured_ns <= arrived_ns + NS_PER_S + NS_PER_S // 100
        last = dated
