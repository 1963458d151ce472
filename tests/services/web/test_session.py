import json

import pytest

from bridge.services.web.login import PlainHttp
from bridge.system.sessions import ACCESS_NS, GRACE_NS
from tests.services.web.login_setting import OURS, Members, cookies

JSON = "Content-Type: application/json"


def log_in_as_browser(door: Members) -> dict[str, str]:
    """The cookies, by name."""
    channel, transport = door.connect()
    body = b'{"user": "vera", "password": "v-secret"}'
    lines = ["POST /api/v1/session HTTP/1.1", "Host: bridge.example:8081", OURS, JSON, f"Content-Length: {len(body)}"]
    channel.dataReceived("\r\n".join([*lines, "", ""]).encode() + body)
    return {name: rest.partition(";")[0] for name, rest in cookies(transport.value()).items()}


def as_cookie(jar: dict[str, str]) -> str:
    return "Cookie: " + "; ".join(f"{name}={value}" for name, value in jar.items())


def test_log_in(door: Members) -> None:
    status, headers, answer = door.log_in("vera")
    assert status == 200
    assert headers["cache-control"] == "no-store"
    assert {name: answer[name] for name in ("user", "role", "rights", "version", "expires_in_s")} == {
        "user": "vera",
        "role": "viewer",
        "rights": ["live", "playback", "audio"],
        "version": "1.2",
        "expires_in_s": 900,
    }
    assert answer["expires_at"] == "2027-01-15T08:15:00.000Z"
    assert answer["session_expires_at"] == "2027-01-16T08:00:00.000Z"
    assert door.audit == [("vera", "login", "/api/v1/session", "ok")]
    me = door.ask_json("GET", "/api/v1/session", f"Authorization: Bearer {answer['token']}")
    assert me == (200, {name: answer[name] for name in ("user", "role", "rights", "expires_at", "version")})


def test_an_expired_token_asks_for_a_refresh(door: Members) -> None:
    jar = log_in_as_browser(door)
    door.clock.advance(ACCESS_NS)
    status, headers, _ = door.ask("GET", "/api/v1/session", as_cookie(jar))
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    status, answer = door.ask_json("POST", "/api/v1/session/refresh", as_cookie(jar), OURS)
    assert (status, answer["user"], answer["token"], answer["refresh_token"]) == (200, "vera", None, None)


@pytest.mark.parametrize("body", [None, {}])
def test_a_browser_refreshes_by_cookie_from_our_page_alone(door: Members, body: object) -> None:
    jar = log_in_as_browser(door)
    for foreign in ((), ("Origin: https://evil.example",), ("Origin: null",), ("Sec-Fetch-Site: cross-site",)):
        status, answer = door.ask_json("POST", "/api/v1/session/refresh", as_cookie(jar), *foreign, value=body)
        assert (status, answer["type"]) == (403, "/api/v1/problems#foreign-origin")
    assert door.ask_json("POST", "/api/v1/session/refresh", as_cookie(jar), OURS, value=body)[0] == 200


def test_a_program_refreshes_by_body(door: Members) -> None:
    _, _, first = door.log_in("vera")
    sent = {"refresh_token": first["refresh_token"]}
    status, second = door.ask_json("POST", "/api/v1/session/refresh", value=sent)
    assert status == 200
    assert second["token"] not in (None, first["token"])
    assert second["refresh_token"] not in (None, first["refresh_token"])
    assert door.ask_json("POST", "/api/v1/session/refresh", value=sent)[1] == second  # two at the same moment


def test_a_copied_refresh_token_ends_the_session(door: Members) -> None:
    _, _, first = door.log_in("vera")
    sent = {"refresh_token": first["refresh_token"]}
    _, second = door.ask_json("POST", "/api/v1/session/refresh", value=sent)
    door.clock.advance(GRACE_NS)
    assert door.ask_json("POST", "/api/v1/session/refresh", value=sent)[0] == 401
    assert door.ask_json("GET", "/api/v1/session", f"Authorization: Bearer {second['token']}")[0] == 401
    assert door.audit[-1] == ("vera", "session.refresh", "/api/v1/session", "old token")


def test_a_browser_whose_session_has_ended_forgets_its_cookies(door: Members) -> None:
    jar = log_in_as_browser(door)
    door.sessions.end(jar["onb_refresh"].partition(".")[0])
    status, headers, _ = door.ask("POST", "/api/v1/session/refresh", as_cookie(jar), OURS)
    assert status == 401
    assert "Max-Age=0" in headers["set-cookie"]


@pytest.mark.parametrize("value", [None, {}, {"refresh_token": None}, {"refresh_token": "x" * 43}])
def test_refreshing_with_nothing_of_use(door: Members, value: object) -> None:
    assert door.ask_json("POST", "/api/v1/session/refresh", OURS, value=value)[0] == 401


def test_log_out(door: Members) -> None:
    jar = log_in_as_browser(door)
    assert door.ask("DELETE", "/api/v1/session", as_cookie(jar))[0] == 403
    status, headers, _ = door.ask("DELETE", "/api/v1/session", as_cookie(jar), OURS)
    assert status == 204
    assert "Max-Age=0" in headers["set-cookie"]
    assert door.ask("GET", "/api/v1/session", as_cookie(jar))[0] == 401
    assert door.ask("POST", "/api/v1/session/refresh", as_cookie(jar), OURS)[0] == 401
    assert door.ask("DELETE", "/api/v1/session", as_cookie(jar), OURS)[0] == 401
    assert door.audit[-1] == ("vera", "logout", "/api/v1/session", "ok")


def test_log_out_with_an_access_token_that_has_expired(door: Members) -> None:
    jar = log_in_as_browser(door)
    door.clock.advance(ACCESS_NS)
    assert door.ask("DELETE", "/api/v1/session", as_cookie(jar))[0] == 403
    assert door.ask("DELETE", "/api/v1/session", as_cookie(jar), OURS)[0] == 204
    assert len(door.sessions) == 0


def test_an_api_token_has_no_session(door: Members) -> None:
    _, secret = door.tokens.make("vera", "wall", 1, door.clock.utc_ns())
    bearer = f"Authorization: Bearer {secret}"
    status, me = door.ask_json("GET", "/api/v1/session", bearer)
    assert (status, me["user"], me["expires_at"]) == (200, "vera", "2027-01-16T08:00:00.000Z")
    status, answer = door.ask_json("DELETE", "/api/v1/session", bearer)
    assert (status, answer["type"]) == (409, "/api/v1/problems#no-session")


def test_no_page_of_others_logs_its_visitors_in(door: Members) -> None:
    assert door.log_in("vera", "", "Origin: https://evil.example")[0] == 403
    assert len(door.sessions) == 0


def test_no_password_over_plain_http_from_elsewhere(door: Members) -> None:
    door.login.plain_http = PlainHttp("loopback", lambda host: f"https://{host.partition(':')[0]}:8082/")
    status, _, answer = door.log_in("vera")
    assert (status, answer["type"]) == (403, "/api/v1/problems#plain-http")
    assert "use https://bridge.example:8082/" in answer["detail"]
    assert door.login.refusals["plain-http"] == 1
    door.login.plain_http = PlainHttp("never", lambda host: "")
    assert "no other door is open" in door.log_in("vera")[2]["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user": "vera"},
        {"user": "vera", "password": ""},
        {"user": "", "password": "x"},
        {"user": "v" * 65, "password": "x"},
        {"user": "vera", "password": "p" * 1025},
        {"user": ["vera"], "password": "x"},
        {"user": "vera", "password": {"geheim": 1}},
        {"user": "vera", "password": "x", "geheim": 1},
    ],
)
def test_bodies_that_are_none(door: Members, body: object) -> None:
    status, answer = door.ask_json("POST", "/api/v1/session", value=body)
    assert status == 422
    assert "geheim" not in json.dumps(answer).replace('"field": "geheim"', "").replace("geheim: Extra", "")


def test_very_long_cookies_are_refused_and_nothing_else_happens(door: Members) -> None:
    assert door.ask("GET", "/api/v1/session", "Cookie: onb_access=" + "x" * 12_000)[0] == 401
    channel, transport = door.connect()
    channel.dataReceived(b"GET /api/v1/session HTTP/1.1\r\nHost: x\r\nCookie: a=" + b"x" * 40_000 + b"\r\n\r\n")
    assert transport.closed


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1//session",
        "/api/v1/session/",
        "/api/v1/./session",
        "/api/v1/../v1/session",
        "/api/v1/%73ession",
        "//api/v1/session",
        "/API/v1/session",
        "/api/v1/session%00",
        "/api/v1/session;x=1",
        "/api/v1/users/../session",
        "http://bridge.example:8081/api/v1/session",
        "/api/v1/session%2frefresh",
        "/api/v1\\session",
    ],
)
def test_path_tricks_lead_nowhere(door: Members, path: str) -> None:
    assert door.ask("GET", path, door.bearer("anna", "a-secret"))[0] == 404
