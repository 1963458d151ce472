"""`/api/v1/session`: log in, stay logged in, log out, who am I. Answers the page and programs alike.

A browser has its tokens as cookies, which no script reads; a program has them from the answer's body.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bridge.base.time import NS_PER_S, format_utc
from bridge.net.http import Reply
from bridge.services.web.cookies import refresh_cookie, set_cookies, take_cookies_back
from bridge.services.web.door import JSON_TYPE, check_origin
from bridge.services.web.login import PATH, Login
from bridge.services.web.passwords import finished
from bridge.services.web.problems import ProblemError
from bridge.services.web.routes import Asked, Caller, Route, Who
from bridge.system.access import Action, Principal, Role
from bridge.system.sessions import RefreshError, Session, Tokens

MAX_PASSWORD = 1024
BODY_BYTES = 16 * 1024
"""Of strangers: a password of that length, each character escaped."""


class LogIn(BaseModel):
    """Who wants in."""

    model_config = ConfigDict(extra="forbid")

    user: str = Field(min_length=1, max_length=64)
    password: SecretStr = Field(min_length=1, max_length=MAX_PASSWORD)


class Refresh(BaseModel):
    """A program's refresh token; a browser sends its cookie instead, and no body or an empty object."""

    model_config = ConfigDict(extra="forbid")

    refresh_token: SecretStr | None = Field(default=None, min_length=1, max_length=256)


class Me(BaseModel):
    """Who is logged in.

    rights:     what he may do with some camera; each camera says what he may do with it
    expires_at: when the token of this request expires; null: when it is revoked
    """

    user: str
    role: Role
    rights: list[Action]
    expires_at: str | None
    version: str


class LoggedIn(Me):
    """The same, and what the next requests carry: `Authorization: Bearer <token>`. Null where cookies do.

    expires_in_s:       of `token`
    session_expires_at: when the session ends if nobody refreshes it
    """

    token: str | None
    refresh_token: str | None
    expires_in_s: int
    session_expires_at: str


@dataclass(frozen=True, slots=True)
class _Answers:
    """The handlers. ended: called when a session has ended before its time."""

    login: Login
    version: str
    ended: Callable[[], None]

    async def log_in(self, asked: Asked) -> Reply:
        if asked.head.value("origin"):
            check_origin(asked.head)  # else another page could log its visitors in as somebody of its choice
        given = asked.body
        if not self.login.plain_http.admits(asked.peer, asked.secure):
            raise self.login.refuse_plain(asked.head, given.user, asked.peer)
        begun = self.login.begin(given.user, given.password.get_secret_value(), asked.peer)
        session, tokens = await finished(begun)
        return self._logged_in(session, tokens, asked, cookies=True, body=True)

    def refresh(self, asked: Asked) -> Reply:
        by_cookie = asked.body.refresh_token is None
        if by_cookie:
            token = refresh_cookie(asked.head, asked.secure)
            if token:
                check_origin(asked.head)
        else:
            token = asked.body.refresh_token.get_secret_value()
        if not token or not self.login.plain_http.admits(asked.peer, asked.secure):
            raise _log_in_again("log in: no refresh token came")
        clock = self.login.clock
        try:
            session, tokens = self.login.sessions.refresh(token, clock.monotonic_ns(), clock.utc_ns())
        except RefreshError as error:
            if error.copied:
                structlog.get_logger().warning("a web session ended", user=error.user, peer=asked.peer, why=str(error))
                self.login.note(error.user, "session.refresh", "old token", asked.peer)
                self.ended()
            raise _log_in_again(
                "log in again: the session has ended", take_cookies_back(asked.secure) if by_cookie else ()
            ) from None
        return self._logged_in(session, tokens, asked, cookies=by_cookie, body=not by_cookie)

    def log_out(self, asked: Asked) -> Reply:
        sessions = self.login.sessions
        if asked.caller is not None and asked.caller.token is not None:
            raise ProblemError(409, "no-session", "an API token has no session: revoke it under /api/v1/tokens")
        session = self._session_of(asked)
        if session is None:
            raise _log_in_again("nobody is logged in", take_cookies_back(asked.secure))
        sessions.end(session.id)
        self.login.note(session.user, "logout", "ok", asked.peer)
        self.ended()
        return Reply(204, headers=take_cookies_back(asked.secure))

    def who_am_i(self, asked: Asked) -> Me:
        login, caller = self.login, asked.caller
        if caller is None:
            raise _log_in_again("log in first")
        return self._me(caller.principal, self._expires_at(login, caller))

    def _session_of(self, asked: Asked) -> Session | None:
        """That of the access token; where it has expired, that of the refresh token."""
        utc_ns = self.login.clock.utc_ns()
        if asked.caller is not None and asked.caller.session is not None:
            return self.login.sessions.get(asked.caller.session, utc_ns)
        token = refresh_cookie(asked.head, asked.secure)
        if not token:
            return None
        check_origin(asked.head)
        return self.login.sessions.by_refresh(token, utc_ns)

    def _logged_in(self, session: Session, tokens: Tokens, asked: Asked, *, cookies: bool, body: bool) -> Reply:
        principal = self.login.principal(session.user)
        if principal is None:
            raise _log_in_again("log in again: the session has ended")
        now, utc_ns = self.login.clock.monotonic_ns(), self.login.clock.utc_ns()
        left_ns = session.access_until_ns(now) - now
        me = self._me(principal, format_utc(utc_ns + left_ns))
        answer = LoggedIn(
            **me.model_dump(),
            token=tokens.access if body else None,
            refresh_token=tokens.refresh if body else None,
            expires_in_s=left_ns // NS_PER_S,
            session_expires_at=format_utc(session.row.expires_utc_ns),
        )
        headers = set_cookies(tokens, asked.secure) if cookies else ()
        return Reply(200, answer.model_dump_json().encode(), JSON_TYPE, (("Cache-Control", "no-store"), *headers))

    def _me(self, principal: Principal, expires_at: str | None) -> Me:
        rights = [action for action in Action if action in principal.actions]
        return Me(user=principal.name, role=principal.role, rights=rights, expires_at=expires_at, version=self.version)

    def _expires_at(self, login: Login, caller: Caller) -> str | None:
        now, utc_ns = login.clock.monotonic_ns(), login.clock.utc_ns()
        if caller.session is not None:
            session = login.sessions.get(caller.session, utc_ns)
            return format_utc(utc_ns + session.access_until_ns(now) - now) if session is not None else None
        token = login.tokens.get(caller.token or "", utc_ns)
        return format_utc(token.expires_utc_ns) if token is not None and token.expires_utc_ns is not None else None


def session_routes(login: Login, version: str, ended: Callable[[], None]) -> list[Route]:
    """ended: called when a session has ended before its time: what is open for it is to be looked at again."""
    answers = _Answers(login, version, ended)
    anybody = Who.ANYBODY
    return [
        Route(
            "POST",
            PATH,
            answers.log_in,
            anybody,
            "Log in",
            body=LogIn,
            body_bytes=BODY_BYTES,
            answer=LoggedIn,
            problems=("wrong-login", "busy", "plain-http", "foreign-origin"),
        ),
        Route("GET", PATH, answers.who_am_i, Who.USER, "Who am I, and what may I do", answer=Me),
        Route(
            "DELETE",
            PATH,
            answers.log_out,
            anybody,
            "Log out",
            status=204,
            problems=("log-in", "no-session", "foreign-origin"),
        ),
        Route(
            "POST",
            f"{PATH}/refresh",
            answers.refresh,
            anybody,
            "New tokens for a refresh token, which is used up",
            body=Refresh,
            body_bytes=BODY_BYTES,
            answer=LoggedIn,
            problems=("log-in", "foreign-origin"),
        ),
    ]


def _log_in_again(text: str, headers: tuple[tuple[str, str], ...] = ()) -> ProblemError:
    return ProblemError(401, "log-in", text, headers=(("WWW-Authenticate", "Bearer"), *headers))
