"""`TestAnyDatabase` runs here on SQLite, in tests/interop/test_postgres.py on PostgreSQL; the rest is SQLite's own."""

import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from bridge.store.backend import DatabaseUnusableError
from bridge.store.database import Database, open_database
from bridge.store.index import INDEX
from bridge.system import schema
from bridge.system.database import CONFIG

INSERT = sa.insert(schema.audit)
ROW = {"utc_ns": 1, "principal": "p", "action": "a", "object": "o", "outcome": "ok", "peer": "x"}


@pytest.fixture
def database(opened):
    return opened(CONFIG)


def count(database: Database, table: sa.Table = schema.audit) -> int:
    return database.read(
        lambda connection: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    )


class TestAnyDatabase:
    def test_closing_writes_what_was_posted(self, opened):
        database = opened(CONFIG)
        assert all(database.post(INSERT, ROW) for _ in range(2500))
        database.close()
        database.close()
        assert not database.post(INSERT, ROW)
        assert database.dropped == 1
        with pytest.raises(DatabaseUnusableError, match="is closed"):
            database.submit(lambda connection: None)
        again = opened(CONFIG)
        assert count(again) == 2500
        again.close()

    def test_a_full_queue_drops_new_rows_and_counts_them(self, opened, monkeypatch):
        monkeypatch.setattr("bridge.store.database.QUEUE_DEPTH", 5)
        database = opened(CONFIG)
        go, holding = threading.Event(), threading.Event()

        def hold(_connection):
            holding.set()
            go.wait(10)

        held = database.submit(hold)
        assert holding.wait(10)
        kept = [database.post(INSERT, ROW) for _ in range(8)]
        assert kept == [True] * 5 + [False] * 3
        assert database.dropped == 3
        with pytest.raises(DatabaseUnusableError, match="5 writes are waiting"):
            database.submit(lambda connection: None)
        go.set()
        held.result(10)
        database.close()

    def test_one_caller_s_failure_leaves_the_others_alone(self, database):
        def wrong(connection):
            connection.execute(INSERT, ROW)
            raise KeyError("mine")

        good = [database.submit(lambda connection: connection.execute(INSERT, ROW).close()) for _ in range(3)]
        with pytest.raises(KeyError, match="mine"):
            database.write(wrong)
        for one in good:
            one.result(10)
        assert count(database) == 3
        identity = {"name": "x", "value": b""}
        database.write(lambda connection: connection.execute(sa.insert(schema.identity), identity).close())
        with pytest.raises(sa.exc.IntegrityError):
            database.write(lambda connection: connection.execute(sa.insert(schema.identity), identity).close())
        assert count(database, schema.identity) == 1

    def test_who_gives_up_before_his_turn_is_not_written(self, database):
        go, holding = threading.Event(), threading.Event()

        def hold(_connection):
            holding.set()
            go.wait(10)

        held = database.submit(hold)
        assert holding.wait(10)
        given_up = database.submit(lambda connection: connection.execute(INSERT, ROW).close())
        assert given_up.cancel()
        go.set()
        held.result(10)
        database.write(lambda connection: connection.execute(INSERT, ROW).close())
        assert count(database) == 1

    def test_many_threads_and_two_openings_at_once(self, opened):
        databases: list[Database] = []
        threads = [threading.Thread(target=lambda: databases.append(opened(CONFIG))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(databases) == 4

        def work(database: Database) -> None:
            for _ in range(10):
                database.write(lambda connection: connection.execute(INSERT, ROW).close())

        threads = [threading.Thread(target=work, args=(one,)) for one in databases for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert count(databases[0]) == 80
        for one in databases:
            one.close()

    def test_a_write_that_takes_too_long_says_so(self, database):
        go = threading.Event()
        with pytest.raises(DatabaseUnusableError, match="was not written within 0 s"):
            database.write(lambda _connection: go.wait(10), timeout_s=0)
        go.set()


def test_made_private_migrated_and_synced(tmp_path, database):
    assert stat.S_IMODE(Path(database.place).stat().st_mode) == 0o600
    for name, value in (("journal_mode", "wal"), ("synchronous", 2)):
        assert database.read(lambda c, name=name: c.exec_driver_sql(f"PRAGMA {name}").scalar()) == value
    database.write(lambda connection: connection.execute(INSERT, ROW).close())
    assert count(database) == 1
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_can_be_made_anew_is_synced_less_often(opened):
    database = opened(INDEX)
    for name, value in (("journal_mode", "wal"), ("synchronous", 1), ("foreign_keys", 1)):
        assert database.read(lambda c, name=name: c.exec_driver_sql(f"PRAGMA {name}").scalar()) == value


@pytest.mark.parametrize("damage", [b"this is not a database at all, but long enough to be looked at" * 4, None])
def test_a_damaged_file_is_one_sentence(tmp_path, damage):
    path = tmp_path / "config.db"
    if damage is None:
        database = open_database(tmp_path, CONFIG)
        for _ in range(2000):
            database.post(INSERT, ROW)
        database.close()
        data = bytearray(path.read_bytes())
        data[-8192:-4096] = b"\xaa" * 4096
        path.write_bytes(data)
    else:
        path.write_bytes(damage)
    with pytest.raises(DatabaseUnusableError) as caught:
        open_database(tmp_path, CONFIG)
    text = str(caught.value)
    assert text.startswith(f"{path} is damaged (")
    assert text.endswith("restore it from a backup, or move it away to start with an empty one")
    assert "\n" not in text


def test_a_newer_or_foreign_file_is_one_sentence(tmp_path):
    open_database(tmp_path, CONFIG).close()
    path = tmp_path / "config.db"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(
        DatabaseUnusableError, match=rf"written by a newer version \(schema 9999, this one knows {schema.HEAD}\)"
    ):
        open_database(tmp_path, CONFIG)
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE foreign_one (x)")
    connection.close()
    with pytest.raises(DatabaseUnusableError, match="is a database of another program"):
        open_database(tmp_path, CONFIG)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseUnusableError, match="cannot be opened: "):
        open_database(tmp_path / "file" / "data", CONFIG)


WRITER = """
import sys
from pathlib import Path
import sqlalchemy as sa
from bridge.system import schema
from bridge.system.database import open_database
database = open_database(Path(sys.argv[1]))
insert = sa.insert(schema.audit)
row = dict(principal="p", action="a", object="o", outcome="ok", peer="x" * 200)
number = 0
while True:
    number += 1
    for _ in range(20):
        database.post(insert, row | {"utc_ns": -1})
    database.write(lambda c: c.execute(insert, row | {"utc_ns": number}).close())
    print(number, flush=True)
"""


def test_killed_while_writing_it_opens_clean_and_has_every_confirmed_row(tmp_path):
    for pause_s in (0.0, 0.02, 0.11):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        )
        assert writer.stdout is not None
        confirmed = int(writer.stdout.readline())
        time.sleep(pause_s)  # a random moment of a real process: there is no clock to move
        writer.kill()
        confirmed = max([confirmed, *map(int, writer.stdout.read().split(b"\n")[:-1])])
        writer.wait()
        writer.stdout.close()
        database = open_database(tmp_path, CONFIG)
        newest = database.read(lambda c: c.execute(sa.select(sa.func.max(schema.audit.c.utc_ns))).scalar_one())
        assert newest >= confirmed
        database.write(lambda c: c.execute(sa.delete(schema.audit)).close())
        database.close()
