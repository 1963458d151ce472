"""Views: one's own, and shared ones as others see them."""

from pathlib import Path
from typing import Any

import pytest

from bridge.base.time import ManualClock
from bridge.services.web.views import VIEW, VIEWS, ViewPages, ViewWanted, view_routes
from bridge.system.access import Principal
from bridge.system.database import open_database
from bridge.system.views import MAX_PER_USER, Views
from tests.services.web.resources_setting import ANNA, GATEKEEPER, OTTO, VERA, at_once, problem, result
from tests.services.web.web_setting import Setting, asked, handler

CELLS = [{"camera": "gate-1", "stream": "sub"}, {"camera": "yard"}, {}]


class Scene:
    def __init__(self, views: Views) -> None:
        self.told: list[str | None] = []
        self.rows = view_routes(ViewPages(views, GATEKEEPER, at_once, ManualClock(), self.told.append))

    def call(self, principal: Principal, method: str, view_id: str = "", **body: Any) -> Any:
        given = {"name": "Gates", "layout": "2x2", "cells": CELLS} | body
        place = {"id": view_id} if view_id else {}
        one = asked(principal, body=ViewWanted.model_validate(given), **place)
        return handler(self.rows, VIEW if view_id else VIEWS, method)(one)


@pytest.fixture
def scene(tmp_path: Path) -> Any:
    database = open_database(tmp_path, "")
    yield Scene(Views(database))
    database.close()


def cells(view: Any) -> list[tuple[str, str]]:
    return [(cell.camera, cell.stream) for cell in view.cells]


def test_made_changed_and_removed(scene: Scene) -> None:
    made = result(scene.call(VERA, "POST"))
    assert (made.name, made.owner, made.mine, made.shared) == ("Gates", "vera", True, False)
    saved = result(scene.call(VERA, "PUT", made.id, name="New", layout="1x1", cells=[]))
    assert (saved.id, saved.name, saved.cells) == (made.id, "New", [])
    assert [view.name for view in result(scene.call(VERA, "GET"))] == ["New"]
    assert result(scene.call(VERA, "GET", made.id)).layout == "1x1"
    result(scene.call(VERA, "DELETE", made.id))
    assert result(scene.call(VERA, "GET")) == []
    assert scene.told == ["vera"] * 3


def test_an_id_of_ones_own(scene: Scene) -> None:
    assert result(scene.call(VERA, "PUT", "my-view")).id == "my-view"
    for wrong in ("a/b", "ä", "x" * 41, "a b"):
        assert problem(lambda wrong=wrong: scene.call(VERA, "PUT", wrong)).status == 422  # type: ignore[misc]  # mypy: default argument


@pytest.mark.parametrize(
    ("principal", "own", "shared"),
    [
        (ANNA, (404, 404, 404), (200, 403, 204)),
        (VERA, (404, 404, 404), (200, 403, 403)),
        (OTTO, (200, 200, 204), (200, 200, 204)),
    ],
)
def test_rights(scene: Scene, principal: Principal, own: Any, shared: Any) -> None:
    result(scene.call(OTTO, "PUT", "own"))
    result(scene.call(OTTO, "PUT", "shared", shared=True))

    def status(method: str, view_id: str) -> int:
        try:
            result(scene.call(principal, method, view_id))
        except Exception as error:  # noqa: BLE001 - its status is what is asked
            return int(getattr(error, "status", 0))
        return 204 if method == "DELETE" else 200

    assert tuple(status(method, "own") for method in ("GET", "PUT", "DELETE")) == own
    result(scene.call(OTTO, "PUT", "shared", shared=True))
    assert tuple(status(method, "shared") for method in ("GET", "PUT", "DELETE"))[:2] == shared[:2]
    result(scene.call(OTTO, "PUT", "shared", shared=True))
    assert status("DELETE", "shared") == shared[2]


def test_cells_of_cameras_that_he_may_not_see_are_empty(scene: Scene) -> None:
    result(scene.call(OTTO, "PUT", "shared", shared=True))
    assert scene.told == [None]
    assert cells(result(scene.call(OTTO, "GET", "shared"))) == [("gate-1", "sub"), ("yard", ""), ("", "")]
    seen = result(scene.call(VERA, "GET", "shared"))
    assert (cells(seen), seen.mine) == ([("gate-1", "sub"), ("", ""), ("", "")], False)


def test_what_is_no_longer_shared_is_told_to_all(scene: Scene) -> None:
    result(scene.call(OTTO, "PUT", "x", shared=True))
    result(scene.call(OTTO, "PUT", "x", shared=False))
    result(scene.call(OTTO, "PUT", "x", shared=False))
    assert scene.told == [None, None, "otto"]


def test_bounds(scene: Scene) -> None:
    for number in range(MAX_PER_USER):
        result(scene.call(VERA, "PUT", str(number)))
    assert problem(lambda: scene.call(VERA, "POST")).name == "conflict"
    setting = Setting(scene.rows)
    for body, field in (
        ({"name": "", "layout": "1", "cells": []}, "name"),
        ({"name": "a\0b", "layout": "1", "cells": []}, "name"),
        ({"name": "a", "layout": "1", "cells": [{}] * 65}, "cells"),
        ({"name": "a", "layout": "1", "cells": [{"camera": 1}]}, "cells[0].camera"),
        ({"name": "a", "layout": "1", "cells": [], "x": 1}, "x"),
    ):
        status, answer = setting.ask_json("POST", VIEWS, "Authorization: Bearer vera", value=body)
        assert (status, answer["errors"][0]["field"]) == (422, field)
