"""SOAP faults as values, their constructors, and how they are rendered (SOAP 1.2 part 1, 5.4; ONVIF Core, Faults).

A fault is never built from text of a peer or of an exception: `reason` comes from the tables of the standard, `detail`
is a sentence of ours.
"""

from dataclasses import dataclass, replace
from xml.sax.saxutils import escape

from bridge.base.errors import RemoteProtocolError

SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
ADDRESSING = "http://www.w3.org/2005/08/addressing"
ADDRESSING_FAULT = "http://www.w3.org/2005/08/addressing/soap/fault"
ONVIF_ERROR = "http://www.onvif.org/ver10/error"

SENDER = "Sender"
RECEIVER = "Receiver"
MUST_UNDERSTAND = "MustUnderstand"
VERSION_MISMATCH = "VersionMismatch"
DATA_ENCODING_UNKNOWN = "DataEncodingUnknown"


@dataclass(frozen=True, slots=True)
class Fault:
    """One SOAP 1.2 fault.

    code:           local name of the `env:` code
    subcodes:       local names in `ter:`, outermost first; at most two
    reason:         the standard's words; clients match on them (Home Assistant: "Optional Action Not Implemented")
    detail:         free text for people, "" for none; never a stack trace, path or secret
    detail_element: one rendered element that declares its own namespaces (WS-Notification faults); "" for none
    not_understood: QNames `{namespace}name` of header blocks (MustUnderstand only; SOAP 1.2 part 1, 5.4.8)
    version:        namespace of the envelope that carries it
    """

    code: str
    subcodes: tuple[str, ...]
    reason: str
    detail: str = ""
    detail_element: str = ""
    not_understood: tuple[str, ...] = ()
    version: str = SOAP_12

    @property
    def http_status(self) -> int:
        """The SOAP 1.2 HTTP binding: 400 when the sender is at fault, else 500 (SOAP 1.2 part 2, table 20)."""
        return 400 if self.code == SENDER else 500

    def because(self, detail: str) -> "Fault":
        """The same fault with a sentence for people."""
        return replace(self, detail=detail)


class SoapFault(RemoteProtocolError):  # noqa: N818 - the standard's word; `SoapFaultError` would say it twice
    """The request is answered with `fault`."""

    def __init__(self, fault: Fault) -> None:
        names = "/".join((fault.code, *fault.subcodes))
        super().__init__(f"{names}: {fault.detail or fault.reason}", status=fault.http_status)
        self.fault = fault


# --- Generic faults without a more specific subcode ------------------------------------------------------------------

WELL_FORMED = Fault(SENDER, ("WellFormed",), "Well-formed Error")
TAG_MISMATCH = Fault(SENDER, ("TagMismatch",), "Tag Mismatch")
NO_TAG = Fault(SENDER, ("Tag",), "No Tag")
WRONG_NAMESPACE = Fault(SENDER, ("Namespace",), "Namespace Error")
MISSING_ATTRIBUTE = Fault(SENDER, ("MissingAttr",), "Required Attribute not present")
PROHIBITED_ATTRIBUTE = Fault(SENDER, ("ProhibAttr",), "Prohibited Attribute")
INVALID_ARGS = Fault(SENDER, ("InvalidArgs",), "Invalid Args")
INVALID_ARG_VAL = Fault(SENDER, ("InvalidArgVal",), "Argument Value Invalid")
UNKNOWN_ACTION = Fault(SENDER, ("UnknownAction",), "Unknown Action")
ACTION_NOT_SUPPORTED = Fault(RECEIVER, ("ActionNotSupported",), "Optional Action Not Implemented")
OPERATION_PROHIBITED = Fault(SENDER, ("OperationProhibited",), "Operation not Permitted")
NOT_AUTHORIZED = Fault(SENDER, ("NotAuthorized",), "Sender not Authorized")
ACTION_FAILED = Fault(RECEIVER, ("Action",), "Action Failed")
OUT_OF_MEMORY = Fault(RECEIVER, ("OutofMemory",), "Out of Memory")
CRITICAL_ERROR = Fault(RECEIVER, ("CriticalError",), "Critical Error")
HEADER_NOT_UNDERSTOOD = Fault(MUST_UNDERSTAND, (), "SOAP header blocks not understood")
WRONG_VERSION = Fault(VERSION_MISMATCH, (), "SOAP version mismatch")
WRONG_VERSION_11 = replace(WRONG_VERSION, version=SOAP_11)  # a request in SOAP 1.1 is told so in SOAP 1.1
UNKNOWN_ENCODING = Fault(DATA_ENCODING_UNKNOWN, (), "Unsupported SOAP data encoding")


# --- Faults with a subcode of a service ------------------------------------------------------------------------------


def invalid_value(subcode: str, detail: str = "") -> Fault:
    """Sender / InvalidArgVal / `subcode`, such as NoProfile: an argument of the right type names nothing of ours."""
    return replace(INVALID_ARG_VAL, subcodes=("InvalidArgVal", subcode), detail=detail)


def not_supported(subcode: str, detail: str = "") -> Fault:
    """Receiver / ActionNotSupported / `subcode`, such as AudioNotSupported."""
    return replace(ACTION_NOT_SUPPORTED, subcodes=("ActionNotSupported", subcode), detail=detail)


def action_failed(subcode: str, detail: str = "") -> Fault:
    """Receiver / Action / `subcode`, such as IncompleteConfiguration."""
    return replace(ACTION_FAILED, subcodes=("Action", subcode), detail=detail)


def prohibited(subcode: str, detail: str = "") -> Fault:
    """Sender / OperationProhibited / `subcode`, such as StreamConflict."""
    return replace(OPERATION_PROHIBITED, subcodes=("OperationProhibited", subcode), detail=detail)


def header_not_understood(names: tuple[str, ...]) -> Fault:
    """MustUnderstand; names: `{namespace}name` of each mandatory header block that we do not know."""
    return replace(HEADER_NOT_UNDERSTOOD, not_understood=names)


# --- Rendering -------------------------------------------------------------------------------------------------------


def render_fault(fault: Fault, *, relates_to: str = "") -> bytes:
    """The whole envelope, as bytes to send.

    relates_to: wsa:MessageID of the request, "" when it carried none; then the answer has no WS-Addressing headers
    """
    if fault.version == SOAP_11:
        return _render_soap11(fault)
    code = "".join(f"<env:Subcode><env:Value>ter:{subcode}</env:Value>" for subcode in fault.subcodes)
    code += "</env:Subcode>" * len(fault.subcodes)
    detail = fault.detail_element
    if fault.detail:
        detail += f"<ter:Text>{_text(fault.detail)}</ter:Text>"
    parts = [
        f'<env:Envelope xmlns:env="{SOAP_12}" xmlns:ter="{ONVIF_ERROR}">',
        _fault_headers(fault, relates_to),
        f"<env:Body><env:Fault><env:Code><env:Value>env:{fault.code}</env:Value>{code}</env:Code>",
        f'<env:Reason><env:Text xml:lang="en">{_text(fault.reason)}</env:Text></env:Reason>',
        f"<env:Detail>{detail}</env:Detail>" if detail else "",
        "</env:Fault></env:Body></env:Envelope>",
    ]
    return _document("".join(parts))


def _render_soap11(fault: Fault) -> bytes:
    """In an envelope of SOAP 1.1, with the header block that names the version we speak (SOAP 1.2 part 1, 5.4.7)."""
    return _document(
        f'<env:Envelope xmlns:env="{SOAP_11}"><env:Header><upg:Upgrade xmlns:upg="{SOAP_12}">'
        f'<upg:SupportedEnvelope qname="upg:Envelope"/></upg:Upgrade></env:Header>'
        f"<env:Body><env:Fault><faultcode>env:{fault.code}</faultcode>"
        f"<faultstring>{_text(fault.reason)}</faultstring></env:Fault></env:Body></env:Envelope>"
    )


def _fault_headers(fault: Fault, relates_to: str) -> str:
    blocks = ""
    if relates_to:
        blocks += (
            f'<wsa:Action xmlns:wsa="{ADDRESSING}">{ADDRESSING_FAULT}</wsa:Action>'
            f'<wsa:RelatesTo xmlns:wsa="{ADDRESSING}">{_text(relates_to)}</wsa:RelatesTo>'
        )
    elif fault.detail_element:  # WS-Notification's faults carry the Action even for a request without addressing
        blocks += f'<wsa:Action xmlns:wsa="{ADDRESSING}">{ADDRESSING_FAULT}</wsa:Action>'
    for name in fault.not_understood:
        namespace, _, local = name.removeprefix("{").rpartition("}")
        # A block without a namespace breaks SOAP 1.2 part 1, 5.2.1; it is named all the same.
        declared = f' xmlns:h="{escape(namespace, {chr(34): "&quot;"})}"' if namespace else ""
        blocks += f'<env:NotUnderstood qname="{"h:" if namespace else ""}{_text(local)}"{declared}/>'
    return f"<env:Header>{blocks}</env:Header>" if blocks else ""


def _text(text: str) -> str:
    """Escaped, and without the control characters that XML 1.0 cannot carry."""
    return escape("".join(c if c >= " " or c in "\t\n\r" else "?" for c in text))


def _document(envelope: str) -> bytes:
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + envelope.encode()
