"""Who is answered, and how often."""

import pytest

from bridge.dialogue.discovery import ANSWERS, MAX_SOURCES, WINDOW_NS, DiscoverableDevice
from bridge.wire.scopes import device_scopes
from tests.wire.test_discovery import message

ENDPOINT = "urn:uuid:6f9c6a0e-31a6-4e0b-9c7c-0f4a6b1d2e3f"
XADDRS = ("http://192.0.2.5:580/onvif/device_service",)


@pytest.fixture
def device():
    return DiscoverableDevice(ENDPOINT, device_scopes("x", "D1-566"), 1_800_000_000, bytes)


def probe(types="", scopes="", match_by=""):
    rule = f' MatchBy="{match_by}"' if match_by else ""
    return message(f"<d:Probe><d:Types>{types}</d:Types><d:Scopes{rule}>{scopes}</d:Scopes></d:Probe>")


def resolve(endpoint):
    return message(
        f"<d:Resolve><a:EndpointReference><a:Address>{endpoint}</a:Address></a:EndpointReference></d:Resolve>"
    )


def ask(device, data, *, unicast=False, address="198.51.100.7", now=0):
    return device.answer(data, address, XADDRS, now, unicast=unicast)


@pytest.mark.parametrize(
    "data",
    [
        probe(),
        probe("dn:NetworkVideoTransmitter"),
        probe(scopes="onvif://www.onvif.org/Profile/Streaming"),
        probe("dn:NetworkVideoTransmitter", "onvif://www.onvif.org/hardware/D1-566"),
        resolve(ENDPOINT),
        resolve(ENDPOINT.upper()),
    ],
)
def test_answered(device, data):
    answer = ask(device, data)
    assert XADDRS[0].encode() in answer
    assert ENDPOINT.encode() in answer
    assert b"<a:RelatesTo>uuid:1<" in answer


@pytest.mark.parametrize(
    "data",
    [
        probe("dn:NetworkVideoDisplay"),
        probe("dn:NetworkVideoTransmitter dn:Other"),
        probe(scopes="onvif://www.onvif.org/hardware/D1"),
        probe(match_by="urn:unknown"),
        resolve("urn:uuid:other"),
        message("<d:Hello/>"),
        b"nonsense",
    ],
)
def test_silence(device, data):
    assert ask(device, data) is None


def test_unknown_rule_asked_of_us_alone(device):
    assert b"MatchingRuleNotSupported" in ask(device, probe(match_by="urn:unknown"), unicast=True)
    assert ask(device, probe("dn:Other", match_by="urn:unknown"), unicast=True) is None


def test_message_numbers_rise(device):
    said = [device.hello(XADDRS), ask(device, probe()), ask(device, resolve(ENDPOINT)), device.bye()]
    for number, text in enumerate(said, 1):
        assert f'InstanceId="1800000000" MessageNumber="{number}"'.encode() in text


def test_answers_to_one_address_are_limited(device):
    answers = [ask(device, probe()) for _ in range(ANSWERS + 5)]
    assert sum(answer is not None for answer in answers) == ANSWERS
    assert device.refused == 5
    assert ask(device, probe(), address="198.51.100.8") is not None
    assert ask(device, probe(), now=WINDOW_NS) is not None


def test_addresses_are_forgotten(device):
    for number in range(MAX_SOURCES + 10):
        ask(device, probe(), address=f"address {number}")
    assert len(device._spent) == MAX_SOURCES
