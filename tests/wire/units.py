"""Pushes payloads through a depacketiser and keeps what comes out."""

from collections.abc import Iterable
from typing import Any


class Units(list[tuple[int, tuple[bytes, ...], bool, bool]]):
    """A sink: (timestamp, parts, key, damaged) of each access unit."""

    def __call__(self, timestamp: int, parts: tuple[bytes, ...], key: bool, damaged: bool) -> None:
        self.append((timestamp, parts, key, damaged))

    @property
    def parts(self) -> list[tuple[bytes, ...]]:
        return [unit[1] for unit in self]

    @property
    def damaged(self) -> list[bool]:
        return [unit[3] for unit in self]


def push(depacketizer: Any, payload: bytes, timestamp: int, marker: bool = False) -> None:
    """One payload, with other bytes around it in the packet."""
    depacketizer.push(memoryview(b"head" + payload + b"tail"), 4, 4 + len(payload), timestamp, marker)


def push_unit(depacketizer: Any, payloads: Iterable[bytes], timestamp: int) -> None:
    """An access unit's payloads; the marker is on the last."""
    payloads = list(payloads)
    for number, payload in enumerate(payloads, 1):
        push(depacketizer, payload, timestamp, number == len(payloads))
