"""From a camera's clock to ours: the one time line of a stream (docs/design/time.md).

Each track's RTP time is dated by our monotonic clock at arrival, smoothed by the camera's own ticks: the network can
only delay, so the earliest arrivals are the truth and the line through them (the lower envelope) is the camera's clock.
Positions on the time line stay continuous over reconnects and over clocks that freeze, jump or start anew.
Pure: arrival times are arguments. RTP times come unwrapped, as `dialogue/rtp_receiver` delivers them.
"""

from collections.abc import Callable, Sequence

from bridge.base.media import Medium, Track
from bridge.base.time import NS_PER_MS, NS_PER_S, ns_to_ticks, ticks_to_ns

#: Beyond this a camera's clock and ours do not speak of the same run of time any more.
MAX_ERROR_NS = 1 * NS_PER_S

#: How fast the line follows later arrivals. Crystals are off by 200 ppm at most; the rest is room to recover.
CREEP_PPM = 500

#: How long units that a silence explains (a stalled network, then a burst) are dated by the camera's clock alone.
STALL_GRACE_NS = 10 * NS_PER_S

#: A network that stalled catches up: so long after the silence, units are less late than the first one behind it was,
#: by this part of it (and more than jitter). If not, the camera's clock stood still with the camera.
STALL_PROOF_NS = 1 * NS_PER_S
STALL_CAUGHT_UP_PART = 50
STALL_JITTER_NS = 50 * NS_PER_MS

#: H.264 and H.265 let no more pictures than this be shown before one that came earlier (max_dec_frame_buffering).
MAX_REORDERED = 16

#: B-frames show among the first units of a run; a step back that comes later is the clock's.
REORDER_LEARN_UNITS = 64


Dated = tuple[int, int]
"""A unit's place: on the hub's time line in ticks, and when it was captured on our monotonic clock, in nanoseconds."""

Position = Callable[[int], int]
"""An arrival -> where it falls on the stream's time line, in nanoseconds."""


class TrackTimeline:
    """One track's clock. It outlives runs: positions never go back, but for B-frames within a run."""

    def __init__(self, clock_rate: int, position_ns: Position, *, may_reorder: bool, may_repeat: bool = False) -> None:
        """
        position_ns: where on the stream's time line an arrival falls, should the track have to start anew there
        may_reorder: presentation order may differ from arrival order (H.264, H.265)
        may_repeat:  several units may be of one moment, or a little before the last (documents of metadata)
        """
        self.clock_rate = clock_rate
        self.discontinuities = 0
        self._position_ns = position_ns
        self._tick_ns = NS_PER_S // clock_rate
        self._least_ns = 0
        self._may_reorder = may_reorder
        self._may_repeat = may_repeat
        self._anchored = False
        self._last: Dated | None = None
        self._origin_raw = 0
        self._origin_media = 0
        self._base_ns = 0
        self._max_raw = 0
        self._arrived_ns = 0
        self._late_since_ns: int | None = None
        self._late_by_ns = 0
        self._units_in_run = 0
        self._reorders = False
        self._below = 0

    @property
    def last(self) -> Dated | None:
        """The latest position; None before the first unit."""
        return self._last

    def begin_run(self) -> None:
        """The next unit comes from a new connection: its RTP time has nothing to do with those before."""
        self._anchored = False
        self._units_in_run = 0
        self._reorders = False

    def expected_ns(self, raw: int) -> int | None:
        """When `raw` was captured, as the line says; None before the first unit of a run."""
        return self._base_ns + ticks_to_ns(raw - self._origin_raw, self.clock_rate) if self._anchored else None

    def date(self, raw: int, arrived_ns: int) -> Dated:
        """The place of a unit. raw: the camera's RTP time, unwrapped."""
        if not self._anchored:
            return self._anchor(raw, arrived_ns)
        self._units_in_run += 1
        if raw <= self._max_raw:
            return self._date_step_back(raw, arrived_ns)
        self._below = 0
        ticks = raw - self._origin_raw
        captured_ns = self._base_ns + ticks_to_ns(ticks, self.clock_rate)
        error_ns = arrived_ns - captured_ns
        if error_ns < -MAX_ERROR_NS or (error_ns > MAX_ERROR_NS and not self._stalled(error_ns, arrived_ns)):
            self.discontinuities += 1
            return self._anchor(raw, arrived_ns)
        if error_ns <= MAX_ERROR_NS:
            self._late_since_ns = None
            if error_ns > 0:
                error_ns = min(error_ns, (arrived_ns - self._arrived_ns) * CREEP_PPM // 1_000_000)
            self._base_ns += error_ns
            captured_ns += error_ns
        # A pull of the line may exceed a frame's time; captures still follow each other.
        if captured_ns < self._least_ns:
            captured_ns = self._least_ns
        self._max_raw = raw
        self._arrived_ns = arrived_ns
        self._least_ns = captured_ns + self._tick_ns
        self._last = dated = self._origin_media + ticks, captured_ns
        return dated

    def _date_step_back(self, raw: int, arrived_ns: int) -> Dated:
        """A B-frame, or a clock that stands or was set back."""
        learning = self._units_in_run <= REORDER_LEARN_UNITS
        back_ns = ticks_to_ns(self._max_raw - raw, self.clock_rate)
        if self._may_repeat and back_ns <= MAX_ERROR_NS:
            # One tick behind the last; a clock that stands falls behind ours more and more, and shows by that.
            return self.date(self._max_raw + 1, arrived_ns)
        if self._may_reorder and 0 < back_ns <= MAX_ERROR_NS and (self._reorders or learning):
            self._below += 1
            if self._below <= MAX_REORDERED:
                self._reorders = True
                self._arrived_ns = arrived_ns
                captured_ns = self._base_ns + ticks_to_ns(raw - self._origin_raw, self.clock_rate)
                return self._origin_media + raw - self._origin_raw, captured_ns
            self._reorders = False
        self.discontinuities += 1
        return self._anchor(raw, arrived_ns)

    def _stalled(self, error_ns: int, arrived_ns: int) -> bool:
        """Whether a silence explains that units come so late: while they catch up, for STALL_GRACE_NS at most."""
        if self._late_since_ns is None:
            silence_ns = arrived_ns - self._arrived_ns
            # A clock that is merely slow creeps over the limit without one.
            if silence_ns < max(error_ns - MAX_ERROR_NS, MAX_ERROR_NS // 2):
                return False
            self._late_since_ns, self._late_by_ns = arrived_ns, error_ns
        since_ns = arrived_ns - self._late_since_ns
        caught_up_ns = max(self._late_by_ns // STALL_CAUGHT_UP_PART, STALL_JITTER_NS)
        if since_ns >= STALL_PROOF_NS and self._late_by_ns - error_ns < caught_up_ns:
            return False
        return since_ns <= STALL_GRACE_NS

    def _anchor(self, raw: int, arrived_ns: int) -> Dated:
        """Starts anew: captured when it arrived, placed there, but never at or before what was placed already."""
        media_time = max(0, ns_to_ticks(self._position_ns(arrived_ns), self.clock_rate))
        captured_ns = max(arrived_ns, self._least_ns)
        if self._last is not None:
            media_time = max(media_time, self._last[0] + 1)
        self._anchored = True
        self._origin_raw = self._max_raw = raw
        self._origin_media = media_time
        self._base_ns = self._arrived_ns = arrived_ns
        self._late_since_ns = None
        self._below = 0
        self._least_ns = captured_ns + self._tick_ns
        self._last = dated = media_time, captured_ns
        return dated


class Timeline:
    """All tracks of one stream in step: one that starts anew is placed where the leading one says that it is now."""

    def __init__(self) -> None:
        self.tracks: tuple[TrackTimeline, ...] = ()
        self._described: tuple[Track, ...] = ()
        self._lead = 0
        self._epoch_ns: int | None = None

    @property
    def discontinuities(self) -> int:
        """How often a clock froze, jumped or was reset."""
        return sum(track.discontinuities for track in self.tracks)

    def begin_run(self, tracks: Sequence[Track], now_ns: int) -> None:
        """A connection starts. Tracks that kept their clock rate and medium go on; others begin in step with them."""
        if self._epoch_ns is None:
            self._epoch_ns = now_ns
        elif (last := self._leading()) is not None:
            # Should the leading track be another one from now on, the epoch hands its place over.
            leading, (media_time, captured_ns) = last
            self._epoch_ns = captured_ns - ticks_to_ns(media_time, leading.clock_rate)
        before = dict(enumerate(zip(self._described, self.tracks, strict=True)))
        lines = []
        for index, track in enumerate(tracks):
            described, line = before.get(index, (None, None))
            if described is None or line is None or not _same_clock(described, track):
                line = TrackTimeline(
                    track.clock_rate,
                    self._position_ns,
                    may_reorder=track.codec.of_nal_units,
                    may_repeat=track.medium is Medium.METADATA,
                )
            line.begin_run()
            lines.append(line)
        self.tracks = tuple(lines)
        self._described = tuple(tracks)
        self._lead = next((index for index, track in enumerate(tracks) if track.medium is Medium.VIDEO), 0)

    def _position_ns(self, arrived_ns: int) -> int:
        leading = self._leading()
        if leading is None:
            return arrived_ns - (self._epoch_ns or 0)
        line, (media_time, captured_ns) = leading
        return ticks_to_ns(media_time, line.clock_rate) + arrived_ns - captured_ns

    def _leading(self) -> tuple[TrackTimeline, Dated] | None:
        """The leading track and its latest position; while it has none the first that has one stands in."""
        if self._lead < len(self.tracks) and (last := self.tracks[self._lead].last) is not None:
            return self.tracks[self._lead], last
        return next(((line, line.last) for line in self.tracks if line.last is not None), None)


def _same_clock(one: Track, other: Track) -> bool:
    return one.clock_rate == other.clock_rate and one.medium is other.medium
