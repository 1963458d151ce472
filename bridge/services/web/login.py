"""Who is calling at the web door: passwords become sessions, and cookies and tokens become callers.

Who is refused learns nothing but that: an unknown user, a wrong password, a locked address and a user of other doors
all look alike. The log and the audit say which it was.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from bridge.base.time import NS_PER_S, Clock
from bridge.net.http import Head
from bridge.services.web.cookies import access_cookie
from bridge.services.web.passwords import PasswordQueue
from bridge.services.web.problems import ProblemError
from bridge.services.web.routes import Caller, Means
from bridge.services.web.status import is_loopback
from bridge.system.access import Principal
from bridge.system.api_tokens import PREFIX, ApiTokens
from bridge.system.audit import Audit
from bridge.system.lockout import Lockout
from bridge.system.passwords import Credential, proves
from bridge.system.sessions import Session, Sessions, Tokens

DOOR = "web"
PATH = "/api/v1/session"
REFUSALS = ("wrong", "locked", "busy", "changed", "door", "plain-http")
"""Why log-ins are refused: in the metrics and the log, never in an answer."""


class Accounts(Protocol):
    """Where users are kept; `system.users.Users` is one."""

    @property
    def decoy(self) -> str | None:
        """See `bridge.system.passwords.proves`."""

    def credential(self, name: str) -> Credential | None:
        """What he proves himself with; None: no such user."""

    def principal(self, name: str) -> Principal | None:
        """The user as doors carry him about."""


@dataclass(frozen=True, slots=True)
class PlainHttp:
    """What may come over plain HTTP (`[security] plain_http_login`).

    secure_url: where to go instead, given the Host header; "": there is no such door
    """

    allowed: str
    secure_url: Callable[[str], str]

    def admits(self, peer: str, secure: bool) -> bool:
        """Whether credentials of this peer are looked at."""
        return secure or self.allowed == "always" or (self.allowed == "loopback" and is_loopback(peer))


class Login:
    """Checks credentials; what there is of a caller keep `Sessions`, `ApiTokens` and `Lockout`."""

    def __init__(
        self,
        accounts: Accounts,
        sessions: Sessions,
        tokens: ApiTokens,
        lockout: Lockout,
        audit: Audit,
        clock: Clock,
        queue: PasswordQueue,
        plain_http: PlainHttp,
    ) -> None:
        self.accounts, self.sessions, self.tokens, self.queue = accounts, sessions, tokens, queue
        self.plain_http = plain_http
        self.clock = clock
        self._lockout, self._audit = lockout, audit
        self._noted_ns = 0
        self.refusals: Counter[str] = Counter()
        """Log-ins refused since the start, by reason."""
        self._log = structlog.get_logger()

    def find(self, head: Head, peer: str, secure: bool) -> Caller | None:
        """Whose request that is; None: nobody's that we know."""
        if not self.plain_http.admits(peer, secure):
            return None
        scheme, _, token = head.value("authorization").strip().partition(" ")
        if scheme:
            return self._by_bearer(token.strip()) if scheme.lower() == "bearer" else None
        token = access_cookie(head, secure)
        return self._by_access(token, Means.COOKIE) if token else None

    def now(self, caller: Caller) -> Caller | None:
        """The same caller with the rights that he has now; None: he is logged out, or gone."""
        utc_ns = self.clock.utc_ns()
        if caller.session is not None and self.sessions.get(caller.session, utc_ns) is None:
            return None
        if caller.token is not None and self.tokens.get(caller.token, utc_ns) is None:
            return None
        principal = self.principal(caller.principal.name)
        return Caller(principal, caller.means, caller.session, caller.token) if principal is not None else None

    async def begin(self, user: str, password: str, peer: str) -> tuple[Session, Tokens]:
        """A session for who proves himself. Raises ProblemError."""
        address = _address(peer)
        if self._lockout.locked(address, user, self.clock.monotonic_ns()):
            raise self._refused(user, peer, "locked")
        credential, decoy = self.accounts.credential(user), self.accounts.decoy
        try:
            right = await self.queue.check(address, lambda: proves(password, credential, decoy))
        except ProblemError:
            self.refusals["busy"] += 1
            raise
        now = self.clock.monotonic_ns()
        if not right:
            self._lockout.failed(address, user, now)
            raise self._refused(user, peer, "wrong")
        if self._lockout.locked(address, user, now):
            raise self._refused(user, peer, "locked")  # while this one waited, others guessed
        principal = self.accounts.principal(user)
        if principal is None or self.accounts.credential(user) != credential:
            raise self._refused(user, peer, "changed")
        if not principal.uses(DOOR):
            raise self._refused(user, peer, "door")
        self._lockout.succeeded(address, user, now)
        session, tokens = self.sessions.begin(user, peer, now, self.clock.utc_ns())
        self.note(user, "login", "ok", peer)
        return session, tokens

    def refuse_plain(self, head: Head, user: str, peer: str) -> ProblemError:
        """For who would have sent a password in clear."""
        self._count(user, peer, "plain-http")
        url = self.plain_http.secure_url(head.value("host"))
        where = f": use {url}" if url else ", and no other door is open"
        return ProblemError(403, "plain-http", f"no log-in over plain HTTP from there{where}")

    def note(self, user: str, action: str, outcome: str, peer: str, what: str = PATH) -> None:
        """A row of the audit."""
        self._audit(user[:64], action, what, outcome, peer, self.clock.utc_ns())

    def _by_bearer(self, token: str) -> Caller | None:
        if not token.startswith(PREFIX):
            return self._by_access(token, Means.BEARER)
        found = self.tokens.find(token, self.clock.utc_ns())
        principal = self.principal(found.user) if found is not None else None
        if found is None or principal is None:
            return None
        return Caller(principal, Means.API_TOKEN, None, found.id)

    def _by_access(self, token: str, means: Means) -> Caller | None:
        session = self.sessions.by_access(token, self.clock.monotonic_ns(), self.clock.utc_ns())
        principal = self.principal(session.user) if session is not None else None
        if session is None or principal is None:
            return None
        return Caller(principal, means, session.id)

    def principal(self, user: str) -> Principal | None:
        """Read afresh each time; None: he is gone, or this is not his door any more."""
        principal = self.accounts.principal(user)
        return principal if principal is not None and principal.uses(DOOR) else None

    def _refused(self, user: str, peer: str, why: str) -> ProblemError:
        self._count(user, peer, why)
        return ProblemError(
            401,
            "wrong-login",
            "user or password is wrong, or too many were tried from there: wait, and try again",
            headers=(("WWW-Authenticate", "Bearer"),),
        )

    def _count(self, user: str, peer: str, why: str) -> None:
        self.refusals[why] += 1
        now = self.clock.monotonic_ns()
        if why != "wrong" and now - self._noted_ns < NS_PER_S:
            return  # what costs the guesser nothing must not push everything else out of the audit
        self._noted_ns = now
        self.note(user, "login", "refused", peer)
        self._log.info("web log-in refused", user=user[:64], peer=peer, why=why)


def _address(peer: str) -> str:
    """`192.0.2.1:4711` or `[2001:db8::1]:4711` without its port."""
    return peer.rpartition(":")[0].strip("[]") or peer
