"""Media ver20: H.265, `Type`, and the faults of each argument."""

from dataclasses import replace

import pytest
from twisted.internet.defer import Deferred

from tests.services.onvif.bridge_setting import (
    ADMIN,
    DEAF,
    NOBODY,
    YARD_ONLY,
    Bridge,
    old_cameras,
    texts,
    tokens,
)

NO_PROFILE = "Sender/InvalidArgVal/NoProfile"
NO_CONFIG = "Sender/InvalidArgVal/NoConfig"


@pytest.fixture(scope="module")
def bridge():
    return Bridge()


def profile(token):
    return f"<ProfileToken>{token}</ProfileToken>"


def configuration(token):
    return f"<ConfigurationToken>{token}</ConfigurationToken>"


def children(element):
    return [child.tag.partition("}")[2] for child in element]


def test_same_tokens_as_ver10_and_h265(bridge):
    answer = bridge.ask("media2", "GetProfiles", "<Type>All</Type>")
    assert tokens(answer, "Profiles") == [
        "gate.main",
        "gate.middle",
        "gate.sub",
        "yard.main",
        "yard.sub",
        "roof.main",
        "new.main",
    ]
    assert texts(answer[3], "Encoding") == ["H265"]
    assert texts(answer[0], "Encoding") == ["H264", "mpeg4-generic"]
    assert texts(answer[4], "Encoding") == ["H264", "PCMU"]


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ([], []),
        (["VideoSource"], ["VideoSource"]),
        (["AudioEncoder", "VideoEncoder"], ["VideoEncoder", "AudioEncoder"]),
        (["All"], ["VideoSource", "AudioSource", "VideoEncoder", "AudioEncoder"]),
        (["PTZ", "Strange"], []),
    ],
)
def test_type_says_what_is_shown(bridge, types, expected):
    arguments = "<Token>gate.main</Token>" + "".join(f"<Type>{name}</Type>" for name in types)
    (found,) = bridge.ask("media2", "GetProfiles", arguments)
    assert children(found)[:1] == ["Name"]
    assert (children(found[1]) if len(found) > 1 else []) == expected


def test_unknown_token(bridge):
    assert bridge.fault("media2", "GetProfiles", "<Token>nothing.main</Token>") == NO_PROFILE
    assert bridge.fault("media2", "GetProfiles", "<Token>gate.main</Token>", user=YARD_ONLY) == NO_PROFILE


def test_encoder_configuration(bridge):
    (found,) = bridge.ask("media2", "GetVideoEncoderConfigurations", configuration("gate.main"))
    assert (found.get("token"), found.get("GovLength"), found.get("Profile")) == ("gate.main", "50", "High")
    assert (texts(found, "FrameRateLimit"), texts(found, "BitrateLimit")) == (["25.0"], ["4100"])


@pytest.mark.parametrize(
    ("kind", "of_profile", "everything"),
    [
        ("VideoSource", ["gate"], ["gate", "yard", "roof", "new"]),
        ("AudioSource", ["gate"], ["gate", "yard"]),
        (
            "VideoEncoder",
            ["gate.main", "gate.middle", "gate.sub"],
            ["gate.main", "gate.middle", "gate.sub", "yard.main", "yard.sub", "roof.main"],
        ),
        ("AudioEncoder", ["gate.main", "gate.sub"], ["gate.main", "gate.sub", "yard.sub"]),
        ("Metadata", [], []),
        ("AudioOutput", [], []),
        ("AudioDecoder", [], []),
    ],
)
def test_configurations(bridge, kind, of_profile, everything):
    operation = f"Get{kind}Configurations"
    assert tokens(bridge.ask("media2", operation), "Configurations") == everything
    assert tokens(bridge.ask("media2", operation, profile("gate.sub")), "Configurations") == of_profile
    assert tokens(bridge.ask("media2", operation, user=NOBODY), "Configurations") == []
    assert bridge.fault("media2", operation, profile("nothing.main")) == NO_PROFILE
    assert bridge.fault("media2", operation, configuration("nothing")) == NO_CONFIG
    assert bridge.fault("media2", operation, profile("gate.main"), user=YARD_ONLY) == NO_PROFILE
    for token in everything[:1]:
        assert tokens(bridge.ask("media2", operation, configuration(token)), "Configurations") == [token]
        both = configuration(token) + profile("yard.main")
        assert bridge.fault("media2", operation, both) == NO_CONFIG


@pytest.mark.parametrize(
    ("kind", "mine", "other"), [("VideoSource", "gate", "yard"), ("VideoEncoder", "gate.main", "yard.main")]
)
def test_options(bridge, kind, mine, other):
    operation = f"Get{kind}ConfigurationOptions"
    bridge.ask("media2", operation)
    bridge.ask("media2", operation, profile("gate.main"))
    bridge.ask("media2", operation, configuration(mine) + profile("gate.main"))
    incompatible = bridge.fault("media2", operation, configuration(other) + profile("gate.main"))
    assert incompatible == "Sender/InvalidArgVal/IncompatibleConfiguration"
    assert bridge.fault("media2", operation, configuration("nothing")) == NO_CONFIG
    assert bridge.fault("media2", operation, profile("nothing.main")) == NO_PROFILE


def test_a_camera_that_changes_meanwhile_is_still_its_own():
    slow = Bridge(slow_gatekeeper=True)
    arguments = configuration("roof.main") + profile("roof.main")
    answering = Deferred.fromCoroutine(slow.answering("media2", "GetVideoEncoderConfigurationOptions", arguments))
    roof = slow.catalogue.camera("roof").streams[0].hub
    while not answering.called:
        assert slow.turns.next()
        roof.tracks = (replace(roof.tracks[0], width=roof.tracks[0].width - 16),)
    assert answering.result.status == 200


def test_encoder_options_by_codec(bridge):
    answer = bridge.ask("media2", "GetVideoEncoderConfigurationOptions")
    assert texts(answer, "Encoding") == ["H264", "H265"]
    (h265,) = bridge.ask("media2", "GetVideoEncoderConfigurationOptions", profile("roof.main"))
    assert (texts(h265, "Encoding"), texts(h265, "Width")) == (["H265"], ["3840"])
    assert h265.get("ProfilesSupported") == "Main"
    assert bridge.fault("media2", "GetVideoEncoderConfigurationOptions", profile("new.main")) == NO_CONFIG


def test_no_audio(bridge):
    for kind in ("AudioSource", "AudioEncoder"):
        assert len(bridge.ask("media2", f"Get{kind}Configurations", user=DEAF)) == 0
        fault = bridge.fault("media2", f"Get{kind}ConfigurationOptions", user=DEAF)
        assert fault == "Receiver/ActionNotSupported/AudioNotSupported"


@pytest.mark.parametrize("protocol", ["RtspUnicast", "RTSP"])
def test_stream_uri(bridge, protocol):
    answer = bridge.ask("media2", "GetStreamUri", f"<Protocol>{protocol}</Protocol>{profile('yard.main')}")
    assert texts(answer, "Uri") == ["rtsp://192.0.2.5:554/live/yard"]


def test_where_rtsp_is_over_websocket(bridge):
    (capabilities,) = bridge.ask("media2", "GetServiceCapabilities")
    (streaming,) = (each for each in capabilities if each.tag.endswith("StreamingCapabilities"))
    assert streaming.get("RTSPWebSocketUri") == "ws:/onvif/rtsp_over_websocket"


def test_stream_uri_of_the_tunnel_is_on_the_port_that_was_called(bridge):
    arguments = f"<Protocol>RtspOverHttp</Protocol>{profile('yard.main')}"
    answer = bridge.ask("media2", "GetStreamUri", arguments, host="bridge.example.net:8580")
    assert texts(answer, "Uri") == ["http://bridge.example.net:8580/live/yard"]


@pytest.mark.parametrize("protocol", ["RtspMulticast", "RTMP", ""])
def test_stream_uri_of_other_protocols(bridge, protocol):
    fault = bridge.fault("media2", "GetStreamUri", f"<Protocol>{protocol}</Protocol>{profile('yard.main')}")
    assert fault == "Sender/InvalidArgVal/InvalidStreamSetup"


def test_unknown_profiles(bridge):
    for user, token in ((ADMIN, "nothing.main"), (YARD_ONLY, "gate.main")):
        for operation in ("GetSnapshotUri", "SetSynchronizationPoint"):
            assert bridge.fault("media2", operation, profile(token), user=user) == NO_PROFILE
        arguments = f"<Protocol>RTSP</Protocol>{profile(token)}"
        assert bridge.fault("media2", "GetStreamUri", arguments, user=user) == NO_PROFILE


def test_instances(bridge):
    answer = bridge.ask("media2", "GetVideoEncoderInstances", configuration("yard"))
    assert (texts(answer, "Encoding"), texts(answer, "Number")) == (["H265", "H264"], ["1", "1"])
    assert texts(answer, "Total") == ["2"]
    assert bridge.fault("media2", "GetVideoEncoderInstances", configuration("nothing")) == NO_CONFIG


def test_osd(bridge):
    assert len(bridge.ask("media2", "GetOSDs", configuration("gate"))) == 0
    assert bridge.fault("media2", "GetOSDs", configuration("nothing")) == NO_CONFIG
    assert bridge.fault("media2", "GetOSDs", "<OSDToken>o</OSDToken>") == NO_CONFIG
    unknown = "<VideoSourceToken>nothing</VideoSourceToken>"
    assert bridge.fault("media2", "GetVideoSourceModes", unknown) == "Sender/InvalidArgVal/NoVideoSource"


def test_jpeg_and_every_sound():
    bridge = Bridge(old_cameras())
    answer = bridge.ask("media2", "GetProfiles", "<Type>All</Type>")
    assert texts(answer, "Encoding") == ["JPEG", "G726", "H264", "H264", "opus", "JPEG", "MP4A-LATM"]
    (encoder,) = bridge.ask("media2", "GetVideoEncoderConfigurations", configuration("old.main"))
    assert (encoder.get("GovLength"), encoder.get("Profile"), texts(encoder, "Height")) == (None, None, ["1944"])
    jpeg, h264 = bridge.ask("media2", "GetVideoEncoderConfigurationOptions")
    assert texts(jpeg, "Encoding") == ["JPEG"]
    assert (jpeg.get("GovLengthRange"), jpeg.get("ProfilesSupported")) == (None, None)
    assert h264.get("GovLengthRange")
    assert texts(bridge.ask("media2", "GetVideoEncoderInstances", configuration("far")), "Encoding") == ["JPEG"]
    sounds = bridge.ask("media2", "GetAudioEncoderConfigurationOptions")
    assert texts(sounds, "Encoding") == ["G726", "opus", "MP4A-LATM"]
    for kept in bridge.profiles.everything():
        for keep in bridge.served.keepers:
            keep(kept)
