"""A stretch of a recording as one plain MP4, without re-encoding. Blocking, on the caller's thread.

The presentation starts and ends at the asked instants, to a picture: what decoders need before the start is in the file
and not shown (an edit list). Gaps are left out, and told; a pause that is no gap lasts as long as it did.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from bridge.base.errors import BridgeError
from bridge.base.media import AccessUnit, Track
from bridge.base.time import NS_PER_S, format_utc, ns_to_ticks, ticks_to_ns
from bridge.store.decode_times import DecodeTimes
from bridge.store.reader import Begin, Broken, Gap, Item
from bridge.store.segment_writer import add_samples
from bridge.wire.mp4 import plain

#: Units of a track that get their decode times together.
_BATCH = 32

#: A run that begins later than this behind the one before leaves a gap, which is not shown.
_LONGEST_PAUSE_NS = 1 * NS_PER_S


class ExportError(BridgeError):
    """A stretch cannot be exported as one file: why, and what can."""


@dataclass(slots=True)
class Exported:
    """What came of an export.

    from_ns, until_ns: the first and the last capture that is shown
    gaps:   stretches (UTC ns) inside it of which there is nothing
    broken: segments that could not be read
    """

    from_ns: int = 0
    until_ns: int = 0
    units: int = 0
    size_bytes: int = 0
    gaps: list[Gap] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)


def export_plain(items: Iterator[Item], file: BinaryIO, from_ns: int) -> Exported:
    """Writes what a reading hands out (`Reading.forward(from_ns, until_ns)`) as one MP4.

    file: empty, and seekable. Raises ExportError when there is nothing, or when codec, size or tracks change.
    """
    exported = Exported()
    timeline: _Timeline | None = None
    tracks: tuple[_Track, ...] = ()
    file.write(plain.FTYP + plain.mdat_header(0))
    at = len(plain.FTYP) + plain.MDAT_HEADER_BYTES
    for item in items:
        match item:
            case Begin(described, lead, _):
                if timeline is None:
                    timeline = _Timeline(described, lead, from_ns)
                    tracks = tuple(map(_Track, described))
                elif described != timeline.tracks:
                    raise ExportError(
                        f"the recording changes its format after {format_utc(exported.until_ns)}:"
                        " export up to there, and from there on as a second file"
                    )
                timeline.begin_run()
            case Gap():
                exported.gaps.append(item)
            case Broken():
                exported.broken.append(item)
            case AccessUnit():
                if timeline is None:
                    raise ExportError("a unit came before its tracks")
                data = b"".join(_bytes_of(item, tracks[item.track].nal_units))
                file.write(data)
                tracks[item.track].add(item, timeline.place(item), at, len(data))
                at += len(data)
                exported.units += 1
                exported.until_ns = max(exported.until_ns, item.utc_ns)
    if timeline is None or not timeline.started:
        raise ExportError(f"there is nothing from {format_utc(from_ns)} on")
    # A gap at the end of the stretch is followed by nothing of it.
    exported.gaps = [gap for gap in exported.gaps if gap.from_ns < exported.until_ns]
    shown = [one for track in tracks if (one := track.described(timeline.starts_ns))]
    moov = plain.moov(shown)
    file.write(moov)
    file.seek(len(plain.FTYP))
    file.write(plain.mdat_header(at - len(plain.FTYP) - plain.MDAT_HEADER_BYTES))
    exported.from_ns = timeline.starts_utc_ns
    exported.size_bytes = at + len(moov)
    return exported


class _Timeline:
    """Puts runs one behind the other: each has its media times from wherever its process began to count.

    Within a run each track keeps its own even ticks; when a run begins, tracks are brought together by capture times.
    """

    def __init__(self, tracks: Sequence[Track], lead: int, from_ns: int) -> None:
        self.tracks = tuple(tracks)
        self.started = False
        self.starts_ns = 0
        self.starts_utc_ns = 0
        self._rates = [track.clock_rate for track in tracks]
        self._lead = lead
        self._from_ns = from_ns
        self._shifts: list[int | None] = []
        self._run: tuple[int, int] | None = None
        self._last_ns = self._last_utc_ns = self._step_ns = 0

    def begin_run(self) -> None:
        """What comes is counted from elsewhere."""
        self._shifts = [None] * len(self.tracks)
        self._run = None

    def place(self, unit: AccessUnit) -> int:
        """The unit's presentation time in the file, in its track's clock."""
        rate = self._rates[unit.track]
        shift = self._shifts[unit.track]
        if shift is None:
            place_ns, utc_ns = self._run = self._run or (self._behind(unit.utc_ns), unit.utc_ns)
            shift = ns_to_ticks(place_ns + unit.utc_ns - utc_ns, rate) - unit.media_time
            self._shifts[unit.track] = shift
        place = unit.media_time + shift
        if unit.track == self._lead:
            place_ns = ticks_to_ns(place, rate)
            if place_ns > self._last_ns:
                self._step_ns = place_ns - self._last_ns
                self._last_ns, self._last_utc_ns = place_ns, unit.utc_ns
            if unit.utc_ns >= self._from_ns and (not self.started or place_ns < self.starts_ns):
                self.started = True
                self.starts_ns, self.starts_utc_ns = place_ns, unit.utc_ns
        return place

    def _behind(self, utc_ns: int) -> int:
        """Where a run begins whose first unit was captured then."""
        if not self._last_utc_ns:
            return 0
        pause_ns = utc_ns - self._last_utc_ns
        return self._last_ns + (pause_ns if 0 < pause_ns <= _LONGEST_PAUSE_NS else max(1, self._step_ns))


class _Track:
    """The columns of one track."""

    def __init__(self, track: Track) -> None:
        self.nal_units = track.codec.of_nal_units
        self._track = track
        self._times = DecodeTimes(track)
        self._waiting: list[int] = []
        self._dts, self._offsets = array("q"), array("q")
        self._sizes, self._at, self._keys = array("I"), array("Q"), array("B")
        self._end = 0

    def add(self, unit: AccessUnit, place: int, at: int, size: int) -> None:
        """The next unit in decoding order."""
        self._waiting.append(place)
        self._sizes.append(size)
        self._at.append(at)
        self._keys.append(unit.key)
        if len(self._waiting) > _BATCH:
            self._assign(self._waiting.pop())

    def described(self, starts_ns: int) -> plain.PlainTrack | None:
        """The whole track; None: nothing of it is shown."""
        if self._waiting:
            self._assign(None)
        starts_at = ns_to_ticks(starts_ns, self._track.clock_rate)
        if not self._dts or max(map(sum, zip(self._dts, self._offsets, strict=True))) < starts_at:
            return None
        return plain.PlainTrack(
            self._track, self._dts, self._end, self._offsets, self._sizes, self._at, self._keys, starts_at
        )

    def _assign(self, following: int | None) -> None:
        times, durations = self._times.assign(self._waiting, following)
        self._dts.extend(times)
        self._offsets.extend(place - time for place, time in zip(self._waiting, times, strict=True))
        self._end = times[-1] + durations[-1]
        self._waiting = [] if following is None else [following]


def _bytes_of(unit: AccessUnit, nal_units: bool) -> list[bytes]:
    pieces: list[bytes] = []
    add_samples(pieces, [unit], nal_units=nal_units)
    return pieces
