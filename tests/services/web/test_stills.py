"""Pictures of now and of then."""

from typing import Any

import pytest

from bridge.base.errors import BridgeError
from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_S, ManualClock
from bridge.media.hub import Hub
from bridge.services.web.stills import SNAPSHOT, SnapshotQuery, StillPages, still_routes
from bridge.store.reader import Begin, Broken
from bridge.system.access import Action, Grant, Principal, Role
from tests.services.web.resources_setting import (
    ANNA,
    AT,
    BEGIN,
    GATEKEEPER,
    OTTO,
    VERA,
    Audited,
    FakeLibrary,
    at_once,
    catalogue,
    problem,
    result,
)
from tests.services.web.web_setting import Setting, asked, handler

TRACK = Track(Codec.H264, 90_000)
KEY = AccessUnit(0, 0, BEGIN - NS_PER_S, 0, True, (b"\x65",))
PLAYS_BACK = Principal("paul", Role.VIEWER, (Grant(("*",), frozenset({Action.PLAYBACK})),))
WATCHES = Principal("walter", Role.VIEWER, (Grant(("*",), frozenset({Action.LIVE})),))


class Scene:
    def __init__(self, library: FakeLibrary | None = None) -> None:
        self.catalogue = catalogue(ManualClock(), "gate-1", "yard")
        self.library: Any = library
        self.audited = Audited()
        self.jpeg: bytes | None = b"jpeg"
        self.broken = False
        for camera in self.catalogue.cameras():
            for stream in camera.streams:
                stream.hub.latest_key = lambda: KEY  # type: ignore[method-assign]  # a camera that sends

    async def still(self, hub: Hub) -> bytes | None:
        if self.broken:
            raise BridgeError("it does not decode")
        return hub.name.encode() if self.jpeg else None

    async def of(self, unit: AccessUnit, track: Track) -> bytes:
        if self.broken:
            raise BridgeError("it does not decode")
        return b"then " + unit.parts[0]

    @property
    def rows(self) -> list[Any]:
        return still_routes(
            StillPages(
                self.catalogue,
                GATEKEEPER,
                self.library,
                self.still,
                self.of,
                at_once,
                self.audited,
                ManualClock(),
            )
        )

    def ask(self, principal: Principal, camera: str = "gate-1", **query: Any) -> Any:
        one = asked(principal, query=SnapshotQuery(**query), id=camera)
        return handler(self.rows, SNAPSHOT)(one)


def recorded(*items: Any) -> FakeLibrary:
    library = FakeLibrary(items=list(items))
    library.add("gate-1", "main", (-10, 10))
    return library


def test_a_picture_of_now() -> None:
    scene = Scene()
    reply = result(scene.ask(VERA))
    assert (reply.status, reply.body, reply.content_type) == (200, b"gate-1/main", "image/jpeg")
    headers = dict(reply.headers)
    assert headers["Cache-Control"] == "private, no-cache"
    assert headers["X-Captured-At"] == "2027-01-15T07:59:59.000Z"
    assert result(scene.ask(VERA, stream="sub")).body == b"gate-1/sub"
    assert scene.audited.rows == []


def test_one_that_the_client_has_is_not_sent_again() -> None:
    setting = Setting(Scene().rows)
    path = "/api/v1/cameras/gate-1/snapshot.jpg"
    status, headers, body = setting.ask("GET", path, "Authorization: Bearer vera")
    assert (status, body) == (200, b"gate-1/main")
    tag = headers["etag"]
    status, headers, body = setting.ask("GET", path, "Authorization: Bearer vera", f"If-None-Match: W/{tag}")
    assert (status, body, headers["etag"]) == (304, b"", tag)


def test_no_picture_now() -> None:
    scene = Scene()
    scene.jpeg = None
    error = problem(lambda: scene.ask(VERA))
    assert (error.status, error.name) == (503, "no-picture")
    scene.broken = True
    assert problem(lambda: scene.ask(VERA)).name == "no-picture"


def test_the_key_frame_at_or_before() -> None:
    scene = Scene(recorded(Broken(4, "gone"), Begin((TRACK,), 0, 1), KEY))
    reply = result(scene.ask(VERA, at=AT))
    assert (reply.body, dict(reply.headers)["X-Captured-At"]) == (b"then \x65", "2027-01-15T07:59:59.000Z")
    assert dict(reply.headers)["Cache-Control"] == "private, max-age=3600"
    assert scene.audited.rows == [("vera", "snapshot.recorded", f"gate-1 {AT}", "ok")]
    assert all(reading.closed for reading in scene.library.readings)


@pytest.mark.parametrize(
    "items",
    [
        [],
        [Begin((TRACK,), 0, 1), AccessUnit(0, 0, BEGIN - 61 * NS_PER_S, 0, True, (b"\x65",))],
        [Begin((Track(Codec.PCMU, 8000),), 0, 1), KEY],
    ],
)
def test_nothing_was_recorded(items: list[Any]) -> None:
    error = problem(lambda: Scene(recorded(*items)).ask(VERA, at=AT))
    assert (error.status, error.name) == (404, "no-footage")


def test_what_does_not_decode_and_an_index_that_is_gone() -> None:
    scene = Scene(recorded(Begin((TRACK,), 0, 1), KEY))
    scene.broken = True
    assert problem(lambda: scene.ask(VERA, at=AT)).name == "no-picture"
    assert problem(lambda: Scene().ask(VERA, at=AT)).name == "no-recording"


@pytest.mark.parametrize(
    ("principal", "camera", "live", "past"),
    [
        (ANNA, "gate-1", 200, 200),
        (OTTO, "gate-1", 200, 200),
        (VERA, "gate-1", 200, 200),
        (VERA, "yard", 404, 404),
        (PLAYS_BACK, "gate-1", 404, 200),
        (WATCHES, "gate-1", 200, 404),
        (ANNA, "attic", 404, 404),
        (ANNA, "../x", 404, 404),
    ],
)
def test_rights(principal: Principal, camera: str, live: int, past: int) -> None:
    scene = Scene(recorded(Begin((TRACK,), 0, 1), KEY))

    def status(**query: Any) -> int:
        try:
            return int(result(scene.ask(principal, camera, **query)).status)
        except BridgeError as error:
            return int(getattr(error, "status", 0))

    assert (status(), status(at=AT)) == (live, past)
