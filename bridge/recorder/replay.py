"""Footage as ONVIF replays it: access units of a recording in the order and with the flags that a PLAY asks for.

ONVIF Streaming Specification, "Replay": where play begins, which frames are sent, in what order, and what the header
extension says of each (bridge/wire/replay_header.py). Pace, packets and the dialogue are left to services/rtsp.
"""

import enum
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace

from bridge.base.errors import BridgeError
from bridge.base.media import AccessUnit, Codec, Medium, Track
from bridge.base.time import NS_PER_MS, NS_PER_S, format_utc
from bridge.base.tokens import track_tokens
from bridge.recorder.library import Held, Library
from bridge.recorder.replay_marks import Marked, Marks, ReplayUnit
from bridge.recorder.replay_range import REORDERED, Beyond
from bridge.store.format import lead_of
from bridge.store.pieces import FOREVER_NS
from bridge.store.reader import Begin, Broken, Edge, Gap, Reading
from bridge.wire.h264 import nal as h264
from bridge.wire.h265 import nal as h265

__all__ = ["Frames", "NothingThereError", "Replay", "ReplayItem", "ReplayOrder", "ReplayUnit"]

ReplayItem = Begin | ReplayUnit | Edge

#: Key frames that are asked for further apart than a day come once a day: a pull is not to look for long.
LONGEST_INTRA_MS = 24 * 3600 * 1000

#: Who asks for this moment is given the newest footage, though its last pictures are not written yet and his clock may
#: be ahead of ours; what is asked for beyond that does not exist.
AHEAD_NS = 10 * NS_PER_S


class Frames(enum.Enum):
    """Which pictures are wanted: all, those that others may refer to (I and P), or key frames alone (I).

    With key frames alone nothing of the other tracks is sent, unless no video was set up.
    """

    ALL = "all"
    PREDICTED = "predicted"
    INTRA = "intra"


class NothingThereError(BridgeError):
    """There is no footage where play should begin, nor on the side that it would go to (RTSP: 457)."""


@dataclass(frozen=True, slots=True)
class ReplayOrder:
    """What a PLAY asks for. Times are UTC nanoseconds.

    from_ns:  where play begins; None: forwards where the footage begins, in reverse where it ends
    until_ns: where it ends; None: where the footage ends in that direction, and forwards on with it as it grows.
              Forwards the times are [from, until), in reverse `from_ns` is the later one
    intra_ms: of key frames, the least distance of two on the recording's time line, whatever the speed; at most
              LONGEST_INTRA_MS
    tracks:   numbers (in `Held.tracks`) of those that were set up; None: all
    """

    from_ns: int | None
    until_ns: int | None
    reverse: bool = False
    frames: Frames = Frames.ALL
    intra_ms: int = 0
    tracks: frozenset[int] | None = None

    def has(self, track: int) -> bool:
        """Whether the track was set up."""
        return self.tracks is None or track in self.tracks


class Replay:
    """One order, played. Blocks for disk and database: in the reader pool; one thread at a time.

    It is as fast as its reader, and holds what a `Reading` and `Marks` hold.
    """

    def __init__(self, library: Library, held: Held, order: ReplayOrder) -> None:
        self._library = library
        self._held = held
        self._order = order
        self._layout = _Layout(held.tracks, order)
        self._picks = _Picks(order)
        self._keys_only = self._layout.keys_only
        self._marks = Marks()
        self._reading: Reading | None = None
        self._sent = False
        """Whether a unit was handed out, or waits for its flags."""
        self._stopped = False
        """Whether nothing was being written when the end was reached."""

    def items(self) -> Iterator[ReplayItem]:
        """To be called once.

        `Begin` comes first and when tracks or run change; its tracks stand as in `Held.tracks`. `Edge` says that all
        was handed out that is there by now: pull again later, the recording may go on. It ends when the order is played
        out; without `until_ns` forwards never, as a recording that stopped may be resumed. The first pull raises
        NothingThereError; all raise DatabaseUnusableError.
        """
        order, forwards = self._order, not self._order.reverse
        begin_ns, end_ns = (order.from_ns, order.until_ns) if forwards else (order.until_ns, order.from_ns)
        if begin_ns is not None and end_ns is not None and (begin_ns > end_ns or (begin_ns == end_ns and forwards)):
            raise NothingThereError(
                f"the range from {_said(order.from_ns)} to {_said(order.until_ns)} is empty, or runs against the scale"
            )
        if forwards and begin_ns is not None:
            edge_ns = self._library.edge_ns(self._held)
            if edge_ns is not None and begin_ns > edge_ns + AHEAD_NS:
                raise NothingThereError(f"{_said(begin_ns)} has not come yet")
        if not self._layout.has_any:
            raise NothingThereError("none of the tracks that were set up is replayed: sound is not in reverse")
        reading = self._reading = self._library.reading(
            self._held,
            tracks=self._layout.choose,
            keys_only=self._keys_only,
            apart_ns=min(order.intra_ms, LONGEST_INTRA_MS) * NS_PER_MS,
            follow=forwards,
        )
        begin: Begin | None = None
        for item in self._forward(reading) if forwards else self._backward(reading):
            if isinstance(item, Begin) and not self._sent:
                begin = item  # it is not known yet whether something follows
                continue
            if begin is not None:
                yield begin
                begin = None
            yield item

    def close(self) -> None:
        """Closes the files that are open. Not while another thread pulls."""
        if self._reading is not None:
            self._reading.close()

    # --- Forwards ----------------------------------------------------------------------------------------------------

    def _forward(self, reading: Reading) -> Iterator[ReplayItem]:
        """Reads on behind the end of the range, as far as it takes to know whether the section goes on there."""
        marks, layout = self._marks, self._layout
        until_ns = FOREVER_NS if self._order.until_ns is None else self._order.until_ns
        beyond = Beyond(until_ns, 0 if self._keys_only else REORDERED)
        for item in reading.forward(_within(self._order.from_ns, 0)):
            match item:
                case AccessUnit():
                    self._stopped = False
                    if (yield from self._forward_unit(item, beyond)):
                        break
                case Begin():
                    begin = layout.begin(item)
                    yield from marks.goes_on(layout.tracks_gone)
                    yield from marks.begin(begin)
                case Gap() | Broken():
                    yield from self._settle(beyond)
                    marks.end()
                    if isinstance(item, Gap) and item.until_ns >= until_ns:
                        break
                case Edge():
                    if (yield from self._edge(item, beyond)):
                        break
        yield from self._settle(beyond)
        yield from marks.flush()
        self._raise_if_nothing()

    def _forward_unit(self, item: AccessUnit, beyond: Beyond) -> Generator[ReplayItem, None, bool]:
        """Returns whether the range is played out."""
        track = self._layout.place(item)
        if track is not None and self._picks.wants(item, self._layout):
            for unit in beyond.add(self._layout.placed(item, track)):
                yield from self._add(unit)
        return beyond.is_all(self._layout.lead_here, item.utc_ns)

    def _settle(self, beyond: Beyond) -> Iterator[ReplayItem]:
        units, tracks = beyond.settle()
        for unit in units:
            yield from self._add(unit)
        yield from self._marks.goes_on(tracks)

    def _edge(self, edge: Edge, beyond: Beyond) -> Generator[ReplayItem, None, bool]:
        """All is read that is there by now. Returns whether the order is played out."""
        if self._library.growing(self._held):
            yield from self._marks.flush()
        elif not self._stopped:
            # Once more: it may have been written to between the looking and the asking.
            self._stopped = True
            return False
        else:
            yield from self._settle(beyond)
            self._marks.end(terminal=True)
            yield from self._marks.flush()
            self._raise_if_nothing()
            if self._order.until_ns is not None or self._held.row.ended_utc_ns is not None:
                return True
        yield edge
        return False

    # --- Backwards ---------------------------------------------------------------------------------------------------

    def _backward(self, reading: Reading) -> Iterator[ReplayItem]:
        """Reads on before the end of the range, as far as it takes to know whether the section goes on there."""
        marks, layout = self._marks, self._layout
        until_ns = 0 if self._order.until_ns is None else self._order.until_ns
        from_ns = _within(self._order.from_ns, FOREVER_NS - 1)
        latest_ns = reading.latest_ns(from_ns)
        if latest_ns is not None and latest_ns <= until_ns:
            self._raise_if_nothing()
        key_ns: int | None = None  # of the GOP that is being sent
        for item in reading.backward(from_ns):
            match item:
                case AccessUnit():
                    track = layout.place(item)
                    if layout.leads(item) and item.key:
                        if key_ns is not None and self._is_last(key_ns, item.utc_ns, until_ns):
                            break
                        key_ns = item.utc_ns
                        marks.jump()
                    if track is not None and self._picks.wants(item, layout):
                        yield from self._add(layout.placed(item, track))
                case Begin():
                    yield from marks.begin(layout.begin(item))
                case Gap(begins_ns, _):
                    marks.end()
                    if begins_ns <= until_ns:
                        break
                case Broken():
                    marks.end()
        else:
            marks.end(terminal=True)
        yield from marks.flush()
        self._raise_if_nothing()

    def _is_last(self, key_ns: int, before_ns: int, until_ns: int) -> bool:
        """Whether the GOP of `key_ns` ends the range, so that the one before it, of `before_ns`, is not wanted."""
        # A key frame alone is wanted for itself, not for what it is needed for.
        return before_ns < until_ns if self._keys_only else key_ns <= until_ns

    # --- Both --------------------------------------------------------------------------------------------------------

    def _add(self, unit: AccessUnit) -> Iterator[Marked]:
        self._sent = True
        return self._marks.add(unit)

    def _raise_if_nothing(self) -> None:
        if not self._sent:
            which = "before" if self._order.reverse else "from"
            raise NothingThereError(f"there is no footage {which} {_said(self._order.from_ns)} that could be replayed")


class _Layout:
    """Brings the tracks of old footage to the places that they have in `Held.tracks`.

    A track is told by its token (its medium and which of that medium it is): codecs may have changed, and tracks have
    come and gone.
    """

    def __init__(self, tracks: tuple[Track, ...], order: ReplayOrder) -> None:
        self._tracks = tracks
        self._tokens = track_tokens(track.medium for track in tracks)
        self._order = order
        self.keys_only = order.frames is Frames.INTRA and (
            not tracks or any(track.medium is Medium.VIDEO for number, track in enumerate(tracks) if order.has(number))
        )
        """Whether key frames alone are sent, and nothing else."""
        self._here: tuple[Track, ...] = ()
        self._places: list[int | None] = []
        self._lead = 0
        self._wanted_here: frozenset[int] = frozenset()
        self.tracks_gone: frozenset[int] = frozenset()
        """Wanted ones that were in the stretch before and are not in this one, by place."""

    @property
    def has_any(self) -> bool:
        """Whether something is wanted, as far as that is known."""
        return not self._tracks or any(self._is_wanted(number, track) for number, track in enumerate(self._tracks))

    def choose(self, tracks: tuple[Track, ...]) -> frozenset[int]:
        """Which tracks of a stretch are to be read. Backwards also the one that GOPs are counted by."""
        places = self._places_of(tracks)
        chosen = {number for number, place in enumerate(places) if place is not None}
        return frozenset(chosen | {lead_of(tracks)} if self._order.reverse else chosen)

    def begin(self, begin: Begin) -> Begin:
        """What follows is of these tracks; the same with tracks in their places."""
        self._here, self._lead = begin.tracks, begin.lead
        self._places = self._places_of(begin.tracks)
        before = self._wanted_here
        self._wanted_here = frozenset(place for place in self._places if place is not None)
        self.tracks_gone = before - self._wanted_here
        if not self._tracks:
            return begin
        placed = list(self._tracks)
        for track, place in zip(begin.tracks, self._places, strict=True):
            if place is not None:
                placed[place] = track
        return Begin(tuple(placed), lead_of(placed), begin.run)

    @property
    def lead_here(self) -> int | None:
        """Where the track that GOPs are counted by stands; None: it is not wanted."""
        return self._places[self._lead]

    def place(self, unit: AccessUnit) -> int | None:
        """The number of its track in `Held.tracks`; None: it is not wanted."""
        return self._places[unit.track]

    def placed(self, unit: AccessUnit, track: int) -> AccessUnit:
        """The unit with that number."""
        return unit if unit.track == track else replace(unit, track=track)

    def leads(self, unit: AccessUnit) -> bool:
        """Whether GOPs are counted by its track."""
        return unit.track == self._lead

    def track(self, unit: AccessUnit) -> Track:
        """Its track, as it is in this stretch."""
        return self._here[unit.track]

    def _places_of(self, tracks: Sequence[Track]) -> list[int | None]:
        tokens = track_tokens(track.medium for track in tracks)
        known = self._tokens or tokens
        places = [known.index(token) if token in known else None for token in tokens]
        return [
            place if place is not None and self._is_wanted(place, track) else None
            for track, place in zip(tracks, places, strict=True)
        ]

    def _is_wanted(self, place: int, track: Track) -> bool:
        if track.medium is Medium.AUDIO and self._order.reverse:
            return False
        if track.medium is not Medium.VIDEO and self.keys_only:
            return False
        return self._order.has(place)


class _Picks:
    """Which units of those that were read are sent."""

    def __init__(self, order: ReplayOrder) -> None:
        self._predicted = order.frames is Frames.PREDICTED
        self._track: Track | None = None
        self._is_reference: Callable[[Sequence[bytes]], bool] = h264.is_reference

    def wants(self, unit: AccessUnit, layout: _Layout) -> bool:
        """Whether the unit is one."""
        if not self._predicted or unit.key:
            return True
        track = layout.track(unit)
        if track.medium is not Medium.VIDEO:
            return True
        if track is not self._track:
            self._track, self._is_reference = track, _reference_rule(track)
        return self._is_reference(unit.parts)


def _reference_rule(track: Track) -> Callable[[Sequence[bytes]], bool]:
    if track.codec is Codec.H265:
        layers = h265.sub_layers(track.parameter_sets)
        return lambda parts: h265.is_reference(parts, layers)
    return h264.is_reference


def _within(utc_ns: int | None, default: int) -> int:
    return default if utc_ns is None else min(max(utc_ns, 0), FOREVER_NS - 1)


def _said(utc_ns: int | None) -> str:
    return format_utc(utc_ns) if utc_ns is not None else "the end"
