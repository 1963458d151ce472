"""Any bytes as a SOAP request: an envelope or a fault that can be rendered, and arguments or a fault of the schema."""

from lxml import etree

from bridge.wire.soap.envelope import MAX_DEPTH, MAX_ELEMENTS, parse_envelope
from bridge.wire.soap.faults import SOAP_12, Fault, SoapFault, render_fault
from tests.onvif_schemas import all_services

SCHEMAS, SERVICES = all_services()
OPERATIONS = {operation.request: operation for operations in SERVICES.values() for operation in operations}


def _soap(body: str, header: str = "") -> bytes:
    return (
        f'<s:Envelope xmlns:s="{SOAP_12}" xmlns:tt="http://www.onvif.org/ver10/schema" '
        f'xmlns:trt="http://www.onvif.org/ver10/media/wsdl" xmlns:tds="http://www.onvif.org/ver10/device/wsdl">'
        f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


SEEDS = [
    _soap("<tds:GetCapabilities><tds:Category>All</tds:Category></tds:GetCapabilities>"),
    _soap(
        "<trt:GetStreamUri><trt:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP"
        "</tt:Protocol></tt:Transport></trt:StreamSetup><trt:ProfileToken>p1</trt:ProfileToken></trt:GetStreamUri>"
    ),
    _soap('<e:Subscribe xmlns:e="http://docs.oasis-open.org/wsn/b-2"/>', '<x:y xmlns:x="urn:x" s:mustUnderstand="1"/>'),
    _soap('<tds:SetSystemDateAndTime s:encodingStyle="urn:x"/>'),
    b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
]


def run(data: bytes) -> None:
    """Nothing but SoapFault; faults are valid; what is let through keeps the limits."""
    fault = _fault_of(data)
    if fault is not None:
        root = etree.fromstring(render_fault(fault))
        assert SCHEMAS.is_valid(root) or fault.version != SOAP_12, SCHEMAS.errors()


def _fault_of(data: bytes) -> Fault | None:
    try:
        envelope = parse_envelope(data)
        operation = OPERATIONS.get(envelope.name)
        if envelope.body is not None:
            assert sum(1 for _ in envelope.body.iter()) <= MAX_ELEMENTS
            assert sum(1 for _ in envelope.body.iterancestors()) <= MAX_DEPTH
        if operation is not None and envelope.body is not None:
            assert isinstance(SCHEMAS.arguments(operation, envelope.body), dict)
    except SoapFault as error:
        return error.fault
    return None
