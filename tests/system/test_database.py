from bridge.system import schema
from bridge.system.database import is_there, open_database


def test_config_db_is_made_when_it_is_opened(tmp_path):
    assert not is_there(tmp_path)
    database = open_database(tmp_path)
    try:
        assert is_there(tmp_path)
        assert database.place == str(tmp_path / "config.db")
        assert database.read(lambda connection: connection.execute(schema.users.select()).all()) == []
        assert database.read(lambda connection: connection.exec_driver_sql("PRAGMA synchronous").scalar()) == 2  # FULL
    finally:
        database.close()
