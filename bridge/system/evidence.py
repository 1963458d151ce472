"""Evidence locks: stretches of footage that no rule deletes, until they are unlocked or expire. Kept in config.db.

All calls block for the database. Who is about to delete footage asks just before, and deletes nothing when the answer
is an error.
"""

import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from bridge.base.errors import BridgeError
from bridge.base.time import UtcNs
from bridge.store.database import Database
from bridge.system.schema import evidence
from bridge.system.storable import storable

REASON_LIMIT = 1000

Range = tuple[int, int]
"""From, until in UTC nanoseconds; the end is not in it."""


class EvidenceError(BridgeError):
    """What was asked cannot be done: one sentence for people."""


@dataclass(frozen=True, slots=True)
class EvidenceLock:
    """id: its name for ever, also in the copies on the storages; expires_utc_ns None: until somebody unlocks it."""

    id: uuid.UUID
    recording: uuid.UUID
    from_utc_ns: int
    until_utc_ns: int
    who: str
    why: str
    created_utc_ns: int
    expires_utc_ns: int | None


class EvidenceLocks:
    """Added, listed, removed; and what retention has to leave alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        recording: uuid.UUID,
        from_utc_ns: int,
        until_utc_ns: int,
        *,
        who: str,
        why: str,
        created_utc_ns: UtcNs,
        expires_utc_ns: int | None = None,
    ) -> EvidenceLock:
        """From now on it counts. Raises EvidenceError, DatabaseUnusableError."""
        if until_utc_ns <= from_utc_ns:
            raise EvidenceError("the end of a lock must be after its begin")
        if expires_utc_ns is not None and expires_utc_ns <= created_utc_ns:
            raise EvidenceError("a lock must not expire before it is made")
        facts = (storable(who), storable(why, REASON_LIMIT), created_utc_ns, expires_utc_ns)
        lock = EvidenceLock(uuid.uuid4(), recording, from_utc_ns, until_utc_ns, *facts)
        self.take_over([lock])
        return lock

    def take_over(self, locks: Iterable[EvidenceLock]) -> int:
        """Keeps locks that were copied elsewhere and are not known here; how many those were."""
        coming = {lock.id: lock for lock in locks}

        def keep(connection: sa.Connection) -> int:
            known = set(connection.execute(sa.select(evidence.c.id)).scalars())
            rows = [asdict(lock) for lock in coming.values() if lock.id not in known]
            if rows:
                connection.execute(sa.insert(evidence), rows)
            return len(rows)

        return self._database.write(keep)

    def list(self, recording: uuid.UUID | None = None) -> tuple[EvidenceLock, ...]:
        """All of them or those of a recording, the oldest first; also what has expired."""
        query = sa.select(evidence).order_by(evidence.c.created_utc_ns, evidence.c.id)
        if recording is not None:
            query = query.where(evidence.c.recording == recording)
        return self._database.read(lambda connection: tuple(EvidenceLock(*row) for row in connection.execute(query)))

    def remove(self, lock_id: uuid.UUID) -> EvidenceLock:
        """From now on it does not count any more. Raises EvidenceError, DatabaseUnusableError."""

        def take(connection: sa.Connection) -> EvidenceLock | None:
            row = connection.execute(sa.select(evidence).where(evidence.c.id == lock_id)).one_or_none()
            connection.execute(sa.delete(evidence).where(evidence.c.id == lock_id))
            return EvidenceLock(*row) if row else None

        removed = self._database.write(take)
        if removed is None:
            raise EvidenceError(f"there is no evidence lock {lock_id}")
        return removed

    def ranges(self, utc_ns: UtcNs) -> dict[uuid.UUID, tuple[Range, ...]]:
        """What is locked now: by recording, in order, not overlapping."""
        return self._ranges(utc_ns, sa.true())

    def ranges_of(self, recording: uuid.UUID, utc_ns: UtcNs) -> tuple[Range, ...]:
        """The same of one recording."""
        return self._ranges(utc_ns, evidence.c.recording == recording).get(recording, ())

    def _ranges(self, utc_ns: UtcNs, of: sa.ColumnElement[bool]) -> dict[uuid.UUID, tuple[Range, ...]]:
        counts = sa.or_(evidence.c.expires_utc_ns.is_(None), evidence.c.expires_utc_ns > utc_ns)
        query = (
            sa.select(evidence.c.recording, evidence.c.from_utc_ns, evidence.c.until_utc_ns)
            .where(counts, of)
            .order_by(evidence.c.from_utc_ns)
        )
        found: dict[uuid.UUID, list[Range]] = {}
        for recording, since, until in self._database.read(lambda connection: connection.execute(query).all()):
            ranges = found.setdefault(recording, [])
            if ranges and since <= ranges[-1][1]:
                ranges[-1] = (ranges[-1][0], max(ranges[-1][1], until))
            else:
                ranges.append((since, until))
        return {recording: tuple(ranges) for recording, ranges in found.items()}
