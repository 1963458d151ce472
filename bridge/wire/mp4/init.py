"""The head of a fragmented file: `ftyp`, and a `moov` that names the tracks (ISO/IEC 14496-12 4.3, 8.2-8.5, 8.8).

Tracks have the ids 1, 2... in their order; the time scale of each is its clock rate. `plain` builds on the same boxes.
"""

import struct
from collections.abc import Callable, Mapping, Sequence

from bridge.base.errors import DamagedError
from bridge.base.media import Medium, Track
from bridge.wire.mp4.boxes import Box, box, child, full_box, read_boxes, read_fields, read_full, whole_box
from bridge.wire.mp4.entries import entry_for_browsers, parse_sample_entry, sample_entry

#: Of the times in `mvhd`, `tkhd` and `elst`.
MOVIE_TIMESCALE = 90_000

#: `iso6` stands for `tfdt`, signed composition offsets and data offsets that count from the fragment.
FTYP = box(b"ftyp", b"iso6", bytes(4), b"iso6iso5mp41")

_MATRIX = struct.pack("!9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
# Creation and modification time, of which we say nothing; then the fields of version 1, which do not overflow.
_MOVIE = struct.Struct("!16xIQIH10x36s24xI")
_TRACK = struct.Struct("!16xI4xQ8xhhH2x36sII")
_TRACK_ID = struct.Struct("!16xI")
_MEDIA = struct.Struct("!16xIQHH")
_MEDIA_TIMESCALE = struct.Struct("!16xI")
_HANDLER = struct.Struct("!4x4s12x")
_COUNT = struct.Struct("!I")
_EXTENDS = struct.Struct("!IIIII")

_ENABLED_IN_MOVIE = 3
_SAME_FILE = 1
_LANGUAGE_UNDETERMINED = 0x55C4
_FULL_VOLUME = 0x0100
_NORMAL_SPEED = 1 << 16
_MEDIUM_KINDS = {Medium.VIDEO: b"vide", Medium.AUDIO: b"soun", Medium.METADATA: b"meta"}
_MEDIUM_HEADERS = {
    Medium.VIDEO: full_box(b"vmhd", 0, 1, bytes(8)),
    Medium.AUDIO: full_box(b"smhd", 0, 0, bytes(4)),
    Medium.METADATA: full_box(b"nmhd", 0, 0),
}
_DATA_INFORMATION = box(b"dinf", full_box(b"dref", 0, 0, _COUNT.pack(1), full_box(b"url ", 0, _SAME_FILE)))
# All samples are in fragments.
_NO_SAMPLES = b"".join(
    (
        full_box(b"stts", 0, 0, bytes(4)),
        full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)),
        full_box(b"stco", 0, 0, bytes(4)),
    )
)


def init(tracks: Sequence[Track]) -> tuple[bytes, bytes]:
    """(`ftyp`, `moov`) of a file whose fragments hold these tracks."""
    return FTYP, _moov(dict(enumerate(tracks, 1)), sample_entry)


def init_for_browsers(tracks: Mapping[int, Track]) -> bytes:
    """`ftyp` and `moov` for a browser, by the ids of the tracks: some may be left out. G.711 is told as FLAC."""
    return FTYP + _moov(tracks, entry_for_browsers)


def _moov(tracks: Mapping[int, Track], entry: Callable[[Track], bytes]) -> bytes:
    traks = [trak([track], number, _NO_SAMPLES, entry=entry) for number, track in tracks.items()]
    defaults = [full_box(b"trex", 0, 0, _EXTENDS.pack(number, 1, 0, 0, 0)) for number in tracks]
    return box(b"moov", movie_header(0, max(tracks, default=0)), *traks, box(b"mvex", *defaults))


def movie_header(duration: int, tracks: int) -> bytes:
    """`mvhd` of so many tracks; duration in MOVIE_TIMESCALE, 0 where fragments tell it."""
    fields = _MOVIE.pack(MOVIE_TIMESCALE, duration, _NORMAL_SPEED, _FULL_VOLUME, _MATRIX, tracks + 1)
    return full_box(b"mvhd", 1, 0, fields)


def trak(
    formats: Sequence[Track],
    number: int,
    tables: bytes,
    *,
    duration: int = 0,
    media_duration: int = 0,
    edits: bytes = b"",
    entry: Callable[[Track], bytes] = sample_entry,
) -> bytes:
    """`trak` with the id `number`.

    formats:        of its sample entries, at least one: of one medium, codec and clock rate
    tables:         the boxes behind `stsd` in `stbl`
    duration:       what is shown of it, in MOVIE_TIMESCALE
    media_duration: of all its samples, in the track's clock rate
    edits:          `edts`, or nothing
    entry:          makes a sample entry
    """
    track = formats[0]
    width, height = max(one.width for one in formats), max(one.height for one in formats)
    volume = _FULL_VOLUME if track.medium is Medium.AUDIO else 0
    header = full_box(
        b"tkhd",
        1,
        _ENABLED_IN_MOVIE,
        _TRACK.pack(number, duration, 0, 0, volume, _MATRIX, _fixed_16(width), _fixed_16(height)),
    )
    entries = full_box(b"stsd", 0, 0, _COUNT.pack(len(formats)), *map(entry, formats))
    table = box(b"stbl", entries, tables)
    media = box(
        b"mdia",
        full_box(b"mdhd", 1, 0, _MEDIA.pack(track.clock_rate, media_duration, _LANGUAGE_UNDETERMINED, 0)),
        full_box(b"hdlr", 0, 0, _HANDLER.pack(_MEDIUM_KINDS[track.medium]), track.medium.value.encode() + b"\0"),
        box(b"minf", _MEDIUM_HEADERS[track.medium], _DATA_INFORMATION, table),
    )
    return box(b"trak", header, edits, media)


def _fixed_16(number: int) -> int:
    return min(number, 0xFFFF) << 16


def parse_moov(data: bytes | memoryview) -> tuple[Track, ...]:
    """The tracks of a `moov` box of ours, with which `data` begins. Raises DamagedError."""
    moov = whole_box(data, b"moov")
    tracks: list[Track] = []
    for found in read_boxes(data, moov.content, moov.end):
        if found.kind == b"trak":
            tracks.append(_parse_trak(data, found, len(tracks) + 1))
    return tuple(tracks)


def _parse_trak(data: bytes | memoryview, found: Box, expected: int) -> Track:
    (number,) = _read_version_1(data, child(data, found, b"tkhd"), _TRACK_ID)
    if number != expected:
        raise DamagedError(f"track_ID {number}; {expected} expected", offset=found.start)
    media = child(data, found, b"mdia")
    (clock_rate,) = _read_version_1(data, child(data, media, b"mdhd"), _MEDIA_TIMESCALE)
    if not clock_rate:
        raise DamagedError("mdhd: timescale is 0", offset=media.start)
    table = child(data, child(data, media, b"minf"), b"stbl")
    descriptions = child(data, table, b"stsd")
    _, _, at = read_full(data, descriptions)
    (count,) = read_fields(_COUNT, data, at, descriptions)
    if count != 1:
        raise DamagedError(f"stsd: {count} sample entries; 1 expected", offset=at)
    entry = next(read_boxes(data, at + _COUNT.size, descriptions.end), None)
    if entry is None:
        raise DamagedError("stsd without a sample entry", offset=at)
    return parse_sample_entry(data, entry, clock_rate)


def _read_version_1(data: bytes | memoryview, found: Box, layout: struct.Struct) -> tuple[int, ...]:
    version, _, at = read_full(data, found)
    if version != 1:
        raise DamagedError(f"{found.kind!r} of version {version}; 1 expected", offset=found.start)
    return read_fields(layout, data, at, found)
