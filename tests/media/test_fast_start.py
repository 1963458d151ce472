from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.media.fast_start import ReorderDepth, compressed_times


def depth_of(order):
    depth = ReorderDepth()
    for shown in order:
        depth.observe(shown * 3600)
    return depth.depth


@pytest.mark.parametrize(
    ("order", "depth"),
    [
        ([0, 1, 2, 3], 0),
        ([0, 3, 1, 2, 6, 4, 5], 1),
        ([0, 4, 2, 1, 3, 8, 6, 5, 7], 2),
        ([0, 8, 4, 2, 1, 3, 6, 5, 7], 3),
    ],
)
def test_depth(order, depth):
    assert depth_of(order) == depth


@pytest.mark.parametrize("order", [[0, 3, 1, 2, 6, 4, 5, 9, 7, 8], [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11]])
def test_at_every_moment_what_comes_live_falls_into_its_place(order):
    depth = depth_of(order)
    times = [90_000 + shown * 3600 for shown in order]
    for cached in range(1, len(order)):
        sent = compressed_times(times[:cached], depth) + times[cached:]
        assert sorted(range(len(order)), key=sent.__getitem__) == sorted(range(len(order)), key=times.__getitem__)
        assert len(set(sent)) == len(sent)


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=80))
def test_without_b_frames_all_lie_one_tick_apart_right_before_the_newest(steps):
    times = [sum(steps[: count + 1]) for count in range(len(steps))]
    sent = compressed_times(times, 0)
    assert sent[-1] == times[-1]
    assert {later - earlier for earlier, later in pairwise(sent)} <= {1}
    assert all(squeezed >= true for squeezed, true in zip(sent, times, strict=True))


def test_nothing_is_nothing():
    assert compressed_times([], 0) == []
    assert compressed_times([5], 3) == [5]
