"""Who may come in at an RTSP server: Digest, how loosely its URI must fit, and the lock-out (RFC 2326 D, RFC 7616)."""

from collections.abc import Callable
from dataclasses import dataclass

from bridge.base.time import MonotonicNs
from bridge.dialogue.digest import MIN_RANDOM_BYTES, DigestAuthenticator, Outcome, Verdict
from bridge.dialogue.rtsp_presentation import Target, read_target
from bridge.dialogue.rtsp_refused import RefusedError
from bridge.dialogue.rtsp_server_events import Event, LoggedIn, LoginFailed
from bridge.wire.rtsp.message import Request


@dataclass(frozen=True, slots=True)
class Login:
    """What all connections of one server ask.

    secret_of:    user -> password; None when there is no such user at this door
    random_bytes: fresh ones, so many
    locked_out:   (address, user) -> whether passwords of that user from there count as wrong now: too many were
    vouched:      (address, now) -> the user whom a client without credentials is taken for; None: it must log in
    """

    authenticator: DigestAuthenticator
    secret_of: Callable[[str], str | None]
    random_bytes: Callable[[int], bytes]
    locked_out: Callable[[str, str], bool]
    vouched: Callable[[str, MonotonicNs], str | None] = lambda address, now: None

    def challenges(self, now: MonotonicNs, *, stale: bool = False) -> list[tuple[str, str]]:
        """The headers of a 401."""
        values = self.authenticator.challenges(now, self.random_bytes(MIN_RANDOM_BYTES), stale)
        return [("WWW-Authenticate", value) for value in values]

    def check(self, credentials: str, method: str, target: Target, peer_host: str, now: MonotonicNs) -> Verdict:
        """Whether an Authorization header proves its user for this request."""

        def secret_of(user: str) -> str | None:
            return None if self.locked_out(peer_host, user) else self.secret_of(user)

        verdict = self.authenticator.check(credentials, method, secret_of, now)
        if verdict.ok and not fits(verdict.uri, target):
            return Verdict(Outcome.STALE, verdict.user, verdict.uri)
        return verdict


class Visitor:
    """Who speaks on one connection. login: None: everybody may come, as the user ""."""

    def __init__(self, login: Login | None, peer_host: str) -> None:
        self._login = login
        self._peer_host = peer_host
        self._proven: str | None = None
        self._vouched = False

    def user_of(
        self, request: Request, target: Target, *, trusted: str | None, free: bool, now: MonotonicNs
    ) -> tuple[str | None, list[Event]]:
        """The proven user, and what the shell is to know; None for a request that is free.

        trusted: the user who needs no credentials here, as the session that is spoken of is his
        Raises RefusedError with the challenge, and what the shell is to know in it.
        """
        login, self._vouched = self._login, False
        if login is None:
            return "", []
        credentials = request.headers.get("Authorization")
        if credentials is None:
            if trusted is not None:
                return trusted, []
            if free:
                return None, []
            if (user := login.vouched(self._peer_host, now)) is not None:
                new = user != self._proven
                self._proven, self._vouched = user, True
                return user, [LoggedIn(user)] if new else []
            raise RefusedError(401, *login.challenges(now))
        verdict = login.check(credentials, request.method, target, self._peer_host, now)
        if verdict.ok:
            new = verdict.user != self._proven
            self._proven = verdict.user
            return verdict.user, [LoggedIn(verdict.user)] if new else []
        if verdict.outcome is Outcome.MALFORMED:
            raise RefusedError(400)
        stale = verdict.outcome is Outcome.STALE
        if stale and trusted == verdict.user:
            return trusted, []
        raise RefusedError(
            401, *login.challenges(now, stale=stale), events=() if stale else (LoginFailed(verdict.user),)
        )

    def unknown(self, now: MonotonicNs) -> RefusedError:
        """What he is told of an address that is not there for him: a client that was taken for another may log in."""
        if self._login is not None and self._vouched:
            return RefusedError(401, *self._login.challenges(now))
        return RefusedError(404)


def fits(hashed_uri: str, target: Target) -> bool:
    """Whether the URI in a digest can mean the request that it came with.

    Clients put the aggregate's URL, a track's, `*` or a bare path there, or leave it empty; only another presentation
    is refused: there a hash heard elsewhere would be used again.
    """
    if hashed_uri in ("", "*") or target.path == "*":
        return True
    hashed = read_target(hashed_uri, target.root, target.called)
    return hashed.path in ("", target.path) or hashed.path.startswith(target.path + "/")
