"""One stream's live hub: its one timeline, its current GOP and its subscribers. It outlives the camera's connections.

Everything happens on the thread of whoever pushes (the reactor's). NAL units pass as they came, damaged ones as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from bridge.base.errors import LocalProtocolError
from bridge.base.media import AccessUnit, Medium, Track
from bridge.base.time import NS_PER_S, Clock, MonotonicNs
from bridge.media.camera_clock import CameraClock
from bridge.media.gop_cache import GopCache
from bridge.media.stream_meter import StreamMeter, StreamStatistics
from bridge.media.timeline import Dated, Timeline
from bridge.media.wall import WallOffset
from bridge.wire.payload import complete_track, learn

T = TypeVar("T")

__all__ = ["Hub", "Run", "StreamStatistics", "Subscriber"]

#: How often our wall clock is compared with the monotonic one.
_WALL_PERIOD_NS = 1 * NS_PER_S


PushUnit = Callable[[int, int, tuple[bytes, ...], bool, bool, MonotonicNs], object]
"""push(track, media_time, parts, key, damaged, arrived_ns); media_time is the camera's own, unwrapped to 64 bits."""


class Subscriber(Protocol):
    """Anyone who wants every access unit of a stream."""

    def on_access_unit(self, unit: AccessUnit) -> None:
        """A unit arrived. Called on the reactor's thread; must not block or raise."""

    def on_tracks(self, tracks: tuple[Track, ...]) -> None:
        """The tracks changed (first connection, other codec or size, new parameter sets)."""


def _ignore(subscriber: Subscriber, error: Exception) -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class _Line:
    """One track of the present run."""

    track: Track
    video: bool
    lead: bool
    date: Callable[[int, int], Dated]
    camera_clock: CameraClock


class Hub:
    """See the module. Subscribers are called in the order in which they came."""

    def __init__(
        self, name: str, clock: Clock, *, on_failure: Callable[[Subscriber, Exception], object] = _ignore
    ) -> None:
        """
        name:       `<camera>/<stream>`, for logs and metrics
        on_failure: told of a subscriber that raised; it has been removed, the others go on
        """
        self.name = name
        self.tracks: tuple[Track, ...] = ()
        self.camera_clocks: tuple[CameraClock, ...] = ()
        self._clock = clock
        self._on_failure = on_failure
        self._timeline = Timeline()
        self._wall = WallOffset(clock)
        self._wall_due_ns = 0
        self._meter = StreamMeter()
        self._cache = GopCache()
        self._latest_key: AccessUnit | None = None
        self._run: Run | None = None
        self._lines: list[_Line] = []
        self._lead = 0
        self._waits_for_key = False
        self._subscribers: tuple[Subscriber, ...] = ()

    @property
    def statistics(self) -> StreamStatistics:
        """What was measured over the last seconds that the camera sent."""
        return self._meter.statistics

    @property
    def running(self) -> bool:
        """Whether a camera connection delivers at present."""
        return self._run is not None

    @property
    def discontinuities(self) -> int:
        """How often a clock of the camera froze, jumped or was reset, since the hub began."""
        return self._timeline.discontinuities

    @property
    def lead(self) -> int:
        """The track that GOPs are counted by: the first video track, else track 0."""
        return self._lead

    def begin_run(self, tracks: Sequence[Track]) -> "Run":
        """A camera connection starts to deliver; ends the run before."""
        if self._run is not None:
            self._run.end()
        described = tuple(self._describe(index, track) for index, track in enumerate(tracks))
        now = self._clock.monotonic_ns()
        self._timeline.begin_run(described, now)
        video = [track.medium is Medium.VIDEO for track in described]
        self._lead = video.index(True) if True in video else 0
        self._lines = [
            _Line(track, video[index], index == self._lead, self._timeline.tracks[index].date, CameraClock())
            for index, track in enumerate(described)
        ]
        self.camera_clocks = tuple(line.camera_clock for line in self._lines)
        # Without its key frame a GOP's rest shows nothing but damage; most cameras begin with one anyway.
        self._waits_for_key = True in video
        self._meter.begin_run(now)
        self._run = run = Run(self)
        if described != self.tracks:
            self._set_tracks(described)
        return run

    def _describe(self, index: int, track: Track) -> Track:
        """The track with size and frame rate; what was learnt in band stands in where this SDP is silent."""
        known = self.tracks[index] if index < len(self.tracks) else None
        if known is None or known.codec is not track.codec:
            known = track
        if track.codec.of_nal_units:
            return complete_track(track, track.parameter_sets or known.parameter_sets)
        return track if track.width else replace(track, width=known.width, height=known.height)

    def gop(self) -> tuple[AccessUnit, ...]:
        """The access units since the latest key frame, that one first, audio included; () when there is none.

        There is none before the first key frame, after the end of a run, and in a GOP beyond the limits of `GopCache`.
        """
        return self._cache.units()

    def gop_start(self) -> AccessUnit | None:
        """The first of `gop()`, without the others being copied."""
        return self._cache.first

    def latest_key(self) -> AccessUnit | None:
        """The latest key frame of the video track. It stays when a run ends: look at its utc_ns."""
        return self._latest_key

    def subscribe(self, subscriber: Subscriber) -> None:
        """From the next access unit on."""
        if subscriber not in self._subscribers:
            self._subscribers = (*self._subscribers, subscriber)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """No more calls."""
        self._subscribers = tuple(other for other in self._subscribers if other is not subscriber)

    def _set_tracks(self, tracks: tuple[Track, ...]) -> None:
        self.tracks = tracks
        for subscriber in self._subscribers:
            if subscriber in self._subscribers:
                self._call(subscriber, subscriber.on_tracks, tracks)

    def _push(
        self, index: int, media_time: int, parts: tuple[bytes, ...], key: bool, damaged: bool, arrived_ns: int
    ) -> None:
        line = self._lines[index]
        if line.video:
            if key:
                self._waits_for_key = False
                # An SPS takes effect at a key frame only (H.264 7.4.1.2.1), and encoders write the PPS beside it.
                track = learn(line.track, parts)
                if track is not line.track:
                    line.track = track
                    self._set_tracks((*self.tracks[:index], track, *self.tracks[index + 1 :]))
            elif self._waits_for_key:
                self._meter.statistics.undecodable_units += 1
                return
        if arrived_ns >= self._wall_due_ns:
            self._wall.measure()
            self._wall_due_ns = arrived_ns + _WALL_PERIOD_NS
        media_time, captured_ns = line.date(media_time, arrived_ns)
        unit = AccessUnit(
            index,
            media_time,
            captured_ns + self._wall.ns,
            arrived_ns,
            # Lost slices of a key frame would stay in every picture behind it: no start for anybody.
            key and not damaged,
            parts,
            damaged,
        )
        starts = line.lead and unit.key
        self._cache.push(unit, starts=starts)
        if starts and line.video:
            self._latest_key = unit
        self._meter.count(unit, line.lead)
        subscribers = self._subscribers
        for subscriber in subscribers:
            # Those before may have let it go.
            if subscribers is self._subscribers or subscriber in self._subscribers:
                self._call(subscriber, subscriber.on_access_unit, unit)

    def _call(self, subscriber: Subscriber, method: Callable[[T], None], argument: T) -> None:
        try:
            method(argument)
        except Exception as error:  # noqa: BLE001 - one subscriber's defect must not cost the others anything
            self.unsubscribe(subscriber)
            self._on_failure(subscriber, error)

    def _report(self, index: int, ntp_utc_ns: int, media_time: int) -> None:
        captured_ns = self._timeline.tracks[index].expected_ns(media_time)
        if captured_ns is not None:
            self._lines[index].camera_clock.report(ntp_utc_ns, captured_ns + self._wall.ns)

    def _end(self, run: "Run") -> None:
        if self._run is run:
            self._run = None
            # What was live is the past now; a viewer who comes waits for the camera.
            self._cache.clear()


class Run:
    """One unbroken camera connection as the hub sees it. After `end` it takes nothing any more."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        #: An access unit; a method of the hub, as one in between would be called for every picture for nothing.
        self.push: PushUnit = hub._push  # noqa: SLF001 - the hub's other half
        self._ended = False

    def _refuse(
        self, track: int, media_time: int, parts: tuple[bytes, ...], key: bool, damaged: bool, arrived_ns: MonotonicNs
    ) -> None:
        raise LocalProtocolError(f"a unit for {self._hub.name} after the end of its run")

    def report(self, track: int, ntp_utc_ns: int, media_time: int, arrived_ns: MonotonicNs) -> None:
        """The camera's sender report: what it claims the wall time of `media_time` is."""
        if not self._ended:
            self._hub._report(track, ntp_utc_ns, media_time)  # noqa: SLF001 - the hub's other half

    def end(self) -> None:
        """The connection is gone; the hub keeps its timeline and subscribers."""
        if not self._ended:
            self._ended = True
            self.push = self._refuse
            self._hub._end(self)  # noqa: SLF001 - the hub's other half
