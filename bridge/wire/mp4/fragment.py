"""Fragments (ISO/IEC 14496-12 8.8, 8.16.5): `moof`, which describes samples, and the `mdat` with them right behind it.

A track has one `traf` with one `trun`. What is the same for all samples of a run is said once: durations and flags in
`tfhd`, composition offsets of zero nowhere. Sizes are always told sample by sample.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from bridge.base.errors import DamagedError
from bridge.base.time import UtcNs
from bridge.wire.mp4.boxes import Box, full_box, read_boxes, read_fields, read_full, whole_box
from bridge.wire.rtcp import ntp_to_utc_ns, utc_ns_to_ntp

#: Sample flags (8.8.3.1): sample_depends_on 2, nothing; or 1, others, and sample_is_non_sync_sample.
KEY_FLAGS = 0x02000000
DELTA_FLAGS = 0x01010000
#: sample_degradation_priority 1: packets of the sample were lost on the way. To be or-ed to either.
DAMAGED = 0x00000001

MDAT_HEADER_BYTES = 8

_MAX_MDAT_BYTES = 0xFFFFFFFF - MDAT_HEADER_BYTES
_MDAT = struct.Struct("!I4s")
_MOOF = struct.Struct("!I4sI4sII")
_NUMBER = struct.Struct("!I")
_TFDT = struct.Struct("!Q")
_TRUN = struct.Struct("!Ii")
_PRFT = struct.Struct("!IQQ")

# Flags of tfhd (8.8.7.1) and trun (8.8.8.1).
_DEFAULT_DURATION, _DEFAULT_FLAGS, _DEFAULT_BASE_IS_MOOF = 0x000008, 0x000020, 0x020000
_DATA_OFFSET, _DURATIONS, _SIZES, _FLAGS, _OFFSETS = 0x001, 0x100, 0x200, 0x400, 0x800
_COLUMNS = _DURATIONS | _SIZES | _FLAGS | _OFFSETS
# Of the boxes without defaults and samples.
_TFHD_BYTES, _TFDT_BYTES, _TRUN_BYTES = 16, 20, 20
_VERSION_1 = 1 << 24
# One sample: moof, mfhd, traf, tfhd, tfdt, trun, and the header of mdat.
_ONE = struct.Struct("!I4sI4sII I4s I4sIIII I4sIQ I4sIIiIi I4s")
_ONE_FLAGS = _DEFAULT_BASE_IS_MOOF | _DEFAULT_DURATION | _DEFAULT_FLAGS
_ONE_COLUMNS = _VERSION_1 | _DATA_OFFSET | _SIZES | _OFFSETS
#: prft: the time is that of capture.
_CAPTURED = 24


@dataclass(frozen=True, slots=True)
class TrackRun:
    """The samples of one track in a fragment, at least one, in decoding order. Times in the track's clock rate.

    decode_time: of the first sample
    offsets:     composition offset of each sample (presentation minus decode time), signed
    extra:       boxes of ours inside `traf`, behind `trun`
    data_at:     set by parse_moof: where the samples begin, counted from the beginning of `moof`
    """

    track_id: int
    decode_time: int
    durations: Sequence[int]
    sizes: Sequence[int]
    flags: Sequence[int]
    offsets: Sequence[int]
    extra: bytes = b""
    data_at: int = field(default=0, compare=False)


def moof(sequence: int, runs: Sequence[TrackRun]) -> bytes:
    """The `moof` of samples that lie run by run in an `mdat` right behind it, whose header has MDAT_HEADER_BYTES.

    sequence: number of the fragment, rising. Raises ValueError and struct.error at columns that do not fit.
    """
    columns = [_columns(run) for run in runs]
    layouts = [_traf(len(run.sizes), kept) for run, kept in zip(runs, columns, strict=True)]
    size = _MOOF.size + sum(layout.size for layout in layouts) + sum(len(run.extra) for run in runs)
    parts = [_MOOF.pack(size, b"moof", 16, b"mfhd", 0, sequence)]
    data_at = size + MDAT_HEADER_BYTES
    for run, kept, layout in zip(runs, columns, layouts, strict=True):
        parts += (_pack_traf(run, kept, layout, data_at), run.extra)
        data_at += sum(run.sizes)
    return b"".join(parts)


def _columns(run: TrackRun) -> int:
    """Which columns `trun` needs."""
    count = len(run.sizes)
    if not count or not len(run.durations) == len(run.flags) == len(run.offsets) == count:
        raise ValueError(f"a run of {count} samples with columns of another length, or none")
    kept = _SIZES
    # Sequences count in C: faster than a set.
    if _count(run.durations) != count:
        kept |= _DURATIONS
    if _count(run.flags) != count:
        kept |= _FLAGS
    if any(run.offsets):
        kept |= _OFFSETS
    return kept


def _count(column: Sequence[int]) -> int:
    """How often the first number of the column stands in it."""
    return column.count(column[0])


@lru_cache(maxsize=512)
def _traf(count: int, kept: int) -> struct.Struct:
    """The layout of a `traf` with those columns: its header, `tfhd`, `tfdt` and `trun`."""
    defaults = "I" * ((not kept & _DURATIONS) + (not kept & _FLAGS))
    row = "I" * sum(bool(kept & flag) for flag in (_DURATIONS, _SIZES, _FLAGS)) + ("i" if kept & _OFFSETS else "")
    return struct.Struct(f"!I4s I4sII{defaults} I4sIQ I4sIIi {row * count}")


def _pack_traf(run: TrackRun, kept: int, layout: struct.Struct, data_at: int) -> bytes:
    flags, defaults, rows = _DEFAULT_BASE_IS_MOOF, [], []
    if kept & _DURATIONS:
        rows.append(run.durations)
    else:
        flags |= _DEFAULT_DURATION
        defaults.append(run.durations[0])
    rows.append(run.sizes)
    if kept & _FLAGS:
        rows.append(run.flags)
    else:
        flags |= _DEFAULT_FLAGS
        defaults.append(run.flags[0])
    if kept & _OFFSETS:
        rows.append(run.offsets)
    count, width = len(run.sizes), len(rows)
    samples = [0] * (count * width)
    for column, numbers in enumerate(rows):
        samples[column::width] = numbers
    return layout.pack(
        *(layout.size + len(run.extra), b"traf"),
        *(_TFHD_BYTES + 4 * len(defaults), b"tfhd", flags, run.track_id, *defaults),
        *(_TFDT_BYTES, b"tfdt", _VERSION_1, run.decode_time),
        *(_TRUN_BYTES + 4 * len(samples), b"trun", _VERSION_1 | _DATA_OFFSET | kept, count, data_at, *samples),
    )


def parse_moof(data: bytes | memoryview, start: int = 0) -> tuple[int, list[TrackRun]]:
    """(sequence, runs) of the `moof` box of ours at `start`. Raises DamagedError.

    The samples must lie run by run in an `mdat` right behind it; whether that is there is not looked at.
    """
    found = whole_box(data, b"moof", start)
    inside = read_boxes(data, found.content, found.end)
    header = next(inside, None)
    if header is None or header.kind != b"mfhd":
        raise DamagedError("moof does not begin with mfhd", offset=start)
    (sequence,) = read_fields(_NUMBER, data, read_full(data, header)[2], header)
    runs = []
    data_at = found.end - start + MDAT_HEADER_BYTES
    for traf in inside:
        if traf.kind == b"traf":
            run = _parse_traf(data, traf)
            if run.data_at != data_at:
                raise DamagedError(f"trun: data_offset {run.data_at}; {data_at} expected", offset=traf.start)
            data_at += sum(run.sizes)
            runs.append(run)
    return sequence, runs


def _parse_traf(data: bytes | memoryview, traf: Box) -> TrackRun:
    boxes = list(read_boxes(data, traf.content, traf.end))
    kinds = [found.kind for found in boxes]
    if kinds[:3] != [b"tfhd", b"tfdt", b"trun"] or b"trun" in kinds[3:]:
        raise DamagedError("traf does not consist of tfhd, tfdt, one trun and boxes of ours", offset=traf.start)
    tfhd, tfdt, trun = boxes[:3]

    _, flags, at = read_full(data, tfhd)
    if flags & ~(_DEFAULT_DURATION | _DEFAULT_FLAGS) != _DEFAULT_BASE_IS_MOOF:
        raise DamagedError(f"tfhd with flags {flags:#x}, which we do not write", offset=tfhd.start)
    (track_id,) = read_fields(_NUMBER, data, at, tfhd)
    defaults = {}
    for flag, column in ((_DEFAULT_DURATION, _DURATIONS), (_DEFAULT_FLAGS, _FLAGS)):
        if flags & flag:
            at += _NUMBER.size
            (defaults[column],) = read_fields(_NUMBER, data, at, tfhd)

    version, _, at = read_full(data, tfdt)
    if version != 1:
        raise DamagedError(f"tfdt of version {version}; 1 expected", offset=tfdt.start)
    (decode_time,) = read_fields(_TFDT, data, at, tfdt)

    data_at, columns = _read_samples(data, trun, {_OFFSETS: 0, **defaults})
    return TrackRun(
        *(track_id, decode_time),
        *(columns[_DURATIONS], columns[_SIZES], columns[_FLAGS], columns[_OFFSETS]),
        *(bytes(data[trun.end : traf.end]), data_at),
    )


def _read_samples(
    data: bytes | memoryview, trun: Box, defaults: dict[int, int]
) -> tuple[int, dict[int, tuple[int, ...]]]:
    """(data offset, numbers of each column): those of `trun`, or as often as there are samples what is the default."""
    version, flags, at = read_full(data, trun)
    kept = [column for column in (_DURATIONS, _SIZES, _FLAGS, _OFFSETS) if flags & column]
    # Sizes are always there: so the number of samples is bounded by that of bytes.
    if version != 1 or flags & ~_COLUMNS != _DATA_OFFSET or not flags & _SIZES:
        raise DamagedError(f"trun of version {version} with flags {flags:#x}, which we do not write", offset=trun.start)
    count, data_at = read_fields(_TRUN, data, at, trun)
    at += _TRUN.size
    width = len(kept)
    if not count or count * width * 4 != trun.end - at:
        raise DamagedError(f"trun: {count} samples in {trun.end - at} bytes, {4 * width} each", offset=trun.start)
    columns = {}
    for column in (_DURATIONS, _SIZES, _FLAGS, _OFFSETS):
        if column in kept:
            code = "i" if column == _OFFSETS else "I"
            columns[column] = struct.unpack_from(f"!{count * width}{code}", data, at)[kept.index(column) :: width]
        elif column in defaults:
            columns[column] = (defaults[column],) * count
        else:
            raise DamagedError("neither tfhd nor trun tells durations or flags", offset=trun.start)
    return data_at, columns


def head_of_one(
    sequence: int, track_id: int, decode_time: int, offset: int, duration: int, flags: int, size_bytes: int
) -> bytes:
    """`moof` of one sample alone and the header of its `mdat`: what `moof` makes, in one go. See TrackRun."""
    return _ONE.pack(
        *(104, b"moof", 16, b"mfhd", 0, sequence, 80, b"traf"),
        *(24, b"tfhd", _ONE_FLAGS, track_id, duration, flags),
        *(20, b"tfdt", _VERSION_1, decode_time),
        *(28, b"trun", _ONE_COLUMNS, 1, 112, size_bytes, offset),
        *(MDAT_HEADER_BYTES + size_bytes, b"mdat"),
    )


def mdat_header(size_bytes: int) -> bytes:
    """The header of an `mdat` box with so many bytes of samples."""
    if size_bytes > _MAX_MDAT_BYTES:
        raise ValueError(f"{size_bytes} bytes of samples; at most {_MAX_MDAT_BYTES} fit an mdat")
    return _MDAT.pack(MDAT_HEADER_BYTES + size_bytes, b"mdat")


def prft(track_id: int, utc_ns: int, media_time: int) -> bytes:
    """`prft`: the sample with that media time in the fragment that follows was captured at that time.

    media_time: presentation time in the file, in the track's clock rate
    """
    return full_box(b"prft", 1, _CAPTURED, _PRFT.pack(track_id, utc_ns_to_ntp(utc_ns), media_time))


def parse_prft(data: bytes | memoryview, start: int = 0) -> tuple[int, UtcNs, int]:
    """(track_id, utc_ns, media_time) of the `prft` box of ours at `start`. Raises DamagedError.

    NTP's fractions of 2^-32 s keep the nanosecond up to one.
    """
    found = whole_box(data, b"prft", start)
    version, _, at = read_full(data, found)
    if version != 1:
        raise DamagedError(f"prft of version {version}; 1 expected", offset=start)
    track_id, ntp, media_time = read_fields(_PRFT, data, at, found)
    return track_id, ntp_to_utc_ns(ntp), media_time
