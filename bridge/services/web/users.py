"""`/api/v1/users`: who may log in, for administrators. Users of the file are shown; they are changed there."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bridge.services.web.login import DOOR, Login
from bridge.services.web.passwords import finished
from bridge.services.web.problems import ProblemError, not_found
from bridge.services.web.routes import Asked, Route, Who
from bridge.services.web.session import MAX_PASSWORD
from bridge.system.access import Action, Principal, Role
from bridge.system.config_load import FaultyConfigurationError, read_user
from bridge.system.users import User, Users, UsersError

PATH = "/api/v1/users"
ChangeUsers = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a change of users in its turn, where it may block, and tells every door."""

T = TypeVar("T")
Pattern = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9*?\[\]!-]+$")]
Patterns = Annotated[list[Pattern], Field(max_length=1000)]
Doors = Annotated[list[Literal["onvif", "rtsp", "web", "push"]], Field(max_length=4)]
Name = Annotated[str, Field(min_length=1, max_length=64)]
NewPassword = Annotated[SecretStr, Field(min_length=1, max_length=MAX_PASSWORD)]


class UserGrant(BaseModel):
    """actions: on every camera whose id is among, or fits one of, `cameras`."""

    model_config = ConfigDict(extra="forbid")

    cameras: Patterns
    actions: Annotated[list[Action], Field(max_length=len(Action))]


Grants = Annotated[list[UserGrant], Field(max_length=100)]


class NewUser(BaseModel):
    """As [[user]] has it. cameras: what the role is for; doors: [] for all."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    password: NewPassword
    role: Role = Role.VIEWER
    cameras: Patterns = ["*"]
    grants: Grants = []
    doors: Doors = []
    fast_start: bool = True


class UserChange(BaseModel):
    """What is left out stays."""

    model_config = ConfigDict(extra="forbid")

    password: NewPassword | None = None
    role: Role | None = None
    cameras: Patterns | None = None
    grants: Grants | None = None
    doors: Doors | None = None
    fast_start: bool | None = None


class GrantTold(BaseModel):
    """A grant as it stands."""

    cameras: list[str]
    actions: list[Action]


class UserTold(BaseModel):
    """A user as administrators see him; passwords are never shown."""

    name: str
    role: Role
    cameras: list[str]
    grants: list[GrantTold]
    doors: list[str]
    fast_start: bool
    source: Literal["file", "database"]


@dataclass(frozen=True, slots=True)
class _Answers:
    users: Users
    login: Login
    change_users: ChangeUsers

    def list(self, asked: Asked) -> list[UserTold]:
        return [_told(user) for user in self.users.list()]

    def one(self, asked: Asked) -> UserTold:
        return _told(self._user(asked.place["name"]))

    async def add(self, asked: Asked) -> UserTold:
        table = _table(asked.body)
        utc_ns = self.login.clock.utc_ns()

        def work() -> UserTold:
            user = read_user(table | {"password": _literal(str(table["password"]))}, environ={})
            self.users.add(user, utc_ns)
            return _told(self._user(user.name))

        return await self._changed(asked, "user.add", str(table["name"]), work)

    async def change(self, asked: Asked) -> UserTold:
        name, changes = asked.place["name"], _table(asked.body)
        utc_ns = self.login.clock.utc_ns()
        self._of_database(name)

        def work() -> UserTold:
            if changes.get("role", Role.ADMINISTRATOR) is not Role.ADMINISTRATOR or _shut_out(changes):
                self._not_the_last(name)
            self.users.change(name, changes, utc_ns)
            return _told(self._user(name))

        return await self._changed(asked, "user.change", name, work)

    async def remove(self, asked: Asked) -> None:
        name = asked.place["name"]
        self._of_database(name)

        def work() -> None:
            self._not_the_last(name)
            self.users.remove(name)

        await self._changed(asked, "user.remove", name, work)

    async def _changed(self, asked: Asked, action: str, name: str, work: Callable[[], T]) -> T:
        return await finished(self._in_turn(asked, action, name, work))

    async def _in_turn(self, asked: Asked, action: str, name: str, work: Callable[[], T]) -> T:
        try:
            done: T = await self.change_users(work)
        except UsersError as error:
            raise ProblemError(409, "conflict", str(error)) from None
        except FaultyConfigurationError as error:
            errors = [{"field": one.path or "user", "expected": one.expected} for one in error.faults]
            told = "; ".join(f"{one['field']}: {one['expected']}" for one in errors)
            raise ProblemError(422, "input", told, errors=errors) from None
        self.login.note(asked.principal.name, action, "ok", asked.peer, name)
        return done

    def _user(self, name: str) -> User:
        found = next((user for user in self.users.list() if user.principal.name == name), None)
        if found is None:
            raise not_found()
        return found

    def _of_database(self, name: str) -> None:
        if self._user(name).source == "file":
            raise ProblemError(409, "of-file", f"user {name} stands in the configuration file: change it there")

    def _not_the_last(self, name: str) -> None:
        """Whoever is left must be able to administer from the page; asked in turn, so that two do not both go."""
        ruling = {user.principal.name for user in self.users.list() if _rules(user.principal)}
        if ruling == {name}:
            raise ProblemError(
                409,
                "last-administrator",
                f"{name} is the last administrator who may log in here: add another one first",
            )


def user_routes(users: Users, login: Login, change_users: ChangeUsers) -> list[Route]:
    """The rows."""
    answers = _Answers(users, login, change_users)
    one, only = f"{PATH}/{{name}}", Who.ADMINISTRATOR
    return [
        Route("GET", PATH, answers.list, only, "All users", answer=list[UserTold]),
        Route(
            "POST",
            PATH,
            answers.add,
            only,
            "Add a user; for the door web alone only the hash of his password is kept",
            body=NewUser,
            answer=UserTold,
            status=201,
            problems=("conflict",),
        ),
        Route("GET", one, answers.one, only, "A user", answer=UserTold),
        Route(
            "PATCH",
            one,
            answers.change,
            only,
            "Change a user; another password logs him out",
            body=UserChange,
            answer=UserTold,
            problems=("conflict", "of-file", "last-administrator"),
        ),
        Route(
            "DELETE",
            one,
            answers.remove,
            only,
            "Remove a user, his sessions and his tokens",
            status=204,
            problems=("conflict", "of-file", "last-administrator"),
        ),
    ]


def _table(body: NewUser | UserChange) -> dict[str, object]:
    """What was given, as [[user]] has it."""
    table: dict[str, object] = {
        key: getattr(body, key) for key in type(body).model_fields if getattr(body, key) is not None
    }
    if isinstance(password := table.get("password"), SecretStr):
        table["password"] = password.get_secret_value()
    grants = table.pop("grants", None)
    if grants is not None:
        table["grant"] = [one.model_dump() for one in grants]  # type: ignore[attr-defined]  # a list of UserGrant
    return table


def _literal(password: str) -> str:
    """As a configuration holds it: `${NAME}` in a password is no variable."""
    return password.replace("${", "$${")


def _shut_out(changes: dict[str, object]) -> bool:
    doors = changes.get("doors")
    return isinstance(doors, list) and bool(doors) and DOOR not in doors


def _rules(principal: Principal) -> bool:
    return principal.role is Role.ADMINISTRATOR and principal.uses(DOOR)


def _told(user: User) -> UserTold:
    principal = user.principal
    return UserTold(
        name=principal.name,
        role=principal.role,
        cameras=list(user.cameras),
        grants=[GrantTold(cameras=list(one.cameras), actions=sorted(one.actions)) for one in user.grants],
        doors=sorted(principal.doors),
        fast_start=principal.fast_start,
        source="file" if user.source == "file" else "database",
    )
