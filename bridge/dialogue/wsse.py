"""Whom to believe by a UsernameToken: the digest, the clock and the cache of tokens already used.

WS-Security UsernameToken Profile 1.0, 4; ONVIF Core, "User-based access control". Texts and hashes are `wire/wsse.py`.
Delay and lock-out per address are the caller's.
"""

import enum
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import NS_PER_S, UtcNs
from bridge.wire.wsse import UsernameToken, parse_created, password_digest

SKEW_S = 300
REPLAY_CACHE_SIZE = 100_000


class TokenOutcome(enum.Enum):
    """How a check ended. The peer is told OK or not; which of the others it was is for the log alone."""

    OK = enum.auto()
    WRONG = enum.auto()
    SKEWED = enum.auto()
    REPLAYED = enum.auto()


class RepeatedTokens(enum.Enum):
    """What to do with a token that was used before.

    ACCEPT is for clients that make one token and send it with many requests; it gives up the protection from replay.
    """

    REFUSE = enum.auto()
    ACCEPT = enum.auto()


@dataclass(frozen=True, slots=True)
class TokenVerdict:
    """What a check found.

    user:    as claimed; proven unless the outcome is WRONG
    skew_ns: the client's clock minus ours; 0 when Created could not be read
    """

    outcome: TokenOutcome
    user: str
    skew_ns: int = 0

    @property
    def ok(self) -> bool:
        """Whether the user is who he says, and says it for the first time."""
        return self.outcome is TokenOutcome.OK


class TokenChecker:
    """Checks tokens and remembers the right ones until their time is over.

    The memory holds `cache_size` tokens of 32 bytes each; when it is full the oldest goes first (a token that old is
    nearly out of time anyway), counted in `forgotten`. Wrong tokens are not remembered, so nobody without a password
    can push others out.
    """

    def __init__(
        self,
        *,
        skew_s: int = SKEW_S,
        cache_size: int = REPLAY_CACHE_SIZE,
        repeated: RepeatedTokens = RepeatedTokens.REFUSE,
    ) -> None:
        """skew_s: how far Created may be from our clock, either way."""
        self._skew_ns = skew_s * NS_PER_S
        self._cache_size = cache_size
        self._repeated = repeated
        self._used: OrderedDict[bytes, int] = OrderedDict()  # hash of the token -> when its time is over
        self.forgotten = 0

    def check(self, token: UsernameToken, secret_of: Callable[[str], str | None], utc_ns: UtcNs) -> TokenVerdict:
        """Whether the token proves its user now.

        secret_of: user name -> password, None for users that do not exist; they take the same time as wrong passwords
        """
        password = secret_of(token.user)
        expected = password_digest(token.nonce, token.created, "no such user" if password is None else password)
        right = hmac.compare_digest(expected, token.digest)
        if password is None or not right:
            return TokenVerdict(TokenOutcome.WRONG, token.user)
        try:
            created_ns = parse_created(token.created)
        except RemoteProtocolError:
            return TokenVerdict(TokenOutcome.SKEWED, token.user)
        skew_ns = created_ns - utc_ns
        if abs(skew_ns) > self._skew_ns:
            return TokenVerdict(TokenOutcome.SKEWED, token.user, skew_ns)
        if not self._first_use(token, created_ns + self._skew_ns, utc_ns) and self._repeated is RepeatedTokens.REFUSE:
            return TokenVerdict(TokenOutcome.REPLAYED, token.user, skew_ns)
        return TokenVerdict(TokenOutcome.OK, token.user, skew_ns)

    def _first_use(self, token: UsernameToken, until_ns: int, utc_ns: int) -> bool:
        parts = (token.user.encode(), token.nonce, token.created.encode())
        key = hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
        while self._used and next(iter(self._used.values())) < utc_ns:
            self._used.popitem(last=False)
        if key in self._used:
            return False
        self._used[key] = until_ns
        if len(self._used) > self._cache_size:
            self._used.popitem(last=False)
            self.forgotten += 1
        return True
