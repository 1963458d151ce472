"""All resources on a door, over a real data folder: who gets what of each."""

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import succeed
from twisted.internet.task import Clock as TwistedClock

from bridge.app.recording import Recording
from bridge.app.resources import Parts, Resources
from bridge.app.store import open_store
from bridge.base.time import NS_PER_S, ManualClock
from bridge.services.web.notices import NOTICES
from bridge.system.access import Principal, Role
from bridge.system.catalogue import Catalogue
from bridge.system.config_load import read
from tests.services.web import web_setting
from tests.services.web.resources_setting import BEGIN, GATEKEEPER, catalogue
from tests.services.web.web_setting import Setting, asked

OTTO = Principal.with_role("otto", Role.OPERATOR)
VIEW = {"name": "a", "layout": "1", "cells": []}
EXPORT = {"camera": "gate-1", "from": BEGIN // 10**6, "until": BEGIN // 10**6 + 1000}
CAMERA = {"id": "new", "streams": [{"url": "rtsp://192.0.2.1/"}]}


class Service:
    """What the resources hang on, without cameras and ports."""

    def __init__(self, data: Any) -> None:
        self.reactor: Any = TwistedClock()
        self.reactor.callFromThread = lambda work, *args: work(*args)
        self.clock = ManualClock(utc_ns=BEGIN + 60 * NS_PER_S)
        self.config = read({"camera": [{"id": "gate-1", "url": "rtsp://192.0.2.1/"}]}, base=data)
        self.store = open_store(self.config)
        self.catalogue: Catalogue = catalogue(self.clock, "gate-1", "yard")
        recording = Recording(self.reactor, self.clock, self.store, self.catalogue)
        self.recording = recording
        parts = Parts(
            self.reactor,
            self.clock,
            self.store,
            self.catalogue,
            GATEKEEPER,
            recording,
            SimpleNamespace(still=None, of_unit=None),  # type: ignore[arg-type]  # nothing is decoded here
            lambda work: succeed(work()),
            lambda: self.config,
            lambda: self.config.cameras,
            SimpleNamespace(lag_ns=0, worst_lag_ns=0, take_worst_ns=lambda: 0),  # type: ignore[arg-type]  # a watchdog
            SimpleNamespace(current=None, days_warned_of=None),  # type: ignore[arg-type]  # no TLS door
            dict,
            lambda: (0, 0),
            self.applied,
            self.applied,
        )
        self.resources = Resources(parts)
        self.setting = Setting(self.resources.rows, self.resources.sockets)

    async def applied(self) -> None:
        stored = self.store.all_cameras(self.config).cameras
        self.catalogue.replace(catalogue(self.clock, "yard", *(camera.id for camera in stored)).cameras())

    def ask(self, method: str, path: str, name: str, value: Any = None) -> int:
        bearer = [f"Authorization: Bearer {name}"] if name else []
        return self.setting.ask_json(method, path, *bearer, value=value)[0]


@pytest.fixture
def service(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(web_setting.PRINCIPALS, "otto", OTTO)
    one = Service(tmp_path)
    yield one
    one.recording.begin_stop()
    assert one.recording.join()
    one.store.close()


# (method, path, body, status for nobody, a viewer of gate-*, an operator, an administrator)
TABLE: list[tuple[str, str, Any, int, int, int, int]] = [
    ("GET", "/cameras", None, 401, 200, 200, 200),
    ("GET", "/cameras/gate-1", None, 401, 200, 200, 200),
    ("GET", "/cameras/yard", None, 401, 404, 200, 200),
    ("GET", "/cameras/attic", None, 401, 404, 404, 404),
    ("POST", "/cameras", CAMERA, 401, 403, 403, 201),
    ("PATCH", "/cameras/gate-1", {"name": "x"}, 401, 403, 403, 409),
    ("DELETE", "/cameras/gate-1", None, 401, 403, 403, 409),
    ("DELETE", "/cameras/attic", None, 401, 403, 403, 404),
    ("POST", "/cameras/test", {"url": "x"}, 401, 403, 403, 422),
    ("GET", "/cameras/yard/snapshot.jpg", None, 401, 404, 404, 404),
    ("GET", "/cameras/gate-1/snapshot.jpg?at=0", None, 401, 404, 404, 404),
    ("GET", "/recordings", None, 401, 200, 200, 200),
    ("GET", "/recordings?from=2&until=1", None, 401, 422, 422, 422),
    ("GET", "/exports", None, 401, 200, 200, 200),
    ("POST", "/exports", EXPORT, 401, 404, 404, 404),
    ("GET", "/exports/x", None, 401, 404, 404, 404),
    ("DELETE", "/exports/x", None, 401, 404, 404, 404),
    ("GET", "/exports/x/file", None, 401, 404, 404, 404),
    ("GET", "/exports/x/manifest", None, 401, 404, 404, 404),
    ("GET", "/views", None, 401, 200, 200, 200),
    ("POST", "/views", VIEW, 401, 201, 201, 201),
    ("PUT", "/views/x", VIEW, 401, 200, 404, 404),
    ("GET", "/views/x", None, 401, 404, 404, 404),
    ("DELETE", "/views/x", None, 401, 404, 404, 404),
    ("GET", "/system", None, 401, 200, 200, 200),
    ("GET", "/system/history", None, 401, 403, 403, 200),
    ("GET", "/certificates", None, 401, 403, 403, 200),
    ("GET", "/certificates/ca.pem", None, 404, 404, 404, 404),
    ("POST", "/certificates/renew", None, 401, 403, 403, 409),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} {row[1]}")
def test_rights(service: Service, row: tuple[str, str, Any, int, int, int, int]) -> None:
    method, path, body, *expected = row
    if (method, path) == ("GET", "/cameras/yard/snapshot.jpg"):
        service.catalogue.replace(())
    found = [service.ask(method, f"/api/v1{path}", name, body) for name in ("", "vera", "otto", "anna")]
    assert found == expected


def test_every_resource_stands_in_the_table(service: Service) -> None:
    found = [
        (method, service.setting.door.routes.find(method, f"/api/v1{path}".partition("?")[0]))
        for method, path, *_ in TABLE
    ]
    named = {(method, one.route.path) for method, one in found if one and one.route}
    assert named == {(row.method, row.path) for row in service.resources.rows}


def test_the_system_as_it_is(service: Service) -> None:
    status, shown = service.setting.ask_json("GET", "/api/v1/system", "Authorization: Bearer anna")
    assert status == 200
    assert shown["counts"]["cameras"] == 2
    assert (shown["notices"], shown["certificate"], shown["doors"]) == ([], None, [])


def test_changes_are_told(service: Service) -> None:
    told: list[tuple[str, str | None]] = []
    notices: Any = service.resources.notices
    notices.add(notices.listen(asked(OTTO)))
    notices.changed = lambda kind, only=None: told.append((kind.value, only))
    service.resources._look()
    service.resources._look()
    assert told == []
    service.catalogue.replace(())
    service.resources._look()
    assert told == [("cameras", None)]
    service.ask("POST", "/api/v1/cameras", "anna", CAMERA)
    assert told[-1] == ("cameras", None)
    assert NOTICES in [row.path for row in service.resources.sockets]
