"""What the commands open: the configuration, config.db and what lies in it, index.db, and the running service's ear."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.terminal import WRONG, LogFormat, LogLevel, fail, note

if TYPE_CHECKING:
    from bridge.store.database import Database
    from bridge.store.index import MediaIndex
    from bridge.system.config import Config
    from bridge.system.stored_cameras import StoredCameras
    from bridge.system.users import Users

NO_CONFIG = (
    "{path}: there is no such file. Write one (docs/configuration.md explains it, docs/onb.example.toml is a start),"
    " name one with --config, or try `onb demo`, which needs none"
)


def load_config(path: Path) -> "Config":
    """The configuration; faults end the command with exit code 2."""
    from bridge.system.config_load import load

    if not path.exists():
        fail(NO_CONFIG.format(path=path), WRONG)
    return load(path)


def set_up_logs(log_format: LogFormat, level: LogLevel) -> None:
    """The log of `serve` and `demo`, on standard error."""
    from bridge.base.time import SystemClock
    from bridge.system import logs

    logs.set_up(log_format=log_format.value, level=level.value, clock=SystemClock())


@contextmanager
def open_config_database(config: "Config") -> "Iterator[Database]":
    """config.db, made where there is none."""
    from bridge.system.database import open_database

    database = open_database(config.data, config.database.get_secret_value())
    try:
        yield database
    finally:
        database.close()


@contextmanager
def open_media_index(config: "Config") -> "Iterator[MediaIndex | None]":
    """The index as it lies on disk; None: there is none yet. May be used beside the running service."""
    from bridge.store.index import INDEX, MediaIndex, open_index

    address = config.database.get_secret_value()
    if not address and not (config.data / INDEX.file_name).exists():
        yield None
        return
    database = open_index(config.data, address)
    try:
        yield MediaIndex(database)
    finally:
        database.close()


@contextmanager
def open_users(config: "Config", *, make: bool = True) -> "Iterator[Users]":
    """make: whether the database is made where there is none (a list makes nothing)."""
    from bridge.system.database import is_there
    from bridge.system.secrets import open_vault
    from bridge.system.users import Users

    if not make and not is_there(config.data, config.database.get_secret_value()):
        yield Users(config.users, None, None)
        return
    with open_config_database(config) as database:
        yield Users(config.users, database, open_vault(config.data))


@contextmanager
def open_stored_cameras(config: "Config") -> "Iterator[StoredCameras]":
    """The cameras of config.db, which is made where there is none."""
    from bridge.system.secrets import open_vault
    from bridge.system.stored_cameras import StoredCameras

    with open_config_database(config) as database:
        yield StoredCameras(database, open_vault(config.data))


def tell_service(config: "Config", do: str) -> None:
    """The running service takes the change over at once; without one it counts from the next start."""
    from bridge.system.control import ControlError, NotRunningError, ask

    try:
        ask(config.data, do)
    except NotRunningError:
        return
    except ControlError as error:
        note(f"it is kept, but the running service has not taken it over: {error}")
