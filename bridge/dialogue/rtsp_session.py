"""RTSP sessions as the server keeps them: where each track goes, who owns it, until when (RFC 2326 3.4, A.2, 12.37).

A session is a thing of its own, not of a connection: one that sends by UDP outlives the TCP connection that made it
and may be continued by the same user from another one; an interleaved one has lost its transport and ends.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bridge.base.time import NS_PER_S, MonotonicNs
from bridge.dialogue.rtsp_presentation import MulticastRoute, Presentation
from bridge.dialogue.rtsp_states import SERVER, State

SESSION_TIMEOUT_S = 60
MAX_SESSIONS = 1_000
MAX_REPLAYS = 200


@dataclass(frozen=True, slots=True)
class InterleavedRoute:
    """Media inside the RTSP connection (RFC 2326 10.12)."""

    rtp_channel: int
    rtcp_channel: int


@dataclass(frozen=True, slots=True)
class UdpRoute:
    """Media by UDP unicast.

    host:         always the address that the RTSP connection comes from, whatever the client asked
    client_ports: its ports for RTP and RTCP
    server_ports: ours; (0, 0) while the shell has not bound them
    source:       the address that we send from when it is not the RTSP connection's; else ""
    """

    host: str
    client_ports: tuple[int, int]
    server_ports: tuple[int, int] = (0, 0)
    source: str = ""


Route = InterleavedRoute | UdpRoute | MulticastRoute


@dataclass(frozen=True, slots=True)
class Leg:
    """One track of a session.

    url:  as the client spelled it; RTP-Info must name it so
    ssrc: None while it is not known
    """

    route: Route
    url: str
    ssrc: int | None = None


@dataclass(slots=True, eq=False)
class Session:
    """One client's session.

    user:       who made it; nobody else may use it
    connection: whose transport it uses when interleaved; None for UDP and multicast
    legs:       by track, in the order of SETUP
    """

    id: str
    user: str
    presentation: Presentation
    expires_ns: MonotonicNs
    state: State = State.INIT
    connection: object = None
    legs: dict[int, Leg] = field(default_factory=dict)
    ended: bool = False

    @property
    def interleaved(self) -> bool:
        """Whether its media travel inside an RTSP connection."""
        return self.connection is not None

    def reach_pause(self) -> None:
        """Play has come to the instant that a PAUSE named."""
        self.state = SERVER[self.state, "PAUSE"]


class Sessions:
    """All sessions of one server, at most `max_sessions`, and `max_of_user` of each: then no new one is made (453).

    Of recorded media at most `max_replays`: each reads the disks for itself. `made` counts all that ever were.
    """

    def __init__(
        self,
        random_bytes: Callable[[int], bytes],
        *,
        timeout_s: int = SESSION_TIMEOUT_S,
        max_sessions: int = MAX_SESSIONS,
        max_of_user: int = MAX_SESSIONS,
        max_replays: int = MAX_REPLAYS,
    ) -> None:
        self.timeout_s = timeout_s
        self.max_sessions = max_sessions
        self.max_of_user = max_of_user
        self.max_replays = max_replays
        self.made = 0
        self._random_bytes = random_bytes
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._sessions.values()))

    @property
    def replays(self) -> int:
        """How many are of recorded media."""
        return sum(not session.presentation.live for session in self._sessions.values())

    def get(self, session_id: str) -> Session | None:
        """The session of that id."""
        return self._sessions.get(session_id)

    def make(self, user: str, presentation: Presentation, now: MonotonicNs) -> Session | None:
        """A new session in the state INIT; None when there is no room."""
        if len(self._sessions) >= self.max_sessions:
            return None
        if sum(session.user == user for session in self._sessions.values()) >= self.max_of_user:
            return None
        if not presentation.live and self.replays >= self.max_replays:
            return None
        # RFC 2326 3.4: chosen at random, at least eight octets. 64 bits: whoever holds one could end it.
        session_id = self._random_bytes(8).hex().upper()
        if session_id in self._sessions:
            return None
        session = Session(session_id, user, presentation, now)
        self.touch(session, now)
        self._sessions[session_id] = session
        self.made += 1
        return session

    def touch(self, session: Session, now: MonotonicNs) -> None:
        """The client gave a sign of life."""
        session.expires_ns = MonotonicNs(now + self.timeout_s * NS_PER_S)

    def end(self, session: Session) -> None:
        """Out of the table; the next request that names it gets 454. Its transports are the caller's to free."""
        session.ended = True
        session.state = State.INIT
        if self._sessions.get(session.id) is session:
            del self._sessions[session.id]

    def next_timeout(self) -> MonotonicNs | None:
        """When `on_timeout` should be called; None while there is no session."""
        return min((session.expires_ns for session in self._sessions.values()), default=None)

    def on_timeout(self, now: MonotonicNs) -> list[Session]:
        """Takes those that were silent for too long out of the table and returns them."""
        expired = [session for session in self._sessions.values() if session.expires_ns <= now]
        for session in expired:
            self.end(session)
        return expired
