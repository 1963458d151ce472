import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.store.serials import merged, stretches, without

SERIALS = st.sets(st.integers(0, 30))


@pytest.mark.parametrize(
    ("serials", "expected"),
    [((), []), ((3,), [(3, 3)]), ((2, 1, 3, 3), [(1, 3)]), ((9, 1, 2, 7, 8), [(1, 2), (7, 9)])],
)
def test_stretches(serials, expected):
    assert stretches(serials) == expected


@given(SERIALS, st.integers(0, 30), st.integers(0, 30))
def test_without_is_the_difference_of_the_sets(removed, first, length):
    left = without((first, first + length), stretches(removed))
    assert left == stretches(set(range(first, first + length + 1)) - removed)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=10))
def test_merged_is_the_union_of_the_sets(pairs):
    unordered = [(first, first + length) for first, length in pairs]
    assert merged(unordered) == stretches(serial for first, last in unordered for serial in range(first, last + 1))
