"""Moving pictures for what plays no video: `/mjpeg/{camera}?fps=`, each picture a JPEG of a multipart answer.

Of a camera that sends JPEG every picture goes out untouched, up to `fps`; of others its key frames, decoded once
for all by the snapshot worker. A client that does not read loses pictures, and nothing waits for it.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel, Field
from twisted.internet.defer import Deferred

from bridge.base.errors import BridgeError
from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_S, Clock
from bridge.media.hub import Hub
from bridge.net.http import Reply
from bridge.services.web.problems import ProblemError
from bridge.services.web.routes import Asked, Route, Who
from bridge.services.web.streamed import StreamedAnswer
from bridge.system.access import Principal
from bridge.system.catalogue import Camera, LiveStream

BOUNDARY = "picture"
MAX_FPS = 25
QUIET_S = 30
"""So long without a picture: the answer ends, that whoever looks learns of it."""

Find = Callable[[Principal, str, str], tuple[Camera, LiveStream]]
"""(principal, camera, stream) -> what he may watch. Raises ProblemError."""


class MjpegQuery(BaseModel):
    """fps: pictures a second at most."""

    fps: float = Field(default=5, gt=0, le=MAX_FPS)
    stream: str = ""


class MjpegDoor:
    """See the module."""

    def __init__(
        self,
        reactor: Any,  # provides IReactorTime
        clock: Clock,
        find: Find,
        still: Callable[[Hub], Awaitable[bytes | None]],
        *,
        viewers: int,
    ) -> None:
        """still: the latest key frame as JPEG, decoded once whoever asks. viewers: at most so many at once."""
        self._reactor, self._clock, self._find, self._still = reactor, clock, find, still
        self._viewers = viewers
        self.open = 0
        """Viewers now."""

    def routes(self) -> list[Route]:
        """For the table."""
        return [
            Route(
                "GET",
                "/mjpeg/{camera}",
                self._get,
                Who.USER,
                "Pictures of now, one after the other, as multipart/x-mixed-replace",
                query=MjpegQuery,
                content="multipart/x-mixed-replace",
                problems=("busy",),
            )
        ]

    async def _get(self, asked: Asked) -> None:
        request = asked.request
        if request is None:
            raise LookupError("pictures need a request to write to")
        _, stream = self._find(asked.principal, asked.place["camera"], asked.query.stream)
        if self.open >= self._viewers:
            raise ProblemError(503, "busy", "as many watch already as may at once; see [limits] web_viewers")
        self.open += 1
        pictures = Pictures(stream.hub, self._reactor, self._clock, round(NS_PER_S / asked.query.fps))
        try:
            media_type = f"multipart/x-mixed-replace;boundary={BOUNDARY}"
            headers = (("Cache-Control", "no-store"),)
            answer = StreamedAnswer(request, self._reactor, Reply(200, f"--{BOUNDARY}".encode(), media_type, headers))
            if asked.head.method != "HEAD":
                await self._send(pictures, stream.hub, answer)
            answer.end()
        finally:
            self.open -= 1
            pictures.close()

    async def _send(self, pictures: "Pictures", hub: Hub, answer: StreamedAnswer) -> None:
        """Until none comes for a while."""
        while await pictures.next():
            jpeg = pictures.jpeg
            if jpeg is None:
                try:
                    jpeg = await self._still(hub)
                except BridgeError:
                    jpeg = None  # a picture that does not decode; the next one may
            if jpeg is not None:
                head = f"\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                await answer.write(b"".join((head.encode(), jpeg, f"\r\n--{BOUNDARY}".encode())))


class Pictures:
    """The newest picture of a hub, for one viewer, at most one in `apart_ns`; those before are passed over.

    jpeg: of a camera that sends such; None: the hub's latest key frame is to be asked for
    """

    def __init__(self, hub: Hub, reactor: Any, clock: Clock, apart_ns: int) -> None:
        """reactor: provides IReactorTime"""
        self.jpeg: bytes | None = None
        self._hub = hub
        self._apart_ns = apart_ns
        self._reactor, self._clock = reactor, clock
        self._due_ns: int = clock.monotonic_ns()
        self._fresh = False
        self._waiting: Deferred[bool] | None = None
        key = hub.latest_key()
        if key is not None and hub.running:
            self._take(key)
        hub.subscribe(self)

    def on_tracks(self, tracks: tuple[Track, ...]) -> None:
        """The pictures tell."""

    def on_access_unit(self, unit: AccessUnit) -> None:
        """From the hub."""
        if unit.key and unit.track == self._hub.lead:
            self._take(unit)
            if self._waiting is not None and unit.arrived_ns >= self._due_ns and not self._waiting.called:
                self._waiting.callback(True)

    def _take(self, unit: AccessUnit) -> None:
        track = self._hub.tracks[unit.track]
        self.jpeg = unit.parts[0] if track.codec is Codec.JPEG else None
        self._fresh = True

    async def next(self) -> bool:
        """Waits for a new one, not before it is due; False: none came for QUIET_S."""
        wait_s = (self._due_ns - self._clock.monotonic_ns()) / NS_PER_S
        if not self._fresh or wait_s > 0:
            waiting: Deferred[bool] = Deferred()
            self._waiting = waiting
            late = wait_s if self._fresh else QUIET_S
            call = self._reactor.callLater(late, self._waited)
            try:
                if not await waiting:
                    return False
            finally:
                self._waiting = None
                if call.active():
                    call.cancel()
        self._fresh = False
        self._due_ns = max(self._due_ns + self._apart_ns, self._clock.monotonic_ns())
        return True

    def _waited(self) -> None:
        if self._waiting is not None and not self._waiting.called:
            self._waiting.callback(self._fresh)

    def close(self) -> None:
        """No more."""
        self._hub.unsubscribe(self)
