"""Cameras, a library, and people with more and less rights, for the resources of the web door."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_S, ManualClock
from bridge.media.hub import Hub
from bridge.services.web.problems import ProblemError
from bridge.store.gaps import Stretch
from bridge.store.rows import RecordingRow
from bridge.system.access import Gatekeeper, Principal, Role
from bridge.system.catalogue import Camera, Catalogue, LiveStream, StreamState

BEGIN = 1_800_000_000 * NS_PER_S
AT = "2027-01-15T08:00:00.000Z"

ANNA = Principal.with_role("anna", Role.ADMINISTRATOR)
OTTO = Principal.with_role("otto", Role.OPERATOR)
VERA = Principal.with_role("vera", Role.VIEWER, ["gate-*"])
"""Of one camera, gate-1; she may not export."""

SPS = bytes.fromhex("67640028ac")


async def at_once(work: Callable[[], Any]) -> Any:
    """The reader pool, without threads."""
    return work()


def result(value: Any) -> Any:
    """Of a handler that has nothing to wait for; what it raises comes through."""
    got: list[Any] = []
    done = Deferred.fromCoroutine(value) if hasattr(value, "cr_frame") else maybeDeferred(lambda: value)
    done.addBoth(got.append)
    (one,) = got
    if isinstance(one, Failure):
        one.raiseException()
    return one


def problem(call: Callable[[], Any]) -> ProblemError:
    """What the call ends in."""
    try:
        result(call())
    except ProblemError as error:
        return error
    raise AssertionError("no problem")


def catalogue(clock: ManualClock, *names: str) -> Catalogue:
    """Cameras that are up, each with `main` and `sub`."""
    found = Catalogue()
    cameras = []
    for name in names:
        streams = []
        for stream in ("main", "sub"):
            hub = Hub(f"{name}/{stream}", clock)
            hub.tracks = (Track(Codec.H264, 90_000, parameter_sets=(SPS,), width=640, height=480),)
            streams.append(LiveStream(stream, hub, StreamState.UP))
        cameras.append(Camera(name, name.title(), tuple(streams)))
    found.replace(cameras)
    return found


@dataclass
class Audited:
    """An audit that remembers."""

    rows: list[tuple[str, str, str, str]] = field(default_factory=list)

    def __call__(self, principal: str, action: str, object: str, outcome: str, peer: str, utc_ns: int) -> None:  # noqa: A002 - the column's name
        self.rows.append((principal, action, object, outcome))


@dataclass
class FakeHeld:
    """A `Held`."""

    row: RecordingRow
    token: str
    from_ns: int | None
    until_ns: int | None
    growing: bool = False
    tracks: tuple[Track, ...] = ()
    newest_serial: int = 0


@dataclass
class FakeReading:
    """A `Reading` of what there is."""

    items: list[Any]
    closed: bool = False

    def forward(self, from_ns: int, until_ns: int) -> Iterator[Any]:
        return iter(self.items)

    def backward(self, from_ns: int, until_ns: int = 0) -> Iterator[Any]:
        return iter(self.items)

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeLibrary:
    """Recordings by camera and stream, with their stretches of footage; what any reading gives."""

    held: list[FakeHeld] = field(default_factory=list)
    stretches: dict[str, list[Stretch]] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)
    readings: list[FakeReading] = field(default_factory=list)
    size_bytes: int = 1000

    def add(self, camera: str, stream: str, *seconds: tuple[float, float], growing: bool = False) -> FakeHeld:
        """seconds: begin and end of each stretch, after BEGIN."""
        from uuid import uuid4

        covered = [Stretch(BEGIN + round(a * NS_PER_S), BEGIN + round(b * NS_PER_S)) for a, b in seconds]
        row = RecordingRow(len(self.held) + 1, uuid4(), camera, stream, BEGIN, None)
        token = f"rec-{camera}.{stream}"
        begins = covered[0].from_utc_ns if covered else None
        ends = covered[-1].until_utc_ns if covered else None
        self.held.append(FakeHeld(row, token, begins, ends, growing))
        self.stretches[token] = covered
        return self.held[-1]

    def recordings(self, *, tracks: bool = True) -> list[FakeHeld]:
        return list(self.held)

    def coverage(self, held: FakeHeld, from_ns: int, until_ns: int) -> list[Stretch]:
        found = self.stretches[held.token]
        return [one for one in found if one.from_utc_ns < until_ns and one.until_utc_ns > from_ns]

    def reading(self, held: FakeHeld, **more: Any) -> FakeReading:
        self.readings.append(FakeReading(self.items))
        return self.readings[-1]

    def size_between(self, held: FakeHeld, from_ns: int, until_ns: int) -> int:
        return self.size_bytes


GATEKEEPER = Gatekeeper()
