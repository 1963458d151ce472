"""Two users with rights on different cameras, at every door: what one has no right to does not exist for him."""

import re
from collections.abc import Iterator

import pytest
import requests
from requests.auth import HTTPDigestAuth

from tests.interop.conftest import Service, eventually, onb, running, write_config
from tests.interop.rtsp_viewer import RtspViewer

pytestmark = pytest.mark.interop

PASSWORDS = {"ann": "ann's pass wörd", "bob": "b0b-of-the-yard", "chief": "chief-of-all"}
# ann has the role's rights on entrance, bob may see workshop and not hear it, the chief everything.
USERS = f"""
[[user]]
name = "ann"
password = "{PASSWORDS["ann"]}"
cameras = ["entr*"]

[[user]]
name = "bob"
password = "{PASSWORDS["bob"]}"
cameras = []
  [[user.grant]]
  cameras = ["workshop"]
  actions = ["live"]

[[user]]
name = "chief"
password = "{PASSWORDS["chief"]}"
role = "administrator"
"""
SOAP = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:t="http://www.onvif.org/ver10/schema" '
    'xmlns:m="{namespace}"><s:Body>{body}</s:Body></s:Envelope>'
)
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"


@pytest.fixture(scope="module")
def bridge(demo: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("rights")
    cameras = "".join(
        f'[[camera]]\nid = "{name}"\n[[camera.stream]]\nurl = "{demo.rtsp_url(f"/live/{name}")}"\n'
        for name in ("entrance", "workshop")
    )
    config = write_config(folder, USERS + cameras)
    with running(["serve", "--config", str(config)], folder) as service:
        service.wait_until_up()
        yield service


def soap(bridge: Service, user: str, body: str, namespace: str = MEDIA, password: str = "") -> requests.Response:
    login = HTTPDigestAuth(user, password or PASSWORDS[user])
    return requests.post(
        services(bridge)[namespace],
        SOAP.format(namespace=namespace, body=body).encode(),
        auth=login,
        headers={"Content-Type": "application/soap+xml; charset=utf-8"},
        timeout=20,
    )


def services(bridge: Service) -> dict[str, str]:
    """The addresses by namespace, which anybody may ask for."""
    body = SOAP.format(
        namespace="http://www.onvif.org/ver10/device/wsdl",
        body="<m:GetServices><m:IncludeCapability>false</m:IncludeCapability></m:GetServices>",
    )
    reply = requests.post(bridge.ready["onvif"], body, headers={"Content-Type": "application/soap+xml"}, timeout=20)
    found = re.findall(r"Namespace>([^<]+)<.*?XAddr>([^<]+)<", reply.text, re.DOTALL)
    return dict(found)


def profiles(bridge: Service, user: str, namespace: str) -> list[str]:
    reply = soap(bridge, user, "<m:GetProfiles/>", namespace)
    assert reply.status_code == 200, reply.text
    return re.findall(r'Profiles [^>]*token="([^"]+)"', reply.text)


def stream_uri(bridge: Service, user: str, token: str) -> requests.Response:
    setup = (
        "<m:StreamSetup><t:Stream>RTP-Unicast</t:Stream><t:Transport><t:Protocol>RTSP</t:Protocol></t:Transport>"
        "</m:StreamSetup>"
    )
    return soap(bridge, user, f"<m:GetStreamUri>{setup}<m:ProfileToken>{token}</m:ProfileToken></m:GetStreamUri>")


@pytest.mark.parametrize("namespace", [MEDIA, MEDIA2])
@pytest.mark.parametrize(
    ("user", "sees"), [("ann", {"entrance"}), ("bob", {"workshop"}), ("chief", {"entrance", "workshop"})]
)
def test_lists_hold_what_is_allowed(bridge: Service, user: str, sees: set[str], namespace: str) -> None:
    tokens = profiles(bridge, user, namespace)
    assert {name for name in ("entrance", "workshop") if any(name in token for token in tokens)} == sees
    assert len(tokens) == len(sees)


@pytest.mark.parametrize(("user", "own", "other"), [("ann", "entrance", "workshop"), ("bob", "workshop", "entrance")])
def test_other_cameras_are_not_there(bridge: Service, user: str, own: str, other: str) -> None:
    token = {name: next(one for one in profiles(bridge, "chief", MEDIA) if name in one) for name in (own, other)}
    assert f"/live/{own}" in stream_uri(bridge, user, token[own]).text
    refused = stream_uri(bridge, user, token[other])
    assert (refused.status_code, "NoProfile" in refused.text) == (400, True)
    # The very words that a token gets which never was.
    assert refused.text.replace(token[other], "") == stream_uri(bridge, user, "never-was").text.replace("never-was", "")
    with RtspViewer(f"{bridge.ready['rtsp']}/live/{own}", user, PASSWORDS[user]) as viewer:
        viewer.play()
        eventually(lambda: viewer.packets > 20, what="media")
    for path in (other, f"{other}/main", "never-was"):
        with RtspViewer(f"{bridge.ready['rtsp']}/live/{path}", user, PASSWORDS[user]) as viewer:
            assert viewer.request("DESCRIBE", Accept="application/sdp").status == 404
            assert viewer.request("SETUP", Transport="RTP/AVP/TCP;unicast;interleaved=0-1").status == 404


@pytest.mark.parametrize(
    ("user", "camera", "media"),
    [
        ("ann", "entrance", ["video", "audio"]),
        ("bob", "workshop", ["video"]),
        ("chief", "workshop", ["video", "audio"]),
    ],
)
def test_sound_is_a_right_of_its_own(bridge: Service, user: str, camera: str, media: list[str]) -> None:
    with RtspViewer(f"{bridge.ready['rtsp']}/live/{camera}", user, PASSWORDS[user]) as viewer:
        assert viewer.media() == media
    reply = soap(bridge, user, "<m:GetProfiles/>")
    profile = next(one for one in re.split(r"<\w+:Profiles ", reply.text)[1:] if camera in one)
    assert ("AudioEncoderConfiguration" in profile) == ("audio" in media)


@pytest.mark.parametrize(
    ("user", "camera", "status"),
    [
        ("ann", "entrance", 200),
        ("ann", "workshop", 404),
        ("bob", "workshop", 200),
        ("bob", "entrance", 404),
        ("chief", "never-was", 404),
    ],
)
def test_snapshots_follow_the_same_rights(bridge: Service, user: str, camera: str, status: int) -> None:
    uri = bridge.ready["onvif"].replace("/onvif/device_service", f"/snapshot/{camera}.jpg")

    def answer() -> int:
        code = requests.get(uri, auth=HTTPDigestAuth(user, PASSWORDS[user]), timeout=20).status_code
        return 0 if code == 503 else code  # no key frame yet

    assert eventually(answer, what="a snapshot") == status


def test_wrong_passwords_are_refused_everywhere(bridge: Service) -> None:
    assert soap(bridge, "chief", "<m:GetProfiles/>", password="wrong").status_code == 401
    uri = bridge.ready["onvif"].replace("/onvif/device_service", "/snapshot/entrance.jpg")
    assert requests.get(uri, auth=HTTPDigestAuth("chief", "wrong"), timeout=20).status_code == 401
    for user in ("chief", "nobody"):
        with RtspViewer(f"{bridge.ready['rtsp']}/live/entrance", user, "wrong") as viewer:
            assert viewer.request("DESCRIBE", Accept="application/sdp").status == 401


def test_no_password_is_told(bridge: Service) -> None:
    config = bridge.data.parent / "onb.toml"
    told = [bridge.log.read_text()]
    told += [
        done.stdout + done.stderr
        for done in (onb("users", "list", "--json", "--config", str(config)), onb("check", "--config", str(config)))
    ]
    for password in PASSWORDS.values():
        assert not [text for text in told if password in text]


def test_rights_are_kept_on_disk_for_the_service_alone(bridge: Service) -> None:
    for name in ("config.db", "secret.key", "onb.sock"):
        assert (bridge.data / name).stat().st_mode & 0o077 == 0, name
