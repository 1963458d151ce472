"""What administrators do with cameras: POST, PATCH and DELETE on `/api/v1/cameras`, and `/cameras/test`.

What is added goes to the database, as `onb cameras add` does it, and is checked by the same model as the file.
Addresses are shown without their log-ins: one that comes back as it was shown keeps its own.
"""

import base64
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import structlog
from pydantic import BaseModel, ConfigDict, Field

from bridge.base.errors import BridgeError
from bridge.base.media import AccessUnit, Track
from bridge.base.time import Clock
from bridge.services.web.cameras import CAMERA, CAMERAS, CameraPages, CameraShown
from bridge.services.web.problems import ProblemError, not_found
from bridge.services.web.routes import Asked, Route, Who
from bridge.services.web.stills import InThread
from bridge.services.web.times import bad_input
from bridge.system.audit import Audit
from bridge.system.camera_trust import CameraTrust
from bridge.system.config import CameraConfig, Config
from bridge.system.config_load import FaultyConfigurationError, read_camera
from bridge.system.stored_cameras import CamerasError, StoredCameras
from bridge.wire.mp4.codecs import codecs_string
from bridge.wire.rtsp.url import RtspUrl

TEST = "/api/v1/cameras/test"
MAX_CAMERAS = 2000
MAX_PROBES = 4
RETRY_AFTER_S = 10

_TEXT = Field(default=None, max_length=4096)


class StreamWanted(BaseModel):
    """A [[camera.stream]] of the configuration; what is left out has the configuration's default."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=4096)
    name: str | None = _TEXT
    transport: str | None = _TEXT
    record: bool | None = None


class CameraFacts(BaseModel):
    """Keys of [[camera]], docs/configuration.md; null: the default. user, password: for addresses without a log-in."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = _TEXT
    streams: list[StreamWanted] | None = Field(default=None, min_length=1, max_length=16)
    user: str | None = Field(default=None, max_length=256)
    password: str | None = Field(default=None, max_length=256)
    driver: str | None = _TEXT
    record: str | None = _TEXT
    schedule: list[str] | None = Field(default=None, max_length=100)
    pre_roll: str | None = _TEXT
    post_roll: str | None = _TEXT
    retention: str | None = _TEXT
    retention_bytes: int | str | None = None
    storage: str | None = _TEXT
    device_port: int | None = None


class CameraWanted(CameraFacts):
    """A new camera."""

    id: str = Field(max_length=64)
    streams: list[StreamWanted] = Field(min_length=1, max_length=16)


class ProbeWanted(BaseModel):
    """An address to try. camera: one that is there: an address of it, as it is shown, is tried with its log-in."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=4096)
    transport: str | None = _TEXT
    driver: str | None = _TEXT
    user: str | None = Field(default=None, max_length=256)
    password: str | None = Field(default=None, max_length=256)
    camera: str | None = Field(default=None, max_length=64)


class TrackShown(BaseModel):
    """codecs: to ask a browser with; null: browsers do not play it."""

    medium: str
    codec: str
    width: int | None
    height: int | None
    fps: float | None
    channels: int | None
    clock_rate: int
    codecs: str | None


class ProbeShown(BaseModel):
    """reason: why it failed, or what is missing; picture: a data: URL."""

    ok: bool
    reason: str
    tracks: list[TrackShown]
    picture: str | None


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a try; see bridge/services/ingest/probe.py."""

    ok: bool
    reason: str
    tracks: tuple[Track, ...]
    key: AccessUnit | None


Try = Callable[[RtspUrl, str, str], Awaitable[Tried]]
"""(address with its log-in, transport, driver) -> what came of it, within seconds. Cancelled when nobody waits."""


class CameraChanges:
    """See the module."""

    def __init__(
        self,
        pages: CameraPages,
        stored: StoredCameras,
        trust: CameraTrust,
        config: Callable[[], Config],
        applied: Callable[[], Awaitable[object]],
        try_it: Try,
        still_of: Callable[[AccessUnit, Track], Awaitable[bytes]],
        in_thread: InThread,
        audit: Audit,
        clock: Clock,
    ) -> None:
        """
        config:   as it is now: the file's cameras, and the storages
        applied:  reads the database's cameras again and runs them; those that did not change are not interrupted
        still_of: the picture of a key frame
        """
        self._pages, self._stored, self._trust, self._config = pages, stored, trust, config
        self._applied, self._try, self._still_of = applied, try_it, still_of
        self._in_thread, self._audit, self._clock = in_thread, audit, clock
        self._probing: Counter[str] = Counter()
        self._log = structlog.get_logger()

    async def add(self, asked: Asked) -> CameraShown:
        """POST."""
        body: CameraWanted = asked.body
        table: dict[str, object] = {"id": body.id, **_facts(body), "stream": _streams(body.streams, body, ())}
        config = self._config()
        if len(self._pages.configured()) >= MAX_CAMERAS:
            raise ProblemError(409, "conflict", f"there are {MAX_CAMERAS} cameras already")
        await self._change(lambda: self._stored.add(table, config.cameras, self._clock.utc_ns()), table)
        await self._applied()
        self._note(asked, "camera.add", body.id)
        return self._pages.show(asked.principal, body.id)

    async def change(self, asked: Asked) -> CameraShown:
        """PATCH: what stands in the body becomes so, all else stays."""
        camera_id, body = asked.place["id"], asked.body
        self._check_is_there(asked, camera_id)
        before: dict[str, object] | None = await self._in_thread(lambda: self._stored.table(camera_id))
        if before is None:
            raise not_found()
        table = {key: value for key, value in before.items() if key not in _unset(body)} | _facts(body)
        if body.streams is not None or body.user is not None:
            old = _read(before).streams
            wanted = body.streams
            if wanted is None:
                wanted = [
                    StreamWanted(url=str(one.url), name=one.name, transport=one.transport, record=one.record)
                    for one in old
                ]
            table.pop("url", None)
            table["stream"] = _streams(wanted, body, [one.url for one in old])
        await self._change(lambda: self._stored.change(table, self._config().cameras), table)
        await self._applied()
        self._note(asked, "camera.change", camera_id)
        return self._pages.show(asked.principal, camera_id)

    async def remove(self, asked: Asked) -> None:
        """DELETE: its recordings stay, until their age."""
        camera_id = asked.place["id"]
        self._check_is_there(asked, camera_id)

        def work() -> None:
            self._stored.remove(camera_id, self._config().cameras)
            self._trust.forget(camera_id)
            self._trust.load()

        await self._change(work, {})
        await self._applied()
        self._note(asked, "camera.remove", camera_id)

    async def test(self, asked: Asked) -> ProbeShown:
        """POST /cameras/test."""
        body, user = asked.body, asked.principal.name
        known = self._pages.configured().get(body.camera) if body.camera else None
        address = _address(body.url, body, [one.url for one in known.streams] if known else ())
        stream = {"url": address} | ({"transport": body.transport} if body.transport else {})
        table: dict[str, object] = {"id": "test", "stream": [stream]}
        if body.driver:
            table["driver"] = body.driver
        camera = _read(table, {"stream[0].": ""})
        url = camera.streams[0].url
        if not ((url.user or "") + (url.password or "") + "-").isprintable():
            raise bad_input("password", "user and password without control characters")
        if self._probing[user] or self._probing.total() >= MAX_PROBES:
            why = "one test at a time: wait for the one before"
            raise ProblemError(429, "busy", why, headers=(("Retry-After", str(RETRY_AFTER_S)),))
        self._probing[user] += 1
        try:
            tried = await self._try(url, camera.streams[0].transport, camera.driver)
        finally:
            del self._probing[user]
        self._audit(user, "camera.test", str(url), "ok" if tried.ok else "failed", asked.peer, self._clock.utc_ns())
        picture, reason = await self._picture(tried)
        return ProbeShown(ok=tried.ok, reason=reason, tracks=[_track(one) for one in tried.tracks], picture=picture)

    async def _picture(self, tried: Tried) -> tuple[str | None, str]:
        """(data URL, reason)."""
        if tried.key is None:
            return None, tried.reason
        try:
            jpeg = await self._still_of(tried.key, tried.tracks[tried.key.track])
        except BridgeError as error:
            return None, tried.reason or f"its picture cannot be decoded: {error}"
        return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii"), tried.reason

    def _check_is_there(self, asked: Asked, camera_id: str) -> None:
        if self._pages.show(asked.principal, camera_id).source == "file":
            raise _of_file(camera_id)

    async def _change(self, work: Callable[[], object], table: dict[str, object]) -> None:
        storage = table.get("storage")
        known = [one.name for one in self._config().recording.storages]
        if storage is not None and storage not in known:
            raise bad_input("storage", f"one of {', '.join(known)}")
        try:
            await self._in_thread(work)
        except FaultyConfigurationError as error:
            raise _problem(error, {}) from None
        except CamerasError as error:
            raise ProblemError(409, "conflict", str(error)) from None

    def _note(self, asked: Asked, action: str, camera_id: str) -> None:
        self._audit(asked.principal.name, action, camera_id, "ok", asked.peer, self._clock.utc_ns())


def camera_change_routes(changes: CameraChanges) -> list[Route]:
    """See the module."""
    administrator = Who.ADMINISTRATOR
    return [
        Route(
            "POST",
            CAMERAS,
            changes.add,
            administrator,
            "Add a camera",
            body=CameraWanted,
            answer=CameraShown,
            status=201,
            problems=("conflict",),
        ),
        Route(
            "PATCH",
            CAMERA,
            changes.change,
            administrator,
            "Change a camera of the database; it alone is interrupted",
            body=CameraFacts,
            answer=CameraShown,
            problems=("conflict",),
        ),
        Route(
            "DELETE",
            CAMERA,
            changes.remove,
            administrator,
            "Remove a camera of the database; its recordings stay",
            status=204,
            problems=("conflict",),
        ),
        Route(
            "POST",
            TEST,
            changes.test,
            administrator,
            "Try an address for at most ten seconds",
            body=ProbeWanted,
            answer=ProbeShown,
            problems=("busy",),
        ),
    ]


_SETTINGS = (
    *("name", "driver", "record", "schedule", "pre_roll", "post_roll"),
    *("retention", "retention_bytes", "storage", "device_port"),
)


def _facts(body: CameraFacts) -> dict[str, object]:
    """The keys of [[camera]] that were given, but for the streams."""
    given = {key: getattr(body, key) for key in _SETTINGS}
    return {key: value for key, value in given.items() if value is not None}


def _unset(body: CameraFacts) -> set[str]:
    """Those that were given as null."""
    return {key for key in _SETTINGS if key in body.model_fields_set and getattr(body, key) is None}


def _streams(wanted: Sequence[StreamWanted], body: CameraFacts, old: Sequence[RtspUrl]) -> list[dict[str, object]]:
    """As [[camera.stream]] has them. old: the addresses that there were, with their log-ins."""
    return [
        {"url": _address(stream.url, body, old)}
        | {key: value for key in ("name", "transport", "record") if (value := getattr(stream, key)) is not None}
        for stream in wanted
    ]


def _address(url: str, body: CameraFacts | ProbeWanted, old: Sequence[RtspUrl]) -> str:
    url = url.strip()
    same = next((one for one in old if str(one) == url), None)
    if same is not None:
        return _logged_in(same, body).with_credentials
    if body.user is not None or "@" in url:
        return _with_login(url, body)
    # A log-in goes to the host that it was given for, and to no other.
    scheme, separator, rest = url.partition("://")
    authority = rest.partition("/")[0]
    of_host = next((one for one in old if authority == one.authority and one.scheme == scheme.lower()), None)
    if of_host is None or of_host.user is None:
        return url
    login = of_host.with_credentials.partition("://")[2].removesuffix(f"{of_host.authority}{of_host.path}")
    return f"{scheme}{separator}{login}{rest}"


def _logged_in(url: RtspUrl, body: CameraFacts | ProbeWanted) -> RtspUrl:
    return url if body.user is None else replace(url, user=body.user or None, password=body.password or None)


def _with_login(url: str, body: CameraFacts | ProbeWanted) -> str:
    scheme, separator, rest = url.strip().partition("://")
    if not body.user or "@" in rest:
        return url.strip()
    login = quote(body.user, safe="") + (f":{quote(body.password, safe='')}" if body.password else "")
    return f"{scheme}{separator}{login}@{rest}"


def _read(table: dict[str, object], names: dict[str, str] | None = None) -> CameraConfig:
    """Raises ProblemError."""
    try:
        return read_camera(table, environ={})
    except FaultyConfigurationError as error:
        raise _problem(error, names or {}) from None


def _problem(error: FaultyConfigurationError, names: dict[str, str]) -> ProblemError:
    """names: how fields are called in the body."""
    errors = []
    for fault in error.faults:
        field = fault.path
        for before, after in {**names, "stream[": "streams["}.items():
            if field.startswith(before):
                field = after + field.removeprefix(before)
                break
        # An address may hold a password in a place where nobody looks for one.
        value = {"value": fault.value} if fault.value and not field.endswith("url") else {}
        errors.append({"field": field, **value, "expected": fault.expected})
    return ProblemError(422, "input", _joined(errors), errors=errors)


def _joined(errors: Iterable[dict[str, Any]]) -> str:  # Any: texts all
    return "; ".join(f"{one['field']}: {one['expected']}" for one in errors)


def _of_file(camera_id: str) -> ProblemError:
    return ProblemError(409, "conflict", f"camera {camera_id} stands in the configuration file: change it there")


def _track(track: Track) -> TrackShown:
    rate = track.frame_rate
    return TrackShown(
        medium=track.medium.value,
        codec=track.codec.value,
        width=track.width or None,
        height=track.height or None,
        fps=round(float(rate), 2) if rate else None,
        channels=track.channels if track.medium.value == "audio" else None,
        clock_rate=track.clock_rate,
        codecs=codecs_string(track),
    )
