"""Where the units of an export stand in its file: at their capture times, or without the gaps between them. Pure."""

from typing import Protocol

from bridge.base.media import AccessUnit, Track
from bridge.base.time import NS_PER_S, ns_to_ticks, ticks_to_ns

#: A run that begins later than this behind the one before leaves a gap.
_LONGEST_PAUSE_NS = 1 * NS_PER_S


class Timeline(Protocol):
    """Where units stand in the file.

    tracks:    as they were first
    from_ns:   what was asked for
    starts_ns: where on the time line the presentation starts, once it has `started`
    """

    tracks: tuple[Track, ...]
    from_ns: int
    started: bool
    starts_ns: int
    starts_utc_ns: int

    def begin_run(self, lead: int) -> None:
        """What comes is counted from elsewhere; lead: the track that GOPs are counted by."""

    def place(self, unit: AccessUnit) -> int:
        """The unit's presentation time in the file, in its track's clock."""


class AsCaptured:
    """A Timeline: every unit stands at its capture time, counted from the first one's."""

    def __init__(self, from_ns: int) -> None:
        self.tracks: tuple[Track, ...] = ()
        self.started = False
        self.starts_ns = self.starts_utc_ns = 0
        self.zero_ns = 0
        self.from_ns = from_ns
        self._lead = 0
        self._any = False

    def begin_run(self, lead: int) -> None:
        """See Timeline."""
        self._lead = lead

    def place(self, unit: AccessUnit) -> int:
        """See Timeline."""
        if not self._any:
            self._any, self.zero_ns = True, unit.utc_ns
        is_first = not self.started or unit.utc_ns < self.starts_utc_ns
        if unit.track == self._lead and unit.utc_ns >= self.from_ns and is_first:
            self.started = True
            self.starts_ns, self.starts_utc_ns = unit.utc_ns - self.zero_ns, unit.utc_ns
        return ns_to_ticks(unit.utc_ns - self.zero_ns, self.tracks[unit.track].clock_rate)


class WithoutGaps:
    """A Timeline that puts runs one behind the other: each has its media times from wherever its process counted.

    Within a run each track keeps its own even ticks; when a run begins, tracks are brought together by capture times.
    """

    def __init__(self, from_ns: int) -> None:
        self.tracks: tuple[Track, ...] = ()
        self.started = False
        self.starts_ns = 0
        self.starts_utc_ns = 0
        self._lead = 0
        self.from_ns = from_ns
        self._shifts: list[int | None] = []
        self._run: tuple[int, int] | None = None
        self._last_ns = self._last_utc_ns = self._step_ns = 0

    def begin_run(self, lead: int) -> None:
        """See Timeline."""
        self._lead = lead
        self._shifts = [None] * len(self.tracks)
        self._run = None

    def place(self, unit: AccessUnit) -> int:
        """See Timeline."""
        rate = self.tracks[unit.track].clock_rate
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
            if unit.utc_ns >= self.from_ns and (not self.started or place_ns < self.starts_ns):
                self.started = True
                self.starts_ns, self.starts_utc_ns = place_ns, unit.utc_ns
        return place

    def _behind(self, utc_ns: int) -> int:
        """Where a run begins whose first unit was captured then."""
        if not self._last_utc_ns:
            return 0
        pause_ns = utc_ns - self._last_utc_ns
        return self._last_ns + (pause_ns if 0 < pause_ns <= _LONGEST_PAUSE_NS else max(1, self._step_ns))
