"""The access units since the latest key frame, so that a viewer starts at once instead of waiting for the next one.

A GOP that outgrows the limits is no start any more: all of it is let go (its middle cannot be left out, and its
beginning alone is no picture of now), and viewers wait for the next key frame. `overflows` counts that.
"""

from bridge.base.media import AccessUnit
from bridge.base.time import NS_PER_S

MAX_BYTES = 64 << 20
MAX_NS = 60 * NS_PER_S
MAX_UNITS = 16_384


class GopCache:
    """See the module. Holds at most MAX_BYTES, MAX_NS of arrival and MAX_UNITS."""

    def __init__(self, *, max_bytes: int = MAX_BYTES, max_ns: int = MAX_NS, max_units: int = MAX_UNITS) -> None:
        self.overflows = 0
        self._max_bytes = max_bytes
        self._max_ns = max_ns
        self._max_units = max_units
        self._units: list[AccessUnit] = []
        self._size_bytes = 0
        self._until_ns = 0

    @property
    def first(self) -> AccessUnit | None:
        """The key frame that the GOP starts with; None when there is no GOP."""
        return self._units[0] if self._units else None

    @property
    def size_bytes(self) -> int:
        """Bytes of all units that are held."""
        return self._size_bytes

    def units(self) -> tuple[AccessUnit, ...]:
        """In the order of arrival, the key frame first."""
        return tuple(self._units)

    def push(self, unit: AccessUnit, *, starts: bool) -> None:
        """starts: a key frame of the track that GOPs are counted by."""
        if starts:
            self._units = []
            self._size_bytes = 0
            self._until_ns = unit.arrived_ns + self._max_ns
        units = self._units
        if not units and not starts:
            return
        units.append(unit)
        self._size_bytes += unit.size_bytes
        if self._size_bytes > self._max_bytes or len(units) > self._max_units or unit.arrived_ns > self._until_ns:
            self.overflows += 1
            self.clear()

    def clear(self) -> None:
        """What is held is no picture of now any more."""
        self._units = []
        self._size_bytes = 0
