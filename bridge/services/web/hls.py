"""HLS for what has no Media Source Extensions: `/hls/{camera}/{stream}/index.m3u8`; docs/design/web.md, "HLS".

Live is LL-HLS (`media/hls_window`), kept while somebody asks. With `from` and `until` the playlist is a finished one of
what was recorded; its segments are pieces of the footage resource, cut at key frames.
"""

import re
from typing import Any

from pydantic import BaseModel, Field
from twisted.internet.defer import Deferred

from bridge.base.time import NS_PER_S, format_utc
from bridge.media.hls_window import TARGET_S, HlsWindow
from bridge.media.hub import Hub
from bridge.net.http import Reply
from bridge.recorder.footage import Cut, cuts
from bridge.services.web.footage import FootageDoor, FootageQuery
from bridge.services.web.live import LiveViews
from bridge.services.web.problems import ProblemError, not_found
from bridge.services.web.routes import Asked, Route, Who
from bridge.services.web.times import Instant
from bridge.system.access import Action, Gatekeeper
from bridge.system.catalogue import Catalogue

PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
IDLE_S = 30
"""A stream that nobody has asked for that long is let go."""

WAIT_S = 3 * TARGET_S
"""How long a request waits for what it asks for; also for the first picture."""

LONGEST_NS = 4 * 3600 * NS_PER_S
"""Of a playlist of footage."""

WAITING = 64
"""Requests that wait on one stream."""

_FILE = re.compile(r"(?:(init|segment)-(\d{1,9})|part-(\d{1,9})-(\d{1,4}))\.mp4", re.ASCII)
_NO_STORE = (("Cache-Control", "no-store"),)
_FOR_A_WHILE = (("Cache-Control", "private, max-age=60"),)


class PlaylistQuery(BaseModel):
    """msn, part: what the playlist is to have before it is answered (RFC 8216bis 6.2.5.2); from, until: of footage."""

    msn: int | None = Field(default=None, alias="_HLS_msn", ge=0)
    part: int | None = Field(default=None, alias="_HLS_part", ge=0)
    from_ns: Instant | None = Field(default=None, alias="from")
    until_ns: Instant | None = Field(default=None, alias="until")


class PieceQuery(BaseModel):
    """A piece of footage as a segment, or with `init` the init segment before it."""

    from_ns: Instant | None = Field(default=None, alias="from")
    until_ns: Instant | None = Field(default=None, alias="until")
    init: bool = False


class _Watched:
    """A window, and who waits for more of it."""

    def __init__(self, window_of: Any) -> None:  # Callable[[wake], HlsWindow]
        self.waiting: set[Deferred[None]] = set()
        self.window: HlsWindow = window_of(self._wake)
        self.asked_s = 0.0

    def _wake(self) -> None:
        waiting, self.waiting = self.waiting, set()
        for one in waiting:
            one.callback(None)


class HlsDoor:
    """See the module."""

    def __init__(
        self,
        reactor: Any,  # provides IReactorTime
        catalogue: Catalogue,
        gatekeeper: Gatekeeper,
        live: LiveViews,
        footage: FootageDoor,
    ) -> None:
        self._reactor, self._gatekeeper, self._live, self._footage = reactor, gatekeeper, live, footage
        self._watched: dict[tuple[Hub, bool], _Watched] = {}
        self._catalogue = catalogue
        self._look: Any = None
        catalogue.watch(self._catalogue_changed)

    @property
    def open(self) -> int:
        """Streams that are kept for players now."""
        return len(self._watched)

    def routes(self) -> list[Route]:
        """For the table."""
        base, problems = "/hls/{camera}/{stream}", ("no-picture", "unplayable", "busy")
        return [
            Route(
                *("GET", f"{base}/index.m3u8", self._playlist, Who.USER),
                "The HLS playlist of a stream: live, or of what was recorded in a time",
                query=PlaylistQuery,
                content=PLAYLIST_TYPE,
                problems=(*problems, "no-footage"),
            ),
            Route(
                *("GET", f"{base}/{{file}}", self._media, Who.USER),
                "What an HLS playlist names",
                query=PieceQuery,
                content="video/mp4",
                problems=(*problems, "no-footage"),
            ),
        ]

    def close(self) -> None:
        """The service stops."""
        for key in list(self._watched):
            self._let_go(key)
        if self._look is not None and self._look.active():
            self._look.cancel()
        self._look = None

    # --- Live --------------------------------------------------------------------------------------------------------

    async def _playlist(self, asked: Asked) -> Reply:
        query: PlaylistQuery = asked.query
        if query.from_ns is not None or query.until_ns is not None:
            return await self._recorded(asked, query)
        watched = self._of(asked)
        if query.part is not None and query.msn is None:
            raise _bad("_HLS_part", "nothing without _HLS_msn")
        if query.msn is not None and query.msn > watched.window.last_number + 2 and watched.window.begun:
            raise _bad("_HLS_msn", f"at most {watched.window.last_number + 2}")

        def there() -> bool:
            window = watched.window
            return window.begun if query.msn is None else window.has(query.msn, query.part)

        if not await self._until(watched, there):
            raise _no_picture()
        return Reply(200, watched.window.playlist().encode(), PLAYLIST_TYPE, _NO_STORE)

    async def _media(self, asked: Asked) -> Reply | None:
        query: PieceQuery = asked.query
        if asked.place["file"] == "footage.mp4" and query.from_ns is not None and query.until_ns is not None:
            return await self._piece(asked, query)
        match = _FILE.fullmatch(asked.place["file"])
        if match is None:
            raise not_found()
        watched = self._of(asked)
        window = watched.window
        if match[3] is not None:
            number, part = int(match[3]), int(match[4])
            # What the playlist announces is asked for before it is there.
            announced = number in (window.last_number, window.last_number + 1)
            if announced and not await self._until(watched, lambda: window.has(number, part)):
                raise _no_picture()
            data = window.part(number, part)
        else:
            number = int(match[2])
            data = window.init(number) if match[1] == "init" else window.segment(number)
        if data is None:
            raise not_found()
        return Reply(200, data, "video/mp4", _FOR_A_WHILE)

    def _of(self, asked: Asked) -> _Watched:
        camera, stream = self._live.find(asked.principal, asked.place["camera"], asked.place["stream"])
        audio = self._gatekeeper.may(asked.principal, Action.AUDIO, camera.id)
        key = stream.hub, audio
        watched = self._watched.get(key)
        if watched is None:
            fragments = self._live.sources.of(stream.hub)
            watched = self._watched[key] = _Watched(lambda wake: HlsWindow(fragments, wake, audio=audio))
            if self._look is None:
                self._look = self._reactor.callLater(IDLE_S, self._look_around)
        watched.asked_s = self._reactor.seconds()
        return watched

    async def _until(self, watched: _Watched, there: Any) -> bool:
        """Whether `there` gives True in time. there: Callable[[], bool]"""
        ends_s = self._reactor.seconds() + WAIT_S
        while not there():
            left_s = ends_s - self._reactor.seconds()
            if left_s <= 0 or len(watched.waiting) >= WAITING:
                return False
            more: Deferred[None] = Deferred()
            watched.waiting.add(more)
            late = self._reactor.callLater(left_s, self._waited, watched, more)
            try:
                await more
            finally:
                watched.waiting.discard(more)
                if late.active():
                    late.cancel()
        return True

    @staticmethod
    def _waited(watched: _Watched, more: "Deferred[None]") -> None:
        watched.waiting.discard(more)
        more.callback(None)

    def _look_around(self) -> None:
        for key, watched in list(self._watched.items()):
            if self._reactor.seconds() - watched.asked_s >= IDLE_S and not watched.waiting:
                self._let_go(key)
        self._look = self._reactor.callLater(IDLE_S, self._look_around) if self._watched else None

    def _let_go(self, key: tuple[Hub, bool]) -> None:
        watched = self._watched.pop(key)
        watched.window.close()
        self._live.sources.give_back(key[0])

    def _catalogue_changed(self) -> None:
        there = {stream.hub for camera in self._catalogue.cameras() for stream in camera.streams}
        for key in list(self._watched):
            if key[0] not in there:
                self._let_go(key)

    # --- Recorded ----------------------------------------------------------------------------------------------------

    async def _recorded(self, asked: Asked, query: PlaylistQuery) -> Reply:
        if query.from_ns is None or query.until_ns is None or query.until_ns <= query.from_ns:
            raise _bad("until", "a time after `from`, and both of them")
        from_ns, until_ns = query.from_ns, query.until_ns
        if until_ns - from_ns > LONGEST_NS:
            raise _bad("until", f"at most {LONGEST_NS // NS_PER_S} s after `from`")
        held = await self._footage.held(asked.principal, asked.place["camera"], asked.place["stream"])
        found = await self._footage.in_library(lambda library: cuts(library, held, from_ns, until_ns))
        if not found:
            raise ProblemError(404, "no-footage", "nothing was recorded then")
        return Reply(200, finished(found).encode(), PLAYLIST_TYPE, _NO_STORE)

    async def _piece(self, asked: Asked, query: PieceQuery) -> Reply | None:
        camera = asked.place["camera"]
        with self._footage.room():
            return await self._send_piece(asked, camera, query)

    async def _send_piece(self, asked: Asked, camera: str, query: PieceQuery) -> Reply | None:
        held = await self._footage.held(asked.principal, camera, asked.place["stream"])
        wanted = FootageQuery.model_construct(from_ns=query.from_ns, until_ns=query.until_ns)
        piece = await self._footage.piece(held, camera, asked.principal, wanted)
        if query.init:
            self._footage.in_thread(piece.close)
            return Reply(200, piece.head.beginning.init, "video/mp4", _FOR_A_WHILE)
        piece.skip_init()
        await self._footage.send(asked, piece, ())
        return None


def finished(found: list[Cut]) -> str:
    """The playlist of footage: a discontinuity at each gap, a new init segment where the tracks change."""
    longest_ns = max(cut.until_ns - cut.from_ns for cut in found)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f"#EXT-X-TARGETDURATION:{max(1, round(longest_ns / NS_PER_S))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
    ]
    before: Cut | None = None
    for cut in found:
        uri = f"footage.mp4?from={format_utc(cut.from_ns, digits=9)}&until={format_utc(cut.until_ns, digits=9)}"
        if before is not None and (before.tracks != cut.tracks or before.until_ns != cut.from_ns):
            lines.append("#EXT-X-DISCONTINUITY")
        if before is None or before.tracks != cut.tracks:
            lines.append(f'#EXT-X-MAP:URI="{uri}&init=1"')
        if before is None or lines[-1].startswith(("#EXT-X-DISC", "#EXT-X-MAP")):
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{format_utc(cut.from_ns)}")
        lines += [f"#EXTINF:{(cut.until_ns - cut.from_ns) / NS_PER_S:.5f},", uri]
        before = cut
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def _bad(field: str, expected: str) -> ProblemError:
    return ProblemError(400, "input", f"{field}: expected {expected}", errors=[{"field": field, "expected": expected}])


def _no_picture() -> ProblemError:
    return ProblemError(503, "no-picture", "no picture has come from the camera", headers=(("Retry-After", "5"),))
