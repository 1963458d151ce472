"""What a source asks of a driver, and what it hands to one. A driver is one connection to one camera."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from structlog.typing import FilteringBoundLogger
from twisted.internet.defer import Deferred

from bridge.base.time import Clock
from bridge.dialogue.rtsp_client_events import DownReason, Lower
from bridge.media.hub import Hub
from bridge.media.talk import TalkLine
from bridge.services.ingest.reception import IngestStatistics
from bridge.services.ingest.tls import CameraTls
from bridge.wire.rtsp.url import RtspUrl


class DriverOwner(Protocol):
    """What a driver tells: up once at the most, down once and for good."""

    def on_up(self) -> None:
        """The first access unit came."""

    def on_down(self, reason: DownReason, text: str) -> None:
        """The connection is over; everything of it is closed. Not called after `stop`."""


class Driver(Protocol):
    """One connection, from the first try to its end."""

    def start(self) -> None:
        """Connects. Failures are told to the owner, never raised; not before this call has returned."""

    def stop(self) -> Deferred[None]:
        """Takes leave of the camera and closes; fires when it is done, within a few seconds. Never fails."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What a driver is to fetch, with everything it needs for it.

    transport: the one to ask for first
    tunnelled: the RTSP connection goes through HTTP
    talk:      where the way to its loudspeaker is to be made known; None: nobody is to talk to it
    tls:       what the certificates of cameras over rtsps are held against; None: there are none
    reactor:   Any, for it provides several of Twisted's interfaces (time, TCP, file descriptors, names)
    """

    url: RtspUrl
    transport: Lower
    hub: Hub
    reactor: Any
    clock: Clock
    random: random.Random
    statistics: IngestStatistics
    log: FilteringBoundLogger
    tunnelled: bool = False
    tls: CameraTls | None = None
    talk: TalkLine | None = None


DriverMaker = Callable[[Errand, DriverOwner], Driver]
