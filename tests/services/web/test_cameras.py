"""What each sees of cameras."""

from typing import Any

import pytest

from bridge.base.time import NS_PER_S, ManualClock
from bridge.services.web.cameras import CAMERA, CAMERAS, CameraPages, camera_routes, in_words
from bridge.services.web.problems import ProblemError
from bridge.system.access import Action, Principal, Role
from bridge.system.camera_trust import TrustedCertificate
from bridge.system.config_load import read_camera
from tests.services.web.resources_setting import ANNA, GATEKEEPER, OTTO, VERA, catalogue
from tests.services.web.web_setting import asked, handler

TABLE = {
    "id": "gate-1",
    "retention": "7d",
    "stream": [{"url": "rtsp://root:secret@192.0.2.7/main?password=geheim"}, {"url": "rtsp://192.0.2.7/sub"}],
}


def rows() -> list[Any]:
    pages = CameraPages(
        catalogue(ManualClock(), "gate-1", "yard"),
        GATEKEEPER,
        lambda: {("gate-1", "main"): ("recording", "")},
        lambda: {"gate-1": (TrustedCertificate("gate-1", "192.0.2.7:322", "ab", "cd", 0),)},
        lambda: {"gate-1": read_camera(TABLE, environ={})},
        lambda: frozenset({"yard"}),
    )
    return camera_routes(pages)


@pytest.mark.parametrize(
    ("principal", "seen"),
    [
        (ANNA, ["gate-1", "yard"]),
        (OTTO, ["gate-1", "yard"]),
        (VERA, ["gate-1"]),
        (Principal("nobody", Role.VIEWER, ()), []),
    ],
)
def test_what_nobody_may_see_is_not_there(principal: Principal, seen: list[str]) -> None:
    found = handler(rows(), CAMERAS)(asked(principal))
    assert [camera.id for camera in found] == seen
    for camera_id in ("gate-1", "yard", "attic", "../etc", ""):
        one = handler(rows(), CAMERA)
        if camera_id in seen:
            assert one(asked(principal, id=camera_id)).id == camera_id
        else:
            with pytest.raises(ProblemError) as raised:
                one(asked(principal, id=camera_id))
            assert raised.value.status == 404


def test_a_camera_as_a_viewer_sees_it() -> None:
    shown = handler(rows(), CAMERA)(asked(VERA, id="gate-1")).model_dump(mode="json")
    main = shown["streams"][0]
    assert (main["name"], main["codec"], main["width"]) == ("main", "H264", 640)
    assert (main["mime"], main["tracks"]) == ('video/mp4; codecs="avc1.640028"', ["H264"])
    assert (main["recording"], shown["streams"][1]["recording"]) == ("recording", None)
    assert shown["may"] == ["live", "playback", "audio"]
    assert (shown["state"], shown["source"]) == ("up", "database")
    assert (main["url"], shown["settings"], shown["certificates"]) == (None, None, None)


def test_administrators_see_addresses_without_secrets() -> None:
    shown = handler(rows(), CAMERA)(asked(ANNA, id="gate-1"))
    assert shown.streams[0].url == "rtsp://192.0.2.7/main?password=***"
    assert shown.streams[1].transport == "tcp"
    assert shown.settings is not None
    assert (shown.settings.retention, shown.settings.record) == ("7d", "always")
    assert shown.certificates is not None
    assert shown.certificates[0].offered == "cd"
    assert "secret" not in shown.model_dump_json()
    assert set(shown.may) == set(Action)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (90, "90s"), (120, "2m"), (7200, "2h"), (7 * 86_400, "7d"), (86_401, "86401s")]
)
def test_durations(seconds: int, text: str) -> None:
    assert in_words(seconds * NS_PER_S) == text
