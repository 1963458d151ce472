"""The web door with its users: log-in, sessions, tokens and users over a database in a folder of the test."""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock as TwistedClock

from bridge.base.time import NS_PER_S, ManualClock
from bridge.services.web.door import WebDoor
from bridge.services.web.login import Login, PlainHttp
from bridge.services.web.passwords import PasswordQueue
from bridge.services.web.routes import Route, Routes
from bridge.services.web.session import session_routes
from bridge.services.web.sockets import SocketDoor
from bridge.services.web.tokens import token_routes
from bridge.services.web.users import user_routes
from bridge.store.database import Database
from bridge.system.api_tokens import ApiTokens
from bridge.system.config_load import read_user
from bridge.system.database import open_database
from bridge.system.lockout import Lockout
from bridge.system.secrets import open_vault
from bridge.system.session_rows import SessionRows
from bridge.system.sessions import Sessions
from bridge.system.users import Users
from tests.services.web.web_setting import Setting

OURS = "Origin: http://bridge.example:8081"


class Members(Setting):
    """anna rules and vera sees gate-*, both of the file; rick is of the door rtsp alone."""

    def __init__(self, folder: Path, database: Database, sockets: Iterable[Route] = ()) -> None:
        self.reactor = TwistedClock()
        self.clock = ManualClock(monotonic_ns=10**12)
        self.folder, self.database = folder, database
        of_file = [
            {"name": "anna", "password": "a-secret", "role": "administrator"},
            {"name": "vera", "password": "v-secret", "cameras": ["gate-*"]},
            {"name": "rick", "password": "r-secret", "doors": ["rtsp"]},
        ]
        self.users = Users([read_user(one, environ={}) for one in of_file], database, open_vault(folder))
        self.audit: list[tuple[str, str, str, str]] = []
        self.lockout = Lockout(3, 10 * NS_PER_S)
        self.worker: Callable[[Callable[[], bool]], Deferred[bool]] = lambda work: succeed(work())
        self.plain = "always"
        self.extra = list(sockets)
        self.start()

    def start(self) -> None:
        """As the service does: everything from what is kept."""
        counter = itertools.count(self.clock.monotonic_ns())
        users = self.users

        def random(count: int) -> bytes:
            return next(counter).to_bytes(count, "big")

        self.sessions = Sessions(
            SessionRows(self.database),
            lambda name: found.stamp if (found := users.credential(name)) else None,
            users.is_there,
            random,
            self.clock.utc_ns(),
        )
        self.tokens = ApiTokens(self.database, users.is_there, random)
        self.login = Login(
            users,
            self.sessions,
            self.tokens,
            self.lockout,
            self._note,
            self.clock,
            PasswordQueue(lambda work: self.worker(work)),
            PlainHttp(self.plain, lambda host: f"https://{host}"),
        )
        rows = [
            *session_routes(self.login, "1.2", self.recheck),
            *token_routes(self.login, self._at_once, self.recheck),
            *user_routes(users, self.login, self._change),
        ]
        self.door = WebDoor(self.reactor, self.clock, self.login.find, Routes(rows), caller_now=self.login.now)
        self.sockets = SocketDoor(self.door, self.reactor, Routes(self.extra))
        self.door.add_door(self.sockets)

    def recheck(self) -> None:
        """Somebody is not in any more."""
        self.sockets.recheck()
        self.door.recheck()

    def log_in(self, user: str = "vera", password: str = "", *headers: str) -> tuple[int, dict[str, str], Any]:
        """Status, headers and answer."""
        body = json.dumps({"user": user, "password": password or f"{user[0]}-secret"}).encode()
        status, found, answer = self.ask(
            "POST", "/api/v1/session", "Content-Type: application/json", *headers, body=body
        )
        return status, found, json.loads(answer)

    def bearer(self, user: str = "vera", password: str = "") -> str:
        """The header of a user who has logged in."""
        status, _, answer = self.log_in(user, password)
        assert status == 200, answer
        return f"Authorization: Bearer {answer['token']}"

    def _note(self, principal: str, action: str, object: str, outcome: str, peer: str, utc_ns: int) -> None:  # noqa: A002 - as Audit has it
        self.audit.append((principal, action, object, outcome))

    async def _at_once(self, work: Callable[[], Any]) -> Any:
        return work()

    async def _change(self, work: Callable[[], Any]) -> Any:
        done = work()
        self.sessions.recheck()
        self.tokens.recheck()
        self.recheck()
        return done


def members(folder: Path, sockets: Iterable[Route] = ()) -> Iterator[Members]:
    """For a fixture."""
    database = open_database(folder)
    yield Members(folder, database, sockets)
    database.close()


def cookies(transport_value: bytes) -> dict[str, str]:
    """What a response sets, by name, with its attributes behind."""
    head = transport_value.partition(b"\r\n\r\n")[0].decode()
    set_by = [line.partition(": ")[2] for line in head.split("\r\n") if line.lower().startswith("set-cookie:")]
    return {name: rest for name, _, rest in (one.partition("=") for one in set_by)}
