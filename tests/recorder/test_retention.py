import pytest

from bridge.recorder.retention import RetentionRule, StorageLimits, expired, needed, surplus
from bridge.store.rows import SegmentRow


def rows(count, size_bytes=100):
    """A segment in ten nanoseconds."""
    return [SegmentRow(1, n, 1, 1, n * 10, n * 10 + 10, size_bytes, True) for n in range(count)]


@pytest.mark.parametrize(
    ("rule", "held", "now", "count"),
    [
        (RetentionRule(), 10**9, 10**9, 0),
        (RetentionRule(age_ns=50), 0, 100, 5),
        (RetentionRule(age_ns=50), 0, 99, 4),
        (RetentionRule(size_bytes=700), 1000, 0, 3),
        (RetentionRule(size_bytes=701), 1000, 0, 3),
        (RetentionRule(size_bytes=1000), 1000, 0, 0),
        (RetentionRule(age_ns=50, size_bytes=200), 1000, 100, 8),
        (RetentionRule(age_ns=20, size_bytes=900), 1000, 100, 8),
        (RetentionRule(size_bytes=0), 1000, 0, 10),
    ],
)
def test_by_age_and_by_size_whichever_takes_more(rule, held, now, count):
    assert expired(rows(10), rule, held, now) == rows(10)[:count]


def test_footage_of_the_future_is_not_old():
    assert expired(rows(10), RetentionRule(age_ns=5), 0, -1000) == []


@pytest.mark.parametrize(("bytes_needed", "count"), [(-5, 0), (0, 0), (1, 1), (100, 1), (101, 2), (10**9, 10)])
def test_the_oldest_until_there_is_room(bytes_needed, count):
    assert surplus(rows(10), bytes_needed) == rows(10)[:count]


@pytest.mark.parametrize(
    ("limits", "held", "free", "expected"),
    [
        (StorageLimits(), 10**12, 0, 0),
        (StorageLimits(max_bytes=1000), 1200, 0, 200),
        (StorageLimits(max_bytes=1000), 800, 0, 0),
        (StorageLimits(min_free_bytes=500), 0, 100, 400),
        (StorageLimits(max_bytes=1000, min_free_bytes=500), 1200, 100, 400),
        (StorageLimits(max_bytes=1000, min_free_bytes=500), 2200, 100, 1200),
    ],
)
def test_what_the_limits_of_a_storage_ask_for(limits, held, free, expected):
    assert max(0, needed(limits, held, free)) == expected
