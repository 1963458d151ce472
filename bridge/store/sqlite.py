"""A database in an SQLite file, in WAL mode.

Several processes may use it at once: writers take turns (BEGIN IMMEDIATE, waiting up to BUSY_TIMEOUT_MS), readers never
wait.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from bridge.store.backend import BUSY_TIMEOUT_MS, READ_ONLY, DatabaseKind, DatabaseUnusableError


class SqliteFile:
    """Implements bridge.store.backend.Backend."""

    def __init__(self, data: Path, kind: DatabaseKind) -> None:
        """`data`/`kind`.db, made private when there is none; the folder is there. Raises DatabaseUnusableError."""
        self.path = data / kind.file_name
        self.place = str(self.path)
        self._lock_path = data / f".{kind.file_name}.lock"
        self._read_through = kind.precious
        try:
            # SQLite gives its -wal and -shm files the rights of the database.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise DatabaseUnusableError(f"{self.path} cannot be opened: {error.strerror}") from None
        # NORMAL: the log is synced before it goes into the file, not at each commit.
        self.engine = _engine(self.path, "FULL" if kind.precious else "NORMAL")
        self._reader = self.engine.execution_options(**{READ_ONLY: True})

    @property
    def reader(self) -> sa.Engine:
        """See Backend."""
        return self._reader

    @contextmanager
    def alone(self) -> Iterator[None]:
        """See Backend. The lock is the kernel's: it ends with its process.

        On a file of its own: SQLite locks the database itself, and the running service may lock the folder.
        """
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def prepare(self, connection: sa.Connection) -> None:
        """See Backend."""
        if self._read_through:
            fault = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
            if fault != "ok":
                raise DatabaseUnusableError(_damaged(self.path, str(fault)))

    def sentence(self, error: BaseException) -> str:
        """See Backend."""
        return sentence_of(self.path, error)


def is_damaged(path: Path) -> bool:
    """Whether an SQLite file is none, or its pages contradict each other. Reads all of it; nobody else has it open."""
    connection = sqlite3.connect(path)
    try:
        return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")
    except sqlite3.DatabaseError as error:
        return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
    finally:
        connection.close()


def sentence_of(path: Path, error: BaseException) -> str:
    """What the driver's error about that file means, and what to do."""
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


def _engine(path: Path, synchronous: str) -> sa.Engine:
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
            for pragma in ("journal_mode = WAL", f"synchronous = {synchronous}", "foreign_keys = ON"):
                connection.execute(f"PRAGMA {pragma}").close()
        except sqlite3.Error:
            connection.close()  # nobody else does: the pool has not taken it yet
            raise

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        read_only = connection.get_execution_options().get(READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
