"""Stretches of serials: numbers without a hole, as (first, last), both in it. Pure."""

from collections.abc import Collection, Iterable

Stretch = tuple[int, int]


def stretches(serials: Iterable[int]) -> list[Stretch]:
    """Any serials, in any order -> the fewest stretches that hold them, in order."""
    found: list[Stretch] = []
    for serial in sorted(set(serials)):
        if found and serial == found[-1][1] + 1:
            found[-1] = (found[-1][0], serial)
        else:
            found.append((serial, serial))
    return found


def merged(unordered: Iterable[Stretch]) -> list[Stretch]:
    """The same serials: in order, not overlapping and not touching."""
    found: list[Stretch] = []
    for first, last in sorted(unordered):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def without(stretch: Stretch, removed: Collection[Stretch]) -> list[Stretch]:
    """What is left of `stretch`. removed: in order, not overlapping."""
    first, last = stretch
    left: list[Stretch] = []
    for start, end in removed:
        if end < first or start > last:
            continue
        if start > first:
            left.append((first, start - 1))
        first = end + 1
    return [*left, (first, last)] if first <= last else left
