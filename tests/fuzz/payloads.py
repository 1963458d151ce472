"""Fuzz input as RTP payloads of one track: each behind a byte of flags and one of its length."""

from typing import Any

_MARKER, _LOST, _NEXT_TIMESTAMP = 1, 2, 4

MAX_UNIT_BYTES, MAX_UNIT_PARTS = 500, 8


def seed(payloads: list[bytes]) -> bytes:
    """Input of one access unit; payloads of at most 255 bytes."""
    flags = [0] * (len(payloads) - 1) + [_MARKER | _NEXT_TIMESTAMP]
    return b"".join(bytes((flag, len(payload))) + payload for flag, payload in zip(flags, payloads, strict=True))


def push_all(depacketizer: Any, data: bytes) -> None:
    """Everything, then a flush; nothing may be left."""
    at = timestamp = 0
    view = memoryview(data)
    while at + 2 <= len(data):
        flags, start = data[at], at + 2
        at = min(start + data[at + 1], len(data))
        if flags & _LOST:
            depacketizer.lost()
        depacketizer.push(view, start, at, timestamp, bool(flags & _MARKER))
        timestamp += bool(flags & _NEXT_TIMESTAMP)
    depacketizer.flush()
    assert not depacketizer.open


def check_unit(timestamp: int, parts: tuple[bytes, ...], key: bool, damaged: bool) -> None:
    """A sink: every unit is within the bounds and has no empty parts."""
    assert 0 < len(parts) <= MAX_UNIT_PARTS
    assert sum(map(len, parts)) <= MAX_UNIT_BYTES
    assert all(parts)
