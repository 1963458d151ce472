import pytest

from bridge.store.index import MediaIndex, open_index
from tests.recorder.disks import Setting


@pytest.fixture
def setting(tmp_path):
    made = []

    def make(**settings):
        made.append(Setting(tmp_path, **settings))
        return made[-1]

    yield make
    for one in made:
        for segment in one.storage._open.values():
            segment.abandon()
        one.disk.close()
        one.database.close()


@pytest.fixture
def index(tmp_path):
    database = open_index(tmp_path)
    yield MediaIndex(database)
    database.close()
