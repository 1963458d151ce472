"""`onb cameras`."""

import json
from pathlib import Path

from bridge.system import control
from tests.cli.onb import onb


def test_cameras_at_rest(folder):
    result = onb(
        "cameras", "add", "yard", "-", "--name", "The yard", typed="rtsp://u:hunter2@h/1\nrtsp://u:hunter2@h/2\n"
    )
    assert (result.exit_code, result.output) == (0, "")
    nothing = {"codec": None, "width": None, "height": None, "fps": None, "bitrate": None}
    nothing |= {"recording": None, "recording_reason": None}
    assert json.loads(onb("cameras", "list", "--json").stdout) == [
        {
            "id": "gate",
            "name": "The gate",
            "state": "unknown",
            "reason": "the service is not running",
            "streams": [{"name": "main", **nothing}],
        },
        {
            "id": "yard",
            "name": "The yard",
            "state": "unknown",
            "reason": "the service is not running",
            "streams": [{"name": "main", **nothing}, {"name": "sub", **nothing}],
        },
    ]
    assert onb("cameras", "remove", "yard").exit_code == 0
    assert onb("cameras", "list").stdout == "gate\tThe gate\tunknown\t\tmain\tthe service is not running\n"


def test_a_camera_s_login_is_typed_or_warned_about(folder):
    result = onb("cameras", "add", "a", "rtsp://h/1", "--username", "me", "--password-file", "-", typed="hunter2/@:#\n")
    assert (result.exit_code, result.output) == (0, "")
    result = onb("cameras", "add", "b", "rtsp://me:hunter2@h/1")
    assert result.exit_code == 0
    assert "stood in the process list" in result.stderr
    from bridge.system.database import open_database
    from bridge.system.secrets import open_vault
    from bridge.system.stored_cameras import StoredCameras

    database = open_database(folder / "data")
    cameras = StoredCameras(database, open_vault(folder / "data")).with_file(()).cameras
    database.close()
    assert [camera.streams[0].url.password for camera in cameras] == ["hunter2/@:#", "hunter2"]


def test_the_running_service_is_asked_and_told(folder, monkeypatch):
    asked = []
    answer = [{"id": "gate", "name": "G", "state": "up", "reason": "a\x1b[31m", "streams": [
        {"name": "main", "codec": "H264", "width": 640, "height": 360, "fps": 25.0, "bitrate": 5,
         "recording": "failed", "recording_reason": "/video is full"}]}]  # fmt: skip

    def ask(data, do):
        asked.append((data, do))
        return {"ok": True, "cameras": answer}

    monkeypatch.setattr(control, "ask", ask)
    assert json.loads(onb("cameras", "list", "--json").stdout) == answer
    assert onb("cameras", "list").stdout == "gate\tG\tup\tfailed: /video is full\tmain H264 640x360 25.0 fps\ta [31m\n"
    onb("users", "add", "bob", "--password-file", "-", typed="hunter2")
    onb("cameras", "add", "yard", "rtsp://h/")
    data = folder / "data"
    assert asked == [(data, "cameras"), (data, "cameras"), (data, "users-changed"), (data, "cameras-changed")]


def test_which_certificate_a_camera_is_trusted_with(folder):
    """The service has learnt two of one camera; the command reads and changes what it kept."""
    for sha256 in ("1" * 64, "2" * 64):
        learn("gate", sha256)
    row = json.loads(onb("cameras", "list", "--json").stdout)[0]
    assert row["certificates"] == [{"address": "h:322", "sha256": "1" * 64, "offered": "2" * 64}]
    assert onb("cameras", "list").stdout.endswith(f"\th:322 {'1' * 64}, shows {'2' * 64}\n")
    result = onb("cameras", "trust", "gate")
    assert result.exit_code == 0
    assert f"h:322: trusted from now on: SHA-256 {'2' * 64}" in result.stderr
    again = onb("cameras", "trust", "gate")
    assert again.exit_code == 1
    assert "has shown no other certificate" in again.stderr
    assert "certificates forgotten: 1" in onb("cameras", "trust", "gate", "--forget").stderr
    assert "certificates" not in json.loads(onb("cameras", "list", "--json").stdout)[0]


def test_a_camera_that_is_removed_is_forgotten(folder):
    onb("cameras", "add", "yard", "rtsps://h/")
    learn("yard", "1" * 64)
    onb("cameras", "remove", "yard")
    onb("cameras", "add", "yard", "rtsps://h/")
    assert "certificates" not in json.loads(onb("cameras", "list", "--json").stdout)[1]


def learn(camera, sha256):
    from bridge.system.camera_trust import CameraTrust
    from bridge.system.database import open_database

    database = open_database(Path("data"))
    trust = CameraTrust(database)
    trust.load()
    trust.judge(camera, "h:322", sha256, 5)
    database.close()


def test_a_camera_that_is_a_device_of_its_own(folder):
    result = onb("cameras", "add", "yard", "rtsp://h/1", "--device-port", "70000")
    assert result.exit_code == 2
    assert "device_port: 70000: expected a port from 0 to 65535" in result.stderr
    result = onb("cameras", "add", "yard", "rtsp://h/1", "--device-port", "5801")
    assert (result.exit_code, result.output) == (0, "")
