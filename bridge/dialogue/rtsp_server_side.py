"""What all connections of one RTSP server share: its sessions, who may come, what is there, and how long it waits."""

from collections.abc import Callable
from dataclasses import dataclass

from bridge.base.time import NS_PER_S
from bridge.dialogue.rtsp_frames import Listener
from bridge.dialogue.rtsp_login import Login
from bridge.dialogue.rtsp_presentation import Presentation
from bridge.dialogue.rtsp_session import Sessions

REPLAY_FEATURE = "onvif-replay"

SESSIONS_PER_CONNECTION = 8

Find = Callable[[str, str], Presentation | None]
"""(user, path) -> the presentation as that user may have it; None when there is none for him."""


@dataclass(frozen=True, slots=True)
class ServerSide:
    """See the module.

    login:      None: everybody may come, as the user ""
    features:   tags that a client may Require, beside that of the backchannel
    listener:   takes what clients talk; None: there is no loudspeaker anywhere
    first_ns:   the first request must have come after it
    idle_ns:    a connection without session and requests is closed after it
    request_ns: a request must be complete after it (408)
    """

    sessions: Sessions
    find: Find
    login: Login | None
    features: frozenset[str] = frozenset({REPLAY_FEATURE})
    listener: Listener | None = None
    name: str = "Open Network Bridge"
    sessions_per_connection: int = SESSIONS_PER_CONNECTION
    first_ns: int = 10 * NS_PER_S
    idle_ns: int = 60 * NS_PER_S
    request_ns: int = 10 * NS_PER_S
