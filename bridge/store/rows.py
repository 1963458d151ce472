"""Rows of the index as values. Times are UTC nanoseconds; a stretch has its start in it and its end not."""

import uuid
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StorageRow:
    """A folder that holds recordings. id: the index's own number; path: where it was last."""

    id: int
    uuid: uuid.UUID
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """Everything kept of one stream. ended_utc_ns None: it goes on."""

    id: int
    uuid: uuid.UUID
    camera: str
    stream: str
    created_utc_ns: int
    ended_utc_ns: int | None


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A finished file. run: serial of the first segment of its run; starts_with_key False: cut for its length."""

    recording_id: int
    serial: int
    run: int
    storage_id: int
    start_utc_ns: int
    end_utc_ns: int
    size_bytes: int
    starts_with_key: bool


@dataclass(frozen=True, slots=True)
class RunRow:
    """Segments first_serial to last_serial without a break.

    run:         its name, the serial of the segment that it began with; two rows of one name: the middle was deleted
    interval_ns: usual time between two frames of the leading track
    """

    recording_id: int
    first_serial: int
    last_serial: int
    run: int
    start_utc_ns: int
    end_utc_ns: int
    interval_ns: int


@dataclass(frozen=True, slots=True)
class SpanRow:
    """Where the footage of a recording begins and ends. newest_serial: of the segment that starts last."""

    recording_id: int
    start_utc_ns: int
    end_utc_ns: int
    newest_serial: int


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The end of a chain. entries: how many there are; link: SHA-256 of the last one, b"" before the first."""

    entries: int = 0
    link: bytes = b""


@dataclass(frozen=True, slots=True)
class HoldingRow:
    """What a storage holds of a recording, in sums. last_serial: the highest that was ever there."""

    recording_id: int
    storage_id: int
    last_serial: int
    segments: int
    size_bytes: int
    chain: ChainHead


@dataclass(frozen=True, slots=True)
class Known:
    """All that the index knows but for segments and runs; each in the order of making."""

    storages: tuple[StorageRow, ...]
    recordings: tuple[RecordingRow, ...]
    holdings: tuple[HoldingRow, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """What lies of a recording or on a storage. oldest, newest: where it begins and ends, None without any."""

    segments: int
    size_bytes: int
    oldest_utc_ns: int | None
    newest_utc_ns: int | None
