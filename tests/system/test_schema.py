"""The schema's comments, and that the migrations end in the schema."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bridge.system import schema
from bridge.system.database import open_database

MIGRATIONS = Path(schema.__file__).parent / "migrations"


@pytest.mark.parametrize(
    "column", [column for table in schema.metadata.tables.values() for column in table.columns], ids=str
)
def test_every_column_says_what_it_holds_and_who_writes_it(column):
    assert column.comment
    assert column.nullable == ("null:" in column.comment)  # and null has no meaning elsewhere


def test_the_newest_migration_is_head():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


def test_the_migrations_end_in_the_schema(tmp_path):
    database = open_database(tmp_path)
    without_comments = sa.MetaData()
    for table in schema.metadata.tables.values():
        table.to_metadata(without_comments)
    differences = database.read(
        lambda connection: compare_metadata(MigrationContext.configure(connection), schema.metadata)
    )
    database.close()
    assert differences == []
