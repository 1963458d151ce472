"""What clients send inside their RTSP connection (RFC 2326 10.12): reports, which keep sessions, and a bound on all."""

from collections.abc import Iterable

from bridge.base.time import NS_PER_S, MonotonicNs
from bridge.dialogue.rtsp_session import InterleavedRoute, Leg, Session, Sessions

# A viewer's reports are a few hundred bytes a second; backchannel audio, which we refuse, would be 16 kB.
FRAME_WINDOW_NS = 10 * NS_PER_S
FRAME_BYTES_PER_WINDOW = 1 << 20
FRAME_OVERHEAD_BYTES = 100


class ClientFrames:
    """The interleaved frames of one connection."""

    def __init__(self, sessions: Sessions, now: MonotonicNs) -> None:
        self._sessions = sessions
        self._since = now
        self._bytes = 0

    def take(self, mine: Iterable[Session], channel: int, payload: memoryview, now: MonotonicNs) -> bool:
        """RTCP reports keep the session; all else is dropped in silence. False: it is a flood, the connection may go.

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
        return True


def is_rtcp_report(payload: memoryview) -> bool:
    """Whether a frame is RTCP that begins with a report, as RFC 3550 6.1 demands: 200 sender's, 201 receiver's."""
    return len(payload) >= 8 and payload[0] >> 6 == 2 and payload[1] in (200, 201)


def _uses(leg: Leg, channel: int) -> bool:
    return isinstance(leg.route, InterleavedRoute) and channel == leg.route.rtcp_channel
