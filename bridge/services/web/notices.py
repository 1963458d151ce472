"""`/api/v1/notices`: a WebSocket that tells what is another now than it was, so that it is fetched again.

What changed stands in no notice: rights are asked where it is fetched. Changes of one kind within 200 ms are one
message, and who does not read gets one of each kind when he reads again.
"""

import enum
from collections import Counter
from collections.abc import Callable
from typing import Any

from bridge.services.web.problems import ProblemError
from bridge.services.web.routes import Asked, Route, Who
from bridge.services.web.sockets import Socket
from bridge.system.access import Principal, Role
from bridge.wire.websocket import GOING_AWAY

NOTICES = "/api/v1/notices"
COALESCED_S = 0.2
SLOW_S = 2.0
"""Who has not read what came before is looked at again so much later."""

MAX_OPEN = 500
MAX_PER_USER = 32
UNREAD_TIMES = 30
"""Then he is let go: a minute."""


class Kind(enum.StrEnum):
    """What may change."""

    CAMERAS = "cameras"
    VIEWS = "views"
    EXPORTS = "exports"
    USERS = "users"
    SYSTEM = "system"


_ADMINISTRATORS = frozenset({Kind.USERS})
"""Of no interest to others, and none of theirs."""


class Notices:
    """All who listen. On the reactor's thread."""

    def __init__(self, reactor: Any) -> None:
        """reactor: Any, Twisted's, for callLater."""
        self.reactor = reactor
        self._listeners: set[Listener] = set()
        self._per_user: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """Who listens now."""
        return len(self._listeners)

    def changed(self, kind: Kind, only: str | None = None) -> None:
        """only: a user; administrators are told all the same."""
        for listener in self._listeners:
            principal = listener.principal
            administers = principal.role is Role.ADMINISTRATOR
            if administers or (kind not in _ADMINISTRATORS and only in (None, principal.name)):
                listener.note(kind)

    def recheck(self, principal_of: Callable[[str], Principal | None]) -> None:
        """Rights changed: who is no user any more goes, others are what they are now."""
        for listener in list(self._listeners):
            principal = principal_of(listener.principal.name)
            if principal is None:
                listener.end()
            else:
                listener.principal = principal

    def listen(self, asked: Asked) -> "Listener":
        """The handler of the row. Raises ProblemError."""
        name = asked.principal.name
        if self.open >= MAX_OPEN or self._per_user[name] >= MAX_PER_USER:
            raise ProblemError(
                429, "busy", "too many connections for notices are open", headers=(("Retry-After", "30"),)
            )
        return Listener(self, asked.principal)

    def add(self, listener: "Listener") -> None:
        """It is open."""
        self._listeners.add(listener)
        self._per_user[listener.principal.name] += 1

    def remove(self, listener: "Listener") -> None:
        """It is gone."""
        if listener in self._listeners:
            self._listeners.remove(listener)
            self._per_user[listener.principal.name] -= 1
            self._per_user += Counter()  # drops the zeros


class Listener:
    """A `Talk` with one client."""

    def __init__(self, notices: Notices, principal: Principal) -> None:
        self.principal = principal
        self._notices = notices
        self._socket: Socket | None = None
        self._pending: dict[Kind, None] = {}
        self._call: Any = None  # Any: IDelayedCall
        self._unread = 0

    def opened(self, socket: Socket) -> None:
        """See Talk."""
        self._socket = socket
        self._notices.add(self)

    def gone(self) -> None:
        """See Talk."""
        self._socket = None
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._notices.remove(self)

    def note(self, kind: Kind) -> None:
        """To be told in a moment."""
        self._pending[kind] = None
        if self._call is None:
            self._call = self._notices.reactor.callLater(COALESCED_S, self._tell)

    def end(self) -> None:
        """Goodbye."""
        if self._socket is not None:
            self._socket.close(GOING_AWAY)

    def _tell(self) -> None:
        self._call = None
        socket = self._socket
        if socket is None:
            return
        if not socket.writer.clear:
            self._unread += 1
            if self._unread > UNREAD_TIMES:
                self.end()
            else:
                self._call = self._notices.reactor.callLater(SLOW_S, self._tell)
            return
        self._unread = 0
        pending, self._pending = self._pending, {}
        for kind in pending:
            socket.send({"changed": kind.value})


def notice_sockets(notices: Notices) -> list[Route]:
    """For the table of sockets."""
    return [Route("GET", NOTICES, notices.listen, Who.USER, "What is to be fetched again, as a WebSocket")]
