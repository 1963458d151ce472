"""`/api/v1/system`: how the service is, what of it should be told to everybody, and its last hour."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel

from bridge.base.time import NS_PER_S, Clock, format_utc
from bridge.services.web.routes import Asked, Route, Who
from bridge.system.access import Role

SYSTEM = "/api/v1/system"
HISTORY = "/api/v1/system/history"
SAMPLE_S = 10
ROWS = 360
"""An hour."""


class KeptShown(BaseModel):
    """What a storage has of one recording. oldest: null: nothing, or not known yet."""

    camera: str
    stream: str
    bytes: int
    segments: int
    oldest: str | None


class StorageShown(BaseModel):
    """bytes: of what it holds; max_bytes 0: no limit; oldest: as in KeptShown."""

    name: str
    state: str
    reason: str
    bytes: int
    free_bytes: int
    max_bytes: int
    min_free_bytes: int
    oldest: str | None
    kept: list[KeptShown]


class DoorShown(BaseModel):
    """A port that listens."""

    name: str
    port: int
    addresses: list[str]
    tls: bool


class NoticeShown(BaseModel):
    """For the banner. level: warning or error; detail: for administrators alone."""

    level: str
    text: str
    detail: str | None = None


class ExpiryShown(BaseModel):
    """Of the TLS doors' certificate. warning: days within which it expires, one of 30, 7, 1, 0; null: later."""

    until: str
    warning: int | None


class CountsShown(BaseModel):
    """cameras, cameras_up; recordings, recordings_running; viewers: live, by every door; replays: of recordings."""

    cameras: int
    cameras_up: int
    recordings: int
    recordings_running: int
    viewers: int
    replays: int


class SystemShown(BaseModel):
    """All but version, time and notices is for administrators alone."""

    version: str
    now: str
    notices: list[NoticeShown]
    uptime_s: int | None = None
    storages: list[StorageShown] | None = None
    lag_ms: float | None = None
    worst_lag_ms: float | None = None
    doors: list[DoorShown] | None = None
    certificate: ExpiryShown | None = None
    counts: CountsShown | None = None


class HistoryRow(BaseModel):
    """cpu: of one core, 0 to 1 and more; lag_ms: the worst of the ten seconds; storages: bytes by name."""

    at: str
    cpu: float
    memory_bytes: int
    lag_ms: float
    viewers: int
    cameras_up: int
    recorded_bytes_per_s: int
    storages: dict[str, int]


class HistoryShown(BaseModel):
    """The oldest row first."""

    interval_s: int
    rows: list[HistoryRow]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a row is made of: counters since the start (cpu_ns, recorded_bytes), all else as it is now."""

    cpu_ns: int
    memory_bytes: int
    lag_ns: int
    viewers: int
    cameras_up: int
    recorded_bytes: int
    storages: dict[str, int]


class History:
    """A row every SAMPLE_S, ROWS of them."""

    def __init__(self, clock: Clock, measure: Callable[[], Measured]) -> None:
        self._clock, self._measure = clock, measure
        self._rows: deque[HistoryRow] = deque(maxlen=ROWS)
        self._before: tuple[int, Measured] | None = None

    @property
    def rows(self) -> list[HistoryRow]:
        """The oldest first."""
        return list(self._rows)

    def sample(self) -> None:
        """A row more, from the second call on: rates need two."""
        now, found = self._clock.monotonic_ns(), self._measure()
        before, self._before = self._before, (now, found)
        if before is None or now <= before[0]:
            return
        length_ns = now - before[0]
        self._rows.append(
            HistoryRow(
                at=format_utc(self._clock.utc_ns()),
                cpu=round((found.cpu_ns - before[1].cpu_ns) / length_ns, 4),
                memory_bytes=found.memory_bytes,
                lag_ms=round(found.lag_ns / 1e6, 2),
                viewers=found.viewers,
                cameras_up=found.cameras_up,
                # Counts begin anew with a recording that begins anew.
                recorded_bytes_per_s=max(0, (found.recorded_bytes - before[1].recorded_bytes) * NS_PER_S // length_ns),
                storages=found.storages,
            )
        )


def system_routes(read: Callable[[], SystemShown], history: History) -> list[Route]:
    """read: all of it as it is now."""

    def answer(asked: Asked) -> SystemShown:
        found = read()
        if asked.principal.role is Role.ADMINISTRATOR:
            return found
        notices = [NoticeShown(level=one.level, text=one.text) for one in found.notices]
        return SystemShown(version=found.version, now=found.now, notices=notices)

    def last_hour(asked: Asked) -> HistoryShown:
        return HistoryShown(interval_s=SAMPLE_S, rows=history.rows)

    return [
        Route("GET", SYSTEM, answer, Who.USER, "How the service is", answer=SystemShown),
        Route("GET", HISTORY, last_hour, Who.ADMINISTRATOR, "The last hour, a row every 10 s", answer=HistoryShown),
    ]
