"""What the tables of test_service.py do not reach."""

import pytest

from bridge.services.onvif.login import UnauthorizedError
from tests.services.onvif.door import Door

PEER = "[2001:db8::1]:4711"


def test_a_user_who_was_removed_a_moment_ago() -> None:
    door = Door()
    authorization = door.digest(target="/a")
    door.login._accounts.principals.clear()  # type: ignore[attr-defined]
    with pytest.raises(UnauthorizedError):
        door.login.by_headers("POST", "/a", [authorization], PEER)
    assert door.audit == [("viewer", "login", "/a", "refused", PEER)]


def test_the_lock_out_counts_addresses_without_their_ports() -> None:
    door = Door()
    for port in range(3):
        with pytest.raises(UnauthorizedError):
            door.login.by_headers("POST", "/a", [door.digest(password="x", target="/a")], f"[2001:db8::1]:{port}")
    assert door.lockout.locked("2001:db8::1", "viewer", door.clock.monotonic_ns())


def test_only_wrong_secrets_count() -> None:
    door = Door()
    for authorization in ([], ["Digest"], [door.digest(target="/elsewhere")], ["rubbish"]):
        for _ in range(5):
            with pytest.raises(UnauthorizedError):
                door.login.by_headers("POST", "/a", authorization, PEER)
    assert not door.lockout.locked("2001:db8::1", "viewer", door.clock.monotonic_ns())


def test_every_challenge_is_fresh() -> None:
    door = Door()
    assert door.login.challenge().challenges != door.login.challenge().challenges


def test_long_names_are_cut_in_the_audit() -> None:
    door = Door()
    with pytest.raises(UnauthorizedError):
        door.login.by_headers("POST", "/" + "a" * 500, [door.digest("u" * 500, "x", target="/")], PEER)
    assert [len(each) for each in door.audit[0][:3]] == [64, 5, 128]


def test_who_logged_in_from_where_is_told() -> None:
    door, told = Door(), []
    door.login._proven = lambda address, user, now: told.append((address, user, now))
    with pytest.raises(UnauthorizedError):
        door.login.by_headers("POST", "/a", [door.digest(password="x", target="/a")], PEER)
    assert told == []
    door.login.by_headers("POST", "/a", [door.digest(target="/a")], PEER)
    assert told == [("2001:db8::1", "viewer", door.clock.monotonic_ns())]
