"""A plain file, without fragments: `ftyp`, one `mdat` with all samples, and the `moov` with their tables last.

ISO/IEC 14496-12 8.6 and 8.7. For exports: who writes one streams the samples and keeps a few numbers of each. The
length of `mdat` is known only then: its header, of 64 bits, is written a second time.
"""

import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import add, sub

from bridge.base.media import Medium, Track
from bridge.wire.mp4.boxes import box, full_box
from bridge.wire.mp4.init import MOVIE_TIMESCALE, movie_header, trak

#: `iso4` stands for signed composition offsets; old players look for `mp42`.
FTYP = box(b"ftyp", b"mp42", bytes(4), b"mp42iso4")

#: The same for files of the ONVIF Export File Format, whose brand is `isom`.
EXPORT_FTYP = box(b"ftyp", b"isom", bytes(4), b"isomiso4mp42")

MDAT_HEADER_BYTES = 16

_MDAT = struct.Struct("!I4sQ")
_COUNT = struct.Struct("!I")
_SIZES = struct.Struct("!II")
_EDIT = struct.Struct("!QqI")
_EMPTY = -1
_NORMAL_SPEED = 1 << 16


@dataclass(frozen=True, slots=True)
class PlainTrack:
    """A track and its samples, at least one, column by column in decoding order. Times in the track's clock rate.

    decode_times: rising; the first may be anything
    end:          decode time at which the last sample ends
    offsets:      composition offsets (presentation minus decode time), signed
    sizes:        in bytes
    at:           where each sample lies in the file
    keys:         not 0 where decoding may start at the sample; not asked of sound
    starts_at:    presentation time of this track at which the presentation starts. Samples before it are there for
                  decoders and not shown; where it lies before all samples, the track starts that much later
    ends_at:    presentation time at which it ends; None: with the last sample
    changes:    (sample, format): from the sample of that number (from 0) on the track has that format. In order; each
                format gets one sample entry, however often it comes back (FFmpeg takes 1,024 at most)
    number:     its id
    """

    track: Track
    decode_times: Sequence[int]
    end: int
    offsets: Sequence[int]
    sizes: Sequence[int]
    at: Sequence[int]
    keys: Sequence[int]
    starts_at: int
    ends_at: int | None = None
    changes: Sequence[tuple[int, Track]] = ()
    number: int = 1

    def __post_init__(self) -> None:
        count = len(self.decode_times)
        if not count or any(len(column) != count for column in (self.offsets, self.sizes, self.at, self.keys)):
            raise ValueError(f"a track of {count} samples with columns of another length, or none")

    @property
    def formats(self) -> list[Track]:
        """One for each sample entry."""
        return list(dict.fromkeys((self.track, *(track for _, track in self.changes))))


def mdat_header(size_bytes: int) -> bytes:
    """The header of an `mdat` with so many bytes of samples: always of MDAT_HEADER_BYTES, to be written over."""
    return _MDAT.pack(1, b"mdat", MDAT_HEADER_BYTES + size_bytes)


def moov(tracks: Sequence[PlainTrack]) -> bytes:
    """The `moov` of these tracks.

    Raises ValueError for a track of which nothing is shown, and OverflowError for a number that has no room in its
    table: a sample that lasts 2^32 ticks (13 hours of video).
    """
    traks = []
    longest = 0
    for plain in tracks:
        edits, duration, ends = _edits(plain)
        length = plain.end - plain.decode_times[0]
        traks.append(
            trak(plain.formats, plain.number, _tables(plain), duration=duration, media_duration=length, edits=edits)
        )
        # Longer than the presentation by what is hidden in front: qtdemux of GStreamer 1.22 holds media times against
        # it, and would leave out as much at the end.
        longest = max(longest, duration, ends)
    return box(b"moov", movie_header(longest, max((plain.number for plain in tracks), default=0)), *traks)


def _edits(plain: PlainTrack) -> tuple[bytes, int, int]:
    """(`edts`, how long the track is shown, media time of its end, both in MOVIE_TIMESCALE), 8.6.5 and 8.6.6."""
    rate, times = plain.track.clock_rate, plain.decode_times
    first = min(map(add, times, plain.offsets))
    until = max(map(add, times, plain.offsets)) + plain.end - times[-1]
    if plain.ends_at is not None:
        until = min(until, plain.ends_at)
    if plain.starts_at >= until:
        raise ValueError(f"the presentation starts at {plain.starts_at}, behind the end of a track at {until}")
    begin = max(first, plain.starts_at)
    delay = (begin - plain.starts_at) * MOVIE_TIMESCALE // rate
    # Rounded up: a player drops the last sample when it ends behind its edit.
    length = -((begin - until) * MOVIE_TIMESCALE // rate)
    ends = -((times[0] - until) * MOVIE_TIMESCALE // rate)
    entries = [_EDIT.pack(delay, _EMPTY, _NORMAL_SPEED)] if delay else []
    # Decode times of the file begin with 0.
    entries.append(_EDIT.pack(length, begin - times[0], _NORMAL_SPEED))
    return box(b"edts", full_box(b"elst", 1, 0, _COUNT.pack(len(entries)), *entries)), delay + length, ends


def _tables(plain: PlainTrack) -> bytes:
    """What stands behind `stsd` in `stbl`."""
    times = plain.decode_times
    durations = map(sub, [*times[1:], plain.end], times)
    tables = [full_box(b"stts", 0, 0, *_run_lengths(durations, "I"))]
    if any(plain.offsets):
        tables.append(full_box(b"ctts", 1, 0, *_run_lengths(plain.offsets, "i")))
    if plain.track.medium is Medium.VIDEO and not all(plain.keys):
        keys = array("I", [number for number, key in enumerate(plain.keys, 1) if key])
        tables.append(full_box(b"stss", 0, 0, _COUNT.pack(len(keys)), _big_endian(keys)))
    places, contents = _chunks(plain)
    # A row of stsc: from this chunk on, so many samples, by the sample entry of that number.
    rows = array("I")
    for chunk, (before, content) in enumerate(pairwise([(0, 0), *contents]), 1):
        if content != before:
            rows.extend((chunk, *content))
    tables += [
        full_box(b"stsc", 0, 0, _COUNT.pack(len(rows) // 3), _big_endian(rows)),
        full_box(b"stsz", 0, 0, _SIZES.pack(0, len(plain.sizes)), _big_endian(array("I", plain.sizes))),
        full_box(b"co64", 0, 0, _COUNT.pack(len(places)), _big_endian(places)),
    ]
    return b"".join(tables)


def _run_lengths(numbers: Iterable[int], code: str) -> tuple[bytes, bytes]:
    """(how many rows, rows of count and number) as `stts` and `ctts` have them; code: of `array`, for the number."""
    rows = array(code)
    for number, same in groupby(numbers):
        rows.extend((sum(1 for _ in same), number))
    return _COUNT.pack(len(rows) // 2), _big_endian(rows)


def _chunks(plain: PlainTrack) -> tuple["array[int]", list[tuple[int, int]]]:
    """(where each chunk lies, samples and sample entry of each).

    A chunk holds what lies one behind the other and has one format (8.7.4).
    """
    places, contents, behind = array("Q"), [], -1
    entry, entries = 1, {track: number for number, track in enumerate(plain.formats, 1)}
    changes = list(reversed(plain.changes))
    for number, (place, size) in enumerate(zip(plain.at, plain.sizes, strict=True)):
        if changes and number == changes[-1][0]:
            entry, behind = entries[changes.pop()[1]], -1
        if place != behind:
            places.append(place)
            contents.append((0, entry))
        contents[-1] = (contents[-1][0] + 1, entry)
        behind = place + size
    return places, contents


def _big_endian(numbers: "array[int]") -> bytes:
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers.tobytes()
