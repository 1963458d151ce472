"""`/api/v1/tokens`: tokens that a user makes for programs. Each is shown once, when it is made."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from bridge.base.time import format_utc
from bridge.services.web.login import Login
from bridge.services.web.passwords import finished
from bridge.services.web.problems import ProblemError, not_found
from bridge.services.web.routes import Asked, Route, Who
from bridge.system.api_tokens import ApiToken, TokensError

PATH = "/api/v1/tokens"
InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs what blocks for the disk."""


class NewToken(BaseModel):
    """days: until it expires; null: it is good until it is revoked."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
    days: Annotated[int, Field(strict=True, ge=1, le=3650)] | None = None


class Token(BaseModel):
    """A token without its secret. expires: null: when it is revoked; used: to the hour; null: never."""

    id: str
    name: str
    created: str
    expires: str | None
    used: str | None


class MadeToken(Token):
    """token: what the program sends as `Authorization: Bearer`; it cannot be seen again."""

    token: str


@dataclass(frozen=True, slots=True)
class _Answers:
    login: Login
    in_thread: InThread
    ended: Callable[[], None]

    def list(self, asked: Asked) -> list[Token]:
        return [_told(one) for one in self.login.tokens.of(asked.principal.name)]

    async def make(self, asked: Asked) -> MadeToken:
        return await finished(self._make(asked))

    async def revoke(self, asked: Asked) -> None:
        await finished(self._revoke(asked))

    async def _make(self, asked: Asked) -> MadeToken:
        if asked.caller is not None and asked.caller.token is not None:
            raise ProblemError(403, "password-only", "a token cannot make tokens: log in with the password")
        user, given = asked.principal.name, asked.body
        utc_ns = self.login.clock.utc_ns()
        try:
            made, token = await self.in_thread(lambda: self.login.tokens.make(user, given.name, given.days, utc_ns))
        except TokensError as error:
            raise ProblemError(409, "too-many", str(error)) from None
        self.login.note(user, "token.make", "ok", asked.peer, made.id)
        return MadeToken(**_told(made).model_dump(), token=token)

    async def _revoke(self, asked: Asked) -> None:
        user, token_id = asked.principal.name, asked.place["id"]
        if not await self.in_thread(lambda: self.login.tokens.revoke(user, token_id)):
            raise not_found()
        self.login.note(user, "token.revoke", "ok", asked.peer, token_id)
        self.ended()


def token_routes(login: Login, in_thread: InThread, ended: Callable[[], None]) -> list[Route]:
    """in_thread: the only one at a time that changes tokens. ended: see `session_routes`."""
    answers = _Answers(login, in_thread, ended)
    return [
        Route("GET", PATH, answers.list, Who.USER, "My tokens for programs", answer=list[Token]),
        Route(
            "POST",
            PATH,
            answers.make,
            Who.USER,
            "Make a token; its secret is in this answer alone",
            body=NewToken,
            answer=MadeToken,
            status=201,
            problems=("password-only", "too-many"),
        ),
        Route("DELETE", f"{PATH}/{{id}}", answers.revoke, Who.USER, "Revoke a token", status=204),
    ]


def _told(token: ApiToken) -> Token:
    expires, used = token.expires_utc_ns, token.used_utc_ns
    return Token(
        id=token.id,
        name=token.name,
        created=format_utc(token.created_utc_ns),
        expires=None if expires is None else format_utc(expires),
        used=None if used is None else format_utc(used),
    )
