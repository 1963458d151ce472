import dataclasses

import pytest
from lxml import etree

from bridge.wire.soap import faults
from bridge.wire.soap.faults import ADDRESSING, ONVIF_ERROR, SOAP_11, SOAP_12, Fault, SoapFault, render_fault
from tests.onvif_schemas import all_services

# ONVIF Core, generic faults: code, subcodes, reason, HTTP status.
GENERIC = [
    (faults.WELL_FORMED, "Sender", "WellFormed", "Well-formed Error", 400),
    (faults.TAG_MISMATCH, "Sender", "TagMismatch", "Tag Mismatch", 400),
    (faults.NO_TAG, "Sender", "Tag", "No Tag", 400),
    (faults.WRONG_NAMESPACE, "Sender", "Namespace", "Namespace Error", 400),
    (faults.MISSING_ATTRIBUTE, "Sender", "MissingAttr", "Required Attribute not present", 400),
    (faults.PROHIBITED_ATTRIBUTE, "Sender", "ProhibAttr", "Prohibited Attribute", 400),
    (faults.INVALID_ARGS, "Sender", "InvalidArgs", "Invalid Args", 400),
    (faults.INVALID_ARG_VAL, "Sender", "InvalidArgVal", "Argument Value Invalid", 400),
    (faults.UNKNOWN_ACTION, "Sender", "UnknownAction", "Unknown Action", 400),
    (faults.ACTION_NOT_SUPPORTED, "Receiver", "ActionNotSupported", "Optional Action Not Implemented", 500),
    (faults.OPERATION_PROHIBITED, "Sender", "OperationProhibited", "Operation not Permitted", 400),
    (faults.NOT_AUTHORIZED, "Sender", "NotAuthorized", "Sender not Authorized", 400),
    (faults.ACTION_FAILED, "Receiver", "Action", "Action Failed", 500),
    (faults.OUT_OF_MEMORY, "Receiver", "OutofMemory", "Out of Memory", 500),
    (faults.CRITICAL_ERROR, "Receiver", "CriticalError", "Critical Error", 500),
    (faults.HEADER_NOT_UNDERSTOOD, "MustUnderstand", "", "SOAP header blocks not understood", 500),
    (faults.WRONG_VERSION, "VersionMismatch", "", "SOAP version mismatch", 500),
    (faults.UNKNOWN_ENCODING, "DataEncodingUnknown", "", "Unsupported SOAP data encoding", 500),
    (faults.invalid_value("NoProfile"), "Sender", "InvalidArgVal/NoProfile", "Argument Value Invalid", 400),
    (
        faults.not_supported("AudioNotSupported"),
        "Receiver",
        "ActionNotSupported/AudioNotSupported",
        "Optional Action Not Implemented",
        500,
    ),
    (faults.action_failed("NoStatus"), "Receiver", "Action/NoStatus", "Action Failed", 500),
    (
        faults.prohibited("StreamConflict"),
        "Sender",
        "OperationProhibited/StreamConflict",
        "Operation not Permitted",
        400,
    ),
]


@pytest.mark.parametrize(("fault", "code", "subcodes", "reason", "status"), GENERIC)
def test_generic_faults(fault: Fault, code: str, subcodes: str, reason: str, status: int) -> None:
    root = etree.fromstring(render_fault(fault))
    values = [element.text or "" for element in root.iter(f"{{{SOAP_12}}}Value")]
    assert values == [f"env:{code}", *(f"ter:{each}" for each in subcodes.split("/") if each)]
    assert root.nsmap["ter"] == ONVIF_ERROR
    assert root.nsmap["env"] == SOAP_12
    (text,) = root.iter(f"{{{SOAP_12}}}Text")
    assert text.text == reason
    assert text.get("{http://www.w3.org/XML/1998/namespace}lang") == "en"
    assert fault.http_status == status
    schemas, _ = all_services()
    assert schemas.is_valid(root), schemas.errors()


def test_detail_is_text_whatever_it_holds() -> None:
    root = etree.fromstring(render_fault(faults.INVALID_ARGS.because("a <b> & \x00\x1b ü")))
    (text,) = root.iter(f"{{{ONVIF_ERROR}}}Text")
    assert text.text == "a <b> & ?? ü"


def test_not_understood_headers() -> None:
    root = etree.fromstring(render_fault(faults.header_not_understood(("{urn:x&y}b",))))
    (block,) = root.iter(f"{{{SOAP_12}}}NotUnderstood")
    prefix, _, local = str(block.get("qname")).partition(":")
    assert (block.nsmap[prefix], local) == ("urn:x&y", "b")


def test_not_understood_headers_without_a_namespace() -> None:
    root = etree.fromstring(render_fault(faults.header_not_understood(("b",))))
    (block,) = root.iter(f"{{{SOAP_12}}}NotUnderstood")
    assert block.get("qname") == "b"


def test_addressing() -> None:
    root = etree.fromstring(render_fault(faults.ACTION_FAILED, relates_to="urn:<1>"))
    header = root[0]
    assert header.findtext(f"{{{ADDRESSING}}}RelatesTo") == "urn:<1>"
    assert header.findtext(f"{{{ADDRESSING}}}Action") == faults.ADDRESSING_FAULT


def test_notification_faults_carry_their_action_always() -> None:
    fault = dataclasses.replace(faults.ACTION_FAILED, subcodes=(), detail_element='<x xmlns="urn:x"/>')
    root = etree.fromstring(render_fault(fault))
    assert root[0].findtext(f"{{{ADDRESSING}}}Action") == faults.ADDRESSING_FAULT
    assert root.find(".//{urn:x}x") is not None


def test_version_mismatch_in_soap_11() -> None:
    root = etree.fromstring(render_fault(faults.WRONG_VERSION_11))
    assert root.tag == f"{{{SOAP_11}}}Envelope"
    assert root.findtext(".//faultcode") == "env:VersionMismatch"
    supported = root.find(f".//{{{SOAP_12}}}SupportedEnvelope")
    assert supported is not None
    prefix, _, local = str(supported.get("qname")).partition(":")
    assert (supported.nsmap[prefix], local) == (SOAP_12, "Envelope")


def test_the_exception_names_its_fault() -> None:
    error = SoapFault(faults.invalid_value("NoProfile", "no profile 'x'"))
    assert str(error) == "Sender/InvalidArgVal/NoProfile: no profile 'x'"
    assert error.status == 400
