"""The shared feeder: an incremental reader must see the same things however its input was cut into pieces.

`collect` of these functions makes a new reader, feeds it the pieces in order and returns what it saw. It must say
errors by value, not by raising: `outcome_of` does that.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from bridge.base.errors import RemoteProtocolError

T = TypeVar("T")
MAX_SPLITS = 2000


def cuts(data: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Whole, byte by byte, every split point (evenly chosen ones where there are more than MAX_SPLITS)."""
    yield "whole", [data]
    yield "byte by byte", [data[at : at + 1] for at in range(len(data))]
    for at in range(1, len(data), 1 + len(data) // MAX_SPLITS):
        yield f"split at {at}", [data[:at], data[at:]]
    yield "with empty pieces", [b"", data[:1], b"", data[1:], b""]


def same_however_cut(data: bytes, collect: Callable[[Sequence[bytes]], T]) -> T:
    """What `collect` saw; fails with the name of the first cut that changes it."""
    expected = collect([data])
    for name, pieces in cuts(data):
        seen = collect(pieces)
        assert seen == expected, f"{name}: {seen!r} instead of {expected!r}"
    return expected


def glued(first: bytes, second: bytes, collect: Callable[[Sequence[bytes]], list[T]]) -> list[T]:
    """Two messages in one input give what they give one after the other, however cut."""
    both = collect([first]) + collect([second])
    assert same_however_cut(first + second, collect) == both
    return both


def trailing(data: bytes, more: bytes, collect: Callable[[Sequence[bytes]], list[T]]) -> list[T]:
    """`more`, the unfinished begin of a next message, neither hides nor changes what stands before it."""
    expected = collect([data])
    assert same_however_cut(data + more, collect) == expected
    return expected


def outcome_of(feed: Callable[[bytes], None], pieces: Sequence[bytes]) -> str:
    """Feeds the pieces; "" when all went well, else `refused <status>`. Any other exception passes."""
    try:
        for piece in pieces:
            feed(piece)
    except RemoteProtocolError as error:
        return f"refused {error.status}"
    return ""
