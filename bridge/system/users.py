"""Users: those of the file and those that `onb users add` keeps in config.db, as one table in memory.

The file's users are the file's: shown here, changed there. A name in both is the file's user.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from bridge.base.errors import BridgeError
from bridge.base.time import UtcNs
from bridge.store.database import Database
from bridge.system import schema
from bridge.system.access import Principal
from bridge.system.config import UserConfig
from bridge.system.config_load import FaultyConfigurationError, read_user
from bridge.system.secrets import SecretsError, Vault


class UsersError(BridgeError):
    """What was asked cannot be done: one sentence for people."""


@dataclass(frozen=True, slots=True)
class User:
    """A user and where he is kept: `file` or `database`. Holds no secret."""

    principal: Principal
    cameras: tuple[str, ...]
    source: str


class Users:
    """Who may log in. Answers from memory; `reload` and the changing calls block for the database."""

    def __init__(self, of_file: Iterable[UserConfig], database: Database | None, vault: Vault | None) -> None:
        """database, vault: None: the file's users alone. Raises DatabaseUnusableError."""
        self._database = database
        self._vault = vault
        self._users: dict[str, User] = {}
        self._secrets: dict[str, str] = {}
        self.problems: tuple[str, ...] = ()
        """Database users that cannot log in, and why; one line each, after each reload."""
        self._of_file: tuple[UserConfig, ...] = ()
        self.reload(of_file)

    def secret_of(self, name: str) -> str | None:
        """The password, for digests; None: no such user, or one whose password is not known."""
        return self._secrets.get(name)

    def principal(self, name: str) -> Principal | None:
        """The user as doors carry him about; None: no such user."""
        user = self._users.get(name)
        return user.principal if user else None

    def list(self) -> tuple[User, ...]:
        """All users, the file's first."""
        return tuple(self._users.values())

    def reload(self, of_file: Iterable[UserConfig] | None = None) -> None:
        """Reads the database again, and takes new file users where given. On failure everything stays as it was."""
        of_file = self._of_file if of_file is None else tuple(of_file)
        users = {one.name: User(one.principal(), one.cameras, "file") for one in of_file}
        known = {one.name: one.secret for one in of_file if one.secret is not None}
        problems = []
        for row in self._rows():
            if row.name in users:
                problems.append(f"user {row.name} of the database is hidden by the file's user of that name")
                continue
            try:
                user, secret = self._user(row)
            except (SecretsError, FaultyConfigurationError, ValueError) as error:
                problems.append(f"user {row.name} of the database cannot log in: {error}")
                continue
            users[row.name], known[row.name] = user, secret
        self._of_file, self._users, self._secrets, self.problems = of_file, users, known, tuple(problems)

    def add(self, user: UserConfig, utc_ns: UtcNs) -> None:
        """Keeps a new user in the database. Raises UsersError, DatabaseUnusableError."""
        database, vault = self._store()
        if user.secret is None:
            raise UsersError(f"user {user.name} has no password")
        self._not_of_file(user.name)
        row = {
            "name": user.name,
            "secret": vault.seal(user.secret),
            "role": user.role.value,
            "cameras": json.dumps(user.cameras),
            "grants": json.dumps([{"cameras": one.cameras, "actions": one.actions} for one in user.grants]),
            "doors": json.dumps(user.doors),
            "fast_start": user.fast_start,
            "created_utc_ns": utc_ns,
            "changed_utc_ns": utc_ns,
        }
        try:
            database.write(lambda connection: connection.execute(sa.insert(schema.users), row).close())
        except sa.exc.IntegrityError:
            raise UsersError(f"a user {user.name} is there already") from None
        self.reload()

    def remove(self, name: str) -> None:
        """Takes a user out of the database. Raises UsersError, DatabaseUnusableError."""
        self._not_of_file(name)
        self._change(name, sa.delete(schema.users).where(schema.users.c.name == name))

    def set_password(self, name: str, password: str, utc_ns: UtcNs) -> None:
        """A new password for a user of the database. Raises UsersError, DatabaseUnusableError."""
        _, vault = self._store()
        self._not_of_file(name)
        if not password:
            raise UsersError("an empty password is none")
        values = {"secret": vault.seal(password), "changed_utc_ns": utc_ns}
        self._change(name, sa.update(schema.users).where(schema.users.c.name == name).values(values))

    def _change(self, name: str, statement: sa.Update | sa.Delete) -> None:
        database, _ = self._store()
        if database.write(lambda connection: connection.execute(statement).rowcount) == 0:
            raise UsersError(f"there is no user {name}")
        self.reload()

    def _store(self) -> tuple[Database, Vault]:
        if self._database is None or self._vault is None:
            raise UsersError("there is no database here")
        return self._database, self._vault

    def _not_of_file(self, name: str) -> None:
        if any(one.name == name for one in self._of_file):
            raise UsersError(f"user {name} stands in the configuration file: change it there")

    def _rows(self) -> tuple[sa.Row[tuple[object, ...]], ...]:
        if self._database is None:
            return ()
        query = sa.select(schema.users).order_by(schema.users.c.created_utc_ns, schema.users.c.name)
        return self._database.read(lambda connection: tuple(connection.execute(query)))

    def _user(self, row: sa.Row[tuple[object, ...]]) -> tuple[User, str]:
        _, vault = self._store()
        secret = vault.open(row.secret)
        user = read_user(
            {
                "name": row.name,
                "password": "-",  # the real one may hold ${…}, which is not to be expanded
                "role": row.role,
                "cameras": json.loads(row.cameras),
                "grant": json.loads(row.grants),
                "doors": json.loads(row.doors),
                "fast_start": row.fast_start,
            },
            environ={},
        )
        return User(user.principal(), user.cameras, "database"), secret
