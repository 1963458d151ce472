"""What happened, for clients to find: the event log, rows of index.db written through its writer thread.

Topics and operations are ONVIF's (Core, Event handling; Recording Control, Events), so that its doors pass them on as
they are; topics under `onb:` are our own. Unlike the audit log, which says who did what, it holds nothing about users.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from bridge.base.events import Operation
from bridge.base.time import UtcNs
from bridge.store.backend import DatabaseUnusableError
from bridge.store.database import Database
from bridge.store.schema import events
from bridge.system.storable import storable

TRIM_EVERY_ROWS = 1_000
ITEM_LIMIT = 32
_INSERT = sa.insert(events)

Value = str | int | bool


@dataclass(frozen=True, slots=True)
class Event:
    """One event. id: in the order of writing; source: camera id or another token, "" for the device."""

    id: int
    utc_ns: UtcNs
    source: str
    topic: str
    operation: Operation
    data: Mapping[str, Value]


class EventLog:
    """The newest `keep_rows` events stay, none longer than `keep_ns`; the oldest go, a thousand at a time.

    When events come faster than the disk takes them, new ones are dropped and counted (`dropped`). Texts are cut, and
    of more than ITEM_LIMIT items the last are left out: cameras choose some of them.
    """

    def __init__(self, database: Database, keep_rows: int, keep_ns: int | None = None) -> None:
        """database: index.db; keep_ns: None: as long as there is room."""
        self._database = database
        self._keep_rows = keep_rows
        self._keep_ns = keep_ns
        self._since_trim = 0
        self.dropped = 0
        """Events that are lost because too many waited; those of a commit that failed the database counts."""

    def post(
        self,
        topic: str,
        source: str,
        data: Mapping[str, Value],
        utc_ns: UtcNs,
        operation: Operation = Operation.NONE,
    ) -> None:
        """Never blocks and never raises for what the database or the peers do."""
        items = list(data.items())[:ITEM_LIMIT]
        row = {
            "utc_ns": utc_ns,
            "source": storable(source),
            "topic": storable(topic),
            "operation": operation.value,
            "data": json.dumps({name: storable(of) if isinstance(of, str) else of for name, of in items}),
        }
        if not self._database.post(_INSERT, row):
            self.dropped += 1
        self._since_trim += 1
        if self._since_trim >= TRIM_EVERY_ROWS:
            self.trim(utc_ns)

    def trim(self, utc_ns: UtcNs) -> None:
        """Lets go what is too old or too much, soon; does not wait. To be called now and then: a quiet log ages too."""
        self._since_trim = 0
        newest = sa.select(sa.func.max(events.c.id)).scalar_subquery()
        old = [sa.delete(events).where(events.c.id <= newest - self._keep_rows)]
        if self._keep_ns is not None:
            old.append(sa.delete(events).where(events.c.utc_ns < utc_ns - self._keep_ns))

        def let_go(connection: sa.Connection) -> None:
            for statement in old:
                connection.execute(statement)

        try:
            self._database.submit(let_go)
        except DatabaseUnusableError:
            return  # the queue is full; the next time tries again

    def read(
        self,
        *,
        since_utc_ns: int | None = None,
        until_utc_ns: int | None = None,
        topic: str = "",
        source: str | None = None,
        limit: int = 100,
        oldest_first: bool = False,
        after: Event | None = None,
    ) -> tuple[Event, ...]:
        """By time, the newest first unless told. Blocks for the query. Raises DatabaseUnusableError.

        since, until: [since, until); topic: it and everything below it (`tns1:RecordingConfig`)
        after: the last event of the page before, read with the same arguments
        """
        place = sa.tuple_(events.c.utc_ns, events.c.id)
        query = sa.select(events).limit(limit)
        if oldest_first:
            query = query.order_by(events.c.utc_ns, events.c.id)
        else:
            query = query.order_by(events.c.utc_ns.desc(), events.c.id.desc())
        if after is not None:
            last = sa.tuple_(sa.literal(after.utc_ns, sa.BigInteger), sa.literal(after.id, sa.BigInteger))
            query = query.where(place > last if oldest_first else place < last)
        if since_utc_ns is not None:
            query = query.where(events.c.utc_ns >= since_utc_ns)
        if until_utc_ns is not None:
            query = query.where(events.c.utc_ns < until_utc_ns)
        if topic:
            below = f"{topic}/"
            query = query.where((events.c.topic == topic) | (sa.func.substr(events.c.topic, 1, len(below)) == below))
        if source is not None:
            query = query.where(events.c.source == source)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return tuple(
            Event(row.id, row.utc_ns, row.source, row.topic, Operation(row.operation), json.loads(row.data))
            for row in rows
        )
