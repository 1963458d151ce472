import pytest
import sqlalchemy as sa

from bridge.store.read_only import open_read_only
from bridge.system import schema
from bridge.system.database import CONFIG, open_database
from bridge.system.identity import Recorder, identity_of, recorder_of
from bridge.system.secrets import KEY_FILE, SecretsError, open_vault


def test_it_stays(tmp_path):
    database = open_database(tmp_path)
    first = identity_of(database, open_vault(tmp_path))
    database.close()
    database = open_database(tmp_path)
    assert identity_of(database, open_vault(tmp_path)) == first
    assert first.device_uuid.version == 4
    assert len(first.serial) == 12
    assert len(first.nonce_key) == 32
    assert first.recorder_uuid != first.device_uuid
    assert len(first.signing_key) == 32
    for secret in (first.nonce_key, first.signing_key):
        assert repr(secret) not in repr(first)
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(SecretsError, match=r"config\.db was sealed with another key than .*secret\.key holds"):
        identity_of(database, open_vault(tmp_path))
    database.close()


def test_what_a_later_version_adds_is_made_then(tmp_path):
    database = open_database(tmp_path)
    vault = open_vault(tmp_path)
    first = identity_of(database, vault)
    late = ("recorder_uuid", "signing_key")
    database.write(
        lambda connection: connection.execute(sa.delete(schema.identity).where(schema.identity.c.name.in_(late)))
    )
    second = identity_of(database, vault)
    assert (second.device_uuid, second.nonce_key) == (first.device_uuid, first.nonce_key)
    assert second.signing_key != first.signing_key
    assert identity_of(database, vault) == second
    database.close()


def test_the_recorder_is_told_without_writing(tmp_path):
    open_database(tmp_path).close()
    vault = open_vault(tmp_path)
    reader = open_read_only(tmp_path, CONFIG)
    assert recorder_of(reader, vault) is None
    database = open_database(tmp_path)
    identity = identity_of(database, vault)
    assert recorder_of(reader, vault) == Recorder(identity.recorder_uuid, identity.signing_key)
    assert repr(identity.signing_key) not in repr(recorder_of(reader, vault))
    database.close()
    assert recorder_of(reader, vault).uuid == identity.recorder_uuid
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(SecretsError, match=r"secret\.key holds"):
        recorder_of(reader, open_vault(tmp_path))
    reader.close()
