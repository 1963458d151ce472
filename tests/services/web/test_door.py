import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict
from structlog.testing import capture_logs
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from bridge.net.http import Reply
from bridge.services.web.door import WebDoor
from bridge.services.web.problems import ProblemError
from bridge.services.web.routes import Asked, Route, Who
from bridge.store.backend import DatabaseUnusableError
from bridge.system.access import Principal, Role
from tests.services.web.web_setting import Setting, caller, parse

ANNA, VERA = "Authorization: Bearer anna", "Authorization: Bearer vera"
VERA_NOW = Principal.with_role("vera", Role.VIEWER, ["yard"])
OURS = "Origin: http://bridge.example:8081"


class Page(BaseModel):
    limit: int = 5


class Address(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: str
    port: int = 0


class New(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    streams: list[Address] = []


def setting(**handlers: Any) -> Setting:
    def told(asked: Asked) -> dict[str, Any]:
        return {"who": asked.caller and asked.principal.name, "place": asked.place, "limit": asked.query.limit}

    def made(asked: Asked) -> New:
        return asked.body

    def broken(asked: Asked) -> None:
        raise RuntimeError("the secret is 1234")

    def long(asked: Asked) -> None:
        assert asked.request is not None
        asked.request.write(b"a piece")

    return Setting(
        [
            Route("GET", "/open/{id}", told, Who.ANYBODY, "", query=Page, answer=dict[str, Any]),
            Route("GET", "/mine", told, Who.USER, "", query=Page, answer=dict[str, Any]),
            Route("POST", "/things", made, Who.ADMINISTRATOR, "", body=New, answer=New, status=201),
            Route("DELETE", "/things", lambda asked: None, Who.USER, "", status=204),
            Route("GET", "/broken", broken, Who.ANYBODY, "", answer=int),
            Route("GET", "/page", lambda asked: Reply(200, b"<p>", "text/html"), Who.ANYBODY, "", content="text/html"),
            Route("GET", "/long", long, Who.USER, "", content="video/x"),
            Route("POST", "/optional", lambda asked: asked.body.limit, Who.ANYBODY, "", body=Page, answer=int),
            Route("GET", "/slow", handlers.get("slow", told), Who.ANYBODY, "", answer=int),
        ]
    )


def test_an_answer() -> None:
    status, headers, body = setting().ask("GET", "/open/a%2fb?limit=7", VERA)
    assert (status, json.loads(body)) == (200, {"who": "vera", "place": {"id": "a/b"}, "limit": 7})
    assert headers["content-type"] == "application/json"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "server" not in headers


def test_head_has_no_body() -> None:
    status, headers, body = setting().ask("HEAD", "/open/a")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


def test_a_body_is_read_and_the_answer_written() -> None:
    sent = {"name": "n", "streams": [{"url": "u", "port": 5}]}
    assert setting().ask_json("POST", "/things", ANNA, value=sent) == (201, sent)


def test_nothing_comes_with_204() -> None:
    status, _, body = setting().ask("DELETE", "/things", VERA)
    assert (status, body) == (204, b"")


@pytest.mark.parametrize(
    ("method", "target", "headers", "status", "name"),
    [
        ("GET", "/nothing", (), 404, "not-found"),
        ("GET", "/open/", (), 404, "not-found"),
        ("PUT", "/things", (ANNA,), 405, "method"),
        ("GET", "/mine", (), 401, "log-in"),
        ("GET", "/mine", ("Authorization: Bearer nobody",), 401, "log-in"),
        ("POST", "/things", (), 401, "log-in"),
        ("POST", "/things", (VERA, "Content-Type: application/json"), 403, "forbidden"),
        ("POST", "/things", (ANNA,), 415, "media-type"),
        ("POST", "/things", (ANNA, "Content-Type: text/plain"), 415, "media-type"),
        ("POST", "/things", (ANNA, "Content-Type: application/json", "Content-Encoding: gzip"), 415, "media-type"),
        ("GET", "/open/a?limit=many", (), 422, "input"),
        ("GET", "/broken", (), 500, "failed"),
        ("DELETE", "/things", ("Cookie: user=vera",), 403, "foreign-origin"),
        ("DELETE", "/things", ("Cookie: user=vera", "Origin: http://evil.example"), 403, "foreign-origin"),
        ("DELETE", "/things", ("Cookie: user=vera", "Origin: null"), 403, "foreign-origin"),
        ("DELETE", "/things", ("Cookie: user=vera", OURS), 204, None),
        ("DELETE", "/things", ("Cookie: user=vera", "Sec-Fetch-Site: same-origin"), 204, None),
        ("GET", "/mine", ("Cookie: user=vera", "Origin: http://evil.example"), 200, None),
    ],
)
def test_what_is_refused(method: str, target: str, headers: tuple[str, ...], status: int, name: str | None) -> None:
    with capture_logs():
        found, head, body = setting().ask(method, target, *headers)
    assert found == status
    if name is not None:
        document = json.loads(body)
        assert (document["status"], document["type"]) == (status, f"/api/v1/problems#{name}")
        assert head["content-type"] == "application/problem+json"
        assert "1234" not in body.decode()


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ({}, ["name"]),
        ([], ["body"]),
        ({"name": 5}, ["name"]),
        ({"name": "n", "colour": "red"}, ["colour"]),
        ({"name": "n", "streams": [{"url": "u"}, {"port": "x"}]}, ["streams[1].url", "streams[1].port"]),
        ({"name": "n", "streams": [{"url": {"password": "geheim"}}]}, ["streams[0].url"]),
    ],
)
def test_faults_of_a_body_name_the_field_and_keep_the_value(value: Any, fields: list[str]) -> None:
    status, document = setting().ask_json("POST", "/things", ANNA, value=value)
    assert status == 422
    assert [error["field"] for error in document["errors"]] == fields
    assert "geheim" not in json.dumps(document)


def test_a_body_that_is_no_json() -> None:
    kind = "Content-Type: application/json"
    for body in (b"{", b"\xff", b"[" * 60_000):
        status, _, answer = setting().ask("POST", "/things", ANNA, kind, body=body)
        assert (status, json.loads(answer)["detail"]) == (400, "the body is not JSON")


def test_a_body_that_is_too_large_is_refused_by_its_head() -> None:
    one = setting()
    channel, transport = one.connect()
    lines = ["POST /things HTTP/1.1", "Host: x", ANNA, "Content-Type: application/json", "Content-Length: 1000000"]
    channel.dataReceived("\r\n".join([*lines, "", ""]).encode())
    assert parse(transport.value())[0] == 413
    assert transport.closed


def test_bodies_where_none_is_expected() -> None:
    assert setting().ask("GET", "/open/a", body=b"abc")[0] == 400


def test_a_client_that_hangs_up_cancels_what_is_made_for_him() -> None:
    waiting: Deferred[int] = Deferred()
    one = setting(slow=lambda asked: waiting)
    channel, transport = one.connect()
    channel.dataReceived(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    channel.connectionLost(Failure(ConnectionDone()))
    assert waiting.called
    assert transport.value() == b""


def test_a_problem_of_a_handler_after_a_wait() -> None:
    async def slow(asked: Asked) -> int:
        raise ProblemError(404, "not-found", "gone meanwhile")

    assert setting(slow=slow).ask_json("GET", "/slow")[0] == 404


def test_a_page_keeps_its_own_type() -> None:
    status, headers, body = setting().ask("GET", "/page")
    assert (status, headers["content-type"], body) == (200, "text/html", b"<p>")


@pytest.mark.parametrize(
    ("headers", "body", "found"),
    [
        ((), None, (200, 5)),
        ((), b"", (200, 5)),
        (("Content-Type: application/json",), b"{}", (200, 5)),
        (("Content-Type: application/json",), b'{"limit": 7}', (200, 7)),
    ],
)
def test_a_body_that_need_not_be_there(headers: tuple[str, ...], body: bytes | None, found: tuple[int, int]) -> None:
    status, _, answer = setting().ask("POST", "/optional", *headers, body=body)
    assert (status, json.loads(answer)) == found


def test_a_body_that_need_not_be_there_is_of_the_right_type_where_it_is() -> None:
    assert setting().ask("POST", "/optional", body=b"limit=7")[0] == 415


@pytest.mark.parametrize("now", [None, VERA_NOW])
def test_a_long_answer_to_who_is_not_what_he_was_is_cut_off(now: Principal | None) -> None:
    one = setting()
    channel, transport = one.connect()
    channel.dataReceived(f"GET /long HTTP/1.1\r\nHost: x\r\n{VERA}\r\n\r\n".encode())
    assert b"a piece" in transport.value()
    one.door.recheck()
    assert not transport.closed
    one.door.caller_now = lambda caller: None if now is None else replace(caller, principal=now)
    one.door.recheck()
    assert transport.aborted
    channel.connectionLost(Failure(ConnectionDone()))
    one.door.recheck()


def test_an_answer_that_has_not_begun_is_left_alone() -> None:
    waiting: Deferred[int] = Deferred()
    one = setting(slow=lambda asked: waiting)
    channel, transport = one.connect()
    channel.dataReceived(f"GET /slow HTTP/1.1\r\nHost: x\r\n{VERA}\r\n\r\n".encode())
    one.door.caller_now = lambda caller: None
    one.door.recheck()
    assert not transport.closed
    waiting.callback(5)
    assert parse(transport.value())[0] == 200


def test_browsers_are_told_to_come_over_tls_alone_where_they_do_and_it_is_wanted() -> None:
    one = setting()
    wanted = False
    one.door = WebDoor(one.reactor, one.clock, caller, one.door.routes, strict_transport=lambda: wanted)
    for secure, wanted in ((False, True), (True, False), (True, True)):
        for target in ("/open/a", "/nothing"):
            channel, transport = one.connect()
            channel.isSecure = lambda secure=secure: secure
            channel.dataReceived(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert ("strict-transport-security" in parse(transport.value())[1]) is (secure and wanted)


def test_a_database_that_is_away_is_said() -> None:
    def work(asked: Asked) -> int:
        raise DatabaseUnusableError("/data/config.db cannot be read: disk I/O error")

    with capture_logs() as logs:
        status, answer = setting(slow=work).ask_json("GET", "/slow")
    assert (status, answer["type"]) == (503, "/api/v1/problems#database")
    assert "config.db" not in answer["detail"]
    assert "config.db" in logs[0]["why"]
