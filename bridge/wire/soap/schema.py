"""The official WSDL and XSD, compiled: operations by QName, validation of requests, encoding of answers.

zeep reads the official tree, which names every type and operation; libxml2 reads the prepared tree, which differs from
it in wildcards only (wsdl/build_hook.py). Both come as bytes through a loader, and nothing is fetched.
"""

import copy
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from lxml import etree
from zeep import Settings
from zeep.wsdl import Document

from bridge.wire.soap.decoder import Decoder
from bridge.wire.soap.encoder import Encoder, Rendered, escape
from bridge.wire.soap.envelope import Element
from bridge.wire.soap.faults import (
    ADDRESSING,
    INVALID_ARG_VAL,
    INVALID_ARGS,
    MISSING_ATTRIBUTE,
    ONVIF_ERROR,
    PROHIBITED_ATTRIBUTE,
    SOAP_12,
    Fault,
    SoapFault,
)

Load = Callable[[str], bytes]

PREFIXES = {
    SOAP_12: "env",
    ONVIF_ERROR: "ter",
    ADDRESSING: "wsa",
    "http://www.onvif.org/ver10/schema": "tt",
    "http://www.onvif.org/ver10/topics": "tns1",
    "http://www.onvif.org/ver10/device/wsdl": "tds",
    "http://www.onvif.org/ver10/media/wsdl": "trt",
    "http://www.onvif.org/ver20/media/wsdl": "tr2",
    "http://www.onvif.org/ver10/events/wsdl": "tev",
    "http://www.onvif.org/ver20/ptz/wsdl": "tptz",
    "http://www.onvif.org/ver20/imaging/wsdl": "timg",
    "http://www.onvif.org/ver10/deviceIO/wsdl": "tmd",
    "http://www.onvif.org/ver10/recording/wsdl": "trc",
    "http://www.onvif.org/ver10/search/wsdl": "tse",
    "http://www.onvif.org/ver10/replay/wsdl": "trp",
    "http://www.onvif.org/ver20/analytics/wsdl": "tan",
    "http://www.onvif.org/ver10/receiver/wsdl": "trv",
    "http://www.onvif.org/ver20/analytics/humanface": "fc",
    "http://www.onvif.org/ver20/analytics/humanbody": "bd",
    "http://docs.oasis-open.org/wsn/b-2": "wsnt",
    "http://docs.oasis-open.org/wsn/t-1": "wstop",
    "http://docs.oasis-open.org/wsrf/bf-2": "wsrf-bf",
    "http://docs.oasis-open.org/wsrf/r-2": "wsrf-r",
    "http://docs.oasis-open.org/wsrf/rw-2": "wsrf-rw",
    "http://www.w3.org/2004/08/xop/include": "xop",
    "http://www.w3.org/2005/05/xmlmime": "xmime",
    "http://www.w3.org/XML/1998/namespace": "xml",
}
"""Prefix of every namespace that an answer may use: the ones ONVIF's documents use, and the same in every answer."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a service.

    name:        as in the WSDL
    request:     QName `{namespace}local` of its element in Body
    answer:      QName of the element it is answered with; "" when it has no answer
    wsa_action:  wsa:Action of the answer, for requests with WS-Addressing; "" when the WSDL names none
    arguments:   type of the request in zeep's tree
    write:       appends the text of the answer's element, made of a value, to a list
    """

    service: str
    name: str
    request: str
    answer: str
    wsa_action: str
    arguments: Any
    write: Callable[[Any, list[str]], None]


class Schemas:
    """All services of a process. The types that they share are compiled once; `app` says which services it needs."""

    def __init__(self, official: Load, prepared: Load) -> None:
        """official, prepared: path in that tree -> bytes. Both are called while compiling only."""
        self._load = official
        self._validator = _compile_validator(prepared)
        self._encoder = Encoder(PREFIXES)
        self._decoder = Decoder()
        self._types: Any = None
        """zeep's tree, of all services."""
        self._heads: dict[str, str] = {}
        self._operations: dict[str, tuple[Operation, ...]] = {}

    def add(self, service: str, wsdl: str) -> tuple[Operation, ...]:
        """Compiles the WSDL at that path of the official tree; the operations of all its bindings."""
        transport = _Transport(self._load)
        document = _Document(f"file:///{wsdl}", transport, self._types)
        self._types = document.types
        actions = _answer_actions(transport.loaded)
        found: dict[str, Operation] = {}
        for binding in document.bindings.values():
            for operation in binding._operations.values():  # noqa: SLF001 - zeep lists them by a proxy only
                if operation.input is not None and operation.input.body is not None:
                    action = actions.get(operation.name, "")
                    found.setdefault(operation.name, self._operation(service, operation, action))
        self._operations[service] = tuple(found.values())
        self._heads[service] = _head(namespace for namespace in document.namespaces() if namespace in PREFIXES)
        return self._operations[service]

    def _operation(self, service: str, operation: Any, wsa_action: str) -> Operation:
        body = operation.input.body
        answer = None if operation.output is None else operation.output.body
        return Operation(
            service,
            operation.name,
            body.qname.text,
            "" if answer is None else answer.qname.text,
            wsa_action,
            body.type,
            _no_answer if answer is None else self._encoder.element(answer.qname.text, answer.type),
        )

    def arguments(self, operation: Operation, body: Element) -> Mapping[str, Any]:
        """Validates the request's element and reads its arguments. Raises SoapFault."""
        if not self._validator.validate(body):
            # Only now is it worth a copy: the official schema has more wildcards than libxml2 can be told of.
            fault = _fault_of(self._validator.error_log[0])
            known = copy.deepcopy(body)
            refused = self._decoder.take_out_extensions(known, operation.arguments)
            if refused is not None:
                raise SoapFault(refused)
            if not self._validator.validate(known):
                raise SoapFault(fault)
        return self._decoder.decode(body, operation.arguments)

    def answer(self, operation: Operation, value: Any, *, relates_to: str = "") -> bytes:
        """The whole envelope of an answer. Raises LocalProtocolError when `value` does not suit the schema.

        relates_to: wsa:MessageID of the request; "" when it carried none
        """
        out = [self._heads[operation.service]]
        if relates_to:
            action = f"<wsa:Action>{operation.wsa_action}</wsa:Action>" if operation.wsa_action else ""
            out.append(f"<env:Header>{action}<wsa:RelatesTo>{escape(relates_to)}</wsa:RelatesTo></env:Header>")
        out.append("<env:Body>")
        operation.write(value, out)
        out.append("</env:Body></env:Envelope>")
        return "".join(out).encode()  # joined once: a list of a thousand profiles is a megabyte

    def render(self, service: str, type_name: str, value: Any) -> Rendered:
        """A value of the named type (`{namespace}local`) as text, to be kept and put where a dict would stand."""
        return self._encoder.render(self._types.get_type(type_name), value)

    def zeep_element(self, operation: Operation) -> Any:
        """The answer's element in zeep's tree, which can render it too: the encoder's oracle in the tests."""
        return self._types.get_element(operation.answer)

    def zeep_request(self, operation: Operation, body: Element) -> Any:
        """The arguments as zeep reads them: the decoder's oracle in the tests."""
        return self._types.get_element(operation.request).parse(body, self._types, allow_none=True)

    def is_valid(self, element: Element) -> bool:
        """Whether libxml2 takes it: for tests of our own answers."""
        return bool(self._validator.validate(element))

    def errors(self) -> str:
        """What the last validation found, for tests."""
        return str(self._validator.error_log)


class _Transport:
    """What zeep asks for documents: paths of the official tree as `file:///`."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self.loaded: list[bytes] = []

    def load(self, url: str) -> bytes:
        self.loaded.append(self._load(url.removeprefix("file:///")))
        return self.loaded[-1]


class _Document(Document):
    """A WSDL whose types join those of the services before it.

    By itself each would compile the common schema anew, which is nine tenths of it: 5 MB and 0.2 s a service.
    """

    def __init__(self, url: str, transport: _Transport, types: Any) -> None:
        self._before = types
        # zeep's annotation names the class where it means an object with `load`.
        super().__init__(url, cast("Any", transport), settings=Settings(strict=True))

    def load(self, location: Any) -> None:
        """zeep's, told which types are there already."""
        if self._before is not None:
            self.types = self._before
        super().load(location)  # type: ignore[no-untyped-call] # zeep's is not typed

    def namespaces(self) -> set[str]:
        """Those of the schemas in this WSDL, in those that it imports, and of all that they import in turn."""
        # zeep has no other way to ask than its own attributes.
        places = {location for _, location in self._definitions}
        waiting = [one for one in self.types.documents if one._location in places]  # noqa: SLF001
        found: dict[Any, None] = {}
        while waiting:
            one = waiting.pop()
            if one not in found:
                found[one] = None
                waiting += [other for others in one._imports.values() for other in others]  # noqa: SLF001
        return {one.namespace for one in found}


class _TreeResolver(etree.Resolver):
    """What libxml2 asks for documents: paths of the prepared tree as `file:///`."""

    def __init__(self, load: Load) -> None:
        self._load = load

    def resolve(self, system_url: str | None, public_id: str | None, context: Any) -> Any:
        url = system_url or ""
        return self.resolve_string(self._load(url.removeprefix("file:///")), context, base_url=url)


def _compile_validator(load: Load) -> etree.XMLSchema:
    parser = etree.XMLParser(no_network=True, resolve_entities=False)
    parser.resolvers.add(_TreeResolver(load))
    return etree.XMLSchema(etree.fromstring(load("all.xsd"), parser, base_url="file:///all.xsd"))


_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_ACTION = "{http://www.w3.org/2006/05/addressing/wsdl}Action"


def _answer_actions(documents: Iterable[bytes]) -> dict[str, str]:
    """wsa:Action of each operation's answer, which zeep does not read (WS-Addressing Metadata, 4.4)."""
    found: dict[str, str] = {}
    for document in documents:
        root = etree.fromstring(document)
        for port_type in root.iter(f"{_WSDL}portType"):
            for operation in port_type.iter(f"{_WSDL}operation"):
                output, name = operation.find(f"{_WSDL}output"), operation.get("name", "")
                if output is not None:
                    default = (
                        f"{root.get('targetNamespace')}/{port_type.get('name')}/{output.get('name', f'{name}Response')}"
                    )
                    found.setdefault(name, output.get(_ACTION, default))
    return found


def _head(namespaces: Iterable[str]) -> str:
    wanted = {SOAP_12, ADDRESSING, ONVIF_ERROR, *namespaces} - {"http://www.w3.org/XML/1998/namespace"}
    declared = "".join(f' xmlns:{prefix}="{uri}"' for uri, prefix in PREFIXES.items() if uri in wanted)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<env:Envelope{declared}>'


def _no_answer(value: Any, out: list[str]) -> None:
    """A one-way operation's."""


# --- Which fault a violation of the schema is ------------------------------------------------------------------------

_TYPES = etree.ErrorTypes
_FAULTS = {
    _TYPES.SCHEMAV_CVC_COMPLEX_TYPE_4: MISSING_ATTRIBUTE,
    _TYPES.SCHEMAV_CVC_COMPLEX_TYPE_3_2_1: PROHIBITED_ATTRIBUTE,
    _TYPES.SCHEMAV_CVC_COMPLEX_TYPE_3_2_2: PROHIBITED_ATTRIBUTE,
    _TYPES.SCHEMAV_CVC_LENGTH_VALID: INVALID_ARG_VAL,
    _TYPES.SCHEMAV_CVC_MINLENGTH_VALID: INVALID_ARG_VAL,
    _TYPES.SCHEMAV_CVC_MAXLENGTH_VALID: INVALID_ARG_VAL,
    _TYPES.SCHEMAV_CVC_MININCLUSIVE_VALID: INVALID_ARG_VAL,
    _TYPES.SCHEMAV_CVC_MAXINCLUSIVE_VALID: INVALID_ARG_VAL,
    _TYPES.SCHEMAV_CVC_MINEXCLUSIVE_VALID: INVALID_ARG_VAL,
    _TYPES.SCHEMAV_CVC_MAXEXCLUSIVE_VALID: INVALID_ARG_VAL,
    _TYPES.SCHEMAV_CVC_PATTERN_VALID: INVALID_ARG_VAL,
    _TYPES.SCHEMAV_CVC_ENUMERATION_VALID: INVALID_ARG_VAL,
    _TYPES.SCHEMAV_CVC_DATATYPE_VALID_1_2_3: INVALID_ARG_VAL,  # a union: the type is right when one member's is
}
_NAMED = re.compile(r"Element '(?:\{[^}']*\})?([^']{1,64})'")


def _fault_of(error: Any) -> Fault:
    """ONVIF's fault for libxml2's first complaint: a wrong value is InvalidArgVal, anything else InvalidArgs."""
    fault = _FAULTS.get(error.type, INVALID_ARGS)
    named = _NAMED.match(error.message)
    return fault.because(f"at {named[1]}") if named else fault
