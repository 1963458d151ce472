"""When footage begins and ends, edge by edge, forwards or backwards: what the history of a recording tells.

A year of a camera that reconnects every minute is half a million edges: they are looked up by the window, as many as
somebody pulls. Pure but for the question it is given, `Library.coverage` of one recording.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bridge.base.time import NS_PER_S
from bridge.store.gaps import Stretch

Covers = Callable[[int, int], list[Stretch]]
"""(from, until in UTC ns) -> footage of [from, until) as stretches in order, whose ends may lie outside."""

FIRST_WINDOW_NS = 86_400 * NS_PER_S
FEW, MANY = 16, 256
"""Stretches of a window: with fewer the next one is four times as long, with more a quarter."""

NEIGHBOURHOOD_NS = 60 * NS_PER_S
"""So far beyond an instant is looked for what goes on there: a pause that is no gap is shorter."""


@dataclass(frozen=True, slots=True)
class Presence:
    """From this instant on there is footage, or (False) there is none."""

    utc_ns: int
    present: bool


def edges(
    covers: Covers, from_ns: int, until_ns: int, *, backward: bool = False, open_from_ns: int | None = None
) -> Iterator[Presence]:
    """Every edge from `from_ns` to `until_ns`, both included, by time; backward: the latest first.

    Their values alternate. open_from_ns: what ends there or later goes on: it is being written.
    """
    if from_ns > until_ns:
        return
    reach = from_ns - NEIGHBOURHOOD_NS, until_ns + NEIGHBOURHOOD_NS
    for one in _backward(covers, *reach) if backward else _forward(covers, *reach):
        begin, end = Presence(one.from_utc_ns, True), Presence(one.until_utc_ns, False)
        if open_from_ns is not None and end.utc_ns >= open_from_ns:
            pair = [begin]
        else:
            pair = [end, begin] if backward else [begin, end]
        yield from (edge for edge in pair if from_ns <= edge.utc_ns <= until_ns)


def present(covers: Covers, at_ns: int, *, before: bool, open_from_ns: int | None = None) -> bool:
    """Whether there is footage at the instant; before: right before it, so that an edge there has not happened yet."""
    for one in _forward(covers, at_ns - NEIGHBOURHOOD_NS, at_ns + NEIGHBOURHOOD_NS):
        goes_on = open_from_ns is not None and one.until_utc_ns >= open_from_ns
        if before and one.from_utc_ns < at_ns and (goes_on or at_ns <= one.until_utc_ns):
            return True
        if not before and one.from_utc_ns <= at_ns and (goes_on or at_ns < one.until_utc_ns):
            return True
    return False


def _forward(covers: Covers, from_ns: int, until_ns: int) -> Iterator[Stretch]:
    """Whole stretches; the last one is held back until it is known that nothing goes on from it."""
    at_ns, width_ns, held = from_ns, FIRST_WINDOW_NS, None
    while at_ns < until_ns:
        to_ns = min(at_ns + width_ns, until_ns)
        found = covers(at_ns, to_ns)
        for number, one in enumerate(found):
            if held is None:
                held = one
            elif number == 0 and _is_one(covers, held, one):
                held = _joined(held, one)
            else:
                yield held
                held = one
        at_ns, width_ns = to_ns, _next_width(width_ns, len(found))
    if held is not None:
        yield held


def _backward(covers: Covers, from_ns: int, until_ns: int) -> Iterator[Stretch]:
    """The same from the end."""
    at_ns, width_ns, held = until_ns, FIRST_WINDOW_NS, None
    while at_ns > from_ns:
        to_ns = max(at_ns - width_ns, from_ns)
        found = covers(to_ns, at_ns)
        for number, one in enumerate(reversed(found)):
            if held is None:
                held = one
            elif number == 0 and _is_one(covers, one, held):
                held = _joined(one, held)
            else:
                yield held
                held = one
        at_ns, width_ns = to_ns, _next_width(width_ns, len(found))
    if held is not None:
        yield held


def _is_one(covers: Covers, earlier: Stretch, later: Stretch) -> bool:
    """Whether there is no gap between two that were found in different windows."""
    if later.from_utc_ns <= earlier.until_utc_ns:
        return True
    return len(covers(earlier.until_utc_ns - 1, later.from_utc_ns + 1)) == 1


def _joined(earlier: Stretch, later: Stretch) -> Stretch:
    return Stretch(min(earlier.from_utc_ns, later.from_utc_ns), max(earlier.until_utc_ns, later.until_utc_ns))


def _next_width(width_ns: int, found: int) -> int:
    if found > MANY:
        return max(width_ns // 4, NEIGHBOURHOOD_NS)
    return width_ns * 4 if found < FEW else width_ns
