"""Who is logged in at the web door: sessions, answered from memory, kept in config.db (docs/design/web.md, "Log-in").

A session is worth two random tokens: an access token, which every request carries, and a refresh token, which buys the
next two. A refresh token is used once: when another than the current one comes, somebody has a copy, and the session
ends. Refresh tokens name their session, so that this holds for every one that there ever was.

Rights are no part of a session: who asks is read from the users at each request. Times are arguments. What a power cut
takes is what was not written yet, some milliseconds of it.
"""

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from bridge.base.errors import BridgeError
from bridge.base.time import NS_PER_S, MonotonicNs, UtcNs
from bridge.system.bearer import is_token, new_id, new_token
from bridge.system.session_rows import SessionRow, SessionRows

ACCESS_NS = 15 * 60 * NS_PER_S
IDLE_NS = 24 * 3600 * NS_PER_S
"""A session that nobody refreshes ends after so long."""

LIFE_NS = 30 * 24 * 3600 * NS_PER_S
"""… and any other after so long."""

GRACE_NS = 10 * NS_PER_S
"""For so long the tokens before are taken too: two tabs refresh at the same moment, and requests are on their way."""

AHEAD_NS = 600 * NS_PER_S
"""A session from further ahead than this does not count: the clock was wrong then, or is wrong now, as when a machine
starts that does not keep the time. It is not removed, as it may be right later."""

PER_USER = 32
IN_ALL = 4096
"""Where there are more, those that were refreshed longest ago end."""


class RefreshError(BridgeError):
    """A refresh token buys nothing. copied: it is an old one, and its session has ended; user: whose, "" if unknown."""

    def __init__(self, text: str, user: str = "", *, copied: bool = False) -> None:
        super().__init__(text)
        self.user, self.copied = user, copied


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client is given, once. Its repr shows neither."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)


@dataclass(slots=True)
class Session:
    """One log-in. `row` is what the database has of it, the rest lives as long as the process.

    stamp:  of the password that it began with; another password ends it
    access: SHA-256 of the current access token, and of the one before; each good until then
    given:  the latest tokens, for whoever asks with the refresh token before; None once the grace is over
    """

    row: SessionRow
    stamp: bytes = field(repr=False)
    access: dict[bytes, MonotonicNs] = field(default_factory=dict)
    given: Tokens | None = None
    grace_until_ns: int = 0

    @property
    def id(self) -> str:
        """Random; whoever knows it can end the session and nothing else."""
        return self.row.id

    @property
    def user(self) -> str:
        """Who logged in."""
        return self.row.user

    def access_until_ns(self, now: MonotonicNs) -> int:
        """Until when its newest access token is good; `now`: there is none any more."""
        return max(self.access.values(), default=now)


class Sessions:
    """At most IN_ALL, and PER_USER of one user. Of no thread but the reactor's."""

    def __init__(
        self,
        rows: SessionRows,
        stamp_of: Callable[[str], bytes | None],
        is_there: Callable[[str], bool],
        random_bytes: Callable[[int], bytes],
        utc_ns: UtcNs,
    ) -> None:
        """
        rows:     read here: blocks for the database
        stamp_of: of a user's password (`Credential.stamp`); None: he cannot log in
        is_there: whether there is such a user, be it that he cannot log in just now
        """
        self._rows, self._stamp_of, self._is_there, self._random_bytes = rows, stamp_of, is_there, random_bytes
        self._sessions: dict[str, Session] = {}
        self._by_access: dict[bytes, Session] = {}
        self.begun = 0
        """Since the start."""
        self.copied = 0
        """Sessions that ended because an old refresh token came, since the start."""
        for row in rows.read():
            self._sessions[row.id] = Session(row, stamp_of(row.user) or b"")
        self.recheck()
        self.sweep(MonotonicNs(0), utc_ns)

    @property
    def unwritten(self) -> int:
        """Changes that the database did not take, since the start."""
        return self._rows.lost

    def __len__(self) -> int:
        return len(self._sessions)

    def begin(self, user: str, peer: str, now: MonotonicNs, utc_ns: UtcNs) -> tuple[Session, Tokens]:
        """A session of a user who has proved himself."""
        self.sweep(now, utc_ns)
        self._make_room([one for one in self._sessions.values() if one.user == user], PER_USER, utc_ns)
        self._make_room(self._sessions.values(), IN_ALL, utc_ns)
        stamp = self._stamp_of(user) or b""
        session_id = new_id(self._random_bytes)
        tokens = self._new_tokens(session_id)
        expires_ns = UtcNs(utc_ns + IDLE_NS)
        row = SessionRow(session_id, user, _digest(tokens.refresh, stamp), None, utc_ns, utc_ns, expires_ns, peer)
        session = self._sessions[session_id] = Session(row, stamp)
        self._take(session, tokens, now)
        self._rows.put(row)
        self.begun += 1
        return session, tokens

    def by_access(self, token: str, now: MonotonicNs, utc_ns: UtcNs) -> Session | None:
        """The session of an access token; None: it is not known, or has expired."""
        if not is_token(token):
            return None
        digest = sha256(token.encode()).digest()
        session = self._by_access.get(digest)
        if session is None:
            return None
        if now >= session.access[digest]:
            self._forget_access(session, digest)
            return None
        return self.get(session.id, utc_ns)

    def get(self, session_id: str, utc_ns: UtcNs) -> Session | None:
        """A session that has not ended."""
        session = self._sessions.get(session_id)
        if session is None or not _alive(session.row, utc_ns):
            return None
        return session

    def by_refresh(self, token: str, utc_ns: UtcNs) -> Session | None:
        """The session whose current refresh token that is; it is not used up."""
        session = self.get(token.partition(".")[0], utc_ns) if is_token(token) else None
        if session is None or not hmac.compare_digest(_digest(token, session.stamp), session.row.refresh_sha256):
            return None
        return session

    def refresh(self, token: str, now: MonotonicNs, utc_ns: UtcNs) -> tuple[Session, Tokens]:
        """New tokens for a refresh token. Raises RefreshError."""
        session = self._sessions.get(token.partition(".")[0]) if is_token(token) else None
        if session is None:
            raise RefreshError("the session is not known: it has ended, or never was")
        if not _alive(session.row, utc_ns):
            raise RefreshError("the session has expired", session.user)
        digest = _digest(token, session.stamp)
        if not hmac.compare_digest(digest, session.row.refresh_sha256):
            before = session.row.previous_sha256 or b""
            in_grace = now < session.grace_until_ns and hmac.compare_digest(digest, before)
            if in_grace and session.given is not None:
                return session, session.given
            self.end(session.id)
            self.copied += 1
            raise RefreshError(
                "an old refresh token came: somebody has a copy, so the session has ended", session.user, copied=True
            )
        tokens = self._new_tokens(session.id)
        session.row = session.row.refreshed(
            _digest(tokens.refresh, session.stamp),
            utc_ns,
            UtcNs(min(utc_ns + IDLE_NS, session.row.created_utc_ns + LIFE_NS)),
        )
        self._take(session, tokens, now)
        session.given, session.grace_until_ns = tokens, now + GRACE_NS
        self._rows.put(session.row)
        return session, tokens

    def end(self, session_id: str) -> None:
        """Logs out. One that has ended already stays ended."""
        session = self._sessions.pop(session_id, None)
        if session is None:
            return
        for digest in list(session.access):
            self._forget_access(session, digest)
        self._rows.remove(session_id)

    def recheck(self) -> int:
        """Ends those whose user is gone or has another password now. How many that were."""
        ended = 0
        for session in list(self._sessions.values()):
            stamp = self._stamp_of(session.user)
            # A user whose password cannot be read just now (the key file is lost) may come back.
            gone = not self._is_there(session.user) if stamp is None else stamp != session.stamp
            if gone:
                self.end(session.id)
                ended += 1
        return ended

    def sweep(self, now: MonotonicNs, utc_ns: UtcNs) -> int:
        """Ends those whose time is over, and forgets tokens that are not needed any more. How many ended."""
        ended = 0
        for session in list(self._sessions.values()):
            if utc_ns >= session.row.expires_utc_ns:
                self.end(session.id)
                ended += 1
                continue
            if now >= session.grace_until_ns:
                session.given = None
            for digest, until_ns in list(session.access.items()):
                if now >= until_ns:
                    self._forget_access(session, digest)
        return ended

    def _take(self, session: Session, tokens: Tokens, now: MonotonicNs) -> None:
        """The new access token, and for a moment the one before."""
        newest = max(session.access, key=session.access.__getitem__, default=None)
        for digest in list(session.access):
            if digest == newest:
                session.access[digest] = MonotonicNs(min(session.access[digest], now + GRACE_NS))
            else:
                self._forget_access(session, digest)
        digest = sha256(tokens.access.encode()).digest()
        session.access[digest] = MonotonicNs(now + ACCESS_NS)
        self._by_access[digest] = session

    def _forget_access(self, session: Session, digest: bytes) -> None:
        session.access.pop(digest, None)
        self._by_access.pop(digest, None)

    def _new_tokens(self, session_id: str) -> Tokens:
        return Tokens(new_token(self._random_bytes), f"{session_id}.{new_token(self._random_bytes)}")

    def _make_room(self, among: Iterable[Session], most: int, utc_ns: UtcNs) -> None:
        oldest_first = sorted(among, key=lambda one: (_alive(one.row, utc_ns), one.row.refreshed_utc_ns))
        for session in oldest_first[: max(0, len(oldest_first) + 1 - most)]:
            self.end(session.id)


def _alive(row: SessionRow, utc_ns: UtcNs) -> bool:
    return utc_ns < row.expires_utc_ns and row.refreshed_utc_ns <= utc_ns + AHEAD_NS


def _digest(token: str, stamp: bytes) -> bytes:
    """With the password's stamp in it: a password that was changed while the service stood still counts as well."""
    return sha256(token.encode() + stamp).digest()
