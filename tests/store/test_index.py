import random
import uuid

import pytest
import sqlalchemy as sa

from bridge.store.rows import RecordingRow
from tests.store.footage import BEGIN, INTERVAL_NS, add, ask_everything, at, minutes, recording, segment, storage


class TestStoragesAndRecordings:
    def test_a_storage_keeps_its_number_and_takes_a_new_name(self, index):
        mine = uuid.uuid4()
        first = index.storage(mine, "default", "/a")
        other = index.storage(uuid.uuid4(), "archive", "/b")
        assert index.storage(mine, "quick", "/c").id == first.id
        assert [(row.id, row.name, row.path) for row in index.storages()] == [
            (first.id, "quick", "/c"),
            (other.id, "archive", "/b"),
        ]

    def test_a_recording_is_made_once_and_ends(self, index):
        mine = uuid.uuid4()
        assert index.recording(mine) is None
        assert index.current_recordings("gate", "main") == ()
        made = index.ensure_recording(mine, "gate", "main", BEGIN)
        assert made == RecordingRow(made.id, mine, "gate", "main", BEGIN, None)
        assert index.ensure_recording(mine, "other", "main", BEGIN + 1) == made
        assert index.recording(mine) == made
        assert index.current_recordings("gate", "main") == (made,)
        index.end_recording(made.id, at(5))
        assert index.current_recordings("gate", "main") == ()
        second = index.ensure_recording(uuid.uuid4(), "gate", "main", at(6))
        assert index.current_recordings("gate", "main") == (second,)
        assert [row.ended_utc_ns for row in index.recordings()] == [at(5), None]
        # Found on a storage later: the youngest is first, not the one that came last.
        older = index.ensure_recording(uuid.uuid4(), "gate", "main", BEGIN)
        assert index.current_recordings("gate", "main") == (second, older)


def serials(rows):
    return [row.serial for row in rows]


class TestTime:
    def test_what_holds_a_moment_of_the_range_comes(self, index):
        on, of = storage(index), recording(index)
        add(index, [*minutes(of, 5, on=on), *minutes(recording(index, "yard"), 5, on=on)])
        between = index.segments_between
        assert serials(between(of, at(60), at(120), 99)) == [2]
        assert serials(between(of, at(61), at(121), 99)) == [2, 3]
        assert serials(between(of, at(-10), at(1), 99)) == [1]
        assert serials(between(of, at(299), at(9999), 99)) == [5]
        assert serials(between(of, at(300), at(9999), 99)) == []
        assert serials(between(of, at(0), at(0), 99)) == []
        assert serials(between(of, at(0), at(999), 3)) == [1, 2, 3]
        assert serials(between(of + 7, at(0), at(999), 3)) == []

    def test_the_longest_segment_is_found_from_its_end(self, index):
        on, of = storage(index), recording(index)
        add(index, [segment(of, 1, 0, 240, on=on), segment(of, 2, 240, 241, on=on), segment(of, 3, 241, 301, on=on)])
        assert serials(index.segments_between(of, at(239.5), at(239.6), 9)) == [1]
        assert index.segment_at(of, at(239.5)).serial == 1
        assert index.segment_at(of, at(240)).serial == 2
        assert index.segment_at(of, at(301)) is None
        assert index.segment_at(of, at(-1)) is None

    def test_of_overlapping_segments_the_higher_serial_is_there(self, index):
        on, of = storage(index), recording(index)
        add(index, [segment(of, 1, 0, 60, on=on), segment(of, 2, 20, 40, run=2, on=on)])
        assert [index.segment_at(of, at(second)).serial for second in (10, 30, 50)] == [1, 2, 1]

    def test_next_and_previous(self, index):
        on, of = storage(index), recording(index)
        add(index, minutes(of, 3, on=on))
        assert index.next_segment(of, at(60)).serial == 3
        assert index.next_segment(of, at(59)).serial == 2
        assert index.next_segment(of, at(120)) is None
        assert index.previous_segment(of, at(60)).serial == 1
        assert index.previous_segment(of, at(0)) is None
        assert index.previous_segment(of, 2**62).serial == 3

    def test_runs_that_reach_into_the_range_come_however_long_ago_they_began(self, index):
        on, of = storage(index), recording(index)
        add(index, [*minutes(of, 50, on=on), *minutes(of, 2, first=60, start_s=4000, on=on)])
        assert [run.run for run in index.runs(of, at(2990), at(2991))] == [1]
        assert [run.run for run in index.runs(of, at(3000), at(4000))] == []
        assert [run.run for run in index.runs(of, at(2990), at(4001))] == [1, 60]
        index.delete_segments(of, range(10, 41))
        assert [run.first_serial for run in index.runs(of, at(0), at(9999))] == [1, 41, 60]
        assert [run.first_serial for run in index.runs(of, at(600), at(2400))] == []

    def test_a_run_is_found_from_a_moment_between_two_of_its_segments(self, index):
        on, of = storage(index), recording(index)
        add(index, [segment(of, 1, 0, 60, on=on), segment(of, 2, 100, 110, on=on)])  # a slow camera: 40 s a frame
        assert [run.run for run in index.runs(of, at(99.5), at(99.6))] == [1]

    @pytest.mark.parametrize("seed", range(6))
    def test_against_all_rows_looked_at(self, index, seed):
        choose = random.Random(seed)
        on, of = storage(index), recording(index)
        rows, run, now = [], 1, 0
        for serial in range(1, 90):
            if choose.random() < 0.15:
                run, now = serial, now + choose.choice((-300, 2, 400))
            length = choose.choice((1, 10, 60))
            rows.append(segment(of, serial, now, now + length, run=run, on=on))
            now += length
        add(index, rows)
        by_start = sorted(rows, key=lambda row: (row.start_utc_ns, row.serial))
        for _ in range(40):
            since = at(choose.randrange(-50, now + 50))
            until = since + choose.choice((1, 10**9, 10**11))
            holding = [row for row in by_start if row.start_utc_ns < until and row.end_utc_ns > since]
            assert list(index.segments_between(of, since, until, 999)) == holding
            there = [row for row in rows if row.start_utc_ns <= since < row.end_utc_ns]
            assert index.segment_at(of, since) == max(there, key=lambda row: row.serial, default=None)
            assert index.next_segment(of, since) == next((row for row in by_start if row.start_utc_ns > since), None)
            assert {run.run for run in index.runs(of, since, until)} == {row.run for row in holding}


# What may be looked through as a whole: a row for each camera and storage.
SMALL = {"storage", "recording", "holding"}


def test_every_question_is_a_look_up(index, index_database):
    """EXPLAIN QUERY PLAN of every statement that the index runs: no table that grows with time is looked through."""
    asked: list[tuple[str, object]] = []
    engine = index_database._backend.engine
    sa.event.listen(engine, "before_cursor_execute", lambda _c, _k, text, values, *_: asked.append((text, values)))
    on, of = storage(index), recording(index)
    add(index, minutes(of, 40, on=on))
    ask_everything(index, of, on)
    statements = {text: values for text, values in asked if text.startswith(("SELECT", "UPDATE", "DELETE"))}
    assert len(statements) >= 25

    def plans(connection):
        return {
            text: [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)]
            for text, values in statements.items()
        }

    for text, steps in index_database.read(plans).items():
        for step in steps:
            words = step.split()
            assert words[0] != "SCAN" or words[1] in SMALL | {"CONSTANT"}, f"{text}: {step}"
            assert words[0] != "SEARCH" or words[1] in SMALL or _narrow(text, step), f"{text}: {step}"
            assert "TEMP B-TREE" not in step, f"{text}: {step}"


def _narrow(text: str, step: str) -> bool:
    """A place in the index, not all rows of a recording; only the first or last is taken where no place is named."""
    if "segment.storage_id = " in text and "storage_id=?" not in step:
        return False
    return "serial" in step or "start_utc_ns" in step or "SELECT min(" in text or "SELECT max(" in text


def test_a_segment_takes_less_than_200_bytes(tmp_path, index, index_database):
    on = storage(index)
    numbers = [recording(index, f"camera-{number}") for number in range(10)]

    def size():
        index_database.read(lambda connection: connection.exec_driver_sql("SELECT 1").scalar())
        index_database._backend.engine.dispose()  # the last connection brings the log into the file
        return (tmp_path / "index.db").stat().st_size

    before = size()
    for first in range(1, 201, 100):
        rows = [minutes(of, 100, first=first, run=1, start_s=60 * first, on=on) for of in numbers]
        add(index, [row for together in zip(*rows, strict=True) for row in together])
    index.add_segment(segment(numbers[0], 201, 12_060, 12_120, on=on), INTERVAL_NS)
    assert sum(index.totals(of).segments for of in numbers) == 2_001
    bytes_a_row = (size() - before) / 2_001
    assert bytes_a_row <= 200
    assert bytes_a_row > 40  # else nothing was measured
