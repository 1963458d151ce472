"""Live video for browsers over WebSocket: `/live/{camera}` and `/live/{camera}/{stream}`; docs/design/web.md, "Live".

Here is who may watch, how many, and what is said in text messages; the fragments are `media/live_fragments`'.
"""

from collections import Counter
from typing import Any

from pydantic import BaseModel

from bridge.base.time import NS_PER_MS, NS_PER_S
from bridge.media.hub import Hub
from bridge.media.live_fragments import NAMES, Beginning, FragmentViewer, LiveFragments, UnplayableError, chosen
from bridge.services.web.problems import ProblemError, not_found
from bridge.services.web.routes import Asked, Caller, Route, Who
from bridge.services.web.sockets import Socket
from bridge.system.access import Action, Gatekeeper, Principal
from bridge.system.catalogue import Camera, Catalogue, LiveStream
from bridge.wire.websocket import GOING_AWAY, NORMAL

LOOK_S = 1.0
"""How often it is looked whether a camera that is watched is there."""


class LiveQuery(BaseModel):
    """can: what the client can decode, of `h264,h265,aac,opus,flac`; empty: all of it. Unknown words pass."""

    can: str = ""
    audio: bool = True


class LiveSources:
    """The fragments of each stream that somebody watches, whatever for."""

    def __init__(self) -> None:
        self._streams: dict[Hub, LiveFragments] = {}
        self._made_before = 0

    def of(self, hub: Hub) -> LiveFragments:
        """Those of a hub; to be given back."""
        found = self._streams.get(hub)
        if found is None:
            found = self._streams[hub] = LiveFragments(hub)
        return found

    def give_back(self, hub: Hub) -> None:
        """Somebody has stopped watching: without anybody else nothing is made any more."""
        found = self._streams.get(hub)
        if found is not None and not len(found):
            found.close()
            self._made_before += found.made
            del self._streams[hub]

    @property
    def made(self) -> int:
        """Fragments so far, of all streams."""
        return self._made_before + sum(stream.made for stream in self._streams.values())

    @property
    def streams(self) -> int:
        """How many are watched now."""
        return len(self._streams)


class LiveViews:
    """See the module. viewers, viewers_per_user: at most so many at once."""

    def __init__(
        self,
        reactor: Any,  # provides IReactorTime
        catalogue: Catalogue,
        gatekeeper: Gatekeeper,
        sources: LiveSources,
        *,
        viewers: int,
        viewers_per_user: int,
    ) -> None:
        self.sources = sources
        self.begun = 0
        """Viewers so far."""
        self.refused = 0
        """Of them those for whom there was no room."""
        self._reactor = reactor
        self._catalogue = catalogue
        self._gatekeeper = gatekeeper
        self._viewers = viewers
        self._viewers_per_user = viewers_per_user
        self._talks: dict[LiveTalk, None] = {}
        self._per_user: Counter[str] = Counter()
        self._dropped_before = 0
        self._look: Any = None
        catalogue.watch(self._catalogue_changed)

    def sockets(self) -> list[Route]:
        """For the table of WebSockets."""
        text = "Live video and sound as fragmented MP4, over a WebSocket"
        return [
            Route("GET", path, self._open, Who.USER, text, query=LiveQuery, problems=("busy",))
            for path in ("/live/{camera}", "/live/{camera}/{stream}")
        ]

    @property
    def open(self) -> int:
        """Viewers now."""
        return len(self._talks)

    @property
    def dropped_units(self) -> int:
        """Pictures and sounds that slow viewers lost."""
        return self._dropped_before + sum(talk.dropped_units for talk in self._talks)

    def allowed(self, principal: Principal, camera_id: str, *, audio: bool) -> bool:
        """Whether he may go on watching that."""
        may = self._gatekeeper.may
        return may(principal, Action.LIVE, camera_id) and (not audio or may(principal, Action.AUDIO, camera_id))

    def close(self) -> None:
        """The service stops."""
        for talk in list(self._talks):
            talk.end("the service stops", GOING_AWAY)
        if self._look is not None and self._look.active():
            self._look.cancel()
        self._look = None

    def _open(self, asked: Asked) -> "LiveTalk":
        principal, query = asked.principal, asked.query
        camera, stream = self.find(principal, asked.place["camera"], asked.place.get("stream", ""))
        if len(self._talks) >= self._viewers or self._per_user[principal.name] >= self._viewers_per_user:
            self.refused += 1
            raise ProblemError(
                503, "busy", "as many watch already as may at once; see [limits] web_viewers", headers=_LATER
            )
        can = frozenset(query.can.lower().replace(" ", "").split(",")) if query.can else frozenset(NAMES.values())
        audio = bool(query.audio) and self._gatekeeper.may(principal, Action.AUDIO, camera.id)
        if asked.caller is None:
            raise LookupError("nobody has logged in")
        return LiveTalk(self, asked.caller, camera, stream, can, audio=audio)

    def find(self, principal: Principal, camera_id: str, name: str) -> tuple[Camera, LiveStream]:
        """A stream that he may watch. Raises ProblemError."""
        camera = self._catalogue.camera(camera_id)
        stream = camera.stream(name) if camera is not None else None
        if camera is None or stream is None or not self._gatekeeper.may(principal, Action.LIVE, camera.id):
            raise not_found()
        return camera, stream

    def add(self, talk: "LiveTalk") -> None:
        """From the talk: it has begun."""
        self.begun += 1
        self._talks[talk] = None
        self._per_user[talk.caller.principal.name] += 1
        if self._look is None:
            self._look = self._reactor.callLater(LOOK_S, self._look_at_all)

    def remove(self, talk: "LiveTalk") -> None:
        """From the talk: its connection is gone."""
        if talk in self._talks:
            del self._talks[talk]
            self._dropped_before += talk.dropped_units
            self._per_user[talk.caller.principal.name] -= 1
            self._per_user += Counter()  # drops the zeros

    def _look_at_all(self) -> None:
        self._look = self._reactor.callLater(LOOK_S, self._look_at_all) if self._talks else None
        for talk in list(self._talks):
            talk.look()

    def _catalogue_changed(self) -> None:
        for talk in list(self._talks):
            camera = self._catalogue.camera(talk.camera.id)
            if camera is None:
                talk.end("the camera was removed")
            elif all(stream.hub is not talk.stream.hub for stream in camera.streams):
                talk.end("the camera was set up anew")


class LiveTalk:
    """One viewer; a `Talk`, and a `Watcher` of the fragments."""

    def __init__(
        self, views: LiveViews, caller: Caller, camera: Camera, stream: LiveStream, can: frozenset[str], *, audio: bool
    ) -> None:
        self.caller, self.camera, self.stream, self.audio = caller, camera, stream, audio
        self._views, self._can = views, can
        self._socket: Socket | None = None
        self._viewer: FragmentViewer | None = None
        self._begun = False
        self._told = ""
        self._over = False

    @property
    def dropped_units(self) -> int:
        """What he lost."""
        return self._viewer.flow.dropped_units if self._viewer is not None else 0

    def opened(self, socket: Socket) -> None:
        """Fragments at once, if there are any."""
        self._socket = socket
        self._views.add(self)
        hub = self.stream.hub
        viewer = self._views.sources.of(hub).watch(socket.writer, self, self._can, audio=self.audio)
        self._viewer = viewer
        if self._over:  # refused, or gone, while it began
            self._stop()
        elif not hub.running:
            self.look()

    def still_allowed(self, principal: Principal) -> bool:
        """Rights have changed."""
        return self._views.allowed(principal, self.camera.id, audio=self.audio)

    def gone(self) -> None:
        """The connection is closed."""
        self._over = True
        self._stop()
        self._views.remove(self)

    def look(self) -> None:
        """Says that the camera is away, once for each reason."""
        if self._over:
            return
        if self.stream.hub.running:
            reason = "" if self._begun else "no picture to begin with has come yet"
        else:
            reason = self.stream.reason or "the camera is being connected"
        if reason and reason != self._told:
            self._say({"type": "waiting", "reason": reason})
        self._told = reason

    def end(self, reason: str, code: int = NORMAL) -> None:
        """The last word."""
        self._finish({"type": "end", "reason": reason}, code)

    def on_beginning(self, beginning: Beginning) -> None:
        """See Watcher."""
        self._begun = True
        self._say(
            {
                "type": "init",
                "mime": beginning.mime,
                "width": beginning.width,
                "height": beginning.height,
                "tracks": beginning.tracks,
                "left_out": beginning.left_out,
            }
        )
        if self._socket is not None:
            self._socket.writer.write(beginning.init)

    def on_clock(self, time_ns: int, utc_ns: int) -> None:
        """See Watcher."""
        self._say({"type": "clock", "media_s": time_ns / NS_PER_S, "utc_ms": utc_ns // NS_PER_MS})

    def on_unplayable(self, reason: str) -> None:
        """See Watcher."""
        self._finish({"type": "refused", "reason": reason, "streams": self._playable()}, NORMAL)

    def _playable(self) -> list[str]:
        """Streams of the camera that this client could decode."""
        found = []
        for stream in self.camera.streams:
            try:
                if chosen(stream.hub.tracks, self._can, audio=False):
                    found.append(stream.name)
            except UnplayableError:
                continue
        return found

    def _finish(self, last: dict[str, object], code: int) -> None:
        if self._over:
            return
        self._over = True
        self._stop()
        self._say(last)
        if self._socket is not None:
            self._socket.close(code)

    def _stop(self) -> None:
        if self._viewer is not None:
            self._viewer.stop()
            self._views.sources.give_back(self.stream.hub)

    def _say(self, value: dict[str, object]) -> None:
        if self._socket is not None:
            self._socket.send(value)


_LATER = (("Retry-After", "10"),)
