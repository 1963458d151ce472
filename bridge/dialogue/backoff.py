"""How long to wait before the next try: exponential, capped, jittered, reset after a healthy stretch."""

import random
from dataclasses import dataclass

from bridge.base.time import NS_PER_S


@dataclass(slots=True)
class Backoff:
    """A hundred cameras behind one switch come back together; the jitter keeps them from calling together.

    jitter_percent: each wait is off by up to so much, both ways
    healthy_ns:     a connection that lasted so long starts the count anew
    """

    source: random.Random
    first_ns: int = NS_PER_S // 2
    most_ns: int = 30 * NS_PER_S
    jitter_percent: int = 25
    healthy_ns: int = 60 * NS_PER_S
    _next_ns: int = 0

    def after(self, lasted_ns: int, *, at_once_slow: bool = False) -> int:
        """Nanoseconds to wait after a connection that delivered for `lasted_ns` (0: it never did).

        at_once_slow: soon would do harm, so the longest wait comes first
        """
        if at_once_slow:
            self._next_ns = self.most_ns
        elif not self._next_ns or lasted_ns >= self.healthy_ns:
            self._next_ns = self.first_ns
        wait_ns = self._next_ns
        self._next_ns = min(2 * wait_ns, self.most_ns)
        spread_ns = wait_ns * self.jitter_percent // 100
        return wait_ns + self.source.randint(-spread_ns, spread_ns)
