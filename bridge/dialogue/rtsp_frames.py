"""What clients send inside their RTSP connection (RFC 2326 10.12): reports and talk, and a bound on all of it."""

from collections.abc import Iterable
from typing import Protocol

from bridge.base.time import NS_PER_S, MonotonicNs
from bridge.dialogue.rtsp_presentation import LOUDSPEAKER
from bridge.dialogue.rtsp_session import InterleavedRoute, Leg, Session, Sessions
from bridge.dialogue.rtsp_states import State

# A viewer's reports are a few hundred bytes a second; talk is 14 kB, at the most 45.
FRAME_WINDOW_NS = 10 * NS_PER_S
FRAME_BYTES_PER_WINDOW = 1 << 20
FRAME_OVERHEAD_BYTES = 100


class Listener(Protocol):
    """Takes what clients talk."""

    def take(self, session: Session) -> bool:
        """The loudspeaker of its presentation is this session's until its end; False: another one has it."""

    def hear(self, session: Session, packet: memoryview, now: MonotonicNs) -> None:
        """An RTP packet of a session that has taken one, and plays."""


class ClientFrames:
    """The interleaved frames of one connection."""

    def __init__(self, sessions: Sessions, listener: Listener | None, now: MonotonicNs) -> None:
        self._sessions = sessions
        self._listener = listener
        self._since = now
        self._bytes = 0

    def take(self, mine: Iterable[Session], channel: int, payload: memoryview, now: MonotonicNs) -> bool:
        """A report, or talk; all else is dropped in silence. False: it is a flood, the connection may go.

        mine: the sessions of the connection
        """
        if now - self._since > FRAME_WINDOW_NS:
            self._since, self._bytes = now, 0
        self._bytes += FRAME_OVERHEAD_BYTES + len(payload)
        if self._bytes > FRAME_BYTES_PER_WINDOW:
            return False
        if is_rtcp_report(payload):
            for session in mine:
                if not session.ended and any(_uses(leg, channel) for leg in session.legs.values()):
                    self._sessions.touch(session, now)
        elif self._listener is not None:
            for session in mine:
                if _talks_on(session, channel):
                    self._sessions.touch(session, now)
                    self._listener.hear(session, payload, now)
        return True


def is_rtcp_report(payload: memoryview) -> bool:
    """Whether a frame is RTCP that begins with a report, as RFC 3550 6.1 demands: 200 sender's, 201 receiver's."""
    return len(payload) >= 8 and payload[0] >> 6 == 2 and payload[1] in (200, 201)


def _uses(leg: Leg, channel: int) -> bool:
    return isinstance(leg.route, InterleavedRoute) and channel == leg.route.rtcp_channel


def _talks_on(session: Session, channel: int) -> bool:
    """Before the answer of PLAY nobody may talk (ONVIF Streaming specification, "Back channel connection")."""
    leg = session.legs.get(LOUDSPEAKER)
    return (
        leg is not None
        and isinstance(leg.route, InterleavedRoute)
        and leg.route.rtp_channel == channel
        and session.state is State.PLAYING
    )
