import pytest

from bridge.services.web.routes import Caller, Means, Route, Routes, Who
from tests.services.web.web_setting import ANNA, VERA


def row(method: str, path: str) -> Route:
    return Route(method, path, lambda asked: path, Who.ANYBODY, "")


@pytest.mark.parametrize(
    ("method", "path", "found", "place"),
    [
        ("GET", "/", "/", {}),
        ("GET", "/cameras", "/cameras", {}),
        ("HEAD", "/cameras", "/cameras", {}),
        ("GET", "/cameras/test", "/cameras/{id}", {"id": "test"}),
        ("POST", "/cameras/test", "/cameras/test", {}),
        ("GET", "/cameras/a%20b/still.jpg", "/cameras/{id}/still.jpg", {"id": "a b"}),
        ("GET", "/cameras/%2e%2e%2fetc/still.jpg", "/cameras/{id}/still.jpg", {"id": "../etc"}),
    ],
)
def test_found(method: str, path: str, found: str, place: dict[str, str]) -> None:
    paths = [("GET", "/"), ("GET", "/cameras"), ("GET", "/cameras/{id}"), ("GET", "/cameras/{id}/still.jpg")]
    routes = Routes([row(*one) for one in [*paths, ("POST", "/cameras/test")]])
    result = routes.find(method, path)
    assert result is not None
    assert result.route is not None
    assert (result.route.path, result.place) == (found, place)


@pytest.mark.parametrize("path", ["", "/cameras/", "/cameras//still.jpg", "/a", "/cameras/x/y", "cameras"])
def test_nothing_there(path: str) -> None:
    routes = Routes([row("GET", "/cameras"), row("GET", "/cameras/{id}"), row("GET", "/cameras/{id}/still.jpg")])
    assert routes.find("GET", path) is None


def test_what_is_allowed() -> None:
    found = Routes([row("GET", "/a"), row("POST", "/a")]).find("DELETE", "/a")
    assert found is not None
    assert (found.route, found.allowed) == (None, ("GET", "HEAD", "POST"))


def test_no_row_twice() -> None:
    with pytest.raises(ValueError, match=r"GET /a/\{other\} stands twice"):
        Routes([row("GET", "/a/{id}"), row("GET", "/a/{other}")])


def test_who() -> None:
    anna, vera = Caller(ANNA, Means.BEARER), Caller(VERA, Means.COOKIE)
    assert [who.admits(None) for who in Who] == [True, False, False]
    assert [who.admits(vera) for who in Who] == [True, True, False]
    assert [who.admits(anna) for who in Who] == [True, True, True]


def test_a_literal_path_hides_only_its_own_methods() -> None:
    rows = [
        Route("POST", "/cameras/test", lambda asked: None, Who.USER, ""),
        Route("GET", "/cameras/{id}", lambda asked: None, Who.USER, ""),
    ]
    routes = Routes(rows)
    found = routes.find("GET", "/cameras/test")
    assert found is not None
    assert (found.route, found.place) == (rows[1], {"id": "test"})
    found = routes.find("POST", "/cameras/test")
    assert found is not None
    assert found.route is rows[0]
    found = routes.find("DELETE", "/cameras/test")
    assert found is not None
    assert (found.route, found.allowed) == (None, ("GET", "HEAD", "POST"))
