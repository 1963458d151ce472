"""How the service is, gathered from its parts for the web door."""

import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bridge import __version__
from bridge.app.certificates import DoorCertificates
from bridge.app.doors import OpenDoor
from bridge.app.recording import Recording
from bridge.base.time import NS_PER_S, Clock, format_utc
from bridge.recorder.settings import RecordingState, StorageNumbers
from bridge.recorder.storage_state import StorageState
from bridge.services.metrics.watchdog import Watchdog
from bridge.services.web.system import (
    CountsShown,
    DoorShown,
    ExpiryShown,
    KeptShown,
    Measured,
    NoticeShown,
    StorageShown,
    SystemShown,
)
from bridge.system.catalogue import Catalogue, StreamState
from bridge.system.config import Config

TLS_DOORS = frozenset({"onvif_tls", "rtsps", "https"})
_QUIET = (StorageState.OK, StorageState.OPENING)


class SystemState:
    """Asks the parts. On the reactor's thread; nothing blocks."""

    def __init__(
        self,
        clock: Clock,
        config: Callable[[], Config],
        catalogue: Catalogue,
        recording: Recording,
        watchdog: Watchdog,
        certificates: DoorCertificates,
        doors: Callable[[], Mapping[str, OpenDoor]],
        watching: Callable[[], tuple[int, int]],
    ) -> None:
        """watching: (live viewers of every door, replays)."""
        self._clock, self._config, self._catalogue = clock, config, catalogue
        self._recording, self._watchdog, self._certificates = recording, watchdog, certificates
        self._doors, self._watching = doors, watching
        self._started_ns = clock.monotonic_ns()

    def read(self) -> SystemShown:
        """All of it."""
        recorder = self._recording.recorder
        storages = recorder.storages if recorder else ()
        states = self._recording.states()
        viewers, replays = self._watching()
        return SystemShown(
            version=__version__,
            now=format_utc(self._clock.utc_ns()),
            notices=self.notices(),
            uptime_s=(self._clock.monotonic_ns() - self._started_ns) // NS_PER_S,
            storages=[self._storage(one) for one in storages],
            lag_ms=round(self._watchdog.lag_ns / 1e6, 2),
            worst_lag_ms=round(self._watchdog.worst_lag_ns / 1e6, 2),
            doors=[
                DoorShown(name=name, port=one.port, addresses=list(one.door.addresses), tls=name in TLS_DOORS)
                for name, one in self._doors().items()
            ],
            certificate=self._expiry(),
            counts=CountsShown(
                cameras=len(self._catalogue.cameras()),
                cameras_up=self._cameras_up(),
                recordings=len(states),
                recordings_running=sum(state == RecordingState.RECORDING for state, _ in states.values()),
                viewers=viewers,
                replays=replays,
            ),
        )

    def measure(self) -> Measured:
        """For a row of the history."""
        recorder = self._recording.recorder
        return Measured(
            time.process_time_ns(),
            _resident_bytes(),
            self._watchdog.take_worst_ns(),
            self._watching()[0],
            self._cameras_up(),
            sum(one.written_bytes for one in recorder.recordings) if recorder else 0,
            {one.name: one.size_bytes for one in recorder.storages} if recorder else {},
        )

    def _cameras_up(self) -> int:
        return sum(camera.state is StreamState.UP for camera in self._catalogue.cameras())

    def _expiry(self) -> ExpiryShown | None:
        current = self._certificates.current
        if current is None:
            return None
        until = current.expires.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return ExpiryShown(until=until, warning=self._certificates.days_warned_of)

    def _storage(self, numbers: StorageNumbers) -> StorageShown:
        configured = {one.name: one for one in self._config().recording.storages}.get(numbers.name)
        return StorageShown(
            name=numbers.name,
            state=numbers.status.state.value,
            reason=numbers.status.sentence,
            bytes=numbers.size_bytes,
            free_bytes=numbers.free_bytes,
            max_bytes=configured.max_bytes if configured else 0,
            min_free_bytes=configured.min_free_bytes if configured else 0,
            oldest=_moment(numbers.oldest_utc_ns),
            kept=[
                KeptShown(
                    camera=camera,
                    stream=stream,
                    bytes=kept.size_bytes,
                    segments=kept.segments,
                    oldest=_moment(kept.oldest_utc_ns),
                )
                for (camera, stream), kept in numbers.kept.items()
            ],
        )

    def notices(self) -> list[NoticeShown]:
        """What should be told to whoever looks."""
        found, recorder = [], self._recording.recorder
        if recorder is None:
            text = "Nothing is recorded: the index of the recordings cannot be used"
            found.append(NoticeShown(level="error", text=text, detail="the log of the service says what is to be done"))
        for one in recorder.storages if recorder else ():
            state = one.status.state
            if state not in _QUIET:
                level = "warning" if state is StorageState.SLOW else "error"
                text = f"Storage {one.name} is {state.value}"
                found.append(NoticeShown(level=level, text=text, detail=one.status.sentence or None))
        days, current = self._certificates.days_warned_of, self._certificates.current
        if days is not None and current is not None:
            until = current.expires.strftime("%Y-%m-%d %H:%M UTC")
            text = "The certificate of the TLS doors " + (f"expires on {until}" if days else f"has expired on {until}")
            found.append(NoticeShown(level="error" if days <= 1 else "warning", text=text))
        return found


def _moment(utc_ns: int | None) -> str | None:
    return None if utc_ns is None else format_utc(utc_ns)


def _resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):  # no Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
