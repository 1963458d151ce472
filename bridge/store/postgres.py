"""A database in a schema of its own on a PostgreSQL server.

Each transaction that writes begins with an advisory lock of the schema, so writers take turns as they do with SQLite;
readers never wait. Every commit is synced, also those of what can be made anew: when the server falls, the service does
not, so nothing would bring lost rows back before its next start.
"""

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from bridge.store.backend import BUSY_TIMEOUT_MS, READ_ONLY, DatabaseKind, DatabaseUnusableError

_POOL_SIZE = 8
_DETAIL_CHARACTERS = 200
_DRIVER_OPTIONS = {
    # A server that is gone without a word is noticed after about 15 s.
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "client_encoding": "utf8",
}
_SECRET_KEYS = ("password", "sslpassword")


class PostgresSchema:
    """Implements bridge.store.backend.Backend. A lost connection is made anew by the next transaction."""

    def __init__(self, address: str, kind: DatabaseKind) -> None:
        """address: `postgresql://user:password@host/name`, checked by the configuration. Connects to nothing yet."""
        url = sa.make_url(address).set(drivername="postgresql+psycopg")
        host = url.host or url.query.get("host") or "this machine"
        self.place = f"the PostgreSQL schema {kind.schema_name} of {host}/{url.database}"
        self._schema = kind.schema_name
        self._secrets = [text for text in (url.password, *map(url.query.get, _SECRET_KEYS)) if isinstance(text, str)]
        self.engine = _engine(url, kind)
        self._reader = self.engine.execution_options(
            **{READ_ONLY: True}, isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    @property
    def reader(self) -> sa.Engine:
        """See Backend."""
        return self._reader

    @contextmanager
    def alone(self) -> Iterator[None]:
        """See Backend: the turn among the writers is enough."""
        yield

    def prepare(self, connection: sa.Connection) -> None:
        """See Backend. An administrator may have made the schema: the right to make one is not needed then."""
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
        if encoding != "UTF8":
            raise DatabaseUnusableError(f"{self.place} holds {encoding}: it must be a database in UTF8")
        if connection.execute(sa.select(sa.func.to_regnamespace(self._schema))).scalar() is None:
            connection.execute(sa.schema.CreateSchema(self._schema))

    def sentence(self, error: BaseException) -> str:
        """See Backend."""
        state = getattr(error, "sqlstate", None) or ""
        detail = self._detail(error)
        if state.startswith("28") or "authentication failed" in detail or "no password supplied" in detail:
            return f"{self.place} refuses the log-in: check user and password of the key `database`"
        if state == "55P03":
            return f"{self.place} is held by another program for longer than {BUSY_TIMEOUT_MS // 1000} s"
        if state.startswith("53"):
            return f"{self.place} has no room: {detail}"
        if state == "42501":
            return f"{self.place} cannot be used: no right to it ({detail})"
        if not state or state.startswith(("08", "57P")):
            return f"{self.place} cannot be reached: {detail}"
        return f"{self.place} cannot be used: {detail}"

    def _detail(self, error: BaseException) -> str:
        """What the server or libpq said, without the secrets, on one line."""
        text = str(error)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        # libpq tells the way to the server first, and may go on with hints in further lines.
        text = re.sub(r"^(?:connection failed: )?(?:connection to server .*? failed: )?(?:FATAL: +)?", "", text.strip())
        text = " ".join(text.partition("\n")[0].split())
        return text if len(text) <= _DETAIL_CHARACTERS else text[:_DETAIL_CHARACTERS] + "…"


def _engine(url: sa.URL, kind: DatabaseKind) -> sa.Engine:
    options = f"-csearch_path={kind.schema_name} -clock_timeout={BUSY_TIMEOUT_MS}"
    given = url.query.get("options", "")
    engine = sa.create_engine(
        url,
        connect_args={
            **{key: value for key, value in _DRIVER_OPTIONS.items() if key not in url.query},
            "application_name": kind.schema_name,
            "options": f"{given} {options}" if isinstance(given, str) and given else options,
        },
        pool_size=_POOL_SIZE,
        pool_timeout=BUSY_TIMEOUT_MS / 1000,
        pool_pre_ping=True,  # connections that died while nobody used them
        hide_parameters=True,
    )
    turn = f"SELECT pg_advisory_xact_lock({zlib.crc32(kind.schema_name.encode())})"

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        if not connection.get_execution_options().get(READ_ONLY, False):
            connection.exec_driver_sql(turn).close()

    return engine
