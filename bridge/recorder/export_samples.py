"""The samples of an export: into `mdat` chunk by chunk, then the `moov` that tells where they are.

In memory are the chunk that is being filled, and about 25 bytes of each sample.
"""

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import add
from typing import BinaryIO

from bridge.base.errors import BridgeError
from bridge.base.media import AccessUnit, Track
from bridge.base.time import NS_PER_S, format_utc, ns_to_ticks
from bridge.recorder.export_times import Timeline
from bridge.store.pieces import FOREVER_NS
from bridge.store.reader import Begin, Broken, Gap, Item
from bridge.store.segment_writer import add_samples
from bridge.wire.mp4 import plain
from bridge.wire.mp4.decode_times import DecodeTimes
from bridge.wire.mp4.digests import Chunk, Part

#: Units of a track that get their decode times together.
_BATCH = 32

#: What is held in memory until it is written, track by track: what a digest is of, and so how fine a change is told.
_CHUNK_NS = 2 * NS_PER_S
_CHUNK_BYTES = 8 << 20

#: 40 hours of picture and sound. More would make digests that are longer than a reader takes.
MAX_CHUNKS = 150_000

#: FFmpeg takes 1,024 sample entries of a track.
_MAX_FORMATS = 1000


class ExportError(BridgeError):
    """A stretch cannot be exported as one file: why, and what can."""


@dataclass(slots=True)
class Exported:
    """What came of an export.

    from_ns, until_ns: the first and the last capture that is shown
    gaps:   stretches (UTC ns) inside it of which there is nothing
    broken: segments that could not be read
    signature_at: where the signature is to be written; of a plain file 0
    """

    from_ns: int = 0
    until_ns: int = 0
    units: int = 0
    size_bytes: int = 0
    gaps: list[Gap] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    signature_at: int = 0


class SampleFile:
    """The samples into `mdat`, chunk by chunk, each track's together; then `moov`. Holds a chunk and the columns.

    until_ns: what was captured later is not counted as shown
    digests:  whether `chunks` and `parts` are wanted
    """

    def __init__(
        self, file: BinaryIO, ftyp: bytes, timeline: Timeline, until_ns: int = FOREVER_NS, *, digests: bool = True
    ) -> None:
        self.exported = Exported()
        self.parts: list[Part] = []
        self.chunks: list[Chunk] = []
        self._file = file
        self._ftyp = ftyp
        self._timeline = timeline
        self._until_ns = until_ns
        self._digests = digests
        self._lead = 0
        self._tracks: tuple[_Track, ...] = ()
        self._at = len(ftyp) + plain.MDAT_HEADER_BYTES
        self._held_bytes = 0
        self._held_from_ns = 0
        file.write(ftyp + plain.mdat_header(0))

    def take(self, items: Iterator[Item]) -> None:
        """All of a reading. Raises ExportError."""
        for item in items:
            match item:
                case Begin(described, lead, _):
                    self._begin(described, lead)
                case Gap():
                    self.exported.gaps.append(item)
                    self._interrupt()
                case Broken():
                    self.exported.broken.append(item)
                    self._interrupt()
                case AccessUnit():
                    self._add(item)
        self._flush()
        # A gap at the end of the stretch is followed by nothing of it.
        self.exported.gaps = [gap for gap in self.exported.gaps if gap.from_ns < self.exported.until_ns]

    def _begin(self, described: tuple[Track, ...], lead: int) -> None:
        self._flush()
        if not self._tracks:
            self._timeline.tracks = described
            self._tracks = tuple(map(_Track, described))
        elif list(map(_kind, described)) != list(map(_kind, self._timeline.tracks)):
            raise ExportError(
                f"the recording changes its codec or its tracks after {format_utc(self.exported.until_ns)}:"
                " export up to there, and from there on as a second file"
            )
        self._lead = lead
        self._timeline.begin_run(lead)
        for track, format_ in zip(self._tracks, described, strict=True):
            track.begin_run(format_)
            if track.formats > _MAX_FORMATS:
                raise ExportError(
                    f"the recording has more than {_MAX_FORMATS} formats: export up to"
                    f" {format_utc(self.exported.until_ns)}, and from there on as a second file"
                )

    def _interrupt(self) -> None:
        """Something is missing: what comes does not hang on what was before, whatever its run."""
        for track in self._tracks:
            track.begin_run(track.format)

    @property
    def usual_ns(self) -> int:
        """The mean distance of the leading track's units, without the gaps."""
        gaps_ns = sum(gap.until_ns - gap.from_ns for gap in self.exported.gaps)
        units = self._tracks[self._lead].units if self._tracks else 0
        return max(0, self.exported.until_ns - self.exported.from_ns - gaps_ns) // max(1, units - 1)

    def _add(self, unit: AccessUnit) -> None:
        if not self._tracks:
            raise ExportError("a unit came before its tracks")
        if self._held_bytes >= _CHUNK_BYTES or (
            self._held_bytes and abs(unit.utc_ns - self._held_from_ns) >= _CHUNK_NS
        ):
            self._flush()
        if not self._held_bytes:
            self._held_from_ns = unit.utc_ns
        self._held_bytes += self._tracks[unit.track].add(unit, self._timeline.place(unit))
        self.exported.units += 1
        if unit.utc_ns < self._until_ns:
            self.exported.until_ns = max(self.exported.until_ns, unit.utc_ns)

    def _flush(self) -> None:
        for number, track in enumerate(self._tracks, 1):
            held = track.take(self._at)
            if held is None:
                continue
            data, from_ns, until_ns = held
            self._file.write(data)
            if self._digests:
                since, until = format_utc(from_ns), format_utc(until_ns)
                self.chunks.append(Chunk(number, since, until, self._at, len(data), digest_of(data)))
            self._at += len(data)
        self._held_bytes = 0
        if len(self.chunks) > MAX_CHUNKS:
            raise ExportError(
                f"the stretch is too long for one file: export up to {format_utc(self.exported.until_ns)},"
                " and from there on as a second file"
            )

    def finish(self, ends_ns: int | None) -> list[plain.PlainTrack]:
        """Writes `moov`; the tracks that are in it. ends_ns: where on the time line the presentation ends."""
        if not self._timeline.started:
            raise ExportError(f"there is nothing from {format_utc(self._timeline.from_ns)} on")
        described = [
            track.described(number, self._timeline.starts_ns, ends_ns) for number, track in enumerate(self._tracks, 1)
        ]
        shown = [one for one in described if one]
        try:
            moov = plain.moov(shown)
        except OverflowError:
            raise ExportError(self._too_long()) from None
        self._file.write(moov)
        header = plain.mdat_header(self._at - len(self._ftyp) - plain.MDAT_HEADER_BYTES)
        self._file.seek(len(self._ftyp))
        self._file.write(header)
        if self._digests:
            self.parts = self._parts(header, moov)
        self.exported.from_ns = self._timeline.starts_utc_ns
        self.exported.size_bytes = self._at + len(moov)
        return shown

    def _parts(self, header: bytes, moov: bytes) -> list[Part]:
        return [
            Part("ftyp", 0, len(self._ftyp), digest_of(self._ftyp)),
            Part("mdat header", len(self._ftyp), len(header), digest_of(header)),
            Part("moov", self._at, len(moov), digest_of(moov)),
        ]

    def _too_long(self) -> str:
        longest = max(self.exported.gaps, key=lambda gap: gap.until_ns - gap.from_ns, default=None)
        if longest is None:
            return "a sample is too large, or lasts too long, for an MP4 file"
        return (
            f"the gap from {format_utc(longest.from_ns)} until {format_utc(longest.until_ns)} is longer than an MP4"
            " file can tell: export up to there, and from there on as a second file"
        )


def _kind(track: Track) -> tuple[object, ...]:
    """What must stay: all else a sample entry more can tell."""
    return track.codec, track.clock_rate


class _Track:
    """The columns of one track, and what of it is held until it is written."""

    def __init__(self, track: Track) -> None:
        self._track = self.format = track
        self._nal_units = track.codec.of_nal_units
        self._times = DecodeTimes(track)
        self._changes: list[tuple[int, Track]] = []
        self._formats = {track}
        self._held: list[bytes] = []
        self._held_units: list[int] = []
        self._waiting: list[int] = []
        self._dts, self._offsets = array("q"), array("i")
        self._sizes, self._at, self._keys = array("I"), array("Q"), array("B")
        self._end = 0

    @property
    def formats(self) -> int:
        """How many different ones so far."""
        return len(self._formats)

    @property
    def units(self) -> int:
        """How many so far."""
        return len(self._sizes)

    def begin_run(self, format_: Track) -> None:
        """What comes has this format, and decode times that do not hang on those before."""
        if self._waiting:
            self._assign(None)
        self._times = DecodeTimes(format_)
        if format_ == self.format:
            return
        self.format = format_
        self._formats.add(format_)
        if not self._sizes:
            self._track = format_
            return
        if self._changes and self._changes[-1][0] == len(self._sizes):
            self._changes.pop()
        self._changes.append((len(self._sizes), format_))

    def add(self, unit: AccessUnit, place: int) -> int:
        """The next unit in decoding order; how many bytes it has in the file."""
        before = len(self._held)
        add_samples(self._held, [unit], nal_units=self._nal_units)
        size = sum(map(len, self._held[before:]))
        self._held_units.append(unit.utc_ns)
        self._waiting.append(place)
        self._sizes.append(size)
        self._keys.append(unit.key)
        if len(self._waiting) > _BATCH:
            self._assign(self._waiting.pop())
        return size

    def take(self, at: int) -> tuple[bytes, int, int] | None:
        """(what is held and will be written at `at`, its first and its last capture); None: nothing."""
        if not self._held_units:
            return None
        data = b"".join(self._held)
        for size in self._sizes[len(self._at) :]:
            self._at.append(at)
            at += size
        first, last = min(self._held_units), max(self._held_units)
        self._held, self._held_units = [], []
        return data, first, last

    def described(self, number: int, starts_ns: int, ends_ns: int | None) -> plain.PlainTrack | None:
        """The whole track; None: nothing of it is shown."""
        if self._waiting:
            self._assign(None)
        rate = self._track.clock_rate
        starts_at = ns_to_ticks(starts_ns, rate)
        ends_at = None if ends_ns is None else ns_to_ticks(ends_ns, rate)
        if not self._dts or max(map(add, self._dts, self._offsets)) < starts_at:
            return None
        if ends_at is not None and min(map(add, self._dts, self._offsets)) >= ends_at:
            return None
        return plain.PlainTrack(
            *(self._track, self._dts, self._end, self._offsets, self._sizes, self._at, self._keys, starts_at),
            ends_at,
            self._changes,
            number,
        )

    def _assign(self, following: int | None) -> None:
        not_before = self._dts[-1] + 1 if self._dts else None
        times, durations = self._times.assign(self._waiting, following, not_before=not_before)
        self._dts.extend(times)
        self._offsets.extend(place - time for place, time in zip(self._waiting, times, strict=True))
        self._end = times[-1] + durations[-1]
        self._waiting = [] if following is None else [following]


def digest_of(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()
