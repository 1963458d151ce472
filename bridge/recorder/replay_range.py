"""Where a replay forwards ends: what is sent of the units at the end of the range. Pure.

Units come in decoding order, so behind the first picture that is not wanted there may be one that is and needs it. And
whether the last unit that is sent ends a section is known only from what comes behind it.
"""

from collections import Counter

from bridge.base.media import AccessUnit
from bridge.base.time import NS_PER_S

#: Pictures come in decoding order: so many that are shown later may stand before one that is shown earlier.
REORDERED = 32

#: So far is read on at most, however few pictures come.
FURTHEST_NS = 10 * NS_PER_S


class Beyond:
    """What was read from the first unit on that is at or behind the end of the range, in order. Bounded by `is_all`.

    reordered: so many pictures may stand, in decoding order, before one that is shown earlier
    """

    def __init__(self, until_ns: int, reordered: int) -> None:
        self._until_ns = until_ns
        self._reordered = reordered
        self._units: list[AccessUnit] = []
        self._counts: Counter[int] = Counter()

    def add(self, unit: AccessUnit) -> list[AccessUnit]:
        """The next unit -> those that can be sent now: a picture of the range needs those that stand before it."""
        track = unit.track
        if unit.utc_ns >= self._until_ns:
            self._counts[track] += 1
        elif not self._units:
            return [unit]
        elif self._counts[track]:
            sent = [one for one in self._units if one.track == track or one.utc_ns < self._until_ns]
            self._units = [one for one in self._units if one.track != track and one.utc_ns >= self._until_ns]
            del self._counts[track]
            return [*sent, unit]
        self._units.append(unit)
        return []

    def is_all(self, lead: int | None, utc_ns: int) -> bool:
        """Whether nothing before the end of the range comes any more.

        lead: the track that the others are merged with by time; None: it is not sent. utc_ns: how far it was read
        """
        count = self._counts[lead] if lead is not None else self._counts.total()
        return count > self._reordered or utc_ns - self._until_ns > FURTHEST_NS

    def settle(self) -> tuple[list[AccessUnit], list[int]]:
        """(what is to be sent of it, the tracks that go on behind the range); nothing that needs the rest comes."""
        sent = [one for one in self._units if one.utc_ns < self._until_ns]
        tracks = list(self._counts)
        self._units.clear()
        self._counts.clear()
        return sent, tracks
