"""Who is answered, and how often."""

import pytest

from bridge.dialogue.discovery import (
    ANSWERS,
    FURTHER_ANSWERS,
    MAX_SOURCES,
    WINDOW_NS,
    DiscoverableDevice,
    DiscoverableDevices,
)
from bridge.wire.scopes import device_scopes
from tests.wire.test_discovery import message

ENDPOINT = "urn:uuid:6f9c6a0e-31a6-4e0b-9c7c-0f4a6b1d2e3f"
XADDRS = ("http://192.0.2.5:580/onvif/device_service",)


LOCAL = "192.0.2.5"


def make(endpoint=ENDPOINT, name="x", port=580):
    return DiscoverableDevice(
        endpoint,
        device_scopes(name, "D1-566"),
        1_800_000_000,
        bytes,
        lambda local: (f"http://{local}:{port}/onvif/device_service",),
    )


@pytest.fixture
def devices():
    made = DiscoverableDevices()
    made.add(make())
    return made


def probe(types="", scopes="", match_by=""):
    rule = f' MatchBy="{match_by}"' if match_by else ""
    return message(f"<d:Probe><d:Types>{types}</d:Types><d:Scopes{rule}>{scopes}</d:Scopes></d:Probe>")


def resolve(endpoint):
    return message(
        f"<d:Resolve><a:EndpointReference><a:Address>{endpoint}</a:Address></a:EndpointReference></d:Resolve>"
    )


def ask_all(devices, data, *, unicast=False, address="198.51.100.7", now=0):
    return devices.answers(data, address, LOCAL, now, unicast=unicast)


def ask(devices, data, **more):
    """The answer of the only device; None: none."""
    answers = ask_all(devices, data, **more)
    assert len(answers) <= 1
    return answers[0] if answers else None


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
def test_answered(devices, data):
    answer = ask(devices, data)
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
def test_silence(devices, data):
    assert ask(devices, data) is None


def test_unknown_rule_asked_of_us_alone(devices):
    assert b"MatchingRuleNotSupported" in ask(devices, probe(match_by="urn:unknown"), unicast=True)
    assert ask(devices, probe("dn:Other", match_by="urn:unknown"), unicast=True) is None


def test_message_numbers_rise(devices):
    (device,) = devices
    said = [device.hello(LOCAL), ask(devices, probe()), ask(devices, resolve(ENDPOINT)), device.bye()]
    for number, text in enumerate(said, 1):
        assert f'InstanceId="1800000000" MessageNumber="{number}"'.encode() in text


def test_answers_to_one_address_are_limited(devices):
    answers = [ask(devices, probe()) for _ in range(ANSWERS + 5)]
    assert sum(answer is not None for answer in answers) == ANSWERS
    assert devices.refused == 5
    assert ask(devices, probe(), address="198.51.100.8") is not None
    assert ask(devices, probe(), now=WINDOW_NS) is not None


def test_addresses_are_forgotten(devices):
    for number in range(MAX_SOURCES + 10):
        ask(devices, probe(), address=f"address {number}")
    assert len(devices._spent) == MAX_SOURCES


def test_each_device_of_the_host_answers_for_itself(devices):
    devices.add(make("urn:uuid:gate", "Gate", 5801))
    devices.add(yard := make("urn:uuid:yard", "Yard", 5802))
    answers = ask_all(devices, probe())
    assert [answer.count(b"<d:ProbeMatch>") for answer in answers] == [1, 1, 1]
    assert [b":%d/onvif" % port in answer for port, answer in zip((580, 5801, 5802), answers, strict=True)] == [
        True
    ] * 3
    assert b"urn:uuid:yard" in ask(devices, resolve("urn:uuid:yard"))
    assert b"urn:uuid:gate" in ask(devices, probe(scopes="onvif://www.onvif.org/name/Gate"))
    devices.remove(yard)
    assert ask(devices, resolve("urn:uuid:yard")) is None


def test_two_sweeps_find_a_hundred_devices_and_more_are_refused(devices):
    for number in range(99):
        devices.add(make(f"urn:uuid:{number}"))
    assert [len(ask_all(devices, probe())) for _ in range(4)] == [100, 100, ANSWERS + FURTHER_ANSWERS * 99 - 200, 0]
    assert len(ask_all(devices, probe(), now=WINDOW_NS)) == 100
