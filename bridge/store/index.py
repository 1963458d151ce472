"""The index: which storages and recordings there are, and which segment lies where in time.

index.db holds a small row per segment; the samples are found through the segment's own footer. Every question is a
look-up, however many years there are: as segments are short (the longest of each recording is known), what covers an
instant lies among the few that start shortly before it. All calls block for the database: not on the reactor.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

import sqlalchemy as sa

from bridge.store import index_changes, oldest, schema
from bridge.store.backend import DatabaseKind
from bridge.store.database import Database, open_database
from bridge.store.rows import (
    ChainHead,
    HoldingRow,
    Known,
    RecordingRow,
    RunRow,
    SegmentRow,
    SpanRow,
    StorageRow,
    Totals,
)
from bridge.store.schema import holdings, recordings, runs, segments, storages

INDEX = DatabaseKind(
    "index", schema.metadata, schema.HEAD, migrations=Path(schema.__file__).parent / "migrations", precious=False
)

_OF = sa.bindparam("of", type_=sa.Integer)
_FROM, _UNTIL = sa.bindparam("from", type_=sa.BigInteger), sa.bindparam("until", type_=sa.BigInteger)
_MINE = segments.c.recording_id == _OF
_BACK = sa.select(recordings.c.longest_ns).where(recordings.c.id == _OF).scalar_subquery()
"""How far before an instant a segment may start that covers it."""

_RECORDING = sa.select(
    recordings.c.id,
    recordings.c.uuid,
    recordings.c.camera,
    recordings.c.stream,
    recordings.c.created_utc_ns,
    recordings.c.ended_utc_ns,
)
_BETWEEN = (
    sa.select(segments)
    .where(
        _MINE,
        segments.c.start_utc_ns >= _FROM - _BACK,
        segments.c.start_utc_ns < _UNTIL,
        sa.or_(segments.c.end_utc_ns > _FROM, segments.c.start_utc_ns >= _FROM),
    )
    .order_by(segments.c.start_utc_ns, segments.c.serial)
    .limit(sa.bindparam("limit"))
)
# The highest serial is found here and not by the database: it would look for it from the newest segment on.
_AT = (
    sa.select(segments)
    .where(
        _MINE,
        segments.c.start_utc_ns >= _FROM - _BACK,
        segments.c.start_utc_ns <= _FROM,
        segments.c.end_utc_ns > _FROM,
    )
    .order_by(segments.c.start_utc_ns)
)
_NEXT = (
    sa.select(segments)
    .where(_MINE, segments.c.start_utc_ns > _FROM)
    .order_by(segments.c.start_utc_ns, segments.c.serial)
    .limit(1)
)
_PREVIOUS = (
    sa.select(segments)
    .where(_MINE, segments.c.start_utc_ns < _FROM)
    .order_by(segments.c.start_utc_ns.desc(), segments.c.serial.desc())
    .limit(1)
)
_SERIAL = sa.select(segments).where(_MINE, segments.c.serial == sa.bindparam("serial"))
_SERIALS_BEFORE = sa.select(segments.c.serial).where(
    _MINE, segments.c.start_utc_ns >= _FROM - _BACK, segments.c.start_utc_ns < _FROM
)
# A look-up each, in one round: a thousand recordings are told at once.
_OF_EACH = segments.c.recording_id == recordings.c.id
_FIRST_OF_EACH = sa.select(sa.func.min(segments.c.start_utc_ns)).where(_OF_EACH).scalar_subquery()
_LAST_OF_EACH = sa.select(sa.func.max(segments.c.start_utc_ns)).where(_OF_EACH).scalar_subquery()
_ENDS = sa.select(recordings.c.id, recordings.c.longest_ns, _FIRST_OF_EACH.label("first"), _LAST_OF_EACH.label("last"))
_ENDS_OF_EACH = _ENDS.subquery()
_SPANS = sa.select(
    _ENDS_OF_EACH.c.id,
    _ENDS_OF_EACH.c.first,
    sa.select(sa.func.max(segments.c.end_utc_ns))
    .where(
        segments.c.recording_id == _ENDS_OF_EACH.c.id,
        segments.c.start_utc_ns >= _ENDS_OF_EACH.c.last - _ENDS_OF_EACH.c.longest_ns,
    )
    .scalar_subquery(),
    sa.select(sa.func.max(segments.c.serial))
    .where(segments.c.recording_id == _ENDS_OF_EACH.c.id, segments.c.start_utc_ns == _ENDS_OF_EACH.c.last)
    .scalar_subquery(),
).where(_ENDS_OF_EACH.c.first.is_not(None))
_SPAN = _SPANS.where(_ENDS_OF_EACH.c.id == _OF)
_RUNS_FROM = sa.select(runs).where(
    runs.c.recording_id == _OF, runs.c.start_utc_ns >= _FROM, runs.c.start_utc_ns < _UNTIL
)
_RUN_OF_SERIAL = (
    sa.select(runs)
    .where(runs.c.recording_id == _OF, runs.c.first_serial <= sa.bindparam("serial"))
    .order_by(runs.c.first_serial.desc())
    .limit(1)
)


def open_index(data: Path, address: str = "") -> Database:
    """index.db in `data`, or on PostgreSQL at `address`: see `open_database`. Raises DatabaseUnusableError."""
    return open_database(data, INDEX, address)


def read_known(connection: sa.Connection) -> Known:
    """All but segments and runs, as of one moment."""
    return Known(
        tuple(StorageRow(*row) for row in connection.execute(sa.select(storages).order_by(storages.c.id))),
        tuple(RecordingRow(*row) for row in connection.execute(_RECORDING.order_by(recordings.c.id))),
        tuple(
            HoldingRow(of, on, last_serial, count, size_bytes, ChainHead(entries, link))
            for of, on, last_serial, count, size_bytes, entries, link in connection.execute(
                sa.select(holdings).order_by(holdings.c.recording_id, holdings.c.storage_id)
            )
        ),
    )


class MediaIndex:
    """Questions and changes. Numbers of recordings and storages are the index's own; UUIDs stay when it is rebuilt."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- storages and recordings

    def storage(self, storage_uuid: uuid.UUID, name: str, path: str) -> StorageRow:
        """The storage's row: made when there is none, name and path brought up to date."""

        def ensure(connection: sa.Connection) -> int:
            mine = storages.c.uuid == storage_uuid
            facts = {"name": name, "path": path}
            if connection.execute(sa.update(storages).where(mine).values(facts)).rowcount == 0:
                connection.execute(sa.insert(storages).values(uuid=storage_uuid, **facts))
            number: int = connection.execute(sa.select(storages.c.id).where(mine)).scalar_one()
            return number

        return StorageRow(self._database.write(ensure), storage_uuid, name, path)

    def storages(self) -> tuple[StorageRow, ...]:
        """Every storage that was ever used, in the order of their first use."""
        query = sa.select(storages).order_by(storages.c.id)
        return self._database.read(lambda connection: tuple(StorageRow(*row) for row in connection.execute(query)))

    def ensure_recording(
        self, recording: uuid.UUID, camera: str, stream: str, created_utc_ns: int, ended_utc_ns: int | None = None
    ) -> RecordingRow:
        """The recording's row, made when there is none; one that is there stays as it is."""
        values = {
            "uuid": recording,
            "camera": camera,
            "stream": stream,
            "created_utc_ns": created_utc_ns,
            "ended_utc_ns": ended_utc_ns,
            "longest_ns": 0,
        }

        def ensure(connection: sa.Connection) -> RecordingRow:
            query = _RECORDING.where(recordings.c.uuid == recording)
            if connection.execute(query).one_or_none() is None:
                connection.execute(sa.insert(recordings).values(values))
            return RecordingRow(*connection.execute(query).one())

        return self._database.write(ensure)

    def end_recording(self, recording_id: int, utc_ns: int) -> None:
        """Nothing is added from now on; what is there stays until retention takes it."""
        change = sa.update(recordings).where(recordings.c.id == recording_id).values(ended_utc_ns=utc_ns)
        self._database.write(lambda connection: connection.execute(change).close())

    def recording(self, recording: uuid.UUID) -> RecordingRow | None:
        """The recording of that UUID."""
        query = _RECORDING.where(recordings.c.uuid == recording)
        row = self._database.read(lambda connection: connection.execute(query).one_or_none())
        return RecordingRow(*row) if row else None

    def current_recordings(self, camera: str, stream: str) -> tuple[RecordingRow, ...]:
        """The recording of that stream that goes on; should there be several, the youngest comes first."""
        mine = sa.and_(
            recordings.c.camera == camera, recordings.c.stream == stream, recordings.c.ended_utc_ns.is_(None)
        )
        query = _RECORDING.where(mine).order_by(recordings.c.created_utc_ns.desc(), recordings.c.id.desc())
        return self._database.read(lambda connection: tuple(RecordingRow(*row) for row in connection.execute(query)))

    def recordings(self) -> tuple[RecordingRow, ...]:
        """All of them, also those that ended, in the order of their making."""
        query = _RECORDING.order_by(recordings.c.id)
        return self._database.read(lambda connection: tuple(RecordingRow(*row) for row in connection.execute(query)))

    # -- changes

    def submit_segment(self, row: SegmentRow, interval_ns: int, head: ChainHead | None = None) -> "Future[None]":
        """Row, run, sums and head of the chain in one commit; the future is done when it is committed.

        Its file, and the folder entries that lead to it, are synced before. To be tried again when it fails: a row that
        is there already changes nothing. interval_ns: usual time between two frames of the leading track.
        Raises DatabaseUnusableError; the future fails with it, or with SerialUsedError.
        """
        return self._database.submit(lambda connection: index_changes.add_segment(connection, row, interval_ns, head))

    def add_segment(self, row: SegmentRow, interval_ns: int, head: ChainHead | None = None) -> None:
        """`submit_segment`, and waits."""
        self._database.write(lambda connection: index_changes.add_segment(connection, row, interval_ns, head))

    def delete_segments(
        self, recording_id: int, serials: Collection[int], heads: Mapping[int, ChainHead] | None = None
    ) -> tuple[SegmentRow, ...]:
        """Takes rows out, and trims, splits or removes their runs, in one commit. Returns those that were there.

        heads: by storage id, the head of the chain that says that they are deleted
        """
        removed = self._database.write(
            lambda connection: index_changes.delete_segments(connection, recording_id, serials, heads or {})
        )
        return tuple(removed)

    def set_chain_head(self, recording_id: int, storage_id: int, head: ChainHead) -> None:
        """For entries that no segment comes or goes with."""
        self._database.write(
            lambda connection: index_changes.set_chain_head(connection, recording_id, storage_id, head)
        )

    def note_serial(self, recording_id: int, storage_id: int, serial: int) -> None:
        """Serials up to this one are used, also when no segment of them is left: a rebuilt index must know."""
        self._database.write(lambda connection: index_changes.note_serial(connection, recording_id, storage_id, serial))

    # -- segments in time

    def segments_between(self, recording_id: int, from_ns: int, until_ns: int, limit: int) -> tuple[SegmentRow, ...]:
        """Segments that hold a moment of [from, until), by start, those that begin before it too; `limit` at most.

        The next page begins at the start of the last row, which comes again.
        """
        return self._rows(_BETWEEN, {"of": recording_id, "from": from_ns, "until": until_ns, "limit": limit})

    def segment_at(self, recording_id: int, utc_ns: int) -> SegmentRow | None:
        """The segment that covers the instant; of several the highest serial."""
        covering = self._rows(_AT, {"of": recording_id, "from": utc_ns})
        return max(covering, key=lambda row: row.serial, default=None)

    def next_segment(self, recording_id: int, utc_ns: int) -> SegmentRow | None:
        """The first that starts after the instant."""
        return self._row(_NEXT, {"of": recording_id, "from": utc_ns})

    def previous_segment(self, recording_id: int, utc_ns: int) -> SegmentRow | None:
        """The last that starts before the instant."""
        return self._row(_PREVIOUS, {"of": recording_id, "from": utc_ns})

    def segment(self, recording_id: int, serial: int) -> SegmentRow | None:
        """The segment of that serial."""
        return self._row(_SERIAL, {"of": recording_id, "serial": serial})

    def _rows(self, query: sa.Executable, values: Mapping[str, object]) -> tuple[SegmentRow, ...]:
        return self._database.read(
            lambda connection: tuple(SegmentRow(*row) for row in connection.execute(query, values))
        )

    def _row(self, query: sa.Executable, values: Mapping[str, object]) -> SegmentRow | None:
        found = self._rows(query, values)
        return found[0] if found else None

    # -- runs, sums, serials

    def runs(self, recording_id: int, from_ns: int, until_ns: int) -> tuple[RunRow, ...]:
        """Runs that hold a moment of [from, until), by start. What begins before it is found through its segments."""
        within = {"of": recording_id, "from": from_ns, "until": until_ns}

        def look(connection: sa.Connection) -> tuple[RunRow, ...]:
            found = {RunRow(*row) for row in connection.execute(_RUNS_FROM, within)}
            for (serial,) in connection.execute(_SERIALS_BEFORE, within).all():
                found |= {
                    RunRow(*row) for row in connection.execute(_RUN_OF_SERIAL, {"of": recording_id, "serial": serial})
                }
            reaching = (run for run in found if run.end_utc_ns > from_ns or run.start_utc_ns >= from_ns)
            return tuple(sorted(reaching, key=lambda run: (run.start_utc_ns, run.first_serial)))

        return self._database.read(look)

    def spans(self) -> dict[int, SpanRow]:
        """Of every recording that has footage, by its number: where it begins and ends."""
        return self._database.read(
            lambda connection: {row[0]: SpanRow(*row) for row in connection.execute(_SPANS).all()}
        )

    def span(self, recording_id: int) -> SpanRow | None:
        """Of one; None: it has no footage."""

        def look(connection: sa.Connection) -> SpanRow | None:
            row = connection.execute(_SPAN, {"of": recording_id}).one_or_none()
            return None if row is None else SpanRow(*row)

        return self._database.read(look)

    def totals(self, recording_id: int, storage_id: int | None = None) -> Totals:
        """What there is of a recording, on that storage or on all."""
        held, there = holdings.c.recording_id == recording_id, _MINE
        if storage_id is not None:
            held, there = held & (holdings.c.storage_id == storage_id), there & (segments.c.storage_id == storage_id)
        return self._totals(held, there)

    def totals_of_storage(self, storage_id: int) -> Totals:
        """What lies on a storage, of all recordings."""
        return self._totals(holdings.c.storage_id == storage_id, _MINE & (segments.c.storage_id == storage_id))

    def _totals(self, held_there: sa.ColumnElement[bool], there: sa.ColumnElement[bool]) -> Totals:
        query = sa.select(holdings.c.recording_id, holdings.c.segments, holdings.c.size_bytes).where(held_there)
        first_start = sa.select(sa.func.min(segments.c.start_utc_ns)).where(there)
        last_start = sa.select(sa.func.max(segments.c.start_utc_ns)).where(there).scalar_subquery()
        last_end = sa.select(sa.func.max(segments.c.end_utc_ns)).where(
            there, segments.c.start_utc_ns >= last_start - _BACK
        )

        def look(connection: sa.Connection) -> Totals:
            held = [row for row in connection.execute(query) if row.segments]
            first = [connection.execute(first_start, {"of": row.recording_id}).scalar() for row in held]
            last = [connection.execute(last_end, {"of": row.recording_id}).scalar() for row in held]
            return Totals(
                segments=sum(row.segments for row in held),
                size_bytes=sum(row.size_bytes for row in held),
                oldest_utc_ns=min((utc_ns for utc_ns in first if utc_ns is not None), default=None),
                newest_utc_ns=max((utc_ns for utc_ns in last if utc_ns is not None), default=None),
            )

        return self._database.read(look)

    def highest_serial(self, recording_id: int, storage_id: int | None = None) -> int:
        """The highest that was ever indexed (on that storage, or on any), also when it is deleted; 0: none."""
        query = sa.select(sa.func.max(holdings.c.last_serial)).where(holdings.c.recording_id == recording_id)
        if storage_id is not None:
            query = query.where(holdings.c.storage_id == storage_id)
        return self._database.read(lambda connection: connection.execute(query).scalar()) or 0

    def knows(self, recording_id: int, storage_id: int) -> bool:
        """Whether that storage was ever noted as one of the recording's: not when the index was lost since."""
        query = sa.select(holdings.c.last_serial).where(
            holdings.c.recording_id == recording_id, holdings.c.storage_id == storage_id
        )
        return self._database.read(lambda connection: connection.execute(query).one_or_none()) is not None

    def chain_head(self, recording_id: int, storage_id: int) -> ChainHead:
        """Where the chain ended when it was last told."""
        query = sa.select(holdings.c.chain_entries, holdings.c.chain_link).where(
            holdings.c.recording_id == recording_id, holdings.c.storage_id == storage_id
        )
        row = self._database.read(lambda connection: connection.execute(query).one_or_none())
        return ChainHead(*row) if row else ChainHead()

    # -- retention

    def recordings_on(self, storage_id: int) -> tuple[int, ...]:
        """The recordings that have segments on the storage."""
        return self._database.read(lambda connection: tuple(oldest.recordings_on(connection, storage_id)))

    def oldest_of_recording(
        self, recording_id: int, storage_id: int, limit: int, locked: Sequence[oldest.Range] = ()
    ) -> tuple[SegmentRow, ...]:
        """Up to `limit` segments on the storage that no locked stretch (from, until) touches, the oldest first."""
        return self._database.read(
            lambda connection: tuple(oldest.oldest_of_recording(connection, recording_id, storage_id, limit, locked))
        )

    def oldest_of_storage(
        self, storage_id: int, limit: int, locked: Mapping[int, Sequence[oldest.Range]]
    ) -> tuple[SegmentRow, ...]:
        """The same over all recordings that lie on the storage. locked: by recording id."""
        return self._database.read(
            lambda connection: tuple(oldest.oldest_of_storage(connection, storage_id, limit, locked))
        )
