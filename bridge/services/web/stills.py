"""`GET /api/v1/cameras/{id}/snapshot.jpg`: the latest key frame of a camera, or with `at` a recorded one."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict

from bridge.base.errors import BridgeError
from bridge.base.media import AccessUnit, Medium, Track
from bridge.base.time import NS_PER_S, Clock, format_utc
from bridge.base.tokens import is_camera_id
from bridge.media.hub import Hub
from bridge.net.http import Reply
from bridge.recorder.library import Held, Library
from bridge.services.web.problems import ProblemError, not_found
from bridge.services.web.routes import Asked, Route, Who
from bridge.services.web.times import Instant
from bridge.store.reader import Begin, Broken
from bridge.system.access import Action, Gatekeeper
from bridge.system.audit import Audit
from bridge.system.catalogue import Catalogue

SNAPSHOT = "/api/v1/cameras/{id}/snapshot.jpg"
JPEG = "image/jpeg"
RETRY_AFTER_S = 2
"""A key frame comes that often from most cameras."""

LOOK_BACK_NS = 60 * NS_PER_S
"""The key frame at or before `at` is not older than this: what is not there should not be shown."""

MAX_AGE_S = 3600
"""A recorded picture does not change, but rights and retention do."""

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs blocking work in the pool. Any: each work has its own result."""


class SnapshotQuery(BaseModel):
    """at: the key frame at or before it, at most a minute; stream: the main one if not said."""

    model_config = ConfigDict(extra="ignore")

    at: Instant | None = None
    stream: str = ""


class StillPages:
    """Answers with pictures."""

    def __init__(
        self,
        catalogue: Catalogue,
        gatekeeper: Gatekeeper,
        library: Library | None,
        still: Callable[[Hub], Awaitable[bytes | None]],
        still_of: Callable[[AccessUnit, Track], Awaitable[bytes]],
        in_thread: InThread,
        audit: Audit,
        clock: Clock,
    ) -> None:
        """
        library:  None while the index cannot be used
        still:    of a hub's latest key frame; None: there is none
        still_of: of a recorded key frame
        """
        self._catalogue, self._gatekeeper, self._library = catalogue, gatekeeper, library
        self._still, self._still_of = still, still_of
        self._in_thread, self._audit, self._clock = in_thread, audit, clock
        self._log = structlog.get_logger()

    async def answer(self, asked: Asked) -> Reply:
        """GET."""
        camera_id, query = asked.place["id"], asked.query
        action = Action.LIVE if query.at is None else Action.PLAYBACK
        if not is_camera_id(camera_id) or not self._gatekeeper.may(asked.principal, action, camera_id):
            raise not_found()
        if query.at is None:
            return await self._live(asked, camera_id, query.stream)
        return await self._recorded(asked, camera_id, query.stream, query.at)

    async def _live(self, asked: Asked, camera_id: str, name: str) -> Reply:
        camera = self._catalogue.camera(camera_id)
        stream = camera.stream(name) if camera else None
        if stream is None:
            raise not_found()
        hub = stream.hub
        key = hub.latest_key()
        try:
            jpeg = await self._still(hub)
        except BridgeError as error:
            self._log.warning("no snapshot", camera=camera_id, reason=str(error))
            raise _no_picture("the latest picture cannot be decoded") from None
        if jpeg is None or key is None:
            raise _no_picture(stream.reason or "no picture came yet")
        return _picture(asked, jpeg, key.utc_ns, "private, no-cache")

    async def _recorded(self, asked: Asked, camera_id: str, name: str, at_ns: int) -> Reply:
        library = self._library
        if library is None:
            raise no_recording()
        found = await self._in_thread(lambda: _key_before(library, self._names(camera_id, name), camera_id, at_ns))
        what = f"{camera_id} {format_utc(at_ns)}"
        if found is None:
            raise ProblemError(404, "no-footage", f"nothing was recorded at {format_utc(at_ns)}, or just before it")
        unit, track = found
        try:
            jpeg = await self._still_of(unit, track)
        except BridgeError as error:
            self._log.warning("no snapshot", camera=camera_id, at=format_utc(at_ns), reason=str(error))
            raise _no_picture("the picture cannot be decoded") from None
        self._audit(asked.principal.name, "snapshot.recorded", what, "ok", asked.peer, self._clock.utc_ns())
        return _picture(asked, jpeg, unit.utc_ns, f"private, max-age={MAX_AGE_S}")

    def _names(self, camera_id: str, name: str) -> tuple[str, ...]:
        """Streams to look at; () for all of a camera that is gone."""
        camera = self._catalogue.camera(camera_id)
        return (name,) if name else tuple(one.name for one in camera.streams) if camera else ()


def still_routes(pages: StillPages) -> list[Route]:
    """See the module."""
    return [
        Route(
            "GET",
            SNAPSHOT,
            pages.answer,
            Who.USER,
            "A picture of the camera, now or as it was recorded",
            query=SnapshotQuery,
            content=JPEG,
            problems=("no-picture", "no-footage", "no-recording"),
        )
    ]


def no_recording() -> ProblemError:
    """The index cannot be used."""
    return ProblemError(503, "no-recording", "the index of the recordings cannot be used; the log says why")


def recordings_of(library: Library, camera_id: str, names: tuple[str, ...]) -> list[Held]:
    """Of that camera, those that go on first, in the order of `names` (() for all). Blocks."""
    mine = [held for held in library.recordings(tracks=False) if held.row.camera == camera_id]
    if names:
        mine = [held for held in mine if held.row.stream in names]
    mine.sort(key=lambda held: (held.row.ended_utc_ns is not None, names.index(held.row.stream) if names else 0))
    return mine


def _key_before(
    library: Library, names: tuple[str, ...], camera_id: str, at_ns: int
) -> tuple[AccessUnit, Track] | None:
    """The key frame of a picture at or before the instant. Blocks."""
    for held in recordings_of(library, camera_id, names):
        reading = library.reading(held, keys_only=True)
        try:
            tracks: tuple[Track, ...] = ()
            for item in reading.backward(at_ns, at_ns - LOOK_BACK_NS):
                if isinstance(item, Begin):
                    tracks = item.tracks
                elif isinstance(item, AccessUnit):
                    track = tracks[item.track]
                    if item.utc_ns < at_ns - LOOK_BACK_NS or track.medium is not Medium.VIDEO:
                        break
                    return item, track
                elif isinstance(item, Broken):
                    continue
        finally:
            reading.close()
    return None


def _no_picture(why: str) -> ProblemError:
    return ProblemError(503, "no-picture", why, headers=(("Retry-After", str(RETRY_AFTER_S)),))


def _picture(asked: Asked, jpeg: bytes, utc_ns: int, cache: str) -> Reply:
    tag = f'"{hashlib.sha256(jpeg).hexdigest()[:32]}"'
    headers = (("ETag", tag), ("Cache-Control", cache), ("X-Captured-At", format_utc(utc_ns)))
    if matches(asked, tag):
        return Reply(304, headers=headers)
    return Reply(200, jpeg, JPEG, headers)


def matches(asked: Asked, tag: str) -> bool:
    """Whether the client has it (RFC 9110 13.1.2)."""
    known = [one.strip().removeprefix("W/") for one in ",".join(asked.head.values("if-none-match")).split(",")]
    return tag in known or "*" in known
