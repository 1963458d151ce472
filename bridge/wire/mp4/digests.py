"""What an export holds, in our own box: the stretch, its gaps, and SHA-256 of each part of the file.

A signature over a whole file tells that something was changed; these digests tell what. They stand under the signature
like everything else. The box is `uuid` with USERTYPE, SHA-256 of what follows, and one JSON document in UTF-8, which a
stranger reads without us; docs/design/export.md describes its fields.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from bridge.base.errors import DamagedError
from bridge.wire.mp4.boxes import Box, uuid_box

USERTYPE = UUID("0e6a1f6c-58b3-4f0d-9c1e-4f4e42457864").bytes

#: A longer document is neither written nor read; 40 hours of picture and sound need 22 MB.
MAX_BYTES = 32 << 20

_DIGEST_BYTES = 32
_VERSION = 1


class Part(NamedTuple):
    """Some bytes of the file: what they are (`ftyp`), where, how many, and their SHA-256."""

    name: str
    at: int
    size: int
    digest: bytes


class Chunk(NamedTuple):
    """Samples of one track that lie together: when they were captured (RFC 3339), where they lie, and their SHA-256."""

    track_id: int
    since: str
    until: str
    at: int
    size: int
    digest: bytes


class Stretch(NamedTuple):
    """From, until: RFC 3339."""

    since: str
    until: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in an export. Times are RFC 3339 in UTC.

    recording:  token
    asked:      the stretch that was asked for
    shown:      capture times of the first and the last picture that is shown
    gaps:       of which nothing was recorded
    unreadable: (serial, reason) of segments that could not be read
    tracks:     (id, token, codec)
    size_bytes: of the file in front of this box
    parts:      all of that file but the chunks
    behind:     parts of `meta`, which follows; their places count from its beginning
    """

    recording: str
    asked: Stretch
    shown: Stretch
    size_bytes: int
    gaps: Sequence[Stretch] = ()
    unreadable: Sequence[tuple[int, str]] = ()
    tracks: Sequence[tuple[int, str, str]] = ()
    parts: Sequence[Part] = ()
    chunks: Sequence[Chunk] = ()
    behind: Sequence[Part] = field(default=())


def digests_box(contents: Contents) -> bytes:
    """The box."""
    document = {
        "about": "What this export holds, and SHA-256 of each part of it, by place and size in bytes",
        "version": _VERSION,
        "recording": contents.recording,
        "asked": _stretch(contents.asked),
        "shown": _stretch(contents.shown),
        "gaps": [_stretch(gap) for gap in contents.gaps],
        "unreadable": [{"segment": serial, "reason": reason} for serial, reason in contents.unreadable],
        "tracks": [{"id": track, "token": token, "codec": codec} for track, token, codec in contents.tracks],
        "size": contents.size_bytes,
        "parts": [_row(part) for part in contents.parts],
        "chunks": [_row(chunk) for chunk in contents.chunks],
        "behind": [_row(part) for part in contents.behind],
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    if len(text) > MAX_BYTES:
        raise ValueError(f"digests of {len(text)} bytes; at most {MAX_BYTES}")
    return uuid_box(USERTYPE, hashlib.sha256(text).digest(), text)


def _stretch(stretch: Stretch) -> dict[str, str]:
    return {"from": stretch.since, "until": stretch.until}


def _row(part: Part | Chunk) -> list[object]:
    return [*part[:-1], part.digest.hex()]


def parse_digests(data: bytes | memoryview, found: Box) -> Contents:
    """The content of a box with this usertype. Raises DamagedError."""
    text = bytes(data[found.content + _DIGEST_BYTES : found.end])
    if len(text) > MAX_BYTES:
        raise DamagedError(f"digests of {len(text)} bytes; at most {MAX_BYTES} expected", offset=found.start)
    if hashlib.sha256(text).digest() != data[found.content : found.content + _DIGEST_BYTES]:
        raise DamagedError("the digests are not what their own digest says", offset=found.start)
    try:
        return _contents(json.loads(text))
    except (ValueError, TypeError, KeyError, LookupError, AttributeError, RecursionError) as error:
        raise DamagedError(f"the digests cannot be read: {error!r:.200}", offset=found.start) from None


def _contents(document: Any) -> Contents:  # Any: JSON
    if document["version"] != _VERSION:
        raise ValueError(f"version {document['version']!r:.20}; {_VERSION} expected")
    return Contents(
        _text(document["recording"]),
        _read_stretch(document["asked"]),
        _read_stretch(document["shown"]),
        _number(document["size"]),
        [_read_stretch(gap) for gap in document["gaps"]],
        [(_number(one["segment"]), _text(one["reason"])) for one in document["unreadable"]],
        [(_number(one["id"]), _text(one["token"]), _text(one["codec"])) for one in document["tracks"]],
        [_part(row) for row in document["parts"]],
        [_chunk(row) for row in document["chunks"]],
        [_part(row) for row in document["behind"]],
    )


def _part(row: Any) -> Part:  # Any: JSON
    name, at, size, digest = row
    return Part(_text(name), _number(at), _number(size), bytes.fromhex(digest))


def _chunk(row: Any) -> Chunk:  # Any: JSON
    track, since, until, at, size, digest = row
    return Chunk(_number(track), _text(since), _text(until), _number(at), _number(size), bytes.fromhex(digest))


def _read_stretch(value: Any) -> Stretch:  # Any: JSON
    return Stretch(_text(value["from"]), _text(value["until"]))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} where a text is expected")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise ValueError(f"{value!r:.40} where a number is expected")
    return value
