"""HTTP requests and responses as values, and the limits of a port (RFC 9110 and 9112). No Twisted here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Of one HTTP port.

    body_bytes:              of a request whose log-in is right
    anonymous_body_bytes:    of any other
    first_request_s:         from connecting to the first byte
    request_s:               from the first byte of a request to its last
    idle_s:                  between two requests of a connection
    connections:             at the same time; further ones are closed at once
    connections_per_address: the same for one address
    """

    body_bytes: int = 1024 * 1024
    anonymous_body_bytes: int = 64 * 1024
    first_request_s: int = 10
    request_s: int = 15
    idle_s: int = 60
    connections: int = 512
    connections_per_address: int = 128


@dataclass(frozen=True, slots=True)
class Head:
    """The first lines of a request.

    headers: values by name in lower case, in their order
    length:  of the body; None: it comes in chunks
    """

    method: str
    target: str
    headers: Mapping[str, Sequence[str]]
    length: int | None

    @property
    def path(self) -> str:
        """Without the query."""
        return self.target.partition("?")[0]

    def values(self, name: str) -> tuple[str, ...]:
        """All values of a header."""
        return tuple(self.headers.get(name, ()))

    def value(self, name: str) -> str:
        """The first value of a header, "" when there is none."""
        return next(iter(self.headers.get(name, ())), "")


@dataclass(frozen=True, slots=True)
class Reply:
    """What to send: one HTTP response."""

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=())


def refuse(status: int, text: str, *headers: tuple[str, str]) -> Reply:
    """A refusal in one plain line."""
    return Reply(status, f"{text}\n".encode(), "text/plain; charset=utf-8", headers)
