"""Who is believed: the server's and the client's side of Digest authentication, for RTSP and HTTP alike.

RFC 7616, 2617 and 2069; Basic only where a camera offers nothing else. Texts and hashes are `wire/digest.py`. Delay and
lock-out per address, and comparing the hashed URI with the requested one, are the caller's.
"""

import enum
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.base.time import NS_PER_S
from bridge.wire import digest as wire
from bridge.wire.digest import Algorithm, BasicCredentials, Challenge, DigestCredentials

MIN_NONCE_LIFETIME_S = 300
MIN_SECRET_BYTES = 16
MIN_RANDOM_BYTES = 8

_TIME_BYTES = 8
_MAC_BYTES = 16


class Outcome(enum.Enum):
    """How a check ended, and what to answer: OK: go on; STALE and WRONG: 401 with a challenge; MALFORMED: 400."""

    OK = enum.auto()
    STALE = enum.auto()
    WRONG = enum.auto()
    MALFORMED = enum.auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found.

    user: as claimed, proven only if the outcome is OK or STALE; "" when none could be read
    uri:  as the client hashed it. It may be the aggregate's, a track's or `*`: how loosely it must fit the request is
          for the caller to say, the hash says nothing about it
    """

    outcome: Outcome
    user: str = ""
    uri: str = ""

    @property
    def ok(self) -> bool:
        """Whether the user is who he says."""
        return self.outcome is Outcome.OK


class DigestAuthenticator:
    """The server's side. It keeps nothing about clients: a nonce carries its time and our seal.

    realm:            what users see when they are asked for a password
    secret:           at least MIN_SECRET_BYTES random bytes, new with every start: nonces of older runs become stale
    nonce_lifetime_s: from then on right answers are stale; at least MIN_NONCE_LIFETIME_S
    algorithms:       what is offered, in order. MD5 alone by default: FFmpeg takes nothing else, and
                      looks at one of several challenges only (8.1: at the last)
    offer_qop:        whether `qop="auth"` is offered; answers without qop are taken all the same

    The counter `nc` is not checked: one client counts on several connections at once, and RTSP clients repeat it.
    """

    def __init__(
        self,
        realm: str,
        secret: bytes,
        *,
        nonce_lifetime_s: int = 600,
        algorithms: Sequence[Algorithm] = (Algorithm.MD5,),
        offer_qop: bool = True,
    ) -> None:
        if len(secret) < MIN_SECRET_BYTES:
            raise LocalProtocolError(f"nonce secret of {len(secret)} bytes; at least {MIN_SECRET_BYTES}")
        if nonce_lifetime_s < MIN_NONCE_LIFETIME_S:
            raise LocalProtocolError(f"nonce_lifetime_s {nonce_lifetime_s}: at least {MIN_NONCE_LIFETIME_S}")
        if not algorithms:
            raise LocalProtocolError("algorithms: at least one")
        self.realm = realm
        self._secret = secret
        self._lifetime_ns = nonce_lifetime_s * NS_PER_S
        self._algorithms = tuple(algorithms)
        self._qop = ("auth",) if offer_qop else ()

    def challenges(self, now: int, random: bytes, stale: bool = False) -> list[str]:
        """The values for WWW-Authenticate, a header each, in the order to send them.

        now:    monotonic nanoseconds
        random: at least MIN_RANDOM_BYTES fresh random bytes
        stale:  the answer was right but its nonce too old: the client may answer again without asking the user
        """
        nonce = self._nonce(now, random)
        return [
            Challenge("Digest", self.realm, nonce, None, algorithm.value, self._qop, stale).format()
            for algorithm in self._algorithms
        ]

    def check(self, authorization: str, method: str, secret_of: Callable[[str], str | None], now: int) -> Verdict:
        """Whether `authorization` proves its user for a request with `method`.

        secret_of: user name -> password, None for users that do not exist; they take the same time as wrong passwords
        now:       monotonic nanoseconds
        """
        try:
            credentials = wire.parse_authorization(authorization)
        except RemoteProtocolError:
            return Verdict(Outcome.MALFORMED)
        if isinstance(credentials, BasicCredentials):
            return Verdict(Outcome.WRONG, credentials.user)  # never on plain TCP, so never offered
        user, uri = credentials.user, credentials.uri
        algorithm = Algorithm.named(credentials.algorithm)
        if algorithm not in self._algorithms or credentials.realm != self.realm:
            return Verdict(Outcome.WRONG, user, uri)
        if not _well_formed(credentials, algorithm):
            return Verdict(Outcome.MALFORMED, user, uri)
        password = secret_of(user)
        right = _answers(credentials, algorithm, method, password if password is not None else "no such user")
        if password is None or not right:
            return Verdict(Outcome.WRONG, user, uri)
        if not self._is_fresh(credentials.nonce, now):
            return Verdict(Outcome.STALE, user, uri)
        return Verdict(Outcome.OK, user, uri)

    def _nonce(self, now: int, random: bytes) -> str:
        if len(random) < MIN_RANDOM_BYTES:
            raise LocalProtocolError(f"{len(random)} random bytes for a nonce; at least {MIN_RANDOM_BYTES}")
        text = now.to_bytes(_TIME_BYTES, "big") + random[:MIN_RANDOM_BYTES]
        return (text + self._seal(text)).hex()

    def _seal(self, text: bytes) -> bytes:
        return hmac.digest(self._secret, self.realm.encode() + b"\0" + text, hashlib.sha256)[:_MAC_BYTES]

    def _is_fresh(self, nonce: str, now: int) -> bool:
        """Whether the nonce is of our making and young enough."""
        size = _TIME_BYTES + MIN_RANDOM_BYTES + _MAC_BYTES
        if not wire.is_hex(nonce, 2 * size):
            return False
        raw = bytes.fromhex(nonce)
        text, seal = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if not hmac.compare_digest(seal, self._seal(text)):
            return False
        return 0 <= now - int.from_bytes(text[:_TIME_BYTES], "big") <= self._lifetime_ns


def _well_formed(credentials: DigestCredentials, algorithm: Algorithm) -> bool:
    digits = 32 if algorithm.base is Algorithm.MD5 else 64
    if not wire.is_hex(credentials.response, digits):
        return False
    if credentials.qop:
        counted = wire.is_hex(credentials.nc, len(credentials.nc))  # eight digits by the RFC; shorter ones are seen
        return credentials.qop.lower() == "auth" and counted and bool(credentials.cnonce)
    return True


def _answers(credentials: DigestCredentials, algorithm: Algorithm, method: str, password: str) -> bool:
    """Whether the response is right. Beyond ASCII some clients hash UTF-8 (RFC 7616 4), others Latin-1."""
    texts = credentials.user + credentials.realm + password + credentials.uri + credentials.nonce + credentials.cnonce
    encodings = ["utf-8"]
    # The replacement of what Latin-1 lacks would make different passwords equal.
    if not texts.isascii() and all(character <= "\xff" for character in texts):
        encodings.append("latin-1")
    right = False
    for encoding in encodings:
        expected = wire.response(
            algorithm=algorithm,
            user=credentials.user,
            realm=credentials.realm,
            password=password,
            method=method,
            uri=credentials.uri,
            nonce=credentials.nonce,
            qop=credentials.qop,
            nc=credentials.nc,
            cnonce=credentials.cnonce,
            encoding=encoding,
        )
        right |= hmac.compare_digest(expected, credentials.response.lower())
    return right


class BasicPolicy(enum.Enum):
    """What the client does with a camera that offers Basic and nothing better: the password would go in clear."""

    IF_NOTHING_ELSE = enum.auto()
    NEVER = enum.auto()


class DigestClient:
    """The client's side, for one connection.

    It answers the best challenge offered (SHA-256, then MD5, then Basic). It gives up when the same nonce was refused
    twice, or two answers in a row were in vain: cameras lock users out who try too often.
    """

    def __init__(self, user: str, password: str, basic: BasicPolicy = BasicPolicy.IF_NOTHING_ELSE) -> None:
        self._user = user
        self._password = password
        self._basic = basic
        self._challenge: Challenge | None = None
        self._cnonce = ""
        self._count = 0
        self._in_vain = 0  # answers refused since the last request that was not
        self._stale = 0
        self._unasked = False  # the latest answer was sent before anybody asked

    def authorize(self, challenge_headers: Sequence[str], method: str, uri: str, cnonce: str) -> str | None:
        """The Authorization for a request that was answered 401, or None: there is no (more) hope.

        challenge_headers: the values of all WWW-Authenticate headers of the 401
        uri:               exactly as in the request line
        cnonce:            fresh random text, at least 8 characters
        """
        challenge = self._best(challenge_headers)
        before = self._challenge
        self._challenge = None
        if challenge is None:
            return None
        if before is not None:
            self._stale += challenge.stale
            self._in_vain += not challenge.stale
            answered = challenge.nonce == before.nonce and challenge.is_basic == before.is_basic
            if self._stale > 3 or self._in_vain > 1 or (answered and not challenge.stale and not self._unasked):
                return None
        self._challenge = challenge
        self._cnonce = cnonce
        self._count = 0
        self._unasked = False
        return self._answer(method, uri)

    def header(self, method: str, uri: str) -> str | None:
        """The Authorization for the next request, sent before anybody asks; None while nothing was asked for yet.

        Calling it says that the request before was not refused.
        """
        self._in_vain = 0
        self._stale = 0
        self._unasked = True
        return self._answer(method, uri)

    def _answer(self, method: str, uri: str) -> str | None:
        challenge = self._challenge
        if challenge is None:
            return None
        if challenge.is_basic:
            return BasicCredentials(self._user, self._password).format()
        algorithm = Algorithm.meant(challenge.algorithm)
        if algorithm is None:
            raise LocalProtocolError("a challenge was chosen whose algorithm is unknown")
        self._count += 1
        qop = "auth" if "auth" in challenge.qop else ""
        nc = f"{self._count:08x}" if qop else ""
        cnonce = self._cnonce if qop or algorithm is not algorithm.base else ""
        return DigestCredentials(
            user=self._user,
            realm=challenge.realm,
            nonce=challenge.nonce,
            uri=uri,
            response=wire.response(
                algorithm=algorithm,
                user=self._user,
                realm=challenge.realm,
                password=self._password,
                method=method,
                uri=uri,
                nonce=challenge.nonce,
                qop=qop,
                nc=nc,
                cnonce=cnonce,
            ),
            # As it came, if it may stand there.
            algorithm=challenge.algorithm if Algorithm.named(challenge.algorithm) else algorithm.value,
            opaque=challenge.opaque,
            qop=qop,
            nc=nc,
            cnonce=cnonce,
        ).format()

    def _best(self, challenge_headers: Sequence[str]) -> Challenge | None:
        best: Challenge | None = None
        best_rank = 0
        for value in challenge_headers:
            try:
                offered = wire.parse_challenges([value])
            except RemoteProtocolError:
                continue  # another header may be readable
            for challenge in offered:
                rank = self._rank(challenge)
                if rank > best_rank:
                    best, best_rank = challenge, rank
        return best

    def _rank(self, challenge: Challenge) -> int:
        """How good a challenge is; 0: we cannot or will not answer it."""
        if challenge.is_basic:
            return 1 if self._basic is BasicPolicy.IF_NOTHING_ELSE and ":" not in self._user else 0
        algorithm = Algorithm.meant(challenge.algorithm)
        if not challenge.is_digest or algorithm is None or (challenge.qop and "auth" not in challenge.qop):
            return 0
        return 2 if algorithm.base is Algorithm.MD5 else 3
