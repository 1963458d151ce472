"""Builds what the web door has of video: live, footage, HLS, MJPEG."""

from collections.abc import Awaitable, Callable
from typing import Any

from bridge.base.time import Clock
from bridge.media.hub import Hub
from bridge.recorder.library import Library
from bridge.services.web.footage import FootageDoor, InThread
from bridge.services.web.hls import HlsDoor
from bridge.services.web.live import LiveSources, LiveViews
from bridge.services.web.mjpeg import MjpegDoor
from bridge.services.web.routes import Route
from bridge.system.access import Gatekeeper
from bridge.system.catalogue import Catalogue
from bridge.system.config import Limits

Still = Callable[[Hub], Awaitable[bytes | None]]
"""The latest picture of a stream as JPEG; None while there is none."""


class WebVideo:
    """The parts; each has its rows of the table."""

    def __init__(
        self,
        reactor: Any,  # Twisted's
        clock: Clock,
        catalogue: Catalogue,
        gatekeeper: Gatekeeper,
        library: Library | None,
        in_thread: InThread,
        still: Still,
        limits: Limits,
    ) -> None:
        self.sources = LiveSources()
        self.live = LiveViews(
            reactor,
            catalogue,
            gatekeeper,
            self.sources,
            viewers=limits.web_viewers,
            viewers_per_user=limits.web_viewers_per_user,
        )
        self.footage = FootageDoor(reactor, gatekeeper, library, in_thread, at_once=limits.web_footage)

        self.hls = HlsDoor(reactor, catalogue, gatekeeper, self.live, self.footage)
        self.mjpeg = MjpegDoor(reactor, clock, self.live.find, still, viewers=limits.web_viewers)

    @property
    def viewers(self) -> int:
        """Browsers that watch live now, whichever way."""
        return self.live.open + self.mjpeg.open + self.hls.open

    def routes(self) -> list[Route]:
        """Of HTTP."""
        return [*self.footage.routes(), *self.hls.routes(), *self.mjpeg.routes()]

    def sockets(self) -> list[Route]:
        """Of WebSockets."""
        return self.live.sockets()

    def close(self) -> None:
        """The service stops."""
        self.live.close()
        self.hls.close()
