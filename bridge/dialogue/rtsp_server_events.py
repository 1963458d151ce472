"""What the server side of an RTSP conversation asks of the shell around it. Frozen values, performed in order."""

from dataclasses import dataclass

from bridge.dialogue.rtsp_presentation import Presentation
from bridge.dialogue.rtsp_replay import ReplayWish
from bridge.dialogue.rtsp_session import Route, Session
from bridge.wire.rtsp.headers import Range
from bridge.wire.rtsp.message import Request


@dataclass(frozen=True, slots=True)
class Send:
    """These bytes go out, before anything that a later event brings forth."""

    data: bytes


@dataclass(frozen=True, slots=True)
class TracksWanted:
    """A request waits until the tracks of `presentation` are known. Answer: `Connection.resume`, or `refuse`."""

    presentation: Presentation


@dataclass(frozen=True, slots=True)
class PortsWanted:
    """A SETUP waits for a pair of UDP ports of ours to send from. Answer: `Connection.accept_ports` or `refuse`.

    After `refuse` no SessionEnded follows for a session that was made for this SETUP.
    route: where the packets are to go: to this client alone, or to a group
    """

    session: Session
    track: int
    route: Route


@dataclass(frozen=True, slots=True)
class PlayRequested:
    """PLAY: choose the start. Answer: `Connection.accept_play` or `refuse`.

    range_:  the client's Range; None when it sent none
    playing: the session plays already: for live only the present position is asked for
    replay:  of recorded media: what is asked; None for live
    """

    session: Session
    request: Request
    range_: Range | None
    playing: bool
    replay: ReplayWish | None = None


@dataclass(frozen=True, slots=True)
class PlayStarted:
    """The PLAY reply has gone out: media may follow it."""

    session: Session


@dataclass(frozen=True, slots=True)
class Paused:
    """Stop sending; the reply follows."""

    session: Session


@dataclass(frozen=True, slots=True)
class PauseWanted:
    """Of recorded media: stop sending when play reaches `at_ns` (UTC), and tell it by `Session.reach_pause`."""

    session: Session
    at_ns: int


@dataclass(frozen=True, slots=True)
class TrackEnded:
    """One track of several was torn down: stop sending it, free its ports."""

    session: Session
    track: int
    route: Route


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The session is out of the table: stop sending, free its ports.

    reason: `teardown`, `timeout`, `connection lost`, or what the shell gave to `Sessions.end`
    """

    session: Session
    reason: str


@dataclass(frozen=True, slots=True)
class LoginFailed:
    """Credentials were presented and were wrong. `user` as claimed. A nonce that is merely old does not count."""

    user: str


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """This connection's user has proven himself for the first time, or another one has."""

    user: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """DESCRIBE or SETUP of something that is not there, or not for this user."""

    user: str
    path: str


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection once everything before was sent."""

    reason: str


Event = (
    Send
    | TracksWanted
    | PortsWanted
    | PlayRequested
    | PlayStarted
    | Paused
    | PauseWanted
    | TrackEnded
    | SessionEnded
    | LoginFailed
    | NotFound
    | LoggedIn
    | Close
)
