"""A live stream -> the fragments that are written, and where its runs begin (docs/design/store.md, "Words").

A subscriber of a hub, on its thread: only what must be done for every unit is done here. Pure: times come with the
units and with `on_timeout`.

A fragment is open for half a second at most, and a quarter more where no unit comes to close it: that much, and what
waits for the disk, is lost when the process is killed.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bridge.base.media import AccessUnit, Track
from bridge.base.time import NS_PER_MS, NS_PER_S, MonotonicNs, ns_to_ticks
from bridge.media.camera_clock import CameraClock
from bridge.media.hub import Hub
from bridge.store.gaps import GAP_INTERVALS, SHORTEST_GAP_NS, is_gap

FRAGMENT_NS = 500 * NS_PER_MS

#: Without a unit that begins the next fragment, this one is closed after so long. A picture that comes a little late,
#: as pictures do, still finds it open.
FRAGMENT_TIMEOUT_NS = 750 * NS_PER_MS

#: A fragment that grows beyond this is closed at once, so that no stream holds more memory than this and one unit.
MAX_FRAGMENT_BYTES = 8 << 20

#: After this without a unit a segment is finished, not to lie open for as long as its camera is away.
IDLE_NS = 10 * NS_PER_S

#: Pictures are dated in presentation order, but for B-frames: those step back by a second at most (media/timeline), and
#: the line may have been pulled by as much meanwhile.
_REORDER_NS = 2 * NS_PER_S

_NEVER = 1 << 80
_INTERVALS = 9


@dataclass(frozen=True, slots=True)
class Fragment:
    """What one write brings to disk.

    sequence:        counts the fragments of one cutter: where a number is left out, something was lost
    units:           of all tracks, in the order of arrival; at least one
    next_media_time: of tracks whose next unit is known already, when that one is presented
    new_run:         what comes before it does not belong to it
    starts_with_key: its first unit of the leading track is a key frame
    camera_clock:    what the camera claims about its clock in this run; it goes on changing
    start_utc_ns, end_utc_ns: the first and the last capture
    closed_ns:       monotonic time: what waits since when
    """

    sequence: int
    tracks: tuple[Track, ...]
    lead: int
    units: tuple[AccessUnit, ...]
    next_media_time: Mapping[int, int]
    new_run: bool
    starts_with_key: bool
    camera_clock: CameraClock
    start_utc_ns: int
    end_utc_ns: int
    size_bytes: int
    closed_ns: int


class FragmentSink(Protocol):
    """Where fragments go. Called on the hub's thread."""

    def push(self, fragment: Fragment) -> None:
        """The next fragment."""

    def pause(self) -> None:
        """Nothing comes for now: what is open may be finished."""


@dataclass(slots=True)
class _Latest:
    """The latest unit of a track in presentation order."""

    media_time: int = -_NEVER
    utc_ns: int = 0


class Cutter:
    """See the module. Begins with the hub's current GOP, so that a recording does not wait for the next key frame."""

    def __init__(self, hub: Hub, sink: FragmentSink) -> None:
        self._hub = hub
        self._sink = sink
        self._statistics = hub.statistics
        self._sequence = 0
        self._paused = True
        self._last_arrived_ns = 0
        # Of the last run as well: a camera with a picture in ten seconds must not begin every connection with a gap.
        self._intervals: deque[int] = deque(maxlen=_INTERVALS)
        self._latest: list[_Latest] = []
        self._latest_utc_ns = 0
        self._new_run = True
        self._units: list[AccessUnit] = []
        self._starts_with_key: bool | None = None
        self._only_keys = True
        self._until_media_time = self._until_ns = _NEVER
        self._size_bytes = 0
        self._take_tracks()
        self._begin_run()
        for unit in hub.gop():
            self.on_access_unit(unit)
        hub.subscribe(self)

    def lead_to(self, sink: FragmentSink) -> None:
        """Fragments go there from now on; the next one is the next of those before."""
        self._sink = sink

    def end(self) -> None:
        """Closes what is open; nothing comes after it."""
        self._hub.unsubscribe(self)
        self._close(self._last_arrived_ns)
        self._sink.pause()

    @property
    def held_bytes(self) -> int:
        """Of the fragment that is open."""
        return self._size_bytes

    def on_access_unit(self, unit: AccessUnit) -> None:
        """The hub's next unit."""
        index, media_time, utc_ns, arrived_ns = unit.track, unit.media_time, unit.utc_ns, unit.arrived_ns
        if self._statistics.runs != self._run:
            self._close(arrived_ns)
            self._begin_run()
        latest = self._latest[index]
        before_ns = latest.utc_ns
        if media_time > latest.media_time:
            if utc_ns <= before_ns or utc_ns - self._latest_utc_ns > SHORTEST_GAP_NS:
                self._break(before_ns, utc_ns, arrived_ns)
            latest.media_time, latest.utc_ns = media_time, utc_ns
            if utc_ns > self._latest_utc_ns:
                self._latest_utc_ns = utc_ns
        elif utc_ns < before_ns - _REORDER_NS:
            self._break(before_ns, utc_ns, arrived_ns)
        if index == self._lead:
            if 0 < before_ns < utc_ns:
                self._intervals.append(utc_ns - before_ns)
            key = unit.key
            if (
                media_time >= self._until_media_time
                or arrived_ns >= self._until_ns
                # Where every unit is one, key frames tell nothing: audio, and cameras that send nothing else.
                or (key and not self._only_keys)
            ):
                self._close(arrived_ns, {index: media_time})
            if self._starts_with_key is None:
                self._starts_with_key = key
                self._until_media_time = media_time + self._fragment_ticks
            if not key:
                self._only_keys = False
        if not self._units:
            self._until_ns = arrived_ns + FRAGMENT_NS
        self._units.append(unit)
        self._size_bytes += unit.size_bytes
        if self._size_bytes > MAX_FRAGMENT_BYTES:
            self._close(arrived_ns)
        self._last_arrived_ns = arrived_ns

    def on_tracks(self, tracks: tuple[Track, ...]) -> None:
        """The units from here on are of these tracks."""
        self._close(self._last_arrived_ns)
        self._take_tracks()

    def on_timeout(self, now: MonotonicNs) -> None:
        """To be called every 100 ms or so: closes what no unit closes."""
        if self._units:
            if now - self._until_ns >= FRAGMENT_TIMEOUT_NS - FRAGMENT_NS or not self._hub.running:
                self._close(now)
        elif not self._paused:
            silent_ns = now - self._last_arrived_ns
            if not self._hub.running or silent_ns > max(IDLE_NS, GAP_INTERVALS * self._usual_ns()):
                self._paused = True
                self._sink.pause()

    def _take_tracks(self) -> None:
        self._tracks = self._hub.tracks
        self._lead = self._hub.lead
        if len(self._latest) != len(self._tracks):
            self._latest = [_Latest() for _ in self._tracks]
        lead = self._tracks[self._lead] if self._tracks else None
        self._fragment_ticks = ns_to_ticks(FRAGMENT_NS, lead.clock_rate) if lead else 0

    def _begin_run(self) -> None:
        self._run = self._statistics.runs
        clocks = self._hub.camera_clocks
        self._camera_clock = clocks[self._hub.lead] if clocks else CameraClock()
        self._forget()

    def _forget(self) -> None:
        """What comes next is not measured by what came before."""
        self._new_run = True
        self._latest_utc_ns = 0
        for latest in self._latest:
            latest.media_time, latest.utc_ns = -_NEVER, 0

    def _break(self, latest_utc_ns: int, utc_ns: int, now: int) -> None:
        """A gap, should it be one; or the host's clock was set back."""
        if not self._latest_utc_ns:
            return  # the first of its run
        if utc_ns > latest_utc_ns and not is_gap(utc_ns - self._latest_utc_ns, self._usual_ns()):
            return
        self._close(now)
        self._forget()

    def _usual_ns(self) -> int:
        """The median of the last intervals, B-frames left out: a gap among them does not move it; 0: not known."""
        return sorted(self._intervals)[len(self._intervals) // 2] if self._intervals else 0

    def _reset(self) -> None:
        self._units = []
        self._size_bytes = 0
        self._starts_with_key = None
        self._only_keys = True
        self._until_media_time = self._until_ns = _NEVER

    def _close(self, now: int, next_media_time: Mapping[int, int] | None = None) -> None:
        units = self._units
        if not units:
            return
        captures = [unit.utc_ns for unit in units]
        self._sequence += 1
        fragment = Fragment(
            self._sequence,
            self._tracks,
            self._lead,
            tuple(units),
            next_media_time or {},
            self._new_run,
            bool(self._starts_with_key),
            self._camera_clock,
            min(captures),
            max(captures),
            self._size_bytes,
            now,
        )
        self._new_run = self._paused = False
        self._reset()
        self._sink.push(fragment)
