"""The table of the web door: which method on which path is answered by what, who may ask, and what goes in and out.

Screening, reading of input, encoding of answers and the OpenAPI document all come from the same rows.
"""

import enum
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel

from bridge.net.http import Head
from bridge.net.http_channel import DoorRequest
from bridge.system.access import Principal, Role

BODY_BYTES = 64 * 1024


class Who(enum.Enum):
    """Who may ask at all; what he may do with a camera the gatekeeper says."""

    ANYBODY = "anybody"
    USER = "user"
    ADMINISTRATOR = "administrator"

    def admits(self, caller: "Caller | None") -> bool:
        """Whether this caller is one."""
        if self is Who.ANYBODY:
            return True
        return caller is not None and (self is Who.USER or caller.principal.role is Role.ADMINISTRATOR)


class Means(enum.Enum):
    """How a caller said who he is."""

    COOKIE = "cookie"
    BEARER = "bearer"
    """An access token of a session in the Authorization header."""
    API_TOKEN = "api-token"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. session: id of his session, None with an API token; token: id of that, None with a session."""

    principal: Principal
    means: Means
    session: str | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as its handler sees it.

    place:  the parts of the path that its template names
    query, body: as the route's models read them; None where it has none
    peer:   `192.0.2.1:4711`
    secure: it came over TLS
    request: to write a long answer to; None for a WebSocket
    """

    head: Head
    caller: Caller | None
    place: Mapping[str, str]
    query: Any = None
    body: Any = None
    peer: str = ""
    secure: bool = False
    request: DoorRequest | None = None

    @property
    def principal(self) -> Principal:
        """Of a route for those who have logged in."""
        if self.caller is None:
            raise LookupError("nobody has logged in")
        return self.caller.principal


Handler = Callable[[Asked], Any | Awaitable[Any]]
"""Gives a value of the route's answer model, a Reply, or None when it has written to `request` itself.

Raises ProblemError. Cancelled when the client hangs up."""


@dataclass(frozen=True, slots=True)
class Route:
    """One row.

    path:    template: `/api/v1/cameras/{id}`; a name in braces stands for one part, not empty
    summary: one line for the OpenAPI document
    query, body: models of the query string and of a JSON body; None: a query is passed over, a body is refused
    answer:  of the JSON answer: a pydantic model or a type that TypeAdapter takes; None: the handler gives a Reply
    status:  of a good answer; 204 has no body
    content: media type of a good answer where `answer` is None; "" for JSON and 204
    problems: names of the problems that it may answer, beside those that every route has
    """

    method: str
    path: str
    handler: Handler
    who: Who
    summary: str
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    answer: Any = None
    status: int = 200
    content: str = ""
    body_bytes: int = BODY_BYTES
    problems: tuple[str, ...] = ()

    @property
    def needs_body(self) -> bool:
        """Whether a request without a body lacks something."""
        return self.body is not None and any(one.is_required() for one in self.body.model_fields.values())


@dataclass(slots=True)
class Found:
    """What a path leads to. route: None: nothing has this method there; allowed: those that are there."""

    route: Route | None
    place: dict[str, str] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()


class Routes:
    """All rows, found by path. No two templates may match the same path: the more literal one wins."""

    def __init__(self, rows: Iterable[Route] = ()) -> None:
        self.rows: list[Route] = []
        self._by_shape: dict[tuple[str | None, ...], dict[str, Route]] = {}
        self._shapes: dict[int, list[tuple[str | None, ...]]] = {}
        self.add(rows)

    def add(self, rows: Iterable[Route]) -> None:
        """More rows. Raises ValueError where a method of a path has one already."""
        for row in rows:
            shape = tuple(None if part.startswith("{") else part for part in row.path.split("/")[1:])
            methods = self._by_shape.get(shape)
            if methods is None:
                methods = self._by_shape[shape] = {}
                shapes = self._shapes.setdefault(len(shape), [])
                shapes.append(shape)
                shapes.sort(key=lambda one: [part is None for part in one])
            if row.method in methods:
                raise ValueError(f"{row.method} {row.path} stands twice")
            methods[row.method] = row
            self.rows.append(row)

    def find(self, method: str, path: str) -> Found | None:
        """None: there is nothing at that path. HEAD asks for what GET gives."""
        parts = path.split("/")[1:]
        allowed: set[str] = set()
        for shape in self._shapes.get(len(parts), ()):
            if not _fits(shape, parts):
                continue
            methods = self._by_shape[shape]
            allowed |= {*methods, *(("HEAD",) if "GET" in methods else ())}
            route = methods.get("GET" if method == "HEAD" else method)
            # What has no such method may be hiding something by its name: a camera that is called `test`.
            if route is not None:
                return Found(route, _place(route.path, parts), tuple(sorted(allowed)))
        return Found(None, allowed=tuple(sorted(allowed))) if allowed else None


def _fits(shape: Sequence[str | None], parts: Sequence[str]) -> bool:
    return all(part if wanted is None else part == wanted for wanted, part in zip(shape, parts, strict=True))


def _place(template: str, parts: Sequence[str]) -> dict[str, str]:
    named = zip(template.split("/")[1:], parts, strict=True)
    return {name[1:-1]: unquote(part) for name, part in named if name.startswith("{")}
