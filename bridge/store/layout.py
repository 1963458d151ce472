"""Folders and names of a storage (docs/design/store.md, "Folders"), and the small JSON files in them.

Names are made and read here and nowhere else. What does not carry a name of ours is foreign: it is named,
never touched. JSON files are replaced whole: written beside, synced, renamed, and their folder synced.
"""

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from bridge.base.errors import BridgeError, DamagedError
from bridge.base.time import format_utc

FORMAT = 1
"""Of the folders and of the JSON files."""

SERIALS_PER_FOLDER = 1000

STORAGE_JSON = "storage.json"
RECORDING_JSON = "recording.json"
LOCKS_JSON = "locks.json"
CHAIN = "chain.jsonl"
LOCK = ".lock"
SPARE = ".spare"
SPARE_BYTES = 4 << 20
"""Room for the footers of some hundred segments."""

LOST_FOUND = "lost+found"
"""Lies at the top of every ext4."""

_NEW = ".new"
_THOUSAND = re.compile(r"\d{6,}", re.ASCII)
_SEGMENT = re.compile(r"(\d{8,})-\d{8}T\d{6}\.\d{3}Z\.mp4", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_MAX_JSON_BYTES = 16 << 20


class StorageError(BridgeError):
    """A storage cannot be used: what it is, and what stands in the way."""


@dataclass(frozen=True, slots=True)
class StorageFacts:
    """storage.json. name: as it was configured when the storage was made; for people."""

    uuid: UUID
    name: str


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """recording.json.

    ended_utc_ns: since when nothing is added; None: it goes on
    public_key:   Ed25519, 32 bytes: what the chain is verified with
    retention_ns: how old footage may become, as it was configured last; None: as long as there is room. It holds on
                  when the recording has ended
    """

    uuid: UUID
    recorder: UUID
    camera: str
    stream: str
    created_utc_ns: int
    ended_utc_ns: int | None
    public_key: bytes
    retention_ns: int | None = None


@dataclass(frozen=True, slots=True)
class LockFacts:
    """A row of locks.json: footage that nothing deletes. expires_utc_ns None: until somebody unlocks it."""

    uuid: UUID
    from_utc_ns: int
    until_utc_ns: int
    who: str
    why: str
    made_utc_ns: int
    expires_utc_ns: int | None


class Fault(NamedTuple):
    """Something that is wrong with a file. offset: of the byte where it begins; -1: of the file as a whole."""

    path: Path
    offset: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.offset < 0 else f"{self.path}, byte {self.offset}: {self.text}"


class SegmentFile(NamedTuple):
    """A file whose name is a segment's."""

    serial: int
    path: Path


class StorageFolder:
    """A folder that holds recordings."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self, facts: StorageFacts) -> None:
        """Makes an empty storage: folder and storage.json. Raises StorageError when something lies there."""
        self.path.mkdir(parents=True, exist_ok=True)
        if any(path.name != LOST_FOUND for path in self.path.iterdir()):
            raise StorageError(f"{self.path}: is not empty, so no storage is made of it")
        write_json(self.path / STORAGE_JSON, {"uuid": str(facts.uuid), "name": facts.name})

    def facts(self) -> StorageFacts:
        """What storage.json says. Raises StorageError: missing (a mount point without its disk), or not to be read."""
        try:
            fields = _Fields(self.path / STORAGE_JSON)
            return StorageFacts(fields.uuid("uuid"), fields.text("name"))
        except FileNotFoundError:
            raise StorageError(f"{self.path}: no {STORAGE_JSON}: not a storage, or its disk is not mounted") from None
        except (OSError, DamagedError) as error:
            raise StorageError(f"{self.path}: {error}") from None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the storage for this process as long as the context lasts. Raises StorageError when another has it."""
        descriptor = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StorageError(f"{self.path}: another recorder writes here") from None
            yield
        finally:
            os.close(descriptor)

    def keep_spare(self) -> None:
        """Sets room aside for what deleting itself writes, unless that is done, or there is none to be had.

        A disk without a single free block would take no chain entry, and so nothing could be deleted from it.
        """
        path = self.path / SPARE
        with contextlib.suppress(OSError):
            if path.exists() and path.stat().st_size >= SPARE_BYTES:
                return
            if not (self.path / STORAGE_JSON).exists():
                return  # the disk is gone, and this the folder it was mounted on
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                os.posix_fallocate(descriptor, 0, SPARE_BYTES)
            finally:
                os.close(descriptor)

    def free_spare(self) -> None:
        """The room that `keep_spare` set aside may be used."""
        with contextlib.suppress(OSError):
            (self.path / SPARE).unlink(missing_ok=True)

    def recording(self, recording: UUID) -> "RecordingFolder":
        """Its folder, which need not be there."""
        return RecordingFolder(self.path / str(recording))

    def recordings(self) -> list["RecordingFolder"]:
        """All that are there, by name."""
        return [RecordingFolder(path) for path in sorted(self.path.iterdir()) if _is_recording(path)]

    def foreign(self) -> list[Path]:
        """What is not ours."""
        ours = {STORAGE_JSON, STORAGE_JSON + _NEW, LOCK, SPARE, LOST_FOUND}
        return sorted(path for path in self.path.iterdir() if path.name not in ours and not _is_recording(path))


class RecordingFolder:
    """What a storage holds of one recording."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.uuid = UUID(path.name)

    def create(self, facts: RecordingFacts) -> None:
        """Makes the folder with its recording.json; both are synced."""
        if facts.uuid != self.uuid:
            raise ValueError(f"recording {facts.uuid} in the folder of {self.uuid}")
        self.path.mkdir(exist_ok=True)
        sync_folder(self.path.parent)
        self.write_facts(facts)

    def facts(self) -> RecordingFacts:
        """What recording.json says. Raises OSError, DamagedError."""
        fields = _Fields(self.path / RECORDING_JSON)
        facts = RecordingFacts(
            fields.uuid("uuid"),
            fields.uuid("recorder"),
            fields.text("camera"),
            fields.text("stream"),
            fields.number("created_utc_ns"),
            fields.number_or_none("ended_utc_ns"),
            fields.hexadecimal("public_key"),
            fields.number_or_none("retention_ns"),
        )
        if facts.uuid != self.uuid:
            raise DamagedError(f"{self.path / RECORDING_JSON}: uuid is {facts.uuid}; {self.uuid} expected")
        return facts

    def write_facts(self, facts: RecordingFacts) -> None:
        """Replaces recording.json."""
        write_json(
            self.path / RECORDING_JSON,
            {
                "uuid": str(facts.uuid),
                "recorder": str(facts.recorder),
                "camera": facts.camera,
                "stream": facts.stream,
                "created_utc_ns": facts.created_utc_ns,
                "ended_utc_ns": facts.ended_utc_ns,
                "public_key": facts.public_key.hex(),
                "retention_ns": facts.retention_ns,
            },
        )

    def locks(self) -> tuple[LockFacts, ...]:
        """What locks.json says; () without one. Raises OSError, DamagedError."""
        path = self.path / LOCKS_JSON
        try:
            rows = _Fields(path).rows("locks")
        except FileNotFoundError:
            return ()
        return tuple(
            LockFacts(
                row.uuid("uuid"),
                row.number("from_utc_ns"),
                row.number("until_utc_ns"),
                row.text("who"),
                row.text("why"),
                row.number("made_utc_ns"),
                row.number_or_none("expires_utc_ns"),
            )
            for row in rows
        )

    def write_locks(self, locks: Sequence[LockFacts]) -> None:
        """Replaces locks.json."""
        rows = [
            {
                "uuid": str(lock.uuid),
                "from_utc_ns": lock.from_utc_ns,
                "until_utc_ns": lock.until_utc_ns,
                "who": lock.who,
                "why": lock.why,
                "made_utc_ns": lock.made_utc_ns,
                "expires_utc_ns": lock.expires_utc_ns,
            }
            for lock in locks
        ]
        write_json(self.path / LOCKS_JSON, {"locks": rows})

    def thousand(self, serial: int) -> Path:
        """The folder in which the serial lies."""
        return self.path / f"{serial // SERIALS_PER_FOLDER:06d}"

    def make_thousand(self, serial: int) -> Path:
        """The same; made, and synced in its parent, when it is not there."""
        folder = self.thousand(serial)
        if not folder.is_dir():
            folder.mkdir(exist_ok=True)
            sync_folder(self.path)
        return folder

    def segment_path(self, serial: int, start_utc_ns: int) -> Path:
        """Where a segment is made. The time in its name is for people; use `find` for one that is there."""
        time = format_utc(start_utc_ns).replace("-", "").replace(":", "")
        return self.thousand(serial) / f"{serial:08d}-{time}.mp4"

    def find(self, serial: int, start_utc_ns: int | None = None) -> Path | None:
        """The segment's file; None when it is gone. start_utc_ns: spares the listing where the name keeps to it."""
        if start_utc_ns is not None:
            path = self.segment_path(serial, start_utc_ns)
            if path.is_file():
                return path
        return next((found.path for found in self._segments_in(self.thousand(serial)) if found.serial == serial), None)

    def thousands(self) -> list[Path]:
        """The folders of a thousand serials that are there, oldest first."""
        try:
            found = [path for path in self.path.iterdir() if _is_thousand(path)]
        except FileNotFoundError:
            return []
        return sorted(found, key=lambda path: int(path.name))

    def segments(self, from_serial: int = 0, until_serial: int | None = None) -> Iterator[SegmentFile]:
        """The segments that are there, from_serial <= serial < until_serial, by serial."""
        for folder in self.thousands():
            first = int(folder.name) * SERIALS_PER_FOLDER
            if first + SERIALS_PER_FOLDER <= from_serial or (until_serial is not None and first >= until_serial):
                continue
            for found in self._segments_in(folder):
                if found.serial >= from_serial and (until_serial is None or found.serial < until_serial):
                    yield found

    def chains(self) -> list[Path]:
        """The files of the chain that are there, oldest first."""
        return [path for path in (folder / CHAIN for folder in self.thousands()) if path.is_file()]

    def unlink_segments(self, serial: int, until_serial: int) -> list[Path]:
        """Deletes the files of these serials, the last one too, and folders that are empty after it; what was deleted.

        A folder goes with its part of the chain when all older ones are gone, so that the chain that is left has no
        hole; the newest stays, and so do those behind the chain's newest part.
        """
        gone = []
        for segment in list(self.segments(serial, until_serial + 1)):
            segment.path.unlink(missing_ok=True)
            gone.append(segment.path)
        chains = self.chains()
        newest_chain = int(chains[-1].parent.name) if chains else 0
        for folder in self.thousands()[:-1]:
            if int(folder.name) >= newest_chain or any(path.name != CHAIN for path in folder.iterdir()):
                break
            (folder / CHAIN).unlink(missing_ok=True)
            folder.rmdir()
        return gone

    def foreign(self) -> list[Path]:
        """What is not ours, here and in the folders of the serials."""
        ours = {name + ending for name in (RECORDING_JSON, LOCKS_JSON) for ending in ("", _NEW)}
        found = [path for path in self.path.iterdir() if path.name not in ours and not _is_thousand(path)]
        for folder in self.thousands():
            mine = {segment.path for segment in self._segments_in(folder)}
            found += [path for path in folder.iterdir() if path.name != CHAIN and path not in mine]
        return sorted(found)

    def _segments_in(self, folder: Path) -> list[SegmentFile]:
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208 - names are enough; a thousand paths cost ten times as much
        except FileNotFoundError:
            return []
        found = []
        for name in names:
            match = _SEGMENT.fullmatch(name)
            if match and int(match[1]) // SERIALS_PER_FOLDER == int(folder.name):
                found.append(SegmentFile(int(match[1]), folder / name))
        return sorted(found)


def sync_folder(path: Path) -> None:
    """What was made, renamed or removed in the folder is on disk afterwards."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, fields: Mapping[str, object]) -> None:
    """Replaces the file whole, with the number of the format in front; on disk afterwards."""
    text = json.dumps({"format": FORMAT, **fields}, indent=1, ensure_ascii=False) + "\n"
    new = path.with_name(path.name + _NEW)
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


class _Fields:
    """Fields of a JSON object, each of the kind that is asked for. Raises OSError, DamagedError."""

    def __init__(self, path: Path, fields: object = None) -> None:
        self._path = path
        if fields is None:
            fields = _load(path)
            if not isinstance(fields, dict) or fields.get("format") != FORMAT:
                raise DamagedError(f"{path}: an object with format {FORMAT} expected")
        if not isinstance(fields, dict):
            raise DamagedError(f"{path}: {type(fields).__name__} where an object is expected")
        self._fields: dict[str, object] = fields

    def text(self, name: str) -> str:
        value = self._fields.get(name)
        if not isinstance(value, str):
            raise self._wrong(name, "a text")
        return value

    def number(self, name: str) -> int:
        value = self._fields.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong(name, "a whole number")
        return value

    def number_or_none(self, name: str) -> int | None:
        return None if self._fields.get(name) is None else self.number(name)

    def uuid(self, name: str) -> UUID:
        text = self.text(name)
        if not _UUID.fullmatch(text):
            raise self._wrong(name, "a UUID")
        return UUID(text)

    def hexadecimal(self, name: str) -> bytes:
        try:
            return bytes.fromhex(self.text(name))
        except ValueError:
            raise self._wrong(name, "hexadecimal digits") from None

    def rows(self, name: str) -> list["_Fields"]:
        rows = self._fields.get(name)
        if not isinstance(rows, list):
            raise self._wrong(name, "a list")
        return [_Fields(self._path, {} if row is None else row) for row in rows]

    def _wrong(self, name: str, expected: str) -> DamagedError:
        return DamagedError(f"{self._path}: {name} is {self._fields.get(name)!r:.100}; {expected} expected")


def _load(path: Path) -> object:
    with path.open("rb") as file:
        data = file.read(_MAX_JSON_BYTES + 1)
    if len(data) > _MAX_JSON_BYTES:
        raise DamagedError(f"{path}: more than {_MAX_JSON_BYTES} bytes")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{path}: no JSON: {error}") from None


def _is_recording(path: Path) -> bool:
    return _UUID.fullmatch(path.name) is not None and path.is_dir()


def _is_thousand(path: Path) -> bool:
    return _THOUSAND.fullmatch(path.name) is not None and path.is_dir()
