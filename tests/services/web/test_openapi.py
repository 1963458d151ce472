import json
from typing import Any

import schemathesis
from pydantic import BaseModel, Field
from twisted.internet.defer import succeed

from bridge.services.web.door import WebDoor
from bridge.services.web.openapi import describe, openapi_routes
from bridge.services.web.problems import NAMES
from bridge.services.web.routes import Asked, Route, Routes, Who
from bridge.services.web.status import MetricsAccess, status_routes
from tests.services.web.login_setting import Members


class Range(BaseModel):
    since: str = Field(alias="from")
    limit: int = 5


class Cell(BaseModel):
    camera: str


class View(BaseModel):
    name: str
    cells: list[Cell] = []


def nothing(asked: Asked) -> None:
    return None


ROWS = [
    Route("GET", "/api/v1/views", nothing, Who.USER, "All", query=Range, answer=list[View]),
    Route("PUT", "/api/v1/views/{id}", nothing, Who.USER, "Save", body=View, answer=View, problems=("conflict",)),
    Route("DELETE", "/api/v1/views/{id}", nothing, Who.ADMINISTRATOR, "Remove", status=204),
    Route("GET", "/api/v1/cameras/{id}/snapshot.jpg", nothing, Who.USER, "Picture", content="image/jpeg"),
    *status_routes(lambda: (b"", ""), MetricsAccess.NOBODY),
]
SOCKETS = [Route("GET", "/live/{camera}", nothing, Who.USER, "Live video", query=Range)]


def refs(value: Any) -> set[str]:
    """Every `$ref` in it."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(refs, value.values()))
    return set().union(*map(refs, value)) if isinstance(value, list) else set()


def test_every_row_is_in_it() -> None:
    paths = describe(ROWS, SOCKETS, "1.2")["paths"]
    found = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert found == {(row.method, row.path) for row in (*ROWS, *SOCKETS)}


def test_it_keeps_the_rules_of_openapi(door: Members) -> None:
    document = json.loads(json.dumps(describe([*ROWS, *door.door.routes.rows], SOCKETS, "1.2")))
    schemathesis.openapi.from_dict(document).validate()
    names = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert refs(document) <= names
    operations = [one for methods in document["paths"].values() for one in methods.values()]
    ids = [one["operationId"] for one in operations]
    assert len(set(ids)) == len(ids)
    assert all(one["summary"] for one in operations)


def test_what_goes_in_and_out() -> None:
    paths = describe(ROWS, SOCKETS, "1.2")["paths"]
    listing = paths["/api/v1/views"]["get"]
    assert [(one["name"], one["in"], one["required"]) for one in listing["parameters"]] == [
        ("from", "query", True),
        ("limit", "query", False),
    ]
    assert listing["security"] == [{"token": []}, {"cookie": []}]
    assert set(listing["responses"]) == {"200", "401", "422", "4XX", "5XX"}
    saving = paths["/api/v1/views/{id}"]["put"]
    assert saving["requestBody"]["required"] is True
    assert saving["parameters"][0] == {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
    }
    assert f"`conflict`: {NAMES['conflict']}" in saving["responses"]["4XX"]["description"]
    removing = paths["/api/v1/views/{id}"]["delete"]
    assert "content" not in removing["responses"]["204"]
    assert removing["description"] == "For administrators."
    picture = paths["/api/v1/cameras/{id}/snapshot.jpg"]["get"]
    assert list(picture["responses"]["200"]["content"]) == ["image/jpeg"]
    assert paths["/healthz"]["get"]["security"] == []
    live = paths["/live/{camera}"]["get"]
    assert "101" in live["responses"]
    assert "200" not in live["responses"]


def test_passwords_are_never_to_be_read(door: Members) -> None:
    schemas = describe(door.door.routes.rows, [], "")["components"]["schemas"]
    assert schemas["LogIn"]["properties"]["password"]["writeOnly"] is True
    assert "password" not in schemas["UserTold"]["properties"]


def test_anybody_may_read_it(door: Members) -> None:
    routes = Routes(ROWS)
    made: list[bytes] = []

    def in_thread(work: Any) -> Any:
        made.append(work())
        return succeed(made[-1])

    routes.add(openapi_routes(routes, Routes(SOCKETS), "1.2", in_thread))
    door.door = WebDoor(door.reactor, door.clock, door.login.find, routes)
    for _ in range(2):
        status, document = door.ask_json("GET", "/api/v1/openapi.json")
        assert (status, document["info"]["version"]) == (200, "1.2")
    assert "/api/v1/openapi.json" in document["paths"]
    assert len(made) == 1
    status, kinds = door.ask_json("GET", "/api/v1/problems")
    assert (status, [one["name"] for one in kinds]) == (200, list(NAMES))
    assert kinds[0] == {"name": "not-found", "type": "/api/v1/problems#not-found", "title": NAMES["not-found"]}
