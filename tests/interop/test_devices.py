"""Virtual devices on ports of their own: what Home Assistant's library is told of each, and what a reload changes."""

import contextlib
import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest

from tests.interop.conftest import Service, eventually, free_ports, running, write_config
from tests.interop.foreign import python_with

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

PASSWORD = "device password"
CAMERAS = ("entrance", "workshop")


@dataclass
class Site:
    """A service that takes two cameras from the demo and shows each as a device. ports: of the devices."""

    service: Service
    folder: Path
    ports: tuple[int, ...]
    doors: dict[str, int]
    urls: dict[str, str]

    def write(self, devices: dict[str, int]) -> None:
        write_config(self.folder, body(self.urls, devices), ports=self.doors)


def body(urls: dict[str, str], devices: dict[str, int]) -> str:
    cameras = "".join(
        f'[[camera]]\nid = "{name}"\nrecord = "never"\nurl = "{url}"\ndevice_port = {devices.get(name, 0)}\n'
        for name, url in urls.items()
    )
    return f'[[user]]\nname = "chief"\npassword = "{PASSWORD}"\nrole = "administrator"\n{cameras}'


@pytest.fixture(scope="module")
def site(demo: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("devices")
    *doors, one, two, taken = free_ports(6)
    ports = dict(zip(("onvif", "rtsp", "http"), doors, strict=True))
    urls = {name: demo.rtsp_url(f"/live/{name}/sub") for name in CAMERAS}
    urls["lost"] = "rtsp://127.0.0.1:9/none"
    config = write_config(
        folder, body(urls, dict(zip(CAMERAS, (one, two), strict=True)) | {"lost": taken}), ports=ports
    )
    # Another program has the third device's port: the rest does not mind.
    with contextlib.ExitStack() as kept:
        other = kept.enter_context(socket.socket())
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", taken))
        other.listen()
        service = kept.enter_context(running(["serve", "--config", str(config)], folder))
        service.wait_until_up(*CAMERAS)
        yield Site(service, folder, (one, two), ports, urls)


def told(port: int) -> dict[str, Any]:
    """What onvif-zeep-async finds, in Home Assistant's order of calls."""
    script = str(Path(__file__).with_name("home_assistant.py"))
    command = [python_with("onvif-zeep-async.txt"), script, "http://127.0.0.1", str(port), "chief"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, input=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_each_is_a_device_of_its_own(site: Site) -> None:
    found = [told(port) for port in (site.doors["onvif"], *site.ports)]
    assert len({each["information"]["SerialNumber"] for each in found}) == 3
    assert len({each["macs"][-1] for each in found}) == 3
    assert [{profile["source"] for profile in each["profiles"]} for each in found[1:]] == [{"entrance"}, {"workshop"}]
    assert {"entrance", "workshop"} <= {profile["source"] for profile in found[0]["profiles"]}
    for each, port in zip(found[1:], site.ports, strict=True):
        assert all(address.startswith(f"http://127.0.0.1:{port}/") for address in each["services"].values())
        assert each["picture"] == "ffd8"
    uri = found[1]["profiles"][0]["stream"]
    tunnel = uri.replace(f":{site.doors['rtsp']}/", f":{site.ports[0]}/")
    for address, transport in ((uri, "tcp"), (tunnel, "http")):
        url = address.replace("rtsp://", f"rtsp://chief:{PASSWORD.replace(' ', '%20')}@")
        with av.open(url, options={"rtsp_transport": transport, "analyzeduration": "500000"}, timeout=20) as container:
            assert next(container.decode(video=0)).width


def test_a_taken_port_costs_its_own_device_alone(site: Site) -> None:
    log = site.service.log.read_text()
    assert re.search(r"a virtual device cannot be reached.*camera lost: port \d+ of 127\.0\.0\.1 cannot be opened", log)


def test_a_reload_takes_devices_away_and_brings_them_back(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.ports[1])) as kept:
        site.write({"entrance": site.ports[0]})
        site.service.process.send_signal(signal.SIGHUP)
        eventually(lambda: not answers(site.ports[1]), what="the second device's end")
        kept.settimeout(20)
        with contextlib.suppress(ConnectionResetError):
            assert kept.recv(1) == b""  # whoever was connected would see the whole bridge from now on
    assert answers(site.ports[0])
    site.write(dict(zip(CAMERAS, site.ports, strict=True)))
    site.service.process.send_signal(signal.SIGHUP)
    eventually(lambda: answers(site.ports[1]), what="the second device's return")


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
