"""One stream's live hub: its timeline, its current GOP and its subscribers. (Being written: the interface stands.)"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.base.media import AccessUnit, Track
from bridge.base.time import Clock, MonotonicNs


class Subscriber(Protocol):
    """Anyone who wants every access unit of a stream."""

    def on_access_unit(self, unit: AccessUnit) -> None:
        """A unit arrived. Called on the reactor's thread; must not block or raise."""

    def on_tracks(self, tracks: tuple[Track, ...]) -> None:
        """The tracks changed (first connection, other codec or size, new parameter sets)."""


@dataclass(slots=True)
class StreamStatistics:
    """What was measured over the last seconds; zeros until known."""

    bitrate_bps: int = 0
    frame_rate: float = 0.0
    gop_length: int = 0
    units: int = 0
    damaged_units: int = 0
    runs: int = 0


class Hub:
    """See the module."""

    def __init__(self, name: str, clock: Clock) -> None:
        """name: `<camera>/<stream>`, for logs and metrics."""
        self.name = name
        self.tracks: tuple[Track, ...] = ()
        self.statistics = StreamStatistics()
        self._clock = clock

    def begin_run(self, tracks: Sequence[Track]) -> "Run":
        """A camera connection starts to deliver; ends the run before."""
        raise NotImplementedError

    def gop(self) -> tuple[AccessUnit, ...]:
        """The access units since the latest key frame, that one first, audio included; () when there is none."""
        raise NotImplementedError

    def latest_key(self) -> AccessUnit | None:
        """The latest key frame of the video track."""
        raise NotImplementedError

    def subscribe(self, subscriber: Subscriber) -> None:
        """From the next access unit on."""
        raise NotImplementedError

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """No more calls."""
        raise NotImplementedError


class Run:
    """One unbroken camera connection as the hub sees it."""

    def push(
        self, track: int, media_time: int, parts: tuple[bytes, ...], key: bool, damaged: bool, arrived_ns: MonotonicNs
    ) -> None:
        """An access unit; media_time is the camera's own, unwrapped to 64 bits."""
        raise NotImplementedError

    def report(self, track: int, ntp_utc_ns: int, media_time: int, arrived_ns: MonotonicNs) -> None:
        """The camera's sender report: what it claims the wall time of `media_time` is."""
        raise NotImplementedError

    def end(self) -> None:
        """The connection is gone; the hub keeps its timeline and subscribers."""
        raise NotImplementedError
