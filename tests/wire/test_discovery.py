"""WS-Discovery messages: questions as they come, answers as they go."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from bridge.base.errors import RemoteProtocolError
from bridge.wire.discovery import (
    ADDRESSING_2004,
    DEVICE,
    DISCOVERY,
    NETWORK,
    TYPES,
    Announcement,
    Probe,
    Resolve,
    Sequence,
    bye,
    hello,
    matching_rule_fault,
    parse_message,
    probe_matches,
    resolve_matches,
)
from tests.fuzz.fuzz_discovery import SEEDS

NVT, TDS_DEVICE = TYPES
SOAP = "http://www.w3.org/2003/05/soap-envelope"
A, D, S = f"{{{ADDRESSING_2004}}}", f"{{{DISCOVERY}}}", f"{{{SOAP}}}"


def message(body, *, headers="<a:MessageID>uuid:1</a:MessageID>"):
    return (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{ADDRESSING_2004}" xmlns:d="{DISCOVERY}" xmlns:dn="{NETWORK}">'
        f"<s:Header>{headers}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


# As received -> value.
TABLE = [
    (message("<d:Probe/>"), Probe("uuid:1", (), (), "")),
    (message("<d:Probe><d:Types/><d:Scopes/></d:Probe>"), Probe("uuid:1", (), (), "")),
    (message("<d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe>"), Probe("uuid:1", (NVT,), (), "")),
    (  # the prefix is declared on the element that uses it, the default namespace on another
        message(f'<Probe xmlns="{DISCOVERY}"><Types xmlns:x_1="{DEVICE}"> x_1:Device\n</Types></Probe>'),
        Probe("uuid:1", (TDS_DEVICE,), (), ""),
    ),
    (  # a type in the default namespace
        message(f'<d:Probe><d:Types xmlns="{NETWORK}">NetworkVideoTransmitter</d:Types></d:Probe>'),
        Probe("uuid:1", (NVT,), (), ""),
    ),
    (message("<d:Probe><d:Types>Device</d:Types></d:Probe>"), Probe("uuid:1", ("Device",), (), "")),
    (
        message('<d:Probe><d:Scopes MatchBy=" urn:rule ">onvif://a/b\n onvif://c</d:Scopes></d:Probe>'),
        Probe("uuid:1", (), ("onvif://a/b", "onvif://c"), "urn:rule"),
    ),
    (  # WS-Addressing of 2005, which some clients mix in; mandatory headers that we know
        message(
            "<d:Probe/>",
            headers='<w:MessageID xmlns:w="http://www.w3.org/2005/08/addressing">urn:uuid:2</w:MessageID>'
            '<a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>',
        ),
        Probe("urn:uuid:2", (), (), ""),
    ),
    (
        message(
            "<d:Resolve><a:EndpointReference><a:Address> urn:uuid:3 </a:Address></a:EndpointReference></d:Resolve>"
        ),
        Resolve("uuid:1", "urn:uuid:3"),
    ),
    (message("<d:Hello/>"), None),
    (message("<d:ProbeMatches/>"), None),
    (message('<Probe xmlns="http://example.org/other"/>'), None),
    (message(""), None),
]


@pytest.mark.parametrize(("data", "value"), TABLE)
def test_read(data, value):
    assert parse_message(data) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        b"<a/>",
        message("<d:Probe/>", headers=""),
        message("<d:Probe/>", headers=f"<a:MessageID>{'x' * 2000}</a:MessageID>"),
        message("<d:Probe/>", headers='<a:MessageID>1</a:MessageID><x s:mustUnderstand="1"/>'),
        message("<d:Probe><d:Types>unknown:Device</d:Types></d:Probe>"),
        message(f"<d:Probe><d:Scopes>{'a ' * 100}</d:Scopes></d:Probe>"),
        message("<d:Resolve/>"),
        message("<d:Probe/><d:Probe/>"),
        b'<!DOCTYPE x [<!ENTITY e "e">]>' + message("<d:Probe/>"),
        message("<d:Probe>" + " " * 20_000 + "</d:Probe>"),
        message("<d:Probe/>").replace(b"uuid:1", b"\xff"),
    ],
)
def test_refused(data):
    with pytest.raises(RemoteProtocolError):
        parse_message(data)


ANNOUNCEMENT = Announcement(
    "urn:uuid:6f9c6a0e-31a6-4e0b-9c7c-0f4a6b1d2e3f",
    ("onvif://www.onvif.org/name/a", "onvif://www.onvif.org/x?a&b"),
    ("http://192.0.2.5:580/onvif/device_service", "http://[2001:db8::5]:580/onvif/device_service"),
)


@pytest.mark.parametrize(
    ("data", "action", "path", "relates_to"),
    [
        (hello(ANNOUNCEMENT, Sequence(7, 1), "urn:uuid:m"), "Hello", "Hello", None),
        (bye(ANNOUNCEMENT.endpoint, Sequence(7, 1), "urn:uuid:m"), "Bye", "Bye", None),
        (
            probe_matches(ANNOUNCEMENT, Sequence(7, 1), "urn:uuid:m", "<r>"),
            "ProbeMatches",
            f"ProbeMatches/{D}ProbeMatch",
            "<r>",
        ),
        (
            resolve_matches(ANNOUNCEMENT, Sequence(7, 1), "urn:uuid:m", "r"),
            "ResolveMatches",
            f"ResolveMatches/{D}ResolveMatch",
            "r",
        ),
    ],
)
def test_written(data, action, path, relates_to):
    root = etree.fromstring(data)
    header = root.find(f"{S}Header")
    assert header.findtext(f"{A}Action") == f"{DISCOVERY}/{action}"
    assert header.findtext(f"{A}MessageID") == "urn:uuid:m"
    assert header.findtext(f"{A}RelatesTo") == relates_to
    assert dict(header.find(f"{D}AppSequence").attrib) == {"InstanceId": "7", "MessageNumber": "1"}
    found = root.find(f"{S}Body/{D}{path}")
    assert found.findtext(f"{A}EndpointReference/{A}Address") == ANNOUNCEMENT.endpoint
    if action == "Bye":
        return
    # In the order of the schema.
    assert [etree.QName(child).localname for child in found] == [
        "EndpointReference",
        "Types",
        "Scopes",
        "XAddrs",
        "MetadataVersion",
    ]
    types = found.find(f"{D}Types")
    names = {f"{{{types.nsmap[name.split(':')[0]]}}}{name.split(':')[1]}" for name in types.text.split()}
    assert names == set(TYPES)
    assert tuple(found.findtext(f"{D}Scopes").split()) == ANNOUNCEMENT.scopes
    assert tuple(found.findtext(f"{D}XAddrs").split()) == ANNOUNCEMENT.xaddrs


def test_fault():
    root = etree.fromstring(matching_rule_fault(Sequence(7, 1), "urn:uuid:m", "r"))
    fault = root.find(f"{S}Body/{S}Fault")
    assert fault.findtext(f"{S}Code/{S}Subcode/{S}Value") == "d:MatchingRuleNotSupported"
    assert root.findtext(f"{S}Header/{A}Action") == f"{DISCOVERY}/fault"


def test_our_answers_are_no_questions():
    assert parse_message(hello(ANNOUNCEMENT, Sequence(1, 1), "urn:uuid:m")) is None


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.sampled_from(SEEDS)), st.integers(0, 2000), st.binary(max_size=6))
def test_any_bytes_are_a_question_or_refused(data, at, patch):
    broken = data[:at] + patch + data[at + len(patch) :]
    try:
        found = parse_message(broken)
    except RemoteProtocolError:
        return
    assert found is None or found.message_id
