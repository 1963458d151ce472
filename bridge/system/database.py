"""config.db: opened, migrated and written by one thread.

SQLite in WAL mode with synchronous=FULL: every commit is on the disk before it counts. The service and `onb` may use it
at once: writers take turns (BEGIN IMMEDIATE, waiting up to BUSY_TIMEOUT_MS), readers never wait.
"""

import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bridge.base.errors import BridgeError
from bridge.system import schema

DATABASE_FILE = "config.db"
LOCK_FILE = ".config.db.lock"
BUSY_TIMEOUT_MS = 10_000
QUEUE_DEPTH = 10_000
BATCH_ROWS = 1_000
_READ_ONLY = {"read_only": True}

T = TypeVar("T")
Row = Mapping[str, object]
Work = Callable[[sa.Connection], T]


class DatabaseUnusableError(BridgeError):
    """The database cannot be used: damaged, too new, no right to it, no room. One sentence for people."""


class Database:
    """config.db. Reads run on the caller's thread, writes on the one writer thread, in batches of one commit.

    The queue holds QUEUE_DEPTH writes. When it is full (a hung disk), `post` drops the new row and counts it in
    `dropped`; `write` raises.
    """

    def __init__(self, engine: sa.Engine, path: Path) -> None:
        """Use `open_database`."""
        self.path = path
        self.dropped = 0
        self._engine = engine
        self._reader = engine.execution_options(**_READ_ONLY)
        self._queue: queue.Queue[_Posted | _Asked | None] = queue.Queue(QUEUE_DEPTH)
        self._closed = False
        self._writer = threading.Thread(target=self._write_until_closed, name="config.db writer", daemon=True)
        self._writer.start()

    def read(self, work: Work[T]) -> T:
        """`work` sees one consistent state. Blocks for the query: not on the reactor. Raises DatabaseUnusableError."""
        with _explained(self.path), self._reader.begin() as connection:
            return work(connection)

    def submit(self, work: Work[T]) -> "Future[T]":
        """`work` runs on the writer thread; the future is done once it is committed and synced."""
        asked = _Asked(work)
        if self._closed:
            raise DatabaseUnusableError(f"{self.path} is closed")
        try:
            self._queue.put_nowait(asked)
        except queue.Full:
            raise DatabaseUnusableError(f"{self.path} cannot be written: {QUEUE_DEPTH} writes are waiting") from None
        return asked.future

    def write(self, work: Work[T], *, timeout_s: int = 30) -> T:
        """`submit`, and waits. Exceptions of `work` come through; its changes are undone then."""
        future = self.submit(work)
        try:
            return future.result(timeout_s)
        except TimeoutError:
            raise DatabaseUnusableError(f"{self.path} was not written within {timeout_s} s") from None

    def post(self, statement: sa.Insert, row: Row) -> bool:
        """A row that nobody waits for. Never blocks, never raises; False and counted in `dropped` when it was lost."""
        if not self._closed:
            try:
                self._queue.put_nowait(_Posted(statement, row))
            except queue.Full:
                pass
            else:
                return True
        self.dropped += 1
        return False

    def close(self, *, timeout_s: int = 5) -> None:
        """Writes what is queued, and ends the thread. A disk that hangs is waited for `timeout_s`, no longer."""
        if self._closed:
            return
        self._closed = True
        try:
            self._queue.put(None, timeout=timeout_s)
        except queue.Full:
            return
        self._writer.join(timeout_s)
        if not self._writer.is_alive():
            self._engine.dispose()

    def _write_until_closed(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = self._batch(first)
            self._commit(batch)
            if last:
                return

    def _batch(self, first: "_Posted | _Asked") -> "tuple[list[_Posted | _Asked], bool]":
        """What waits now, up to BATCH_ROWS; and whether the end was among it."""
        batch = [first]
        while len(batch) < BATCH_ROWS:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return batch, True
            batch.append(more)
        return batch, False

    def _commit(self, batch: "list[_Posted | _Asked]") -> None:
        """One transaction. Nobody hears of a result before the commit; a failed commit fails all of the batch."""
        done: list[Callable[[], None]] = []
        try:
            with _explained(self.path), self._engine.begin() as connection:
                for statement, rows in _runs_of_posts(batch):
                    connection.execute(statement, rows)
                done.extend(one.run(connection) for one in batch if isinstance(one, _Asked))
        except Exception as error:  # noqa: BLE001 - the thread must outlive whatever the disk or a caller's work does
            self.dropped += sum(isinstance(one, _Posted) for one in batch)
            for one in batch:
                if isinstance(one, _Asked) and not one.future.done():
                    one.future.set_exception(error)
            return
        for tell in done:
            tell()


class _Posted:
    __slots__ = ("row", "statement")

    def __init__(self, statement: sa.Insert, row: Row) -> None:
        self.statement = statement
        self.row = row


class _Asked:
    __slots__ = ("future", "work")

    def __init__(self, work: Callable[[sa.Connection], Any]) -> None:  # Any: each caller has his own result
        self.work = work
        self.future: Future[Any] = Future()

    def run(self, connection: sa.Connection) -> Callable[[], None]:
        """Runs in a savepoint, so that one caller's failure leaves the batch alone; returns how to tell him."""
        try:
            with connection.begin_nested():
                result = self.work(connection)
        except DBAPIError as error:
            if not isinstance(error.orig, sqlite3.IntegrityError):
                raise  # the disk, not the caller
            return lambda error=error: self.future.set_exception(error)  # type: ignore[misc]  # mypy: default argument
        except Exception as error:  # noqa: BLE001 - handed to the caller
            return lambda error=error: self.future.set_exception(error)  # type: ignore[misc]  # mypy: default argument
        return lambda: self.future.set_result(result)


def _runs_of_posts(batch: "list[_Posted | _Asked]") -> Iterator[tuple[sa.Insert, list[Row]]]:
    """Rows of one statement together: one call of the driver instead of hundreds."""
    by_statement: dict[int, tuple[sa.Insert, list[Row]]] = {}
    for one in batch:
        if isinstance(one, _Posted):
            by_statement.setdefault(id(one.statement), (one.statement, []))[1].append(one.row)
    yield from by_statement.values()


def open_database(data: Path) -> Database:
    """`data`/config.db, made and migrated when needed; safe when two processes come at once.

    Raises DatabaseUnusableError.
    """
    path = data / DATABASE_FILE
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its -wal and -shm files the rights of the database.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise DatabaseUnusableError(f"{path} cannot be opened: {error.strerror}") from None
    engine = _engine(path)
    try:
        with _explained(path), _alone(path):
            _prepare(engine, path)
    except BaseException:
        engine.dispose()
        raise
    return Database(engine, path)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time opens and migrates. The lock is the kernel's: it ends with its process.

    On a file of its own: SQLite locks the database itself, and the running service may lock the folder.
    """
    descriptor = os.open(path.with_name(LOCK_FILE), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _engine(path: Path) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
        # No ROLLBACK when a connection goes back: transactions always end before that.
        pool_reset_on_return=None,
    )

    @sa.event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late for DDL and for IMMEDIATE
        try:
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                connection.execute(f"PRAGMA {pragma}").close()
        except sqlite3.Error:
            connection.close()  # nobody else does: the pool has not taken it yet
            raise

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _prepare(engine: sa.Engine, path: Path) -> None:
    """Checks the file, and brings it to schema.HEAD in one transaction."""
    with engine.begin() as connection:
        fault = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if fault != "ok":
            raise DatabaseUnusableError(_damaged(path, str(fault)))
        tables = set(sa.inspect(connection).get_table_names())
        revision = None
        if "alembic_version" in tables:
            revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        if revision == schema.HEAD:
            return
        if revision is None and tables:
            raise DatabaseUnusableError(f"{path} is a database of another program; move it away")
        if revision is not None and (not str(revision).isdigit() or int(revision) > int(schema.HEAD)):
            raise DatabaseUnusableError(
                f"{path} was written by a newer version (schema {revision}, this one knows {schema.HEAD}):"
                " start that version, or restore a backup"
            )
        _migrate(connection)


def _migrate(connection: sa.Connection) -> None:
    # Imported only when there is something to do: it costs each `onb` command a fifth of a second.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """SQLite's errors as one sentence that says what to do."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.IntegrityError):
            raise
        raise DatabaseUnusableError(_sentence(path, error.orig)) from None
    except sqlite3.Error as error:
        raise DatabaseUnusableError(_sentence(path, error)) from None
    except SQLAlchemyError as error:
        raise DatabaseUnusableError(f"{path} cannot be used: {type(error).__name__}") from None


def _sentence(path: Path, error: BaseException | None) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return _damaged(path, str(error))
    if name.startswith("SQLITE_FULL"):
        return f"{path} cannot be written: the disk is full"
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"{path} is held by another program for longer than {BUSY_TIMEOUT_MS // 1000} s"
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return f"{path} cannot be written: no right to the file or its folder"
    return f"{path} cannot be used: {error}"


def _damaged(path: Path, detail: str) -> str:
    detail = " ".join(detail.replace("*** in database main ***", "").split())
    return f"{path} is damaged ({detail}): restore it from a backup, or move it away to start with an empty one"
