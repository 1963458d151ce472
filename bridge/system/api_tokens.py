"""Tokens that users made for programs: long ones, shown once, kept as SHA-256, good until they expire or are revoked.

A token has the rights that its user has when it is used.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256

import sqlalchemy as sa

from bridge.base.errors import BridgeError
from bridge.base.time import NS_PER_S, UtcNs
from bridge.store.backend import DatabaseUnusableError
from bridge.store.database import Database
from bridge.system import schema
from bridge.system.bearer import is_token, new_id, new_token

PREFIX = "onb_"
"""What they begin with: people, and programs that look for secrets in the wrong place, see what it is."""

PER_USER = 32
IN_ALL = 4096
DAY_NS = 24 * 3600 * NS_PER_S
USED_TO_NS = 3600 * NS_PER_S
"""How closely the last use is known: a row is not written at each request."""


class TokensError(BridgeError):
    """What was asked cannot be done: one sentence for people."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A row of api_token; see bridge/system/schema.py."""

    id: str
    user: str
    name: str
    sha256: bytes = field(repr=False)
    created_utc_ns: UtcNs
    expires_utc_ns: UtcNs | None
    used_utc_ns: UtcNs | None

    def alive(self, utc_ns: UtcNs) -> bool:
        """Whether it is good now."""
        return self.expires_utc_ns is None or utc_ns < self.expires_utc_ns


class ApiTokens:
    """Answers from memory; `make` and `revoke` block for the database and come one at a time."""

    def __init__(
        self, database: Database, is_there: Callable[[str], bool], random_bytes: Callable[[int], bytes]
    ) -> None:
        """is_there: whether there is such a user, be it that he cannot log in just now. Reads, so it blocks."""
        self._database, self._is_there, self._random_bytes = database, is_there, random_bytes
        query = sa.select(schema.api_tokens).order_by(schema.api_tokens.c.created_utc_ns)
        rows = database.read(lambda connection: tuple(connection.execute(query).mappings()))
        # Taken as a whole by whoever reads, and replaced as a whole under the lock: changes come from other threads.
        self._lock = threading.Lock()
        self._tokens: dict[bytes, ApiToken] = {row["sha256"]: ApiToken(**row) for row in rows}
        self.recheck()

    def __len__(self) -> int:
        return len(self._tokens)

    def of(self, user: str) -> tuple[ApiToken, ...]:
        """His tokens, the oldest first."""
        return tuple(one for one in self._tokens.values() if one.user == user)

    def get(self, token_id: str, utc_ns: UtcNs) -> ApiToken | None:
        """One that is good now."""
        return next((one for one in self._tokens.values() if one.id == token_id and one.alive(utc_ns)), None)

    def find(self, token: str, utc_ns: UtcNs) -> ApiToken | None:
        """The one that a program shows, if it is good now."""
        if not is_token(token):
            return None
        digest = sha256(token.encode()).digest()
        found = self._tokens.get(digest)
        if found is None or not found.alive(utc_ns):
            return None
        if found.used_utc_ns is None or abs(utc_ns - found.used_utc_ns) >= USED_TO_NS:
            self._used(digest, found, utc_ns)
        return found

    def make(self, user: str, name: str, days: int | None, utc_ns: UtcNs) -> tuple[ApiToken, str]:
        """A new one, and what the program shows. Raises TokensError, DatabaseUnusableError."""
        self._remove([one for one in self.of(user) if not one.alive(utc_ns)])
        if len(self.of(user)) >= PER_USER:
            raise TokensError(f"{PER_USER} tokens are there already: revoke one that is not needed any more")
        if len(self._tokens) >= IN_ALL:
            raise TokensError(f"{IN_ALL} tokens of all users are there already")
        token = PREFIX + new_token(self._random_bytes)
        until = None if days is None else UtcNs(utc_ns + days * DAY_NS)
        made = ApiToken(new_id(self._random_bytes), user, name, sha256(token.encode()).digest(), utc_ns, until, None)
        values = {column: getattr(made, column) for column in ApiToken.__slots__}
        self._database.write(lambda connection: connection.execute(sa.insert(schema.api_tokens), values).close())
        with self._lock:
            self._tokens = self._tokens | {made.sha256: made}
        return made, token

    def revoke(self, user: str, token_id: str) -> bool:
        """False: he has no such token. Raises DatabaseUnusableError."""
        found = [one for one in self.of(user) if one.id == token_id]
        self._remove(found)
        return bool(found)

    def recheck(self) -> None:
        """Those of users who are gone go too. Does not block."""
        orphans = [one for one in self._tokens.values() if not self._is_there(one.user)]
        if orphans:
            self._forget(orphans)
            self._submit(_deletion(orphans))

    def _remove(self, tokens: list[ApiToken]) -> None:
        if tokens:
            self._database.write(lambda connection: connection.execute(_deletion(tokens)).close())
            self._forget(tokens)

    def _forget(self, tokens: list[ApiToken]) -> None:
        gone = {one.sha256 for one in tokens}
        with self._lock:
            self._tokens = {digest: one for digest, one in self._tokens.items() if digest not in gone}

    def _used(self, digest: bytes, token: ApiToken, utc_ns: UtcNs) -> None:
        with self._lock:
            if digest in self._tokens:  # else it was revoked this moment
                self._tokens = self._tokens | {digest: replace(token, used_utc_ns=utc_ns)}
        self._submit(sa.update(schema.api_tokens).where(schema.api_tokens.c.id == token.id).values(used_utc_ns=utc_ns))

    def _submit(self, statement: sa.Update | sa.Delete) -> None:
        """Whether it is written matters little: a last use is a hint, and an orphan is told at the next start too."""
        try:
            self._database.submit(lambda connection: connection.execute(statement).close())
        except DatabaseUnusableError:
            return


def _deletion(tokens: list[ApiToken]) -> sa.Delete:
    return sa.delete(schema.api_tokens).where(schema.api_tokens.c.id.in_([one.id for one in tokens]))
