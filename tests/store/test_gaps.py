import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.time import NS_PER_MS, NS_PER_S
from bridge.store.gaps import Stretch, coverage, gaps
from bridge.store.rows import RunRow


def run(start_ms, end_ms, interval_ms=40):
    return RunRow(1, 1, 1, 1, start_ms * NS_PER_MS, end_ms * NS_PER_MS, interval_ms * NS_PER_MS)


def stretch(from_ms, until_ms):
    return Stretch(from_ms * NS_PER_MS, until_ms * NS_PER_MS)


@pytest.mark.parametrize(
    ("pause_ms", "interval_ms", "is_one"),
    [(1000, 40, False), (1001, 40, True), (5000, 2000, False), (6000, 2000, False), (6001, 2000, True)],
)
def test_a_gap_is_longer_than_a_second_and_than_three_frames(pause_ms, interval_ms, is_one):
    runs = [run(0, 10_000, interval_ms), run(10_000 + pause_ms, 60_000)]
    assert gaps(runs) == ([stretch(10_000, 10_000 + pause_ms)] if is_one else [])
    assert len(coverage(runs)) == 1 + is_one


def test_overlapping_runs_are_one_stretch_and_the_one_that_reaches_furthest_counts():
    assert coverage([run(20_000, 30_000), run(0, 100_000), run(50_000, 60_000)]) == [stretch(0, 100_000)]
    slow, quick = run(0, 100_000, interval_ms=10_000), run(10_000, 20_000)
    assert gaps([slow, quick, run(120_000, 130_000)]) == []
    assert gaps([run(0, 10_000), run(120_000, 130_000)]) == [stretch(10_000, 120_000)]


def test_no_run_no_gap():
    assert coverage([]) == gaps([]) == []


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 10)), max_size=12))
def test_every_second_is_covered_or_a_gap(spans):
    runs = [run(1000 * start, 1000 * (start + length)) for start, length in spans]
    covered, between = coverage(runs), gaps(runs)
    edges = [
        edge
        for one in sorted([*covered, *between], key=lambda one: (one.from_utc_ns, one.until_utc_ns))
        for edge in (one.from_utc_ns, one.until_utc_ns)
    ]
    assert edges == sorted(edges)
    assert edges[1:-1:2] == edges[2::2]  # what ends one begins the next
    for one in runs:
        assert any(all_.from_utc_ns <= one.start_utc_ns <= one.end_utc_ns <= all_.until_utc_ns for all_ in covered)
    for gap in between:
        assert gap.until_utc_ns - gap.from_utc_ns > NS_PER_S
        assert not any(one.start_utc_ns < gap.until_utc_ns and gap.from_utc_ns < one.end_utc_ns for one in runs)
