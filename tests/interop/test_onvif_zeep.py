"""onvif-zeep, unchanged and with its own schemas: logs in, sees the cameras, asks for their addresses, plays them."""

from typing import Any
from urllib.parse import urlsplit

import av
import pytest
import requests
from requests.auth import HTTPDigestAuth

from bridge.sim.scenes import scenes
from tests.interop.conftest import Service, eventually

pytestmark = [
    pytest.mark.interop,
    # onvif-zeep 0.2.12 is of 2018; its own warnings are not ours.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def camera(demo: Service) -> Any:
    from onvif import ONVIFCamera

    parts = urlsplit(demo.ready["onvif"])
    return ONVIFCamera(parts.hostname, parts.port, demo.ready["user"], demo.ready["password"])


def test_who_it_is(camera: Any) -> None:
    information = camera.devicemgmt.GetDeviceInformation()
    assert information.Manufacturer
    assert information.FirmwareVersion
    assert camera.devicemgmt.GetHostname().Name


def test_every_h264_camera_is_seen(camera: Any) -> None:
    profiles = camera.create_media_service().GetProfiles()
    assert {profile.VideoEncoderConfiguration.Encoding for profile in profiles} == {"H264"}
    # Media ver10 cannot name H.265: the main stream of that camera is left to media2.
    expected = sum(1 if scene.codec == "H265" else 2 for scene in scenes(4, small=True))
    assert len(profiles) == expected
    assert len({profile.token for profile in profiles}) == expected


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_what_is_named_is_played(demo: Service, camera: Any, transport: str) -> None:
    media = camera.create_media_service()
    protocol = {"tcp": "RTSP", "udp": "UDP"}[transport]
    for profile in media.GetProfiles():
        setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": protocol}}
        uri = media.GetStreamUri({"StreamSetup": setup, "ProfileToken": profile.token}).Uri
        login = f"rtsp://{demo.ready['user']}:{demo.ready['password']}@"
        options = {"rtsp_transport": transport, "timeout": "10000000", "analyzeduration": "500000"}
        with av.open(uri.replace("rtsp://", login), options=options, timeout=20) as container:
            frame = next(container.decode(video=0))
        resolution = profile.VideoEncoderConfiguration.Resolution
        assert (frame.width, frame.height) == (resolution.Width, resolution.Height)


def test_snapshots_are_pictures(demo: Service, camera: Any) -> None:
    media = camera.create_media_service()
    login = HTTPDigestAuth(demo.ready["user"], demo.ready["password"])
    for profile in media.GetProfiles()[:2]:
        uri = media.GetSnapshotUri({"ProfileToken": profile.token}).Uri
        assert requests.get(uri, timeout=10).status_code == 401

        def picture(uri: str = uri) -> requests.Response | None:
            reply = requests.get(uri, auth=login, timeout=20)
            # 503: no key frame yet, come again.
            return None if reply.status_code == 503 else reply

        reply = eventually(picture, what="a snapshot")
        assert (reply.status_code, reply.headers["Content-Type"]) == (200, "image/jpeg")
        assert reply.content.startswith(b"\xff\xd8")


def test_a_wrong_password_is_refused(demo: Service) -> None:
    from onvif import ONVIFCamera, ONVIFError

    parts = urlsplit(demo.ready["onvif"])
    other = ONVIFCamera(parts.hostname, parts.port, demo.ready["user"], "wrong")
    with pytest.raises(ONVIFError, match="not Authorized"):
        other.devicemgmt.GetDeviceInformation()


def test_sets_are_refused_with_the_reason_that_clients_look_for(camera: Any) -> None:
    from onvif import ONVIFError

    with pytest.raises(ONVIFError, match="Optional Action Not Implemented"):
        camera.devicemgmt.SetHostname({"Name": "other"})
