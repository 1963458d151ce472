"""The life of a service: reload, users, faults of cameras, second start, killed and started again, and its secrets."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from requests.auth import HTTPDigestAuth

from tests.interop.conftest import Service, eventually, free_ports, needs, onb, running, write_config
from tests.interop.rtsp_viewer import RtspViewer

pytestmark = pytest.mark.interop

CHIEF = "the-chief's-secret"
ADDED = "added while running: ünïque"
CAMERA_SECRET = "not-the-cameras-password"
USER = f'[[user]]\nname = "chief"\npassword = "{CHIEF}"\nrole = "administrator"\n'
ENVELOPE = '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>{}</s:Body></s:Envelope>'


def camera(name: str, url: str) -> str:
    return f'[[camera]]\nid = "{name}"\n[[camera.stream]]\nurl = "{url}"\n'


def onvif(service: Service, body: str, path: str = "device_service") -> str:
    """The answer of one operation."""
    address = service.ready["onvif"].replace("device_service", path)
    login = HTTPDigestAuth("chief", CHIEF)
    headers = {"Content-Type": "application/soap+xml"}
    return requests.post(address, ENVELOPE.format(body), auth=login, headers=headers, timeout=20).text


@dataclass
class Bridge:
    """A service with its file. `write` keeps the ports."""

    service: Service
    folder: Path
    ports: dict[str, int]

    @property
    def config(self) -> str:
        return str(self.folder / "onb.toml")

    def write(self, body: str) -> None:
        write_config(self.folder, body, ports=self.ports)

    def reload(self) -> int:
        """SIGHUP; returns where the log's news begin."""
        begin = len(self.service.log.read_text())
        self.service.process.send_signal(signal.SIGHUP)
        return begin

    def news(self, begin: int) -> str:
        return self.service.log.read_text()[begin:]

    def watch(self, name: str, user: str = "chief", password: str = CHIEF) -> RtspViewer:
        return RtspViewer(f"{self.service.ready['rtsp']}/live/{name}", user, password)


def some_ports() -> dict[str, int]:
    return dict(zip(("onvif", "rtsp", "http"), free_ports(3), strict=True))


@pytest.fixture(scope="module")
def good(demo: Service) -> str:
    """The file that the module's service starts with: one camera."""
    return USER + camera("gate", demo.rtsp_url("/live/entrance/sub"))


@pytest.fixture(scope="module")
def bridge(good: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    folder, ports = tmp_path_factory.mktemp("service"), some_ports()
    config = write_config(folder, good, ports=ports)
    with running(["serve", "--config", str(config)], folder) as service:
        service.wait_until_up()
        yield Bridge(service, folder, ports)


def test_a_reload_costs_viewers_of_unchanged_streams_nothing(demo: Service, bridge: Bridge, good: str) -> None:
    harbour, workshop = demo.rtsp_url("/live/harbour/sub"), demo.rtsp_url("/live/workshop/sub")
    with bridge.watch("gate").play() as viewer:
        for cameras in (
            camera("pier", harbour),
            camera("pier", workshop) + camera("yard", harbour),
            camera("yard", harbour),
            "",
        ):
            seen = viewer.packets
            bridge.write(good + cameras)
            wanted = {"gate", *re.findall(r'id = "(\w+)"', cameras)}
            begin = bridge.reload()
            eventually(lambda begin=begin: "configuration reloaded" in bridge.news(begin), what="the reload")
            assert set(bridge.service.cameras()) == wanted
            bridge.service.wait_until_up()
            eventually(lambda seen=seen: viewer.packets > seen + 10, what="media after the reload")
        assert viewer.gaps == 0
        assert all(len(tally.ssrcs) == 1 for tally in viewer.tallies.values())
        assert not viewer.closed.is_set()


def test_a_changed_stream_keeps_its_viewers(demo: Service, bridge: Bridge, good: str) -> None:
    bridge.write(good + camera("pier", demo.rtsp_url("/live/harbour/sub")))
    bridge.reload()
    eventually(lambda: "pier" in bridge.service.cameras(), what="the reload")
    bridge.service.wait_until_up()
    with bridge.watch("pier").play() as viewer:
        eventually(lambda: viewer.packets > 10, what="media")
        bridge.write(good + camera("pier", demo.rtsp_url("/live/workshop/sub")))
        begin = bridge.reload()
        eventually(lambda: "configuration reloaded" in bridge.news(begin), what="the reload")
        seen = viewer.packets
        eventually(lambda: viewer.packets > seen + 20, what="media of the other address")
        assert viewer.gaps == 0
        # A camera that goes takes its viewers with it.
        bridge.write(good)
        bridge.reload()
        assert viewer.closed.wait(20)


def test_a_broken_file_is_refused_whole(bridge: Bridge, good: str) -> None:
    with bridge.watch("gate").play() as viewer:
        broken = (
            good.replace("gate", "Gate!") + camera("yard", f"http://u:{CAMERA_SECRET}@192.0.2.1/x") + "colour = 1\n"
        )
        bridge.write(broken)
        begin = bridge.reload()
        faults = [
            fault["path"] for fault in json.loads(onb("check", "--config", bridge.config, "--json").stdout)["faults"]
        ]
        assert len(faults) == 3
        eventually(lambda: all(path in bridge.news(begin) for path in faults), what="every fault in the log")
        assert set(bridge.service.cameras()) == {"gate"}
        seen = viewer.packets
        eventually(lambda: viewer.packets > seen + 10, what="media")
        assert viewer.gaps == 0
        bridge.write("[[camera\n")
        begin = bridge.reload()
        eventually(lambda: "not reloaded" in bridge.news(begin), what="the refusal")
        assert set(bridge.service.cameras()) == {"gate"}
    bridge.write(good)
    assert "Traceback" not in bridge.service.log.read_text()


def test_doors_move_or_everything_stays(bridge: Bridge, good: str) -> None:
    other = {**bridge.ports, "rtsp": free_ports(1)[0]}
    rtsp = urlsplit(bridge.service.ready["rtsp"]).netloc
    moved = f"127.0.0.1:{other['rtsp']}"

    def reloaded(ports: dict[str, int], body: str, words: str) -> None:
        write_config(bridge.folder, body, ports=ports)
        begin = bridge.reload()
        eventually(lambda: words in bridge.news(begin), what=words)

    with bridge.watch("gate").play() as viewer:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            newcomer = good + '[[user]]\nname = "newcomer"\npassword = "n"\n'
            # One door could move, another cannot: neither does, and the file's users are not taken over either.
            reloaded({**other, "http": taken.getsockname()[1]}, newcomer, "another program listens there")
        assert bridge.service.metrics()
        with RtspViewer(f"rtsp://{rtsp}/live/gate", "newcomer", "n") as stranger:
            assert stranger.request("DESCRIBE").status == 401

        reloaded(other, good, "configuration reloaded")
        with RtspViewer(f"rtsp://{moved}/live/gate", "chief", CHIEF) as second:
            assert second.media() == ["video"]
        with pytest.raises(ConnectionRefusedError):
            bridge.watch("gate")
        told = onvif(
            bridge.service,
            '<GetStreamUri xmlns="http://www.onvif.org/ver20/media/wsdl"><Protocol>RTSP</Protocol>'
            "<ProfileToken>gate.main</ProfileToken></GetStreamUri>",
            "media2_service",
        )
        assert f"rtsp://{moved}/live/gate" in told
        reloaded(bridge.ports, good, "configuration reloaded")
        bridge.watch("gate").close()
        # Who watched at the old door goes on.
        seen = viewer.packets
        eventually(lambda: viewer.packets > seen + 10, what="media")
        assert viewer.gaps == 0


def test_check_prints_every_fault(tmp_path: Path) -> None:
    config = write_config(tmp_path, 'colour = 1\n[[user]]\nname = "u"\n[[camera]]\nid = "A"\nurl = 3\n')
    done = onb("check", "--config", str(config))
    assert done.returncode == 2
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == [
        "colour",
        "user[0]",
        "camera[0].id",
        "camera[0].url",
    ]
    refused = onb("serve", "--config", str(config))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.replace("onb: ", "") == done.stdout


def test_users_count_at_once(bridge: Bridge, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{ADDED}\n")
    with bridge.watch("gate", "guard", ADDED) as viewer:
        assert viewer.request("DESCRIBE").status == 401
    done = onb("users", "add", "guard", "--password-file", str(secret), "--camera", "gate", "--config", bridge.config)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with bridge.watch("gate", "guard", ADDED).play() as viewer:
        eventually(lambda: viewer.packets > 10, what="media")
        assert onb("users", "remove", "guard", "--config", bridge.config).returncode == 0
        # Who is no user any more is no viewer either.
        assert viewer.closed.wait(20)
    with bridge.watch("gate", "guard", ADDED) as viewer:
        assert viewer.request("DESCRIBE").status == 401


def test_faulty_cameras_say_what_is_wrong(demo: Service, bridge: Bridge, good: str) -> None:
    (closed,) = free_ports(1)
    path = demo.ready["rtsp"].replace("rtsp://", f"rtsp://stranger:{CAMERA_SECRET}@")
    urls = {
        "typo": (f"rtsp://u:{CAMERA_SECRET}@camera.invalid/live", "DNS"),
        "shut": (f"rtsp://u:{CAMERA_SECRET}@127.0.0.1:{closed}/live", "refused"),
        "login": (f"{path}/live/entrance", "401"),
        "path": (demo.rtsp_url("/live/nothing-here"), "404"),
    }
    bridge.write(good + "".join(camera(name, url) for name, (url, _) in urls.items()))
    begin = bridge.reload()
    for name, (_, kind) in urls.items():
        eventually(
            lambda name=name, kind=kind: bridge.service.cameras().get(name, {}).get("reason", "").startswith(kind),
            what=f"{name} down with {kind}",
        )
        eventually(lambda name=name: f"camera={name}" in bridge.news(begin), what=f"{name} in the log")
        assert f'onb_stream_down{{camera="{name}",reason="{kind}",stream="main"}} 1.0' in bridge.service.metrics()
    listed = {one["id"]: one for one in json.loads(onb("cameras", "list", "--json", "--config", bridge.config).stdout)}
    assert {name: one["state"] for name, one in listed.items()} == {"gate": "up"} | dict.fromkeys(urls, "down")
    bridge.write(good)
    bridge.reload()
    eventually(lambda: set(bridge.service.cameras()) == {"gate"}, what="the reload")


def test_a_second_service_says_what_is_in_its_way(bridge: Bridge, good: str, tmp_path: Path) -> None:
    folder = bridge.folder / "second"
    folder.mkdir()
    same_data = write_config(folder, good)
    same_data.write_text(same_data.read_text().replace('data = "./data"', 'data = "../data"'))
    same_ports = write_config(tmp_path, good, ports=bridge.ports)
    for config, words in ((same_data, "another onb service runs on"), (same_ports, "another program listens there")):
        done = onb("serve", "--config", str(config))
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        assert [line for line in done.stderr.splitlines() if line.startswith("onb: ")][-1].count(words) == 1
        assert "Traceback" not in done.stderr
    # The one that runs has kept its control socket.
    assert bridge.service.cameras()


def test_low_ports_without_the_right_to_them(good: str) -> None:
    if os.geteuid():
        pytest.skip("needs root, to become somebody else")
    first = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if first < 1024:
        pytest.skip(f"this host lets everybody open ports from {first} on")
    nobody = [needs("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    nobody += ["--bounding-set=-all"]
    trial = [*nobody, sys.executable, "-c", "import bridge.app"]
    if subprocess.run(trial, capture_output=True, check=False, timeout=60).returncode:
        pytest.skip("an ordinary user may not read this checkout")
    folder = Path(tempfile.mkdtemp(prefix="onb-nobody-"))
    try:
        config = write_config(folder, good, ports={"onvif": 580, "rtsp": 0, "http": 0})
        folder.chmod(0o777)
        config.chmod(0o644)
        command = [*nobody, sys.executable, "-m", "bridge.cli", "serve", "--config", str(config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    finally:
        shutil.rmtree(folder)
    assert done.returncode == 1, done.stderr
    assert "onvif: port 580 of 127.0.0.1 cannot be opened" in done.stderr
    assert "CAP_NET_BIND_SERVICE" in done.stderr
    assert "Traceback" not in done.stderr


def who(service: Service) -> str:
    """Its device UUID, as ONVIF tells it."""
    told = onvif(service, '<GetEndpointReference xmlns="http://www.onvif.org/ver10/device/wsdl"/>')
    found = re.search(r"urn:uuid:[0-9a-f-]{36}", told)
    assert found, told
    return found[0]


def test_killed_and_started_again_it_is_the_same(good: str, tmp_path: Path) -> None:
    config = write_config(tmp_path, good)
    secret = tmp_path / "password"
    secret.write_text(ADDED)
    before = ""
    for name in ("first", "second"):
        with running(["serve", "--config", str(config)], tmp_path) as service:
            before = before or who(service)
            assert who(service) == before
            added = onb("users", "add", name, "--password-file", str(secret), "--config", str(config))
            assert added.returncode == 0, added.stderr
            os.killpg(service.process.pid, signal.SIGKILL)
            service.process.wait(10)
    listed = json.loads(onb("users", "list", "--json", "--config", str(config)).stdout)
    assert [user["name"] for user in listed] == ["chief", "first", "second"]
    with running(["serve", "--config", str(config)], tmp_path) as service:
        service.wait_until_up()
        for name in ("first", "second"):
            with RtspViewer(f"{service.ready['rtsp']}/live/gate", name, ADDED) as viewer:
                assert viewer.media() == ["video"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly(good: str, tmp_path: Path, number: signal.Signals) -> None:
    config = write_config(tmp_path, good)
    with running(["serve", "--config", str(config)], tmp_path) as service:
        service.wait_until_up()
        with RtspViewer(f"{service.ready['rtsp']}/live/gate", "chief", CHIEF).play() as viewer:
            eventually(lambda: viewer.packets > 10, what="media")
            service.process.send_signal(number)
            # 5 s are promised; a busy test machine is not what is tested.
            assert service.process.wait(15) == 0
            assert viewer.closed.wait(5)
        log = service.log.read_text()
        assert "Traceback" not in log
        assert "did not stop cleanly" not in log
    assert not (service.data / "onb.sock").exists()


def command_lines(pid: int) -> list[str]:
    """What `ps` shows of a process and of all below it."""
    found = [Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")]
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            found += command_lines(int(child))
    return found


def test_no_secret_in_any_output(demo: Service, bridge: Bridge) -> None:
    """Runs last in this file: everything above has been said by then."""
    uri = bridge.service.ready["onvif"].replace("/onvif/device_service", "/snapshot/gate.jpg")
    requests.get(uri, auth=HTTPDigestAuth("chief", CHIEF), timeout=20)  # starts a worker
    told = [bridge.service.log.read_text(), bridge.service.metrics(), json.dumps(bridge.service.ready)]
    told += command_lines(bridge.service.process.pid) + command_lines(demo.process.pid)
    for arguments in (["users", "list"], ["users", "list", "--json"], ["cameras", "list"], ["check"]):
        done = onb(*arguments, "--config", bridge.config)
        told += [done.stdout, done.stderr]
    # What is kept is sealed.
    told += [path.read_bytes().decode("latin-1") for path in bridge.service.data.iterdir() if path.is_file()]
    for secret in (CHIEF, ADDED, CAMERA_SECRET, demo.ready["password"]):
        for form in {secret, secret.encode().decode("latin-1")}:
            assert not [text[:200] for text in told if form in text]
