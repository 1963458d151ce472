"""What retention may delete: the oldest segments that no evidence lock holds."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import sqlalchemy as sa

from bridge.store.rows import SegmentRow
from bridge.store.schema import holdings, segments

PAGE_ROWS = 32

_HELD = sa.select(holdings.c.recording_id).where(
    holdings.c.storage_id == sa.bindparam("storage_id"), holdings.c.segments > 0
)
_NEXT = (
    sa.select(segments)
    .where(
        segments.c.storage_id == sa.bindparam("on"),
        segments.c.recording_id == sa.bindparam("of"),
        sa.tuple_(segments.c.start_utc_ns, segments.c.serial)
        > sa.tuple_(sa.bindparam("start", type_=sa.BigInteger), sa.bindparam("number", type_=sa.BigInteger)),
    )
    .order_by(segments.c.start_utc_ns, segments.c.serial)
    .limit(PAGE_ROWS)
)
_LONG_AGO = -(2**63)

Range = tuple[int, int]
"""A locked stretch of time in UTC nanoseconds: from, until; the end is not in it."""


def oldest_of_recording(
    connection: sa.Connection, recording_id: int, storage_id: int, limit: int, locked: Sequence[Range]
) -> list[SegmentRow]:
    """Up to `limit` segments that lie on the storage, the oldest first."""
    return list(islice(_unlocked(connection, recording_id, storage_id, locked), limit))


def recordings_on(connection: sa.Connection, storage_id: int) -> list[int]:
    """The recordings that have segments on the storage."""
    return [row.recording_id for row in connection.execute(_HELD, {"storage_id": storage_id})]


def oldest_of_storage(
    connection: sa.Connection, storage_id: int, limit: int, locked: Mapping[int, Sequence[Range]]
) -> list[SegmentRow]:
    """The same over all recordings that lie there. locked: by recording id."""
    each = [
        _unlocked(connection, recording_id, storage_id, locked.get(recording_id, ()))
        for recording_id in recordings_on(connection, storage_id)
    ]
    return list(islice(heapq.merge(*each, key=lambda row: (row.start_utc_ns, row.recording_id, row.serial)), limit))


def _unlocked(
    connection: sa.Connection, recording_id: int, storage_id: int, locked: Sequence[Range]
) -> Iterator[SegmentRow]:
    """By start. Steps over each locked stretch at once: a locked year costs one look-up, not half a million rows."""
    position = {"start": _LONG_AGO, "number": 0}
    while True:
        rows = connection.execute(_NEXT, {"of": recording_id, "on": storage_id, **position}).all()
        for row in rows:
            segment = SegmentRow(*row)
            position = {"start": segment.start_utc_ns, "number": segment.serial}
            end_utc_ns = max(segment.end_utc_ns, segment.start_utc_ns + 1)
            holding = [one for one in locked if segment.start_utc_ns < one[1] and one[0] < end_utc_ns]
            if not holding:
                yield segment
                continue
            # What starts inside a lock is held by it; what only reaches into one says nothing of the next segment.
            inside = [until for since, until in holding if since <= segment.start_utc_ns]
            if inside:
                position = {"start": max(inside), "number": -1}
                break
        else:
            if len(rows) < PAGE_ROWS:
                return
