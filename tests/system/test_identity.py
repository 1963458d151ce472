import pytest

from bridge.system.database import open_database
from bridge.system.identity import identity_of
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
    assert repr(first.nonce_key) not in repr(first)
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(SecretsError, match=r"config\.db was sealed with another key than .*secret\.key holds"):
        identity_of(database, open_vault(tmp_path))
    database.close()
