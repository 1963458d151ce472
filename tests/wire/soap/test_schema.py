import pytest
from lxml import etree

from bridge.wire.soap.faults import ADDRESSING, SoapFault
from bridge.wire.soap.schema import PREFIXES
from tests.onvif_schemas import all_services, operation
from tests.wire.soap.test_decoder import STREAM_URI, read


@pytest.mark.parametrize(
    ("service", "name", "text", "fault"),
    [
        ("media", "GetProfile", "<trt:GetProfile/>", "InvalidArgs"),
        ("media", "GetProfiles", "<trt:GetProfiles><trt:More/></trt:GetProfiles>", "InvalidArgs"),
        (
            "media",
            "GetProfile",
            "<trt:GetProfile><trt:ProfileToken>a</trt:ProfileToken><trt:ProfileToken>b</trt:ProfileToken></trt:GetProfile>",
            "InvalidArgs",
        ),
        (
            "media",
            "GetProfile",
            f"<trt:GetProfile><trt:ProfileToken>{'x' * 65}</trt:ProfileToken></trt:GetProfile>",
            "InvalidArgVal",
        ),
        ("media", "GetProfile", "<trt:GetProfile><tt:ProfileToken>a</tt:ProfileToken></trt:GetProfile>", "Namespace"),
        ("media", "GetProfile", "<trt:GetProfile><ProfileToken>a</ProfileToken></trt:GetProfile>", "Namespace"),
        ("media", "GetStreamUri", STREAM_URI.replace("RTP-Unicast", "Carrier-Pigeon"), "InvalidArgVal"),
        ("media", "GetStreamUri", STREAM_URI.replace("<trt:ProfileToken>p1</trt:ProfileToken>", ""), "InvalidArgs"),
        (
            "device",
            "GetServices",
            "<tds:GetServices><tds:IncludeCapability>maybe</tds:IncludeCapability></tds:GetServices>",
            "InvalidArgs",
        ),
        (
            "device",
            "GetCapabilities",
            "<tds:GetCapabilities><tds:Category>Tea</tds:Category></tds:GetCapabilities>",
            "InvalidArgVal",
        ),
        ("media", "GetProfiles", '<trt:GetProfiles colour="red"/>', "ProhibAttr"),
        (
            "device",
            "SetIPAddressFilter",
            (
                "<tds:SetIPAddressFilter><tds:IPAddressFilter><tt:Type>Allow</tt:Type>"
                "<tt:IPv4Address><tt:Address>192.0.2.1</tt:Address><tt:PrefixLength>many</tt:PrefixLength></tt:IPv4Address>"
                "</tds:IPAddressFilter></tds:SetIPAddressFilter>"
            ),
            "InvalidArgs",
        ),
        (
            "media",
            "SetVideoSourceConfiguration",
            (
                "<trt:SetVideoSourceConfiguration><trt:Configuration><tt:Name>a</tt:Name><tt:UseCount>1</tt:UseCount>"
                '<tt:SourceToken>s</tt:SourceToken><tt:Bounds x="0" y="0" width="1" height="1"/></trt:Configuration>'
                "<trt:ForcePersistence>true</trt:ForcePersistence></trt:SetVideoSourceConfiguration>"
            ),
            "MissingAttr",
        ),
    ],
)
def test_violations_and_their_faults(service: str, name: str, text: str, fault: str) -> None:
    with pytest.raises(SoapFault) as raised:
        read(service, name, text)
    assert raised.value.fault.subcodes == (fault,)


def test_one_fault_leaves_nothing_behind() -> None:
    """The validator is shared: what a bad request left in its log must not fall on a good one."""
    with pytest.raises(SoapFault):
        read("media", "GetProfile", "<trt:GetProfile/>")
    assert read("media", "GetProfiles", "<trt:GetProfiles/>") == {}


def test_the_request_is_not_changed_by_taking_extensions_out() -> None:
    body = etree.fromstring(
        '<t:GetProfile xmlns:t="http://www.onvif.org/ver10/media/wsdl"><t:ProfileToken>a</t:ProfileToken><t:More/></t:GetProfile>'
    )
    before = etree.tostring(body)
    with pytest.raises(SoapFault):
        all_services()[0].arguments(operation("media", "GetProfile"), body)
    assert etree.tostring(body) == before


def test_every_namespace_of_the_schemas_has_a_prefix() -> None:
    for operations in all_services()[1].values():
        for each in operations:
            for name in filter(None, (each.request, each.answer)):
                assert name[1:].partition("}")[0] in PREFIXES, each.name


def test_prefixes_are_unique() -> None:
    assert len(set(PREFIXES.values())) == len(PREFIXES)


def test_answers_to_requests_with_addressing() -> None:
    schemas, _ = all_services()
    each = operation("events", "PullMessages")
    assert each.wsa_action == "http://www.onvif.org/ver10/events/wsdl/PullPointSubscription/PullMessagesResponse"
    renew = operation("events", "Renew")
    assert renew.wsa_action == "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/RenewResponse"
    root = etree.fromstring(schemas.answer(operation("media", "GetProfiles"), {}, relates_to="urn:<1>"))
    assert root[0].findtext(f"{{{ADDRESSING}}}RelatesTo") == "urn:<1>"
    assert (
        root[0].findtext(f"{{{ADDRESSING}}}Action") == "http://www.onvif.org/ver10/media/wsdl/Media/GetProfilesResponse"
    )


def test_two_services_share_elements() -> None:
    assert operation("device", "GetRelayOutputs").request == operation("deviceio", "GetRelayOutputs").request
