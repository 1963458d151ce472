"""Media ver10: what its answers hold, who sees what, and the faults of each argument."""

import re

import pytest

from bridge.services.onvif.answers import MAX_URI
from tests.services.onvif.bridge_setting import (
    ADMIN,
    DEAF,
    GATE_ONLY,
    NOBODY,
    TT,
    YARD_ONLY,
    Bridge,
    old_cameras,
    texts,
    tokens,
)

NO_PROFILE = "Sender/InvalidArgVal/NoProfile"
NO_CONFIG = "Sender/InvalidArgVal/NoConfig"
NO_AUDIO = "Receiver/ActionNotSupported/AudioNotSupported"


@pytest.fixture(scope="module")
def bridge():
    return Bridge()


def profile(token):
    return f"<ProfileToken>{token}</ProfileToken>"


def configuration(token):
    return f"<ConfigurationToken>{token}</ConfigurationToken>"


def setup(stream="RTP-Unicast", protocol="RTSP", token="gate.main"):
    return (
        f"<StreamSetup><tt:Stream>{stream}</tt:Stream><tt:Transport><tt:Protocol>{protocol}</tt:Protocol>"
        f"</tt:Transport></StreamSetup>{profile(token)}"
    )


def test_profiles_are_what_ver10_can_say(bridge):
    answer = bridge.ask("media", "GetProfiles")
    # Without yard.main and roof.main: H.265. `new` was never seen: it has no encoder yet.
    assert tokens(answer, "Profiles") == ["gate.main", "gate.middle", "gate.sub", "yard.sub", "new.main"]
    assert {each.get("fixed") for each in answer} == {"true"}
    assert texts(answer, "Encoding") == ["H264", "AAC", "H264", "H264", "AAC", "H264", "G711"]
    assert texts(answer[-1], "VideoEncoderConfiguration") == []
    assert texts(answer[-1], "SourceToken") == ["new"]


def test_encoder_configuration_is_whole(bridge):
    answer = bridge.ask("media", "GetVideoEncoderConfiguration", configuration("gate.main"))
    found = {name: texts(answer, name)[0] for name in ("Width", "Height", "FrameRateLimit", "BitrateLimit")}
    assert found == {"Width": "1920", "Height": "1080", "FrameRateLimit": "25", "BitrateLimit": "4100"}
    assert (texts(answer, "GovLength"), texts(answer, "H264Profile")) == (["50"], ["High"])
    assert (texts(answer, "IPv4Address"), texts(answer, "Port")) == (["0.0.0.0"], ["0"])
    assert texts(answer, "SessionTimeout") == ["PT60S"]


def test_names_are_escaped(bridge):
    assert texts(bridge.ask("media", "GetProfile", profile("gate.main")), "Name")[0] == "Gate <north> & south (main)"


def test_use_count_is_the_number_of_profiles(bridge):
    answer = bridge.ask("media", "GetVideoSourceConfiguration", configuration("gate"))
    assert texts(answer, "UseCount") == ["3"]


def test_sources(bridge):
    answer = bridge.ask("media", "GetVideoSources")
    assert tokens(answer, "VideoSources") == ["gate", "yard", "roof", "new"]
    assert tokens(bridge.ask("media", "GetAudioSources"), "AudioSources") == ["gate", "yard"]


@pytest.mark.parametrize("protocol", ["UDP", "RTSP"])
def test_stream_uri(bridge, protocol):
    answer = bridge.ask("media", "GetStreamUri", setup(protocol=protocol))
    assert texts(answer, "Uri") == ["rtsp://192.0.2.5:554/live/gate"]
    assert [texts(answer, name) for name in ("InvalidAfterConnect", "InvalidAfterReboot", "Timeout")] == [
        ["false"],
        ["false"],
        ["PT0S"],
    ]


def test_stream_uri_of_a_sub_stream_and_of_a_camera_never_seen(bridge):
    answer = bridge.ask("media", "GetStreamUri", setup(token="gate.sub"))
    assert texts(answer, "Uri") == ["rtsp://192.0.2.5:554/live/gate/sub"]
    answer = bridge.ask("media", "GetStreamUri", setup(token="new.main"))
    assert texts(answer, "Uri") == ["rtsp://192.0.2.5:554/live/new"]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("bridge.example.net", "rtsp://bridge.example.net:554/live/gate"),
        ("bridge.example.net:8580", "rtsp://bridge.example.net:554/live/gate"),
        ("[2001:db8::5]:580", "rtsp://[2001:db8::5]:554/live/gate"),
        ("", "rtsp://192.0.2.5:554/live/gate"),
    ],
)
def test_stream_uri_names_the_host_that_was_called(bridge, host, expected):
    assert texts(bridge.ask("media", "GetStreamUri", setup(), host=host), "Uri") == [expected]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("bridge.example.net:8580", "http://bridge.example.net:8580/live/gate"),
        ("bridge.example.net", "http://bridge.example.net:80/live/gate"),
        (".".join(["a" * 60] * 3) + ":580", "http://192.0.2.5:580/live/gate"),
    ],
)
def test_stream_uri_of_the_tunnel_is_on_the_port_that_was_called(bridge, host, expected):
    answer = bridge.ask("media", "GetStreamUri", setup(protocol="HTTP"), host=host)
    assert texts(answer, "Uri") == [expected]


def test_uris_are_short(bridge):
    host = ".".join(["a" * 60] * 3)
    (uri,) = texts(bridge.ask("media", "GetStreamUri", setup(), host=host), "Uri")
    assert uri == "rtsp://192.0.2.5:554/live/gate"
    (uri,) = texts(bridge.ask("media", "GetSnapshotUri", profile("gate.main"), host=host), "Uri")
    assert re.fullmatch(r"http://192\.0\.2\.5:\d+/snapshot/gate\.jpg", uri)
    assert len(uri) <= MAX_URI


@pytest.mark.parametrize(
    ("stream", "protocol"),
    [("RTP-Multicast", "HTTP"), ("RTP-Unicast", "TCP"), ("RTP-Multicast", "UDP"), ("RTP-Multicast", "RTSP")],
)
def test_stream_setups_that_are_not_served(bridge, stream, protocol):
    fault = bridge.fault("media", "GetStreamUri", setup(stream, protocol))
    assert fault == "Sender/InvalidArgVal/InvalidStreamSetup"


def test_snapshot_uri(bridge):
    answer = bridge.ask("media", "GetSnapshotUri", profile("gate.sub"))
    assert texts(answer, "Uri") == ["http://192.0.2.5:580/snapshot/gate.jpg"]


PROFILE_OPERATIONS = [
    "GetProfile",
    "GetSnapshotUri",
    "SetSynchronizationPoint",
    "GetVideoSourceConfigurationOptions",
    "GetVideoEncoderConfigurationOptions",
    "GetAudioSourceConfigurationOptions",
    "GetAudioEncoderConfigurationOptions",
    "GetMetadataConfigurationOptions",
    *(f"GetCompatible{kind}Configurations" for kind in ("VideoSource", "VideoEncoder", "AudioSource", "AudioEncoder")),
    "GetCompatibleMetadataConfigurations",
]


@pytest.mark.parametrize("operation", PROFILE_OPERATIONS)
@pytest.mark.parametrize("token", ["nothing.main", "yard.main", "gate.sub"])
def test_unknown_profiles(bridge, operation, token):
    """One that does not exist, one that this version cannot say, and one that the user may not see."""
    user = YARD_ONLY if token == "gate.sub" else ADMIN
    assert bridge.fault("media", operation, profile(token), user=user) == NO_PROFILE


def test_unknown_profile_has_no_stream(bridge):
    assert bridge.fault("media", "GetStreamUri", setup(token="nothing.main")) == NO_PROFILE
    assert bridge.fault("media", "GetStreamUri", setup(), user=YARD_ONLY) == NO_PROFILE


CONFIGURATION_OPERATIONS = [
    *(f"Get{kind}Configuration" for kind in ("VideoSource", "VideoEncoder", "AudioSource", "AudioEncoder", "Metadata")),
    *(f"Get{kind}ConfigurationOptions" for kind in ("VideoSource", "VideoEncoder", "AudioSource", "AudioEncoder")),
    "GetMetadataConfigurationOptions",
    "GetGuaranteedNumberOfVideoEncoderInstances",
    "GetOSDs",
    "GetOSDOptions",
]


@pytest.mark.parametrize("operation", CONFIGURATION_OPERATIONS)
def test_unknown_configurations(bridge, operation):
    assert bridge.fault("media", operation, configuration("nothing")) == NO_CONFIG
    for token in ("gate", "gate.main"):
        assert bridge.fault("media", operation, configuration(token), user=YARD_ONLY) == NO_CONFIG


def test_unknown_source_has_no_modes(bridge):
    argument = "<VideoSourceToken>nothing</VideoSourceToken>"
    assert bridge.fault("media", "GetVideoSourceModes", argument) == "Sender/InvalidArgVal/NoVideoSource"


def test_tokens_are_at_most_64_characters(bridge):
    assert bridge.fault("media", "GetProfile", profile("x" * 65)) == "Sender/InvalidArgVal"


AUDIO = [
    ("GetAudioSources", ""),
    ("GetAudioSourceConfigurations", ""),
    ("GetAudioEncoderConfigurations", ""),
    ("GetAudioSourceConfiguration", configuration("gate")),
    ("GetAudioEncoderConfiguration", configuration("gate.main")),
    ("GetCompatibleAudioSourceConfigurations", profile("gate.main")),
    ("GetCompatibleAudioEncoderConfigurations", profile("gate.main")),
    ("GetAudioSourceConfigurationOptions", ""),
    ("GetAudioEncoderConfigurationOptions", ""),
]


@pytest.mark.parametrize(("operation", "arguments"), AUDIO)
def test_no_audio_for_who_may_not_hear(bridge, operation, arguments):
    assert bridge.fault("media", operation, arguments, user=DEAF) == NO_AUDIO


def test_profiles_are_silent_for_who_may_not_hear(bridge):
    encodings = texts(bridge.ask("media", "GetProfiles", user=DEAF), "Encoding")
    assert set(encodings) == {"H264"}


@pytest.mark.parametrize(
    ("user", "seen"),
    [
        (GATE_ONLY, ["gate.main", "gate.middle", "gate.sub"]),
        (YARD_ONLY, ["yard.sub"]),
        (NOBODY, []),
    ],
)
def test_rights(bridge, user, seen):
    assert tokens(bridge.ask("media", "GetProfiles", user=user), "Profiles") == seen
    cameras = sorted({token.partition(".")[0] for token in seen})
    assert tokens(bridge.ask("media", "GetVideoSources", user=user), "VideoSources") == cameras
    for kind in ("VideoSource", "VideoEncoder"):
        answer = bridge.ask("media", f"Get{kind}Configurations", user=user)
        assert {token.partition(".")[0] for token in tokens(answer, "Configurations")} == set(cameras)


def test_options_are_ranges_of_one(bridge):
    answer = bridge.ask("media", "GetVideoEncoderConfigurationOptions", configuration("gate.main"))
    assert set(texts(answer, "Width")) == {"1920"}
    assert set(texts(answer, "Min")) == set(texts(answer, "Max"))
    for kind, token in (("VideoSource", "gate"), ("AudioSource", "gate"), ("AudioEncoder", "gate.main")):
        bridge.ask("media", f"Get{kind}ConfigurationOptions", configuration(token) + profile("gate.main"))


def test_options_of_everything(bridge):
    answer = bridge.ask("media", "GetVideoEncoderConfigurationOptions")
    assert sorted(set(texts(answer, "Width"))) == ["1280", "1920", "640"]
    assert texts(answer, "JPEG") == []
    answer = bridge.ask("media", "GetAudioEncoderConfigurationOptions")
    assert texts(answer, "Encoding") == ["AAC", "G711"]


def test_options_of_a_camera_never_seen_name_no_codec(bridge):
    answer = bridge.ask("media", "GetVideoEncoderConfigurationOptions", profile("new.main"))
    assert texts(answer, "H264") == []


def test_encoder_instances(bridge):
    answer = bridge.ask("media", "GetGuaranteedNumberOfVideoEncoderInstances", configuration("gate"))
    assert (texts(answer, "TotalNumber"), texts(answer, "H264")) == (["3"], ["3"])


def test_nothing_configured_at_all():
    empty = Bridge([])
    for operation in ("GetProfiles", "GetVideoSources", "GetVideoSourceConfigurations", "GetMetadataConfigurations"):
        assert len(empty.ask("media", operation)) == 0
    assert empty.fault("media", "GetVideoSourceConfigurationOptions") == NO_CONFIG
    assert empty.fault("media", "GetAudioSources") == NO_AUDIO


def test_jpeg_and_the_sounds_that_ver10_can_say():
    bridge = Bridge(old_cameras())
    answer = bridge.ask("media", "GetProfiles")
    assert tokens(answer, "Profiles") == ["old.main", "old.sub", "loud.main", "far.main"]
    assert texts(answer, "Encoding") == ["JPEG", "G726", "H264", "H264", "JPEG", "AAC"]
    # Opus has no name here: the profile has an audio source all the same, and no encoder.
    assert texts(answer[2], "SourceToken") == ["loud", "loud"]
    encoder = bridge.ask("media", "GetVideoEncoderConfiguration", configuration("old.main"))
    found = [texts(encoder, name) for name in ("Encoding", "Width", "GovLength")]
    assert found == [["JPEG"], ["2592"], []]
    sounds = bridge.ask("media", "GetAudioEncoderConfigurations")
    assert (texts(sounds, "Encoding"), texts(sounds, "Bitrate")) == (["G726", "AAC"], ["24", "64"])
    assert bridge.fault("media", "GetAudioEncoderConfiguration", configuration("loud.main")) == NO_CONFIG
    assert texts(bridge.ask("media", "GetAudioEncoderConfigurationOptions"), "Encoding") == ["G726", "AAC"]
    for kept in bridge.profiles.everything():
        for keep in bridge.served.keepers:
            keep(kept)


def test_options_of_jpeg():
    bridge = Bridge(old_cameras())
    (options,) = bridge.ask("media", "GetVideoEncoderConfigurationOptions")
    assert [child.tag for child in options] == [f"{TT}{name}" for name in ("QualityRange", "JPEG", "H264", "Extension")]
    assert [child.tag for child in options[3]] == [f"{TT}JPEG", f"{TT}H264"]
    assert texts(options[1], "Width") == ["2592"]
    assert texts(options[3][0], "Max")[0] == "12"
    (options,) = bridge.ask("media", "GetVideoEncoderConfigurationOptions", configuration("old.main"))
    assert [child.tag for child in options] == [f"{TT}{name}" for name in ("QualityRange", "JPEG", "Extension")]
    numbers = bridge.ask("media", "GetGuaranteedNumberOfVideoEncoderInstances", configuration("old"))
    assert [texts(numbers, name) for name in ("TotalNumber", "JPEG", "H264")] == [["2"], ["1"], ["1"]]
