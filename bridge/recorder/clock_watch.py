"""Whether the host's clock was set far forward: footage does not become old by that at once."""

from bridge.base.time import NS_PER_S, Clock

#: Wall time may part so far from monotonic time between two looks: corrections by NTP are far smaller.
FAR_NS = 600 * NS_PER_S

#: For so long nothing is deleted for its age then: time for NTP, or a person, to set a wrong clock right again. Where
#: the clock was wrong before and is right now, an hour more of footage is little; what was deleted does not come back.
REST_NS = 3600 * NS_PER_S


class ClockWatch:
    """Has no memory beyond its process. One thread at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._apart_ns = clock.utc_ns() - clock.monotonic_ns()
        self._rests_until_ns: int | None = None

    def look(self) -> int:
        """By how many ns the clock was set forward since the last look; 0: not at all, or by less than FAR_NS."""
        now = self._clock.monotonic_ns()
        apart_ns = self._clock.utc_ns() - now
        moved_ns, self._apart_ns = apart_ns - self._apart_ns, apart_ns
        if moved_ns <= FAR_NS:
            return 0
        self._rests_until_ns = now + REST_NS
        return moved_ns

    @property
    def rests(self) -> bool:
        """Whether nothing is deleted for its age, as of the last look."""
        return self._rests_until_ns is not None and self._clock.monotonic_ns() < self._rests_until_ns
