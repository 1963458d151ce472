"""Who talks to which loudspeaker: from the sessions that have set one up to the lines of the cameras."""

from collections.abc import Callable
from dataclasses import dataclass

from bridge.base.time import MonotonicNs
from bridge.dialogue.rtsp_presentation import LOUDSPEAKER
from bridge.dialogue.rtsp_session import Session, UdpRoute
from bridge.dialogue.rtsp_states import State
from bridge.media.talk import TalkLine
from bridge.services.rtsp.live import LivePresentation

Note = Callable[[Session, str, str, str], object]
"""(session, action, subject, outcome): a row of the audit."""


@dataclass(slots=True)
class _Talk:
    """heard: the camera was given a packet of it."""

    line: TalkLine
    camera_id: str
    heard: bool = False


class Talks:
    """See the module. A `bridge.dialogue.rtsp_frames.Listener`; as many as there are cameras with a loudspeaker.

    refused: SETUPs that found another one talking
    """

    def __init__(
        self,
        touch: Callable[[Session, MonotonicNs], object],
        end: Callable[[Session, str], object],
        note: Note,
    ) -> None:
        """
        touch: a sign of life of a session
        end:   (session, reason) when what it talks to is not there any more as it was described
        """
        self.refused = 0
        self._touch = touch
        self._end = end
        self._note = note
        self._talks: dict[Session, _Talk] = {}

    def __len__(self) -> int:
        return len(self._talks)

    def take(self, session: Session) -> bool:
        """The loudspeaker of its presentation is this session's until `leave`; False: another one has it."""
        if session in self._talks:
            return True
        shown = session.presentation
        line = shown.talk if isinstance(shown, LivePresentation) else None
        if not isinstance(shown, LivePresentation) or line is None:
            return False
        if not line.take(session, lambda reason: self._end(session, reason)):
            self.refused += 1
            return False
        self._talks[session] = _Talk(line, shown.camera_id)
        return True

    def hear(self, session: Session, packet: memoryview, now: MonotonicNs) -> None:
        """An RTP packet of a session that plays. The first that goes on to the camera is a row of the audit."""
        talk = self._talks.get(session)
        if talk is not None and talk.line.push(session, packet, now) and not talk.heard:
            talk.heard = True
            self._note(session, "talk.start", talk.camera_id, "ok")

    def hear_datagram(self, host: str, port: int, packet: memoryview, now: MonotonicNs) -> None:
        """By UDP, to whichever ports of ours: it is talk when its sender is where a session said it would talk from."""
        for session in self._talks:
            leg = session.legs.get(LOUDSPEAKER)
            if leg is None or not isinstance(leg.route, UdpRoute) or session.state is not State.PLAYING:
                continue
            if leg.route.host == host and leg.route.client_ports[0] == port:
                self._touch(session, now)
                self.hear(session, packet, now)
                return

    def leave(self, session: Session, reason: str) -> None:
        """It talks no more; of one that does not talk nothing is taken."""
        talk = self._talks.pop(session, None)
        if talk is not None:
            talk.line.leave(session)
            if talk.heard:
                self._note(session, "talk.stop", talk.camera_id, reason)
