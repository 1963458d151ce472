"""Tries a camera's address once: which tracks it has, its first picture, or why there is none. Nothing is kept."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from structlog.typing import FilteringBoundLogger
from twisted.internet.defer import Deferred

from bridge.base.media import AccessUnit, Medium, Track
from bridge.base.time import Clock, UtcNs
from bridge.dialogue.rtsp_client_events import DownReason, Lower
from bridge.media.hub import Hub
from bridge.services.ingest.driver import Driver, DriverMaker, Errand
from bridge.services.ingest.reception import IngestStatistics
from bridge.services.ingest.source import DRIVERS, TUNNEL
from bridge.services.ingest.tls import CameraTls
from bridge.wire.rtsp.url import RtspUrl

PROBE_S = 10
_NAME = "probe"


@dataclass(frozen=True, slots=True)
class Probed:
    """reason: why it failed, or what is missing, one sentence without secrets; key: the first key frame."""

    ok: bool
    reason: str
    tracks: tuple[Track, ...] = ()
    key: AccessUnit | None = None


class Probe:
    """A `DriverOwner` and a subscriber, for one connection of at most PROBE_S."""

    def __init__(
        self,
        reactor: Any,  # see driver.Errand
        clock: Clock,
        log: FilteringBoundLogger,
        url: RtspUrl,
        transport: str,
        driver: str = "native",
        *,
        drivers: Mapping[str, DriverMaker] = DRIVERS,
    ) -> None:
        """transport, driver: as in StreamSettings."""
        self._reactor = reactor
        self._hub = Hub(_NAME, clock)
        tunnelled = transport == TUNNEL
        errand = Errand(
            url,
            Lower.TCP if tunnelled else Lower(transport),
            self._hub,
            reactor,
            clock,
            random.SystemRandom(),
            IngestStatistics(),
            log.bind(part=_NAME),
            tunnelled=tunnelled,
            tls=CameraTls(_NAME, _AnyCertificate(), clock),
        )
        self._make: Callable[[], Driver] = lambda: drivers[driver](errand, self)
        self._driver: Driver | None = None
        self._deadline: Any = None
        self._came = False
        self._done: Deferred[Probed] | None = None

    def run(self) -> "Deferred[Probed]":
        """Fires with what was found; may be cancelled."""
        done = self._done = Deferred(lambda _: self._end(None))
        self._hub.subscribe(self)
        self._deadline = self._reactor.callLater(PROBE_S, self._too_late)
        self._driver = self._make()
        self._driver.start()
        return done

    # What the driver and the hub tell

    def on_up(self) -> None:
        """The first access unit came."""
        self._came = True

    def on_down(self, reason: DownReason, text: str) -> None:
        """The connection is over."""
        self._driver = None
        self._end(Probed(False, text, self._hub.tracks))

    def on_access_unit(self, unit: AccessUnit) -> None:
        """The first key frame is what was waited for."""
        tracks = self._hub.tracks
        if unit.key and not unit.damaged and tracks[unit.track].medium is Medium.VIDEO:
            self._end(Probed(True, "", tracks, unit))

    def on_tracks(self, tracks: tuple[Track, ...]) -> None:
        """They are read from the hub."""

    def _too_late(self) -> None:
        self._deadline = None
        tracks = self._hub.tracks
        if not self._came:
            self._end(Probed(False, f"timeout: nothing came within {PROBE_S} s", tracks))
        elif any(track.medium is Medium.VIDEO for track in tracks):
            self._end(Probed(True, f"it sends, but no key frame came within {PROBE_S} s", tracks))
        else:
            self._end(Probed(True, "it sends no picture", tracks))

    def _end(self, found: Probed | None) -> None:
        done, self._done = self._done, None
        if done is None:
            return
        self._hub.unsubscribe(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        driver, self._driver = self._driver, None
        if driver is not None:
            # Not from inside the driver's own call.
            self._reactor.callLater(0, driver.stop)
        if found is not None:
            done.callback(found)


class _AnyCertificate:
    """A `Trust` that takes what is shown: the camera that is added afterwards remembers it."""

    def judge(self, camera: str, address: str, sha256: str, now: UtcNs) -> str:
        """ "" as whatever is trusted."""
        return ""
