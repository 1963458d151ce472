"""Piece by piece: a window of rows at a time gives what all rows at once would give."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.store.overlay import visible
from bridge.store.pieces import FOREVER_NS, WINDOW_ROWS, Pieces, Shown
from bridge.store.rows import SegmentRow


def row(serial: int, start: int, end: int, run: int = 1) -> SegmentRow:
    return SegmentRow(1, serial, run, 1, start, end, 100, True)


class Listed:
    """Rows in a list."""

    def __init__(self, rows):
        self.rows = sorted(rows, key=lambda one: (one.start_utc_ns, one.serial))

    def between(self, from_ns, until_ns, limit):
        return [
            one
            for one in self.rows
            if one.start_utc_ns < until_ns and (one.end_utc_ns > from_ns or one.start_utc_ns >= from_ns)
        ][:limit]

    def before(self, utc_ns):
        return next((one for one in reversed(self.rows) if one.start_utc_ns < utc_ns), None)


def forwards(pieces: Pieces, at: int = 0) -> list[tuple[int, int, int]]:
    found = []
    while (shown := pieces.following(at)) is not None:
        found.append((shown.from_ns, shown.until_ns, shown.row.serial))
        at = shown.until_ns
    return found


def backwards(pieces: Pieces, at: int = FOREVER_NS) -> list[tuple[int, int, int]]:
    found = []
    while (shown := pieces.preceding(at)) is not None:
        found.append((shown.from_ns, shown.until_ns, shown.row.serial))
        at = shown.from_ns
    return found[::-1]


def test_one_behind_the_other():
    rows = [row(1, 100, 200), row(2, 200, 300), row(3, 350, 400, run=3)]
    assert forwards(Pieces(Listed(rows))) == [(100, 200, 1), (200, 300, 2), (350, 400, 3)]
    assert backwards(Pieces(Listed(rows))) == [(100, 200, 1), (200, 300, 2), (350, 400, 3)]
    assert Pieces(Listed(rows)).following(250) == Shown(rows[1], 250, 300)
    assert Pieces(Listed(rows)).following(300) == Shown(rows[2], 350, 400)
    assert Pieces(Listed(rows)).following(400) is None
    assert Pieces(Listed(rows)).following(300, until_ns=350) is None
    assert Pieces(Listed(rows)).preceding(250) == Shown(rows[1], 200, 250)
    assert Pieces(Listed(rows)).preceding(100) is None


def test_a_clock_set_back_hides_and_a_run_that_is_named_shows():
    rows = [row(1, 100, 200), row(2, 200, 300), row(3, 150, 250, run=3)]
    shown = [(100, 150, 1), (150, 250, 3), (250, 300, 2)]
    assert forwards(Pieces(Listed(rows))) == backwards(Pieces(Listed(rows))) == shown
    hidden = [(100, 200, 1), (200, 300, 2)]
    assert forwards(Pieces(Listed(rows), run=1)) == backwards(Pieces(Listed(rows), run=1)) == hidden


def test_a_run_that_is_far_away_is_found():
    rows = [row(number, number * 10, number * 10 + 10) for number in range(1, 5 * WINDOW_ROWS)]
    rows.append(row(999, 5 * WINDOW_ROWS * 10, 5 * WINDOW_ROWS * 10 + 5, run=999))
    assert [serial for _, _, serial in forwards(Pieces(Listed(rows), run=999))] == [999]
    first = row(0, 0, 10, run=0)
    assert [serial for _, _, serial in backwards(Pieces(Listed([first, *rows]), run=0))] == [0]


def test_what_is_being_written_ends_never():
    rows = [row(1, 100, 200), row(2, 200, FOREVER_NS)]
    listed = Listed(rows)
    pieces = Pieces(listed)
    assert pieces.following(0) == Shown(rows[0], 100, 200)
    assert pieces.following(200) == Shown(rows[1], 200, FOREVER_NS)
    # It is finished, and another one begins.
    listed.rows[1:] = [row(2, 200, 300), row(3, 300, FOREVER_NS)]
    assert pieces.following(300).row.serial == 3


starts = st.integers(0, 400)
segments = st.lists(st.tuples(starts, st.integers(1, 40)), min_size=1, max_size=3 * WINDOW_ROWS).map(
    lambda drawn: [row(number, start, start + length, run=number) for number, (start, length) in enumerate(drawn)]
)


@settings(max_examples=200, deadline=None)
@given(segments, starts)
def test_a_window_at_a_time_is_the_whole(rows, at):
    whole = [(piece.from_ns, piece.until_ns, piece.serial) for piece in visible(rows)]
    assert joined(forwards(Pieces(Listed(rows)))) == joined(whole)
    assert joined(backwards(Pieces(Listed(rows)))) == joined(whole)
    later = [(max(begins, at), ends, serial) for begins, ends, serial in whole if ends > at]
    assert joined(forwards(Pieces(Listed(rows)), at)) == joined(later)


def joined(pieces):
    """A window's end may cut a piece in two."""
    found = []
    for begins, ends, serial in pieces:
        if found and found[-1][1:] == (begins, serial):
            found[-1] = (found[-1][0], ends, serial)
        else:
            found.append((begins, ends, serial))
    return found
