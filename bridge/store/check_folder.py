"""Whether one recording on one storage is what the index and the chain say of it. Read-only, streaming.

Rows, files and chain are joined by serial, a folder of a thousand at a time: rows are read before files and these
before the chain, so that what a running service adds meanwhile is seen too late, never too early. What does not agree
is looked at a second time; only that tells.
"""

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from bridge.base.errors import DamagedError
from bridge.store.chain import Entry, What, check_chain, read_chain, verify_chain
from bridge.store.layout import RECORDING_JSON, SERIALS_PER_FOLDER, Fault, RecordingFolder
from bridge.store.read_only import ReadOnlyDatabase
from bridge.store.rows import ChainHead, RecordingRow, SegmentRow
from bridge.store.schema import holdings, segments
from bridge.store.serials import Stretch, merged, without
from bridge.store.verify import verify_segment
from bridge.store.walk import read_head, read_summary

#: Looked at a second time together.
_BATCH_SERIALS = 5_000


@dataclass(frozen=True, slots=True)
class Keys:
    """Who recorded: the UUID in every segment, and the public key (Ed25519, 32 bytes) that chains are signed with."""

    recorder: UUID
    public_key: bytes


@dataclass(frozen=True, slots=True)
class Checking:
    """What all parts of a check need.

    database: the index
    paths:    storages by the index's own number
    digests:  every byte is read
    in_use:   whether a service runs on the data folder, now
    pause:    waits, so that what was seen half done is done at the second look
    """

    database: ReadOnlyDatabase
    paths: Mapping[int, Path]
    digests: bool
    in_use: Callable[[], bool]
    pause: Callable[[], object]

    def twice(self, look: Callable[[], list[Fault]]) -> list[Fault]:
        """What `look` finds, and while a service runs finds again."""
        faults = look()
        if not faults or not self.in_use():
            return faults
        self.pause()
        again = set(look())
        return [fault for fault in faults if fault in again]


@dataclass(slots=True)
class Checked:
    """What was looked at so far. being_written: files above the highest indexed serial, beside a running service."""

    recordings: int = 0
    segments: int = 0
    size_bytes: int = 0
    being_written: int = 0
    chain_entries: int = 0


class FolderCheck:
    """See the module. `faults` is called once."""

    def __init__(
        self,
        checking: Checking,
        checked: Checked,
        folder: RecordingFolder,
        recording: RecordingRow,
        storage_id: int,
        keys: Keys,
        head: ChainHead,
    ) -> None:
        """head: as the index knew it before anything of the folder is read."""
        self._checking = checking
        self._checked = checked
        self._folder = folder
        self._recording = recording
        self._storage_id = storage_id
        self._keys = keys
        self._head = head
        self._chain = check_chain(folder, keys.public_key, head)
        self._chain_faults: list[Fault] = []
        self._highest_told = 0
        self._suspects: set[int] = set()
        # Digests of the chain whose file is not looked at yet, and of files whose entry is not read yet.
        self._told: dict[int, bytes] = {}
        self._waiting: dict[int, bytes] = {}
        # Serials that were written and deleted as the chain says, and those that rows or files have.
        self._written: list[Stretch] = []
        self._deleted: list[Stretch] = []
        self._seen: list[Stretch] = []

    def faults(self) -> Iterator[Fault]:
        """Everything that is wrong."""
        yield from self._checking.twice(self._facts)
        yield from self._checking.twice(lambda: [Fault(path, -1, "not ours") for path in self._folder.foreign()])
        for thousand in self._thousands():
            self._look_at(thousand)
        self._read_chain(None)
        if self._chain_faults and self._checking.in_use():
            self._checking.pause()
            again = set(verify_chain(self._folder, self._keys.public_key, self._head))
            self._chain_faults = [fault for fault in self._chain_faults if fault in again]
        yield from self._chain_faults
        self._suspects |= self._waiting.keys()
        deleted, seen = merged(self._deleted), merged(self._seen)
        accounted = merged(deleted + seen)
        missing = [part for stretch in merged(self._written) for part in without(stretch, accounted)]
        still_there = [part for stretch in seen for part in without(stretch, without(stretch, deleted))]
        for first, last in (*missing, *still_there):
            self._suspects.update(range(first, last + 1))
        suspects = sorted(self._suspects)
        for at in range(0, len(suspects), _BATCH_SERIALS):
            if self._checking.in_use():
                self._checking.pause()
            yield from self._look_again(suspects[at : at + _BATCH_SERIALS])

    # -- the small files

    def _facts(self) -> list[Fault]:
        path = self._folder.path / RECORDING_JSON
        try:
            facts = self._folder.facts()
            self._folder.locks()
        except DamagedError as error:
            return [Fault(self._folder.path, -1, str(error))]
        except OSError as error:
            return [Fault(path, -1, error.strerror or str(error))]
        pairs: list[tuple[str, object, object]] = [
            ("recorder", facts.recorder, self._keys.recorder),
            ("public_key", facts.public_key.hex(), self._keys.public_key.hex()),
            ("camera", facts.camera, self._recording.camera),
            ("stream", facts.stream, self._recording.stream),
        ]
        return _differences(path, pairs)

    # -- the first look

    def _thousands(self) -> list[int]:
        mine = sa.select(segments.c.serial // SERIALS_PER_FOLDER).where(self._mine()).distinct()
        in_rows = self._checking.database.read(lambda connection: set(connection.execute(mine).scalars()))
        return sorted(in_rows | {int(path.name) for path in self._folder.thousands()})

    def _mine(self) -> sa.ColumnElement[bool]:
        return sa.and_(segments.c.recording_id == self._recording.id, segments.c.storage_id == self._storage_id)

    def _look_at(self, thousand: int) -> None:
        first, until = thousand * SERIALS_PER_FOLDER, (thousand + 1) * SERIALS_PER_FOLDER
        rows, highest = self._rows(sa.and_(self._mine(), segments.c.serial.between(first, until - 1)))
        files = self._files(first, until)
        self._read_chain(until + SERIALS_PER_FOLDER)
        for serial in sorted(rows.keys() | files.keys()):
            _add(self._seen, serial)
            row, paths = rows.get(serial), files.get(serial, [])
            if row is None and serial > highest and self._checking.in_use():
                self._checked.being_written += 1
            elif row is None or len(paths) != 1:
                self._suspects.add(serial)
            else:
                self._checked.segments += 1
                self._checked.size_bytes += row.size_bytes
                faults, digest = self._segment(paths[0], row)
                if faults:
                    self._suspects.add(serial)
                elif serial not in self._told:
                    self._waiting[serial] = digest
                elif self._told[serial] != digest:
                    self._suspects.add(serial)
        self._told = {serial: digest for serial, digest in self._told.items() if serial >= until}

    def _rows(self, which: sa.ColumnElement[bool]) -> tuple[dict[int, SegmentRow], int]:
        """(rows by serial, the highest serial of the recording that was ever indexed)"""
        last = sa.select(sa.func.max(holdings.c.last_serial)).where(holdings.c.recording_id == self._recording.id)

        def look(connection: sa.Connection) -> tuple[dict[int, SegmentRow], int]:
            rows = [SegmentRow(*row) for row in connection.execute(sa.select(segments).where(which))]
            return {row.serial: row for row in rows}, connection.execute(last).scalar() or 0

        return self._checking.database.read(look)

    def _files(self, first: int, until: int) -> dict[int, list[Path]]:
        files: dict[int, list[Path]] = {}
        for serial, path in self._folder.segments(first, until):
            files.setdefault(serial, []).append(path)
        return files

    def _read_chain(self, until_serial: int | None) -> None:
        """Goes on until an entry of that serial was seen: entries come in the order of their serials, nearly."""
        while until_serial is None or self._highest_told < until_serial:
            try:
                line = next(self._chain, None)
            except FileNotFoundError as error:  # a folder went, with its part of the chain
                line = None
                self._chain_faults.append(Fault(self._folder.path, -1, f"{error.filename} went while it was read"))
            if line is None:
                return
            self._chain_faults += line.faults
            if line.entry is not None:
                self._checked.chain_entries += 1
                self._take(line.entry)

    def _take(self, entry: Entry) -> None:
        if entry.what is What.DELETED:
            self._deleted.append((entry.serial, entry.until_serial))
            return
        _add(self._written, entry.serial)
        self._highest_told = max(self._highest_told, entry.serial)
        if entry.serial not in self._waiting:
            self._told[entry.serial] = entry.digest
        elif self._waiting.pop(entry.serial) != entry.digest:
            self._suspects.add(entry.serial)

    # -- the second look

    def _look_again(self, serials: list[int]) -> Iterator[Fault]:
        first, until = serials[0], serials[-1] + 1
        of = segments.c.recording_id == self._recording.id
        rows, highest = self._rows(sa.and_(of, segments.c.serial.in_(serials)))
        files = self._files(first, until)
        told, deleted = self._entries(first, set(serials))
        in_use = self._checking.in_use()
        for serial in serials:
            row, paths, entry = rows.get(serial), files.get(serial, []), told.get(serial)
            if any(start <= serial <= end for start, end in deleted):
                yield from self._deleted_but_there(row, paths)
                continue
            for path in paths[1:]:
                yield Fault(path, -1, f"a second file of serial {serial}; {paths[0].name} is the first")
            if row is not None and row.storage_id == self._storage_id:
                yield from self._row_and_file(row, paths, entry)
            elif not paths and row is None and entry is not None:
                expected = f"entry {entry.n} of the chain says that it was {entry.what.value}"
                yield Fault(self._folder.thousand(serial), -1, f"segment {serial} is missing: {expected}")
            elif paths and not (serial > highest and in_use):
                yield Fault(paths[0], -1, self._no_row(serial, row, entry, unfinished=serial > highest))

    def _entries(self, from_serial: int, serials: Collection[int]) -> tuple[dict[int, Entry], list[Stretch]]:
        """(entries of these segments, deletions)"""
        told: dict[int, Entry] = {}
        deleted: list[Stretch] = []
        for _, _, entry in read_chain(self._folder, from_serial):
            if isinstance(entry, DamagedError):
                continue
            if entry.what is What.DELETED:
                deleted.append((entry.serial, entry.until_serial))
            elif entry.serial in serials:
                told[entry.serial] = entry
        return told, merged(deleted)

    def _deleted_but_there(self, row: SegmentRow | None, paths: list[Path]) -> Iterator[Fault]:
        cure = "the service goes on with it at its next start"
        for path in paths:
            yield Fault(path, -1, f"its deletion was not finished: {cure}")
        if row is not None and row.storage_id == self._storage_id and not paths:
            path = self._folder.segment_path(row.serial, row.start_utc_ns)
            yield Fault(path, -1, f"its deletion was not finished, it still has a row: {cure}")

    def _row_and_file(self, row: SegmentRow, paths: list[Path], entry: Entry | None) -> Iterator[Fault]:
        if not paths:
            path = self._folder.segment_path(row.serial, row.start_utc_ns)
            yield Fault(path, -1, f"is missing: a segment of {row.size_bytes} bytes expected")
            return
        faults, digest = self._segment(paths[0], row)
        yield from faults
        if entry is None:
            yield Fault(paths[0], -1, f"the chain has no entry of serial {row.serial}")
        elif digest and digest != entry.digest:
            said = f"entry {entry.n} of the chain says {entry.digest.hex()}"
            yield Fault(paths[0], -1, f"was changed: its digest is {digest.hex()}; {said}")

    def _no_row(self, serial: int, row: SegmentRow | None, entry: Entry | None, *, unfinished: bool) -> str:
        if row is not None:
            path = self._checking.paths.get(row.storage_id, "another storage")
            return f"the index has serial {serial} on {path}: is this a copy?"
        if unfinished:
            return "not finished; the service recovers it at its next start"
        added = "" if entry else ", and the chain has no entry of it"
        return f"the index has no row of serial {serial}{added}"

    def _segment(self, path: Path, row: SegmentRow) -> tuple[list[Fault], bytes]:
        """(what is wrong with the file by itself and against its row, its digest: b"" when it cannot be told)"""
        try:
            differs, damage, digest = self._against_row(path, row)
            if self._checking.digests:
                damage, digest = verify_segment(path)
        except OSError as error:
            return [Fault(path, -1, f"cannot be read: {error.strerror or error}")], b""
        return differs + damage, digest

    def _against_row(self, path: Path, row: SegmentRow) -> tuple[list[Fault], list[Fault], bytes]:
        """(differences to the row, what cannot be read, digest)"""
        values: list[tuple[str, object, object]] = []
        digest, damage = b"", []
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(descriptor).st_size
            values.append(("length", size, row.size_bytes))
            head = read_head(descriptor)
            header = head.header
            values += [
                ("recording", header.recording, self._recording.uuid),
                ("recorder", header.recorder, self._keys.recorder),
                ("serial", header.serial, row.serial),
                ("run", header.run, row.run),
                ("starts with a key frame", header.starts_with_key, row.starts_with_key),
            ]
            summary = read_summary(descriptor, head, size)
            if summary is None or summary.span is None:
                damage.append(Fault(path, -1, "no footer" if summary is None else "no samples"))
            else:
                digest = hashlib.sha256(head.raw + b"".join(summary.seals)).digest()
                values.append(("start", summary.span.start_utc_ns, row.start_utc_ns))
                values.append(("end", summary.span.end_utc_ns, row.end_utc_ns))
        except DamagedError as error:
            damage.append(Fault(path, error.offset, str(error)))
        finally:
            os.close(descriptor)
        return _differences(path, values), damage, digest


def _differences(path: Path, values: list[tuple[str, object, object]]) -> list[Fault]:
    return [Fault(path, -1, f"{name} is {found}; {row} expected") for name, found, row in values if found != row]


def _add(stretches: list[Stretch], serial: int) -> None:
    """Most serials follow the one before."""
    if stretches and stretches[-1][1] == serial - 1:
        stretches[-1] = (stretches[-1][0], serial)
    else:
        stretches.append((serial, serial))
