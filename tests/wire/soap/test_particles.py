import datetime as dt

import pytest

from bridge.wire.soap import particles
from tests.onvif_schemas import operation


def keys(service: str, name: str) -> dict[str, particles.Particle]:
    return {each.key: each for each in particles.particles(operation(service, name).arguments)}


def test_what_is_required_and_repeated() -> None:
    found = keys("device", "GetCapabilities")
    assert found["Category"].many
    assert not found["Category"].required
    assert keys("media", "GetProfile")["ProfileToken"].required


def test_branches_of_a_choice_are_never_required() -> None:
    serial = keys("deviceio", "SendReceiveSerialCommand")["SerialData"]
    assert [(each.key, each.required) for each in particles.particles(serial.type)] == [
        ("Binary", False),
        ("String", False),
    ]


def test_wildcards_are_numbered() -> None:
    setup = keys("media", "GetStreamUri")["StreamSetup"]
    assert [each.key for each in particles.particles(setup.type) if each.wildcard] == ["_value_1"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (dt.timedelta(0), "PT0S"),
        (dt.timedelta(seconds=60), "PT60S"),
        (dt.timedelta(days=1, milliseconds=250), "PT86400.25S"),
        (dt.timedelta(microseconds=-1_500_000), "-PT1.5S"),
    ],
)
def test_durations(value: dt.timedelta, text: str) -> None:
    assert particles.format_duration(value) == text
