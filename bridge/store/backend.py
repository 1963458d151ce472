"""What a database is on, and what it is brought to: shared by SQLite (sqlite.py) and PostgreSQL (postgres.py)."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from bridge.base.errors import BridgeError

BUSY_TIMEOUT_MS = 10_000
READ_ONLY = "read_only"
"""The execution option of connections that only read: they take no turn among the writers."""


class DatabaseUnusableError(BridgeError):
    """The database cannot be used: damaged, gone, too new, no right to it, no room. One sentence for people."""


@dataclass(frozen=True, slots=True)
class DatabaseKind:
    """One of our databases.

    name:       `config`: the file config.db, or the schema onb_config of a PostgreSQL database
    head:       the newest migration, whose result `metadata` is
    migrations: the folder that alembic reads
    precious:   nothing else knows what it holds: each commit is synced, and the file is read through before it is used.
                What is not precious can be made anew: a power cut may take its last commits, never the whole
    """

    name: str
    metadata: sa.MetaData
    head: str
    migrations: Path
    precious: bool

    @property
    def file_name(self) -> str:
        """In the data folder, with SQLite."""
        return f"{self.name}.db"

    @property
    def schema_name(self) -> str:
        """With PostgreSQL."""
        return f"onb_{self.name}"


class ReadableBackend(Protocol):
    """As much of a backend as reading needs."""

    place: str
    """How messages call it; holds no secret."""
    engine: sa.Engine

    @property
    def reader(self) -> sa.Engine:
        """The engine for transactions that only read: each sees one consistent state."""

    def sentence(self, error: BaseException) -> str:
        """What the driver's error means, and what to do. Holds no secret."""


class Backend(ReadableBackend, Protocol):
    """An SQLite file, or a schema of a PostgreSQL database. Transactions that write take turns, also with others'."""

    def alone(self) -> AbstractContextManager[None]:
        """One process at a time opens and migrates."""

    def prepare(self, connection: sa.Connection) -> None:
        """Before its tables are looked at, in the transaction that migrates. Raises DatabaseUnusableError."""


@contextmanager
def explained(backend: ReadableBackend) -> Iterator[None]:
    """Errors of the database as DatabaseUnusableError; a broken constraint is the caller's and comes through."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise DatabaseUnusableError(backend.sentence(error.orig or error)) from None
    except SQLAlchemyError as error:
        raise DatabaseUnusableError(f"{backend.place} cannot be used: {type(error).__name__}") from None
    except backend.engine.dialect.loaded_dbapi.Error as error:  # while a connection is made, before SQLAlchemy has it
        raise DatabaseUnusableError(backend.sentence(error)) from None


def bring_to_head(backend: Backend, kind: DatabaseKind) -> None:
    """Checks what is there, and runs the missing migrations in one transaction. Raises DatabaseUnusableError."""
    with explained(backend), backend.alone(), backend.engine.begin() as connection:
        backend.prepare(connection)
        tables = set(sa.inspect(connection).get_table_names())
        revision = None
        if "alembic_version" in tables:
            revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        if revision == kind.head:
            return
        if revision is None and tables:
            raise DatabaseUnusableError(f"{backend.place} is a database of another program; move it away")
        if revision is not None and (not str(revision).isdigit() or int(revision) > int(kind.head)):
            raise DatabaseUnusableError(
                f"{backend.place} was written by a newer version (schema {revision}, this one knows {kind.head}):"
                " start that version, or restore a backup"
            )
        _migrate(connection, kind)


def _migrate(connection: sa.Connection, kind: DatabaseKind) -> None:
    # Imported only when there is something to do: it costs each `onb` command a fifth of a second.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(kind.migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
