"""Networks of their own: a client behind a port forward to other ports, IPv6, and doors that belong to one network.

Two network name spaces: `site` with the bridge on its inner network and a forwarding router, `world` with a client that
reaches the router alone.
"""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.conftest import Service, eventually, needs, onb_recordings, running

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

HERE = Path(__file__).parent
USER, PASSWORD = "outside", "through-the-router"
CAMERA = "entrance"
#: By address family: the bridge, the router's outer address, the client.
ADDRESSES = {"IPv4": ("10.77.0.1", "198.51.100.1", "198.51.100.2"), "IPv6": ("fd77::1", "2001:db8::1", "2001:db8::2")}
INNER = {"onvif": 580, "rtsp": 554}
OUTER = {"onvif": 10_580, "rtsp": 10_554}


@dataclass
class Networks:
    site: list[str]
    world: list[str]

    def in_world(self, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([*self.world, *command], capture_output=True, text=True, timeout=90, check=False)


@pytest.fixture(scope="module")
def networks() -> Iterator[Networks]:
    if os.geteuid() != 0:
        pytest.skip("not root: no network name space can be made")
    ip = needs("ip")
    mark = secrets.token_hex(3)
    site, world = f"site-{mark}", f"world-{mark}"

    def run(*words: str) -> None:
        subprocess.run([ip, *words], check=True, capture_output=True, text=True, timeout=20)

    with ExitStack() as stack:
        for name in (site, world):
            run("netns", "add", name)
            stack.callback(run, "netns", "del", name)
            run("-n", name, "link", "set", "lo", "up")
        run("-n", site, "link", "add", "outer", "type", "veth", "peer", "name", "line", "netns", world)
        for space, link, which in ((site, "lo", 0), (site, "outer", 1), (world, "line", 2)):
            for family, addresses in ADDRESSES.items():
                more = ("nodad",) if family == "IPv6" else ()
                length = 64 if family == "IPv6" else 24
                run("-n", space, "address", "add", f"{addresses[which]}/{length}", "dev", link, *more)
            run("-n", space, "link", "set", link, "up")
        yield Networks(*([ip, "netns", "exec", name] for name in (site, world)))


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@contextmanager
def router(networks: Networks, outer: str, inner: str) -> Iterator[None]:
    forwards = [f"{OUTER[door]}={bracketed(inner)}:{INNER[door]}" for door in OUTER]
    process = subprocess.Popen(
        [*networks.site, sys.executable, str(HERE / "port_forward.py"), outer, *forwards],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def cameras(networks: Networks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("cameras")
    ports = "onvif=18580,rtsp=18554,http=18081,rtsps=0,https=0"
    data = folder / "data"
    arguments = ["demo", "--small", "--cameras", "1", "--data", str(data), "--ports", ports, "--bind", "127.0.0.1"]
    with running(arguments, folder, data=data, within=networks.site) as service:
        service.wait_until_up()
        yield service


@pytest.mark.parametrize("family", list(ADDRESSES))
def test_a_client_behind_a_port_forward_plays_what_it_is_told(
    networks: Networks, cameras: Service, family: str, tmp_path: Path
) -> None:
    inner, outer, _ = ADDRESSES[family]
    config = tmp_path / "onb.toml"
    config.write_text(
        f"""data = "{tmp_path}/data"
bind = ["{inner}"]
[public]
host = "{outer}"
onvif = {OUTER["onvif"]}
rtsp = {OUTER["rtsp"]}
[ports]
onvif = {INNER["onvif"]}
rtsp = {INNER["rtsp"]}
rtsps = 0
http = 0
https = 0
[discovery]
enabled = false
[[user]]
name = "{USER}"
password = "{PASSWORD}"
[[camera]]
id = "{CAMERA}"
url = "{cameras.rtsp_url(f"/live/{CAMERA}")}"
"""
    )
    with (
        running(["serve", "--config", str(config)], tmp_path, within=networks.site) as service,
        router(networks, outer, inner),
    ):
        service.wait_until_up()
        eventually(lambda: onb_recordings(service), what="a recording")
        device = f"http://{bracketed(outer)}:{OUTER['onvif']}/onvif/device_service"
        client = [sys.executable, str(HERE / "outside_client.py"), device, USER, PASSWORD, CAMERA]
        done = networks.in_world(client)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert all(address.startswith(f"http://{bracketed(outer)}:{OUTER['onvif']}/") for address in told["services"])
        for kind, path in (("live", f"/live/{CAMERA}"), ("recorded", f"/recordings/rec-{CAMERA}.main")):
            assert told[kind].startswith(f"rtsp://{bracketed(outer)}:{OUTER['rtsp']}{path}")
            assert told[f"{kind}_pictures"] == 3
        # What is bound to the inner network does not answer on the outer one, whatever the port.
        for port in INNER.values():
            probe = f"import socket; socket.create_connection(({outer!r}, {port}), 5)"
            refused = networks.in_world([sys.executable, "-c", probe])
            assert "ConnectionRefusedError" in refused.stderr
