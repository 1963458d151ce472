"""What waits for its flags, in what order it comes, and how much of it."""

from bridge.base.media import AccessUnit
from bridge.base.time import NS_PER_S
from bridge.recorder.replay_marks import LONGEST_WAIT_NS, MOST_WAITING_BYTES, Marks
from bridge.store.reader import Begin


def unit(track, second, *, size=1, key=False):
    return AccessUnit(track, 0, round(second * NS_PER_S), 0, key or track > 0, (bytes(size),))


def told(items):
    """(track, second, flags) of each unit, "begin" of the others."""
    return [
        "begin"
        if isinstance(one, Begin)
        else (
            one.unit.track,
            one.unit.utc_ns / NS_PER_S,
            "C" * one.clean + "E" * one.end + "D" * one.discontinuity + "T" * one.terminal,
        )
        for one in items
    ]


def test_one_of_each_track_waits_and_the_order_stays():
    marks = Marks()
    assert told(marks.begin(Begin((), 0, 1))) == ["begin"]
    assert told(marks.add(unit(0, 0, key=True))) == []
    assert told(marks.add(unit(1, 0.5))) == []
    assert told(marks.add(unit(1, 0.6))) == []
    assert told(marks.add(unit(0, 1))) == [(0, 0, "CD"), (1, 0.5, "CD")]
    assert told(marks.begin(Begin((), 0, 2))) == []
    marks.end()
    assert told(marks.add(unit(0, 9, key=True))) == [(1, 0.6, "CE"), (0, 1, "E"), "begin"]
    marks.end(terminal=True)
    assert told(marks.flush()) == [(0, 9, "CEDT")]
    assert told(marks.flush()) == []


def test_what_was_the_end_is_terminal_when_nothing_comes():
    marks = Marks()
    list(marks.add(unit(0, 0, key=True)))
    marks.end()
    marks.end(terminal=True)
    assert told(marks.flush()) == [(0, 0, "CEDT")]


def test_a_jump_is_no_end():
    marks = Marks()
    list(marks.add(unit(0, 5, key=True)))
    marks.jump()
    assert told(marks.add(unit(0, 1, key=True))) == [(0, 5, "CD")]
    assert told(marks.flush()) == [(0, 1, "CD")]
    assert told(marks.add(unit(0, 2))) == []
    assert told(marks.goes_on((0, 1))) == [(0, 2, "")]


def test_a_track_that_fell_silent_holds_nothing_up_for_long():
    marks = Marks()
    list(marks.add(unit(1, 0)))
    most = LONGEST_WAIT_NS // NS_PER_S
    for second in range(most + 1):
        assert told(marks.add(unit(0, second))) == []
    assert told(marks.add(unit(0, most + 1)))[:2] == [(1, 0, "CD"), (0, 0, "D")]
    marks.end()
    assert told(marks.flush()) == [(0, most + 1, "E")]


def test_what_waits_is_bounded():
    marks = Marks()
    list(marks.add(unit(1, 0)))
    assert told(marks.add(unit(0, 0.1, size=MOST_WAITING_BYTES // 2))) == []
    assert told(marks.add(unit(0, 0.2, size=MOST_WAITING_BYTES // 2))) == [(1, 0, "CD"), (0, 0.1, "D")]
