"""The device service: what it says of services, identity, network, time and users."""

import datetime as dt
from dataclasses import replace

import pytest

from bridge.base.time import NS_PER_S, ManualClock
from bridge.services.onvif.device import Device, Ports
from bridge.services.onvif.host import HostFacts
from bridge.services.onvif.schemas import SERVICES
from tests.services.onvif import bridge_setting
from tests.services.onvif.bridge_setting import FACTS, IDENTITY, OPERATOR, VIEWER, Bridge, call, texts

CAPABILITIES = "<IncludeCapability>{}</IncludeCapability>"


@pytest.fixture(scope="module")
def bridge():
    return Bridge()


def device(facts=FACTS, ports=None, **more):
    return Device(
        ports or Ports(),
        host=lambda _now: facts,
        users=lambda: (),
        render=bridge_setting.schemas().render,
        **more,
    )


def test_services_under_the_host_that_was_called(bridge):
    answer = bridge.ask("device", "GetServices", CAPABILITIES.format("false"), host="bridge.example.net:8580")
    names = ("device", "media", "media2", "deviceio", "recording", "search", "replay")
    assert texts(answer, "Namespace") == [SERVICES[name].namespace for name in names]
    assert texts(answer, "XAddr") == [f"http://bridge.example.net:8580{SERVICES[name].path}" for name in names]
    assert texts(answer, "Capabilities") == []


def test_services_with_capabilities(bridge):
    answer = bridge.ask("device", "GetServices", CAPABILITIES.format("true"))
    inner = [service.find("{*}Capabilities")[0] for service in answer]
    assert [each.tag for each in inner] == [f"{{{SERVICES[n].namespace}}}Capabilities" for n in bridge_setting.SERVED]
    # The same as each service says itself.
    for name, shown in zip(bridge_setting.SERVED, inner, strict=True):
        (own,) = bridge.ask(name, "GetServiceCapabilities")
        assert [sorted(each.attrib.items()) for each in shown.iter()] == [
            sorted(each.attrib.items()) for each in own.iter()
        ]


def test_what_cannot_be_set_is_said(bridge):
    (answer,) = bridge.ask("device", "GetServiceCapabilities")
    system = answer.find("{*}System")
    assert (system.get("NetworkConfigNotSupported"), system.get("UserConfigNotSupported")) == ("true", "true")
    security = answer.find("{*}Security")
    assert (security.get("UsernameToken"), security.get("HttpDigest"), security.get("TLS1.2")) == (
        "true",
        "true",
        "false",
    )
    assert device(usernametoken=False).capabilities(call())["Security"]["UsernameToken"] is False
    assert device(ports=Ports(https=443)).capabilities(call())["Security"]["TLS1.2"] is True


@pytest.mark.parametrize(
    "arguments", ["", "<Category>All</Category>", "<Category>Media</Category><Category>All</Category>"]
)
def test_capabilities(bridge, arguments):
    (answer,) = bridge.ask("device", "GetCapabilities", arguments)
    assert [child.tag.partition("}")[2] for child in answer] == ["Device", "Media", "Extension"]
    assert texts(answer, "RTP_RTSP_TCP") == ["true"]
    extension = answer.find("{*}Extension")
    assert [child.tag.partition("}")[2] for child in extension] == ["DeviceIO", "Recording", "Search", "Replay"]
    assert extension.find("{*}Search/{*}XAddr").text == "http://192.0.2.5:580/onvif/recording_search_service"
    assert extension.find("{*}Recording/{*}MediaProfileSource").text == "true"
    device_io = answer.find("{*}Extension/{*}DeviceIO")
    assert texts(device_io, "VideoSources") == ["4"]
    assert texts(device_io, "AudioSources") == ["2"]


def test_one_category(bridge):
    (answer,) = bridge.ask("device", "GetCapabilities", "<Category>Media</Category>")
    assert [child.tag.partition("}")[2] for child in answer] == ["Media"]


@pytest.mark.parametrize("category", ["Events", "PTZ", "Analytics", "Imaging"])
def test_categories_that_are_not_served(bridge, category):
    fault = bridge.fault("device", "GetCapabilities", f"<Category>{category}</Category>")
    assert fault == "Receiver/ActionNotSupported/NoSuchService"


def test_category_outside_of_the_schema(bridge):
    assert bridge.fault("device", "GetCapabilities", "<Category>Nonsense</Category>") == "Sender/InvalidArgVal"


def test_identity(bridge):
    answer = bridge.ask("device", "GetDeviceInformation")
    assert [child.text for child in answer] == ["The maker", "Open Network Bridge", "0.1.0", "SN-1", "onb"]
    assert texts(bridge.ask("device", "GetEndpointReference"), "GUID") == [IDENTITY.endpoint]


def test_scopes_are_fixed(bridge):
    answer = bridge.ask("device", "GetScopes")
    assert set(texts(answer, "ScopeDef")) == {"Fixed"}
    assert "onvif://www.onvif.org/Profile/Streaming" in texts(answer, "ScopeItem")
    assert texts(bridge.ask("device", "GetDiscoveryMode"), "DiscoveryMode") == ["Discoverable"]


def test_time_is_true_and_in_both_zones():
    def local_time(utc_s):
        return dt.datetime.fromtimestamp(utc_s, dt.timezone(dt.timedelta(hours=2))), True

    moment = dt.datetime(2026, 7, 31, 23, 30, 15, tzinfo=dt.UTC)
    facts = replace(FACTS, local_time=local_time)
    asked = replace(call(), utc_ns=int(moment.timestamp()) * NS_PER_S)
    found = device(facts).GetSystemDateAndTime(asked, {})["SystemDateAndTime"]
    assert (found["DateTimeType"], found["DaylightSavings"]) == ("NTP", True)
    assert found["TimeZone"] == {"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}
    assert found["UTCDateTime"] == {
        "Time": {"Hour": 23, "Minute": 30, "Second": 15},
        "Date": {"Year": 2026, "Month": 7, "Day": 31},
    }
    assert found["LocalDateTime"]["Date"] == {"Year": 2026, "Month": 8, "Day": 1}
    assert found["LocalDateTime"]["Time"] == {"Hour": 1, "Minute": 30, "Second": 15}


def test_network(bridge):
    (interface,) = bridge.ask("device", "GetNetworkInterfaces")
    assert texts(interface, "HwAddress") == ["02:42:ac:11:00:02"]
    assert texts(interface, "Address") == ["192.0.2.5", "2001:db8::5", "fe80::5"]
    assert texts(interface, "PrefixLength") == ["24", "64", "64"]
    assert texts(bridge.ask("device", "GetHostname"), "Name") == ["onb-host"]
    dns = bridge.ask("device", "GetDNS")
    assert (texts(dns, "SearchDomain"), texts(dns, "IPv4Address")) == (["example.net"], ["192.0.2.53"])
    assert texts(dns, "IPv6Address") == ["2001:db8::53"]
    ntp = bridge.ask("device", "GetNTP")
    assert (texts(ntp, "FromDHCP"), texts(ntp, "DNSname")) == (["false"], ["ntp.example.net"])
    gateway = bridge.ask("device", "GetNetworkDefaultGateway")
    assert (texts(gateway, "IPv4Address"), texts(gateway, "IPv6Address")) == (["192.0.2.1"], ["fe80::1"])
    protocols = bridge.ask("device", "GetNetworkProtocols")
    pairs = zip(texts(protocols, "Name"), texts(protocols, "Port"), strict=True)
    assert list(pairs) == [("HTTP", "580"), ("RTSP", "554")]


@pytest.mark.parametrize("local", ["192.0.2.9", "2001:db8::9", "fe80::1%eth0", "", "unix"])
def test_a_host_that_tells_nothing_still_has_an_interface(local):
    found = device(HostFacts()).GetNetworkInterfaces(call(local=local), {})["NetworkInterfaces"]
    again = device(HostFacts()).GetNetworkInterfaces(call(local="192.0.2.10"), {})["NetworkInterfaces"]
    assert [each["Info"]["HwAddress"] for each in found] == [each["Info"]["HwAddress"] for each in again]
    schemas = bridge_setting.schemas()
    operation = next(o for o in schemas.add("device", SERVICES["device"].wsdl) if o.name == "GetNetworkInterfaces")
    assert schemas.answer(operation, {"NetworkInterfaces": found})


def test_users_are_for_administrators(bridge):
    answer = bridge.ask("device", "GetUsers")
    pairs = dict(zip(texts(answer, "Username"), texts(answer, "UserLevel"), strict=True))
    assert (pairs["admin"], pairs["operator"], pairs["viewer"]) == ("Administrator", "Operator", "User")
    assert texts(answer, "Password") == []
    for user in (OPERATOR, VIEWER):
        assert bridge.fault("device", "GetUsers", user=user) == "Sender/NotAuthorized"


def test_outputs(bridge):
    assert len(bridge.ask("device", "GetRelayOutputs")) == 0


def test_clock_of_the_fixture_is_the_one_that_answers(bridge):
    (found,) = bridge.ask("device", "GetSystemDateAndTime")
    year = dt.datetime.fromtimestamp(ManualClock().utc_ns() // NS_PER_S, dt.UTC).year
    assert texts(found.find("{*}UTCDateTime"), "Year") == [str(year)]
