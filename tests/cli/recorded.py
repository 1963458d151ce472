"""The folder of the configuration, with a recording in its data."""

import sqlalchemy as sa

from bridge.system import schema
from bridge.system.database import open_database
from bridge.system.secrets import open_vault
from tests.store.archive import Archive
from tests.store.segments import RECORDER


def archive_in(folder):
    """Segments 1 to 3 and 5 of camera cam-1, by a recorder whose identity config.db knows."""
    archive = Archive(folder, "data/recordings")
    database, vault = open_database(archive.data), open_vault(archive.data)
    known = {"recorder_uuid": str(RECORDER), "signing_key": bytes(range(32)).hex()}
    rows = [{"name": name, "value": vault.seal(text)} for name, text in known.items()]
    database.write(lambda connection: connection.execute(sa.insert(schema.identity), rows).close())
    database.close()
    archive.write(1, 2, 3)
    archive.write(5)
    archive.close()
    return archive
