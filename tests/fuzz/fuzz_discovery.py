"""Questions of WS-Discovery from any bytes, and what is answered."""

from lxml import etree

from bridge.base.errors import RemoteProtocolError
from bridge.dialogue.discovery import DiscoverableDevice, DiscoverableDevices
from bridge.wire.discovery import MAX_DATAGRAM_BYTES, parse_message
from bridge.wire.scopes import device_scopes

_HEAD = (
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    b' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    b' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"'
    b' xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><s:Header><a:MessageID>uuid:1</a:MessageID></s:Header><s:Body>'
)
SEEDS = [
    _HEAD + b"<d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types><d:Scopes>onvif://www.onvif.org/name"
    b" onvif://www.onvif.org/Profile/G</d:Scopes></d:Probe></s:Body></s:Envelope>",
    _HEAD + b'<d:Probe><d:Scopes MatchBy="urn:x">a://[b</d:Scopes></d:Probe></s:Body></s:Envelope>',
    _HEAD + b"<d:Resolve><a:EndpointReference><a:Address>urn:uuid:1</a:Address></a:EndpointReference></d:Resolve>"
    b"</s:Body></s:Envelope>",
]
_DEVICES = DiscoverableDevices()
_DEVICES.add(
    DiscoverableDevice("urn:uuid:1", device_scopes("name", "hardware"), 1, bytes, lambda local: (f"http://{local}/",))
)


def run(data: bytes) -> None:
    """A question or a refusal; what is answered is XML and not much larger than what we have to say."""
    try:
        parse_message(data)
    except RemoteProtocolError:
        assert not _DEVICES.answers(data, "192.0.2.1", "192.0.2.5", 0, unicast=True)
        return
    assert len(data) <= MAX_DATAGRAM_BYTES
    run.now += 10**10
    for answer in _DEVICES.answers(data, "192.0.2.1", "192.0.2.5", run.now, unicast=True):
        etree.fromstring(answer)
        assert len(answer) < 8192


run.now = 0
