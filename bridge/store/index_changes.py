"""What adding and deleting segments does to the index, inside one transaction: rows, runs, sums, heads of chains."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace

import sqlalchemy as sa

from bridge.base.errors import BridgeError
from bridge.store.rows import ChainHead, RunRow, SegmentRow
from bridge.store.schema import holdings, recordings, runs, segments, storages
from bridge.store.serials import stretches, without


class SerialUsedError(BridgeError):
    """A serial was to be used twice: the second segment is not taken."""


_OF_SEGMENT = sa.and_(segments.c.recording_id == sa.bindparam("of"), segments.c.serial == sa.bindparam("number"))
_SEGMENT = sa.select(segments).where(_OF_SEGMENT)
_START = sa.select(segments.c.start_utc_ns).where(_OF_SEGMENT)
_RUN_AT_OR_BEFORE = (
    sa.select(runs)
    .where(runs.c.recording_id == sa.bindparam("of"), runs.c.first_serial <= sa.bindparam("number"))
    .order_by(runs.c.first_serial.desc())
    .limit(1)
)
_RUN = sa.select(runs).where(runs.c.recording_id == sa.bindparam("of"), runs.c.first_serial == sa.bindparam("number"))
_RUNS_BETWEEN = sa.select(runs).where(
    runs.c.recording_id == sa.bindparam("of"),
    runs.c.first_serial > sa.bindparam("after"),
    runs.c.first_serial <= sa.bindparam("until"),
)
_DELETE_RUN = sa.delete(runs).where(
    runs.c.recording_id == sa.bindparam("of"), runs.c.first_serial == sa.bindparam("number")
)
_INSERT_RUN = sa.insert(runs)
_INSERT_SEGMENT = sa.insert(segments)
_LENGTHEN = (
    sa.update(recordings)
    .where(recordings.c.id == sa.bindparam("of"), recordings.c.longest_ns < sa.bindparam("length"))
    .values(longest_ns=sa.bindparam("length"))
)
_OF_HOLDING = sa.and_(holdings.c.recording_id == sa.bindparam("of"), holdings.c.storage_id == sa.bindparam("on"))
_COUNT = (
    sa.update(holdings)
    .where(_OF_HOLDING)
    .values(
        segments=holdings.c.segments + sa.bindparam("more_segments"),
        size_bytes=holdings.c.size_bytes + sa.bindparam("more_bytes"),
    )
)
_NUMBER = (
    sa.update(holdings)
    .where(_OF_HOLDING, holdings.c.last_serial < sa.bindparam("number"))
    .values(last_serial=sa.bindparam("number"))
)
_LINK = (
    sa.update(holdings)
    .where(_OF_HOLDING)
    .values(chain_entries=sa.bindparam("entries"), chain_link=sa.bindparam("link"))
)
_HOLDING = sa.select(holdings.c.recording_id).where(_OF_HOLDING)
_IN_STRETCH = sa.and_(
    segments.c.recording_id == sa.bindparam("of"),
    segments.c.serial.between(sa.bindparam("first"), sa.bindparam("last")),
)
_STRETCH = sa.select(segments).where(_IN_STRETCH).order_by(segments.c.serial)
_FIRST_OF_STRETCH = _STRETCH.limit(1)
_LAST_OF_STRETCH = sa.select(segments).where(_IN_STRETCH).order_by(segments.c.serial.desc()).limit(1)
_DELETE_STRETCH = sa.delete(segments).where(_IN_STRETCH)


def add_segment(connection: sa.Connection, row: SegmentRow, interval_ns: int, head: ChainHead | None) -> None:
    """The row, its run, the sums, and the head of the chain. A row that is there already changes nothing.

    So whoever does not know whether his commit arrived may try again. Raises SerialUsedError.
    """
    there = connection.execute(_SEGMENT, {"of": row.recording_id, "number": row.serial}).one_or_none()
    if there is None:
        hold(connection, row.recording_id, row.storage_id)
        connection.execute(_INSERT_SEGMENT, asdict(row))
        of_holding = {"of": row.recording_id, "on": row.storage_id}
        connection.execute(_COUNT, of_holding | {"more_segments": 1, "more_bytes": row.size_bytes})
        connection.execute(_NUMBER, of_holding | {"number": row.serial})
        connection.execute(_LENGTHEN, {"of": row.recording_id, "length": _join_run(connection, row, interval_ns)})
    elif SegmentRow(*there) != row:
        raise SerialUsedError(f"serial {row.serial} of recording {row.recording_id} is in the index with other facts")
    if head is not None:
        set_chain_head(connection, row.recording_id, row.storage_id, head)


def _join_run(connection: sa.Connection, row: SegmentRow, interval_ns: int) -> int:
    """Extends the run of that name next to the segment, or makes one. Returns how far back look-ups must go for it."""
    of, serial = row.recording_id, row.serial
    run = RunRow(of, serial, serial, row.run, row.start_utc_ns, row.end_utc_ns, interval_ns)
    longest_ns = row.end_utc_ns - row.start_utc_ns
    before = connection.execute(_RUN_AT_OR_BEFORE, {"of": of, "number": serial - 1}).one_or_none()
    after = connection.execute(_RUN, {"of": of, "number": serial + 1}).one_or_none()
    if before is not None and before.run == row.run and before.last_serial == serial - 1:
        start = connection.execute(_START, {"of": of, "number": serial - 1}).scalar_one()
        longest_ns = max(longest_ns, row.start_utc_ns - start)
        run = _together(RunRow(*before), run)
    if after is not None and after.run == row.run:
        start = connection.execute(_START, {"of": of, "number": serial + 1}).scalar_one()
        longest_ns = max(longest_ns, start - row.start_utc_ns)
        run = _together(run, RunRow(*after))
        connection.execute(_DELETE_RUN, {"of": of, "number": serial + 1})
    connection.execute(_DELETE_RUN, {"of": of, "number": run.first_serial})
    connection.execute(_INSERT_RUN, asdict(run))
    return longest_ns


def _together(before: RunRow, after: RunRow) -> RunRow:
    return replace(
        before,
        last_serial=after.last_serial,
        end_utc_ns=max(before.end_utc_ns, after.end_utc_ns),
        interval_ns=max(before.interval_ns, after.interval_ns),
    )


def delete_segments(
    connection: sa.Connection, recording_id: int, serials: Iterable[int], heads: Mapping[int, ChainHead]
) -> list[SegmentRow]:
    """Takes the rows out; their runs are trimmed, split or removed. Returns the rows that were there, in order.

    heads: by storage, the head of the chain that the deletion has led to
    """
    removed = stretches(serials)
    rows: list[SegmentRow] = []
    for first, last in removed:
        stretch = {"of": recording_id, "first": first, "last": last}
        rows.extend(SegmentRow(*row) for row in connection.execute(_STRETCH, stretch))
        connection.execute(_DELETE_STRETCH, stretch)
    for storage_id in {row.storage_id for row in rows}:
        sizes = [row.size_bytes for row in rows if row.storage_id == storage_id]
        of_holding = {"of": recording_id, "on": storage_id}
        connection.execute(_COUNT, of_holding | {"more_segments": -len(sizes), "more_bytes": -sum(sizes)})
    for run in _runs_around(connection, recording_id, removed):
        left = without((run.first_serial, run.last_serial), removed)
        if left != [(run.first_serial, run.last_serial)]:
            connection.execute(_DELETE_RUN, {"of": recording_id, "number": run.first_serial})
            for part in left:
                _insert_part(connection, run, part)
    for storage_id, head in heads.items():
        set_chain_head(connection, recording_id, storage_id, head)
    return rows


def _runs_around(connection: sa.Connection, recording_id: int, removed: list[tuple[int, int]]) -> list[RunRow]:
    if not removed:
        return []
    first, last = removed[0][0], removed[-1][1]
    begins_before = connection.execute(_RUN_AT_OR_BEFORE, {"of": recording_id, "number": first})
    begin_later = connection.execute(_RUNS_BETWEEN, {"of": recording_id, "after": first, "until": last})
    return [RunRow(*row) for row in (*begins_before, *begin_later)]


def _insert_part(connection: sa.Connection, run: RunRow, part: tuple[int, int]) -> None:
    stretch = {"of": run.recording_id, "first": part[0], "last": part[1]}
    first = connection.execute(_FIRST_OF_STRETCH, stretch).one()
    last = connection.execute(_LAST_OF_STRETCH, stretch).one()
    row = replace(
        run,
        first_serial=first.serial,
        last_serial=last.serial,
        start_utc_ns=first.start_utc_ns,
        end_utc_ns=last.end_utc_ns,
    )
    connection.execute(_INSERT_RUN, asdict(row))


def hold(connection: sa.Connection, recording_id: int, storage_id: int) -> None:
    """Makes the row that counts what the storage holds of the recording, when there is none."""
    if connection.execute(_HOLDING, {"of": recording_id, "on": storage_id}).one_or_none() is None:
        empty = {"last_serial": 0, "segments": 0, "size_bytes": 0, "chain_entries": 0, "chain_link": b""}
        connection.execute(sa.insert(holdings), {"recording_id": recording_id, "storage_id": storage_id, **empty})


def set_chain_head(connection: sa.Connection, recording_id: int, storage_id: int, head: ChainHead) -> None:
    """The chain ends here now."""
    hold(connection, recording_id, storage_id)
    connection.execute(_LINK, {"of": recording_id, "on": storage_id, "entries": head.entries, "link": head.link})


def note_serial(connection: sa.Connection, recording_id: int, storage_id: int, serial: int) -> None:
    """Serials up to this one are used, also when no segment of them is left."""
    hold(connection, recording_id, storage_id)
    connection.execute(_NUMBER, {"of": recording_id, "on": storage_id, "number": serial})


def clear(connection: sa.Connection) -> None:
    """Drops every row but events: before the index is made anew from the files."""
    for table in (segments, runs, holdings, recordings, storages):
        connection.execute(sa.delete(table))
