"""The calls of known clients in their order, answered by the whole service: docs/clients.md says where they are from.

A call is `service operation`, with what it is answered: an answer, or the fault that the client is known to live with.
What a client looks at in the answers is asserted beside it.
"""

import pytest

from bridge.services.onvif.schemas import SERVICES
from bridge.services.onvif.service import Post
from tests.services.onvif.bridge_setting import ADMIN, SOAP, Bridge, run, texts, tokens

PROFILE = "<ProfileToken>gate.main</ProfileToken>"
CAPABILITY = "<IncludeCapability>{}</IncludeCapability>"
SETUP = (
    "<StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>{}</tt:Protocol></tt:Transport>"
    "</StreamSetup>"
)
SOURCE = "<VideoSourceToken>gate</VideoSourceToken>"
ENCODER = "<ConfigurationToken>gate.main</ConfigurationToken>"
MISSING, UNKNOWN = "Receiver/ActionNotSupported", "Sender/UnknownAction"
FILTER = 'boolean(//Track[TrackType = "Video"])'
TRACKS = f"<Scope><tt:RecordingInformationFilter>{FILTER}</tt:RecordingInformationFilter></Scope>"

CLIENTS = {
    "ONVIF Device Manager": [
        ("device GetSystemDateAndTime", "", ""),
        ("device GetServices", CAPABILITY.format("false"), ""),
        ("device GetCapabilities", "<Category>All</Category>", ""),
        ("device GetDeviceInformation", "", ""),
        ("device GetScopes", "", ""),
        ("device GetNetworkInterfaces", "", ""),
        ("device GetHostname", "", ""),
        ("device GetDNS", "", ""),
        ("device GetNTP", "", ""),
        ("device GetNetworkProtocols", "", ""),
        ("device GetNetworkDefaultGateway", "", ""),
        ("device GetDiscoveryMode", "", ""),
        ("device GetUsers", "", ""),
        ("media GetVideoSources", "", ""),
        ("media GetProfiles", "", ""),
        ("media GetStreamUri", SETUP.format("UDP") + PROFILE, ""),
        ("media GetSnapshotUri", PROFILE, ""),
        ("media GetVideoEncoderConfigurationOptions", ENCODER + PROFILE, ""),
        ("device GetSystemLog", "<LogType>System</LogType>", MISSING),
    ],
    "Milestone XProtect, ONVIF driver, live": [
        ("device GetSystemDateAndTime", "", ""),
        ("device GetServices", CAPABILITY.format("true"), ""),
        ("device GetCapabilities", "", ""),
        ("device GetDeviceInformation", "", ""),
        ("device GetNetworkInterfaces", "", ""),
        ("media GetVideoSources", "", ""),
        ("media GetAudioSources", "", ""),
        ("deviceio GetVideoSources", "", ""),
        ("deviceio GetAudioSources", "", ""),
        ("device GetRelayOutputs", "", ""),
        ("media GetProfiles", "", ""),
        ("media2 GetProfiles", "<Type>All</Type>", ""),
        ("media2 GetVideoEncoderConfigurationOptions", PROFILE, ""),
        ("media GetVideoEncoderConfigurations", "", ""),
        ("media2 GetStreamUri", "<Protocol>RtspUnicast</Protocol>" + PROFILE, ""),
        ("media SetVideoEncoderConfiguration", "", MISSING),
        ("media GetStreamUri", SETUP.format("RTSP") + PROFILE, ""),
        ("media SetSynchronizationPoint", PROFILE, ""),
    ],
    "Milestone XProtect, ONVIF driver, edge storage": [
        ("search GetRecordingSummary", "", ""),
        ("search FindRecordings", TRACKS + "<KeepAliveTime>PT30S</KeepAliveTime>", ""),
        ("recording GetRecordings", "", ""),
        ("recording GetRecordingJobs", "", ""),
        ("search GetRecordingInformation", "<RecordingToken>rec-gate.main</RecordingToken>", ""),
        ("replay GetReplayUri", SETUP.format("RTSP") + "<RecordingToken>rec-gate.main</RecordingToken>", ""),
    ],
    "Home Assistant": [
        ("device GetSystemDateAndTime", "", ""),
        ("device GetServices", CAPABILITY.format("false"), ""),
        ("device GetCapabilities", "", ""),
        ("device GetDeviceInformation", "", ""),
        ("device GetNetworkInterfaces", "", ""),
        ("media GetServiceCapabilities", "", ""),
        ("media GetProfiles", "", ""),
        ("media GetStreamUri", SETUP.format("RTSP") + PROFILE, ""),
        ("ptz GetPresets", PROFILE, MISSING),
        ("imaging GetImagingSettings", SOURCE, UNKNOWN),
        ("device SetSystemDateAndTime", "", MISSING),
    ],
    "node onvif: Scrypted, UniFi tools": [
        ("device GetSystemDateAndTime", "", ""),
        ("device GetServices", CAPABILITY.format("true"), ""),
        ("media2 GetProfiles", "<Type>All</Type>", ""),
        ("media GetProfiles", "", ""),
        ("media GetVideoSources", "", ""),
        ("media GetSnapshotUri", PROFILE, ""),
        ("media GetAudioEncoderConfigurationOptions", PROFILE, ""),
    ],
    "go2rtc, Frigate": [
        ("device GetCapabilities", "<Category>All</Category>", ""),
        ("media GetProfiles", "", ""),
        ("media GetStreamUri", SETUP.format("RTSP") + PROFILE, ""),
        ("media GetSnapshotUri", PROFILE, ""),
        ("ptz GetServiceCapabilities", "", MISSING),
    ],
    "Hikvision recorders": [
        ("device GetSystemDateAndTime", "", ""),
        ("device GetCapabilities", "<Category>All</Category>", ""),
        ("device GetDeviceInformation", "", ""),
        ("media GetProfiles", "", ""),
        ("media GetVideoEncoderConfiguration", ENCODER, ""),
        ("media GetVideoEncoderConfigurationOptions", "", ""),
        ("media GetOSDs", "", ""),
        ("media GetOSDOptions", "<ConfigurationToken>gate</ConfigurationToken>", ""),
        ("imaging GetOptions", SOURCE, UNKNOWN),
        ("media GetStreamUri", SETUP.format("RTSP") + PROFILE, ""),
    ],
    "Synology Surveillance Station": [
        ("device GetCapabilities", "<Category>All</Category>", ""),
        ("media GetVideoSourceConfigurations", "", ""),
        ("media GetVideoEncoderConfigurations", "", ""),
        ("media GetVideoEncoderConfigurationOptions", "", ""),
        ("media GetGuaranteedNumberOfVideoEncoderInstances", "<ConfigurationToken>gate</ConfigurationToken>", ""),
        ("media CreateProfile", "<Name>synology</Name>", MISSING),
        ("media DeleteProfile", PROFILE, MISSING),
        ("media GetProfile", PROFILE, ""),
    ],
    "UniFi Protect": [
        ("device GetCapabilities", "", ""),
        ("media GetProfiles", "", ""),
        ("media GetVideoSourceConfigurations", "", ""),
        ("media GetStreamUri", SETUP.format("RTSP") + PROFILE, ""),
    ],
    "Nx Witness": [
        ("device GetCapabilities", "", ""),
        ("media GetProfiles", "", ""),
        ("media GetCompatibleVideoEncoderConfigurations", PROFILE, ""),
        ("media GetCompatibleVideoSourceConfigurations", PROFILE, ""),
        ("media GetCompatibleAudioEncoderConfigurations", PROFILE, ""),
        ("device SetRelayOutputState", "<RelayOutputToken>1</RelayOutputToken><LogicalState>active</LogicalState>",
         "Sender/InvalidArgVal/RelayToken"),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def bridge():
    return Bridge()


@pytest.mark.parametrize("client", CLIENTS)
def test_every_call_in_its_order(bridge, client):
    for called, arguments, fault in CLIENTS[client]:
        service, operation = called.split()
        reply = bridge.post(service, operation, arguments)
        names = [value.text.partition(":")[2] for value in reply.body.iter(f"{{{SOAP}}}Value")]
        assert "/".join(names).startswith(fault) if fault else not names, (called, names)


def test_the_clock_is_told_to_anybody(bridge):
    """ONVIF Device Manager and others sign with it; a header that they leave out or get wrong is not looked at."""
    request = f'<GetSystemDateAndTime xmlns="{SERVICES["device"].namespace}"/>'
    body = f'<s:Envelope xmlns:s="{SOAP}"><s:Header/><s:Body>{request}</s:Body></s:Envelope>'
    reply = run(bridge.service.answer(Post(SERVICES["device"].path, body.encode())), bridge.turns)
    assert reply.status == 200


def test_home_assistant_reads_words(bridge):
    """It goes on when a fault says "not implemented", and sets a clock that is said to be set by hand."""
    reply = bridge.post("ptz", "GetPresets", PROFILE)
    (reason,) = texts(reply.body, "Text")
    assert "not implemented" in reason.lower()
    assert texts(bridge.ask("device", "GetSystemDateAndTime"), "DateTimeType") == ["NTP"]
    assert texts(bridge.ask("device", "GetNetworkInterfaces"), "HwAddress")[-1] == "02:42:ac:11:00:02"


def test_every_encoder_has_what_recorders_divide_by(bridge):
    """UniFi Protect needs RateControl in each encoder configuration (AlexxIT/go2rtc issue 1538)."""
    configurations = bridge.ask("media", "GetVideoEncoderConfigurations")
    assert (
        len(configurations)
        == len(texts(configurations, "FrameRateLimit"))
        == len(texts(configurations, "BitrateLimit"))
    )
    assert all(int(text) > 0 for text in texts(configurations, "FrameRateLimit"))


@pytest.mark.parametrize("service", ["media", "media2"])
def test_the_first_profile_is_the_main_stream(bridge, service):
    """Scrypted, Dahua and menus of others take it."""
    found = tokens(bridge.ask(service, "GetProfiles", "<Type>All</Type>" if service == "media2" else ""), "Profiles")
    assert found[:3] == ["gate.main", "gate.middle", "gate.sub"]


def test_video_and_services_are_at_one_host(bridge):
    """Nx Witness throws the host of a stream's address away and takes the device's."""
    answer = bridge.ask(
        "media", "GetStreamUri", SETUP.format("RTSP") + PROFILE, user=ADMIN, host="nvr.example.net:8580"
    )
    assert texts(answer, "Uri") == ["rtsp://nvr.example.net:554/live/gate"]
