"""The gatekeeper."""

import pytest

from bridge.system.access import Action, Gatekeeper, Grant, Principal, Role

GATE = Gatekeeper()


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.ADMINISTRATOR, set(Action)),
        (Role.OPERATOR, set(Action) - {Action.PUSH}),
        (Role.VIEWER, {Action.LIVE, Action.PLAYBACK, Action.AUDIO}),
    ],
)
def test_roles_are_shorthand_for_grants(role: Role, allowed: set[Action]) -> None:
    principal = Principal.with_role("anna", role)
    assert {action for action in Action if GATE.may(principal, action, "front-door")} == allowed


def test_cameras_are_shell_patterns() -> None:
    principal = Principal.with_role("anna", Role.VIEWER, ["gate-*", "yard"])
    assert GATE.may(principal, Action.LIVE, "gate-1")
    assert GATE.may(principal, Action.LIVE, "yard")
    assert not GATE.may(principal, Action.LIVE, "yard-2")
    assert not GATE.may(principal, Action.LIVE, "GATE-1")


def test_a_grant_adds_to_the_role() -> None:
    more = Grant(("gate-*",), frozenset({Action.PTZ}))
    principal = Principal.with_role("anna", Role.VIEWER, ["*"], [more])
    assert GATE.may(principal, Action.PTZ, "gate-1")
    assert not GATE.may(principal, Action.PTZ, "yard")


def test_no_grant_no_right() -> None:
    assert not any(GATE.may(Principal("anna", Role.ADMINISTRATOR, ()), action, "x") for action in Action)


def test_where_one_camera_is_the_only_one():
    grants = (Grant(("gate-*",), frozenset({Action.LIVE})), Grant(("*",), frozenset({Action.PLAYBACK})))
    user = Principal("a", Role.OPERATOR, grants, fast_start=False, doors=frozenset({"onvif"}))
    only = user.only("gate-1")
    assert may_all(only, "gate-1") == {Action.LIVE, Action.PLAYBACK}
    assert may_all(only, "gate-2") == set()
    assert (only.name, only.role, only.fast_start, only.doors) == ("a", Role.OPERATOR, False, {"onvif"})
    assert may_all(user.only("yard"), "yard") == {Action.PLAYBACK}
    assert only == user.only("gate-1")
    assert hash(only) == hash(user.only("gate-1"))


def may_all(principal: Principal, camera: str) -> set[Action]:
    return {action for action in Action if Gatekeeper().may(principal, action, camera)}
