"""Cameras added, changed, removed and tried by administrators."""

from pathlib import Path
from typing import Any

import pytest

from bridge.base.errors import BridgeError
from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import ManualClock
from bridge.services.web.camera_changes import (
    MAX_PROBES,
    TEST,
    CameraChanges,
    CameraFacts,
    CameraWanted,
    ProbeWanted,
    Tried,
    camera_change_routes,
)
from bridge.services.web.cameras import CAMERA, CAMERAS, CameraPages
from bridge.system.camera_trust import CameraTrust
from bridge.system.config_load import read
from bridge.system.database import open_database
from bridge.system.secrets import open_vault
from bridge.system.stored_cameras import StoredCameras
from bridge.wire.rtsp.url import RtspUrl
from tests.services.web.resources_setting import ANNA, GATEKEEPER, SPS, Audited, at_once, catalogue, problem, result
from tests.services.web.web_setting import Setting, asked, handler

URL = "rtsp://root:secret@192.0.2.7/main"
TRACK = Track(Codec.H264, 90_000, parameter_sets=(SPS,), width=640, height=480)
KEY = AccessUnit(0, 0, 0, 0, True, (b"\x65",))


class Scene:
    """A file with one camera, and a database."""

    def __init__(self, data: Path) -> None:
        self.clock = ManualClock()
        self.config = read({"camera": [{"id": "gate", "url": "rtsp://192.0.2.1/"}]}, base=data)
        self.database = open_database(data)
        self.stored = StoredCameras(self.database, open_vault(data))
        self.catalogue = catalogue(self.clock, "gate")
        self.trust = CameraTrust(self.database)
        self.audited = Audited()
        self.tried: list[tuple[RtspUrl, str, str]] = []
        self.finding: Any = Tried(True, "", (TRACK,), KEY)
        pages = CameraPages(self.catalogue, GATEKEEPER, dict, dict, self.configured, lambda: frozenset({"gate"}))
        self.changes = CameraChanges(
            pages,
            self.stored,
            self.trust,
            lambda: self.config,
            self.applied,
            self.try_it,
            self.still_of,
            at_once,
            self.audited,
            self.clock,
        )
        self.rows = camera_change_routes(self.changes)

    def configured(self) -> dict[str, Any]:
        return {camera.id: camera for camera in self.stored.with_file(self.config.cameras).cameras}

    async def applied(self) -> None:
        """What the service does."""
        self.catalogue.replace(catalogue(self.clock, *self.configured()).cameras())

    async def try_it(self, url: RtspUrl, transport: str, driver: str) -> Tried:
        self.tried.append((url, transport, driver))
        if callable(self.finding):
            return self.finding()  # type: ignore[no-any-return]  # a Tried
        return self.finding  # type: ignore[no-any-return]  # the same

    async def still_of(self, key: AccessUnit, track: Track) -> bytes:
        if track.codec is Codec.H265:
            raise BridgeError("no")
        return b"jpeg"

    def post(self, **body: Any) -> Any:
        given = {"id": "yard", "streams": [{"url": URL}]} | body
        return result(handler(self.rows, CAMERAS, "POST")(asked(ANNA, body=CameraWanted.model_validate(given))))

    def patch(self, camera_id: str = "yard", **body: Any) -> Any:
        one = asked(ANNA, body=CameraFacts.model_validate(body), id=camera_id)
        return result(handler(self.rows, CAMERA, "PATCH")(one))

    def delete(self, camera_id: str) -> Any:
        return result(handler(self.rows, CAMERA, "DELETE")(asked(ANNA, id=camera_id)))

    def test(self, **body: Any) -> Any:
        return result(handler(self.rows, TEST, "POST")(asked(ANNA, body=ProbeWanted.model_validate(body))))

    def urls(self, camera_id: str = "yard") -> list[str]:
        return [stream.url.with_credentials for stream in self.configured()[camera_id].streams]


@pytest.fixture
def scene(tmp_path: Path) -> Any:
    one = Scene(tmp_path)
    yield one
    one.database.close()


def test_added(scene: Scene) -> None:
    shown = scene.post(name="The yard", retention="7d", streams=[{"url": URL}, {"url": URL, "transport": "udp"}])
    assert (shown.id, shown.source) == ("yard", "database")
    assert shown.settings.retention == "7d"
    assert [(stream.name, stream.url, stream.transport) for stream in shown.streams] == [
        ("main", "rtsp://192.0.2.7/main", "tcp"),
        ("sub", "rtsp://192.0.2.7/main", "udp"),
    ]
    assert scene.urls() == [URL, URL]
    assert scene.configured()["yard"].name == "The yard"
    assert scene.audited.rows == [("anna", "camera.add", "yard", "ok")]


def test_a_log_in_beside_the_address(scene: Scene) -> None:
    scene.post(
        user="ad@min", password="p/w:ä", streams=[{"url": "rtsp://192.0.2.7/a"}, {"url": "rtsp://x:y@192.0.2.8/"}]
    )
    first, second = scene.configured()["yard"].streams
    assert (first.url.user, first.url.password, second.url.user) == ("ad@min", "p/w:ä", "x")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"id": "No"}, "id"),
        ({"streams": [{"url": URL}, {"url": "http://192.0.2.7/"}]}, "streams[1].url"),
        ({"streams": [{"url": "rtsp://admin:secret"}]}, "streams[0].url"),
        ({"streams": [{"url": URL, "transport": "pigeon"}]}, "streams[0].transport"),
        ({"record": "perhaps"}, "record"),
        ({"retention": "long"}, "retention"),
        ({"storage": "attic"}, "storage"),
        ({"device_port": 70_000}, "device_port"),
        ({"streams": [{"url": "rtsp://${PASSWORD}@192.0.2.7/"}]}, "streams[0].url"),
    ],
)
def test_faults_name_the_field_and_no_secret(scene: Scene, body: dict[str, Any], field: str) -> None:
    error = problem(lambda: scene.post(**body))
    reply = error.reply()
    assert error.status == 422
    assert f'"field": "{field}"'.encode() in reply.body
    assert b"secret" not in reply.body


def test_what_is_there_already(scene: Scene) -> None:
    scene.post()
    for camera_id in ("yard", "gate"):
        assert problem(lambda camera_id=camera_id: scene.post(id=camera_id)).status == 409  # type: ignore[misc]  # mypy: default argument


def test_changed_in_part(scene: Scene) -> None:
    scene.post(retention="7d")
    shown = scene.patch(name="New", record="never", retention=None)
    assert (shown.settings.record, shown.settings.retention) == ("never", None)
    assert scene.configured()["yard"].name == "New"
    assert scene.urls() == [URL]
    assert scene.audited.rows[-1] == ("anna", "camera.change", "yard", "ok")
    assert problem(lambda: scene.patch(record="perhaps")).status == 422
    assert problem(lambda: scene.patch(storage="attic")).status == 422


@pytest.mark.parametrize(
    ("body", "url"),
    [
        ({"streams": [{"url": "rtsp://192.0.2.7/main?token=***"}]}, "rtsp://root:secret@192.0.2.7/main?token=abc"),
        ({"streams": [{"url": "rtsp://192.0.2.7/other"}]}, "rtsp://root:secret@192.0.2.7/other"),
        ({"streams": [{"url": "rtsp://192.0.2.9/main"}]}, "rtsp://192.0.2.9/main"),  # it stays with its host
        ({"streams": [{"url": "rtsp://192.0.2.7:8554/x"}]}, "rtsp://192.0.2.7:8554/x"),
        ({"streams": [{"url": "rtsp://a:b@192.0.2.7/main"}]}, "rtsp://a:b@192.0.2.7/main"),
        ({"user": "new", "password": "other"}, "rtsp://new:other@192.0.2.7/main?token=abc"),
        ({"user": "n", "password": "o", "streams": [{"url": "rtsp://192.0.2.9/"}]}, "rtsp://n:o@192.0.2.9/"),
        ({"user": ""}, "rtsp://192.0.2.7/main?token=abc"),
    ],
)
def test_log_ins_of_changed_addresses(scene: Scene, body: dict[str, Any], url: str) -> None:
    scene.post(streams=[{"url": "rtsp://root:secret@192.0.2.7/main?token=abc"}])
    scene.patch(**body)
    assert scene.urls() == [url]


def test_removed(scene: Scene) -> None:
    scene.post()
    scene.trust.load()
    assert scene.delete("yard") is None
    assert list(scene.configured()) == ["gate"]
    assert scene.audited.rows[-1] == ("anna", "camera.remove", "yard", "ok")
    assert problem(lambda: scene.delete("yard")).status == 404
    assert problem(lambda: scene.patch("yard")).status == 404


def test_the_file_s_are_not_changed(scene: Scene) -> None:
    for call in (lambda: scene.patch("gate", name="x"), lambda: scene.delete("gate")):
        error = problem(call)
        assert (error.status, "configuration file" in error.detail) == (409, True)


def test_an_address_is_tried(scene: Scene) -> None:
    shown = scene.test(url="rtsp://192.0.2.7/x", user="root", password="secret", transport="udp")
    ((url, transport, driver),) = scene.tried
    assert (url.with_credentials, transport, driver) == ("rtsp://root:secret@192.0.2.7/x", "udp", "native")
    assert (shown.ok, shown.reason, shown.picture) == (True, "", "data:image/jpeg;base64,anBlZw==")
    (track,) = shown.tracks
    assert (track.codec, track.width, track.codecs) == ("H264", 640, "avc1.640028")
    assert scene.audited.rows == [("anna", "camera.test", "rtsp://192.0.2.7/x", "ok")]


def test_an_address_of_a_camera_that_is_there_is_tried_with_its_log_in(scene: Scene) -> None:
    scene.post()
    for url, tried in (
        ("rtsp://192.0.2.7/main", URL),
        ("rtsp://192.0.2.7/other", "rtsp://root:secret@192.0.2.7/other"),
        ("rtsp://192.0.2.8/main", "rtsp://192.0.2.8/main"),
    ):
        scene.test(url=url, camera="yard")
        assert scene.tried[-1][0].with_credentials == tried
    scene.test(url="rtsp://192.0.2.7/main", camera="nobody")
    assert scene.tried[-1][0].user is None


def test_why_it_fails(scene: Scene) -> None:
    scene.finding = Tried(False, "401: the camera does not take the log-in", (), None)
    shown = scene.test(url=URL)
    assert (shown.ok, shown.reason, shown.picture) == (False, "401: the camera does not take the log-in", None)
    assert scene.audited.rows[-1][3] == "failed"
    scene.finding = Tried(True, "", (Track(Codec.H265, 90_000),), KEY)
    assert "cannot be decoded" in scene.test(url=URL).reason


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "ftp://x"}, "url"),
        ({"url": "rtsp://admin:secret"}, "url"),
        ({"url": URL, "transport": "pigeon"}, "transport"),
        ({"url": URL, "driver": "x"}, "driver"),
        ({"url": "rtsp://192.0.2.7/", "user": "a\nb", "password": "secret"}, "password"),
    ],
)
def test_addresses_that_cannot_be_tried(scene: Scene, body: dict[str, Any], field: str) -> None:
    error = problem(lambda: scene.test(**body))
    assert (error.status, f'"field": "{field}"' in error.reply().body.decode()) == (422, True)
    assert b"secret" not in error.reply().body
    assert scene.tried == []


def test_one_at_a_time(scene: Scene) -> None:
    inside: list[int] = []

    def again() -> Tried:
        inside.append(problem(lambda: scene.test(url=URL)).status)
        return Tried(True, "", (), None)

    scene.finding = again
    assert scene.test(url=URL).ok
    assert inside == [429]
    scene.changes._probing.update({f"user{number}": 1 for number in range(MAX_PROBES)})
    assert problem(lambda: scene.test(url=URL)).name == "busy"


@pytest.mark.parametrize(
    ("principal", "status"),
    [("anna", 422), ("vera", 403), ("", 401)],
)
def test_who_may(scene: Scene, principal: str, status: int) -> None:
    setting = Setting(scene.rows)
    bearer = [f"Authorization: Bearer {principal}"] if principal else []
    for method, path in (("POST", CAMERAS), ("PATCH", CAMERA.replace("{id}", "gate")), ("POST", TEST)):
        assert setting.ask_json(method, path, *bearer, value={"x": 1})[0] == status
    if status != 422:
        assert setting.ask("DELETE", CAMERA.replace("{id}", "gate"), *bearer)[0] == status
