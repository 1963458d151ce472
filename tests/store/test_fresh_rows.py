import random
from dataclasses import replace

import pytest
import sqlalchemy as sa

from bridge.store import fresh_rows
from bridge.store.fresh_rows import FreshRows
from bridge.store.schema import holdings, recordings, runs, segments
from tests.store.footage import add, recording, segment, storage


def rows_of(database, of):
    """All rows of a recording, without its number."""

    def look(connection):
        found = {}
        for table in (holdings, runs, segments):
            mine = connection.execute(sa.select(table).where(table.c.recording_id == of)).all()
            found[table.name] = {tuple(row)[1:] for row in mine}
        found["longest"] = connection.execute(sa.select(recordings.c.longest_ns).where(recordings.c.id == of)).scalar()
        return found

    return database.read(look)


@pytest.mark.parametrize("page_rows", [1, 3, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_the_same_as_one_by_one(index, index_database, monkeypatch, page_rows, seed):
    monkeypatch.setattr(fresh_rows, "PAGE_ROWS", page_rows)
    chance = random.Random(seed)
    on = [storage(index, "one"), storage(index, "two")]
    slow, fast = recording(index, "slow"), recording(index, "fast")
    rows, serial, start_s = [], 0, 0
    while len(rows) < 40:
        serial += chance.choice((1, 1, 1, 1, 5))
        start_s += chance.choice((60, 60, 61, 300, -100))
        run = serial if not rows or chance.random() < 0.2 else rows[-1].run
        length_s = chance.choice((60, 60, 59, 200, 0))
        facts = {"run": run, "on": chance.choice(on), "size_bytes": chance.randrange(9)}
        rows.append(segment(slow, serial, start_s, start_s + length_s, **facts))
    add(index, rows, interval_ns=7)

    def write(connection):
        fresh = FreshRows(connection, fast)
        for row in rows:
            fresh.add(replace(row, recording_id=fast), 7)
        fresh.end()

    index_database.write(write)
    assert rows_of(index_database, fast) == rows_of(index_database, slow)
    assert len(rows_of(index_database, fast)["segment"]) == 40


def test_none_at_all(index, index_database):
    of = recording(index)
    index_database.write(lambda connection: FreshRows(connection, of).end())
    assert index.totals(of).segments == 0
