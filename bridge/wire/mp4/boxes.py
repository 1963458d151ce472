"""Boxes (ISO/IEC 14496-12 4.2, 11.1): a length, a kind of four characters, a content that may hold boxes itself.

A box that extends to the end of its file (size 0) is refused: we write none, and a disk that lost its power leaves
zeros behind.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from bridge.base.errors import DamagedError

#: read_header never needs more.
MAX_HEADER_BYTES = 32

_HEADER = struct.Struct("!I4s")
_LARGE_HEADER = struct.Struct("!I4sQ")
_VERSION_AND_FLAGS = struct.Struct("!I")
_USERTYPE_BYTES = 16
_MAX_SIZE = 0xFFFFFFFF
_CLAUSE = "ISO/IEC 14496-12 4.2"


class Box(NamedTuple):
    """Where a box lies in the bytes that were read.

    kind:     four characters
    usertype: of a `uuid` box 16 bytes, else empty
    start:    of its header
    content:  behind its header (of a full box: at version and flags)
    end:      behind its last byte
    """

    kind: bytes
    usertype: bytes
    start: int
    content: int
    end: int


def box(kind: bytes, *content: bytes) -> bytes:
    """A box of these contents, one behind the other; at most 4 GiB."""
    size = _HEADER.size + sum(map(len, content))
    if size > _MAX_SIZE:
        raise ValueError(f"a box {kind!r} of {size} bytes; at most {_MAX_SIZE} fit its header")
    return b"".join((_HEADER.pack(size, kind), *content))


def full_box(kind: bytes, version: int, flags: int, *content: bytes) -> bytes:
    """A box that begins with a version and 24 flags."""
    return box(kind, _VERSION_AND_FLAGS.pack(version << 24 | flags), *content)


def uuid_box(usertype: bytes, *content: bytes) -> bytes:
    """A private box, which players step over; usertype: 16 bytes."""
    if len(usertype) != _USERTYPE_BYTES:
        raise ValueError(f"a usertype of {len(usertype)} bytes; it has {_USERTYPE_BYTES}")
    return box(b"uuid", usertype, *content)


def read_header(data: bytes | memoryview) -> tuple[bytes, int, int] | None:
    """(kind, bytes of the header, bytes of the whole box) of the box that `data` begins with; None: more are needed.

    For walking through a file. The header of a `uuid` box includes its usertype: the last 16 of its bytes. Raises
    DamagedError when the size cannot be.
    """
    return _header(data, 0, len(data))


def _header(data: bytes | memoryview, at: int, end: int) -> tuple[bytes, int, int] | None:
    """read_header of the box at `at` in what ends at `end`."""
    if at + _HEADER.size > end:
        return None
    size, kind = _HEADER.unpack_from(data, at)
    header = _HEADER.size
    if size == 1:
        header = _LARGE_HEADER.size
        if at + header > end:
            return None
        size = _LARGE_HEADER.unpack_from(data, at)[2]
    if kind == b"uuid":
        header += _USERTYPE_BYTES
    if size < header:
        raise DamagedError(f"box {kind!r}: its size is {size}; at least {header} expected", offset=at, clause=_CLAUSE)
    return (kind, header, size) if at + header <= end else None


def read_boxes(data: bytes | memoryview, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes that follow each other in data[start:end]. Raises DamagedError at one that does not fit."""
    at, end = start, len(data) if end is None else end
    while at < end:
        found = _header(data, at, end)
        if found is None or found[2] > end - at:
            what = "a header" if found is None else f"a box {found[0]!r} of {found[2]} bytes"
            raise DamagedError(f"{what} where {end - at} bytes are left", offset=at, clause=_CLAUSE)
        kind, header, size = found
        content = at + header
        usertype = bytes(data[content - _USERTYPE_BYTES : content]) if kind == b"uuid" else b""
        yield Box(kind, usertype, at, content, at + size)
        at += size


def whole_box(data: bytes | memoryview, kind: bytes, start: int = 0) -> Box:
    """The box at `start`, which must be of that kind. Raises DamagedError."""
    found = next(read_boxes(data, start), None)
    if found is None or found.kind != kind:
        raise DamagedError(
            f"{'nothing' if found is None else repr(found.kind)} where {kind!r} is expected", offset=start
        )
    return found


def child(data: bytes | memoryview, parent: Box, kind: bytes) -> Box:
    """The first box of that kind directly inside `parent`. Raises DamagedError."""
    for found in read_boxes(data, parent.content, parent.end):
        if found.kind == kind:
            return found
    raise DamagedError(f"box {parent.kind!r} without {kind!r}", offset=parent.start)


def read_fields(layout: struct.Struct, data: bytes | memoryview, at: int, parent: Box) -> tuple[int, ...]:
    """The integers of `layout` at `at`, which must lie inside `parent`. Raises DamagedError."""
    if at + layout.size > parent.end:
        raise DamagedError(
            f"box {parent.kind!r}: {layout.size} bytes of fields expected; {max(0, parent.end - at)} are left",
            offset=at,
        )
    return layout.unpack_from(data, at)


def read_full(data: bytes | memoryview, found: Box) -> tuple[int, int, int]:
    """(version, flags, offset of what follows them) of a full box. Raises DamagedError."""
    (both,) = read_fields(_VERSION_AND_FLAGS, data, found.content, found)
    return both >> 24, both & 0xFFFFFF, found.content + _VERSION_AND_FLAGS.size
