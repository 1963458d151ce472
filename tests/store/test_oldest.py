import random

import pytest

from bridge.store import oldest
from tests.store.footage import add, at, minutes, recording, segment, storage


def touches(row, ranges):
    end = max(row.end_utc_ns, row.start_utc_ns + 1)
    return any(row.start_utc_ns < until and since < end for since, until in ranges)


class TestOldest:
    def test_the_oldest_first_over_all_recordings_of_a_storage(self, index):
        on, other = storage(index), storage(index, "archive")
        gate, yard = recording(index), recording(index, "yard")
        add(
            index,
            [*minutes(gate, 3, on=on), *minutes(yard, 3, start_s=30, on=on), *minutes(yard, 1, first=9, on=other)],
        )
        found = index.oldest_of_storage(on, 4, {})
        assert [(row.recording_id, row.serial) for row in found] == [(gate, 1), (yard, 1), (gate, 2), (yard, 2)]
        assert [row.serial for row in index.oldest_of_storage(other, 4, {})] == [9]
        assert [row.serial for row in index.oldest_of_recording(yard, on, 3)] == [1, 2, 3]
        assert [row.serial for row in index.oldest_of_recording(yard, other, 3)] == [9]
        assert (index.recordings_on(on), index.recordings_on(other + 1)) == ((gate, yard), ())
        assert index.oldest_of_storage(other + 1, 4, {}) == index.oldest_of_recording(yard + 1, on, 4) == ()

    def test_what_a_lock_touches_stays(self, index):
        on, of = storage(index), recording(index)
        add(index, minutes(of, 10, on=on))
        locked = [(at(90), at(120)), (at(300), at(301))]
        assert [row.serial for row in index.oldest_of_recording(of, on, 99, locked)] == [1, 3, 4, 5, 7, 8, 9, 10]
        assert [row.serial for row in index.oldest_of_storage(on, 3, {of: locked})] == [1, 3, 4]
        assert index.oldest_of_recording(of, on, 99, [(0, 2**62)]) == ()
        assert len(index.oldest_of_storage(on, 99, {of + 1: [(0, 2**62)]})) == 10

    def test_a_locked_year_is_stepped_over(self, index, index_database, monkeypatch):
        monkeypatch.setattr(oldest, "PAGE_ROWS", 4)
        on, of = storage(index), recording(index)
        add(index, minutes(of, 300, on=on))
        asked = []
        original = index_database.read

        def read(work):
            def counting(connection):
                class Counting:
                    def execute(self, *arguments):
                        asked.append(arguments[1])
                        return connection.execute(*arguments)

                return work(Counting())

            return original(counting)

        monkeypatch.setattr(index_database, "read", read)
        found = index.oldest_of_recording(of, on, 2, [(at(60), at(60 * 290))])
        assert [row.serial for row in found] == [1, 291]
        assert len(asked) <= 3

    @pytest.mark.parametrize("seed", range(10))
    def test_against_all_rows_looked_at(self, index, seed, monkeypatch):
        choose = random.Random(seed)
        on, of = storage(index), recording(index)
        rows = []
        for serial in range(1, 80):
            start = choose.choice((choose.randrange(500), serial * 5))
            length = choose.choice((0, 1, 5, 100))
            rows.append(segment(of, serial, start, start + length, run=serial, on=on))
        add(index, rows)
        rows.sort(key=lambda row: (row.start_utc_ns, row.serial))
        for _ in range(20):
            since = [choose.randrange(500) for _ in range(choose.randrange(4))]
            locked = [(at(one), at(one + choose.choice((0, 1, 50, 300)))) for one in since]
            limit = choose.choice((1, 10, 200))
            expected = [row for row in rows if not touches(row, locked)][:limit]
            assert list(index.oldest_of_recording(of, on, limit, locked)) == expected
            assert list(index.oldest_of_storage(on, limit, {of: locked})) == expected
