"""A database that is looked at and left as it is: not made, not migrated, and no file of it made or changed.

SQLite in WAL mode writes even for readers, unless it is told how not to. Beside a process that has the file open, or
after one that was killed, its `-shm` is read as it lies (`readonly_shm`); a file that was closed in order needs neither
`-shm` nor `-wal` (`immutable`). Which of the two holds is looked up with each transaction, so these must be short.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from bridge.store.backend import BUSY_TIMEOUT_MS, DatabaseKind, DatabaseUnusableError, ReadableBackend, explained
from bridge.store.sqlite import sentence_of

T = TypeVar("T")

_TRIES = 3


class ReadOnlyDatabase:
    """Reads run on the caller's thread. Blocks for the query: not on the reactor."""

    def __init__(self, backend: ReadableBackend) -> None:
        """Use `open_read_only`."""
        self.place = backend.place
        self._backend = backend

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """`work` sees one consistent state. It may be called more than once. Raises DatabaseUnusableError."""
        for left in reversed(range(_TRIES)):
            try:
                with explained(self._backend), self._backend.reader.begin() as connection:
                    return work(connection)
            except DatabaseUnusableError:
                if not left:
                    raise
        raise AssertionError("not reached")

    def close(self) -> None:
        """No more reads."""
        self._backend.engine.dispose()


def open_read_only(data: Path, kind: DatabaseKind, address: str = "") -> ReadOnlyDatabase | None:
    """None: there is no such database. Raises DatabaseUnusableError, also for one of another version.

    address: "": SQLite in `data`; else `postgresql://user:password@host/name`
    """
    if not address and not (data / kind.file_name).exists():
        return None
    backend: ReadableBackend
    if address:
        from bridge.store.postgres import PostgresSchema  # its driver is loaded only where it is used

        backend = PostgresSchema(address, kind)
    else:
        backend = _UntouchedFile(data / kind.file_name)
    database = ReadOnlyDatabase(backend)
    try:
        version = database.read(_version)
        if version is None:
            database.close()
            return None
        if version != kind.head:
            raise DatabaseUnusableError(
                f"{backend.place} is of another version (schema {version}, this one knows {kind.head}):"
                " start the service once, or the version that wrote it"
            )
    except BaseException:
        database.close()
        raise
    return database


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar())


class _UntouchedFile:
    """Implements bridge.store.backend.ReadableBackend. A connection lasts for a transaction."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = str(path)
        self.engine = sa.create_engine("sqlite://", creator=self._connect, poolclass=sa.NullPool)

        @sa.event.listens_for(self.engine, "begin")
        def begin(connection: sa.Connection) -> None:
            connection.exec_driver_sql("BEGIN")

    @property
    def reader(self) -> sa.Engine:
        """See ReadableBackend."""
        return self.engine

    def sentence(self, error: BaseException) -> str:
        """See ReadableBackend."""
        return sentence_of(self.path, error)

    def _connect(self) -> sqlite3.Connection:
        wal, shm = (self.path.with_name(self.path.name + ending) for ending in ("-wal", "-shm"))
        if shm.exists():
            how = "readonly_shm=1"
        elif not wal.exists() or not wal.stat().st_size:
            how = "immutable=1"
        else:
            raise DatabaseUnusableError(
                f"{wal} holds changes that cannot be read without writing: start the service once, which takes them in"
            )
        return sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=ro&{how}",
            uri=True,
            timeout=BUSY_TIMEOUT_MS / 1000,
            isolation_level=None,
        )
