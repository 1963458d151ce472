"""Device I/O: tokens of sources, and no outputs."""

import pytest

from tests.services.onvif.bridge_setting import DEAF, GATE_ONLY, Bridge, texts


@pytest.fixture(scope="module")
def bridge():
    return Bridge()


def test_sources(bridge):
    assert texts(bridge.ask("deviceio", "GetVideoSources"), "Token") == ["gate", "yard", "roof", "new"]
    assert texts(bridge.ask("deviceio", "GetAudioSources"), "Token") == ["gate", "yard"]
    assert texts(bridge.ask("deviceio", "GetVideoSources", user=GATE_ONLY), "Token") == ["gate"]
    assert texts(bridge.ask("deviceio", "GetAudioSources", user=DEAF), "Token") == []


def test_capabilities_count_the_whole_device(bridge):
    (answer,) = bridge.ask("deviceio", "GetServiceCapabilities")
    assert (answer.get("VideoSources"), answer.get("AudioSources"), answer.get("RelayOutputs")) == ("4", "2", "0")


@pytest.mark.parametrize(
    "operation",
    ["GetAudioOutputs", "GetVideoOutputs", "GetSerialPorts", "GetDigitalInputs", "GetRelayOutputOptions"],
)
def test_nothing_else(bridge, operation):
    assert len(bridge.ask("deviceio", operation)) == 0


def test_unknown_output(bridge):
    argument = "<RelayOutputToken>r</RelayOutputToken>"
    assert bridge.fault("deviceio", "GetRelayOutputOptions", argument) == "Sender/InvalidArgVal/RelayToken"
