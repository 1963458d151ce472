from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import LocalProtocolError
from bridge.base.media import Codec, Track
from bridge.wire.mp4.decode_times import MAX_REORDERED, DecodeTimes, begin_run

VIDEO = Track(Codec.H264, 90_000)
AUDIO = Track(Codec.PCMU, 8000)
FRAME = 3600


def in_fragments(media_times, sizes, *, tell_next=True, track=VIDEO, not_before=None):
    """(decode times, durations) of a run that is cut into fragments of these sizes, the last one as long as needed."""
    decode = DecodeTimes(track)
    times, durations, at = [], [], 0
    for size in [*sizes, len(media_times)]:
        fragment, rest = media_times[at : at + size], media_times[at + size :]
        if fragment:
            some = decode.assign(fragment, rest[0] if rest and tell_next else None, not_before=not_before)
            times += some[0]
            durations += some[1]
        at += size
    return times, durations


def rises(times):
    return all(before < after for before, after in pairwise(times))


def display_numbers(gops):
    """Numbers in display order, in decoding order: each GOP a list of mini GOPs, so many B-frames before each P."""
    numbers, shown = [], 0
    for mini_gops in gops:
        numbers.append(shown)
        shown += 1
        for count in mini_gops:
            numbers.append(shown + count)
            numbers += middle_out(shown, shown + count)
            shown += count + 1
    return numbers


def middle_out(start, end):
    """A pyramid: the B-frame in the middle first, as the others refer to it."""
    if start >= end:
        return []
    middle = (start + end) // 2
    return [middle, *middle_out(start, middle), *middle_out(middle + 1, end)]


GOPS = st.lists(st.lists(st.integers(0, 7), max_size=6), min_size=1, max_size=6)
CUTS = st.lists(st.integers(1, 20), max_size=12)


def test_without_reordering_decode_times_are_media_times():
    media_times = [90_000 + number * FRAME for number in range(12)]
    times, durations = in_fragments(media_times, [5])
    assert times == media_times
    assert durations == [FRAME] * 12


def test_one_b_frame():
    # I P B P B in decoding order
    media_times = [number * FRAME for number in (0, 2, 1, 4, 3)]
    times, durations = in_fragments(media_times, [])
    assert times == [number * FRAME for number in (-1, 0, 1, 2, 3)]
    assert durations == [FRAME] * 5


def test_a_depth_that_shows_late_costs_ticks_not_order():
    decode = DecodeTimes(VIDEO)
    assert decode.assign([0]) == ([0], [FRAME])
    times, _ = decode.assign([4 * FRAME, 2 * FRAME, FRAME, 3 * FRAME])
    assert decode.depth == 2
    assert times == [1, 2, FRAME, 2 * FRAME]
    assert decode.assign([5 * FRAME, 6 * FRAME])[0] == [3 * FRAME, 4 * FRAME]


def test_leading_pictures_of_an_open_gop_in_the_next_fragment():
    # A fragment ends before the key frame (8), which is decoded before 6 and 7.
    media_times = [number * FRAME for number in (0, 3, 1, 2, 5, 4, 8, 6, 7, 11, 9, 10)]
    times, durations = in_fragments(media_times, [6])
    assert rises(times)
    assert [time // FRAME for time in times] == list(range(-1, 11))
    assert set(durations) == {FRAME}


def test_what_a_duration_says_is_where_the_next_fragment_begins():
    decode = DecodeTimes(VIDEO)
    times, durations = decode.assign([0, FRAME], 5 * FRAME)
    assert decode.assign([5 * FRAME, 4 * FRAME, 3 * FRAME])[0][0] == times[-1] + durations[-1]


def test_an_unknown_following_time_repeats_the_duration_before():
    assert DecodeTimes(VIDEO).assign([0, 3000, 6000])[1] == [3000, 3000, 3000]


@pytest.mark.parametrize(
    ("track", "ticks"), [(VIDEO, 3600), (AUDIO, 160), (Track(Codec.H265, 90_000, frame_rate=10), 9000)]
)
def test_a_sample_alone_has_a_usual_duration(track, ticks):
    assert DecodeTimes(track).assign([7])[1] == [ticks]


def test_nothing_lies_before_the_origin():
    decode = DecodeTimes(AUDIO)
    assert decode.assign([90, 250, 410], not_before=100)[0] == [100, 250, 410]


def test_audio_is_never_reordered():
    decode = DecodeTimes(AUDIO)
    assert decode.assign([0, 160, 100, 320])[0] == [0, 160, 161, 320]
    assert decode.depth == 0


def test_equal_times_still_rise():
    assert rises(DecodeTimes(VIDEO).assign([5, 5, 5, 5])[0])


def test_a_jump_that_no_offset_can_tell_is_refused():
    decode = DecodeTimes(AUDIO)
    decode.assign([1 << 40])
    with pytest.raises(LocalProtocolError, match="a new run was due"):
        decode.assign([0])


def test_a_very_long_pause_promises_nothing():
    decode = DecodeTimes(AUDIO)
    assert decode.assign([0, 160], 1 << 40) == ([0, 160], [160, 160])
    assert decode.assign([1 << 40])[0] == [1 << 40]


def test_depth_is_bounded():
    decode = DecodeTimes(VIDEO)
    decode.assign(list(range(1000, 1100)))
    assert rises(decode.assign(list(range(500, 600)))[0])
    assert decode.depth == MAX_REORDERED


def test_of_each_track():
    assert len(begin_run([VIDEO, AUDIO])) == 2


@given(GOPS, CUTS, st.booleans(), st.integers(1, 10_000), st.integers(0, 1 << 40))
def test_any_gop_structure_cut_anywhere(gops, sizes, tell_next, step, start):
    media_times = [start + number * step for number in display_numbers(gops)]
    times, durations = in_fragments(media_times, sizes, tell_next=tell_next)
    assert rises(times)
    assert all(duration > 0 for duration in durations)
    # Never further behind than the deepest reordering there is.
    assert min(times) >= start - MAX_REORDERED * step
    if tell_next:
        assert [time + duration for time, duration in zip(times, durations, strict=True)][:-1] == times[1:]


@given(GOPS, st.integers(1, 10_000))
def test_known_as_a_whole_nothing_is_decoded_after_it_is_shown(gops, step):
    media_times = [number * step for number in display_numbers(gops)]
    times, _ = in_fragments(media_times, [])
    assert all(time <= media_time for time, media_time in zip(times, media_times, strict=True))
    # Even presentation gives even decoding, but for nothing.
    assert {after - before for before, after in pairwise(times)} <= {step}


@given(GOPS, CUTS)
def test_once_the_depth_was_shown_offsets_are_not_negative(gops, sizes):
    warm = display_numbers([[7, 7, 7]])
    media_times = [number * FRAME for number in warm + [len(warm) + number for number in display_numbers(gops)]]
    times, _ = in_fragments(media_times, [len(warm), *sizes])
    assert all(time <= media_time for time, media_time in zip(times, media_times, strict=True))


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=60), CUTS, st.booleans(), st.integers(0, 10_000))
def test_any_times_at_all_rise(media_times, sizes, tell_next, origin):
    times, durations = in_fragments(media_times, sizes, tell_next=tell_next, not_before=origin)
    assert rises(times)
    assert times[0] >= origin
    assert all(duration > 0 for duration in durations)
