"""The session table: complete, closed and as RFC 2326 A.2 draws it."""

import pytest

from bridge.dialogue.rtsp_states import CLIENT, SERVER, STATELESS, Phase, State, Step, allowed


def test_every_state_can_be_reached_and_left():
    assert {state for state, _ in SERVER} == set(State)
    assert set(SERVER.values()) == set(State)


def test_teardown_ends_in_init_from_everywhere():
    assert all(SERVER[state, "TEARDOWN"] is State.INIT for state in State)


@pytest.mark.parametrize(
    ("state", "method"),
    [(State.INIT, "PLAY"), (State.INIT, "PAUSE"), (State.READY, "PAUSE"), (State.PLAYING, "SETUP")],
)
def test_what_gets_455(state, method):
    assert (state, method) not in SERVER
    assert method not in allowed(state)


def test_allow_lists_the_stateless_methods_too():
    assert allowed(State.INIT) == (*STATELESS, "SETUP", "TEARDOWN")


def test_a_client_can_be_stopped_and_can_fail_in_every_phase():
    for phase in Phase:
        assert CLIENT[phase, Step.TEARDOWN] in (Phase.TEARDOWN, Phase.CLOSED)
        assert CLIENT[phase, Step.FAILED] is Phase.CLOSED


def test_every_phase_of_a_client_can_be_reached():
    assert {phase for phase, _ in CLIENT} == set(Phase)
    assert set(CLIENT.values()) == set(Phase) - {Phase.IDLE}
