"""Where decoding may start (ISO/IEC 14496-12 8.8.9-11): `mfra`, the last box of a file, for players that seek."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from bridge.base.errors import DamagedError
from bridge.wire.mp4.boxes import Box, box, full_box, read_boxes, read_fields, read_full, whole_box

_TFRA = struct.Struct("!III")
#: One byte for the numbers of `traf` and `trun`, four for that of the sample (length fields: bytes minus 1).
_LENGTHS = 0 << 4 | 0 << 2 | 3
_ENTRY = struct.Struct("!QQBBI")
_MFRO_BYTES = 16
_SIZE = struct.Struct("!I")


class RandomAccess(NamedTuple):
    """A sample at which decoding may start.

    time:    its presentation time in the file, in the track's clock rate
    moof_at: where its `moof` begins in the file
    traf:    which track run of the `moof`, counted from 1
    sample:  which sample of that run, counted from 1
    """

    time: int
    moof_at: int
    traf: int = 1
    sample: int = 1


def mfra(tracks: Sequence[tuple[int, Sequence[RandomAccess]]]) -> bytes:
    """`mfra` of (track id, entries in the order of the file), one `tfra` each."""
    tables = []
    for track_id, entries in tracks:
        rows = [_ENTRY.pack(time, moof_at, traf, 1, sample) for time, moof_at, traf, sample in entries]
        tables.append(full_box(b"tfra", 1, 0, _TFRA.pack(track_id, _LENGTHS, len(entries)), *rows))
    size = 8 + sum(map(len, tables)) + _MFRO_BYTES
    return box(b"mfra", *tables, full_box(b"mfro", 0, 0, _SIZE.pack(size)))


def parse_mfra(data: bytes | memoryview, start: int = 0) -> list[tuple[int, list[RandomAccess]]]:
    """(track id, entries) of every `tfra` in the `mfra` box of ours at `start`. Raises DamagedError."""
    found = whole_box(data, b"mfra", start)
    return [_parse_tfra(data, t) for t in read_boxes(data, found.content, found.end) if t.kind == b"tfra"]


def _parse_tfra(data: bytes | memoryview, tfra: Box) -> tuple[int, list[RandomAccess]]:
    version, _, at = read_full(data, tfra)
    track_id, lengths, count = read_fields(_TFRA, data, at, tfra)
    at += _TFRA.size
    if version != 1 or lengths != _LENGTHS or count * _ENTRY.size != tfra.end - at:
        raise DamagedError(
            f"tfra of version {version} with lengths {lengths:#x}, {count} entries in {tfra.end - at} bytes; "
            f"version 1, {_LENGTHS:#x} and {_ENTRY.size} bytes each expected",
            offset=tfra.start,
        )
    entries = [
        RandomAccess(time, moof_at, traf, sample)
        for time, moof_at, traf, _, sample in _ENTRY.iter_unpack(data[at : tfra.end])
    ]
    return track_id, entries
