"""Users: those of the file and those that `onb users add` and the API keep in config.db, as one table in memory.

The file's users are the file's: shown here, changed there. A name in both is the file's user.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from bridge.base.errors import BridgeError
from bridge.base.time import UtcNs
from bridge.store.database import Database
from bridge.system import schema
from bridge.system.access import Grant, Principal
from bridge.system.config import UserConfig
from bridge.system.config_load import Fault, FaultyConfigurationError, read_user
from bridge.system.passwords import Credential, hash_password
from bridge.system.secrets import SecretsError, Vault

WEB_ALONE = ("web",)
"""The doors of a user whose password need not be known: its hash is kept instead."""


class UsersError(BridgeError):
    """What was asked cannot be done: one sentence for people."""


@dataclass(frozen=True, slots=True)
class User:
    """A user and where he is kept: `file` or `database`. Holds no secret."""

    principal: Principal
    cameras: tuple[str, ...]
    source: str

    @property
    def grants(self) -> tuple[Grant, ...]:
        """What he has beside his role."""
        return self.principal.grants[1:]


class Users:
    """Who may log in. Answers from memory; `reload` and the changing calls block for the database."""

    def __init__(self, of_file: Iterable[UserConfig], database: Database | None, vault: Vault | None) -> None:
        """database, vault: None: the file's users alone. Raises DatabaseUnusableError."""
        self._database = database
        self._vault = vault
        self._users: dict[str, User] = {}
        self._credentials: dict[str, Credential] = {}
        self._broken: frozenset[str] = frozenset()
        self.problems: tuple[str, ...] = ()
        """Database users that cannot log in, and why; one line each, after each reload."""
        self._of_file: tuple[UserConfig, ...] = ()
        self.reload(of_file)

    def secret_of(self, name: str) -> str | None:
        """The password, for digests; None: no such user, or one whose password is not known."""
        credential = self._credentials.get(name)
        return credential.secret if credential else None

    def credential(self, name: str) -> Credential | None:
        """What he proves himself with where a password comes whole; None: no such user."""
        return self._credentials.get(name)

    @property
    def decoy(self) -> str | None:
        """The hash of some user, for `bridge.system.passwords.proves`; None: nobody has one."""
        return next((one.hash for one in self._credentials.values() if one.hash is not None), None)

    def is_there(self, name: str) -> bool:
        """Whether there is such a user, be it that he cannot log in just now (`problems`)."""
        return name in self._users or name in self._broken

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
        known = {one.name: _credential(one) for one in of_file}
        problems, broken = [], set()
        for row in self._rows():
            if row.name in users:
                problems.append(f"user {row.name} of the database is hidden by the file's user of that name")
                continue
            try:
                users[row.name], known[row.name] = self._user(row)
            except (SecretsError, FaultyConfigurationError, ValueError) as error:
                problems.append(f"user {row.name} of the database cannot log in: {error}")
                broken.add(str(row.name))
        self._of_file, self._users, self._credentials = of_file, users, known
        self._broken, self.problems = frozenset(broken), tuple(problems)

    def add(self, user: UserConfig, utc_ns: UtcNs) -> None:
        """Keeps a new user in the database. Raises UsersError, DatabaseUnusableError."""
        database, _ = self._store()
        self._not_of_file(user.name)
        row = {
            "name": user.name,
            **self._columns(user),
            **self._proof(_credential(user), user.doors),
            "created_utc_ns": utc_ns,
            "changed_utc_ns": utc_ns,
        }
        try:
            database.write(lambda connection: connection.execute(sa.insert(schema.users), row).close())
        except sa.exc.IntegrityError:
            raise UsersError(f"a user {user.name} is there already") from None
        self.reload()

    def change(self, name: str, changes: Mapping[str, object], utc_ns: UtcNs) -> None:
        """Other values for some keys of a user of the database; `password` is taken as it is.

        Raises UsersError, FaultyConfigurationError, DatabaseUnusableError.
        """
        self._not_of_file(name)
        user, credential = self._users.get(name), self._credentials.get(name)
        if user is None or credential is None:
            raise UsersError(f"there is no user {name}")
        principal = user.principal
        grants = [{"cameras": list(one.cameras), "actions": sorted(one.actions)} for one in user.grants]
        before: dict[str, object] = {
            "name": name,
            "role": principal.role.value,
            "cameras": list(user.cameras),
            "grant": grants,
            "doors": sorted(principal.doors),
            "fast_start": principal.fast_start,
        }
        rest = {key: value for key, value in changes.items() if key != "password"}
        # The password may hold ${…}, which is not to be expanded.
        after = read_user(before | rest | {"password": "-"}, environ={})
        password = changes.get("password")
        values: dict[str, object] = self._columns(after)
        if password is not None:
            credential = Credential(secret=str(password))
            values["changed_utc_ns"] = utc_ns
        elif credential.secret is None and after.doors != WEB_ALONE:
            expected = "a password beside these doors: they need it itself, and its hash alone is known"
            raise FaultyConfigurationError([Fault("password", "", expected)])
        values |= self._proof(credential, after.doors)
        self._change(name, sa.update(schema.users).where(schema.users.c.name == name).values(values))

    def remove(self, name: str) -> None:
        """Takes a user out of the database, and what was his at the web door. Raises UsersError, DatabaseUnusableError.

        A user who gets that name later is somebody else.
        """
        self._not_of_file(name)
        self._change(
            name,
            sa.delete(schema.users).where(schema.users.c.name == name),
            sa.delete(schema.web_sessions).where(schema.web_sessions.c.user == name),
            sa.delete(schema.api_tokens).where(schema.api_tokens.c.user == name),
        )

    def set_password(self, name: str, password: str, utc_ns: UtcNs) -> None:
        """A new password for a user of the database. Raises UsersError, DatabaseUnusableError."""
        self._not_of_file(name)
        if not password:
            raise UsersError("an empty password is none")
        user = self._users.get(name)
        doors = tuple(user.principal.doors) if user else ()
        values = self._proof(Credential(secret=password), doors) | {"changed_utc_ns": utc_ns}
        self._change(name, sa.update(schema.users).where(schema.users.c.name == name).values(values))

    def _columns(self, user: UserConfig) -> dict[str, object]:
        return {
            "role": user.role.value,
            "cameras": json.dumps(user.cameras),
            "grants": json.dumps([{"cameras": one.cameras, "actions": one.actions} for one in user.grants]),
            "doors": json.dumps(user.doors),
            "fast_start": user.fast_start,
        }

    def _proof(self, credential: Credential, doors: tuple[str, ...]) -> dict[str, object]:
        """The password sealed; its hash where no door needs more. Hashing blocks."""
        _, vault = self._store()
        if credential.secret is None:
            return {"secret": None, "password_hash": credential.hash}
        if doors == WEB_ALONE:
            return {"secret": None, "password_hash": hash_password(credential.secret)}
        return {"secret": vault.seal(credential.secret), "password_hash": None}

    def _change(self, name: str, statement: sa.Update | sa.Delete, *more: sa.Delete) -> None:
        database, _ = self._store()

        def work(connection: sa.Connection) -> int:
            for one in more:
                connection.execute(one).close()
            return connection.execute(statement).rowcount

        if database.write(work) == 0:
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

    def _user(self, row: sa.Row[tuple[object, ...]]) -> tuple[User, Credential]:
        _, vault = self._store()
        if row.secret is not None:
            credential, proof = (
                Credential(secret=vault.open(row.secret)),
                {"password": "-"},
            )  # the real one may hold ${…}
        else:
            credential, proof = Credential(hash=row.password_hash), {"password_hash": row.password_hash}
        user = read_user(
            {
                "name": row.name,
                **proof,
                "role": row.role,
                "cameras": json.loads(row.cameras),
                "grant": json.loads(row.grants),
                "doors": json.loads(row.doors),
                "fast_start": row.fast_start,
            },
            environ={},
        )
        return User(user.principal(), user.cameras, "database"), credential


def _credential(user: UserConfig) -> Credential:
    stored = user.password_hash
    return Credential(user.secret, stored.get_secret_value() if stored is not None else None)
