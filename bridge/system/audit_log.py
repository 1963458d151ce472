"""The audit log: rows of config.db, written through its writer thread.

The newest `keep_rows` rows stay; the oldest go, a thousand at a time. When rows come faster than the disk takes them,
new rows are dropped and counted (`dropped`): a viewer never waits for the log.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from bridge.base.time import UtcNs
from bridge.store.backend import DatabaseUnusableError
from bridge.store.database import Database
from bridge.system import schema
from bridge.system.storable import storable

TRIM_EVERY_ROWS = 1_000
_INSERT = sa.insert(schema.audit)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row; the fields are those of bridge.system.audit.Audit."""

    id: int
    utc_ns: UtcNs
    principal: str
    action: str
    object: str
    outcome: str
    peer: str


class AuditLog:
    """Implements bridge.system.audit.Audit. Fields are cut at TEXT_LIMIT characters: peers choose some of them."""

    def __init__(self, database: Database, keep_rows: int) -> None:
        self._database = database
        self._keep_rows = keep_rows
        self._since_trim = 0
        self.dropped = 0
        """Rows that are lost, since the start."""

    def __call__(self, principal: str, action: str, object: str, outcome: str, peer: str, utc_ns: int) -> None:  # noqa: A002 - the column's name
        """See bridge.system.audit.Audit."""
        fields = {"principal": principal, "action": action, "object": object, "outcome": outcome, "peer": peer}
        row = {"utc_ns": utc_ns, **{name: storable(text) for name, text in fields.items()}}
        if not self._database.post(_INSERT, row):
            self.dropped += 1
        self._since_trim += 1
        if self._since_trim >= TRIM_EVERY_ROWS:
            self._since_trim = 0
            self._trim()

    def _trim(self) -> None:
        newest = sa.select(sa.func.max(schema.audit.c.id)).scalar_subquery()
        old = sa.delete(schema.audit).where(schema.audit.c.id <= newest - self._keep_rows)
        try:
            self._database.submit(lambda connection: connection.execute(old).close())
        except DatabaseUnusableError:
            return  # the queue is full; the next thousand rows try again

    def read(self, *, limit: int = 100, before_id: int | None = None) -> tuple[AuditRow, ...]:
        """The newest rows first, at most `limit`; before_id: those older than that row. Blocks for the query."""
        query = sa.select(schema.audit).order_by(schema.audit.c.id.desc()).limit(limit)
        if before_id is not None:
            query = query.where(schema.audit.c.id < before_id)
        rows = self._database.read(lambda connection: tuple(connection.execute(query).mappings()))
        return tuple(AuditRow(**row) for row in rows)
