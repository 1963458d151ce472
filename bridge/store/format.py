"""What of a segment is our own: its private boxes, version 1 (docs/design/store.md, "A segment"). Pure.

Private boxes are `uuid` boxes (ISO/IEC 14496-12 11.1). All numbers are big-endian.

header   version (16 bits) = 1, flags (16; 1: starts with a key frame), recording UUID, recorder UUID, serial (64),
         run (64), key id (128; 0: not encrypted), number of tracks (16), then of each track the media time that is
         decode time 0 in this file (64, signed); then SHA-256 over `ftyp`, this box up to here, and `moov`
captures in each `traf`: the capture time of every sample of the run, UTC ns (64, signed)
seal     SHA-256 over the fragment's `prft`, `moof` and `mdat`
index    length of the content (32), the content compressed (zlib), length of this box (32), which makes it found from
         the end of the file, as `mfro` does for `mfra`. The content:
         flags (8; 1: the offset is known), offset of the camera's clock in ns (64, signed), its quality (16: length;
         UTF-8), number of seals (32), seals, number of tracks (16), then of each track: number of samples (32) and
         columns: capture time, media time (64 each, signed; differences to the sample before), composition offset (32,
         signed), distance from the end of the sample before (64, signed), size (32), flags (8: KEY, DAMAGED)
"""

import hashlib
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add, sub
from typing import NamedTuple
from uuid import UUID

from bridge.base.errors import DamagedError
from bridge.base.media import Medium, Track
from bridge.store.sample_index import DAMAGED, KEY, SampleIndex, Samples, Span, span_of
from bridge.wire.mp4 import fragment as mp4
from bridge.wire.mp4.boxes import MAX_HEADER_BYTES, Box, read_boxes, read_header, uuid_box
from bridge.wire.mp4.init import init, parse_moov
from bridge.wire.mp4.random_access import RandomAccess, mfra

VERSION = 1
NOT_ENCRYPTED = UUID(int=0)

HEADER_TYPE = UUID("f77a0237-4bb2-4cf0-81ce-47bd43469a77").bytes
CAPTURES_TYPE = UUID("e15d91a8-5e58-4859-989d-20813d7e6ca1").bytes
SEAL_TYPE = UUID("fb2fc3a8-03ca-44f3-b262-d110afc8b9fa").bytes
INDEX_TYPE = UUID("acd242bf-7fd4-46c7-aec9-0e6c14fd3dda").bytes

DIGEST_BYTES = 32
#: A seal as a whole is its head and the digest.
SEAL_HEAD = uuid_box(SEAL_TYPE, bytes(DIGEST_BYTES))[:-DIGEST_BYTES]
SEAL_BOX_BYTES = len(SEAL_HEAD) + DIGEST_BYTES

#: Nothing that we write comes near to these; what claims more is damaged.
MAX_HEAD_BYTES = 1 << 20
MAX_INDEX_BYTES = 64 << 20

_STARTS_WITH_KEY = 1
_HEADER = struct.Struct("!HH16s16sQQ16sH")
_LENGTH = struct.Struct("!I")
_COUNT = struct.Struct("!H")
_CLOCK = struct.Struct("!BqH")
_HEAD_KINDS = (b"ftyp", b"uuid", b"moov")
_NON_SYNC = mp4.DELTA_FLAGS & ~mp4.KEY_FLAGS & 0x00010000
_SAMPLE_BYTES = 8 + 8 + 4 + 8 + 4 + 1
_SWAPS = sys.byteorder == "little"

#: KEY, DAMAGED -> sample flags of `trun`
TRUN_FLAGS = tuple(
    (mp4.KEY_FLAGS if flags & KEY else mp4.DELTA_FLAGS) | (mp4.DAMAGED if flags & DAMAGED else 0) for flags in range(4)
)


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """What a segment says of itself.

    run:     serial of the first segment of its run
    origins: of each track, the media time that is decode time 0 in the file
    key_id:  of the key that it is encrypted with; zero: it is not
    """

    recording: UUID
    recorder: UUID
    serial: int
    run: int
    origins: tuple[int, ...]
    starts_with_key: bool
    key_id: UUID = NOT_ENCRYPTED


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """What the camera claimed its clock to be. offset_ns: ahead of ours; None: it said nothing."""

    offset_ns: int | None = None
    quality: str = "unknown"


class Head(NamedTuple):
    """The boxes before the first fragment. raw: these boxes as they lie in the file."""

    header: SegmentHeader
    tracks: tuple[Track, ...]
    raw: bytes


@dataclass(frozen=True, slots=True)
class Footer:
    """The index box. seals: the digest of each fragment, in order."""

    index: SampleIndex
    seals: tuple[bytes, ...]
    clock: ClockFacts


@dataclass(frozen=True, slots=True)
class Summary:
    """What of an index box is read without its samples. span None: it has none."""

    seals: tuple[bytes, ...]
    span: Span | None


def lead_of(tracks: Sequence[Track]) -> int:
    """The track that GOPs are counted by: the first video track, else track 0."""
    return next((index for index, track in enumerate(tracks) if track.medium is Medium.VIDEO), 0)


def encode_head(header: SegmentHeader, tracks: Sequence[Track]) -> bytes:
    """`ftyp`, header and `moov`."""
    if len(header.origins) != len(tracks):
        raise ValueError(f"{len(header.origins)} origins for {len(tracks)} tracks")
    ftyp, moov = init(tracks)
    flags = _STARTS_WITH_KEY if header.starts_with_key else 0
    fields = _HEADER.pack(
        *(VERSION, flags, header.recording.bytes, header.recorder.bytes, header.serial, header.run),
        *(header.key_id.bytes, len(tracks)),
    )
    fields += struct.pack(f"!{len(tracks)}q", *header.origins)
    unsealed = uuid_box(HEADER_TYPE, fields, bytes(DIGEST_BYTES))[:-DIGEST_BYTES]
    return b"".join((ftyp, unsealed, hashlib.sha256(ftyp + unsealed + moov).digest(), moov))


def head_bytes(data: bytes) -> int | None:
    """Length of the head that `data` begins with, as its boxes claim; None: more bytes are needed to say it.

    Raises DamagedError when it is not the head of a segment, or larger than any.
    """
    at = 0
    for kind in _HEAD_KINDS:
        found = read_header(data[at : at + MAX_HEADER_BYTES])
        if found is None:
            return None
        if found[0] != kind or at + found[2] > MAX_HEAD_BYTES:
            raise DamagedError(
                f"box {found[0]!r} of {found[2]} bytes; {kind!r} of a segment's head expected", offset=at
            )
        at += found[2]
    return at


def decode_head(data: bytes) -> Head:
    """The head that is `data`, whole and nothing behind it. Raises DamagedError."""
    ftyp, found, moov = _head_boxes(data)
    if found.usertype != HEADER_TYPE:
        raise DamagedError(f"the box of type {found.usertype.hex()} is not the header of a segment", offset=found.start)
    sealed = found.end - DIGEST_BYTES
    if sealed < found.content + _HEADER.size:
        raise DamagedError(f"header of {found.end - found.content} bytes, too short", offset=found.start)
    version, flags, recording, recorder, serial, run, key_id, count = _HEADER.unpack_from(data, found.content)
    if version != VERSION:
        raise DamagedError(f"header of version {version}; {VERSION} expected", offset=found.content)
    if hashlib.sha256(data[:sealed] + data[moov.start : moov.end]).digest() != data[sealed : found.end]:
        raise DamagedError("ftyp, header and moov are not what the header's digest says", offset=ftyp.start)
    at = found.content + _HEADER.size
    tracks = parse_moov(data[moov.start : moov.end])
    if count != len(tracks) or sealed - at != 8 * count:
        raise DamagedError(f"header: {count} tracks in {sealed - at} bytes; moov has {len(tracks)}", offset=at)
    origins = struct.unpack_from(f"!{count}q", data, at)
    header = SegmentHeader(
        *(UUID(bytes=recording), UUID(bytes=recorder), serial, run, origins, bool(flags & _STARTS_WITH_KEY)),
        UUID(bytes=key_id),
    )
    return Head(header, tracks, bytes(data))


def _head_boxes(data: bytes) -> list[Box]:
    found = list(read_boxes(data))
    if tuple(box.kind for box in found) != _HEAD_KINDS:
        raise DamagedError(f"boxes {[box.kind for box in found]}; {list(_HEAD_KINDS)} expected", offset=0)
    return found


def captures_box(utc_ns: Sequence[int]) -> bytes:
    """The capture times of a run."""
    return uuid_box(CAPTURES_TYPE, struct.pack(f"!{len(utc_ns)}q", *utc_ns))


def decode_captures(extra: bytes, count: int) -> tuple[int, ...]:
    """From the boxes of ours in a `traf` with so many samples. Raises DamagedError."""
    for found in read_boxes(extra):
        if found.usertype == CAPTURES_TYPE:
            if found.end - found.content != 8 * count:
                raise DamagedError(
                    f"capture times of {found.end - found.content} bytes; {8 * count} expected", offset=found.start
                )
            return struct.unpack_from(f"!{count}q", extra, found.content)
    raise DamagedError("traf without capture times")


def sample_flags(trun_flags: Iterable[int]) -> list[int]:
    """Sample flags of `trun` -> KEY, DAMAGED."""
    return [(0 if flags & _NON_SYNC else KEY) | (DAMAGED if flags & mp4.DAMAGED else 0) for flags in trun_flags]


class KeyTable:
    """Collects what `mfra` says: key frames of video; where there is none, the first sample of each fragment."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        video = [number for number, track in enumerate(tracks, 1) if track.medium is Medium.VIDEO]
        self._only_first = not video
        self._tables: dict[int, list[RandomAccess]] = {number: [] for number in video or [1]}

    def add(self, runs: Sequence[mp4.TrackRun], moof_at: int) -> None:
        """A fragment, whose `moof` lies there."""
        for traf, run in enumerate(runs, 1):
            table = self._tables.get(run.track_id)
            if table is None:
                continue
            time = run.decode_time
            for sample, (flags, duration, offset) in enumerate(
                zip(run.flags, run.durations, run.offsets, strict=True), 1
            ):
                if not flags & _NON_SYNC:
                    # Composition offsets may be negative, times here may not.
                    table.append(RandomAccess(max(0, time + offset), moof_at, traf, sample))
                    if self._only_first:
                        break
                time += duration

    def entries(self) -> list[tuple[int, list[RandomAccess]]]:
        """As `parse_mfra` reads them."""
        return list(self._tables.items())

    def box(self) -> bytes:
        """`mfra`."""
        return mfra(self.entries())


def encode_index(index: SampleIndex, seals: Sequence[bytes], clock: ClockFacts) -> bytes:
    """The index box. Raises ValueError when there is more than MAX_INDEX_BYTES to say."""
    quality = clock.quality.encode()
    parts = [
        _CLOCK.pack(clock.offset_ns is not None, clock.offset_ns or 0, len(quality)),
        quality,
        _LENGTH.pack(len(seals)),
        *seals,
        _COUNT.pack(len(index.tracks)),
    ]
    for samples in index.tracks:
        parts += _encode_samples(samples)
    content = b"".join(parts)
    if len(content) > MAX_INDEX_BYTES:
        raise ValueError(f"an index of {len(content)} bytes; at most {MAX_INDEX_BYTES} are read again")
    packed = zlib.compress(content)
    size = len(uuid_box(INDEX_TYPE)) + 2 * _LENGTH.size + len(packed)
    return uuid_box(INDEX_TYPE, _LENGTH.pack(len(content)), packed, _LENGTH.pack(size))


def _encode_samples(samples: Samples) -> list[bytes]:
    ends = map(add, samples.at, samples.size)
    return [
        _LENGTH.pack(len(samples)),
        _column("q", _differences(samples.utc_ns)),
        _column("q", _differences(samples.media_time)),
        _column("i", map(sub, samples.media_time, samples.dts)),
        _column("q", map(sub, samples.at, (0, *ends))),
        _column("I", samples.size),
        samples.flags.tobytes(),
    ]


def _differences(column: Sequence[int]) -> list[int]:
    return [*column[:1], *map(sub, column[1:], column)]


def _column(code: str, numbers: Iterable[int]) -> bytes:
    column = array(code, numbers)
    if _SWAPS:
        column.byteswap()
    return column.tobytes()


def index_bytes(tail: bytes) -> int:
    """Length of the index box, from the last 4 bytes of `tail`, which end where the box ends."""
    (size,) = _LENGTH.unpack(tail[-_LENGTH.size :])
    return int(size)


def decode_index(data: bytes) -> Footer:
    """The index box that is `data`. Raises DamagedError."""
    return _IndexContent(_unpacked(data)).footer()


def summarize_index(data: bytes, tracks: int, lead: int) -> Summary:
    """The same without its samples, in a fifth of the time. tracks: how many; lead: the leading one."""
    return _IndexContent(_unpacked(data)).summary(tracks, lead)


def _unpacked(data: bytes) -> bytes:
    found = next(read_boxes(data), None)
    if found is None or found.usertype != INDEX_TYPE or found.end != len(data):
        raise DamagedError("no index box", offset=0)
    if found.end - found.content < 2 * _LENGTH.size or index_bytes(data) != len(data):
        raise DamagedError(f"index box of {len(data)} bytes says another length at its end", offset=found.end)
    (size,) = _LENGTH.unpack_from(data, found.content)
    if size > MAX_INDEX_BYTES:
        raise DamagedError(f"index of {size} bytes; at most {MAX_INDEX_BYTES} expected", offset=found.content)
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(data[found.content + _LENGTH.size : -_LENGTH.size], size + 1)
    except zlib.error as error:
        raise DamagedError(f"index: {error}", offset=found.content) from None
    if len(content) != size or not unpacker.eof or unpacker.unused_data:
        raise DamagedError(f"index of {len(content)} bytes; {size} expected", offset=found.content)
    return content


class _IndexContent:
    """Reads the content of the index box from its beginning to its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def footer(self) -> Footer:
        known, offset_ns, length = self._fields(_CLOCK)
        try:
            quality = self._bytes(length).decode()
        except UnicodeDecodeError:
            raise DamagedError("index: the clock's quality is no UTF-8", offset=self._at) from None
        digests = self._seals()
        (tracks,) = self._fields(_COUNT)
        index = SampleIndex(tracks)
        for samples in index.tracks:
            self._samples(samples)
        self._end()
        return Footer(index, digests, ClockFacts(offset_ns if known else None, quality))

    def summary(self, tracks: int, lead: int) -> Summary:
        _, _, length = self._fields(_CLOCK)
        self._bytes(length)
        digests = self._seals()
        (said,) = self._fields(_COUNT)
        if said != tracks:
            raise DamagedError(f"index of {said} tracks; moov has {tracks}", offset=self._at)
        captures = [self._captures() for _ in range(tracks)]
        self._end()
        return Summary(digests, span_of(captures, lead) if any(captures) else None)

    def _captures(self) -> list[int]:
        (count,) = self._fields(_LENGTH)
        self._need(count * _SAMPLE_BYTES)
        utc_ns = list(accumulate(self._column("q", count)))
        self._at += count * (_SAMPLE_BYTES - 8)
        return utc_ns

    def _seals(self) -> tuple[bytes, ...]:
        (count,) = self._fields(_LENGTH)
        seals = self._bytes(count * DIGEST_BYTES)
        return tuple(seals[at : at + DIGEST_BYTES] for at in range(0, len(seals), DIGEST_BYTES))

    def _end(self) -> None:
        if self._at != len(self._data):
            raise DamagedError(f"index: {len(self._data) - self._at} bytes behind its end", offset=self._at)

    def _samples(self, samples: Samples) -> None:
        (count,) = self._fields(_LENGTH)
        self._need(count * _SAMPLE_BYTES)
        utc_ns, media_time = accumulate(self._column("q", count)), list(accumulate(self._column("q", count)))
        dts = map(sub, media_time, self._column("i", count))
        distances, sizes = self._column("q", count), self._column("I", count)
        flags = self._bytes(count)
        at, end = [], 0
        for distance, size in zip(distances, sizes, strict=True):
            at.append(end + distance)
            end = at[-1] + size
        if flags and max(flags) > KEY | DAMAGED:
            raise DamagedError(f"index: sample flags {max(flags)}; at most {KEY | DAMAGED} expected", offset=self._at)
        try:
            samples.extend(list(utc_ns), media_time, list(dts), at, sizes, flags)
        except OverflowError:
            raise DamagedError("index: a time or place beyond 64 bits", offset=self._at) from None

    def _column(self, code: str, count: int) -> Sequence[int]:
        column = array(code)
        column.frombytes(self._bytes(count * column.itemsize))
        if _SWAPS:
            column.byteswap()
        return column

    def _fields(self, layout: struct.Struct) -> tuple[int, ...]:
        return layout.unpack(self._bytes(layout.size))

    def _bytes(self, count: int) -> bytes:
        self._need(count)
        self._at += count
        return self._data[self._at - count : self._at]

    def _need(self, count: int) -> None:
        if count > len(self._data) - self._at:
            raise DamagedError(f"index: {count} bytes expected; {len(self._data) - self._at} are left", offset=self._at)
