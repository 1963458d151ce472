"""Where recorded units are shown, and when they are due."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from bridge.base.time import NS_PER_MS, NS_PER_S
from bridge.media.replay_line import JUMP_NS, LATE_NS, STEP_NS, ReplayLine

FRAME = 40 * NS_PER_MS
DAY = 1_800_000_000 * NS_PER_S
NOW = 5_000 * NS_PER_S


def line(scale=1):
    made = ReplayLine()
    made.begin(Fraction(scale))
    return made


def place(made, utc_ns, latest_ns=None, *, now=NOW, discontinuity=False, end=False, starved=False, sent_ns=None):
    latest_ns = utc_ns if latest_ns is None else latest_ns
    placed = made.place(utc_ns, latest_ns, discontinuity=discontinuity, end=end, now=now)
    made.sent(placed, placed.due_ns if sent_ns is None else sent_ns, starved=starved)
    return placed


def test_the_first_unit_is_shown_now_and_the_others_as_far_from_it_as_they_were_captured():
    made = line()
    places = [place(made, DAY + FRAME * n, discontinuity=n == 0) for n in range(3)]
    assert [each.show_ns for each in places] == [NOW, NOW + FRAME, NOW + 2 * FRAME]
    assert [each.due_ns for each in places] == [NOW, NOW + FRAME, NOW + 2 * FRAME]
    assert {each.jumps for each in places} == {1}


def test_scale_divides():
    for scale, step in ((2, FRAME // 2), (Fraction(1, 4), 4 * FRAME)):
        made = line(scale)
        assert place(made, DAY).show_ns == NOW
        assert place(made, DAY + FRAME).show_ns == NOW + step


def test_a_gap_is_skipped_at_once_on_every_track():
    made = line()
    place(made, DAY, discontinuity=True)
    place(made, DAY + FRAME)
    behind = place(made, DAY + 3600 * NS_PER_S, discontinuity=True)
    assert behind.show_ns == NOW + FRAME + STEP_NS
    # The first sound behind the gap, a little later than the picture.
    assert place(made, DAY + 3600 * NS_PER_S + FRAME, discontinuity=True) == type(behind)(
        behind.show_ns + FRAME, behind.due_ns + FRAME, behind.jumps
    )


def test_a_short_pause_lasts_as_long_as_it_did():
    made = line()
    place(made, DAY, discontinuity=True)
    assert place(made, DAY + JUMP_NS, discontinuity=True).show_ns == NOW + JUMP_NS


def test_a_picture_that_is_shown_before_the_one_sent_before_it_is_due_with_that():
    made = line()
    place(made, DAY)
    later = place(made, DAY + 3 * FRAME)
    between = place(made, DAY + FRAME)
    assert (between.show_ns, between.due_ns) == (NOW + FRAME, later.due_ns)


def test_in_reverse_a_gop_is_due_when_its_last_picture_is_shown():
    made = line(-1)
    first = [place(made, DAY + FRAME * n, DAY + FRAME * 2, discontinuity=n == 0) for n in range(3)]
    assert [each.show_ns for each in first] == [NOW + 2 * FRAME, NOW + FRAME, NOW]
    assert {each.due_ns for each in first} == {NOW}
    before = place(made, DAY - 3 * FRAME, DAY - FRAME, discontinuity=True)
    assert (before.show_ns, before.due_ns) == (NOW + 5 * FRAME, NOW + 3 * FRAME)


def test_in_reverse_a_gap_is_skipped_where_a_unit_said_so():
    made = line(-1)
    place(made, DAY, DAY + FRAME, discontinuity=True)
    place(made, DAY + FRAME, end=True)
    behind = place(made, DAY - 3600 * NS_PER_S, DAY - 3600 * NS_PER_S + FRAME, discontinuity=True)
    assert (behind.show_ns, behind.due_ns) == (NOW + FRAME + STEP_NS + FRAME, NOW + FRAME + STEP_NS)


def test_a_new_play_is_shown_now_and_never_before_what_was_shown():
    made = line()
    place(made, DAY)
    place(made, DAY + NS_PER_S)
    made.begin(Fraction(-1))
    at_once = place(made, DAY, discontinuity=True)
    assert (at_once.show_ns, at_once.due_ns) == (NOW + NS_PER_S + STEP_NS, NOW)
    assert place(made, DAY - NS_PER_S, discontinuity=True).due_ns == NOW + NS_PER_S
    made.begin(Fraction(1))
    assert place(made, DAY, now=NOW + 60 * NS_PER_S).show_ns == NOW + 60 * NS_PER_S


def test_who_is_late_hurries_after_for_a_second_and_then_the_line_waits():
    made = line()
    place(made, DAY, sent_ns=NOW + LATE_NS)
    assert made.lag_ns == 0
    place(made, DAY + FRAME, sent_ns=NOW + FRAME + LATE_NS + 1)
    third = place(made, DAY + 2 * FRAME)
    assert (third.show_ns, third.due_ns) == (NOW + 2 * FRAME, NOW + 2 * FRAME + LATE_NS + 1)


def test_at_the_live_edge_the_line_waits_at_once():
    made = line()
    place(made, DAY, sent_ns=NOW + FRAME, starved=True)
    assert place(made, DAY + FRAME).due_ns == NOW + 2 * FRAME


@given(
    st.lists(st.tuples(st.integers(1, 10 * NS_PER_S), st.booleans()), min_size=1, max_size=40),
    st.sampled_from([Fraction(1), Fraction(3, 2), Fraction(64), Fraction(1, 16)]),
)
def test_forwards_shows_rise_and_nothing_is_due_before_what_came_before(steps, scale):
    made = ReplayLine()
    made.begin(scale)
    utc_ns, now, before = DAY, NOW, None
    for step, discontinuity in steps:
        utc_ns += step
        here = place(made, utc_ns, now=now, discontinuity=discontinuity)
        if before is not None:
            assert here.show_ns >= before.show_ns
            assert here.due_ns >= before.due_ns
            assert here.show_ns - before.show_ns <= max(step / scale, STEP_NS) + 1
        before, now = here, max(now, here.due_ns)
