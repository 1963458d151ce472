"""Passwords of people: compared with the secret where it is known, else with its argon2 hash (RFC 9106).

Hashing takes tens of milliseconds and megabytes on purpose: never on the reactor, and in one thread at a time.
"""

import hmac
from dataclasses import dataclass, field
from hashlib import sha256

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""What OWASP's password storage cheat sheet has for servers; one lane, as one thread is all that hashing may take."""

MAX_WORK_KIB = 1024 * 1024
"""Memory times passes: about a second. It is spent on everybody who tries to log in, see `proves`."""

MAX_LANES = 16
HASH_RULE = (
    'an argon2 hash such as "$argon2id$v=19$m=19456,t=2,p=1$…", of at most 1 GiB in all passes (m times t)'
    " and 16 lanes (p)"
)


@dataclass(frozen=True, slots=True)
class Credential:
    """What a user proves himself with; one of the two is there. Its repr shows neither."""

    secret: str | None = field(default=None, repr=False)
    hash: str | None = field(default=None, repr=False)

    @property
    def stamp(self) -> bytes:
        """Another one whenever the password is set anew. For memory alone: where the password is weak, so is this."""
        return sha256((self.hash or self.secret or "").encode("utf-8", "surrogatepass")).digest()


def hash_password(password: str) -> str:
    """As `[[user]] password_hash` has it. Blocks."""
    return _HASHER.hash(password.encode("utf-8", "surrogatepass"))


def is_hash(text: str) -> bool:
    """Whether `text` keeps HASH_RULE: a hash that takes seconds would hold up everybody's log-in."""
    try:
        found = extract_parameters(text)
    except (InvalidHashError, ValueError):
        return False
    return len(text) <= 512 and found.memory_cost * found.time_cost <= MAX_WORK_KIB and found.parallelism <= MAX_LANES


def proves(password: str, credential: Credential | None, decoy: str | None) -> bool:
    """Whether `password` is the one of `credential`; None: there is no such user. Blocks.

    decoy: the hash of any user; None: nobody has one. Who has none himself, and who is not there, takes as long as if
    it were his: how long an answer takes is not to tell who is a user.
    """
    if credential is not None and credential.hash is not None:
        return _fits(credential.hash, password)
    if decoy is not None:
        _fits(decoy, password)
    known = credential.secret if credential is not None else None
    equal = hmac.compare_digest(_digest(known or ""), _digest(password))
    return equal and known is not None


def _fits(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False


def _digest(text: str) -> bytes:
    """Of one length, so that comparing tells nothing of that either."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
