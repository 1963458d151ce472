"""How far our wall clock is ahead of the monotonic one: turns arrival times into UTC.

The two clocks cannot be read at once, and between the two reads the process may be put aside for milliseconds; so a
reading counts only when it was quick. When the host's clock is set, UTC follows at the next measurement.
"""

from bridge.base.time import NS_PER_MS, Clock

_QUICK_NS = NS_PER_MS // 10
_TRIES = 3


class WallOffset:
    """See the module. `ns` is the offset: UTC = monotonic + ns."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ns = 0
        self.measure()

    def measure(self) -> None:
        """Reads both clocks; of a few tries the quickest counts."""
        quickest: int | None = None
        for _ in range(_TRIES):
            before = self._clock.monotonic_ns()
            wall = self._clock.utc_ns()
            spent = self._clock.monotonic_ns() - before
            if quickest is None or spent < quickest:
                quickest = spent
                self.ns = wall - before - spent // 2
            if spent <= _QUICK_NS:
                return
