"""Virtual devices: which face a connection sees, and the whole service behind the face of one camera."""

import uuid

import pytest

from bridge.net.addresses import PublicAddress
from bridge.services.onvif.faces import Face, Faces
from bridge.services.onvif.schemas import SERVICES
from bridge.wire.scopes import device_scopes
from tests.services.onvif.bridge_setting import (
    DEAF,
    FACE,
    GATE_ONLY,
    IDENTITY,
    VIEWER,
    YARD_ONLY,
    Bridge,
    call,
    texts,
    tokens,
)

GATE, YARD = 5801, 5802


def face(camera, port, address=""):
    identity = IDENTITY.of_camera(camera)
    return Face(identity, device_scopes(camera, identity.hardware), camera, address, port)


@pytest.fixture(scope="module")
def bridge():
    made = Bridge()
    made.faces.replace({("", GATE): face("gate", GATE), ("", YARD): face("yard", YARD)})
    return made


def at(bridge, port):
    """`ask` at a device, as a client does that was given its address."""

    def ask(service, operation, arguments="", *, fault=False, **more):
        do = bridge.fault if fault else bridge.ask
        return do(service, operation, arguments, port=port, host=f"192.0.2.5:{port}", **more)

    return ask


def test_an_identity_of_its_own_that_comes_back():
    gate, yard = IDENTITY.of_camera("gate"), IDENTITY.of_camera("yard")
    for name in ("serial", "hardware", "endpoint", "mac"):
        assert len({getattr(one, name) for one in (IDENTITY, gate, yard)}) == 3
    assert gate == IDENTITY.of_camera("gate")
    assert (gate.manufacturer, gate.model, gate.firmware) == (
        IDENTITY.manufacturer,
        IDENTITY.model,
        IDENTITY.firmware,
    )
    assert uuid.UUID(gate.endpoint.removeprefix("urn:uuid:")).version == 5
    assert len(gate.serial) == 12
    assert gate.mac.startswith("02:")


def test_the_door_says_which_face():
    faces = Faces(FACE)
    assert faces.at("192.0.2.5", 580) is FACE
    by_port, by_address, of_six = face("a", 5801), face("b", 580, "192.0.2.31"), face("c", 580, "2001:db8::1")
    faces.replace({("", 5801): by_port, ("192.0.2.31", 580): by_address, ("[2001:db8::1]", 580): of_six})
    assert faces.at("192.0.2.5", 5801) is by_port
    assert faces.at("192.0.2.31", 5801) is by_port
    assert faces.at("192.0.2.31", 580) is by_address
    assert faces.at("::ffff:192.0.2.31", 580) is by_address
    assert faces.at("2001:db8::1", 580) is of_six
    assert faces.at("192.0.2.32", 580) is FACE
    faces.replace({})
    assert faces.at("192.0.2.31", 580) is FACE


def test_outer_addresses():
    public = PublicAddress(10554, "outer.example.net", 10580)
    assert FACE.public(public) is public
    assert face("gate", GATE).public(public) == PublicAddress(10554, "outer.example.net", 0)
    assert face("gate", GATE, "192.0.2.31").public(public) == PublicAddress(10554, "", 0)


def test_who_it_is(bridge):
    own = IDENTITY.of_camera("gate")
    answer = at(bridge, GATE)("device", "GetDeviceInformation")
    assert texts(answer, "SerialNumber") == [own.serial]
    assert texts(answer, "HardwareId") == ["gate"]
    assert texts(at(bridge, GATE)("device", "GetEndpointReference"), "GUID") == [own.endpoint]
    assert "onvif://www.onvif.org/name/gate" in texts(at(bridge, GATE)("device", "GetScopes"), "ScopeItem")
    assert texts(at(bridge, GATE)("device", "GetHostname"), "Name") == ["gate"]
    interfaces = at(bridge, GATE)("device", "GetNetworkInterfaces")
    assert texts(interfaces, "HwAddress") == [own.mac]
    assert texts(interfaces, "Address") == ["192.0.2.5"]
    protocols = at(bridge, GATE)("device", "GetNetworkProtocols")
    assert texts(protocols, "Port") == [str(GATE), "554"]
    assert texts(bridge.ask("device", "GetDeviceInformation"), "SerialNumber") == [IDENTITY.serial]


def test_a_kept_answer_is_of_one_face(bridge):
    """Whoever writes the same Host into his request."""
    found = [
        texts(bridge.ask("device", "GetEndpointReference", port=port, host="x"), "GUID")
        for port in (580, GATE, YARD, 580)
    ]
    assert found == [
        [IDENTITY.endpoint],
        [IDENTITY.of_camera("gate").endpoint],
        [IDENTITY.of_camera("yard").endpoint],
        [IDENTITY.endpoint],
    ]


def test_services_and_streams_are_where_it_was_called(bridge):
    answer = at(bridge, GATE)("device", "GetServices", "<IncludeCapability>false</IncludeCapability>")
    assert texts(answer, "XAddr") == [f"http://192.0.2.5:{GATE}{SERVICES[name].path}" for name in SERVICES_SERVED]
    uri = at(bridge, GATE)("media2", "GetStreamUri", "<Protocol>RTSP</Protocol><ProfileToken>gate.sub</ProfileToken>")
    assert texts(uri, "Uri") == ["rtsp://192.0.2.5:554/live/gate/sub"]
    still = at(bridge, GATE)("media", "GetSnapshotUri", "<ProfileToken>gate.main</ProfileToken>")
    assert texts(still, "Uri") == [f"http://192.0.2.5:{GATE}/snapshot/gate.jpg"]


SERVICES_SERVED = ("device", "media", "media2", "deviceio", "recording", "search", "replay")


@pytest.mark.parametrize(("port", "camera"), [(GATE, "gate"), (YARD, "yard")])
def test_one_source_with_its_profiles_and_recordings(bridge, port, camera):
    ask = at(bridge, port)
    assert tokens(ask("media", "GetVideoSources"), "VideoSources") == [camera]
    assert texts(ask("deviceio", "GetVideoSources"), "Token") == [camera]
    profiles = tokens(ask("media2", "GetProfiles"), "Profiles")
    assert profiles
    assert {token.partition(".")[0] for token in profiles} == {camera}
    recordings = texts(ask("recording", "GetRecordings"), "RecordingToken")
    assert recordings
    assert {token.removeprefix("rec-").partition(".")[0] for token in recordings} == {camera}
    (capabilities,) = ask("deviceio", "GetServiceCapabilities")
    assert (capabilities.get("VideoSources"), capabilities.get("AudioSources")) == ("1", "1")
    older = ask("device", "GetCapabilities")
    assert texts(older, "VideoSources") == ["1"]


def test_what_is_another_devices_is_not_there(bridge):
    profile = "<ProfileToken>yard.main</ProfileToken>"
    assert at(bridge, GATE)("media", "GetProfile", profile, fault=True) == "Sender/InvalidArgVal/NoProfile"
    assert at(bridge, GATE)("media", "GetSnapshotUri", profile, fault=True).endswith("NoProfile")
    recording = "<RecordingToken>rec-yard.main</RecordingToken>"
    assert at(bridge, GATE)("search", "GetRecordingInformation", recording, fault=True).endswith("InvalidToken")
    assert at(bridge, YARD)("search", "GetRecordingInformation", recording) is not None


def test_rights_are_the_same_everywhere(bridge):
    assert tokens(at(bridge, YARD)("media", "GetProfiles", user=GATE_ONLY), "Profiles") == []
    assert tokens(at(bridge, YARD)("media", "GetVideoSources", user=YARD_ONLY), "VideoSources") == ["yard"]
    assert texts(at(bridge, GATE)("recording", "GetRecordings", user=DEAF), "RecordingToken") == []
    refused = at(bridge, GATE)("device", "GetUsers", user=VIEWER, fault=True)
    assert refused == "Sender/NotAuthorized"


def test_a_search_is_of_one_device(bridge):
    """One user has 32 searches at most: of each device, as a recorder has a hundred of them."""
    found = at(bridge, GATE)("search", "FindRecordings", "<Scope/><KeepAliveTime>PT30S</KeepAliveTime>")
    (token,) = texts(found, "SearchToken")
    results = f"<SearchToken>{token}</SearchToken>"
    assert at(bridge, YARD)("search", "GetRecordingSearchResults", results, fault=True).endswith("InvalidToken")
    answer = at(bridge, GATE)("search", "GetRecordingSearchResults", results)
    assert {token.removeprefix("rec-").partition(".")[0] for token in texts(answer, "RecordingToken")} == {"gate"}


def test_a_camera_that_is_gone_leaves_an_empty_device(bridge):
    made = Bridge()
    made.faces.replace({("", GATE): face("ghost", GATE)})
    assert tokens(at(made, GATE)("media", "GetProfiles"), "Profiles") == []
    assert made.profiles.count("ghost") == (0, 0)
    assert call().face is FACE
