"""A camera's stream, pulled for ever: drivers come and go, the hub and the statistics stay."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from structlog.typing import FilteringBoundLogger
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall

from bridge.base.errors import ConfigurationError, RemoteProtocolError
from bridge.base.time import NS_PER_S, Clock, MonotonicNs
from bridge.dialogue.backoff import Backoff
from bridge.dialogue.rtsp_client_events import DownReason, Lower
from bridge.media.hub import Hub
from bridge.media.talk import TalkLine
from bridge.services.ingest.driver import Driver, DriverMaker, DriverOwner, Errand
from bridge.services.ingest.native import NativeDriver
from bridge.services.ingest.reception import IngestStatistics
from bridge.services.ingest.tls import CameraTls, Trust
from bridge.system.catalogue import StreamState
from bridge.wire.rtsp.url import RtspUrl

TUNNEL = "http"
"""The transport that is not the camera's choice: RTSP and media through HTTP."""


def _aiortsp(errand: Errand, owner: DriverOwner) -> Driver:
    """Imported where a camera asks for it: 7 MB that hardly any installation needs."""
    from bridge.services.ingest.aiortsp_driver import AiortspDriver

    return AiortspDriver(errand, owner)


DRIVERS: Mapping[str, DriverMaker] = {"native": NativeDriver, "aiortsp": _aiortsp}

_KEEPS_ITS_DISTANCE = frozenset({DownReason.AUTH, DownReason.CERTIFICATE})
"""Soon nothing will be different, until somebody has done something about it."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Which stream to pull, and how.

    url:       with credentials, so it never shows
    transport: `tcp`, `udp` or `multicast`: what to ask the camera for first; `http`: through a tunnel
    driver:    a name in DRIVERS
    talk:      whether its connection is also the way to the camera's loudspeaker
    tls_ca:    authorities that alone vouch for it over rtsps; none: what it shows first is trusted
    """

    camera_id: str
    stream_name: str
    url: str = field(repr=False)
    transport: str = "tcp"
    driver: str = "native"
    tls_ca: tuple[x509.Certificate, ...] = field(default=(), repr=False)
    talk: bool = False


class CameraSource:
    """See the module. A `DriverOwner`: at most one driver lives at a time.

    on_state: called with every change of state and the reason ("" while connecting for the first time and while up)
    random:   source of jitter, nonces and SSRCs; `random.SystemRandom()` in production
    trust:    who remembers the certificates of cameras over rtsps; None: they are not pulled
    talk:     what talkers reach the loudspeaker by, where the settings want it
    Raises ConfigurationError when `settings` cannot be used.
    """

    def __init__(
        self,
        settings: StreamSettings,
        hub: Hub,
        reactor: Any,  # see driver.Errand
        clock: Clock,
        random: random.Random,
        on_state: Callable[[StreamState, str], None],
        log: FilteringBoundLogger,
        *,
        drivers: Mapping[str, DriverMaker] = DRIVERS,
        trust: Trust | None = None,
        talk: TalkLine | None = None,
    ) -> None:
        if settings.driver not in drivers:
            raise ConfigurationError(f"driver {settings.driver!r}: expected one of {', '.join(drivers)}")
        try:
            url = RtspUrl.parse(settings.url)
            tunnelled = settings.transport == TUNNEL
            transport = Lower.TCP if tunnelled else Lower(settings.transport)
        except (RemoteProtocolError, ValueError) as error:
            raise ConfigurationError(f"stream {settings.camera_id}/{settings.stream_name}: {error}") from None
        if not ((url.user or "") + (url.password or "") + "-").isprintable():
            raise ConfigurationError(
                f"stream {settings.camera_id}/{settings.stream_name}: user or password holds a control character"
            )
        self.settings = settings
        self.statistics = IngestStatistics()
        self._log = log.bind(camera=settings.camera_id, stream=settings.stream_name)
        tls = CameraTls(settings.camera_id, trust, clock, settings.tls_ca) if trust is not None else None
        self._errand = Errand(
            url,
            transport,
            hub,
            reactor,
            clock,
            random,
            self.statistics,
            self._log,
            tunnelled=tunnelled,
            tls=tls,
            talk=talk if settings.talk else None,
        )
        self._make_driver = drivers[settings.driver]
        self._on_state = on_state
        self._backoff = Backoff(random)
        self._driver: Driver | None = None
        self._retry: IDelayedCall | None = None
        self._up_at: MonotonicNs | None = None
        self._down_text = ""
        self._down_reason: DownReason | None = None
        self._stopping: Deferred[None] | None = None

    def start(self) -> None:
        """Begins to pull; ends with `stop` only."""
        self._on_state(StreamState.CONNECTING, "")
        self._try()

    def stop(self) -> Deferred[None]:
        """Takes leave of the camera; fires when everything is closed. May be called at any time, and again."""
        if self._stopping is None:
            if self._retry is not None:
                self._retry.cancel()
                self._retry = None
            driver, self._driver = self._driver, None
            self._stopping = succeed(None) if driver is None else driver.stop()
            self._log.info("camera stopped")
        stopped: Deferred[None] = Deferred()
        self._stopping.addCallback(lambda _: stopped.callback(None))
        return stopped

    def trust_changed(self) -> None:
        """Somebody has said whom to trust: a camera that is down for that is tried again now."""
        if self._retry is not None and self._down_reason is DownReason.CERTIFICATE:
            self._retry.cancel()
            self._try_again()

    # What a driver tells

    def on_up(self) -> None:
        """The first access unit came."""
        if self._stopping is None:
            self._up_at = self._errand.clock.monotonic_ns()
            self._down_text = ""
            self._log.info("camera up")
            self._on_state(StreamState.UP, "")

    def on_down(self, reason: DownReason, text: str) -> None:
        """The driver is done; another one is made after a while."""
        self._driver = None
        if self._stopping is not None:
            return
        now = self._errand.clock.monotonic_ns()
        # Cameras lock a user out who tries wrong passwords in quick succession.
        lasted_ns = 0 if self._up_at is None else now - self._up_at
        wait_ns = self._backoff.after(lasted_ns, at_once_slow=reason in _KEEPS_ITS_DISTANCE)
        self._up_at = None
        # A camera that is off for a night is one line, not thousands.
        note = self._log.debug if text == self._down_text else self._log.warning
        note("camera down", reason=reason.value, text=text, retry_ms=wait_ns // 1_000_000)
        self._down_text, self._down_reason = text, reason
        self._retry = self._errand.reactor.callLater(wait_ns / NS_PER_S, self._try_again)
        self._on_state(StreamState.DOWN, text)

    def _try_again(self) -> None:
        self._retry = None
        self.statistics.reconnects += 1
        self._try()

    def _try(self) -> None:
        self._driver = self._make_driver(self._errand, self)
        self._driver.start()
