from dataclasses import replace

import pytest

from bridge.base.time import NS_PER_S
from bridge.recorder.cutter import Cutter
from bridge.recorder.segment_rule import Begins, SegmentRule
from tests.recorder.streams import AUDIO, VIDEO, LiveStream, Sink


def fragments(pictures=300, **settings):
    stream, sink = LiveStream(**settings), Sink()
    Cutter(stream.hub, sink)
    stream.frames(pictures)
    return sink.fragments


def begun(rule, fragments):
    return [
        (fragment.sequence, begins) for fragment in fragments if (begins := rule.begins(fragment)) is not Begins.NOTHING
    ]


def starts_s(rule, fragments):
    """Where segments begin, in seconds since the first."""
    zero = fragments[0].start_utc_ns
    return [
        (fragment.start_utc_ns - zero) / NS_PER_S
        for fragment in fragments
        if rule.begins(fragment) is not Begins.NOTHING
    ]


def test_cut_at_the_first_key_frame_after_its_length():
    assert starts_s(SegmentRule(2 * NS_PER_S), fragments(gop=30)) == [0, 2.4, 4.8, 7.2, 9.6]
    assert starts_s(SegmentRule(2 * NS_PER_S), fragments(gop=25)) == [0, 2, 4, 6, 8, 10]


def test_where_no_key_frame_comes_it_is_forced():
    cuts = fragments(900, gop=750)
    rule = SegmentRule(NS_PER_S)
    starts = starts_s(rule, cuts)
    # What began without a key frame ends with the next one, however short it is.
    assert [start // 1 for start in starts] == [0, 4, 8, 12, 16, 20, 24, 29, 30, 34]
    assert starts[-2] == 30


@pytest.mark.parametrize("tracks", [(AUDIO,), (VIDEO,)])
def test_sound_and_key_frames_alone_are_cut_by_length(tracks):
    assert starts_s(SegmentRule(2 * NS_PER_S), fragments(tracks=tracks, gop=1)) == pytest.approx(
        [0, 2.08, 4.16, 6.24, 8.32, 10.4]
    )


def test_the_first_fragment_begins_a_run_and_what_follows_a_break_too():
    cuts = fragments()
    cuts[7] = replace(cuts[7], new_run=True)
    assert begun(SegmentRule(60 * NS_PER_S), cuts)[:2] == [(1, Begins.RUN), (8, Begins.RUN)]


def test_a_lost_fragment_begins_a_run():
    cuts = fragments()
    assert begun(SegmentRule(60 * NS_PER_S), cuts[:4] + cuts[6:]) == [(1, Begins.RUN), (7, Begins.RUN)]


def test_other_tracks_begin_a_segment():
    cuts = fragments(gop=1000)
    other = (replace(VIDEO, parameter_sets=(b"\x67\x65",)),)
    cuts = [replace(fragment, tracks=other) if fragment.sequence > 5 else fragment for fragment in cuts]
    assert begun(SegmentRule(60 * NS_PER_S), cuts) == [(1, Begins.RUN), (6, Begins.SEGMENT)]


def test_what_was_finished_is_not_gone_on_with():
    cuts, rule = fragments(gop=1000), SegmentRule(60 * NS_PER_S)
    assert begun(rule, cuts[:3]) == [(1, Begins.RUN)]
    rule.close()
    assert begun(rule, cuts[3:6]) == [(4, Begins.SEGMENT)]
    rule.lose()
    assert begun(rule, cuts[6:9]) == [(7, Begins.RUN)]
