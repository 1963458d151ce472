"""Who is calling: HTTP Digest and UsernameToken at the ONVIF door, in the order of ONVIF Core's figure.

A caller learns that he is unknown, and nothing else: wrong password, unknown user, wrong clock, a used token and a
locked address all look alike. The log and the audit say which it was.
"""

from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import urlsplit

import structlog

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import NS_PER_S, Clock, MonotonicNs
from bridge.dialogue.digest import MIN_RANDOM_BYTES, DigestAuthenticator, Outcome
from bridge.dialogue.wsse import TokenChecker, TokenOutcome
from bridge.system.access import Principal
from bridge.system.audit import Audit
from bridge.system.lockout import Lockout
from bridge.wire.soap.envelope import Envelope
from bridge.wire.soap.faults import NOT_AUTHORIZED, SoapFault
from bridge.wire.wsse import SECURITY, parse_username_token

DOOR = "onvif"


class Accounts(Protocol):
    """Where users are kept; `system.users.Users` is one."""

    def secret_of(self, name: str) -> str | None:
        """The password, for digests; None: no such user."""

    def principal(self, name: str) -> Principal | None:
        """The user as doors carry him about."""


class UnauthorizedError(RemoteProtocolError):
    """HTTP 401. challenges: the values of WWW-Authenticate."""

    def __init__(self, challenges: Sequence[str]) -> None:
        super().__init__("log-in needed", clause="RFC 7235 3.1", status=401)
        self.challenges = tuple(challenges)


class Login:
    """Checks credentials; holds nothing about a caller but what `Lockout` and `TokenChecker` keep."""

    def __init__(
        self,
        digest: DigestAuthenticator,
        tokens: TokenChecker | None,
        accounts: Accounts,
        lockout: Lockout,
        audit: Audit,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        proven: Callable[[str, str, MonotonicNs], object] = lambda address, user, now: None,
    ) -> None:
        """
        tokens: None: UsernameToken is switched off, and such headers are passed over
        proven: told of every log-in: address, user, now
        """
        self._digest = digest
        self._tokens = tokens
        self._accounts = accounts
        self._lockout = lockout
        self._audit = audit
        self._clock = clock
        self._random_bytes = random_bytes
        self._proven = proven
        self._log = structlog.get_logger()

    def by_headers(self, method: str, target: str, authorization: Sequence[str], peer: str) -> Principal:
        """The user that HTTP Digest proves. Raises UnauthorizedError.

        authorization: the values of all Authorization headers; only the first one counts
        peer:          address and port
        """
        if not authorization:
            raise self.challenge()
        verdict = self._digest.check(authorization[0], method, self._accounts.secret_of, self._clock.monotonic_ns())
        if verdict.outcome is Outcome.STALE:
            raise self.challenge(stale=True)
        if not verdict.ok:
            why = verdict.outcome.name.lower()
            self._refused(verdict.user, target, peer, why, counts=verdict.outcome is Outcome.WRONG)
        elif not _same_resource(verdict.uri, target):
            self._refused(verdict.user, target, peer, "hashed for another path")
        else:
            principal = self._admit(verdict.user, target, peer)
            if principal is not None:
                return principal
        raise self.challenge()

    def by_envelope(self, target: str, authorization: Sequence[str], envelope: Envelope, peer: str) -> Principal:
        """The user of a SOAP request: Digest first, then the token; where both are, both must be right and agree.

        Raises UnauthorizedError, or SoapFault (NotAuthorized) when the token is at fault.
        """
        by_digest = self.by_headers("POST", target, authorization, peer) if authorization else None
        by_token = self._by_token(envelope, target, peer)
        if by_digest is not None and by_token is not None and by_digest.name != by_token.name:
            self._refused(by_token.name, target, peer, "two users in one request")
            raise SoapFault(NOT_AUTHORIZED)
        principal = by_token or by_digest
        if principal is None:
            raise self.challenge()
        return principal

    def _by_token(self, envelope: Envelope, target: str, peer: str) -> Principal | None:
        """None: the request carries no token. Raises SoapFault (NotAuthorized)."""
        security = envelope.header(SECURITY)
        if security is None or self._tokens is None:
            return None
        try:
            token = parse_username_token(security)
        except RemoteProtocolError as error:
            self._refused("", target, peer, str(error))
            raise SoapFault(NOT_AUTHORIZED) from None
        if token is None:
            return None
        verdict = self._tokens.check(token, self._accounts.secret_of, self._clock.utc_ns())
        if verdict.ok:
            principal = self._admit(token.user, target, peer)
            if principal is not None:
                return principal
        else:
            why = f"token {verdict.outcome.name.lower()}, its clock {verdict.skew_ns // NS_PER_S:+d} s from ours"
            self._refused(token.user, target, peer, why, counts=verdict.outcome is TokenOutcome.WRONG)
        raise SoapFault(NOT_AUTHORIZED)

    def challenge(self, *, stale: bool = False) -> UnauthorizedError:
        """A fresh 401 to raise."""
        now = self._clock.monotonic_ns()
        return UnauthorizedError(self._digest.challenges(now, self._random_bytes(MIN_RANDOM_BYTES), stale))

    def _admit(self, user: str, target: str, peer: str) -> Principal | None:
        """The principal of a user who proved himself, unless he has to wait or has no business at this door."""
        address, now = _address(peer), self._clock.monotonic_ns()
        principal = self._accounts.principal(user)
        if principal is None:
            why = "removed a moment ago"
        elif self._lockout.locked(address, user, now):
            why = "locked after wrong passwords"
        elif principal.doors and DOOR not in principal.doors:
            why = "not his door"
        else:
            self._lockout.succeeded(address, user, now)
            self._proven(address, user, now)
            return principal
        self._refused(user, target, peer, why)
        return None

    def _refused(self, user: str, target: str, peer: str, why: str, *, counts: bool = False) -> None:
        """counts: towards the lock-out: only a wrong secret does."""
        if counts:
            self._lockout.failed(_address(peer), user, self._clock.monotonic_ns())
        self._log.info("onvif log-in refused", user=user[:64], peer=peer, target=target[:128], why=why)
        self._audit(user[:64], "login", target[:128], "refused", peer, self._clock.utc_ns())


def _same_resource(hashed: str, target: str) -> bool:
    """Whether the URI that the client hashed means the resource it asked for.

    Clients behind a proxy hash the absolute URI, some leave out the query.
    """
    try:
        return urlsplit(hashed).path == urlsplit(target).path
    except ValueError:
        return False


def _address(peer: str) -> str:
    """`192.0.2.1:4711` or `[2001:db8::1]:4711` without its port."""
    return peer.rpartition(":")[0].strip("[]") or peer
