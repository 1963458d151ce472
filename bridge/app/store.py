"""What the service keeps in `data/`: opened once at start, by one process at a time, closed at the end."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.store.backend import DatabaseUnusableError
from bridge.store.database import Database
from bridge.store.index import MediaIndex, open_index
from bridge.system.audit_log import AuditLog
from bridge.system.camera_trust import CameraTrust
from bridge.system.config import Config
from bridge.system.data_lock import take
from bridge.system.database import open_database
from bridge.system.events import EventLog
from bridge.system.evidence import EvidenceLocks
from bridge.system.identity import Identity, identity_of
from bridge.system.secrets import Vault, open_vault
from bridge.system.stored_cameras import AllCameras, StoredCameras
from bridge.system.users import Users


@dataclass(frozen=True, slots=True)
class Store:
    """The opened data folder. Everything here may block for the disk: not on the reactor, but at start and end.

    index, events: None when the index cannot be used: the service then runs without recording
    problems:      what cannot be used, one line each, for the log
    """

    database: Database
    users: Users
    cameras: StoredCameras
    identity: Identity
    audit: AuditLog
    evidence: EvidenceLocks
    vault: Vault
    trust: CameraTrust
    index: MediaIndex | None
    events: EventLog | None
    problems: tuple[str, ...]
    _index_database: Database | None
    _lock: int

    def all_cameras(self, config: Config) -> AllCameras:
        """The file's and the database's."""
        return self.cameras.with_file(config.cameras)

    def close(self) -> None:
        """Writes what waits; the folder is free for another process."""
        if self._index_database is not None:
            self._index_database.close()
        self.database.close()
        os.close(self._lock)


def open_store(config: Config) -> Store:
    """Raises DataInUseError, DatabaseUnusableError, SecretsError."""
    database = open_database(config.data, config.database.get_secret_value())
    try:
        lock = take(config.data)
        vault = open_vault(config.data)
        trust = CameraTrust(database)
        trust.load()
        index, problems = _open_index(config)
        limits = config.limits
        return Store(
            database,
            Users(config.users, database, vault),
            StoredCameras(database, vault),
            identity_of(database, vault),
            AuditLog(database, limits.audit_rows),
            EvidenceLocks(database),
            vault,
            trust,
            MediaIndex(index) if index else None,
            EventLog(index, limits.event_rows, limits.event_age_ns) if index else None,
            problems,
            index,
            lock,
        )
    except BaseException:
        database.close()
        raise


def _open_index(config: Config) -> tuple[Database | None, tuple[str, ...]]:
    """Live video needs no index: without one the service runs, and says what is to be done."""
    try:
        return open_index(config.data, config.database.get_secret_value()), ()
    except DatabaseUnusableError as error:
        return None, (f"{error}. Nothing is recorded; `onb recordings reindex` makes the index anew from the files",)


def problems_of(store: Store, cameras: AllCameras) -> Sequence[str]:
    """What of the database cannot be used, one line each, for the log."""
    return (*store.problems, *store.users.problems, *cameras.problems)
