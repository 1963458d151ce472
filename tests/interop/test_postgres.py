"""The databases on a real PostgreSQL: the classes that run on SQLite elsewhere, and what only a server does."""

import threading
import time
from dataclasses import asdict
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from bridge.store import schema as store_schema
from bridge.store.backend import DatabaseUnusableError
from bridge.store.check import Check, Keys
from bridge.store.database import Database, open_database
from bridge.store.index import INDEX, MediaIndex
from bridge.store.read_only import open_read_only
from bridge.store.reindex import Place, Reindex
from bridge.system import schema
from bridge.system.audit_log import AuditLog
from bridge.system.database import CONFIG
from bridge.system.events import EventLog
from bridge.system.evidence import EvidenceLocks
from bridge.system.identity import identity_of
from bridge.system.secrets import open_vault
from tests.interop.conftest import eventually, onb, running, write_config
from tests.interop.postgres_server import PASSWORD, running_postgres
from tests.recorder.test_whole_way import TestWholeWay
from tests.store.archive import Archive
from tests.store.footage import add, ask_everything, minutes, recording, storage
from tests.store.segments import RECORDER, SIGNER, START_NS
from tests.store.test_database import INSERT, ROW, TestAnyDatabase, count
from tests.store.test_index import TestStoragesAndRecordings, TestTime
from tests.store.test_index_changes import TestChanges
from tests.store.test_oldest import TestOldest
from tests.store.test_schema import TestMigrations
from tests.system.test_api_tokens import TestApiTokens
from tests.system.test_events import TestEvents
from tests.system.test_evidence import TestEvidence
from tests.system.test_session_rows import TestSessionRows

pytestmark = pytest.mark.interop

__all__ = [
    "TestAnyDatabase",
    "TestApiTokens",
    "TestChanges",
    "TestEvents",
    "TestEvidence",
    "TestMigrations",
    "TestOldest",
    "TestSessionRows",
    "TestStoragesAndRecordings",
    "TestTime",
    "TestWholeWay",
]


@pytest.fixture(scope="session")
def server():
    with running_postgres() as running:
        yield running


@pytest.fixture(scope="session")
def one_database(server):
    return server.new_database()


@pytest.fixture
def name(server, one_database):
    """A database without our schemas: to empty one takes a tenth of the time of making one."""
    with server.admin(one_database) as connection:
        connection.execute("DROP SCHEMA IF EXISTS onb_config, onb_index CASCADE")
    return one_database


@pytest.fixture
def opened(server, name, tmp_path):
    databases = []

    def open_one(kind):
        databases.append(open_database(tmp_path, kind, server.address(name)))
        return databases[-1]

    yield open_one
    for database in databases:
        database.close()


@pytest.fixture
def database(opened):
    return opened(CONFIG)


@pytest.fixture
def index_database(opened):
    return opened(INDEX)


@pytest.fixture
def index(index_database):
    return MediaIndex(index_database)


@pytest.fixture
def log(index_database):
    return EventLog(index_database, 100_000)


@pytest.fixture
def locks(database):
    return EvidenceLocks(database)


def write_row(database: Database) -> None:
    database.write(lambda connection: connection.execute(INSERT, ROW).close())


def refused(tmp_path, address, kind=CONFIG):
    with pytest.raises(DatabaseUnusableError) as caught:
        open_database(tmp_path, kind, address)
    text = str(caught.value)
    assert PASSWORD not in text
    assert "hunter2" not in text
    assert "\n" not in text
    return text


class TestServer:
    def test_both_databases_are_schemas_of_one(self, server, name, opened):
        assert opened(CONFIG).place.startswith("the PostgreSQL schema onb_config of ")
        opened(INDEX)
        with server.admin(name) as connection:
            rows = connection.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname ~ '^(onb|public)'")
            tables = set(rows.fetchall())
        expected = {("onb_config", table) for table in schema.metadata.tables}
        expected |= {("onb_index", table) for table in store_schema.metadata.tables}
        assert tables == expected | {("onb_config", "alembic_version"), ("onb_index", "alembic_version")}

    def test_the_system_s_tables_work(self, tmp_path, database, opened):
        vault = open_vault(tmp_path)
        assert identity_of(database, vault) == identity_of(opened(CONFIG), vault)
        log = AuditLog(database, 10)
        log("\0\udcff" + "x" * 9999, "login", "ü", "ok", "", 2**62)
        database.write(lambda connection: None)
        (row,) = log.read()
        assert (row.object, row.utc_ns) == ("ü", 2**62)
        assert log.dropped == database.dropped == 0

    def test_a_read_sees_one_state_and_writes_nothing(self, database):
        write_row(database)

        def look(connection):
            before = connection.execute(sa.select(sa.func.count()).select_from(schema.audit)).scalar_one()
            write_row(database)
            return before, connection.execute(sa.select(sa.func.count()).select_from(schema.audit)).scalar_one()

        assert database.read(look) == (1, 1)
        assert count(database) == 2
        with pytest.raises(DatabaseUnusableError, match="read-only transaction"):
            database.read(lambda connection: connection.execute(INSERT, ROW))

    def test_what_one_caller_asks_in_vain_leaves_the_others_alone(self, database):
        go = threading.Event()
        held = database.submit(lambda _connection: go.wait(10))
        wrong = database.submit(lambda connection: connection.execute(INSERT, ROW | {"object": "\0"}).close())
        good = database.submit(lambda connection: connection.execute(INSERT, ROW).close())
        go.set()
        held.result(10)
        with pytest.raises((ValueError, sa.exc.DataError)):
            wrong.result(10)
        good.result(10)
        assert count(database) == 1

    def test_questions_use_indices_here_too(self, index, index_database):
        on = storage(index)
        numbers = [recording(index, f"camera-{number}") for number in range(4)]
        for of in numbers:
            add(index, minutes(of, 40, on=on))
            more = [asdict(row) for row in minutes(of, 5000, first=1000, start_s=100_000, on=on)]
            insert = sa.insert(store_schema.segments)
            index_database.write(lambda connection, more=more, insert=insert: connection.execute(insert, more).close())
        asked: list[tuple[str, object]] = []
        engine = index_database._backend.engine
        index_database.write(lambda connection: connection.exec_driver_sql("ANALYZE").close())
        sa.event.listen(engine, "before_cursor_execute", lambda _c, _k, text, values, *_: asked.append((text, values)))
        ask_everything(index, numbers[0], on)
        statements = {text: values for text, values in asked if text.startswith("SELECT") and "segment" in text}
        assert len(statements) > 10

        def plans(connection):
            return {
                text: [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {text}", values)]
                for text, values in statements.items()
            }

        for text, steps in index_database.read(plans).items():
            assert not any("Seq Scan on segment" in step for step in steps), (text, steps)


class TestRefusals:
    def test_a_wrong_password(self, tmp_path, server, name):
        text = refused(tmp_path, server.address(name, password="hunter2 is wrong"))
        assert text.endswith("refuses the log-in: check user and password of the key `database`")
        assert refused(tmp_path, server.address(name, user="somebody")).endswith("of the key `database`")

    def test_no_server_and_no_such_database(self, tmp_path, server):
        text = refused(tmp_path, "postgresql://u:hunter2@127.0.0.1:1/n")
        assert text == "the PostgreSQL schema onb_config of 127.0.0.1/n cannot be reached: Connection refused"
        assert 'database "missing" does not exist' in refused(tmp_path, server.address("missing"))
        assert "cannot be reached: " in refused(tmp_path, "postgresql://u:hunter2@no-such-host.invalid/n")
        assert "cannot be " in refused(tmp_path, "postgresql://u:hunter2@127.0.0.1:1/n?nonsense=hunter2")

    def test_a_database_that_cannot_hold_every_text(self, tmp_path, server):
        name = server.new_database("ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        assert refused(tmp_path, server.address(name)).endswith("holds LATIN1: it must be a database in UTF8")

    def test_no_right_to_make_a_schema(self, tmp_path, server, name):
        with server.admin(name) as connection:
            connection.execute("CREATE USER guest PASSWORD 'guest'")
        address = server.address(name, user="guest", password="guest")
        assert "cannot be used: no right to it (permission denied for database" in refused(tmp_path, address)
        with server.admin(name) as connection:
            connection.execute("CREATE SCHEMA onb_config AUTHORIZATION guest")
        open_database(tmp_path, CONFIG, address).close()

    def test_a_newer_or_foreign_schema(self, tmp_path, server, name, opened):
        opened(CONFIG)
        with server.admin(name) as connection:
            connection.execute("UPDATE onb_config.alembic_version SET version_num = '9999'")
        assert "was written by a newer version (schema 9999" in refused(tmp_path, server.address(name))
        with server.admin(name) as connection:
            connection.execute("CREATE SCHEMA onb_index")
            connection.execute("CREATE TABLE onb_index.foreign_one (x int)")
        assert "is a database of another program" in refused(tmp_path, server.address(name), INDEX)

    def test_a_writer_that_never_ends_is_named(self, tmp_path, server, name, monkeypatch):
        monkeypatch.setattr("bridge.store.postgres.BUSY_TIMEOUT_MS", 1000)
        first, second = (open_database(tmp_path, CONFIG, server.address(name)) for _ in range(2))
        go, holding = threading.Event(), threading.Event()

        def hold(_connection):
            holding.set()
            go.wait(20)

        held = first.submit(hold)
        assert holding.wait(10)
        with pytest.raises(DatabaseUnusableError, match="is held by another program for longer than 1 s"):
            write_row(second)
        assert count(second) == 0  # readers never wait
        go.set()
        held.result(10)
        write_row(second)
        for one in (first, second):
            one.close()


class TestServerGoes:
    def test_connections_that_were_cut_are_made_anew_without_a_word(self, server, name, database):
        write_row(database)
        for _ in range(3):
            count(database)
            with server.admin() as connection:
                connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            assert count(database) >= 1
            write_row(database)
        assert count(database) == 4

    def test_killed_while_rows_are_posted_it_costs_rows_and_nothing_else(self, server, name, tmp_path):
        address = server.address(name)
        database = open_database(tmp_path, CONFIG, address)
        posted, longest_s, ending = 0, 0.0, threading.Event()

        def post_on():
            nonlocal posted, longest_s
            while not ending.is_set():
                began = time.perf_counter()
                posted += database.post(INSERT, ROW)
                longest_s = max(longest_s, time.perf_counter() - began)
                time.sleep(0.0005)

        poster = threading.Thread(target=post_on)
        poster.start()
        try:
            eventually(lambda: count(database) > 100, what="rows")
            for _ in range(2):
                server.kill()
                for _ in range(3):
                    for use in (write_row, count):
                        with pytest.raises(DatabaseUnusableError) as caught:
                            use(database)
                        assert "cannot be reached: " in str(caught.value)
                        assert "hunter2" not in str(caught.value)
                        assert "\n" not in str(caught.value)
                eventually(lambda: database.dropped, what="counted rows")
                server.start()
                before = count(database)
                write_row(database)
                posted += 1
                eventually(lambda before=before: count(database) > before + 100, what="rows after the restart")
        finally:
            ending.set()
            poster.join()
            database.close()
        again = open_database(tmp_path, CONFIG, address)
        # A row whose commit the server did not live to confirm may be there and counted as lost.
        assert posted - database.dropped <= count(again) <= posted
        again.close()
        assert longest_s < 1  # a busy machine, not a network


class TestWholeService:
    def test_it_runs_on_postgresql_and_outlives_it(self, server, name, tmp_path):
        config = write_config(
            tmp_path, f'database = "{server.address(name).replace(quote(PASSWORD, safe=""), "${SECRET}")}"'
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SECRET", PASSWORD)
            added = onb("users", "add", "op", "--password-file", "-", "--config", str(config), stdin="secret\n")
            assert added.returncode == 0, added.stderr
            with running(["serve", "--config", str(config)], tmp_path) as service:
                assert [path.name for path in service.data.glob("*.db")] == []
                server.kill()
                failed = onb("users", "list", "--config", str(config))
                assert failed.returncode == 1
                assert "cannot be reached: " in failed.stderr
                assert "hunter2" not in failed.stderr
                assert "onb_" in service.metrics()  # it answers
                server.start()
                listed = onb("users", "list", "--config", str(config))
                assert listed.stdout.startswith("op\t"), listed.stderr
                assert "hunter2" not in service.log.read_text()


def test_the_index_is_checked_and_made_anew(server, name, tmp_path):
    address = server.address(name)
    assert open_read_only(tmp_path, INDEX, address) is None
    archive = Archive(tmp_path, address=address)
    archive.write(*range(990, 1010))
    archive.write(1010, 1011)
    archive.delete(991, 993)
    reader = open_read_only(tmp_path, INDEX, address)

    def faults():
        keys = Keys(RECORDER, SIGNER.public_key)
        check = Check(reader, archive.paths, keys, digests=False, in_use=lambda: False, pause=lambda: None)
        return [fault.text for fault in check.faults()]

    assert faults() == []
    before = archive.index.segments_between(1, 0, 1 << 62, 100)
    archive.index.delete_segments(archive.row().id, [995])
    assert faults() == ["the index has no row of serial 995"]
    rebuild = Reindex(
        archive.database, RECORDER, SIGNER, START_NS, tell=lambda line: None, name=lambda fault: pytest.fail(str(fault))
    )
    assert rebuild.run([Place("default", archive.paths[0])]).segments == len(before) == 19
    assert [row.serial for row in archive.index.segments_between(archive.row().id, 0, 1 << 62, 100)] == [
        row.serial for row in before
    ]
    assert faults() == []
    reader.close()
    archive.close()
