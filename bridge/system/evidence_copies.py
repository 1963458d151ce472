"""Copies of the evidence locks beside the footage: locks.json of each recording, on every storage that holds it.

config.db is what counts. The copies say what was locked when config.db is lost: `onb recordings reindex` takes over
those that it does not know. A storage that was not mounted when a lock was removed brings that one back; footage is
rather kept too long.
"""

from collections.abc import Iterable, Iterator
from uuid import UUID

from bridge.base.errors import DamagedError
from bridge.store.layout import LockFacts, RecordingFolder, StorageFolder
from bridge.system.evidence import EvidenceLock, EvidenceLocks


def mirror(locks: EvidenceLocks, recording: UUID, storages: Iterable[StorageFolder]) -> list[str]:
    """Writes the recording's copies anew; what could not be written, a line each. Raises DatabaseUnusableError."""
    facts = [_facts(lock) for lock in locks.list(recording)]
    problems = []
    for storage in storages:
        folder = storage.recording(recording)
        try:
            if folder.path.is_dir():
                folder.write_locks(facts)
        except OSError as error:
            problems.append(f"{folder.path}: the copy of its locks cannot be written: {error.strerror or error}")
    return problems


def take_over(locks: EvidenceLocks, folders: Iterable[RecordingFolder]) -> tuple[int, list[str]]:
    """Keeps what the copies say and config.db does not know: (how many, what could not be read, a line each)."""
    problems: list[str] = []
    return locks.take_over(list(_copies(folders, problems))), problems


def _copies(folders: Iterable[RecordingFolder], problems: list[str]) -> Iterator[EvidenceLock]:
    for folder in folders:
        try:
            for copy in folder.locks():
                yield _lock(folder.uuid, copy)
        except (OSError, DamagedError) as error:
            problems.append(f"{folder.path}: the copy of its locks cannot be read: {error}")


def _facts(lock: EvidenceLock) -> LockFacts:
    return LockFacts(
        *(lock.id, lock.from_utc_ns, lock.until_utc_ns, lock.who, lock.why),
        *(lock.created_utc_ns, lock.expires_utc_ns),
    )


def _lock(recording: UUID, copy: LockFacts) -> EvidenceLock:
    return EvidenceLock(
        *(copy.uuid, recording, copy.from_utc_ns, copy.until_utc_ns, copy.who, copy.why),
        *(copy.made_utc_ns, copy.expires_utc_ns),
    )
