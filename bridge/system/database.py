"""config.db, or the schema onb_config: users, cameras, identity, audit, evidence locks.

Nothing else knows what it holds, so each commit is synced.
"""

from pathlib import Path

from bridge.store import database
from bridge.store.backend import DatabaseKind
from bridge.system import schema

CONFIG = DatabaseKind(
    "config", schema.metadata, schema.HEAD, migrations=Path(schema.__file__).parent / "migrations", precious=True
)


def open_database(data: Path, address: str = "") -> database.Database:
    """In `data`, or on PostgreSQL at `address`; made and migrated when needed. Raises DatabaseUnusableError."""
    return database.open_database(data, CONFIG, address)


def is_there(data: Path, address: str = "") -> bool:
    """Whether there is one that a list should open: it makes none. On PostgreSQL only opening it would tell."""
    return bool(address) or (data / CONFIG.file_name).exists()
