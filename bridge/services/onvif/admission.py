"""What is decided about an HTTP request from its first lines alone, before any of its body is read or kept.

RFC 9110 and 9112. No Twisted here: headers in, a refusal or a limit out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.services.onvif.service import Reply

SOAP_TYPES = frozenset({"application/soap+xml", "text/xml", "application/xml"})


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Of one ONVIF port.

    body_bytes:              of a request whose HTTP Digest is right
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


def refuse(status: int, text: str, *headers: tuple[str, str]) -> Reply:
    """A refusal in plain HTTP: whoever gets it did not speak SOAP."""
    return Reply(status, f"{text}\n".encode(), "text/plain; charset=utf-8", headers)


def screen_soap(head: Head) -> Reply | None:
    """Why a request to a service path is refused; None when it may send its body."""
    if head.method != "POST":
        return refuse(405, "SOAP over POST only", ("Allow", "POST"))
    if head.length is not None and not head.headers.get("content-length"):
        return refuse(411, "Content-Length is needed")
    if head.value("content-encoding").strip().lower() not in ("", "identity"):
        return refuse(415, "compressed bodies are not read", ("Accept-Encoding", "identity"))
    media_type = head.value("content-type").partition(";")[0].strip().lower()
    # An empty body is a client that wants to see the challenge; it has nothing to name a type for.
    if media_type and media_type not in SOAP_TYPES and head.length != 0:
        return refuse(415, "application/soap+xml is needed", ("Accept", "application/soap+xml"))
    return None


def screen_plain(head: Head) -> Reply | None:
    """The same for a resource that is read with GET."""
    if head.method not in ("GET", "HEAD"):
        return refuse(405, "GET only", ("Allow", "GET, HEAD"))
    if head.length != 0:
        return refuse(413, "a body is not expected here")
    return None
