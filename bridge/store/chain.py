"""The chain of a recording on a storage: what was written and deleted, an entry per line, signed.

docs/design/store.md, "The chain". A line is JSON with sorted keys and no spaces; bytes are hexadecimal. An entry's link
is SHA-256 of its line without `signature`; the signature (Ed25519, RFC 8032) is over the same bytes. `prev` is the link
of the entry before, empty in the first. Entries lie in the newest folder of serials that there is, so the chain runs
through the folders in their order, and its head never goes with an old one.
"""

import contextlib
import enum
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bridge.base.errors import DamagedError
from bridge.store.layout import CHAIN, Fault, RecordingFolder, sync_folder
from bridge.store.rows import ChainHead

MAX_LINE_BYTES = 64 << 10
"""Of an entry; only `why` can be long."""

_BLOCK_BYTES = 1 << 20


class Signer(Protocol):
    """Holds the recorder's private key."""

    @property
    def public_key(self) -> bytes:
        """Ed25519, 32 bytes."""

    def sign(self, data: bytes) -> bytes:
        """Ed25519, 64 bytes."""


class KeySigner:
    """A signer with the key in memory."""

    def __init__(self, private_key: bytes) -> None:
        """private_key: 32 bytes (RFC 8032 5.1.5)"""
        self._key = Ed25519PrivateKey.from_private_bytes(private_key)
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        """Ed25519, 64 bytes."""
        return self._key.sign(data)


class What(enum.StrEnum):
    """What an entry tells of its serials."""

    WRITTEN = "written"
    RECOVERED = "recovered"
    INSERTED = "inserted"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Entry:
    """
    n:            counts the entries of the recording on this storage, from 1
    utc_ns:       when it was made
    until_serial: the last of the serials, the same as `serial` where it is one segment
    digest:       of the segment; empty: deleted
    why:          deleted: the rule or the user
    """

    n: int
    utc_ns: int
    what: What
    serial: int
    until_serial: int
    digest: bytes
    why: str
    prev: bytes
    signature: bytes = b""

    def unsigned(self) -> bytes:
        """What is signed and linked."""
        return _canonical({name: value for name, value in self._fields().items() if name != "signature"})

    def line(self) -> bytes:
        """As it stands in the file, with its newline."""
        return _canonical(self._fields()) + b"\n"

    def link(self) -> bytes:
        """What the next entry's `prev` is."""
        return hashlib.sha256(self.unsigned()).digest()

    def is_signed_by(self, public_key: bytes) -> bool:
        """Whether the signature is true. public_key: Ed25519, 32 bytes"""
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(self.signature, self.unsigned())
        except InvalidSignature:
            return False
        return True

    def _fields(self) -> dict[str, object]:
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value.hex() if isinstance(value, bytes) else value for name, value in values}


def _canonical(values: dict[str, object]) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


_NUMBERS = ("n", "utc_ns", "serial", "until_serial")
_TEXTS = ("digest", "prev", "signature", "what", "why")
_BYTES = ("digest", "prev", "signature")
_KINDS: dict[str, type] = dict.fromkeys(_NUMBERS, int) | dict.fromkeys(_TEXTS, str)


def parse_entry(line: bytes) -> Entry:
    """A line, its newline included. Raises DamagedError."""
    try:
        values = json.loads(line)
        if not isinstance(values, dict) or values.keys() != _KINDS.keys():
            raise DamagedError(f"chain entry {line[:100]!r}: an object with {', '.join(_KINDS)} expected")
        for name, kind in _KINDS.items():
            if type(values[name]) is not kind:
                raise DamagedError(f"chain entry: {name} is {values[name]!r:.100}; {kind.__name__} expected")
        values["what"] = What(values["what"])
        for name in _BYTES:
            values[name] = bytes.fromhex(values[name])
        entry = Entry(**values)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"chain entry {line[:100]!r}: {error}") from None
    if entry.line() != line:
        raise DamagedError(f"chain entry {line[:100]!r} is not written as its signature needs it")
    return entry


class Read(NamedTuple):
    """A line of the chain: an entry, or why it is none. offset: of the line in its file."""

    path: Path
    offset: int
    entry: Entry | DamagedError


def read_chain(folder: RecordingFolder, from_serial: int = 0) -> Iterator[Read]:
    """The chain from the folder of that serial on, in order. Raises OSError."""
    first = folder.thousand(from_serial)
    for path in folder.chains():
        if int(path.parent.name) >= int(first.name):
            yield from _read_file(path)


def _read_file(path: Path) -> Iterator[Read]:
    with path.open("rb") as file:
        offset = 0
        while line := file.readline(MAX_LINE_BYTES):
            try:
                yield Read(path, offset, parse_entry(line))
            except DamagedError as error:
                yield Read(path, offset, error)
            offset += len(line)


class ChainWriter:
    """Appends to a recording's chain. Blocking, one thread at a time, one writer at a time."""

    def __init__(self, folder: RecordingFolder, signer: Signer) -> None:
        """Cuts off a torn last line. Raises OSError."""
        self.folder = folder
        self.cut_bytes = 0
        """Of a line that a crash had torn."""
        self.head = ChainHead()
        self._signer = signer
        self._failed = False
        for path in reversed(folder.chains()):
            self.cut_bytes += _cut_torn_line(path)
            if self._take_head(path):
                break

    def append(
        self,
        what: What,
        serial: int,
        utc_ns: int,
        *,
        until_serial: int | None = None,
        digest: bytes = b"",
        why: str = "",
    ) -> ChainHead:
        """Writes and syncs an entry; the new head. Raises OSError; the chain is as before then."""
        until = serial if until_serial is None else until_serial
        entry = Entry(self.head.entries + 1, utc_ns, what, serial, until, digest, why, self.head.link)
        entry = replace(entry, signature=self._signer.sign(entry.unsigned()))
        line = entry.line()
        if len(line) > MAX_LINE_BYTES:
            raise ValueError(f"a chain entry of {len(line)} bytes; at most {MAX_LINE_BYTES} are read again")
        path = self._path(entry)
        if self._failed:
            _cut_torn_line(path)
        self._failed = True
        _append(path, line)
        self._failed = False
        self.head = ChainHead(entry.n, entry.link())
        return self.head

    def _path(self, entry: Entry) -> Path:
        """The newest folder that there is; a segment that comes later makes its own newest."""
        newest = self.folder.thousands()[-1:]
        own = self.folder.thousand(entry.serial)
        if not newest or (entry.what is not What.DELETED and int(own.name) > int(newest[0].name)):
            return self.folder.make_thousand(entry.serial) / CHAIN
        return newest[0] / CHAIN

    def _take_head(self, path: Path) -> bool:
        """Whether the file has an entry; the last one is the head. Lines behind it that are none count as one each."""
        found = False
        for read in _read_file(path):
            if isinstance(read.entry, Entry):
                self.head = ChainHead(read.entry.n, read.entry.link())
                found = True
            elif found:
                self.head = ChainHead(self.head.entries + 1, self.head.link)
        return found


def _append(path: Path, line: bytes) -> None:
    fresh = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        end = os.fstat(descriptor).st_size
        try:
            written = os.pwrite(descriptor, line, end)
            if written < len(line):
                written += os.pwrite(descriptor, line[written:], end + written)
            os.fsync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, end)
            raise
    finally:
        os.close(descriptor)
    if fresh:
        sync_folder(path.parent)


def _cut_torn_line(path: Path) -> int:
    """Bytes behind the last newline are cut off; how many there were."""
    if not path.exists():
        return 0
    with path.open("r+b") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - _BLOCK_BYTES)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            file.truncate(end)
            os.fsync(file.fileno())
        return size - end


class Checked(NamedTuple):
    """A line of the chain, and what is wrong there. entry None: it is none, or the chain ends."""

    entry: Entry | None
    faults: list[Fault]


def check_chain(folder: RecordingFolder, public_key: bytes, head: ChainHead | None = None) -> Iterator[Checked]:
    """The chain by itself, line by line.

    public_key: the recorder's, from somewhere that whoever may have changed the disk cannot write
    head:       as index.db knows it; None: a chain that was cut off at its end is not found
    Raises OSError. The oldest folders may be gone: the first entry that is left is believed in its `prev`.
    """
    end: ChainHead | None = None
    missing = 0
    for path, offset, entry in read_chain(folder):
        if isinstance(entry, DamagedError):
            yield Checked(None, [Fault(path, offset, str(entry))])
            missing += 1
            continue
        texts, link = [], entry.link()
        if not entry.is_signed_by(public_key):
            texts.append(": the signature is not the recorder's")
        expected = end or ChainHead(entry.n - 1, b"" if entry.n == 1 else entry.prev)
        if entry.n - 1 != expected.entries + (missing if end else 0):
            texts.append(f" follows entry {expected.entries}")
        elif entry.prev != expected.link and not missing:
            texts.append(": prev is not the entry before")
        if head is not None and entry.n == head.entries and link != head.link:
            texts.append(" is not the one that the index knows")
        yield Checked(entry, [Fault(path, offset, f"entry {entry.n}{text}") for text in texts])
        end, missing = ChainHead(entry.n, link), 0
    last = end.entries if end else 0
    if head is not None and last < head.entries:
        yield Checked(None, [Fault(folder.path, -1, f"the chain ends with entry {last}; {head.entries} expected")])


def verify_chain(folder: RecordingFolder, public_key: bytes, head: ChainHead | None = None) -> list[Fault]:
    """What `check_chain` finds."""
    return [fault for checked in check_chain(folder, public_key, head) for fault in checked.faults]
