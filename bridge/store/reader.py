"""Reading by time: the access units of a recording from any instant, forwards or backwards. The one reader for replay,
playback and export.

It goes over segments, gaps, runs and changes of the parameter sets, up to the live edge of a segment that is being
written, and reads no more of the disk than it hands out. Of footage that overlaps (the clock was set back) the latest
written is shown; `run` names another. Everything here blocks for the disk and the database: it runs in the reader pool,
never on the reactor. A reading is an iterator that somebody pulls: it is as fast as its reader, and holds
STRETCH_BYTES at a time.
"""

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.base.errors import DamagedError
from bridge.base.media import AccessUnit, Track
from bridge.base.time import ticks_to_ns
from bridge.store.gaps import is_gap
from bridge.store.pieces import FOREVER_NS, Pieces, Rows, Shown
from bridge.store.rows import SegmentRow
from bridge.store.segment_reader import SegmentReader

#: What is read at a time: more than a fragment of most cameras, so that few reads suffice.
STRETCH_BYTES = 1 << 20

#: The key frame that a segment without one hangs on is looked for in so many segments before it.
KEY_LOOK_BACK = 32

#: Pictures are not dated in decoding order where there are B-frames: so many may be out of place.
_REORDERED = 32

_OPEN_FILES = 4

Batch = list[tuple[int, int]]
"""Samples as (track, number), in the order in which they are handed out."""


@dataclass(frozen=True, slots=True)
class Begin:
    """What follows is of these tracks and this run; comes first, and when either changes.

    lead: the track that GOPs are counted by
    """

    tracks: tuple[Track, ...]
    lead: int
    run: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Nothing is there from `from_ns` until `until_ns` (UTC), whichever way one reads."""

    from_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Edge:
    """All is read that was written by now, up to about `utc_ns`; pull again for more. Forwards only."""

    utc_ns: int


@dataclass(frozen=True, slots=True)
class Broken:
    """A segment cannot be read (it is gone, or damaged), and is stepped over."""

    serial: int
    reason: str


@dataclass(frozen=True, slots=True)
class Outlined:
    """Footage of these tracks from `from_ns` until `until_ns` (UTC), as one segment has it.

    keys_ns: when its key frames were captured
    """

    from_ns: int
    until_ns: int
    tracks: tuple[Track, ...]
    keys_ns: tuple[int, ...] = ()


Item = Begin | AccessUnit | Gap | Edge | Broken

Choice = Callable[[tuple[Track, ...]], frozenset[int]]
"""Which are wanted of the tracks that a stretch has, by number: they may stand elsewhere in another."""


class Shelf(Rows, Protocol):
    """One recording: rows and files of its segments, finished ones and the one being written."""

    def segment(self, serial: int) -> SegmentRow | None:
        """The one of that serial."""

    def open(self, row: SegmentRow) -> SegmentReader:
        """Its file. Raises OSError, DamagedError."""

    def being_written(self, serial: int) -> bool:
        """Whether more may still come to it."""


class Reading:
    """How one recording is read. One thread at a time.

    tracks:    numbers of the tracks that are wanted, or who chooses them; None: all
    keys_only: of the leading track key frames alone, and nothing of the others
    apart_ns:  of key frames alone: at least so far from the one handed out before
    run:       that run alone, also where something newer hides it
    follow:    forwards, at the end: `Edge` items instead of an end, as long as somebody pulls
    whole:     units have one part: the sample as the file has it, NAL units behind their lengths
    """

    def __init__(
        self,
        shelf: Shelf,
        *,
        tracks: frozenset[int] | Choice | None = None,
        keys_only: bool = False,
        apart_ns: int = 0,
        run: int | None = None,
        follow: bool = False,
        whole: bool = False,
    ) -> None:
        self._shelf = shelf
        self._whole = whole
        self._pieces = Pieces(shelf, run)
        self._choice = tracks if callable(tracks) else None
        self._tracks = None if callable(tracks) else tracks
        self._keys_only = keys_only
        self._apart_ns = apart_ns
        self._key_ns: int | None = None
        self._follow = follow
        self._opened: dict[int, SegmentReader] = {}
        self._told: Begin | None = None
        self._usual_ns = 0

    def close(self) -> None:
        """Closes the files that are open."""
        for reader in self._opened.values():
            reader.close()
        self._opened.clear()

    # --- Forwards ----------------------------------------------------------------------------------------------------

    def forward(self, from_ns: int, until_ns: int = FOREVER_NS) -> Iterator[Item]:
        """From the key frame at or before `from_ns`, else from the first behind it, until just before `until_ns`.

        Units come in decoding order, the tracks merged by decode time.
        """
        at, before, broken = from_ns, None, False
        while at < until_ns:
            shown = self._pieces.following(at, until_ns)
            if shown is None:
                if not self._follow:
                    return
                yield Edge(at)
                continue
            row = shown.row
            try:
                reader = self._open(row)
                if before is None:
                    row, reader, places = self._seek(row, reader, max(at, shown.from_ns))
                    at = min(at, row.start_utc_ns)
                else:
                    if is_gap(shown.from_ns - at, self._usual_ns):
                        yield Gap(at, shown.from_ns)
                    places = self._continue(reader, shown, None if broken else before)
                yield from self._begin(row, reader)
                ends_ns = shown.until_ns if row is shown.row else row.end_utc_ns
                at = max(at, (yield from self._play(row, reader, places, min(ends_ns, until_ns), until_ns)))
                broken = False
            except (OSError, DamagedError) as error:
                broken = True
                yield Broken(row.serial, str(error))
                if shown.until_ns == FOREVER_NS:
                    return
                at = shown.until_ns
            before = row

    def _seek(self, row: SegmentRow, reader: SegmentReader, utc_ns: int) -> tuple[SegmentRow, SegmentReader, list[int]]:
        """Where the key frame at or before `utc_ns` is: in this segment, or in one before it in its run."""
        key = reader.index.tracks[reader.lead].key_at(utc_ns)
        back, earlier = row, reader
        while key is None and not back.starts_with_key and row.serial - back.serial < KEY_LOOK_BACK:
            previous = self._shelf.segment(back.serial - 1)
            if previous is None or previous.run != row.run:
                break
            try:
                back, earlier = previous, self._open(previous)
            except (OSError, DamagedError):
                break  # as if it were gone
            key = earlier.index.tracks[earlier.lead].key_at(FOREVER_NS)
        if key is None:
            return row, reader, _places(reader, _first_key(reader, utc_ns))
        return back, earlier, _places(earlier, key)

    @staticmethod
    def _continue(reader: SegmentReader, shown: Shown, before: SegmentRow | None) -> list[int]:
        """Where to go on behind the segment `before`; None: it could not be read, or not to its end."""
        row = shown.row
        if before is not None and (before.run, before.serial) == (row.run, row.serial - 1):
            return [0] * len(reader.tracks)
        if row.starts_with_key and shown.from_ns <= row.start_utc_ns:
            return [0] * len(reader.tracks)
        # What hid its beginning has ended, or what it began with is not there: decoding starts at the next key frame.
        return _places(reader, _first_key(reader, shown.from_ns))

    def _play(
        self, row: SegmentRow, reader: SegmentReader, places: list[int], until_ns: int, last_ns: int
    ) -> Generator[Item, None, int]:
        """From the places on; returns until when it went. More may come to the segment meanwhile.

        until_ns: where what is shown next begins
        last_ns:  where the reading ends: should the next be the next of its run, it hides nothing of this segment. That
                  a cut between two pictures is none between two sounds is no overlap.
        """
        following = self._shelf.segment(row.serial + 1)
        if following is not None and following.run == row.run and following.start_utc_ns <= until_ns:
            wanted_ns = last_ns
        else:
            wanted_ns = until_ns
        lead = reader.index.tracks[reader.lead]
        while True:
            # Asked before looking: what was written until then is seen below.
            more_to_come = self._shelf.being_written(row.serial)
            ends = [_end_before(samples.utc_ns, len(samples), wanted_ns) for samples in reader.index.tracks]
            while batch := self._next_batch(reader, places, ends):
                yield from self._units(reader, batch)
            if not more_to_come:
                return until_ns if until_ns < FOREVER_NS else self._ended_ns(row, reader)
            if ends[reader.lead] < len(lead) or not self._follow:
                return until_ns
            yield Edge(lead.utc_ns[ends[reader.lead] - 1] if ends[reader.lead] else row.start_utc_ns)

    def _ended_ns(self, row: SegmentRow, reader: SegmentReader) -> int:
        """Where a segment ended that was being written when it was looked up: the next of its run may overlap it."""
        following = self._shelf.segment(row.serial + 1)
        if following is not None and following.run == row.run:
            return min(reader.end_utc_ns, following.start_utc_ns)
        return reader.end_utc_ns

    def _next_batch(self, reader: SegmentReader, places: list[int], ends: Sequence[int]) -> Batch:
        """About STRETCH_BYTES from the places on, which move; [] at the ends."""
        if self._keys_only:
            return self._next_key(reader, places, ends)
        while merged := self._merged(reader, places, ends):
            tracks = self._tracks
            if wanted := merged if tracks is None else [one for one in merged if one[0] in tracks]:
                return wanted
        return []

    @staticmethod
    def _merged(reader: SegmentReader, places: list[int], ends: Sequence[int]) -> Batch:
        """Of all tracks, wanted or not."""
        samples = reader.index.tracks[reader.lead]
        upto, size = places[reader.lead], 0
        while upto < ends[reader.lead] and size < STRETCH_BYTES:
            size += samples.size[upto]
            upto += 1
        bound_ns = FOREVER_NS
        if upto < ends[reader.lead]:
            bound_ns = _decode_ns(reader, reader.lead, upto)
        merged: list[tuple[int, int, int]] = []
        for track in range(len(places)):
            for number in range(places[track], upto if track == reader.lead else ends[track]):
                time_ns = _decode_ns(reader, track, number)
                if track != reader.lead and time_ns >= bound_ns:
                    break
                merged.append((time_ns, track, number))
                places[track] = number + 1
        merged.sort()
        return [(track, number) for _, track, number in merged]

    def _next_key(self, reader: SegmentReader, places: list[int], ends: Sequence[int]) -> Batch:
        samples, end = reader.index.tracks[reader.lead], ends[reader.lead]
        keys = samples.keys
        for place in range(bisect_left(keys, places[reader.lead]), len(keys)):
            key = keys[place]
            if key >= end:
                break
            if self._is_apart(samples.utc_ns[key]):
                self._key_ns = samples.utc_ns[key]
                places[reader.lead] = key + 1
                return [(reader.lead, key)]
        return []

    def _is_apart(self, key_ns: int) -> bool:
        return self._key_ns is None or abs(key_ns - self._key_ns) >= self._apart_ns

    def outline(self, from_ns: int, until_ns: int) -> Iterator[Outlined]:
        """What is there of [from, until), without its media: segment by segment, those that cannot be read left out."""
        at = from_ns
        while at < until_ns and (shown := self._pieces.following(at, until_ns)) is not None:
            at = max(shown.until_ns, at + 1)
            try:
                reader = self._open(shown.row)
            except (OSError, DamagedError):
                continue
            ends_ns = min(shown.until_ns, reader.end_utc_ns)
            if ends_ns > shown.from_ns:
                lead = reader.index.tracks[reader.lead]
                found = (lead.utc_ns[key] for key in lead.keys)
                keys = tuple(key for key in found if shown.from_ns <= key < ends_ns)
                yield Outlined(shown.from_ns, ends_ns, reader.tracks, keys)

    # --- Backwards ---------------------------------------------------------------------------------------------------

    def backward(self, from_ns: int, until_ns: int = 0) -> Iterator[Item]:
        """From the GOP that holds `from_ns` back to the one that holds `until_ns`: GOP by GOP, the latest first.

        Within a GOP units come in decoding order, the tracks merged: decoders and ONVIF's reverse replay want it so.
        The first GOP ends with `from_ns`.
        """
        at, later = from_ns + 1, None
        tail: list[tuple[SegmentRow, list[int]]] = []  # later segments of the run, as far as no key frame of theirs
        while at > until_ns and (shown := self._pieces.preceding(at)) is not None:
            row = shown.row
            try:
                reader = self._open(row)
                ends_ns = min(shown.until_ns, at, reader.end_utc_ns)
                if later is not None and is_gap(at - ends_ns, self._usual_ns):
                    yield Gap(ends_ns, at)
                if later is None or (later.run, later.serial) != (row.run, row.serial + 1):
                    tail = []
                elif at <= later.start_utc_ns:
                    ends_ns = from_ns + 1  # as forwards: the next of its run hides nothing
                yield from self._begin(row, reader)
                tail = yield from self._play_back(row, reader, shown.from_ns, ends_ns, until_ns, tail)
            except (OSError, DamagedError) as error:
                tail = []
                yield Broken(row.serial, str(error))
            at, later = min(at - 1, shown.from_ns), row

    def latest_ns(self, utc_ns: int) -> int | None:
        """Until when there is footage at the instant or before it, at most until the instant; None: there is none."""
        at = utc_ns + 1
        while (shown := self._pieces.preceding(at)) is not None:
            try:
                return min(shown.until_ns, self._open(shown.row).end_utc_ns)
            except (OSError, DamagedError):
                at = shown.from_ns
        return None

    def _play_back(
        self,
        row: SegmentRow,
        reader: SegmentReader,
        from_ns: int,
        ends_ns: int,
        until_ns: int,
        tail: list[tuple[SegmentRow, list[int]]],
    ) -> Generator[Item, None, list[tuple[SegmentRow, list[int]]]]:
        """The GOPs of a piece, the last first; returns the tail for the segment before.

        tail: what continues this segment's last GOP: segments, each with the ends of what is wanted of it
        """
        samples = reader.index.tracks[reader.lead]
        ends = [_end_before(one.utc_ns, len(one), ends_ns) for one in reader.index.tracks]
        keys = [key for key in samples.keys if key < ends[reader.lead] and samples.utc_ns[key] >= from_ns]
        for key in reversed(keys):
            begins = _places(reader, key)
            places = list(begins)
            if self._keys_only and not self._is_apart(samples.utc_ns[key]):
                places = ends
            while batch := self._next_batch(reader, places, ends):
                yield from self._units(reader, batch)
                if self._keys_only:
                    break
            yield from self._play_tail(tail)
            tail, ends = [], begins
            if samples.utc_ns[key] <= until_ns:
                return []
        if row.starts_with_key or self._keys_only or from_ns > row.start_utc_ns:
            return []
        return [(row, ends), *tail]

    def _play_tail(self, tail: list[tuple[SegmentRow, list[int]]]) -> Iterator[Item]:
        for row, ends in tail:
            reader = self._open(row)
            places = [0] * len(ends)
            while batch := self._next_batch(reader, places, ends):
                yield from self._units(reader, batch)

    # --- Both --------------------------------------------------------------------------------------------------------

    def _open(self, row: SegmentRow) -> SegmentReader:
        reader = self._opened.pop(row.serial, None)
        if reader is None:
            reader = self._shelf.open(row)
        self._opened[row.serial] = reader
        while len(self._opened) > _OPEN_FILES:
            self._opened.pop(next(iter(self._opened))).close()
        return reader

    def _units(self, reader: SegmentReader, batch: Batch) -> Iterator[AccessUnit]:
        """The samples, whose numbers follow each other in each track."""
        numbers: dict[int, list[int]] = {}
        for track, number in batch:
            numbers.setdefault(track, []).append(number)
        units = {
            track: iter(reader.read(track, mine[0], mine[-1] + 1, whole=self._whole)) for track, mine in numbers.items()
        }
        return (next(units[track]) for track, _ in batch)

    def _begin(self, row: SegmentRow, reader: SegmentReader) -> Iterator[Begin]:
        begin = Begin(reader.tracks, reader.lead, row.run)
        if begin != self._told:
            self._told = begin
            if self._choice:
                self._tracks = self._choice(reader.tracks)
            yield begin
        self._usual_ns = reader.index.tracks[reader.lead].interval_ns()


def _decode_ns(reader: SegmentReader, track: int, number: int) -> int:
    """Decode time as the file has it: its origins bring the tracks together."""
    ticks = reader.index.tracks[track].dts[number] - reader.header.origins[track]
    return ticks_to_ns(ticks, reader.tracks[track].clock_rate)


def _places(reader: SegmentReader, lead_place: int) -> list[int]:
    """Where to begin in each track, when the leading one begins at `lead_place`."""
    tracks = reader.index.tracks
    if lead_place == 0:
        return [0] * len(tracks)
    samples = tracks[reader.lead]
    since_ns = samples.utc_ns[lead_place] if lead_place < len(samples) else FOREVER_NS
    return [
        lead_place if track == reader.lead else bisect_left(other.utc_ns, since_ns, 0, len(other))
        for track, other in enumerate(tracks)
    ]


def _first_key(reader: SegmentReader, utc_ns: int) -> int:
    """The first key sample at or after the instant; behind the last sample when there is none."""
    samples = reader.index.tracks[reader.lead]
    return next((key for key in samples.keys if samples.utc_ns[key] >= utc_ns), len(samples))


def _end_before(utc_ns: Sequence[int], count: int, until_ns: int) -> int:
    """How many samples, in decoding order, are needed to show all that were captured before `until_ns`."""
    about = bisect_left(utc_ns, until_ns, 0, count)
    for number in range(min(count, about + _REORDERED) - 1, max(0, about - _REORDERED) - 1, -1):
        if utc_ns[number] < until_ns:
            return number + 1
    return max(0, about - _REORDERED)
