"""The states of an RTSP session as tables `{(state, method): state}` (RFC 2326 A.1 and A.2). No roles, no bytes.

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
