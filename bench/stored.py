"""Recordings that are made at once, as if somebody had recorded for days: files, chains, rows of the index."""

import contextlib
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import sqlalchemy as sa

from bench import footage
from bench.footage import Picture
from bridge.base.time import NS_PER_S
from bridge.recorder.keeper import Keeper
from bridge.recorder.lane import RecordedStream
from bridge.store.chain import ChainWriter, What
from bridge.store.database import Database
from bridge.store.index import MediaIndex
from bridge.store.layout import RecordingFacts, StorageFolder
from bridge.store.rows import ChainHead, RunRow, SegmentRow
from bridge.store.schema import holdings, recordings, runs, segments

_ROWS = 50_000


@contextlib.contextmanager
def unsynced() -> Iterator[None]:
    """Nothing waits for the disk: what is made here need not outlive a power cut."""
    kept = os.fsync, os.fdatasync
    os.fsync = os.fdatasync = lambda _: None
    try:
        yield
    finally:
        os.fsync, os.fdatasync = kept
        os.sync()


def small(shown: Sequence[Picture], size_bytes: int = 48) -> list[Picture]:
    """The same pictures, cut off: where their number counts and not their bytes."""
    return [(tuple(nal[:size_bytes] for nal in nals), key) for nals, key in shown]


def stream(index: MediaIndex, camera: str, created_utc_ns: int) -> RecordedStream:
    """A recording of the camera's main stream, in the index."""
    row = index.ensure_recording(uuid.uuid4(), camera, "main", created_utc_ns)
    return RecordedStream(row.id, row.uuid, row.camera, row.stream, row.created_utc_ns)


def record(
    storage: StorageFolder,
    storage_id: int,
    keeper: Keeper,
    of: RecordedStream,
    shown: Sequence[Picture],
    *,
    count: int,
    pictures: int,
    length_s: int,
    start_utc_ns: int,
) -> tuple[list[SegmentRow], ChainHead]:
    """`count` segments of one run and their chain; each begins `length_s` after the one before and has `pictures`."""
    folder = storage.recording(of.recording)
    key = keeper.signer.public_key
    folder.create(RecordingFacts(of.recording, keeper.recorder, of.camera, of.stream, start_utc_ns, None, key))
    chain = ChainWriter(folder, keeper.signer)
    rows = []
    for serial in range(1, count + 1):
        begins_ns = start_utc_ns + (serial - 1) * length_s * NS_PER_S
        made = footage.fragments(shown, pictures, start_utc_ns=begins_ns)
        segment, _ = footage.write_segment(folder, keeper.recorder, serial, 1, made)
        if segment is None:
            raise RuntimeError("a segment without fragments")
        chain.append(What.WRITTEN, serial, segment.end_utc_ns, digest=segment.digest)
        facts = segment.start_utc_ns, segment.end_utc_ns, segment.size_bytes, segment.starts_with_key
        rows.append(SegmentRow(of.id, serial, 1, storage_id, *facts))
    return rows, chain.head


def insert(database: Database, rows: Sequence[SegmentRow], head: ChainHead) -> None:
    """Rows of one recording on one storage, by serial, with the runs, sums and the head of the chain that go with it.

    As many single commits would make it, in one: a million of those would take most of an hour.
    """
    first, last = rows[0], rows[-1]
    of, on = first.recording_id, first.storage_id

    def write(connection: sa.Connection) -> None:
        for at in range(0, len(rows), _ROWS):
            connection.execute(sa.insert(segments), [asdict(row) for row in rows[at : at + _ROWS]])
        found: dict[int, RunRow] = {}
        for row in rows:
            run = found.get(row.run)
            begun = (run.first_serial, run.start_utc_ns) if run else (row.serial, row.start_utc_ns)
            found[row.run] = RunRow(
                of, begun[0], row.serial, row.run, begun[1], row.end_utc_ns, interval_ns=footage.FRAME_NS
            )
        connection.execute(sa.insert(runs), [asdict(run) for run in found.values()])
        held = {"recording_id": of, "storage_id": on, "last_serial": last.serial, "segments": len(rows)}
        chain = {"chain_entries": head.entries, "chain_link": head.link}
        sizes = {"size_bytes": sum(row.size_bytes for row in rows)}
        connection.execute(sa.insert(holdings), held | sizes | chain)
        longest_ns = max(
            max(row.end_utc_ns, after.start_utc_ns) - row.start_utc_ns
            for row, after in zip(rows, (*rows[1:], last), strict=True)
        )
        connection.execute(sa.update(recordings).where(recordings.c.id == of).values(longest_ns=longest_ns))

    database.write(write, timeout_s=600)
