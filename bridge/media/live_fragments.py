"""Live video as browsers take it: each access unit one fragment of MP4, made once for all who watch a stream.

A `LiveFragments` follows a hub while somebody watches. What a viewer gets is chosen by track, so one set of fragments
serves those with sound and those without. Nothing is made of a unit before somebody wants it. A viewer begins with the
cached GOP; who does not read loses whole GOPs (`outbox`). New tracks or parameter sets are a new beginning for all, at
the key frame that follows. docs/design/web.md, "Live".
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.base.media import AccessUnit, Codec, Medium, Track
from bridge.base.time import NS_PER_S
from bridge.media.fanout import Fanout, InterleavedLane
from bridge.media.fragment_track import Fragment, FragmentTrack
from bridge.media.hub import Hub
from bridge.media.outbox import Allowance, Flow
from bridge.media.routes import Interleaved, MediaWriter
from bridge.media.rtp_track import FAST_START_MAX_BYTES, same_format
from bridge.wire.mp4.codecs import codecs_string
from bridge.wire.mp4.init import init_for_browsers

CLOCK_PERIOD_NS = 10 * NS_PER_S

NAMES = {
    Codec.H264: "h264",
    Codec.H265: "h265",
    Codec.AAC: "aac",
    Codec.OPUS: "opus",
    Codec.PCMU: "flac",
    Codec.PCMA: "flac",
}
"""What browsers call that which they get of a codec; codecs that no browser plays in MP4 are not here."""

_START_NS = 10 * NS_PER_S
"""Where the time of the fragments begins: room for decode times before the first picture."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a player must know before the first fragment.

    init:     `ftyp` and `moov`
    tracks:   names of what is in it; left_out: of the other codecs that the camera sends, SDP's names
    """

    init: bytes
    mime: str
    width: int
    height: int
    tracks: tuple[str, ...]
    left_out: tuple[str, ...]


class UnplayableError(Exception):
    """A client can decode nothing of a stream's video. The text is for people."""


class Watcher(Protocol):
    """Whom a viewer of a stream serves. No call may raise."""

    def on_beginning(self, beginning: Beginning) -> None:
        """What comes from now on is described by this, and begins with a key frame."""

    def on_clock(self, time_ns: int, utc_ns: int) -> None:
        """What was captured at `utc_ns` has the time `time_ns` in the fragments."""

    def on_unplayable(self, reason: str) -> None:
        """The tracks are such that it can decode nothing; the viewer is stopped."""


class Tap(Protocol):
    """Who takes fragments one by one: the video that browsers play, and its sound where `audio` says so."""

    @property
    def audio(self) -> bool:
        """Never another one."""

    def on_beginning(self, beginning: Beginning) -> None:
        """As a Watcher's."""

    def on_fragment(self, fragment: Fragment) -> None:
        """The next one; the first is a key frame."""


def chosen(tracks: Sequence[Track], can: Collection[str], *, audio: bool) -> frozenset[int]:
    """Which of the tracks a client gets: one of video, one of sound; none while it is not known what is in them.

    can: of NAMES' values. Raises UnplayableError when there is video and it cannot be decoded.
    """
    found = set()
    for medium in (Medium.VIDEO, Medium.AUDIO) if audio else (Medium.VIDEO,):
        mine = [number for number, track in enumerate(tracks) if track.medium is medium]
        able = [number for number in mine if NAMES.get(tracks[number].codec) in can]
        if mine and not able and medium is Medium.VIDEO:
            raise UnplayableError(f"the video is {tracks[mine[0]].codec}, which this client cannot decode")
        if able:
            if codecs_string(tracks[able[0]]) is None:
                return frozenset()  # its parameter sets come with the first key frame
            found.add(able[0])
    return frozenset(found)


class LiveFragments:
    """See the module. `close` when nobody watches any more."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._tracks: tuple[Track, ...] = ()
        self._lines: list[FragmentTrack] = []
        self._fanouts: list[Fanout] = []
        self._beginnings: dict[frozenset[int], Beginning] = {}
        self._gop: list[Fragment] = []
        self._gop_bytes = 0
        self._gop_before_bytes = 0
        self._started = False
        self._allowance = Allowance()
        self._viewers: dict[FragmentViewer, None] = {}
        self._taps: dict[Tap, frozenset[int]] = {}
        # Of the leading track's latest unit: when it was captured, and its time in the fragments.
        self._anchor: tuple[int, int] | None = None
        self._clock_due_ns = 0
        self._sequence = 0
        self._begin(hub.tracks)
        gop = hub.gop()
        if gop:
            anchor = gop[0].utc_ns, _START_NS
            self._lines[hub.lead].prime([unit for unit in gop if unit.track == hub.lead], anchor)
        for unit in gop:
            self.on_access_unit(unit)
        hub.subscribe(self)

    def __len__(self) -> int:
        return len(self._viewers) + len(self._taps)

    @property
    def made(self) -> int:
        """Units that became fragments so far."""
        return self._sequence

    @property
    def viewers(self) -> int:
        """Who watches by a writer of his own."""
        return len(self._viewers)

    @property
    def dropped_units(self) -> int:
        """What those who watch now have lost."""
        return sum(viewer.flow.dropped_units for viewer in self._viewers)

    def close(self) -> None:
        """Leaves the hub."""
        self._hub.unsubscribe(self)

    # --- From the hub ------------------------------------------------------------------------------------------------

    def on_tracks(self, tracks: tuple[Track, ...]) -> None:
        """The same parameter sets from another connection are no news."""
        if list(map(_described, tracks)) == list(map(_described, self._tracks)):
            return
        self._begin(tracks)
        for viewer in tuple(self._viewers):
            viewer.begin_anew()
        for tap in tuple(self._taps):
            self._taps[tap] = frozenset()

    def _begin(self, tracks: tuple[Track, ...]) -> None:
        lines = []
        for number, track in enumerate(tracks):
            line = self._lines[number] if number < len(self._lines) else None
            if line is None or not same_format(line.track, track):
                line = FragmentTrack(track, number + 1)
            line.describe(track)
            lines.append(line)
        self._tracks, self._lines = tracks, lines
        self._fanouts = [Fanout() for _ in tracks]
        self._beginnings.clear()
        self._gop, self._gop_bytes, self._started = [], 0, False

    def on_access_unit(self, unit: AccessUnit) -> None:
        """The next one."""
        number = unit.track
        line = self._lines[number]
        if not line.playable:
            return
        lead = number == self._hub.lead
        anchor = self._anchor
        if anchor is None:
            anchor = unit.utc_ns, _START_NS
        self._sequence += 1
        fragment = line.take(unit, self._sequence, anchor)
        if lead:
            self._anchor = unit.utc_ns, line.time_ns(fragment)
            if unit.key:
                self._start_gop()
            if unit.arrived_ns >= self._clock_due_ns:
                self._tell_clock(unit.arrived_ns)
        elif not self._started:
            return  # nothing begins without a key frame
        if (unit.key and lead) or self._gop:
            self._gop.append(fragment)
            self._gop_bytes += unit.size_bytes
            if self._gop_bytes > FAST_START_MAX_BYTES:
                self._gop = []
            elif self._gop_bytes > self._gop_before_bytes:
                self._allowance.adjust(self._gop_bytes)
        fanout = self._fanouts[number]
        if fanout:
            fanout.send(fragment)
        for tap, tracks in self._taps.items():
            if number in tracks:
                tap.on_fragment(fragment)

    def _start_gop(self) -> None:
        self._gop_before_bytes, self._gop_bytes = self._gop_bytes, 0
        self._gop, self._started = [], True
        self._allowance.adjust(self._gop_before_bytes)
        for viewer in tuple(self._viewers):
            viewer.admit()
        for tap, tracks in tuple(self._taps.items()):
            if not tracks:
                self._begin_tap(tap)

    def _tell_clock(self, now_ns: int) -> None:
        self._clock_due_ns = now_ns + CLOCK_PERIOD_NS
        if self._anchor is not None:
            for viewer in tuple(self._viewers):
                viewer.tell_clock(*self._anchor)

    # --- Who watches -------------------------------------------------------------------------------------------------

    def watch(self, writer: MediaWriter, watcher: Watcher, can: Collection[str], *, audio: bool) -> "FragmentViewer":
        """A viewer from now on, at the cached GOP where there is one."""
        viewer = FragmentViewer(self, writer, watcher, can, Flow(self._allowance), audio=audio)
        self._viewers[viewer] = None
        viewer.begin_anew()
        return viewer

    def tap(self, tap: Tap) -> None:
        """The same for one who takes fragments as they are."""
        self._taps[tap] = frozenset()
        if self._gop:
            tracks = self._begin_tap(tap)
            for fragment in self._gop:
                if fragment.track in tracks:
                    tap.on_fragment(fragment)

    def untap(self, tap: Tap) -> None:
        """No more."""
        self._taps.pop(tap, None)

    def _begin_tap(self, tap: Tap) -> frozenset[int]:
        try:
            tracks = chosen(self._tracks, NAMES.values(), audio=tap.audio)
        except UnplayableError:
            return frozenset()
        if tracks:
            self._taps[tap] = tracks
            tap.on_beginning(self.beginning(tracks))
        return tracks

    def beginning(self, numbers: frozenset[int]) -> Beginning:
        """What a player of these tracks must know; made once."""
        found = self._beginnings.get(numbers)
        if found is None:
            found = self._beginnings[numbers] = describe(self._tracks, numbers)
        return found

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The hub's, as far as they are told."""
        return self._tracks

    @property
    def gop(self) -> Sequence[Fragment]:
        """The fragments since the latest key frame, that one first; () where there is no start."""
        return self._gop

    @property
    def anchor(self) -> tuple[int, int] | None:
        """(utc_ns, time_ns) of the latest picture."""
        return self._anchor

    def fanout(self, number: int) -> Fanout:
        """Of a track."""
        return self._fanouts[number]

    def forget(self, viewer: "FragmentViewer") -> None:
        """From the viewer."""
        self._viewers.pop(viewer, None)


class FragmentViewer:
    """One who watches by a writer; made by `LiveFragments.watch`."""

    def __init__(
        self,
        stream: LiveFragments,
        writer: MediaWriter,
        watcher: Watcher,
        can: Collection[str],
        flow: Flow,
        *,
        audio: bool,
    ) -> None:
        self.flow = flow
        self._stream = stream
        self._writer = writer
        self._watcher = watcher
        self._can = can
        self._audio = audio
        self._lanes: list[tuple[Fanout, InterleavedLane]] = []
        self._waiting = True
        self._begun = False
        self._stopped = False
        writer.attach(self._on_blocked)

    def begin_anew(self) -> None:
        """At the cached GOP, else at the key frame that comes."""
        self._leave()
        self._waiting = True
        self._begun = False
        gop = tuple(self._stream.gop)
        numbers = self._choose()
        if gop and numbers:
            lanes = self._start(numbers)
            for fragment in gop:
                if fragment.track in lanes:
                    lanes[fragment.track].deliver(fragment)
            self._join(lanes)

    def admit(self) -> None:
        """A key frame is about to be sent: who waits begins with it."""
        if self._waiting and not self._stopped and (numbers := self._choose()):
            self._join(self._start(numbers))

    def tell_clock(self, utc_ns: int, time_ns: int) -> None:
        """What the times mean, once they have begun."""
        if self._begun:
            self._watcher.on_clock(time_ns, utc_ns)

    def stop(self) -> None:
        """The end; what waits in the writer is let go. May be called again."""
        if not self._stopped:
            self._stopped = True
            self._leave()
            self._writer.detach(self._on_blocked)
            self._writer.forget(self.flow)
            self._stream.forget(self)

    def _choose(self) -> frozenset[int]:
        """Which tracks he gets; none when that is not known yet, or when he can play nothing."""
        try:
            return chosen(self._stream.tracks, self._can, audio=self._audio)
        except UnplayableError as error:
            self.stop()
            self._watcher.on_unplayable(str(error))
            return frozenset()

    def _start(self, numbers: frozenset[int]) -> dict[int, InterleavedLane]:
        """Tells what comes."""
        self._watcher.on_beginning(self._stream.beginning(numbers))
        self._begun = True
        if self._stream.anchor is not None:
            self.tell_clock(*self._stream.anchor)
        tracks = self._stream.tracks
        video = [number for number in numbers if tracks[number].medium is Medium.VIDEO]
        resumes = video[0] if video else min(numbers)
        route = Interleaved(self._writer, 0, 0)
        return {number: InterleavedLane(route, self.flow, resumes=number == resumes) for number in sorted(numbers)}

    def _join(self, lanes: dict[int, InterleavedLane]) -> None:
        self._waiting = False
        for number, lane in lanes.items():
            fanout = self._stream.fanout(number)
            self._lanes.append((fanout, lane))
            fanout.add(lane)

    def _leave(self) -> None:
        for fanout, lane in self._lanes:
            fanout.remove(lane)
        self._lanes = []

    def _on_blocked(self) -> None:
        for fanout, lane in self._lanes:
            fanout.block(lane)


def describe(tracks: Sequence[Track], numbers: Collection[int]) -> Beginning:
    """Of those of the tracks; each has the id that is its number and one."""
    mine = {number + 1: tracks[number] for number in sorted(numbers)}
    codecs = ",".join(text for track in mine.values() if (text := codecs_string(track)) is not None)
    video = next((track for track in mine.values() if track.medium is Medium.VIDEO), None)
    kind = "video" if video is not None else "audio"
    return Beginning(
        init_for_browsers(mine),
        f'{kind}/mp4; codecs="{codecs}"',
        video.width if video else 0,
        video.height if video else 0,
        tuple(NAMES[track.codec] for track in mine.values()),
        tuple(str(track.codec) for track in tracks if track.medium is not Medium.METADATA and track.codec not in NAMES),
    )


def _described(track: Track) -> tuple[object, ...]:
    """What an init segment tells of it."""
    return track.codec, track.clock_rate, track.channels, track.config, track.parameter_sets, track.width, track.height
