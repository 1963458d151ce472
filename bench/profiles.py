"""GetProfiles of many profiles: the whole request, first and from kept parts, against zeep making the same answer.

The ONVIF side is built by `bridge.app.onvif` as the service builds it, log-in by HTTP Digest included; only HTTP and
the socket are left out. zeep gets the answer's plain values and builds, renders and serialises them: it neither reads a
request nor asks who is calling, so the comparison favours it.

A request for many profiles takes several turns of the reactor. What it costs in all is one figure; for how long it
held the reactor at most, so that nothing else was done meanwhile, is another.
"""

import gc
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import isodate
from lxml import etree
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from bridge.app.onvif import build_onvif
from bridge.app.store import open_store
from bridge.base.media import Codec, Track
from bridge.base.time import ManualClock, SystemClock
from bridge.dialogue.digest import DigestAuthenticator, DigestClient
from bridge.media.hub import Hub
from bridge.services.onvif.call import Call
from bridge.services.onvif.media import Media
from bridge.services.onvif.media2 import Media2
from bridge.services.onvif.profiles import Profiles
from bridge.services.onvif.schemas import SERVICES
from bridge.services.onvif.service import OnvifService, Post, Reply
from bridge.services.onvif.slices import Slices
from bridge.services.onvif.warming import BETWEEN_ROUNDS_S
from bridge.system.access import Gatekeeper
from bridge.system.catalogue import Camera, Catalogue, LiveStream
from bridge.system.config_load import read
from bridge.system.lockout import Lockout

_USER, _PASSWORD = "bench", "bench-password"
_MAIN_SPS = bytes.fromhex("67640028acd940780227e5c05a808080a0000003002000000651e30632c0")
_SUB_SPS = bytes.fromhex("6742c01ed900a0b7")
_SOAP = "http://www.w3.org/2003/05/soap-envelope"
_BUDGET_S = 2.0

LISTS = (
    ("media", "GetProfiles"),
    ("media", "GetVideoSources"),
    ("media", "GetVideoSourceConfigurations"),
    ("media", "GetVideoEncoderConfigurations"),
    ("media", "GetVideoSourceConfigurationOptions"),
    ("media", "GetVideoEncoderConfigurationOptions"),
    ("media2", "GetProfiles"),
    ("media2", "GetVideoSourceConfigurations"),
    ("media2", "GetVideoEncoderConfigurations"),
    ("media2", "GetVideoSourceConfigurationOptions"),
    ("media2", "GetVideoEncoderConfigurationOptions"),
    ("deviceio", "GetVideoSources"),
    ("deviceio", "GetServiceCapabilities"),
)
"""Requests that look at every camera."""


def cameras(count: int) -> list[Camera]:
    """Cameras of two H.264 streams each that nobody has asked for yet."""
    return [_camera(f"camera-{number:03}", f"Camera {number}") for number in range(count)]


def _renew(catalogue: Catalogue, count: int) -> None:
    """Other cameras, each of which came up since anybody asked: their facts are not read, nothing is kept of them."""
    fresh = cameras(count)
    hubs = [stream.hub for camera in fresh for stream in camera.streams]
    tracks = [hub.tracks for hub in hubs]
    for hub in hubs:
        hub.tracks = ()
    catalogue.replace(fresh)
    for hub, known in zip(hubs, tracks, strict=True):
        hub.tracks = known
    gc.collect()  # what the cameras before left is no request's to collect


def _camera(camera_id: str, name: str) -> Camera:
    main = Track(Codec.H264, 90_000, 1, (_MAIN_SPS, b"\x68\xee"), b"", 1920, 1080, Fraction(25))
    sub = Track(Codec.H264, 90_000, 1, (_SUB_SPS, b"\x68\xce"), b"", 640, 360, Fraction(15))
    streams = _stream(camera_id, "main", main, 4_100_000), _stream(camera_id, "sub", sub, 500_000)
    return Camera(camera_id, name, streams)


def _stream(camera_id: str, name: str, track: Track, bitrate_bps: int) -> LiveStream:
    hub = Hub(f"{camera_id}/{name}", SystemClock())
    hub.tracks = (track,)
    hub.statistics.bitrate_bps, hub.statistics.frame_rate = bitrate_bps, float(track.frame_rate or 0)
    hub.statistics.gop_length = 50
    return LiveStream(name, hub)


class Took(NamedTuple):
    """The time of a request.

    cpu_ms:  without what other processes of the machine took meanwhile
    held_ms: CPU of the longest turn of the reactor
    """

    wall_ms: float
    cpu_ms: float
    held_ms: float


class Door:
    """The ONVIF service and one client of it, who logs in once and then counts his nonce up."""

    def __init__(self, service: OnvifService, later: Any) -> None:
        """later: has `finish`, as `_Later`."""
        self.service, self._later = service, later
        self._client = DigestClient(_USER, _PASSWORD)
        reply = self.ask("media", "GetProfiles")[0]
        challenges = [value for name, value in reply.headers if name == "WWW-Authenticate"]
        self._authorization = self._client.authorize(challenges, "POST", SERVICES["media"].path, secrets.token_hex(8))

    def ask(self, service: str, operation: str, arguments: str = "") -> tuple[Reply, Took]:
        """The reply, and how long it took. arguments: XML, with `tt` as the schema's prefix."""
        path = SERVICES[service].path
        if (service, operation) == ("media2", "GetProfiles"):
            arguments = "<Type>All</Type>"
        body = (
            f'<s:Envelope xmlns:s="{_SOAP}"><s:Body><{operation} xmlns="{SERVICES[service].namespace}"'
            ' xmlns:tt="http://www.onvif.org/ver10/schema">'
            f"{arguments}</{operation}></s:Body></s:Envelope>"
        ).encode()
        authorization = self._client.header("POST", path)
        post = Post(
            path,
            body,
            () if authorization is None else (authorization,),
            "192.0.2.5:580",
            "http",
            ("198.51.100.7", 4711),
            ("192.0.2.5", 580),
        )
        began, began_cpu = time.perf_counter(), time.thread_time()
        reply, held_ms = self._later.finish(self.service.answer(post))
        return reply, Took(1000 * (time.perf_counter() - began), 1000 * (time.thread_time() - began_cpu), held_ms)

    def warm(self) -> float:
        """Lets the service render what is asked for, as it does between other work; CPU ms of the longest slice."""
        longest = 0.0
        while True:
            began = time.thread_time()
            wait_s = self._later.run_next()
            longest = max(longest, 1000 * (time.thread_time() - began))
            if wait_s >= BETWEEN_ROUNDS_S:
                return longest

    def took(self, service: str, operation: str) -> Took:
        """How long a request that succeeds takes."""
        reply, took = self.ask(service, operation)
        if reply.status != 200:
            raise RuntimeError(f"{operation}: {reply.status} {reply.body[:500]!r}")
        return took


class _Later:
    """A reactor of which only callLater is there, and time passes when somebody says so."""

    def __init__(self) -> None:
        self._calls: list[tuple[float, Callable[[], None]]] = []

    def callLater(self, seconds: float, call: Callable[[], None]) -> None:  # noqa: N802 - Twisted's name
        """Kept for `run_next`."""
        self._calls.append((seconds, call))

    def run_next(self) -> float:
        """Makes the next call; how long the one after it would be waited for."""
        self._calls.pop(0)[1]()
        return self._calls[0][0]

    def finish(self, request: Coroutine[Any, Any, Reply]) -> tuple[Reply, float]:
        """The reply, after as many turns as it takes, and milliseconds of CPU of the longest.

        Calls of others stay: those of the rendering ahead are older than the request's.
        """
        older, found, longest = len(self._calls), [], 0.0

        def begin() -> None:
            Deferred.fromCoroutine(request).addBoth(found.append)

        turn: Callable[[], None] | None = begin
        while turn is not None:
            began = time.thread_time()
            turn()
            longest = max(longest, time.thread_time() - began)
            turn = self._calls.pop()[1] if len(self._calls) > older else None
        return result(found), 1000 * longest


def result(found: list[Any]) -> Any:
    """Of a Deferred that has fired."""
    if not found:
        raise RuntimeError("the service waits for something else than its turn")
    if isinstance(found[0], Failure):
        found[0].raiseException()
    return found[0]


class NothingRecorded:
    """In the place of `bridge.app.recording.Recording`."""

    library = None

    @staticmethod
    def state_of(_camera: str, _stream: str) -> None:
        """Of no stream."""

    @staticmethod
    def retention_of(_camera: str) -> None:
        """Of no camera."""


async def in_turn(work: Callable[[], Any]) -> Any:
    """Instead of a pool: at once."""
    return work()


@contextmanager
def door(
    catalogue: Catalogue, recording: Any = NothingRecorded, reactor: Any = None, in_pool: Any = in_turn
) -> Iterator[Door]:
    """As `bridge.app.service` builds it. recording: has what `build_onvif` takes of `Recording`."""
    reactor = reactor or _Later()
    with tempfile.TemporaryDirectory() as folder:
        config = read(
            {
                "data": folder,
                "discovery": {"enabled": False},
                "user": [{"name": _USER, "password": _PASSWORD, "role": "administrator"}],
            },
            base=Path(folder),
            environ={},
        )
        store = open_store(config)
        try:
            clock, digest, lockout = (
                SystemClock(),
                DigestAuthenticator("bench", secrets.token_bytes(32)),
                Lockout(10, 1),
            )
            made = clock, config, store, catalogue, Gatekeeper(), digest, lockout
            built = build_onvif(reactor, *made, recording, _no_still, in_pool)
            gc.collect()
            gc.freeze()  # as the service does when it has started
            built.start()
            yield Door(built._service, reactor)  # noqa: SLF001 - what HTTP asks
        finally:
            gc.unfreeze()
            store.close()


async def _no_still(_camera_id: str) -> bytes | None:
    return None


class Zeep:
    """zeep as the maker of the same answers."""

    def __init__(self, asked: Door, catalogue: Catalogue) -> None:
        self._schemas: Any = asked.service._schemas  # noqa: SLF001 - the compiled documents, which zeep's renderer shares
        principal = asked.service._login._accounts.principal(_USER)  # type: ignore[attr-defined]  # noqa: SLF001 - as it asks
        self._call = Call(principal, "192.0.2.5", "http", 580, 554, "198.51.100.7:4711", "192.0.2.5", 0)
        slices = Slices(ManualClock(), lambda call: None)  # time stands: all in one slice
        profiles = Profiles(catalogue, Gatekeeper(), slices)
        # A renderer that hands the values back makes the handlers return plain values.
        plain: Any = _plain
        asked_for = {
            "media": Media(profiles, plain, slices).GetProfiles(self._call, {}),
            "media2": Media2(profiles, plain, slices).GetProfiles(self._call, {"Type": ["All"]}),
        }
        self.values = {name: result([Deferred.fromCoroutine(each).result]) for name, each in asked_for.items()}

    def make(self, service: str) -> tuple[bytes, float]:
        """The answer's element as bytes, and the milliseconds it took to build, render and serialise."""
        operation = next(each for each in self._schemas._operations[service] if each.name == "GetProfiles")  # noqa: SLF001 - no look-up by name
        element = self._schemas.zeep_element(operation)
        began = time.perf_counter()
        parent = etree.Element("parent")
        element.render(parent, element(**self.values[service]))
        text = etree.tostring(parent[0])
        return text, 1000 * (time.perf_counter() - began)


def _plain(_service: str, _type_name: str, value: Any) -> Any:
    return value


def _same(reply: bytes, theirs: bytes) -> bool:
    body = etree.fromstring(reply).find(f"{{{_SOAP}}}Body")
    return body is not None and _tree(body[0]) == _tree(etree.fromstring(theirs))


def _tree(element: Any) -> tuple[Any, ...]:
    text = (element.text or "").strip()
    if text.startswith("PT"):
        text = str(isodate.parse_duration(text))  # PT60S and PT1M are the same
    return element.tag, text, sorted(element.attrib.items()), [_tree(child) for child in element]


def run(*, camera_counts: tuple[int, ...], runs: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row for each number of cameras and service."""
    return [row for count in camera_counts for row in _rows(count, runs, say)]


def _rows(count: int, runs: int, say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    catalogue = Catalogue()
    catalogue.replace(cameras(count))
    with door(catalogue) as asked:
        zeep = Zeep(asked, catalogue)
        for service in ("media", "media2"):
            asked.took(service, "GetProfiles")
            first, theirs = [], []
            for _ in range(runs):
                _renew(catalogue, count)
                reply, took = asked.ask(service, "GetProfiles")
                first.append(took)
                made, zeep_ms = zeep.make(service)
                theirs.append(zeep_ms)
            slices, warmed = [], []
            for _ in range(runs):
                _renew(catalogue, count)
                slices.append(asked.warm())
                warmed.append(asked.took(service, "GetProfiles"))
            kept, deadline = [], time.perf_counter() + _BUDGET_S
            while time.perf_counter() < deadline and len(kept) < 500:
                kept.append(asked.took(service, "GetProfiles"))
            row = {
                "profiles": 2 * count,
                "service": service,
                "first_ms": statistics.median(each.wall_ms for each in first),
                "first_ms_worst": max(each.wall_ms for each in first),
                "first_cpu_ms": statistics.median(each.cpu_ms for each in first),
                "first_held_ms_worst": max(each.held_ms for each in first),
                "ahead_held_ms_worst": max(slices),
                "warmed_held_ms_worst": max(each.held_ms for each in warmed),
                "zeep_ms": statistics.median(theirs),
                "first_to_zeep": statistics.median([a.wall_ms / b for a, b in zip(first, theirs, strict=True)]),
                "kept_ms": statistics.median(each.wall_ms for each in kept),
                "kept_ms_worst": max(each.wall_ms for each in kept),
                "kept_held_ms_worst": max(each.held_ms for each in kept),
                "answer_kb": len(reply.body) / 1000,
                "same_answer": _same(reply.body, made),
                "lists_ms": _lists(asked, catalogue, count) if service == "media" else {},
            }
            say(
                f"{row['profiles']} profiles, {service}: first {row['first_ms']:.1f} ms, {row['first_to_zeep']:.2f} of "
                f"zeep, held {row['first_held_ms_worst']:.1f} ms at most; kept {row['kept_ms']:.1f} ms, worst "
                f"{row['kept_ms_worst']:.1f} ms"
            )
            yield row


def _lists(asked: Door, catalogue: Catalogue, count: int) -> dict[str, tuple[float, float, float]]:
    """Milliseconds of every list: the first time, from then on, and for how long the reactor was held at most."""
    found = {}
    for service, operation in LISTS:
        _renew(catalogue, count)
        first = asked.took(service, operation)
        kept = [asked.took(service, operation) for _ in range(9)]
        longest = max(each.held_ms for each in (first, *kept))
        found[f"{service} {operation}"] = first.wall_ms, statistics.median(each.wall_ms for each in kept), longest
    return found
