"""How long something takes, as a histogram: made on one thread, read on any."""

from bisect import bisect_left

from bridge.base.time import NS_PER_MS

#: Upper ends in milliseconds; beyond the last one is a bucket of its own.
BOUNDS_MS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
_BOUNDS_NS = tuple(bound * NS_PER_MS for bound in BOUNDS_MS)


class Latency:
    """counts: as many as BOUNDS_MS and one; max_ns: since the last `take_max`."""

    __slots__ = ("_max_ns", "counts", "total_ns")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_MS) + 1)
        self.total_ns = 0
        self._max_ns = 0

    def add(self, ns: int) -> None:
        """One measurement."""
        self.counts[bisect_left(_BOUNDS_NS, ns)] += 1
        self.total_ns += ns
        if ns > self._max_ns:
            self._max_ns = ns

    def take_max(self) -> int:
        """The longest since the last call."""
        longest, self._max_ns = self._max_ns, 0
        return longest
