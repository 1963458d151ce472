"""Sessions of the web door in config.db: read at the start, written behind.

Nobody waits for the disk: who logs in while it is full shall see his cameras all the same. What cannot be written is
counted and said; such a session ends with the process, or, if its end was not written, comes back after it.
"""

from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import sqlalchemy as sa
import structlog

from bridge.base.time import UtcNs
from bridge.store.backend import DatabaseUnusableError
from bridge.store.database import Database, Work
from bridge.system import schema


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A row of web_session; see bridge/system/schema.py."""

    id: str
    user: str
    refresh_sha256: bytes = field(repr=False)
    previous_sha256: bytes | None = field(repr=False)
    refreshed_utc_ns: UtcNs
    created_utc_ns: UtcNs
    expires_utc_ns: UtcNs
    peer: str

    def refreshed(self, refresh_sha256: bytes, utc_ns: UtcNs, expires_utc_ns: UtcNs) -> "SessionRow":
        """With the next refresh token."""
        return replace(
            self,
            refresh_sha256=refresh_sha256,
            previous_sha256=self.refresh_sha256,
            refreshed_utc_ns=utc_ns,
            expires_utc_ns=expires_utc_ns,
        )


class SessionRows:
    """The table. `put` and `remove` never block and never raise."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log = structlog.get_logger()
        self.lost = 0
        """Changes that were not written, since the start."""

    def read(self) -> tuple[SessionRow, ...]:
        """All of them, oldest log-in first. Blocks. Raises DatabaseUnusableError."""
        query = sa.select(schema.web_sessions).order_by(schema.web_sessions.c.created_utc_ns)
        rows = self._database.read(lambda connection: tuple(connection.execute(query).mappings()))
        return tuple(SessionRow(**row) for row in rows)

    def put(self, row: SessionRow) -> None:
        """A new one, or its new state."""
        values = {name: getattr(row, name) for name in SessionRow.__slots__}
        gone = sa.delete(schema.web_sessions).where(schema.web_sessions.c.id == row.id)

        def work(connection: sa.Connection) -> None:
            connection.execute(gone).close()
            connection.execute(sa.insert(schema.web_sessions), values).close()

        self._submit(work)

    def remove(self, session_id: str) -> None:
        """It has ended."""
        gone = sa.delete(schema.web_sessions).where(schema.web_sessions.c.id == session_id)
        self._submit(lambda connection: connection.execute(gone).close())

    def _submit(self, work: Work[None]) -> None:
        try:
            self._database.submit(work).add_done_callback(self._done)
        except DatabaseUnusableError as error:
            self._missed(error)

    def _done(self, future: "Future[None]") -> None:
        error = future.exception()
        if error is not None:
            self._missed(error)

    def _missed(self, error: BaseException) -> None:
        self.lost += 1
        self._log.warning("a session could not be kept", reason=str(error))
