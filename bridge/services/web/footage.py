"""Recorded video as a resource: `GET /api/v1/footage/{camera}/{stream}?from=&until=`; docs/design/web.md, "Footage".

What a piece is the recorder says; here is who may have it, and how it gets out: read in the pool, written as the client
reads.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, Field

from bridge.base.time import NS_PER_MS, format_utc
from bridge.base.tokens import recording_token
from bridge.media.live_fragments import UnplayableError
from bridge.net.http import Reply
from bridge.recorder.footage import Asked as Wanted
from bridge.recorder.footage import FootagePiece, NoFootageError
from bridge.recorder.library import Held, Library
from bridge.services.web.problems import ProblemError, not_found
from bridge.services.web.routes import Asked, Route, Who
from bridge.services.web.streamed import StreamedAnswer
from bridge.services.web.times import LATEST_MS, Instant
from bridge.system.access import Action, Gatekeeper, Principal

PULL_BYTES = 512 * 1024
FIRST_PULL_BYTES = 1

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs blocking work in the pool."""


class FootageQuery(BaseModel):
    """from, until: RFC 3339, or milliseconds since 1970; without `until` as much as a piece may hold."""

    from_ns: Instant = Field(alias="from")
    until_ns: Instant = Field(default=LATEST_MS * NS_PER_MS, alias="until")
    frames: Literal["all", "key"] = "all"
    audio: bool = True


class FootageDoor:
    """See the module."""

    def __init__(
        self,
        reactor: Any,  # provides IReactorTime
        gatekeeper: Gatekeeper,
        library: Library | None,
        in_thread: InThread,
        *,
        at_once: int,
    ) -> None:
        """library: None: the index cannot be used. at_once: answers on their way, at most."""
        self._reactor, self._gatekeeper, self._library, self.in_thread = reactor, gatekeeper, library, in_thread
        self._at_once = at_once
        self.open = 0
        """Answers on their way now."""
        self.answered = 0
        self.sent_bytes = 0

    def routes(self) -> list[Route]:
        """For the table."""
        return [
            Route(
                "GET",
                "/api/v1/footage/{camera}/{stream}",
                self._get,
                Who.USER,
                "A piece of recorded video and sound as fragmented MP4, its media times in UTC",
                query=FootageQuery,
                content="video/mp4",
                problems=("no-footage", "unplayable", "busy"),
            )
        ]

    async def held(self, principal: Principal, camera_id: str, stream: str) -> Held:
        """The recording of a stream, for one who may play it. Raises ProblemError."""
        library = self._library
        if library is None or not self._gatekeeper.may(principal, Action.PLAYBACK, camera_id):
            raise not_found()
        token = recording_token(camera_id, stream)
        held: Held | None = await self.in_thread(lambda: library.find(token))
        if held is None:
            raise not_found()
        return held

    async def piece(self, held: Held, camera_id: str, principal: Principal, query: FootageQuery) -> FootagePiece:
        """What is asked for. Raises ProblemError."""
        library = self._library
        if query.until_ns <= query.from_ns:
            expected = {"field": "until", "expected": "a time after `from`"}
            raise ProblemError(422, "input", "until: expected a time after `from`", errors=[expected])
        if library is None:
            raise not_found()
        audio = query.audio and self._gatekeeper.may(principal, Action.AUDIO, camera_id)
        wanted = Wanted(query.from_ns, query.until_ns, query.frames == "key", audio)
        try:
            piece: FootagePiece = await self.in_thread(lambda: FootagePiece(library, held, wanted))
        except NoFootageError as error:
            more = {} if error.next_ns is None else {"next": format_utc(error.next_ns)}
            raise ProblemError(404, "no-footage", str(error), more=more) from None
        except UnplayableError as error:
            raise ProblemError(415, "unplayable", str(error)) from None
        return piece

    async def in_library(self, ask: Callable[[Library], Any]) -> Any:
        """What the library answers, asked in the pool."""
        library = self._library
        if library is None:
            raise not_found()
        return await self.in_thread(lambda: ask(library))

    async def _get(self, asked: Asked) -> None:
        camera = asked.place["camera"]
        with self.room():
            held = await self.held(asked.principal, camera, asked.place["stream"])
            piece = await self.piece(held, camera, asked.principal, asked.query)
            await self.send(asked, piece, headers_of(piece))

    @contextmanager
    def room(self) -> Iterator[None]:
        """Around each answer. Raises ProblemError where as many are on their way as may be."""
        if self.open >= self._at_once:
            raise ProblemError(
                503, "busy", "as many pieces are on their way as may be at once", headers=(("Retry-After", "1"),)
            )
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    async def send(self, asked: Asked, piece: FootagePiece, headers: tuple[tuple[str, str], ...]) -> None:
        """A piece as the answer; closes it."""
        self.answered += 1
        try:
            answer = StreamedAnswer(asked.request, self._reactor, Reply(200, b"", "video/mp4", headers))
            if asked.head.method != "HEAD":
                await self._send(piece, answer)
            answer.end()
        finally:
            self.in_thread(piece.close)

    async def _send(self, piece: FootagePiece, answer: StreamedAnswer) -> None:
        size_bytes = FIRST_PULL_BYTES
        while data := await self.in_thread(partial(piece.pull, size_bytes)):
            self.sent_bytes += len(data)
            await answer.write(data)
            size_bytes = PULL_BYTES


def headers_of(piece: FootagePiece) -> tuple[tuple[str, str], ...]:
    """What is in it."""
    head = piece.head
    found = [
        ("Cache-Control", "no-store"),
        ("X-Footage-From", format_utc(head.from_ns)),
        ("X-Footage-Until", format_utc(head.until_ns, digits=9)),
        ("X-Footage-Mime", head.beginning.mime),
    ]
    if head.next_ns is not None:
        found.append(("X-Footage-Next", format_utc(head.next_ns, digits=9)))
    return tuple(found)
