"""config.db: users, cameras, identity, audit. Nothing else knows what it holds, so each commit is synced."""

from pathlib import Path

from bridge.store import database
from bridge.store.backend import DatabaseKind
from bridge.system import schema

CONFIG = DatabaseKind(
    "config", schema.metadata, schema.HEAD, migrations=Path(schema.__file__).parent / "migrations", precious=True
)


def open_database(data: Path) -> database.Database:
    """config.db in `data`, made and migrated when needed. Raises DatabaseUnusableError."""
    return database.open_database(data, CONFIG)


def is_there(data: Path) -> bool:
    """Whether there is one: a list makes none."""
    return (data / CONFIG.file_name).exists()
