"""Cameras over rtsps://: the demo's TLS door as one, GStreamer's RTSP server as one whose certificate is changed."""

import hashlib
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop import test_ingest_gstreamer as gst
from tests.interop.conftest import Service, eventually, free_ports, onb, running, write_config
from tests.system.tls_files import rsa_key, write_pair

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Path]]:
    return [write_pair(tmp_path_factory.mktemp(f"camera{number}"), rsa_key(number)) for number in range(2)]


@pytest.fixture(scope="module")
def bridge(demo: Service, certificates: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, ...]]:
    folder = tmp_path_factory.mktemp("bridge")
    (port,) = free_ports(1)
    ours = demo.rtsps_url("/live/entrance")
    config = write_config(
        folder,
        '[[user]]\nname = "chief"\npassword = "camera-tls"\n'
        f'[[camera]]\nid = "pinned"\nurl = "{ours}"\n'
        f'[[camera]]\nid = "vouched"\nurl = "{ours}"\ntls_ca = "{demo.data / "tls-ca.pem"}"\n'
        f'[[camera]]\nid = "unvouched"\nurl = "{ours}"\ntls_ca = "{certificates[0][0]}"\n'
        f'[[camera]]\nid = "clear"\nurl = "{demo.rtsp_url("/live/entrance").replace("rtsp:", "rtsps:")}"\n'
        f'[[camera]]\nid = "gst"\nurl = "rtsps://{gst.USER}:{gst.IN_URL.split(":")[1]}127.0.0.1:{port}/h264"\n',
    )
    with running(["serve", "--config", str(config)], folder) as service:
        yield service, config, port


def fingerprint(host: str, port: int) -> str:
    pem = ssl.get_server_certificate((host, port))
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def test_the_demo_as_a_camera(demo: Service, bridge: Any) -> None:
    service, config, _ = bridge
    service.wait_until_up("pinned", "vouched")
    host, port = demo.ready["rtsps"].rpartition("/")[2].split(":")
    shown = fingerprint(host, int(port))
    (certificate,) = service.cameras()["pinned"]["certificates"]
    assert certificate == {"address": f"{host}:{port}", "sha256": shown, "offered": None}
    assert "certificates" not in service.cameras()["vouched"]
    assert shown in onb("cameras", "list", "--config", str(config)).stdout
    assert "Traceback" not in service.log.read_text()


@pytest.mark.parametrize(
    ("camera", "reason"),
    [
        ("unvouched", "certificate: 127.0.0.1:{port}: its authority is not one of tls_ca"),
        ("clear", "TLS: no TLS with 127.0.0.1:{clear}: "),
    ],
)
def test_why_one_is_down(demo: Service, bridge: Any, camera: str, reason: str) -> None:
    service, _, _ = bridge
    ports = {"port": demo.ready["rtsps"].rpartition(":")[2], "clear": demo.ready["rtsp"].rpartition(":")[2]}
    found = eventually(lambda: service.cameras()[camera]["reason"], what="a reason")
    assert found.startswith(reason.format(**ports)), found


def test_a_changed_certificate(bridge: Any, certificates: Any) -> None:
    """GStreamer's server comes up, is down with another certificate until somebody trusts it, and comes up again."""
    if reason := gst.missing(("x264enc", "rtph264pay")):
        pytest.skip(reason)
    service, config, port = bridge

    def camera(number: int) -> Any:
        return gst.camera(gst.USER, gst.PASSWORD, *map(str, certificates[number]), str(port))[0]

    def state() -> dict[str, Any]:
        return dict(service.cameras()["gst"])

    process = camera(0)
    try:
        service.wait_until_up("gst")
        (first,) = state()["certificates"]
        gst.end(process)
        process = camera(1)
        eventually(lambda: state()["reason"].startswith("certificate: "), what="the refusal")
        assert "onb cameras trust gst" in state()["reason"]
        (refused,) = state()["certificates"]
        assert refused["sha256"] == first["sha256"]
        assert refused["offered"] == fingerprint("127.0.0.1", port)
        done = onb("cameras", "trust", "gst", "--config", str(config))
        assert done.returncode == 0, done.stderr
        assert refused["offered"] in done.stderr
        service.wait_until_up("gst")
        (trusted,) = state()["certificates"]
        assert (trusted["sha256"], trusted["offered"]) == (refused["offered"], None)
        assert onb("cameras", "trust", "gst", "--config", str(config)).returncode == 1, "there is nothing to accept"
    finally:
        gst.end(process)
    listed = json.loads(onb("cameras", "list", "--json", "--config", str(config)).stdout)
    assert {row["id"] for row in listed if "certificates" in row} == {"pinned", "gst"}
    assert "Traceback" not in service.log.read_text()
