"""What goes to make room: by age and size of each recording, and by size and free space of a storage. Oldest first.

The plan is pure. What is locked as evidence, and what is being written, never comes here: `MediaIndex` leaves out the
one, and the other has no row yet.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bridge.store.rows import SegmentRow

#: Deleted at once; then others have the disk for a while.
BATCH_SEGMENTS = 32


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """Of one recording. None: as long as, and as much as the storage has room."""

    age_ns: int | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class StorageLimits:
    """max_bytes 0: no limit."""

    max_bytes: int = 0
    min_free_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Removed:
    """What a round did.

    stuck: why the rules are not kept, "" when they are
    """

    segments: int = 0
    size_bytes: int = 0
    stuck: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a storage has of one recording, and what retention took there since the start. oldest None: nothing."""

    segments: int = 0
    size_bytes: int = 0
    oldest_utc_ns: int | None = None
    removed_segments: int = 0
    removed_bytes: int = 0


def expired(rows: Iterable[SegmentRow], rule: RetentionRule, size_bytes: int, now_utc_ns: int) -> list[SegmentRow]:
    """What a recording's own rule takes. rows: oldest first, unlocked; size_bytes: of the whole recording."""
    taken = []
    for row in rows:
        old = rule.age_ns is not None and row.end_utc_ns <= now_utc_ns - rule.age_ns
        large = rule.size_bytes is not None and size_bytes > rule.size_bytes
        if not old and not large:
            break
        size_bytes -= row.size_bytes
        taken.append(row)
    return taken


def surplus(rows: Sequence[SegmentRow], needed_bytes: int) -> list[SegmentRow]:
    """The oldest, until `needed_bytes` are free."""
    taken = []
    for row in rows:
        if needed_bytes <= 0:
            break
        needed_bytes -= row.size_bytes
        taken.append(row)
    return taken


def needed(limits: StorageLimits, held_bytes: int, free_bytes: int) -> int:
    """How many bytes must go for the storage's limits; 0 or less: none."""
    over = held_bytes - limits.max_bytes if limits.max_bytes else 0
    return max(over, limits.min_free_bytes - free_bytes)
