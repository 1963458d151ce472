import time
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bridge.store.overlay import Piece, visible
from bridge.store.rows import SegmentRow


def segment(serial, start, end, run=None):
    return SegmentRow(1, serial, serial if run is None else run, 1, start, end, 1, starts_with_key=True)


def test_a_clock_set_back_hides_what_was_recorded_at_the_same_time_before():
    before, after = segment(1, 0, 60), segment(2, 20, 40)
    assert visible([before, after]) == [Piece(0, 20, 1), Piece(20, 40, 2), Piece(40, 60, 1)]
    assert visible([segment(2, 0, 60), segment(1, 20, 40)]) == [Piece(0, 60, 2)]


def test_nothing_shines_through_between_two_segments_of_a_run():
    old, first, second = segment(1, 0, 100), segment(2, 20, 39, run=2), segment(3, 40, 60, run=2)
    assert visible([old, first, second]) == [Piece(0, 20, 1), Piece(20, 40, 2), Piece(40, 60, 3), Piece(60, 100, 1)]
    third = segment(4, 62, 70, run=4)
    assert visible([old, second, third])[-3:] == [Piece(60, 62, 1), Piece(62, 70, 4), Piece(70, 100, 1)]


def test_nothing_and_empty_segments():
    assert visible([]) == []
    assert visible([segment(1, 5, 5)]) == []


SPANS = st.tuples(st.integers(0, 40), st.integers(0, 12), st.integers(1, 3))


@given(st.lists(SPANS, max_size=9), st.randoms())
def test_each_instant_shows_the_highest_serial_that_covers_it(spans, random):
    segments = [segment(serial, start, start + length, run) for serial, (start, length, run) in enumerate(spans)]
    reaches = {}
    for one in segments:
        following = next((two for two in segments if two.serial == one.serial + 1 and two.run == one.run), one)
        reaches[one.serial] = max(one.end_utc_ns, following.start_utc_ns)
    shuffled = segments[:]
    random.shuffle(shuffled)
    pieces = visible(shuffled)
    assert all(piece.from_ns < piece.until_ns for piece in pieces)
    for before, after in pairwise(pieces):
        assert before.until_ns <= after.from_ns
        assert (before.until_ns, before.serial) != (after.from_ns, after.serial)
    for instant in range(90):
        covering = [one.serial for one in segments if one.start_utc_ns <= instant < reaches[one.serial]]
        shown = [piece.serial for piece in pieces if piece.from_ns <= instant < piece.until_ns]
        assert shown == ([max(covering)] if covering else [])


def test_many_segments_take_no_quadratic_time():
    def took(count):
        segments = [segment(serial, serial * 10, serial * 10 + 15, run=1) for serial in range(count)]
        began = time.perf_counter()
        assert len(visible(segments)) == count
        return time.perf_counter() - began

    took(100)
    assert took(40_000) < 100 * min(took(4_000) for _ in range(3))
