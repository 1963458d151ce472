"""A request's way through the ONVIF door, without HTTP: from envelope to answer.

The order is that of ONVIF Core, and each step ends in a fault of its own:

    parse the envelope                   ter:WellFormed, VersionMismatch, MustUnderstand …
    find the operation by its QName      ter:UnknownAction; one we do not offer: ter:ActionNotSupported
    log in, unless it is PRE_AUTH        401 or ter:NotAuthorized
    access class against the role        ter:NotAuthorized
    validate and read the arguments      ter:InvalidArgs, ter:InvalidArgVal
    call the handler                     its own faults; anything unforeseen: ter:Action and one log line
    render the answer                    the same
"""

import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from lxml import etree
from twisted.internet.defer import CancelledError

from bridge.base.errors import ConfigurationError, LocalProtocolError
from bridge.base.time import Clock
from bridge.net.addresses import PublicAddress, bracketed
from bridge.net.http import Reply
from bridge.services.onvif.call import Answer, Call, Handler, is_static
from bridge.services.onvif.faces import Faces
from bridge.services.onvif.login import Login, UnauthorizedError
from bridge.services.onvif.policy import ALLOWED, AccessClass, OperationPolicy
from bridge.services.onvif.schemas import SERVICES
from bridge.system.access import Principal
from bridge.system.audit import Audit
from bridge.wire.soap.encoder import Rendered
from bridge.wire.soap.envelope import Envelope, parse_envelope
from bridge.wire.soap.faults import (
    ACTION_FAILED,
    ACTION_NOT_SUPPORTED,
    NOT_AUTHORIZED,
    SOAP_11,
    UNKNOWN_ACTION,
    WELL_FORMED,
    Fault,
    SoapFault,
    not_supported,
    render_fault,
)
from bridge.wire.soap.schema import Operation, Schemas

SOAP_TYPE = "application/soap+xml; charset=utf-8"
MAX_KEPT_ANSWERS = 256
MAX_KEPT_REQUEST_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Post:
    """A request as HTTP brought it.

    target:        path and query as requested
    authorization: the values of all Authorization headers
    host:          the Host header, "" when there was none
    peer, local:   address and port of both ends
    """

    target: str
    body: bytes
    authorization: tuple[str, ...] = ()
    host: str = ""
    scheme: str = "http"
    peer: tuple[str, int] = ("", 0)
    local: tuple[str, int] = ("", 0)

    @property
    def path(self) -> str:
        """Without the query."""
        return self.target.partition("?")[0]

    @property
    def peer_text(self) -> str:
        """`192.0.2.1:4711`, `[2001:db8::1]:4711`."""
        return f"{bracketed(self.peer[0])}:{self.peer[1]}" if self.peer[0] else ""


class OnvifService:
    """Every service of the door behind one call, `answer`.

    Kept answers: those of handlers marked `static_answer`, at most MAX_KEPT_ANSWERS; the one unused for longest goes
    first.
    """

    def __init__(
        self,
        schemas: Schemas,
        policies: Mapping[tuple[str, str], OperationPolicy],
        login: Login,
        public: PublicAddress,
        faces: Faces,
        audit: Audit,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._schemas = schemas
        self._policies = policies
        self._known = {policy.request: policy for policy in policies.values() if policy.request}
        self._login = login
        self.public = public
        """What answers carry from now on; whoever changes it forgets the kept ones."""
        self._faces = faces
        self._audit = audit
        self._clock = clock
        self._random_bytes = random_bytes
        self._by_path: dict[str, str] = {}
        self._operations: dict[tuple[str, str], Operation] = {}
        self._by_name: dict[str, Operation] = {}
        self._handlers: dict[tuple[str, str], Handler] = {}
        self._kept: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()
        self._log = structlog.get_logger()

    # --- Set-up ------------------------------------------------------------------------------------------------------

    def register(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """Opens a service at its path; its schema is compiled now.

        handlers: operation name -> handler (`handlers_of`). Raises ConfigurationError for a handler of an operation
        that the schema does not have, and for an operation of the table that nobody handles.
        """
        known = SERVICES[service]
        for operation in self._schemas.add(service, known.wsdl):
            self._operations[service, operation.request] = operation
            self._by_name.setdefault(operation.request, operation)
            policy = self._policies.get((service, operation.name))
            if policy is not None and policy.served and operation.name not in handlers:
                raise ConfigurationError(f"{service}: operations.json serves {operation.name}, but nobody handles it")
        self._by_path[known.path] = service
        names = {operation.name for (of, _), operation in self._operations.items() if of == service}
        if strange := sorted(handlers.keys() - names):
            raise ConfigurationError(f"{service}: the schema has no operation {', '.join(strange)}")
        for name, handler in handlers.items():
            policy = self._policies.get((service, name))
            if is_static(handler) and (policy is None or policy.access is not AccessClass.PRE_AUTH):
                raise ConfigurationError(f"{service}: {name} is not PRE_AUTH, so its answer must not be kept")
            self._handlers[service, name] = handler

    @property
    def paths(self) -> frozenset[str]:
        """The paths that answer SOAP."""
        return frozenset(self._by_path)

    def render(self, service: str, type_name: str, value: Answer) -> Rendered:
        """A value of the type `{namespace}name` as text, to be kept and put into answers where a dict would stand.

        Raises LocalProtocolError when the value does not suit the type.
        """
        return self._schemas.render(service, type_name, value)

    def forget_answers(self) -> None:
        """Static answers are made anew: something they tell has changed."""
        self._kept.clear()

    # --- A request ---------------------------------------------------------------------------------------------------

    async def answer(self, post: Post) -> Reply:
        """The response to any POST on one of our paths. Never raises but CancelledError."""
        envelope = Envelope()
        try:
            if not post.body.strip():
                return self._answer_probe(post)
            envelope = parse_envelope(post.body)
            return Reply(200, await self._answer_envelope(post, envelope), SOAP_TYPE)
        except UnauthorizedError as error:
            return unauthorized(error)
        except SoapFault as error:
            return _fault_reply(error.fault, envelope)
        except CancelledError:  # the client has gone
            raise
        except Exception:  # noqa: BLE001 - the last line of the door: a defect of ours costs one request
            return self._unforeseen(post, envelope)

    def _answer_probe(self, post: Post) -> Reply:
        """An empty body is a client that wants to see the challenge first (`curl --digest`)."""
        self._login.by_headers("POST", post.target, post.authorization, post.peer_text)
        return _fault_reply(WELL_FORMED.because("an empty body"), Envelope())

    async def _answer_envelope(self, post: Post, envelope: Envelope) -> bytes:
        operation = self._find(post.path, envelope.name)
        policy = self._policies.get((operation.service, operation.name))
        handler = self._handlers.get((operation.service, operation.name))
        if handler is None or policy is None or not policy.served:
            raise SoapFault(_unsupported(policy))
        principal = None
        if policy.access is not AccessClass.PRE_AUTH:
            principal = self._login.by_envelope(post.target, post.authorization, envelope, post.peer_text)
            self._check_access(principal, policy, post)
        call = self.call(post, principal)
        if is_static(handler):
            return await self._answer_static(call, operation, handler, envelope)
        try:
            made = await self._answer_call(call, operation, handler, envelope)
        except SoapFault as error:
            self._audit_act(call, policy, "/".join((error.fault.code, *error.fault.subcodes)))
            raise
        self._audit_act(call, policy, "ok")
        return made

    def _find(self, path: str, name: str) -> Operation:
        """The operation of that QName. Two services share some elements: then the path that was called decides."""
        service = self._by_path.get(path, "")
        operation = self._operations.get((service, name)) or self._by_name.get(name)
        if operation is None:
            # An operation of the standard whose service is not built: not unknown, but not there.
            known = self._known.get(name)
            raise SoapFault(UNKNOWN_ACTION if known is None else _unsupported(known))
        return operation

    def _check_access(self, principal: Principal, policy: OperationPolicy, post: Post) -> None:
        if policy.access not in ALLOWED[principal.role]:
            action, peer = f"onvif.{policy.operation}", post.peer_text
            self._audit(principal.name, action, policy.service, "refused", peer, self._clock.utc_ns())
            raise SoapFault(NOT_AUTHORIZED)

    async def _answer_call(self, call: Call, operation: Operation, handler: Handler, envelope: Envelope) -> bytes:
        if envelope.body is None:
            raise LocalProtocolError("an operation was found by the name of an element that is not there")
        answer = handler(call, self._schemas.arguments(operation, envelope.body))
        if inspect.isawaitable(answer):
            answer = await answer
        return self._schemas.answer(operation, answer, relates_to=envelope.message_id)

    async def _answer_static(self, call: Call, operation: Operation, handler: Handler, envelope: Envelope) -> bytes:
        request = b"" if envelope.body is None else etree.tostring(envelope.body)
        address = (call.face.camera, call.scheme, call.host, call.port, call.rtsp_port)
        key = (address, operation.service, operation.name, request)
        if envelope.message_id or len(request) > MAX_KEPT_REQUEST_BYTES:
            return await self._answer_call(call, operation, handler, envelope)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        made = self._kept[key] = await self._answer_call(call, operation, handler, envelope)
        if len(self._kept) > MAX_KEPT_ANSWERS:
            self._kept.popitem(last=False)
        return made

    def call(self, post: Post, principal: Principal | None) -> Call:
        """What a handler gets; for plain resources of the same port too."""
        face = self._faces.at(*post.local)
        host, port = face.public(self.public).seen_by(post.host, post.scheme, *post.local)
        return Call(
            principal=face.seen_by(principal),
            host=host,
            scheme=post.scheme,
            port=port,
            rtsp_port=self.public.rtsp_port,
            rtsps_port=self.public.rtsps_port,
            peer=post.peer_text,
            local_address=post.local[0],
            utc_ns=self._clock.utc_ns(),
            face=face,
        )

    def _audit_act(self, call: Call, policy: OperationPolicy, outcome: str) -> None:
        if policy.acts:
            name = call.principal.name if call.principal is not None else ""
            self._audit(name, f"onvif.{policy.operation}", policy.service, outcome, call.peer, call.utc_ns)

    def _unforeseen(self, post: Post, envelope: Envelope) -> Reply:
        """One log line that a reference number finds; the peer gets the number alone."""
        reference = self._random_bytes(4).hex()
        self._log.exception("onvif request failed", operation=envelope.name, peer=post.peer[0], reference=reference)
        return _fault_reply(ACTION_FAILED.because(f"reference {reference}"), envelope)


def unauthorized(error: UnauthorizedError) -> Reply:
    """HTTP 401 with its challenges."""
    headers = tuple(("WWW-Authenticate", challenge) for challenge in error.challenges)
    return Reply(401, b"", "", headers)


def _unsupported(policy: OperationPolicy | None) -> Fault:
    return not_supported(policy.subcode) if policy is not None and policy.subcode else ACTION_NOT_SUPPORTED


def _fault_reply(fault: Fault, envelope: Envelope) -> Reply:
    content_type = "text/xml; charset=utf-8" if fault.version == SOAP_11 else SOAP_TYPE
    return Reply(fault.http_status, render_fault(fault, relates_to=envelope.message_id), content_type)
