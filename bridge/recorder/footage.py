"""A piece of a recording as browsers take it: an init segment and fragments whose times are UTC. Blocking.

A piece begins with the key frame at or before its start and ends early where codec or parameter sets change: what a
player must know before the first byte does not change in the middle. Gaps stay gaps. Samples of video go out as they
lie on disk; G.711 becomes FLAC. docs/design/web.md, "Footage".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from threading import Lock

from bridge.base.errors import BridgeError
from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_MS, NS_PER_S, ns_to_ticks
from bridge.media.live_fragments import NAMES, Beginning, UnplayableError, chosen, describe
from bridge.recorder.library import Held, Library
from bridge.store.pieces import FOREVER_NS
from bridge.store.reader import Begin, Edge, Gap, Item, Reading
from bridge.wire.audio import flac
from bridge.wire.mp4.decode_times import DecodeTimes
from bridge.wire.mp4.fragment import DELTA_FLAGS, KEY_FLAGS, TrackRun, mdat_header, moof

LONGEST_NS = 60 * NS_PER_S
"""Of a piece with all frames."""

LONGEST_KEYS_NS = 3600 * NS_PER_S
"""Of a piece of key frames alone."""

CUT_NS = 6 * NS_PER_S
"""Pieces of a playlist end at the first key frame behind it."""

FRAGMENT_NS = 500 * NS_PER_MS
FRAGMENT_BYTES = 512 * 1024
FIRST_FRAGMENT_BYTES = 32 * 1024
"""The first fragment is small: a picture is shown when it has come."""

_LEARN_ITEMS = 48
"""How deep pictures are reordered shows in so many units and sounds."""

_LOOK_AHEAD_NS = (3600 * NS_PER_S, 24 * 3600 * NS_PER_S, 30 * 24 * 3600 * NS_PER_S, FOREVER_NS)
"""How far is looked for where footage goes on, step by step: the runs of years are many."""


class NoFootageError(BridgeError):
    """Nothing was recorded then. next_ns: where footage goes on; None: nowhere."""

    def __init__(self, next_ns: int | None) -> None:
        super().__init__("nothing was recorded then")
        self.next_ns = next_ns


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted of a recording: [from, until) in UTC nanoseconds, key frames or all, with or without sound."""

    from_ns: int
    until_ns: int
    keys_only: bool = False
    audio: bool = True


@dataclass(frozen=True, slots=True)
class Head:
    """What is in a piece. until_ns: where the next one begins; next_ns: where footage goes on; None: nowhere."""

    beginning: Beginning
    from_ns: int
    until_ns: int
    next_ns: int | None


class FootagePiece:
    """See the module. `pull` until it gives b"", `close` at any time, from any thread."""

    def __init__(self, library: Library, held: Held, asked: Asked) -> None:
        """Raises NoFootageError, UnplayableError, DatabaseUnusableError."""
        longest_ns = LONGEST_KEYS_NS if asked.keys_only else LONGEST_NS
        until_ns = min(asked.until_ns, asked.from_ns + longest_ns)
        self._lock = Lock()
        self._closed = False
        self._tells_init = True
        reading = library.reading(held, whole=True)
        try:
            self._outline(reading, asked, until_ns)
        except NoFootageError:
            raise NoFootageError(footage_from(library, held, until_ns)) from None
        finally:
            reading.close()
        self._reading = library.reading(held, tracks=lambda tracks: self._chosen, keys_only=asked.keys_only, whole=True)
        try:
            self._fragments = Fragments(self._tracks, self._chosen)
            items = self._reading.forward(asked.from_ns, self._until_ns)
            lead = self._fragments.lead
            early: list[AccessUnit] = []
            first = None
            for item in items:
                if isinstance(item, AccessUnit):
                    early.append(item)
                    if item.key and item.track == lead:
                        first = item
                        break
            if first is None:
                raise NoFootageError(footage_from(library, held, until_ns))
            self._data = self._all(first, early, items)
            self.head = Head(
                describe(self._tracks, self._chosen),
                first.utc_ns,
                self._until_ns,
                footage_from(library, held, self._until_ns),
            )
        except BaseException:
            self._reading.close()
            raise

    def _outline(self, reading: Reading, asked: Asked, until_ns: int) -> None:
        """Which tracks there are, and until when they are the same."""
        told: tuple[object, ...] = ()
        for stretch in reading.outline(asked.from_ns, until_ns):
            numbers = chosen(stretch.tracks, NAMES.values(), audio=asked.audio and not asked.keys_only)
            if not numbers and not told:
                continue  # parameter sets that were never told: nobody could decode it
            described = tuple((number, _described(stretch.tracks[number])) for number in sorted(numbers))
            if told and described != told:
                break
            if not told:
                told, self._tracks, self._chosen = described, stretch.tracks, numbers
            self._until_ns = min(stretch.until_ns, until_ns)
        if not told:
            raise NoFootageError(None)

    def skip_init(self) -> None:
        """Before the first `pull`: fragments alone."""
        self._tells_init = False

    def pull(self, size_bytes: int) -> bytes:
        """About so much more; b"" at the end. Footage that is deleted meanwhile ends it."""
        with self._lock:
            parts: list[bytes] = []
            size = 0
            while not self._closed and size < size_bytes and (data := next(self._data, b"")):
                parts.append(data)
                size += len(data)
            return b"".join(parts)

    def close(self) -> None:
        """Lets the files go, behind a `pull` that is under way."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._reading.close()

    def _all(self, first: AccessUnit, early: list[AccessUnit], items: Iterator[Item]) -> Iterator[bytes]:
        """early: what was read up to `first`, sound of its moment among it."""
        if self._tells_init:
            yield self.head.beginning.init
        ahead = [*(one for one in early if one is first or one.utc_ns >= first.utc_ns), *islice(items, _LEARN_ITEMS)]
        self._fragments.learn([one for one in ahead if isinstance(one, AccessUnit)])
        for item in chain(ahead, items):
            match item:
                case AccessUnit():
                    yield from self._fragments.add(item)
                case Gap() | Begin():
                    yield from self._fragments.end_run()
                case Edge():
                    break
        yield from self._fragments.end_run()


@dataclass(frozen=True, slots=True)
class Cut:
    """From a key frame until another one, or until the footage ends. tracks: equal where the same init segment fits."""

    from_ns: int
    until_ns: int
    tracks: tuple[object, ...]


def cuts(library: Library, held: Held, from_ns: int, until_ns: int) -> list[Cut]:
    """What was recorded of [from, until) in stretches of CUT_NS, at key frames. What no browser plays is left out.

    Raises DatabaseUnusableError.
    """
    found: list[Cut] = []
    reading = library.reading(held)
    try:
        for stretch in reading.outline(from_ns, until_ns):
            try:
                numbers = chosen(stretch.tracks, NAMES.values(), audio=True)
            except UnplayableError:
                continue
            tracks = tuple((number, _described(stretch.tracks[number])) for number in sorted(numbers))
            if not tracks or not stretch.keys_ns:
                continue
            last = found[-1] if found else None
            if last is not None and last.tracks == tracks and stretch.from_ns - last.until_ns < NS_PER_S:
                # The next segment of the same run, or a pause that is no gap.
                found[-1] = replace(last, until_ns=stretch.keys_ns[0])
            begins = [stretch.keys_ns[0]]
            for key in stretch.keys_ns:
                if key - begins[-1] >= CUT_NS:
                    begins.append(key)
            ends = [*begins[1:], min(stretch.until_ns, until_ns)]
            found += [Cut(*cut, tracks) for cut in zip(begins, ends, strict=True) if cut[0] < cut[1]]
    finally:
        reading.close()
    return found


def footage_from(library: Library, held: Held, from_ns: int) -> int | None:
    """When there is footage from then on: that instant itself, or a later one. Raises DatabaseUnusableError."""
    for ahead_ns in _LOOK_AHEAD_NS:
        found = library.coverage(held, from_ns, min(from_ns + ahead_ns, FOREVER_NS))
        if found:
            return max(from_ns, min(stretch.from_utc_ns for stretch in found))
    return None


@dataclass(slots=True)
class _Line:
    """Units of one track that wait for their fragment. last: the decode time before them."""

    track: Track
    track_id: int
    decode_times: DecodeTimes
    step: int
    last: int = -1
    units: list[AccessUnit] = field(default_factory=list)
    times: list[int] = field(default_factory=list)


class Fragments:
    """Units in decoding order -> fragments; each lasts FRAGMENT_NS, or FRAGMENT_BYTES, or up to the next key frame."""

    def __init__(self, tracks: tuple[Track, ...], numbers: frozenset[int]) -> None:
        self._lines = {
            number: _Line(track, number + 1, DecodeTimes(track), max(1, track.clock_rate // 50))
            for number, track in enumerate(tracks)
            if number in numbers
        }
        self.lead = min(numbers, key=lambda number: (tracks[number].medium.value != "video", number))
        self._sequence = 0
        self._begun_ns = 0
        self._size_bytes = 0
        self._limit_bytes = FIRST_FRAGMENT_BYTES

    def learn(self, units: Sequence[AccessUnit]) -> None:
        """The first units, before they are added: decode times are put off by the depth of their reordering."""
        line = self._lines[self.lead]
        times = [ns_to_ticks(unit.utc_ns, line.track.clock_rate) for unit in units if unit.track == self.lead]
        if times and line.track.codec.of_nal_units:
            scratch = DecodeTimes(line.track)
            scratch.assign(times)
            line.decode_times = DecodeTimes(line.track, scratch.depth)

    def add(self, unit: AccessUnit) -> Iterator[bytes]:
        """The next unit; what is complete by it."""
        line = self._lines.get(unit.track)
        if line is None:
            return
        time = ns_to_ticks(unit.utc_ns, line.track.clock_rate)
        if unit.track == self.lead and line.units:
            lasts_ns = unit.utc_ns - self._begun_ns
            if (
                (unit.key and not line.units[-1].key)
                or lasts_ns >= FRAGMENT_NS
                or self._size_bytes >= self._limit_bytes
            ):
                yield self._fragment(time)
        if not self._size_bytes:
            self._begun_ns = unit.utc_ns
        line.units.append(unit)
        line.times.append(time)
        self._size_bytes += unit.size_bytes

    def end_run(self) -> Iterator[bytes]:
        """What follows has nothing to do with what was."""
        if any(line.units for line in self._lines.values()):
            yield self._fragment(None)
        for line in self._lines.values():
            line.decode_times = DecodeTimes(line.track, line.decode_times.depth)

    def _fragment(self, next_time: int | None) -> bytes:
        """next_time: presentation time of the leading track's next unit; None: the run ends."""
        runs, pieces = [], []
        for number, line in self._lines.items():
            # The last sound waits for the one behind it, up to which it lasts: sound is dated by its arrival, which is
            # seldom even, and a hole of some milliseconds stops a browser.
            kept = 1 if number != self.lead and next_time is not None else 0
            if len(line.units) > kept:
                run, data = self._run(line, next_time if number == self.lead else None, kept)
                runs.append(run)
                pieces += data
        self._sequence += 1
        self._size_bytes, self._limit_bytes = 0, FRAGMENT_BYTES
        return b"".join((moof(self._sequence, runs), mdat_header(sum(map(len, pieces))), *pieces))

    @staticmethod
    def _run(line: _Line, next_time: int | None, kept: int) -> tuple[TrackRun, list[bytes]]:
        """kept: so many units stay for the next fragment."""
        count = len(line.units) - kept
        units, times, behind = line.units[:count], line.times[:count], line.times[count:]
        line.units, line.times = line.units[count:], behind[:]
        track = line.track
        if track.codec.of_nal_units:
            decode_times, durations = line.decode_times.assign(times, next_time, not_before=line.last + 1)
        else:
            decode_times = []
            for time in times:
                line.last = max(time, line.last + 1)
                decode_times.append(line.last)
            times = decode_times
            end = max(behind[0], decode_times[-1] + 1) if behind else decode_times[-1] + line.step
            following = [*decode_times[1:], end]
            durations = [after - before for before, after in zip(decode_times, following, strict=True)]
            line.step = durations[-2] if len(durations) > 1 else line.step
        line.last = decode_times[-1]
        data = [_sample(track, unit, time) for unit, time in zip(units, decode_times, strict=True)]
        return TrackRun(
            line.track_id,
            decode_times[0],
            durations,
            [len(one) for one in data],
            [KEY_FLAGS if unit.key else DELTA_FLAGS for unit in units],
            [time - decode for time, decode in zip(times, decode_times, strict=True)],
        ), data


def _sample(track: Track, unit: AccessUnit, time: int) -> bytes:
    if track.codec in (Codec.PCMU, Codec.PCMA):
        return flac.frame(track, unit.parts[0], time)
    return unit.parts[0]


def _described(track: Track) -> tuple[object, ...]:
    return track.codec, track.clock_rate, track.channels, track.config, track.parameter_sets, track.width, track.height
