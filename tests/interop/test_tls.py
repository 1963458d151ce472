"""The TLS doors: Python's own `ssl` checks chain and names, players play, ONVIF clients ask, strangers fail."""

import concurrent.futures
import contextlib
import itertools
import signal
import socket
import ssl
import subprocess
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import av
import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding
from requests.auth import HTTPDigestAuth

from bridge.sim.scenes import scenes
from tests.interop.conftest import Service, eventually, needs, onb, onb_recordings, running, write_config
from tests.interop.rtsp_viewer import RtspViewer
from tests.system.tls_files import server_certificate, write_pair

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

TLS_DOORS = ("onvif_tls", "rtsps", "https")
ENTRANCE = scenes(4, small=True)[0]


def door(service: Service, name: str) -> tuple[str, int]:
    parts = urlsplit(service.ready[name])
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


def authority(service: Service) -> str:
    return str(service.data / "tls-ca.pem")


def shaken(service: Service, name: str, called: str, context: ssl.SSLContext | None = None) -> dict[str, Any]:
    """The certificate that a door shows to who knows our authority alone and calls it so."""
    context = context or ssl.create_default_context(cafile=authority(service))
    with (
        socket.create_connection(door(service, name), 20) as tcp,
        context.wrap_socket(tcp, server_hostname=called) as tls,
    ):
        return {"der": tls.getpeercert(binary_form=True), "tls": tls.version()}


@pytest.mark.parametrize("name", TLS_DOORS)
def test_chain_and_names(demo: Service, name: str) -> None:
    for called in ("127.0.0.1", "localhost", socket.gethostname(), "::1"):
        shown = shaken(demo, name, called)
        assert shown["tls"] == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shaken(demo, name, "elsewhere.example")
    with pytest.raises(ssl.SSLCertVerificationError, match=r"issuer|self-signed"):
        shaken(demo, name, "localhost", ssl.create_default_context())


def test_an_old_recorder(demo: Service) -> None:
    """TLS 1.2 with an RSA certificate and nothing newer; below that nobody is let in."""
    context = ssl.create_default_context(cafile=authority(demo))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    assert shaken(demo, "rtsps", "localhost", context)["tls"] == "TLSv1.2"
    context.set_ciphers("AES128-SHA")
    with pytest.raises(ssl.SSLError):
        shaken(demo, "rtsps", "localhost", context)


def test_the_web_door(demo: Service) -> None:
    assert requests.get(f"{demo.ready['https']}/healthz", verify=authority(demo), timeout=20).text == "ok\n"
    assert "onb_tls_handshakes_total" in demo.metrics()


@pytest.mark.parametrize("path", ["/live/entrance", "/live/entrance/sub", "/recordings/entrance"])
def test_ffmpeg_plays_over_tls(demo: Service, path: str) -> None:
    eventually(lambda: onb_recordings(demo), what="a recording")
    options = {"timeout": "10000000", "ca_file": authority(demo), "tls_verify": "1"}
    with av.open(demo.rtsps_url(path), options=options, timeout=20) as container:
        frames = list(itertools.islice(container.decode(video=0), 40))
    assert len(frames) == 40
    assert frames[-1].width == ENTRANCE.width // (2 if path.endswith("sub") else 1)


@pytest.mark.parametrize("path", ["/live/entrance", "/recordings/entrance"])
@pytest.mark.parametrize("protocols", ["tcp", "udp+tcp"])
def test_gstreamer_plays_over_tls(demo: Service, path: str, protocols: str) -> None:
    """With udp+tcp it asks for UDP first, which would be in clear, and takes TCP when that is refused."""
    eventually(lambda: onb_recordings(demo), what="a recording")
    pipeline = (
        f"rtspsrc location={demo.ready['rtsps']}{path} user-id={demo.ready['user']} user-pw={demo.ready['password']}"
        f" protocols={protocols} tls-validation-flags=0 name=source source. ! application/x-rtp,media=video"
        " ! decodebin ! videoconvert ! video/x-raw,format=GRAY8 ! fdsink fd=1"
    )
    command = [needs("gst-launch-1.0"), "-q", *pipeline.split()]
    player = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    watch = threading.Timer(30, player.kill)
    watch.start()
    assert player.stdout is not None
    frames, size = 0, ENTRANCE.width * ENTRANCE.height
    while frames < 30 and len(player.stdout.read(size)) == size:
        frames += 1
    watch.cancel()
    player.kill()
    _, errors = player.communicate()
    assert frames == 30, errors.decode()


@pytest.mark.parametrize("path", ["/live/entrance", "/recordings/entrance"])
def test_ffmpeg_plays_through_https(demo: Service, path: str) -> None:
    """The tunnel of RTSP over HTTP on the TLS sibling of its door; the address is as GetStreamUri names it."""
    eventually(lambda: onb_recordings(demo), what="a recording")
    host, port = door(demo, "onvif_tls")
    url = demo.rtsp_url(path).replace(demo.ready["rtsp"].partition("//")[2], f"{host}:{port}")
    options = {"rtsp_transport": "https", "timeout": "10000000", "ca_file": authority(demo), "tls_verify": "1"}
    with av.open(url, options=options, timeout=20) as container:
        assert len(list(itertools.islice(container.decode(video=0), 40))) == 40


def test_onvif_over_tls(demo: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """onvif-zeep, as it comes, told to trust our authority: every address that it is given is of the TLS doors."""
    from onvif import ONVIFCamera

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority(demo))
    host, port = door(demo, "onvif_tls")
    user, password = demo.ready["user"], demo.ready["password"]
    camera = ONVIFCamera(f"https://{host}", port, user, password)
    assert camera.devicemgmt.GetServiceCapabilities().Security["TLS1.2"] is True
    for service in camera.devicemgmt.GetServices({"IncludeCapability": False}):
        assert service.XAddr.startswith(f"https://{host}:{port}/"), service.XAddr
    protocols = {one.Name: one.Port for one in camera.devicemgmt.GetNetworkProtocols()}
    assert protocols["HTTPS"] == [port]
    media = camera.create_media_service()
    token = media.GetProfiles()[0].token
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    uri = media.GetStreamUri({"StreamSetup": setup, "ProfileToken": token}).Uri
    assert uri.startswith(demo.ready["rtsps"])
    setup["Transport"] = {"Protocol": "UDP"}
    assert media.GetStreamUri({"StreamSetup": setup, "ProfileToken": token}).Uri.startswith(demo.ready["rtsp"])
    still = media.GetSnapshotUri({"ProfileToken": token}).Uri
    login = HTTPDigestAuth(user, password)
    assert still.startswith(f"https://{host}:{port}/")

    def picture() -> bytes:
        reply = requests.get(still, auth=login, verify=authority(demo), timeout=20)
        return reply.content if reply.status_code == 200 else b""

    assert eventually(picture, what="a snapshot").startswith(b"\xff\xd8")


def test_a_refusal_is_heard_over_tls(demo: Service) -> None:
    """413 before the body is read: the answer must not be lost with it."""
    head = {"Content-Type": "application/soap+xml"}
    reply = requests.post(demo.ready["onvif_tls"], b"<" * 2_000_000, headers=head, verify=authority(demo), timeout=20)
    assert reply.status_code == 413


# --- A service of its own: its limits are low, its certificate is changed ------------------------------------------


PASSWORD = "tls-test"
REQUEST_TIMEOUT_S = 2


@pytest.fixture(scope="module")
def bridge(demo: Service, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("tls")
    config = write_config(
        folder,
        f'[limits]\nrequest_timeout = "{REQUEST_TIMEOUT_S}s"\nrtsp_connections_per_address = 60\n'
        f'[[user]]\nname = "chief"\npassword = "{PASSWORD}"\n'
        f'[[camera]]\nid = "gate"\nurl = "{demo.rtsp_url("/live/entrance")}"\n',
        more_doors=("onvif_tls", "rtsps", "https"),
    )
    with running(["serve", "--config", str(config)], folder) as service:
        service.wait_until_up()
        yield service, config


@pytest.mark.parametrize("name", TLS_DOORS)
@pytest.mark.parametrize(
    "said",
    [b"", b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01"],
)
def test_strangers_at_a_tls_door(bridge: Any, name: str, said: bytes) -> None:
    service, _ = bridge
    began = time.monotonic()
    with socket.create_connection(door(service, name), 20) as connection:
        connection.sendall(said)
        connection.settimeout(20)
        with contextlib.suppress(ConnectionResetError):
            while connection.recv(65536):
                pass
    assert time.monotonic() - began < REQUEST_TIMEOUT_S + 10
    assert shaken(service, name, "localhost")
    assert "Traceback" not in service.log.read_text()


def test_half_open_handshakes_are_bounded_and_nobody_else_notices(bridge: Any) -> None:
    service, _ = bridge
    url = f"{service.ready['rtsp']}/live/gate"
    with RtspViewer(url, "chief", PASSWORD).play() as viewer, contextlib.ExitStack() as all_of_them:
        eventually(lambda: viewer.packets > 10, what="media")
        half = [all_of_them.enter_context(socket.create_connection(door(service, "rtsps"), 20)) for _ in range(200)]
        for one in half:
            with contextlib.suppress(OSError):
                one.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01")
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            assert all(pool.map(closed, half))
        eventually(lambda: "onb_rtsp_connections 1.0" in service.metrics(), what="all of them gone")
        assert viewer.gaps == 0
    assert shaken(service, "rtsps", "localhost")
    assert "Traceback" not in service.log.read_text()


def closed(connection: socket.socket) -> bool:
    connection.settimeout(20)
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while connection.recv(65536):
            pass
    return True


def test_a_new_certificate_drops_nobody(bridge: Any) -> None:
    """Renewed by the command, then yours by SIGHUP, then ours again: one session plays through all of it."""
    service, config = bridge
    url = f"rtsps://chief:{PASSWORD}@{service.ready['rtsps'].partition('//')[2]}/live/gate"
    before = shaken(service, "rtsps", "localhost")["der"]
    plain = config.read_text()
    with av.open(url, options={"timeout": "10000000"}, timeout=20) as container:
        pictures = container.decode(video=0)
        next(pictures)
        assert onb("certificates", "renew", "--config", str(config)).returncode == 0
        renewed = shaken(service, "rtsps", "localhost")["der"]
        assert renewed != before
        write_pair(config.parent)
        config.write_text(f'{plain}\n[tls]\ncertificate = "cert.pem"\nkey = "key.pem"\n')
        service.process.send_signal(signal.SIGHUP)
        anybody = ssl.create_default_context()
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
        yours = server_certificate().public_bytes(Encoding.DER)
        eventually(lambda: shaken(service, "https", "x", anybody)["der"] == yours, what="the certificate of the file")
        config.write_text(plain)
        service.process.send_signal(signal.SIGHUP)
        eventually(lambda: shaken(service, "rtsps", "x", anybody)["der"] == renewed, what="ours again")
        assert len(list(itertools.islice(pictures, 50))) == 50
    assert "Traceback" not in service.log.read_text()
