"""What was changed in a finished segment: every byte is held against what the file says of itself. Read-only.

The head, the fragments and the index carry digests; `mfra` must be what the fragments say. Whether the whole was made
anew by somebody is for the chain to say, which knows the segment's digest.
"""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from bridge.base.errors import DamagedError
from bridge.store.format import Head, KeyTable
from bridge.store.layout import Fault
from bridge.store.sample_index import SampleIndex
from bridge.store.walk import StoredFooter, add_to_index, digest_of, read_footer, read_head, walk

_COLUMNS = ("utc_ns", "media_time", "dts", "at", "size", "flags")


class Verdict(NamedTuple):
    """digest: SHA-256 over the head and the seals, as the chain has it; empty when the file cannot be read so far."""

    faults: list[Fault]
    digest: bytes


def verify(path: Path) -> list[Fault]:
    """What is wrong with a finished segment; nothing: it is as it was written. Reads all of it. Raises OSError."""
    return verify_segment(path).faults


def verify_segment(path: Path) -> Verdict:
    """The same, with the digest that its chain entry must have. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _Verification(path, descriptor).verdict()
    finally:
        os.close(descriptor)


class _Verification:
    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        self._faults: list[Fault] = []
        self._seals: list[bytes] = []

    def verdict(self) -> Verdict:
        try:
            head = read_head(self._descriptor)
        except DamagedError as error:
            self._fault(error.offset, str(error))
            return Verdict(self._faults, b"")
        index, keys = SampleIndex(len(head.tracks)), KeyTable(head.tracks)
        end = self._fragments(head, index, keys)
        if end is not None:
            self._footer(head, index, keys, end)
        digest = hashlib.sha256(head.raw + b"".join(self._seals)).digest()
        return Verdict(self._faults, digest if end is not None else b"")

    def _fragments(self, head: Head, index: SampleIndex, keys: KeyTable) -> int | None:
        """Where they end; None: one of them could not be read."""
        end = len(head.raw)
        try:
            for number, fragment in enumerate(walk(self._descriptor, head, self._size), 1):
                if fragment.sequence != number:
                    self._fault(fragment.at, f"fragment {fragment.sequence} where {number} is expected")
                if digest_of(self._descriptor, fragment) != fragment.sealed:
                    self._fault(fragment.at, f"fragment {number} is not what its seal says")
                add_to_index(index, head, fragment)
                keys.add(fragment.runs, fragment.moof_at)
                self._seals.append(fragment.sealed)
                end = fragment.end
        except DamagedError as error:
            self._fault(error.offset, str(error))
            return None
        if not self._seals:
            self._fault(end, "no fragment")
        return end

    def _footer(self, head: Head, index: SampleIndex, keys: KeyTable, end: int) -> None:
        try:
            stored = read_footer(self._descriptor, head, self._size)
            if stored is None:
                self._fault(end, "no footer")
            elif stored.at != end:
                self._fault(end, f"{stored.at - end} bytes between the last fragment and the index")
            else:
                self._compare(stored, index, keys)
        except DamagedError as error:
            self._fault(error.offset, str(error))

    def _compare(self, stored: StoredFooter, index: SampleIndex, keys: KeyTable) -> None:
        if stored.footer.seals != tuple(self._seals):
            self._fault(stored.at, "the index has other seals than the fragments")
        for number, (said, found) in enumerate(zip(stored.footer.index.tracks, index.tracks, strict=True), 1):
            for column in _COLUMNS:
                if getattr(said, column) != getattr(found, column):
                    self._fault(stored.at, f"the index says another {column} of track {number} than the fragments")
        if stored.mfra != keys.box():
            self._fault(stored.mfra_at, "mfra has other key frames than the fragments")

    def _fault(self, offset: int, text: str) -> None:
        self._faults.append(Fault(self._path, offset, text))
