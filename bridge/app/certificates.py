"""Keeps the certificate of the TLS doors: looks at it every minute, has it renewed, and warns before it expires."""

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
from cryptography.hazmat.primitives.hashes import SHA256
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from bridge.base.events import Topic
from bridge.base.time import NS_PER_S, Clock
from bridge.services.tls.server import ServerTls
from bridge.system.certificate_files import CertificateError
from bridge.system.config import Config
from bridge.system.door_certificate import DoorCertificate, days_warned_of, of_ours
from bridge.system.host_names import names_of_host
from bridge.system.secrets import Vault

TLS_DOORS = ("onvif_tls", "rtsps", "https")

LOOK_S = 60
"""A clock that was set right is noticed as soon."""

NAMES_NS = 3600 * NS_PER_S
"""Names of the machine are asked for this seldom: the resolver is not to hear from us every minute."""


class DoorCertificates:
    """What `tls` shows. Reading and making block for the disk, and for a second when a key is made."""

    def __init__(
        self,
        reactor: Any,
        clock: Clock,
        data: Path,
        vault: Vault,
        tls: ServerTls,
        in_thread: Any,
        tell: Callable[[Topic, Mapping[str, int | str]], object] = lambda topic, data: None,
    ) -> None:
        """
        reactor:   Any, see ServerTls
        in_thread: (work) -> Deferred of what it returns
        tell:      who keeps events
        """
        self._tell = tell
        self._clock, self._data, self._vault, self._tls = clock, data, vault, tls
        self._in_thread = in_thread
        self._log = structlog.get_logger().bind(part="tls")
        self._config: Config | None = None
        self._current: DoorCertificate | None = None
        self._looked_ns = 0
        self._looking = False
        self._warned_days: int | None = None
        self._ticker = LoopingCall(self._tick)
        self._ticker.clock = reactor

    @property
    def current(self) -> DoorCertificate | None:
        """None while no TLS door is open."""
        return self._current

    @property
    def days_warned_of(self) -> int | None:
        """30, 7, 1 or 0 when it expires within so many days; None: later, or there is none."""
        return None if self._current is None else days_warned_of(self._current.expires, self._now())

    def read(self, config: Config) -> DoorCertificate | None:
        """That of `config`, made where there is none; blocks. None: no TLS door is to open. Raises BridgeError."""
        if not any(config.port_of(door) for door in TLS_DOORS):
            return None
        if config.tls.certificate is not None and config.tls.key is not None:
            return DoorCertificate(config.tls.certificate.certificates, config.tls.key.key, ours=False)
        try:
            return of_ours(self._data, self._vault, names_of_host(config.public.host), self._now())
        except OSError as error:
            raise CertificateError(f"no certificate for the TLS doors: {error.filename}: {error.strerror}") from None

    def show(self, config: Config, found: DoorCertificate | None) -> None:
        """New connections are shown `found` from now on."""
        before, self._current, self._config = self._current, found, config
        self._looked_ns = self._clock.monotonic_ns()
        if found is None:
            return
        if before is None or before.chain != found.chain:
            self._tls.take(found.chain, found.key)
            self._log.info(
                "certificate of the TLS doors",
                made=found.made or None,
                ours=found.ours,
                names=" ".join(found.names.texts),
                expires=found.expires.isoformat(),
                sha256=found.chain[0].fingerprint(SHA256()).hex(),
            )
        self._warn(found)

    def start(self) -> None:
        """Begins to look."""
        self._ticker.start(LOOK_S, now=False)

    def stop(self) -> None:
        """No more looks."""
        if self._ticker.running:
            self._ticker.stop()

    def _tick(self) -> None:
        found, config = self._current, self._config
        if found is None or config is None or self._looking:
            return
        self._warn(found)
        sound = found.chain[0].not_valid_before_utc <= self._now() <= found.expires
        if not sound or self._clock.monotonic_ns() - self._looked_ns >= NAMES_NS:
            self._looking = True
            looking: Deferred[DoorCertificate | None] = self._in_thread(lambda: self.read(config))
            looking.addCallbacks(lambda fresh: self._found(config, fresh), self._failed)

    def _found(self, config: Config, fresh: DoorCertificate | None) -> None:
        self._looking = False
        if self._config is config:  # else a reload was faster
            self.show(config, fresh)

    def _failed(self, failure: Failure) -> None:
        self._looking = False
        self._looked_ns = self._clock.monotonic_ns()
        self._log.warning("the certificate of the TLS doors cannot be renewed", reason=failure.getErrorMessage())

    def _warn(self, found: DoorCertificate) -> None:
        """Once for each of the stages."""
        days = days_warned_of(found.expires, self._now())
        if days is not None and days != self._warned_days:
            event = "expires soon" if days else "has expired: clients refuse these doors"
            self._log.warning(
                f"the certificate of the TLS doors {event}", expires=found.expires.isoformat(), ours=found.ours
            )
            self._tell(Topic.CERTIFICATE_EXPIRES, {"Days": days, "Expires": found.expires.isoformat()})
        self._warned_days = days

    def _now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._clock.utc_ns() // NS_PER_S, dt.UTC)
