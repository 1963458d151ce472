"""Adding and deleting against a model that keeps the segments alone and tells the runs from them."""

import random
import threading
import uuid

import pytest

from bridge.store.index_changes import SerialUsedError, clear
from bridge.store.rows import ChainHead, RunRow, Totals
from bridge.store.schema import events
from tests.store.footage import BEGIN, INTERVAL_NS, add, at, minutes, recording, segment, storage

ALWAYS = (0, 2**62)


def all_runs(index, of):
    return index.runs(of, *ALWAYS)


def runs_of(rows):
    """What the run rows must be: neighbours of one run, told from the segments alone."""
    found: list[RunRow] = []
    for row in sorted(rows, key=lambda row: row.serial):
        last = found[-1] if found else None
        if last is not None and last.run == row.run and last.last_serial == row.serial - 1:
            found[-1] = RunRow(
                *(row.recording_id, last.first_serial, row.serial, row.run, last.start_utc_ns),
                *(row.end_utc_ns, INTERVAL_NS),
            )
        else:
            serials = (row.serial, row.serial, row.run)
            found.append(RunRow(row.recording_id, *serials, row.start_utc_ns, row.end_utc_ns, INTERVAL_NS))
    return sorted(found, key=lambda run: (run.start_utc_ns, run.first_serial))


class TestChanges:
    def test_a_run_grows_with_its_segments_and_another_begins(self, index):
        on, of = storage(index), recording(index)
        rows = [*minutes(of, 3, on=on), *minutes(of, 2, first=4, start_s=200, on=on)]
        add(index, rows)
        assert list(all_runs(index, of)) == runs_of(rows)
        assert [(run.run, run.first_serial, run.last_serial) for run in all_runs(index, of)] == [(1, 1, 3), (4, 4, 5)]
        assert index.highest_serial(of) == 5

    def test_the_usual_interval_is_the_largest_that_was_seen(self, index):
        on, of = storage(index), recording(index)
        rows = minutes(of, 3, on=on)
        for row, interval_ns in zip(rows, (40_000_000, 200_000_000, 40_000_000), strict=True):
            index.add_segment(row, interval_ns)
        assert [run.interval_ns for run in all_runs(index, of)] == [200_000_000]

    def test_adding_a_row_again_changes_nothing_and_another_one_of_its_serial_is_refused(self, index):
        on, of = storage(index), recording(index)
        row = segment(of, 1, 0, 60, on=on)
        for _ in range(2):
            index.add_segment(row, INTERVAL_NS, ChainHead(1, b"x"))
        assert index.totals(of) == Totals(1, 1000, at(0), at(60))
        with pytest.raises(SerialUsedError, match=rf"serial 1 of recording {of} is in the index with other facts"):
            index.add_segment(segment(of, 1, 0, 61, on=on), INTERVAL_NS)
        assert index.segment(of, 1) == row
        assert index.totals(of).segments == 1

    def test_deleting_trims_splits_and_removes_runs(self, index):
        on, of = storage(index), recording(index)
        add(index, minutes(of, 9, on=on))
        assert [row.serial for row in index.delete_segments(of, [2, 1])] == [1, 2]
        assert [(run.first_serial, run.last_serial, run.run) for run in all_runs(index, of)] == [(3, 9, 1)]
        assert [row.serial for row in index.delete_segments(of, [5, 6, 9, 77])] == [5, 6, 9]
        assert all_runs(index, of) == (
            RunRow(of, 3, 4, 1, at(120), at(240), INTERVAL_NS),
            RunRow(of, 7, 8, 1, at(360), at(480), INTERVAL_NS),
        )
        assert index.totals(of) == Totals(4, 4000, at(120), at(480))
        assert [row.serial for row in index.delete_segments(of, range(100))] == [3, 4, 7, 8]
        assert all_runs(index, of) == ()
        assert index.totals(of) == Totals(0, 0, None, None)
        assert index.delete_segments(of, [3]) == ()
        assert index.delete_segments(of, []) == ()
        assert index.highest_serial(of) == 9  # a serial is used once

    def test_the_head_of_the_chain_comes_with_what_it_tells_of(self, index):
        first, second, of = storage(index), storage(index, "archive"), recording(index)
        assert index.chain_head(of, first) == ChainHead(0, b"")
        index.add_segment(segment(of, 1, 0, 60, on=first), INTERVAL_NS, ChainHead(1, b"one"))
        index.add_segment(segment(of, 2, 60, 120, on=second), INTERVAL_NS, ChainHead(1, b"other"))
        assert index.chain_head(of, first) == ChainHead(1, b"one")
        index.delete_segments(of, [1], {first: ChainHead(2, b"two")})
        assert index.chain_head(of, first) == ChainHead(2, b"two")
        assert index.chain_head(of, second) == ChainHead(1, b"other")
        index.set_chain_head(of, second, ChainHead(5, b"five"))
        assert index.chain_head(of, second) == ChainHead(5, b"five")
        assert index.chain_head(of + 1, second) == ChainHead(0, b"")

    def test_nothing_of_a_failed_change_stays(self, index):
        of = recording(index)
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            index.add_segment(segment(of, 1, 0, 60, on=77), INTERVAL_NS, ChainHead(1, b"one"))
        assert index.segment(of, 1) is None
        assert all_runs(index, of) == ()
        assert index.highest_serial(of) == 0

    def test_serials_are_noted_and_never_fall(self, index):
        on, of = storage(index), recording(index)
        assert not index.knows(of, on)
        index.note_serial(of, on, 0)
        assert (index.knows(of, on), index.knows(of, on + 1), index.highest_serial(of, on)) == (True, False, 0)
        index.note_serial(of, on, 41)
        index.add_segment(segment(of, 40, 0, 60, run=40, on=on), INTERVAL_NS)
        assert (index.highest_serial(of), index.highest_serial(of, on), index.highest_serial(of, on + 1)) == (41, 41, 0)

    @pytest.mark.parametrize("seed", range(12))
    def test_any_changes_leave_the_runs_that_the_segments_tell(self, index, seed):
        choose = random.Random(seed)
        on, of = [storage(index), storage(index, "archive")], recording(index)
        rows, run, now = [], 1, 0.0
        for serial in range(1, 60):
            if choose.random() < 0.2:
                run, now = serial, now + choose.choice((-500, 0, 3, 1000))
            length = choose.choice((1, 60, 240))
            rows.append(segment(of, serial, now, now + length, run=run, on=choose.choice(on), size_bytes=serial))
            now += length + choose.choice((0, 0.02))
        choose.shuffle(rows)
        kept = []
        while rows:
            coming = [rows.pop() for _ in range(min(len(rows), choose.randrange(1, 12)))]
            add(index, coming)
            kept += coming
            going = choose.sample([row.serial for row in kept], choose.randrange(len(kept) // 2 + 1))
            if choose.random() < 0.5:
                low = choose.randrange(1, 60)
                going = [*range(low, low + choose.randrange(10))]
            removed = index.delete_segments(of, going)
            assert {row.serial for row in removed} == {row.serial for row in kept} & set(going)
            kept = [row for row in kept if row.serial not in going]
            assert list(all_runs(index, of)) == runs_of(kept)
            self.assert_sums(index, of, on, kept)

    @staticmethod
    def assert_sums(index, of, on, kept):
        for totals, rows in [
            (index.totals(of), kept),
            *((index.totals_of_storage(one), [row for row in kept if row.storage_id == one]) for one in on),
        ]:
            assert totals == Totals(
                len(rows),
                sum(row.size_bytes for row in rows),
                min((row.start_utc_ns for row in rows), default=None),
                max((row.end_utc_ns for row in rows), default=None),
            )

    def test_many_threads_add_and_delete_at_once(self, index):
        on = storage(index)
        numbers = [recording(index, f"camera-{number}") for number in range(4)]

        def work(of):
            rows = minutes(of, 40, on=on)
            for row in rows:
                index.add_segment(row, INTERVAL_NS)
                if row.serial % 4 == 0:
                    index.delete_segments(of, [row.serial - 2])

        threads = [threading.Thread(target=work, args=(of,)) for of in numbers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for of in numbers:
            kept = [row for row in minutes(of, 40, on=on) if row.serial % 4 != 2]
            assert list(all_runs(index, of)) == runs_of(kept)
        assert index.totals_of_storage(on).segments == 120

    def test_clearing_leaves_events_alone(self, index, index_database):
        on, of = storage(index), recording(index)
        add(index, minutes(of, 3, on=on))
        event = {"utc_ns": BEGIN, "source": "", "topic": "t", "operation": "", "data": "{}"}
        index_database.write(lambda connection: connection.execute(events.insert(), event).close())
        index_database.write(clear)
        assert index.recordings() == index.storages() == ()
        assert index.recording(uuid.uuid5(uuid.NAMESPACE_OID, "gate")) is None
        assert index_database.read(lambda connection: len(connection.execute(events.select()).all())) == 1
        add(index, minutes(recording(index), 3, on=storage(index)))
