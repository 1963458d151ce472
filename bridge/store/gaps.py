"""When there is footage and when there is none, told from run rows alone. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from bridge.base.time import NS_PER_S
from bridge.store.rows import RunRow

SHORTEST_GAP_NS = NS_PER_S
GAP_INTERVALS = 3
"""A camera that sends a frame in two seconds has no gap between them: this many usual intervals are none."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time, in UTC nanoseconds; its end is not in it."""

    from_utc_ns: int
    until_utc_ns: int


def coverage(runs: Iterable[RunRow]) -> list[Stretch]:
    """When there is footage: runs in any order, those that overlap or have no gap between them as one stretch."""
    found: list[Stretch] = []
    interval_ns = 0  # of the run that reaches furthest
    for run in sorted(runs, key=lambda run: (run.start_utc_ns, run.end_utc_ns)):
        last = found[-1] if found else None
        if last is None or is_gap(run.start_utc_ns - last.until_utc_ns, interval_ns):
            found.append(Stretch(run.start_utc_ns, run.end_utc_ns))
            interval_ns = run.interval_ns
        elif run.end_utc_ns > last.until_utc_ns:
            found[-1] = Stretch(last.from_utc_ns, run.end_utc_ns)
            interval_ns = run.interval_ns
    return found


def gaps(runs: Iterable[RunRow]) -> list[Stretch]:
    """The stretches between those of `coverage`, in order."""
    covered = coverage(runs)
    return [Stretch(before.until_utc_ns, after.from_utc_ns) for before, after in pairwise(covered)]


def is_gap(length_ns: int, interval_ns: int) -> bool:
    """Whether a pause is one that somebody would miss. interval_ns: usual time between frames before it."""
    return length_ns > max(SHORTEST_GAP_NS, GAP_INTERVALS * interval_ns)
