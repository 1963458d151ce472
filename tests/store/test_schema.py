"""The schema's comments, and that the migrations end in the schema."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bridge.store import schema
from bridge.store.index import INDEX


@pytest.mark.parametrize(
    "column", [column for table in schema.metadata.tables.values() for column in table.columns], ids=str
)
def test_every_column_says_what_it_holds_and_who_writes_it(column):
    assert column.comment
    assert column.nullable == ("null:" in column.comment)
    if column.name.endswith(("_utc_ns", "_bytes")):
        assert str(column.type) in ("BIGINT", "INTEGER")


@pytest.mark.parametrize("table", schema.metadata.tables.values(), ids=str)
def test_every_table_says_what_it_holds(table):
    assert table.comment


def test_the_newest_migration_is_head():
    config = Config()
    config.set_main_option("script_location", str(INDEX.migrations))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


class TestMigrations:
    def test_they_end_in_the_schema(self, index_database):
        differences = index_database.read(
            lambda connection: compare_metadata(MigrationContext.configure(connection), schema.metadata)
        )
        # PostgreSQL keeps comments, which stand in schema.py alone.
        assert [one for one in differences if "comment" not in str(one[0])] == []
