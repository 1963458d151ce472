import pytest

from bridge.base.time import UtcNs
from bridge.system.config_load import FaultyConfigurationError, read_camera
from bridge.system.database import open_database
from bridge.system.secrets import KEY_FILE, open_vault
from bridge.system.stored_cameras import CamerasError, StoredCameras

NOW = UtcNs(1_800_000_000_000_000_000)
OF_FILE = (read_camera({"id": "gate", "url": "rtsp://192.0.2.1/"}, environ={}),)


@pytest.fixture
def stored(tmp_path):
    database = open_database(tmp_path)
    yield StoredCameras(database, open_vault(tmp_path))
    database.close()


def test_they_come_back_in_order_and_sealed(tmp_path, stored):
    for id_ in ("zoo", "attic"):
        stored.add({"id": id_, "url": "rtsp://admin:hunter2@192.0.2.2/x"}, OF_FILE, NOW)
    together = stored.with_file(OF_FILE)
    assert [camera.id for camera in together.cameras] == ["gate", "zoo", "attic"]
    assert together.cameras[1].streams[0].url.password == "hunter2"
    assert together.problems == ()
    for path in tmp_path.iterdir():
        assert b"hunter2" not in path.read_bytes()
    stored.remove("zoo", OF_FILE)
    assert [camera.id for camera in stored.with_file(()).cameras] == ["attic"]


def test_what_is_refused_says_why(stored):
    table = {"id": "zoo", "url": "rtsp://192.0.2.2/x"}
    stored.add(table, OF_FILE, NOW)
    for work, sentence in (
        (lambda: stored.add(table, OF_FILE, NOW), "a camera zoo is there already"),
        (lambda: stored.add(table | {"id": "gate"}, OF_FILE, NOW), "camera gate stands in the configuration file"),
        (lambda: stored.remove("gate", OF_FILE), "camera gate stands in the configuration file"),
        (lambda: stored.remove("nobody", OF_FILE), "there is no camera nobody"),
    ):
        with pytest.raises(CamerasError, match=sentence):
            work()
    with pytest.raises(FaultyConfigurationError, match="id: "):
        stored.add(table | {"id": "NO"}, OF_FILE, NOW)


def test_hidden_and_unreadable_ones_are_named(tmp_path, stored):
    stored.add({"id": "gate", "url": "rtsp://192.0.2.2/x"}, (), NOW)
    assert stored.with_file(OF_FILE).problems == (
        "camera gate of the database is hidden by the file's camera of that id",
    )
    (tmp_path / KEY_FILE).unlink()
    database = open_database(tmp_path)
    together = StoredCameras(database, open_vault(tmp_path)).with_file(())
    database.close()
    assert together.cameras == ()
    assert together.problems[0].startswith("camera gate of the database is left out: sealed with another key")


def test_one_is_changed_in_its_place(stored):
    for id_ in ("zoo", "attic"):
        stored.add({"id": id_, "url": "rtsp://admin:hunter2@192.0.2.2/x"}, OF_FILE, NOW)
    table = stored.table("zoo")
    assert table == {"id": "zoo", "url": "rtsp://admin:hunter2@192.0.2.2/x"}
    stored.change(table | {"name": "The zoo"}, OF_FILE)
    assert [(camera.id, camera.name) for camera in stored.with_file(()).cameras] == [
        ("zoo", "The zoo"),
        ("attic", "attic"),
    ]
    assert stored.table("nobody") is None
    with pytest.raises(CamerasError, match="there is no camera nobody"):
        stored.change(table | {"id": "nobody"}, OF_FILE)
    with pytest.raises(CamerasError, match="camera gate stands in the configuration file"):
        stored.change(table | {"id": "gate"}, OF_FILE)
    with pytest.raises(FaultyConfigurationError, match="record"):
        stored.change(table | {"record": "perhaps"}, OF_FILE)
