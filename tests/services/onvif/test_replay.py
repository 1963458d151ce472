"""Replay control: where a recording plays, and what cannot be changed."""

import pytest

from tests.services.onvif.bridge_setting import GATE_ONLY, YARD_ONLY, Bridge, texts

INVALID_SETUP = "Sender/InvalidArgVal/InvalidStreamSetup"


@pytest.fixture(scope="module")
def bridge():
    return Bridge()


def arguments(stream="RTP-Unicast", protocol="RTSP", token="rec-gate.main"):
    setup = f"<tt:Stream>{stream}</tt:Stream><tt:Transport><tt:Protocol>{protocol}</tt:Protocol></tt:Transport>"
    return f"<StreamSetup>{setup}</StreamSetup><RecordingToken>{token}</RecordingToken>"


@pytest.mark.parametrize("protocol", ["RTSP", "UDP"])
def test_where_it_plays(bridge, protocol):
    answer = bridge.ask("replay", "GetReplayUri", arguments(protocol=protocol), user=GATE_ONLY)
    assert texts(answer, "Uri") == ["rtsp://192.0.2.5:554/recordings/rec-gate.main"]


def test_where_it_plays_through_the_tunnel(bridge):
    answer = bridge.ask("replay", "GetReplayUri", arguments(protocol="HTTP"), host="bridge.example.net:8580")
    assert texts(answer, "Uri") == ["http://bridge.example.net:8580/recordings/rec-gate.main"]


def test_a_long_host_name_gives_way_to_our_address(bridge):
    answer = bridge.ask("replay", "GetReplayUri", arguments(), host=f"{'a' * 60}.{'b' * 60}:580")
    assert texts(answer, "Uri") == ["rtsp://192.0.2.5:554/recordings/rec-gate.main"]


@pytest.mark.parametrize(
    ("stream", "protocol"), [("RTP-Multicast", "HTTP"), ("RTP-Unicast", "TCP"), ("RTP-Multicast", "UDP")]
)
def test_transports_that_are_not_there(bridge, stream, protocol):
    assert bridge.fault("replay", "GetReplayUri", arguments(stream, protocol)) == INVALID_SETUP


@pytest.mark.parametrize(
    ("token", "user"), [("rec-gate.sub", GATE_ONLY), ("gate", GATE_ONLY), ("rec-gate.main", YARD_ONLY)]
)
def test_unknown_recordings(bridge, token, user):
    assert (
        bridge.fault("replay", "GetReplayUri", arguments(token=token), user=user) == "Sender/InvalidArgVal/NoRecording"
    )


def test_the_session_timeout_stays(bridge):
    configuration = "<Configuration><tt:SessionTimeout>{}</tt:SessionTimeout></Configuration>"
    assert texts(bridge.ask("replay", "GetReplayConfiguration"), "SessionTimeout") == ["PT60S"]
    for same in ("PT60S", "PT1M"):
        assert len(bridge.ask("replay", "SetReplayConfiguration", configuration.format(same))) == 0
    for other in ("PT30S", "PT0S", "P1D"):
        fault = bridge.fault("replay", "SetReplayConfiguration", configuration.format(other))
        assert fault == "Sender/InvalidArgVal/ConfigModify"


def test_capabilities(bridge):
    (answer,) = bridge.ask("replay", "GetServiceCapabilities")
    assert dict(answer.attrib) == {
        "ReversePlayback": "true",
        "SessionTimeoutRange": "60 60",
        "RTP_RTSP_TCP": "true",
        "RTSPWebSocketUri": "ws:/onvif/rtsp_over_websocket",
    }
