import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from bridge.store.backend import DatabaseUnusableError
from bridge.store.index import INDEX, MediaIndex, open_index
from bridge.store.read_only import open_read_only
from bridge.store.schema import storages
from tests.store import footage


def state(folder):
    """Everything in it, bytes and times."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in [folder, *folder.rglob("*")]
    }


def names(database):
    return database.read(lambda connection: [row.name for row in connection.execute(sa.select(storages))])


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def looked_at(data):
    """The storages that are found there, by one who changes nothing."""
    before = state(data)
    database = open_read_only(data, INDEX)
    try:
        return names(database)
    finally:
        database.close()
        assert state(data) == before


def test_none_is_made(data):
    assert open_read_only(data, INDEX) is None
    assert list(data.iterdir()) == []


def test_a_file_that_was_closed_in_order(data):
    database = open_index(data)
    footage.storage(MediaIndex(database), "one")
    database.close()
    assert not (data / "index.db-wal").exists()
    assert looked_at(data) == ["one"]


READER = """
import pathlib, sys
from bridge.store.index import INDEX
from tests.store.test_read_only import names, open_read_only
print(*names(open_read_only(pathlib.Path(sys.argv[1]), INDEX)))
"""


def test_beside_the_process_that_writes(data):
    """In a process of its own: within one, SQLite shares what it has of a file."""
    database = open_index(data)
    reader = open_read_only(data, INDEX)
    for number in range(3):
        footage.storage(MediaIndex(database), str(number))
        assert names(reader) == [str(one) for one in range(number + 1)]
    before = state(data)
    other = subprocess.run(
        [sys.executable, "-c", READER, data], check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert other.stdout.split() == ["0", "1", "2"]
    assert state(data) == before
    reader.close()
    database.close()


def killed(data):
    """A file as a writer that was killed leaves it."""
    if os.fork() == 0:
        connection = sqlite3.connect(data / "index.db")
        connection.execute("INSERT INTO storage (uuid, name, path) VALUES (?, 'last', '/')", ["0" * 32])
        connection.commit()
        os.kill(os.getpid(), signal.SIGKILL)
    os.wait()


def test_after_a_kill(data):
    open_index(data).close()
    killed(data)
    assert (data / "index.db-wal").stat().st_size
    assert looked_at(data) == ["last"]


def test_changes_that_cannot_be_read_without_writing_are_named(data):
    open_index(data).close()
    killed(data)
    (data / "index.db-shm").unlink()
    before = state(data)
    with pytest.raises(DatabaseUnusableError, match="start the service once"):
        open_read_only(data, INDEX)
    assert state(data) == before


def test_one_of_another_version_is_named(data):
    open_index(data).close()
    connection = sqlite3.connect(data / "index.db")
    connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.commit()
    connection.close()
    with pytest.raises(DatabaseUnusableError, match="of another version"):
        open_read_only(data, INDEX)


def test_an_empty_file_is_none_yet(data):
    (data / "index.db").touch()
    assert open_read_only(data, INDEX) is None


def test_a_damaged_one_is_named(data):
    open_index(data).close()
    (data / "index.db").write_bytes(b"no database" * 1000)
    with pytest.raises(DatabaseUnusableError, match="is damaged"):
        open_read_only(data, INDEX)
