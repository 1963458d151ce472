import itertools

import pytest
from twisted.internet.defer import Deferred

from bridge.base.time import NS_PER_S
from bridge.net.http import Head
from bridge.services.web.login import PlainHttp
from bridge.services.web.routes import Means
from bridge.system.config_load import read_user
from bridge.system.sessions import ACCESS_NS
from tests.services.web.login_setting import Members

PEER = "192.0.2.1:4711"


def head(**headers: str) -> Head:
    return Head("GET", "/", {name: (value,) for name, value in headers.items()}, 0)


@pytest.mark.parametrize(
    ("allowed", "peer", "secure", "admitted"),
    [
        ("never", "127.0.0.1:1", False, False),
        ("never", "192.0.2.1:1", True, True),
        ("loopback", "127.0.0.1:1", False, True),
        ("loopback", "[::1]:1", False, True),
        ("loopback", "192.0.2.1:1", False, False),
        ("loopback", "192.0.2.1:1", True, True),
        ("always", "192.0.2.1:1", False, True),
    ],
)
def test_plain_http(allowed: str, peer: str, secure: bool, admitted: bool) -> None:
    assert PlainHttp(allowed, lambda host: "").admits(peer, secure) is admitted


def test_callers(door: Members) -> None:
    _, _, answer = door.log_in("vera")
    access = answer["token"]
    for one, means in (
        (head(authorization=f"Bearer {access}"), Means.BEARER),
        (head(authorization=f"bearer  {access} "), Means.BEARER),
        (head(cookie=f"onb_access={access}"), Means.COOKIE),
    ):
        caller = door.login.find(one, PEER, False)
        assert caller is not None
        assert (caller.principal.name, caller.means, caller.token) == ("vera", means, None)
        assert door.login.now(caller) == caller
    assert door.login.find(head(cookie=f"onb_access={access}"), PEER, True) is None
    made, secret = door.tokens.make("vera", "wall", None, door.clock.utc_ns())
    caller = door.login.find(head(authorization=f"Bearer {secret}"), PEER, False)
    assert caller is not None
    assert (caller.means, caller.session, caller.token) == (Means.API_TOKEN, None, made.id)
    door.tokens.revoke("vera", made.id)
    assert door.login.now(caller) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer " + "x" * 43},
        {"authorization": "Bearer onb_" + "x" * 43},
        {"authorization": "Bearer " + "x" * 15_000},
        {"authorization": "Bearer \ufffd\0"},
        {"authorization": "Basic dmVyYTp2LXNlY3JldA=="},
        {"authorization": 'Digest username="vera"'},
        {"cookie": "onb_access=" + "x" * 15_000},
        {"cookie": ";" * 15_000},
        {"cookie": "onb_access"},
    ],
)
def test_nobody(door: Members, headers: dict[str, str]) -> None:
    door.log_in("vera")
    assert door.login.find(head(**headers), PEER, False) is None


def test_a_bearer_that_is_nobody_is_not_helped_by_a_cookie(door: Members) -> None:
    _, _, answer = door.log_in("vera")
    both = head(authorization="Bearer " + "x" * 43, cookie=f"onb_access={answer['token']}")
    assert door.login.find(both, PEER, False) is None


def test_tokens_do_not_count_in_clear_where_passwords_do_not(door: Members) -> None:
    bearer = head(authorization=door.bearer("vera").partition(": ")[2])
    door.login.plain_http = PlainHttp("never", lambda host: "")
    assert door.login.find(bearer, PEER, False) is None
    assert door.login.find(bearer, PEER, True) is not None


def test_rights_are_read_at_each_request(door: Members) -> None:
    bearer = head(authorization=door.bearer("vera").partition(": ")[2])
    before = door.login.find(bearer, PEER, False)
    assert before is not None
    table = {"name": "vera", "password": "v-secret", "cameras": ["other"]}
    door.users.reload([read_user(table, environ={})])
    after = door.login.find(bearer, PEER, False)
    assert after is not None
    assert after.principal == door.users.principal("vera") != before.principal
    assert door.login.now(before) == after
    door.users.reload([read_user(table | {"doors": ["rtsp"]}, environ={})])
    assert (door.login.find(bearer, PEER, False), door.login.now(before)) == (None, None)


def test_it_outlives_its_access_token_while_the_session_lives(door: Members) -> None:
    bearer = head(authorization=door.bearer("vera").partition(": ")[2])
    caller = door.login.find(bearer, PEER, False)
    assert caller is not None
    door.clock.advance(ACCESS_NS)
    assert door.login.find(bearer, PEER, False) is None
    assert door.login.now(caller) == caller
    door.sessions.end(caller.session or "")
    assert door.login.now(caller) is None


@pytest.mark.parametrize(
    ("user", "password", "why"),
    [
        ("vera", "wrong", "wrong"),
        ("nobody", "v-secret", "wrong"),
        ("rick", "r-secret", "door"),
    ],
)
def test_one_answer_for_all_who_are_refused(door: Members, user: str, password: str, why: str) -> None:
    told = door.log_in("nobody", "x")
    assert door.log_in(user, password) == told
    assert (told[0], told[2]["type"]) == (401, "/api/v1/problems#wrong-login")
    assert door.login.refusals[why] >= 1
    assert ("nobody", "login", "/api/v1/session", "refused") in door.audit


def test_who_guesses_is_locked_and_told_the_same(door: Members) -> None:
    told = [door.log_in("vera", f"guess {number}") for number in range(3)]
    assert door.log_in("vera") == told[0] == told[1]
    assert (door.login.refusals["wrong"], door.login.refusals["locked"]) == (3, 1)
    door.clock.advance(10 * NS_PER_S)
    assert door.log_in("vera")[0] == 200


def test_the_lockout_is_that_of_every_door(door: Members) -> None:
    for _ in range(3):
        door.lockout.failed("192.0.2.1", "vera", door.clock.monotonic_ns())
    assert door.log_in("vera")[0] == 401


def test_a_right_guess_among_many_at_once_is_not_told(door: Members) -> None:
    """They were all taken before the first was found wrong."""
    waiting = []
    door.worker = lambda work: waiting.append((work, Deferred())) or waiting[-1][1]  # type: ignore[func-returns-value]
    begun = [
        Deferred.fromCoroutine(door.login.begin("vera", password, PEER)) for password in ("1", "2", "3", "v-secret")
    ]
    for one in begun:
        one.addErrback(lambda failure: failure.value.status)
    for work, done in waiting:
        done.callback(work())
    assert [one.result for one in begun] == [401] * 4
    assert len(door.sessions) == 0


def test_a_user_who_is_changed_while_he_waits_is_not_let_in(door: Members) -> None:
    waiting = []
    door.worker = lambda work: waiting.append((work, Deferred())) or waiting[-1][1]  # type: ignore[func-returns-value]
    begun = Deferred.fromCoroutine(door.login.begin("vera", "v-secret", PEER))
    begun.addErrback(lambda failure: failure.value.status)
    door.users.reload([read_user({"name": "vera", "password": "new"}, environ={})])
    waiting[0][1].callback(waiting[0][0]())
    assert (begun.result, door.login.refusals["changed"]) == (401, 1)


def test_a_thousand_attempts_in_a_second(door: Members) -> None:
    """Some reach the worker, the rest is refused before; the audit keeps what was tried, not a thousand rows."""
    waiting: list[Deferred[bool]] = []
    door.worker = lambda work: waiting.append(Deferred()) or waiting[-1]  # type: ignore[func-returns-value]
    statuses = []
    for number in range(1000):
        begun = Deferred.fromCoroutine(door.login.begin("vera", str(number), f"192.0.2.{number % 250}:1"))
        begun.addErrback(lambda failure: statuses.append(failure.value.status))
        if number % 100 == 99:
            for one in waiting:
                one.callback(False)
            waiting.clear()
        door.clock.advance(NS_PER_S // 1000)
    assert set(statuses) == {401, 429}
    assert door.login.refusals["wrong"] == 90
    assert door.login.refusals["busy"] == 910
    assert len(door.audit) == 90


def test_counts_by_reason(door: Members) -> None:
    for user in itertools.repeat("vera", 5):
        door.log_in(user, "wrong")
    assert door.login.refusals == {"wrong": 3, "locked": 2}
    assert len([row for row in door.audit if row[3] == "refused"]) == 3  # those that were locked cost nothing to try
