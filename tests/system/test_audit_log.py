import pytest

from bridge.system.audit import Audit
from bridge.system.audit_log import TRIM_EVERY_ROWS, AuditLog
from bridge.system.database import open_database
from bridge.system.storable import TEXT_LIMIT


@pytest.fixture
def database(tmp_path):
    opened = open_database(tmp_path)
    yield opened
    opened.close()


def flush(database):
    database.write(lambda connection: None)


def test_rows_come_back_newest_first(database):
    audit: Audit = AuditLog(database, 100)
    for number in range(5):
        audit("op", "live.play", "gate", "ok", "192.0.2.1:5000", number)
    flush(database)
    log = AuditLog(database, 100)
    assert [row.utc_ns for row in log.read()] == [4, 3, 2, 1, 0]
    newest = log.read(limit=2)
    assert [row.utc_ns for row in log.read(limit=2, before_id=newest[-1].id)] == [2, 1]
    row = newest[0]
    assert (row.principal, row.action, row.object, row.outcome, row.peer) == (
        "op",
        "live.play",
        "gate",
        "ok",
        "192.0.2.1:5000",
    )


def test_hostile_texts_are_cut_and_kept(database):
    log = AuditLog(database, 100)
    log("x" * 100_000, "login", "\udcff\0", "refused", "", 1)
    flush(database)
    (row,) = log.read()
    assert row.principal == "x" * TEXT_LIMIT
    assert row.object == "??"


def test_the_oldest_rows_go(database):
    log = AuditLog(database, 50)
    for number in range(2 * TRIM_EVERY_ROWS):
        log("op", "a", "", "ok", "", number)
    flush(database)
    kept = [row.utc_ns for row in log.read(limit=10_000)]
    assert kept[0] == 2 * TRIM_EVERY_ROWS - 1
    assert 50 <= len(kept) < TRIM_EVERY_ROWS
    assert kept == sorted(kept, reverse=True)


def test_a_closed_database_costs_rows_and_nothing_else(database):
    log = AuditLog(database, 50)
    database.close()
    for number in range(TRIM_EVERY_ROWS + 1):
        log("op", "a", "", "ok", "", number)
    assert log.dropped == TRIM_EVERY_ROWS + 1
