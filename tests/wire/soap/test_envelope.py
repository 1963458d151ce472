import contextlib
import gc
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from bridge.base.errors import RemoteProtocolError
from bridge.wire.soap import envelope
from bridge.wire.soap.envelope import Envelope, check_counts, parse_envelope
from bridge.wire.soap.faults import ADDRESSING, SOAP_11, SOAP_12, SoapFault

ENV = f'xmlns:s="{SOAP_12}"'


def soap(body: str = "<a/>", header: str = "", attributes: str = "") -> bytes:
    head = f"<s:Header>{header}</s:Header>" if header else ""
    return f"<s:Envelope {ENV} {attributes}>{head}<s:Body>{body}</s:Body></s:Envelope>".encode()


def fault_of(data: bytes) -> str:
    with pytest.raises(SoapFault) as raised:
        parse_envelope(data)
    fault = raised.value.fault
    return "/".join((fault.code, *fault.subcodes))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (soap('<x:Get xmlns:x="urn:x"/>'), "{urn:x}Get"),
        (soap("<Get/>"), "Get"),
        (soap(""), ""),
        (soap(" \n "), ""),
        (soap("<!-- a comment --><Get/>"), "Get"),
        (soap("<?pi?><Get/>"), "Get"),
        (b"\xef\xbb\xbf" + soap("<Get/>"), "Get"),
        (b'<?xml version="1.0" encoding="UTF-8"?>\r\n' + soap("<Get/>"), "Get"),
        # A client of .NET that declares the encoding of its strings, not of its bytes.
        (b'<?xml version="1.0" encoding="utf-16"?>' + soap("<Get/>"), "Get"),
        (soap("<Get><![CDATA[<!x]]></Get>"), "Get"),
        (soap("<Get/>", '<b xmlns="urn:x"/>'), "Get"),
        (soap("<Get/>", f'<b xmlns="urn:x" s:mustUnderstand="1" s:role="{SOAP_12}/role/none"/>'), "Get"),
        (soap("<Get/>", '<b xmlns="urn:x" s:mustUnderstand="1" s:role="urn:somebody-else"/>'), "Get"),
        (soap("<Get/>", '<b xmlns="urn:x" s:mustUnderstand="0"/>'), "Get"),
        (soap("<Get/>", f'<To xmlns="{ADDRESSING}" s:mustUnderstand="true">urn:y</To>'), "Get"),
        (soap("<Get/>", f'<Security xmlns="{envelope.SECURITY}" s:mustUnderstand="1"/>'), "Get"),
    ],
)
def test_what_is_read(data: bytes, name: str) -> None:
    assert parse_envelope(data).name == name


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"hello", "Sender/WellFormed"),
        (b"", "Sender/WellFormed"),
        (b"<a/>", "Sender/WellFormed"),
        (soap("\x01"), "Sender/WellFormed"),
        (soap("<a>\xff</a>").replace(b"\xc3\xbf", b"\xff"), "Sender/WellFormed"),
        (soap("<a></b>"), "Sender/TagMismatch"),
        (soap("<a>&lol;</a>"), "Sender/WellFormed"),
        (soap("<a b:c='1'/>"), "Sender/WellFormed"),
        (b'<!DOCTYPE x SYSTEM "http://192.0.2.1/x.dtd">' + soap(), "Sender/WellFormed"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]>' + soap("<a>&a;</a>"), "Sender/WellFormed"),
        (soap().decode().encode("utf-16"), "Sender/WellFormed"),
        (f"<s:Envelope {ENV}/>".encode(), "Sender/Tag"),
        (f"<s:Envelope {ENV}><s:Header/></s:Envelope>".encode(), "Sender/Tag"),
        (f"<s:Envelope {ENV}><Body/></s:Envelope>".encode(), "Sender/Namespace"),
        (f"<s:Envelope {ENV}><s:Body/><s:Body/></s:Envelope>".encode(), "Sender/Tag"),
        (soap("<a/><b/>"), "Sender/InvalidArgs"),
        (soap("<a/>", '<b xmlns="urn:x" s:mustUnderstand="1"/>'), "MustUnderstand"),
        (soap("<a/>", f'<b xmlns="urn:x" s:mustUnderstand="true" s:role="{SOAP_12}/role/next"/>'), "MustUnderstand"),
        (soap('<a s:encodingStyle="urn:x"/>'), "DataEncodingUnknown"),
        (soap().replace(SOAP_12.encode(), SOAP_11.encode()), "VersionMismatch"),
        (soap().replace(SOAP_12.encode(), b"urn:soap-of-tomorrow"), "VersionMismatch"),
    ],
)
def test_what_is_refused(data: bytes, fault: str) -> None:
    assert fault_of(data) == fault


def test_soap_11_is_answered_in_soap_11() -> None:
    with pytest.raises(SoapFault) as raised:
        parse_envelope(soap().replace(SOAP_12.encode(), SOAP_11.encode()))
    assert raised.value.fault.version == SOAP_11


def test_not_understood_headers_are_named() -> None:
    with pytest.raises(SoapFault) as raised:
        parse_envelope(soap("<a/>", '<b xmlns="urn:x" s:mustUnderstand="1"/>'))
    assert raised.value.fault.not_understood == ("{urn:x}b",)


def test_headers_are_found_by_name() -> None:
    found = parse_envelope(soap("<a/>", f'<m:MessageID xmlns:m="{ADDRESSING}"> urn:1 </m:MessageID>'))
    assert found.message_id == "urn:1"
    assert found.header("{urn:x}b") is None
    assert Envelope().message_id == ""


# --- Limits ----------------------------------------------------------------------------------------------------------


def test_depth() -> None:
    # Envelope and Body are two of them.
    for inner, refused in ((envelope.MAX_DEPTH - 2, False), (envelope.MAX_DEPTH - 1, True)):
        data = soap("<a>" * inner + "</a>" * inner)
        if refused:
            assert fault_of(data) == "Sender/WellFormed"
        else:
            assert parse_envelope(data).name == "a"


def test_number_of_elements() -> None:
    fits = soap("<b>" + "<a/>" * (envelope.MAX_ELEMENTS - 3) + "</b>")
    assert parse_envelope(fits).name == "b"
    assert fault_of(soap("<b>" + "<a/>" * (envelope.MAX_ELEMENTS - 2) + "</b>")) == "Sender/WellFormed"


def test_namespaces_of_one_element() -> None:
    def declared(number: int) -> bytes:
        return soap("<a " + " ".join(f'xmlns:n{i}="urn:{i}"' for i in range(number)) + "/>")

    assert parse_envelope(declared(envelope.MAX_NAMESPACES)).name == "a"
    assert fault_of(declared(envelope.MAX_NAMESPACES + 1)) == "Sender/WellFormed"
    many = soap("<b>" + '<a xmlns="urn:x"/>' * 200 + "</b>")
    assert parse_envelope(many).name == "b"


def test_attributes_of_one_element() -> None:
    def having(number: int) -> bytes:
        return soap("<a " + " ".join(f'n{i}=""' for i in range(number)) + "/>")

    assert parse_envelope(having(envelope.MAX_ATTRIBUTES)).name == "a"
    assert fault_of(having(envelope.MAX_ATTRIBUTES + 1)) == "Sender/WellFormed"


def test_attributes_of_all_elements() -> None:
    def having(number: int) -> bytes:
        attributes = " ".join(f'n{i}=""' for i in range(100))
        return soap("<b>" + f"<a {attributes}/>" * number + "</b>")

    assert parse_envelope(having(199)).name == "b"
    assert fault_of(having(200)) == "Sender/WellFormed"


def test_length_of_an_attribute() -> None:
    assert parse_envelope(soap(f'<a b="{"x" * envelope.MAX_ATTRIBUTE_BYTES}"/>')).name == "a"
    assert fault_of(soap(f'<a b="{"x" * (envelope.MAX_ATTRIBUTE_BYTES + 1)}"/>')) == "Sender/WellFormed"


BOMBS = {
    "laughs": b"<!DOCTYPE l ["
    + b"".join(b'<!ENTITY l%d "%s">' % (i, b"&l%d;" % (i - 1) * 10) for i in range(1, 10))
    + b"]>"
    + soap("<a>&l9;</a>"),
    "one long entity": b'<!DOCTYPE l [<!ENTITY l "' + b"x" * 50_000 + b'">]>' + soap("<a>" + "&l;" * 200_000 + "</a>"),
    "elements": soap("<b>" + "<a/>" * 250_000 + "</b>"),
    "depth": soap("<a>" * 150_000 + "</a>" * 150_000),
    "attributes": soap("<a " + " ".join(f'n{i}=""' for i in range(90_000)) + "/>"),
    "namespaces": soap("<a " + " ".join(f'xmlns:n{i}=""' for i in range(60_000)) + "/>"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_reach_no_parser(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one element is made, and no more memory is held than a few times the input."""

    def parser(*args: object, **kwargs: object) -> None:
        raise AssertionError("the parser was asked")

    monkeypatch.setattr(etree, "fromstring", parser)
    gc.collect()
    tracemalloc.start()
    try:
        with pytest.raises(SoapFault):
            parse_envelope(BOMBS[name])
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 3 * len(BOMBS[name]) + 65_536


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    for text in (data, soap().replace(b"<a/>", data)):
        with contextlib.suppress(RemoteProtocolError):
            parse_envelope(text)


@settings(max_examples=100)
@given(st.lists(st.sampled_from([b"<", b">", b"<!", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"</", b"<?", b"a", b'="'])))
def test_counting_never_undercounts(parts: list[bytes]) -> None:
    data = b"".join(parts)
    try:
        root = etree.fromstring(data)
    except (etree.XMLSyntaxError, ValueError):
        return
    check_counts(data)
    tags = sum(1 for _ in root.iter(etree.Element))
    counted = data.count(b"<") - data.count(b"</") - data.count(b"<!") - data.count(b"<?")
    assert counted >= tags
