from typing import Any

import pytest

from bridge.system.access import Role
from bridge.system.passwords import proves
from tests.services.web.login_setting import Members

BOB = {"name": "bob", "password": "b-secret"}


def problem(answer: Any) -> str:
    return str(answer["type"]).partition("#")[2]


def test_who_is_there(door: Members) -> None:
    status, listed = door.ask_json("GET", "/api/v1/users", door.bearer("anna"))
    assert (status, [one["name"] for one in listed]) == (200, ["anna", "vera", "rick"])
    assert door.ask_json("GET", "/api/v1/users/vera", door.bearer("anna")) == (
        200,
        {
            "name": "vera",
            "role": "viewer",
            "cameras": ["gate-*"],
            "grants": [],
            "doors": [],
            "fast_start": True,
            "source": "file",
        },
    )


def test_for_administrators_alone(door: Members) -> None:
    vera = door.bearer("vera")
    assert door.ask("GET", "/api/v1/users", vera)[0] == 403
    assert door.ask_json("POST", "/api/v1/users", vera, value=BOB)[0] == 403
    assert door.ask("DELETE", "/api/v1/users/anna", vera)[0] == 403
    assert door.ask("GET", "/api/v1/users")[0] == 401


def test_added_changed_and_removed(door: Members) -> None:
    anna = door.bearer("anna")
    sent = BOB | {"cameras": ["gate-1"], "grants": [{"cameras": ["yard"], "actions": ["live"]}]}
    status, added = door.ask_json("POST", "/api/v1/users", anna, value=sent)
    assert (status, added["cameras"], added["grants"]) == (201, ["gate-1"], sent["grants"])
    assert "b-secret" not in str(added)
    bob = door.bearer("bob")
    status, changed = door.ask_json("PATCH", "/api/v1/users/bob", anna, value={"role": "operator"})
    assert (status, changed["role"], changed["cameras"]) == (200, "operator", ["gate-1"])
    assert door.ask_json("GET", "/api/v1/session", bob)[1]["role"] == "operator"
    assert door.ask("DELETE", "/api/v1/users/bob", anna)[0] == 204
    assert door.ask("GET", "/api/v1/session", bob)[0] == 401
    assert door.log_in("bob")[0] == 401
    assert [row for row in door.audit if row[1].startswith("user.")] == [
        ("anna", "user.add", "bob", "ok"),
        ("anna", "user.change", "bob", "ok"),
        ("anna", "user.remove", "bob", "ok"),
    ]


def test_another_password_logs_him_out(door: Members) -> None:
    anna = door.bearer("anna")
    door.ask_json("POST", "/api/v1/users", anna, value=BOB)
    bob = door.bearer("bob")
    assert door.ask_json("PATCH", "/api/v1/users/bob", anna, value={"password": "new${x}"})[0] == 200
    assert door.ask("GET", "/api/v1/session", bob)[0] == 401
    assert door.log_in("bob")[0] == 401
    assert door.log_in("bob", "new${x}")[0] == 200


def test_for_the_web_alone_only_the_hash_is_kept(door: Members) -> None:
    anna = door.bearer("anna")
    assert door.ask_json("POST", "/api/v1/users", anna, value=BOB | {"doors": ["web"]})[0] == 201
    assert door.users.secret_of("bob") is None
    assert proves("b-secret", door.users.credential("bob"), None)
    assert door.log_in("bob")[0] == 200
    status, answer = door.ask_json("PATCH", "/api/v1/users/bob", anna, value={"doors": []})
    assert (status, [one["field"] for one in answer["errors"]]) == (422, ["password"])
    assert door.ask_json("PATCH", "/api/v1/users/bob", anna, value={"doors": [], "password": "p"})[0] == 200
    assert door.users.secret_of("bob") == "p"


def test_those_of_the_file_are_changed_there(door: Members) -> None:
    anna = door.bearer("anna")
    for method, value in (("PATCH", {"role": "viewer"}), ("DELETE", None)):
        status, answer = door.ask_json(method, "/api/v1/users/vera", anna, value=value)
        assert (status, problem(answer)) == (409, "of-file")
    status, answer = door.ask_json("POST", "/api/v1/users", anna, value=BOB | {"name": "vera"})
    assert (status, problem(answer)) == (409, "conflict")


def test_one_name_one_user(door: Members) -> None:
    anna = door.bearer("anna")
    assert door.ask_json("POST", "/api/v1/users", anna, value=BOB)[0] == 201
    status, answer = door.ask_json("POST", "/api/v1/users", anna, value=BOB)
    assert (status, problem(answer)) == (409, "conflict")


@pytest.mark.parametrize("name", ["nobody", "%2e%2e%2fanna", "a%00b", "%ff", "x" * 2000])
def test_who_is_not_there(door: Members, name: str) -> None:
    anna = door.bearer("anna")
    for method, value in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        assert door.ask_json(method, f"/api/v1/users/{name}", anna, value=value)[0] == 404


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"role": "king"},
        {"cameras": "gate-1"},
        {"cameras": [""]},
        {"cameras": ["UPPER"]},
        {"grants": [{"cameras": ["a"], "actions": ["fly"]}]},
        {"doors": ["window"]},
        {"password": ""},
        {"fast_start": []},
    ],
)
def test_changes_that_are_none(door: Members, change: dict[str, object]) -> None:
    anna = door.bearer("anna")
    door.ask_json("POST", "/api/v1/users", anna, value=BOB)
    assert door.ask_json("PATCH", "/api/v1/users/bob", anna, value=change)[0] == 422


@pytest.mark.parametrize("name", [":", 'a"b', " a", "a ", "a\u200b", "a\\b", "\n"])
def test_names_that_stand_in_no_digest(door: Members, name: str) -> None:
    status, answer = door.ask_json("POST", "/api/v1/users", door.bearer("anna"), value=BOB | {"name": name})
    assert (status, [one["field"] for one in answer["errors"]]) == (422, ["name"])


@pytest.mark.parametrize(
    "change", [None, {"role": "viewer"}, {"doors": ["rtsp"], "password": "x"}, {"role": "viewer", "doors": []}]
)
def test_somebody_is_left_to_administer(door: Members, change: dict[str, object] | None) -> None:
    anna = door.bearer("anna")
    door.ask_json("POST", "/api/v1/users", anna, value=BOB | {"role": "administrator"})
    bob = door.bearer("bob")
    door.users.reload([])  # anna was the file's
    method = "DELETE" if change is None else "PATCH"
    status, answer = door.ask_json(method, "/api/v1/users/bob", bob, value=change)
    assert (status, problem(answer)) == (409, "last-administrator")
    more = BOB | {"name": "carl", "role": "administrator"}
    assert door.ask_json("POST", "/api/v1/users", bob, value=more)[0] == 201
    assert door.ask_json(method, "/api/v1/users/bob", bob, value=change)[0] in (200, 204)


def test_he_may_change_what_leaves_him_one(door: Members) -> None:
    anna = door.bearer("anna")
    door.ask_json("POST", "/api/v1/users", anna, value=BOB | {"role": "administrator"})
    bob = door.bearer("bob")
    door.users.reload([])
    assert (
        door.ask_json("PATCH", "/api/v1/users/bob", bob, value={"fast_start": False, "doors": ["web", "rtsp"]})[0]
        == 200
    )
    principal = door.users.principal("bob")
    assert principal is not None
    assert principal.role is Role.ADMINISTRATOR
