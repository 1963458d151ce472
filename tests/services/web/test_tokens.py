import pytest

from bridge.system.api_tokens import PER_USER
from tests.services.web.login_setting import Members


def test_made_shown_once_used_and_revoked(door: Members) -> None:
    vera = door.bearer("vera")
    status, made = door.ask_json("POST", "/api/v1/tokens", vera, value={"name": "wall", "days": 30})
    assert (status, made["name"], made["expires"], made["used"]) == (
        201,
        "wall",
        "2027-02-14T08:00:00.000Z",
        None,
    )
    by_token = f"Authorization: Bearer {made['token']}"
    assert door.ask_json("GET", "/api/v1/session", by_token)[1]["user"] == "vera"
    status, listed = door.ask_json("GET", "/api/v1/tokens", by_token)
    assert (status, [one["id"] for one in listed]) == (200, [made["id"]])
    assert (listed[0]["used"], "token" in listed[0]) == ("2027-01-15T08:00:00.000Z", False)
    assert door.ask("DELETE", f"/api/v1/tokens/{made['id']}", by_token)[0] == 204
    assert door.ask("GET", "/api/v1/session", by_token)[0] == 401
    assert [row[1:] for row in door.audit[1:]] == [
        ("token.make", made["id"], "ok"),
        ("token.revoke", made["id"], "ok"),
    ]


def test_those_of_others_are_not_there(door: Members) -> None:
    _, made = door.ask_json("POST", "/api/v1/tokens", door.bearer("vera"), value={"name": "wall"})
    anna = door.bearer("anna")
    assert door.ask_json("GET", "/api/v1/tokens", anna) == (200, [])
    assert door.ask("DELETE", f"/api/v1/tokens/{made['id']}", anna)[0] == 404


def test_a_token_makes_no_tokens(door: Members) -> None:
    _, secret = door.tokens.make("anna", "wall", None, door.clock.utc_ns())
    status, answer = door.ask_json(
        "POST", "/api/v1/tokens", f"Authorization: Bearer {secret}", value={"name": "another"}
    )
    assert (status, answer["type"]) == (403, "/api/v1/problems#password-only")


def test_so_many(door: Members) -> None:
    vera = door.bearer("vera")
    for _ in range(PER_USER):
        assert door.ask_json("POST", "/api/v1/tokens", vera, value={"name": "x"})[0] == 201
    status, answer = door.ask_json("POST", "/api/v1/tokens", vera, value={"name": "x"})
    assert (status, answer["type"]) == (409, "/api/v1/problems#too-many")


@pytest.mark.parametrize(
    "body",
    [{}, {"name": ""}, {"name": "x" * 65}, {"name": "a\nb"}, {"name": "x", "days": 0}, {"name": "x", "days": "1"}],
)
def test_bodies_that_are_none(door: Members, body: object) -> None:
    assert door.ask_json("POST", "/api/v1/tokens", door.bearer("vera"), value=body)[0] == 422
