"""The web door on 8081 and 8082: screens each request by the table of routes, reads its input, encodes its answer."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, TypeAdapter, ValidationError
from twisted.internet.defer import CancelledError

from bridge.base.time import Clock
from bridge.net.addresses import bracketed
from bridge.net.http import Head, HttpLimits, Reply
from bridge.net.http_channel import DoorChannel, DoorRequest
from bridge.net.http_door import HttpDoor
from bridge.services.web.problems import ProblemError, not_found
from bridge.services.web.routes import Asked, Caller, Found, Means, Route, Routes, Who
from bridge.store.backend import DatabaseUnusableError

JSON_TYPE = "application/json"
CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
MAX_TOLD = 20
"""So many faults of one body are told."""

SAFE_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
"""On every response."""

API_POLICY = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
"""On every response that brings no policy of its own."""

STRICT_TRANSPORT = ("Strict-Transport-Security", "max-age=15552000")
"""Half a year, this host alone."""

FindCaller = Callable[[Head, str, bool], Caller | None]
"""(head, peer, whether it came over TLS) -> who asks; None: nobody that we know. Must not block."""

CallerNow = Callable[[Caller], Caller | None]
"""The same caller with the rights that he has now; None: he is logged out, or gone. Must not block."""


class WebDoor(HttpDoor):
    """See the module."""

    def __init__(
        self,
        reactor: Any,
        clock: Clock,
        find_caller: FindCaller,
        routes: Routes,
        limits: HttpLimits | None = None,
        *,
        caller_now: CallerNow = lambda caller: caller,
        strict_transport: Callable[[], bool] = lambda: False,
    ) -> None:
        """
        reactor:          Twisted's
        strict_transport: whether browsers that came over TLS are told to come in no other way (RFC 6797)
        """
        super().__init__(reactor, clock, limits or HttpLimits())
        self.routes = routes
        self.caller_now = caller_now
        self._find_caller = find_caller
        self._strict_transport = strict_transport
        self._answering: dict[DoorRequest, Caller] = {}

    def screen(self, head: Head, channel: DoorChannel) -> Reply | int:
        """A refusal, or how many bytes the body may have."""
        try:
            found, _ = self._admitted(head, _peer(channel), channel.isSecure())
            return _body_limit(head, found)
        except ProblemError as problem:
            return self._guarded(problem.reply(), channel.isSecure())

    async def answer(self, request: DoorRequest) -> Reply | None:
        """The answer to a complete request."""
        head = request.head
        try:
            peer = _peer(request.channel)
            route, asked = self._asked(head, peer, request)
            if asked.caller is not None:
                self._answering[request] = asked.caller
                request.notifyFinish().addBoth(lambda _: self._answering.pop(request, None))
            value = route.handler(asked)
            reply = _encoded(route, await value if inspect.isawaitable(value) else value)
        except ProblemError as problem:
            reply = problem.reply()
        except CancelledError:
            raise
        except DatabaseUnusableError as error:
            self._log.warning("web request failed", method=head.method, path=head.path[:128], why=str(error))
            reply = ProblemError(503, "database", "the database cannot be used just now; the log says why").reply()
        except Exception:  # noqa: BLE001 - the last line of the door: a defect of ours costs one request
            self._log.exception("web request failed", method=head.method, path=head.path[:128])
            reply = ProblemError(500, "failed", "this failed on our side; the log of the service says why").reply()
        return self._guarded(reply, bool(request.isSecure())) if reply is not None else None

    def recheck(self) -> None:
        """Rights have changed: long answers to callers who are not what they were when they asked are cut off.

        What such a caller may still have he gets by asking again.
        """
        for request, caller in list(self._answering.items()):
            if request.startedWriting and self.caller_now(caller) != caller:
                request.channel.transport.abortConnection()

    def admit_socket(self, head: Head, peer: str, sockets: Routes, *, secure: bool = False) -> tuple[Route, Asked]:
        """The row of `sockets` for a request that opens a WebSocket, and what is asked. Raises ProblemError."""
        found = sockets.find("GET", head.path)
        if found is None or found.route is None:
            raise not_found()
        caller = self._find_caller(head, peer, secure)
        _check_caller(found.route.who, caller)
        if caller is not None and caller.means is Means.COOKIE:
            check_origin(head)
        query = _read_query(found.route, head)
        return found.route, Asked(head, caller, found.place, query, peer=peer, secure=secure)

    def _admitted(self, head: Head, peer: str, secure: bool) -> tuple[Found, Caller | None]:
        found = self.routes.find(head.method, head.path)
        if found is None:
            raise not_found()
        if found.route is None:
            allowed = ", ".join(found.allowed)
            raise ProblemError(405, "method", f"{head.method} is not one of {allowed}", headers=(("Allow", allowed),))
        caller = self._find_caller(head, peer, secure)
        _check_caller(found.route.who, caller)
        if head.method in CHANGING and caller is not None and caller.means is Means.COOKIE:
            check_origin(head)
        return found, caller

    def _asked(self, head: Head, peer: str, request: DoorRequest) -> tuple[Route, Asked]:
        secure = bool(request.isSecure())
        found, caller = self._admitted(head, peer, secure)
        route = found.route
        if route is None:
            raise LookupError("admitted without a route")
        query = _read_query(route, head)
        body = _read_body(route, request.body())
        return route, Asked(head, caller, found.place, query, body, peer, secure, request)

    def _guarded(self, reply: Reply, secure: bool) -> Reply:
        names = {name.lower() for name, _ in reply.headers}
        policy = () if "content-security-policy" in names else (API_POLICY,)
        strict = (STRICT_TRANSPORT,) if secure and self._strict_transport() else ()
        return Reply(reply.status, reply.body, reply.content_type, (*reply.headers, *SAFE_HEADERS, *policy, *strict))


def _check_caller(who: Who, caller: Caller | None) -> None:
    if who.admits(caller):
        return
    if caller is None:
        raise ProblemError(401, "log-in", "log in first", headers=(("WWW-Authenticate", "Bearer"),))
    raise ProblemError(403, "forbidden", "this is for administrators")


def check_origin(head: Head) -> None:
    """A cookie goes along with what a page of others sends: only our own may change things or open a socket.

    Raises ProblemError.
    """
    origin = head.value("origin")
    ours = origin.partition("://")[2].lower() == head.value("host").lower() if origin else False
    if not ours and head.value("sec-fetch-site").lower() != "same-origin":
        raise ProblemError(
            403, "foreign-origin", "a request by cookie must come from our own page: Origin and Host differ"
        )


def _body_limit(head: Head, found: Found) -> int:
    route = found.route
    if route is None or route.body is None:
        if head.length != 0:
            raise ProblemError(400, "body", "a body is not expected here")
        return 0
    if head.length == 0 and not route.needs_body:
        return 0
    media_type = head.value("content-type").partition(";")[0].strip().lower()
    if media_type != JSON_TYPE:
        raise ProblemError(
            415,
            "media-type",
            f"Content-Type {media_type[:64]!r}: expected {JSON_TYPE}",
            headers=(("Accept", JSON_TYPE),),
        )
    if head.value("content-encoding").strip().lower() not in ("", "identity"):
        raise ProblemError(
            415, "media-type", "compressed bodies are not read", headers=(("Accept-Encoding", "identity"),)
        )
    if head.length is not None and head.length > route.body_bytes:
        raise ProblemError(413, "too-large", f"a body of {head.length} bytes: expected at most {route.body_bytes}")
    return route.body_bytes


def _read_query(route: Route, head: Head) -> BaseModel | None:
    if route.query is None:
        return None
    pairs = parse_qsl(head.target.partition("?")[2], keep_blank_values=True, max_num_fields=64)
    model = route.query
    return _validated(lambda: model.model_validate(dict(pairs)), "query")


def _read_body(route: Route, data: bytes) -> BaseModel | None:
    if route.body is None:
        return None
    model = route.body
    if not data and not route.needs_body:
        data = b"{}"
    # Strict: what the document calls a number is not taken as a text or a truth value.
    return _validated(lambda: model.model_validate_json(data, strict=True), "body")


def _validated(read: Callable[[], BaseModel], where: str) -> BaseModel:
    try:
        return read()
    except ValidationError as error:
        # Without the values: one of them may be a password.
        faults = error.errors(include_url=False, include_input=False, include_context=False)[:MAX_TOLD]
        if any(fault["type"] == "json_invalid" for fault in faults):
            raise ProblemError(400, "body", "the body is not JSON") from None
        told = [{"field": _field(fault["loc"]) or where, "expected": fault["msg"]} for fault in faults]
        raise ProblemError(
            422, "input", "; ".join(f"{one['field']}: {one['expected']}" for one in told), errors=told
        ) from None


def _field(place: Sequence[int | str]) -> str:
    """`streams[0].url`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _encoded(route: Route, value: Any) -> Reply | None:
    if isinstance(value, Reply):
        return value
    if route.answer is None:
        return Reply(route.status) if route.status == 204 else None
    body = _adapter(route.answer).dump_json(value, by_alias=True)
    return Reply(route.status, body, JSON_TYPE, (("Cache-Control", "no-store"),))


@functools.cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    """One for each model of the table: making one costs more than most answers."""
    return TypeAdapter(model)


def _peer(channel: DoorChannel) -> str:
    peer = channel.getPeer()
    return f"{bracketed(peer.host)}:{peer.port}"
