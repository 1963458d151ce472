"""Exports as they are asked for, seen and fetched."""

from pathlib import Path
from typing import Any

import pytest

from bridge.base.time import NS_PER_S, ManualClock
from bridge.recorder.export_jobs import ExportJob, ExportJobs, ExportLimits, ExportState
from bridge.services.web.exports import (
    EXPORT,
    EXPORTS,
    FILE,
    MANIFEST,
    ExportPages,
    ExportWanted,
    export_routes,
    file_name,
)
from bridge.system.access import Principal
from tests.services.web.resources_setting import (
    ANNA,
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

OLGA = Principal.with_role("olga", OTTO.role)


class Scene:
    """Jobs of a thread that does not run: the test works."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(utc_ns=BEGIN + 3600 * NS_PER_S)
        self.library: Any = FakeLibrary()
        self.library.add("gate-1", "sub", (0, 60))
        self.library.add("gate-1", "main", (0, 30))
        self.library.add("old", "main", (0, 60))
        self.audited = Audited()
        limits = ExportLimits(10, 3, 3600 * NS_PER_S, 10**6)
        folder.mkdir()
        self.jobs = ExportJobs(folder, self.clock, limits, self.make, lambda job: None)
        self.pages = ExportPages(
            self.jobs,
            self.library,
            catalogue(self.clock, "gate-1", "yard"),
            GATEKEEPER,
            at_once,
            self.audited,
            self.clock,
        )
        self.rows = export_routes(self.pages)

    @staticmethod
    def make(job: ExportJob, path: Path, watch: Any) -> dict[str, Any]:
        path.write_bytes(bytes(range(100)))
        return {"camera": job.camera}

    def work(self) -> None:
        while not self.jobs._queue.empty():
            self.jobs._run(self.jobs._queue.get())

    def post(self, principal: Principal, **body: Any) -> Any:
        given = {"camera": "gate-1", "from": BEGIN // 10**6, "until": BEGIN // 10**6 + 60_000} | {
            key.rstrip("_"): value for key, value in body.items()
        }
        one = asked(principal, body=ExportWanted.model_validate(given))
        return handler(self.rows, EXPORTS, "POST")(one)

    def call(self, principal: Principal, path: str, method: str = "GET", **place: str) -> Any:
        return handler(self.rows, path, method)(asked(principal, **place))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "exports")


def test_asked_for_and_fetched(scene: Scene) -> None:
    shown = result(scene.post(OTTO))
    assert (shown.state, shown.stream, shown.recording) == (ExportState.WAITING, "main", "rec-gate-1.main")
    assert (shown.file, shown.name, shown.audio) == (None, None, True)
    assert problem(lambda: scene.call(OTTO, FILE, id=shown.id)).status == 409
    scene.work()
    done = result(scene.call(OTTO, EXPORT, id=shown.id))
    assert (done.state, done.progress, done.bytes) == (ExportState.DONE, 1.0, 100)
    assert (done.file, done.name) == (f"/api/v1/exports/{shown.id}/file", "gate-1-main_20270115T080000Z_1m.mp4")
    assert result(scene.call(OTTO, MANIFEST, id=shown.id)) == {"file": done.name, "camera": "gate-1"}
    assert scene.audited.rows == [
        ("otto", "export", "rec-gate-1.main 2027-01-15T08:00:00.000Z/2027-01-15T08:01:00.000Z", "asked")
    ]


def test_the_file_over_http(scene: Scene) -> None:
    from tests.services.web import web_setting

    shown = result(scene.post(web_setting.ANNA))
    scene.work()
    setting = Setting(scene.rows)
    path = FILE.replace("{id}", shown.id)
    status, headers, body = setting.ask("GET", path, "Authorization: Bearer anna")
    assert (status, body, headers["content-type"]) == (200, bytes(range(100)), "video/mp4")
    status, headers, body = setting.ask("GET", path, "Authorization: Bearer anna", "Range: bytes=50-")
    assert (status, body) == (206, bytes(range(50, 100)))
    assert [row[1] for row in scene.audited.rows] == ["export", "export.fetch"]


def test_a_stream_by_name_and_a_camera_that_is_gone(scene: Scene) -> None:
    assert result(scene.post(OTTO, stream="sub")).recording == "rec-gate-1.sub"
    assert result(scene.post(OTTO, camera="old")).recording == "rec-old.main"


def test_only_what_was(scene: Scene) -> None:
    now_ms = scene.clock.utc_ns() // 10**6
    shown = result(scene.post(OTTO, until_=now_ms + 60_000))
    assert shown.until == "2027-01-15T09:00:00.000Z"  # now
    for body, field in (
        ({"from_": now_ms, "until_": now_ms + 1}, "from"),
        ({"until_": BEGIN // 10**6}, "until"),
        ({"from_": 0, "until_": BEGIN // 10**6}, "until"),
    ):
        error = problem(lambda body=body: scene.post(OTTO, **body))  # type: ignore[misc]  # mypy: default argument
        assert (error.status, error.detail.partition(":")[0]) == (422, field)
    early = BEGIN // 10**6 - 60_000
    assert problem(lambda: scene.post(OTTO, from_=early, until_=early + 1)).name == "no-footage"


def test_sound_where_he_may_not_hear_it_is_left_out(scene: Scene) -> None:
    from bridge.system.access import Action, Grant, Role

    deaf = Principal("dora", Role.VIEWER, (Grant(("*",), frozenset({Action.EXPORT})),))
    assert result(scene.post(deaf)).audio is False
    assert result(scene.post(OTTO, audio=False)).audio is False


@pytest.mark.parametrize(
    ("principal", "camera", "status"),
    [(ANNA, "gate-1", 202), (OTTO, "gate-1", 202), (VERA, "gate-1", 404), (VERA, "yard", 404), (OTTO, "attic", 404)],
)
def test_who_may_export(scene: Scene, principal: Principal, camera: str, status: int) -> None:
    if status == 202:
        result(scene.post(principal, camera=camera))
    else:
        assert problem(lambda: scene.post(principal, camera=camera)).status == status


@pytest.mark.parametrize(("principal", "sees"), [(OTTO, True), (ANNA, True), (OLGA, False), (VERA, False)])
def test_everybody_sees_his_own_and_administrators_all(scene: Scene, principal: Principal, sees: bool) -> None:
    shown = result(scene.post(OTTO))
    scene.work()
    assert [one.id for one in scene.call(principal, EXPORTS)] == ([shown.id] if sees else [])
    if sees:
        assert result(scene.call(principal, EXPORT, id=shown.id)).id == shown.id
        result(scene.call(principal, EXPORT, "DELETE", id=shown.id))
        assert scene.jobs.all() == []
        return
    for path, method in ((EXPORT, "GET"), (EXPORT, "DELETE"), (FILE, "GET"), (MANIFEST, "GET")):
        assert problem(lambda p=path, m=method: scene.call(principal, p, m, id=shown.id)).status == 404  # type: ignore[misc]  # the same
    assert len(scene.jobs.all()) == 1


def test_who_lost_the_right_fetches_nothing(scene: Scene) -> None:
    shown = result(scene.post(OTTO))
    scene.work()
    fallen = Principal.with_role("otto", VERA.role)
    assert result(scene.call(fallen, EXPORT, id=shown.id)).id == shown.id
    assert problem(lambda: scene.call(fallen, FILE, id=shown.id)).status == 404


def test_cancelling_is_told_and_audited(scene: Scene) -> None:
    shown = result(scene.post(OTTO))
    result(scene.call(OTTO, EXPORT, "DELETE", id=shown.id))
    assert result(scene.call(OTTO, EXPORT, id=shown.id)).state is ExportState.CANCELLED
    assert scene.audited.rows[-1][1] == "export.cancel"


def test_too_many_and_no_index(scene: Scene) -> None:
    for _ in range(3):
        result(scene.post(OTTO))
    error = problem(lambda: scene.post(OTTO))
    assert (error.status, error.name, dict(error.reply().headers)["Retry-After"]) == (429, "busy", "30")
    scene.pages._library = None
    assert problem(lambda: scene.post(ANNA)).name == "no-recording"


@pytest.mark.parametrize(
    ("seconds", "length"), [(0, "0s"), (59, "59s"), (600, "10m"), (3661, "1h1m1s"), (7200, "2h"), (90_000, "25h")]
)
def test_file_names(seconds: int, length: str) -> None:
    job = ExportJob("x", "u", "gate-1", "main", "r", BEGIN, BEGIN + seconds * NS_PER_S, True, 0)
    assert file_name(job) == f"gate-1-main_20270115T080000Z_{length}.mp4"
