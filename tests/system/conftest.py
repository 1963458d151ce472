"""Databases on SQLite. tests/interop/test_postgres.py runs the same classes on PostgreSQL, with its own `opened`."""

import pytest

from bridge.store.database import open_database
from bridge.store.index import INDEX


@pytest.fixture
def opened(tmp_path):
    databases = []

    def open_one(kind):
        databases.append(open_database(tmp_path, kind))
        return databases[-1]

    yield open_one
    for database in databases:
        database.close()


@pytest.fixture
def index_database(opened):
    return opened(INDEX)
