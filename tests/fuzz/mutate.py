"""Mutations of known inputs: not guided by coverage, but without any dependency and the same for the same seed."""

import random
import re
from collections.abc import Callable, Sequence

MAX_BYTES = 64 * 1024

# Values that sit at the borders of our formats.
_NUMBERS = [b"0", b"-1", b"1", b"255", b"256", b"65535", b"65536", b"4294967295", b"4294967296", b"9" * 30, b""]
_PIECES = [
    b"\r\n", b"\n", b"\r", b"\0", b"\r\n\r\n", b"$", b"$\0\0\0", b"$\xff\xff\xff", b" ", b"\t", b":", b";", b",", b"=",
    b'"', b"\\", b"\\\"", b"/", b"@", b"%", b"%00", b"%zz", b"-", b".", b"\xff", b"\xc3\xa4", b"\xe4", b"\x80",
    b"\0\0\1", b"\0\0\0\1", b"\0\0\3", b"\xff\xff\xff\xff", b"\0\0\0\0", b"<", b">", b"&", b"]]>",
]  # fmt: skip
_DIGITS = re.compile(rb"\d+")


class Inputs:
    """An endless row of inputs: each seed as it is, then mutations of them.

    seeds: inputs to begin with; an empty one is added
    seed:  of the random numbers: the same one gives the same row
    """

    def __init__(self, seeds: Sequence[bytes], seed: int) -> None:
        self._seeds = [b"", *seeds]
        self._random = random.Random(seed)
        self._given = 0

    def next(self) -> bytes:
        """The next input, of at most MAX_BYTES."""
        if self._given < len(self._seeds):
            self._given += 1
            return self._seeds[self._given - 1]
        data = bytearray(self._random.choice(self._seeds))
        # Mostly one fault, as real peers have; sometimes many.
        for _ in range(self._random.choice((1, 1, 1, 2, 3, 8))):
            self._random.choice(_MUTATIONS)(self, data)
        return bytes(data[:MAX_BYTES])

    def _place(self, data: bytearray) -> int:
        return self._random.randrange(len(data) + 1)

    def _flip(self, data: bytearray) -> None:
        if data:
            data[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)

    def _overwrite(self, data: bytearray) -> None:
        at = self._place(data)
        size = self._random.randrange(1, 9)
        data[at : at + size] = self._random.randbytes(size)

    def _insert(self, data: bytearray) -> None:
        at = self._place(data)
        data[at:at] = self._random.choice(_PIECES)

    def _remove(self, data: bytearray) -> None:
        at = self._place(data)
        del data[at : at + self._random.choice((1, 2, 4, 16, 64))]

    def _cut(self, data: bytearray) -> None:
        del data[self._place(data) :]

    def _repeat(self, data: bytearray) -> None:
        at = self._place(data)
        size = self._random.choice((1, 2, 8, 64))
        data[at:at] = bytes(data[at : at + size]) * self._random.choice((1, 2, 16, 200))

    def _swap(self, data: bytearray) -> None:
        first, second = self._place(data), self._place(data)
        size = self._random.choice((1, 4, 16))
        a, b = bytes(data[first : first + size]), bytes(data[second : second + size])
        data[first : first + len(a)] = b
        data[second : second + len(b)] = a

    def _splice(self, data: bytearray) -> None:
        other = self._random.choice(self._seeds)
        data[self._place(data) :] = other[self._random.randrange(len(other) + 1) :]

    def _number(self, data: bytearray) -> None:
        found = list(_DIGITS.finditer(bytes(data)))
        if found:
            chosen = self._random.choice(found)
            data[chosen.start() : chosen.end()] = self._random.choice(_NUMBERS)


_MUTATIONS: list[Callable[[Inputs, bytearray], None]] = [
    Inputs._flip,
    Inputs._overwrite,
    Inputs._insert,
    Inputs._remove,
    Inputs._cut,
    Inputs._repeat,
    Inputs._swap,
    Inputs._splice,
    Inputs._number,
]
