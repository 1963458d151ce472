"""Messages of WS-Discovery (2005/04) as ONVIF uses it: Probe and Resolve read; Hello, Bye and matches written.

Everything is read by qualified name: testers and clients send odd prefixes, default namespaces and declarations on the
element that uses them. Answers go to where the datagram came from, never to a ReplyTo that it names.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape

from bridge.base.errors import RemoteProtocolError
from bridge.wire.soap.envelope import Element, Envelope, parse_envelope
from bridge.wire.soap.faults import ADDRESSING, SOAP_12

DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
ADDRESSING_2004 = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
NETWORK = "http://www.onvif.org/ver10/network/wsdl"
DEVICE = "http://www.onvif.org/ver10/device/wsdl"

TYPES = (f"{{{NETWORK}}}NetworkVideoTransmitter", f"{{{DEVICE}}}Device")
"""What we are: Profile S is found by the first, Profile G by the second."""

MAX_DATAGRAM_BYTES = 16_384
_MAX_ITEMS = 64
_MAX_TEXT = 1024

_TO_ALL = "urn:schemas-xmlsoap-org:ws:2005:04:discovery"
_ANONYMOUS = f"{ADDRESSING_2004}/role/anonymous"
_PREFIXES = {NETWORK: "dn", DEVICE: "tds"}
_UNDERSTOOD = frozenset({ADDRESSING, ADDRESSING_2004, DISCOVERY})


@dataclass(frozen=True, slots=True)
class Probe:
    """Who is there? types: QNames `{namespace}local`; match_by: URI of the rule, "" for the default one."""

    message_id: str
    types: tuple[str, ...]
    scopes: tuple[str, ...]
    match_by: str


@dataclass(frozen=True, slots=True)
class Resolve:
    """Where is this one? endpoint: `urn:uuid:…`."""

    message_id: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """What we tell of ourselves.

    endpoint:         `urn:uuid:…`, for ever the same
    metadata_version: grows when scopes, types or addresses change
    """

    endpoint: str
    scopes: tuple[str, ...]
    xaddrs: tuple[str, ...]
    metadata_version: int = 1


@dataclass(frozen=True, slots=True)
class Sequence:
    """AppSequence: lets others order our messages. instance_id does not go down over restarts."""

    instance_id: int
    number: int


# --- Read ------------------------------------------------------------------------------------------------------------


def parse_message(data: bytes) -> Probe | Resolve | None:
    """The question in a datagram; None for any other message. Raises RemoteProtocolError for what is no message."""
    if len(data) > MAX_DATAGRAM_BYTES:
        raise RemoteProtocolError(f"a datagram of {len(data)} bytes; {MAX_DATAGRAM_BYTES} are the limit")
    envelope = parse_envelope(data, understood=_UNDERSTOOD)
    if envelope.body is None or envelope.name not in (f"{{{DISCOVERY}}}Probe", f"{{{DISCOVERY}}}Resolve"):
        return None
    message_id = _message_id(envelope)
    if envelope.name.endswith("}Probe"):
        scopes = envelope.body.find(f"{{{DISCOVERY}}}Scopes")
        match_by = "" if scopes is None else (scopes.get("MatchBy") or "").strip()
        return Probe(message_id, _types(envelope.body), _words(scopes), match_by)
    for space in (ADDRESSING_2004, ADDRESSING):
        address = envelope.body.find(f"{{{space}}}EndpointReference/{{{space}}}Address")
        if address is not None:
            return Resolve(message_id, (address.text or "").strip()[:_MAX_TEXT])
    raise RemoteProtocolError("Resolve without an EndpointReference", clause="WS-Discovery 6.2")


def _message_id(envelope: Envelope) -> str:
    for space in (ADDRESSING_2004, ADDRESSING):
        block = envelope.header(f"{{{space}}}MessageID")
        if block is not None and (text := (block.text or "").strip()) and len(text) <= _MAX_TEXT:
            return text
    raise RemoteProtocolError("no MessageID", clause="WS-Discovery 5.2")


def _words(element: Element | None) -> tuple[str, ...]:
    """The items of a list; nothing more than text is looked at."""
    words = () if element is None else tuple((element.text or "").split())
    if len(words) > _MAX_ITEMS:
        raise RemoteProtocolError(f"{len(words)} items in one list; {_MAX_ITEMS} are the limit")
    return words


def _types(body: Element) -> tuple[str, ...]:
    """QNames with the prefixes that are in force where they stand."""
    element = body.find(f"{{{DISCOVERY}}}Types")
    found = []
    for word in _words(element):
        prefix, _, local = word.rpartition(":")
        namespace = element.nsmap.get(prefix or None) if element is not None else None
        if prefix and namespace is None:
            raise RemoteProtocolError(f"the prefix of {word[:80]!r} is not declared", clause="Namespaces in XML 5")
        found.append(f"{{{namespace}}}{local}" if namespace else local)
    return tuple(found)


# --- Written ---------------------------------------------------------------------------------------------------------


def hello(announcement: Announcement, sequence: Sequence, message_id: str) -> bytes:
    """We came, or changed."""
    content = f"<d:Hello>{_description(announcement)}</d:Hello>"
    return _message("Hello", _TO_ALL, content, sequence, message_id)


def bye(endpoint: str, sequence: Sequence, message_id: str) -> bytes:
    """We go."""
    return _message("Bye", _TO_ALL, f"<d:Bye>{_reference(endpoint)}</d:Bye>", sequence, message_id)


def probe_matches(announcement: Announcement, sequence: Sequence, message_id: str, relates_to: str) -> bytes:
    """The answer to a Probe that we match."""
    content = f"<d:ProbeMatches><d:ProbeMatch>{_description(announcement)}</d:ProbeMatch></d:ProbeMatches>"
    return _message("ProbeMatches", _ANONYMOUS, content, sequence, message_id, relates_to)


def resolve_matches(announcement: Announcement, sequence: Sequence, message_id: str, relates_to: str) -> bytes:
    """The answer to a Resolve of our endpoint."""
    content = f"<d:ResolveMatches><d:ResolveMatch>{_description(announcement)}</d:ResolveMatch></d:ResolveMatches>"
    return _message("ResolveMatches", _ANONYMOUS, content, sequence, message_id, relates_to)


def matching_rule_fault(sequence: Sequence, message_id: str, relates_to: str) -> bytes:
    """The answer to a Probe that came to us alone and asks for a rule that we do not know (WS-Discovery 5.3.1)."""
    content = (
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>d:MatchingRuleNotSupported</s:Value>"
        '</s:Subcode></s:Code><s:Reason><s:Text xml:lang="en">the matching rule specified is not supported</s:Text>'
        "</s:Reason><s:Detail><d:SupportedMatchingRules>"
        f"{DISCOVERY}/rfc3986 {DISCOVERY}/strcmp0</d:SupportedMatchingRules></s:Detail></s:Fault>"
    )
    return _message("fault", _ANONYMOUS, content, sequence, message_id, relates_to)


def _message(action: str, to: str, content: str, sequence: Sequence, message_id: str, relates_to: str = "") -> bytes:
    relation = f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo>" if relates_to else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<s:Envelope xmlns:s="{SOAP_12}" xmlns:a="{ADDRESSING_2004}" xmlns:d="{DISCOVERY}"'
        f' xmlns:dn="{NETWORK}" xmlns:tds="{DEVICE}"><s:Header>'
        f"<a:Action>{DISCOVERY}/{action}</a:Action><a:MessageID>{message_id}</a:MessageID>{relation}<a:To>{to}</a:To>"
        f'<d:AppSequence InstanceId="{sequence.instance_id}" MessageNumber="{sequence.number}"/>'
        f"</s:Header><s:Body>{content}</s:Body></s:Envelope>"
    ).encode()


def _description(announcement: Announcement) -> str:
    return (
        f"{_reference(announcement.endpoint)}<d:Types>{_names(TYPES)}</d:Types>"
        f"<d:Scopes>{escape(' '.join(announcement.scopes))}</d:Scopes>"
        f"<d:XAddrs>{escape(' '.join(announcement.xaddrs))}</d:XAddrs>"
        f"<d:MetadataVersion>{announcement.metadata_version}</d:MetadataVersion>"
    )


def _reference(endpoint: str) -> str:
    return f"<a:EndpointReference><a:Address>{escape(endpoint)}</a:Address></a:EndpointReference>"


def _names(types: Iterable[str]) -> str:
    pairs = (name.removeprefix("{").split("}") for name in types)
    return " ".join(f"{_PREFIXES[namespace]}:{local}" for namespace, local in pairs)
