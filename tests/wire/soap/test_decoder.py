import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from zeep.helpers import serialize_object

from bridge.base.errors import RemoteProtocolError
from bridge.wire.soap.faults import SoapFault
from tests.onvif_schemas import all_services, operation

TRT = "http://www.onvif.org/ver10/media/wsdl"
TDS = "http://www.onvif.org/ver10/device/wsdl"
TT = "http://www.onvif.org/ver10/schema"
TSE = "http://www.onvif.org/ver10/search/wsdl"
WSNT = "http://docs.oasis-open.org/wsn/b-2"
TEV = "http://www.onvif.org/ver10/events/wsdl"


def read(service: str, name: str, text: str) -> Any:
    """The arguments in one element; `text` may use trt, tds, tse, tt."""
    body = etree.fromstring(f'<r xmlns:trt="{TRT}" xmlns:tds="{TDS}" xmlns:tse="{TSE}" xmlns:tt="{TT}">{text}</r>')[0]
    return all_services()[0].arguments(operation(service, name), body)


STREAM_URI = (
    "<trt:GetStreamUri><trt:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream>"
    "<tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport></trt:StreamSetup>"
    "<trt:ProfileToken>p1</trt:ProfileToken></trt:GetStreamUri>"
)


@pytest.mark.parametrize(
    ("service", "name", "text", "value"),
    [
        ("media", "GetProfiles", "<trt:GetProfiles/>", {}),
        ("device", "GetCapabilities", "<tds:GetCapabilities/>", {"Category": []}),
        (
            "device",
            "GetCapabilities",
            "<tds:GetCapabilities><tds:Category>All</tds:Category></tds:GetCapabilities>",
            {"Category": ["All"]},
        ),
        (
            "device",
            "GetServices",
            "<tds:GetServices><tds:IncludeCapability>1</tds:IncludeCapability></tds:GetServices>",
            {"IncludeCapability": True},
        ),
        (
            "media",
            "GetStreamUri",
            STREAM_URI,
            {
                "StreamSetup": {
                    "Stream": "RTP-Unicast",
                    "Transport": {"Protocol": "RTSP", "Tunnel": None},
                    "_value_1": [],
                },
                "ProfileToken": "p1",
            },
        ),
        (
            "media",
            "GetProfile",
            "<trt:GetProfile><trt:ProfileToken/></trt:GetProfile>",
            {"ProfileToken": ""},  # there, and names nothing: not the same as left out
        ),
    ],
)
def test_values(service: str, name: str, text: str, value: Any) -> None:
    assert read(service, name, text) == value


def test_same_as_zeep() -> None:
    schemas, _ = all_services()
    each = operation("media", "GetStreamUri")
    body = etree.fromstring(
        STREAM_URI.replace("<trt:GetStreamUri>", f'<trt:GetStreamUri xmlns:trt="{TRT}" xmlns:tt="{TT}">')
    )
    expected = serialize_object(schemas.zeep_request(each, body), dict)
    del expected["StreamSetup"]["_attr_1"]  # xs:anyAttribute, which we leave out
    expected["StreamSetup"]["_value_1"] = []  # a list that is empty, for us
    assert schemas.arguments(each, body) == expected


def find_events(start: str) -> Any:
    return read(
        "search",
        "FindEvents",
        f"<tse:FindEvents><tse:StartPoint>{start}</tse:StartPoint><tse:Scope/><tse:SearchFilter/>"
        "<tse:IncludeStartState>false</tse:IncludeStartState><tse:KeepAliveTime>P1Y2M3DT1H</tse:KeepAliveTime>"
        "</tse:FindEvents>",
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-21T09:00:00Z", dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC)),
        ("2026-11-21T09:00:00", dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC)),
        ("2026-11-21T11:00:00.250+02:00", dt.datetime(2026, 11, 21, 9, 0, 0, 250_000, tzinfo=dt.UTC)),
    ],
)
def test_times_become_utc(text: str, value: dt.datetime) -> None:
    found = find_events(text)
    assert found["StartPoint"] == value
    assert found["StartPoint"].tzinfo is dt.UTC
    assert found["KeepAliveTime"] == dt.timedelta(days=365 + 60 + 3, hours=1)


@pytest.mark.parametrize("text", ["12026-11-21T09:00:00Z", "-0044-03-15T12:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_times_beyond_python_are_wrong_values(text: str) -> None:
    with pytest.raises(SoapFault) as raised:
        find_events(text)
    assert raised.value.fault.subcodes == ("InvalidArgVal",)


def test_vendor_extensions_are_ignored() -> None:
    setup = "<tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport>"
    for extra in ('<x:More xmlns:x="urn:maker"/>', "<tt:FutureThing>1</tt:FutureThing>", "<Bare/>"):
        text = f"<trt:StreamSetup>{setup}{extra}</trt:StreamSetup><trt:ProfileToken>p</trt:ProfileToken>"
        text = f"<trt:GetStreamUri>{text}</trt:GetStreamUri>"
        assert read("media", "GetStreamUri", text)["ProfileToken"] == "p"


def test_vendor_extensions_take_nothing_else_away() -> None:
    topic = f'<b:TopicExpression xmlns:b="{WSNT}" Dialect="urn:dialect">tns1:Device</b:TopicExpression>'
    for extra in ('<x:More xmlns:x="urn:maker"/>', "<e:Future/>", "<Bare/>"):
        text = f"<e:Filter>{topic}</e:Filter>{extra}"
        text = f'<e:CreatePullPointSubscription xmlns:e="{TEV}">{text}</e:CreatePullPointSubscription>'
        (found,) = read("events", "CreatePullPointSubscription", text)["Filter"]["_value_1"]
        assert found.text == "tns1:Device"


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_any_text_as_argument(text: str) -> None:
    body = etree.Element(f"{{{TRT}}}GetProfile")
    try:
        etree.SubElement(body, f"{{{TRT}}}ProfileToken").text = text
    except ValueError:
        return
    try:
        found = all_services()[0].arguments(operation("media", "GetProfile"), body)
    except RemoteProtocolError:
        return
    assert found["ProfileToken"] == text or text.split() == found["ProfileToken"].split()
