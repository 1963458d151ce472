"""Edges of footage against a model that looks at everything at once."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.time import NS_PER_S
from bridge.recorder.history import FIRST_WINDOW_NS, MANY, Presence, edges, present
from bridge.store.gaps import Stretch, coverage
from bridge.store.rows import RunRow

S = NS_PER_S
DAY_S = FIRST_WINDOW_NS // S
INTERVAL_NS = S // 25


def runs_of(*stretches_s):
    return [
        RunRow(1, number, number, number, round(begin * S), round(end * S), INTERVAL_NS)
        for number, (begin, end) in enumerate(stretches_s, 1)
    ]


class Asked:
    """As `Library.coverage` answers; counts how much was looked at."""

    def __init__(self, runs):
        self.runs = runs
        self.windows = []
        self.most = 0

    def __call__(self, from_ns, until_ns):
        self.windows.append((from_ns, until_ns))
        found = [run for run in self.runs if run.start_utc_ns < until_ns and run.end_utc_ns > from_ns]
        self.most = max(self.most, len(found))
        return coverage(found)


def seconds(found):
    return [(edge.utc_ns / S, edge.present) for edge in found]


TWO = runs_of((10, 20), (20.5, 30), (40, 50))  # half a second is no gap


@pytest.mark.parametrize(
    ("from_s", "until_s", "expected"),
    [
        (0, 100, [(10, True), (30, False), (40, True), (50, False)]),
        (10, 50, [(10, True), (30, False), (40, True), (50, False)]),
        (10.1, 49.9, [(30, False), (40, True)]),
        (15, 25, []),
        (20.2, 30, [(30, False)]),
        (35, 35, []),
        (40, 40, [(40, True)]),
        (50, 40, []),
    ],
)
def test_edges_of_a_range(from_s, until_s, expected):
    covers = Asked(TWO)
    assert seconds(edges(covers, round(from_s * S), round(until_s * S))) == expected
    assert seconds(edges(covers, round(from_s * S), round(until_s * S), backward=True)) == expected[::-1]


def test_what_is_being_written_has_no_end():
    covers = Asked(TWO)
    assert seconds(edges(covers, 0, 100 * S, open_from_ns=50 * S))[-1] == (40, True)
    assert seconds(edges(covers, 0, 100 * S, backward=True, open_from_ns=49 * S))[0] == (40, True)
    assert present(covers, 55 * S, before=True, open_from_ns=50 * S)
    assert not present(covers, 55 * S, before=True)


@pytest.mark.parametrize(
    ("at_s", "before", "at"),
    [(9, False, False), (10, False, True), (15, True, True), (20.2, True, True), (30, True, False), (35, False, False)],
)
def test_whether_there_is_footage_at_an_instant(at_s, before, at):
    covers = Asked(TWO)
    assert present(covers, round(at_s * S), before=True) is before
    assert present(covers, round(at_s * S), before=False) is at


def test_a_stretch_over_many_windows_is_one():
    covers = Asked(runs_of((0, 100 * DAY_S), (100 * DAY_S + 0.5, 300 * DAY_S)))
    expected = [Presence(0, True), Presence(300 * DAY_S * S, False)]
    assert list(edges(covers, -S, 400 * DAY_S * S)) == expected
    assert list(edges(covers, -S, 400 * DAY_S * S, backward=True)) == expected[::-1]
    assert len(covers.windows) < 30


def test_a_year_is_looked_up_as_somebody_pulls():
    """A camera that reconnects every minute."""
    covers = Asked(runs_of(*((60 * minute, 60 * minute + 50) for minute in range(20 * 1440))))
    pulled = list(itertools.islice(edges(covers, 0, 365 * DAY_S * S), 100))
    assert len(pulled) == 100
    assert len(covers.windows) == 1
    assert sum(1 for _ in edges(covers, 0, 365 * DAY_S * S)) == 2 * 20 * 1440
    assert covers.most <= 1441
    assert MANY < 1441


PAUSES = st.sampled_from([0, 0.3, 0.9, 1.5, 40, DAY_S / 2, 3 * DAY_S])
STEPS = st.lists(st.tuples(PAUSES, st.sampled_from([0.5, 20, DAY_S, 9 * DAY_S])), max_size=12)


@given(STEPS, st.integers(-DAY_S, 40 * DAY_S), st.integers(-DAY_S, 40 * DAY_S), st.integers(0, 3))
def test_any_window_finds_what_looking_at_all_finds(steps, first_s, second_s, shift_s):
    at, stretches = shift_s, []
    for pause, length in steps:
        stretches.append((at + pause, at + pause + length))
        at += pause + length
    covers = Asked(runs_of(*stretches))
    from_ns, until_ns = sorted((first_s * S, second_s * S))
    model = [
        edge
        for one in coverage(covers.runs)
        for edge in (Presence(one.from_utc_ns, True), Presence(one.until_utc_ns, False))
        if from_ns <= edge.utc_ns <= until_ns
    ]
    found = list(edges(covers, from_ns, until_ns))
    assert found == model
    assert list(edges(covers, from_ns, until_ns, backward=True)) == model[::-1]
    assert all(one.present != after.present for one, after in itertools.pairwise(found))
    state = present(covers, from_ns, before=True)
    if found:
        assert state != found[0].present
    else:
        assert state == any(
            isinstance(one, Stretch) and one.from_utc_ns < from_ns <= one.until_utc_ns for one in coverage(covers.runs)
        )
