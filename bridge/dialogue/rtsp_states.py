"""The states of an RTSP session and of a client's conversation as tables (RFC 2326 A.1 and A.2). No bytes.

`SERVER` is `{(state, method): state}`, `CLIENT` is `{(phase, step): phase}`.

RFC 2326 calls both "set up, never played" and "paused" Ready. We tell them apart: PAUSE before the first PLAY is not
valid (455), PAUSE while paused is (200).
"""

import enum
from collections.abc import Mapping


class State(enum.StrEnum):
    """How far a session has come."""

    INIT = "init"
    READY = "ready"
    PLAYING = "playing"
    PAUSED = "paused"


# A SETUP while playing would have to change the transport under packets that are on their way: refused, as the ONVIF
# Streaming specification allows. TEARDOWN in INIT is harmless and stays there (RFC 2326 A.2).
SERVER: Mapping[tuple[State, str], State] = {
    (State.INIT, "SETUP"): State.READY,
    (State.INIT, "TEARDOWN"): State.INIT,
    (State.READY, "SETUP"): State.READY,
    (State.READY, "PLAY"): State.PLAYING,
    (State.READY, "TEARDOWN"): State.INIT,
    (State.PLAYING, "PLAY"): State.PLAYING,
    (State.PLAYING, "PAUSE"): State.PAUSED,
    (State.PLAYING, "TEARDOWN"): State.INIT,
    (State.PAUSED, "SETUP"): State.PAUSED,
    (State.PAUSED, "PLAY"): State.PLAYING,
    (State.PAUSED, "PAUSE"): State.PAUSED,
    (State.PAUSED, "TEARDOWN"): State.INIT,
}

STATELESS = ("OPTIONS", "DESCRIBE", "GET_PARAMETER", "SET_PARAMETER")
"""Methods that are valid in every state and change none."""


def allowed(state: State) -> tuple[str, ...]:
    """The methods that are valid in `state`: what `Allow` says beside a 455."""
    return (*STATELESS, *(method for (at, method) in SERVER if at is state))


class Phase(enum.StrEnum):
    """How far a client's conversation has come; it waits for the answer that the name says."""

    IDLE = "idle"
    OPTIONS = "options"
    DESCRIBE = "describe"
    PORTS = "ports"
    SETUP = "setup"
    PLAY = "play"
    PLAYING = "playing"
    TEARDOWN = "teardown"
    CLOSED = "closed"


class Step(enum.StrEnum):
    """What moves a client's conversation on."""

    START = "start"
    ANSWERED = "answered"
    PORTS_WANTED = "ports wanted"
    PORTS_GIVEN = "ports given"
    TRACKS_READY = "tracks ready"
    TEARDOWN = "teardown"
    FAILED = "failed"


# A client asks in one order. PORTS is the pause in which its owner opens UDP ports; a track refused over one transport
# goes from SETUP through it again.
CLIENT: Mapping[tuple[Phase, Step], Phase] = {
    (Phase.IDLE, Step.START): Phase.OPTIONS,
    (Phase.OPTIONS, Step.ANSWERED): Phase.DESCRIBE,
    (Phase.DESCRIBE, Step.ANSWERED): Phase.SETUP,
    (Phase.SETUP, Step.PORTS_WANTED): Phase.PORTS,
    (Phase.PORTS, Step.PORTS_GIVEN): Phase.SETUP,
    (Phase.SETUP, Step.ANSWERED): Phase.SETUP,
    (Phase.SETUP, Step.TRACKS_READY): Phase.PLAY,
    (Phase.PLAY, Step.ANSWERED): Phase.PLAYING,
    (Phase.PLAYING, Step.ANSWERED): Phase.PLAYING,
    (Phase.SETUP, Step.TEARDOWN): Phase.TEARDOWN,
    (Phase.PORTS, Step.TEARDOWN): Phase.TEARDOWN,
    (Phase.PLAY, Step.TEARDOWN): Phase.TEARDOWN,
    (Phase.PLAYING, Step.TEARDOWN): Phase.TEARDOWN,
    # Nothing is set up yet: there is nothing to tear down.
    (Phase.IDLE, Step.TEARDOWN): Phase.CLOSED,
    (Phase.OPTIONS, Step.TEARDOWN): Phase.CLOSED,
    (Phase.DESCRIBE, Step.TEARDOWN): Phase.CLOSED,
    (Phase.TEARDOWN, Step.TEARDOWN): Phase.TEARDOWN,
    (Phase.CLOSED, Step.TEARDOWN): Phase.CLOSED,
    (Phase.TEARDOWN, Step.ANSWERED): Phase.CLOSED,
    **{(phase, Step.FAILED): Phase.CLOSED for phase in Phase},
}
