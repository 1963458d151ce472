"""The container file without an engine: its steps, one by one, in a copy of this machine's files that is thrown away.

The copy is an overlay in a mount name space of its own: what the steps install, remove and add stays in it. This
machine's Python stands for the base image's. What comes out is run as the image would be, as its user, on a port below
1024.
"""

import json
import os
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.conftest import free_ports, needs

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
GENERATED = shutil.ignore_patterns("__pycache__", "official", "prepared")
BASE_PYTHON = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
#: As the base image has it, but for the place of Python.
PATH = f"{BASE_PYTHON.parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Step:
    """An instruction of a container file."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """Of a list in JSON, or of a line."""
        return json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text)


def steps() -> list[Step]:
    lines = (line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Step(*line.split(" ", 1)) for line in joined.splitlines() if line]


def script(root: Path) -> str:
    """All that changes the image's files, as a shell would do it. Its two stages are one here."""
    # The image's user must reach it, wherever it is installed here.
    closed = " ".join(map(str, BASE_PYTHON.parents))
    names = f"for name in python python3; do test -e $name || ln -s {BASE_PYTHON.name} $name; done"
    python = f"chmod o+x {closed}; cd {BASE_PYTHON.parent}; {names}"
    shell = f"chroot {root} env PATH={PATH} sh -ec"
    lines = [f"{shell} {shlex.quote(python)}"]
    place = "/"
    for step in steps():
        match step.name:
            case "RUN":
                lines.append(f"{shell} {shlex.quote(f'cd {place}; {step.text}')}")
            case "WORKDIR":
                place = step.text
                lines.append(f"mkdir -p {root}{place}")
            case "COPY" if not step.text.startswith("--from"):
                *sources, target = step.words
                into = f"{root}{place}/{target}"
                for source in sources:
                    if (ROOT / source).is_dir():
                        lines.append(f"cp -rT {root.parent}/context/{source} {into}")
                    else:
                        lines.append(f"install -D {ROOT}/{source} {into}{source if target.endswith('/') else ''}")
    return "\n".join(lines)


def one(name: str) -> Step:
    return next(step for step in reversed(steps()) if step.name == name)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the steps have changed, as a folder to lay over the root."""
    if os.geteuid() != 0:
        pytest.skip("not root: no overlay can be mounted, no user added")
    folder = tmp_path_factory.mktemp("container")
    root = folder / "root"
    for name in ("upper", "work", "root", "context"):
        (folder / name).mkdir()
    for name in ("bridge", "wsdl"):
        shutil.copytree(ROOT / name, folder / "context" / name, ignore=GENERATED)
    done = subprocess.run(
        apart([*laid_over(folder), script(root)]), capture_output=True, text=True, timeout=550, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def laid_over(folder: Path) -> list[str]:
    """The machine's files with the image's over them, at `root`."""
    root = folder / "root"
    return [
        f"mount -t overlay overlay -o lowerdir=/,upperdir={folder}/upper,workdir={folder}/work {root}",
        f"mount --rbind /dev {root}/dev",
        f"mount -t proc proc {root}/proc",
    ]


def apart(lines: Sequence[str]) -> list[str]:
    """These lines of a shell in a mount name space of their own."""
    return [needs("unshare"), "--mount", "sh", "-ec", "\n".join(lines), "sh"]


def inside(image: Path, command: Sequence[str]) -> list[str]:
    """The command in the finished image, which is read-only but for its volume and /tmp, as its user."""
    root, place = image / "root", one("WORKDIR").text
    variables = " ".join(one("ENV").words).replace("$PATH", PATH)
    run = f"cd {place}; exec env -i {variables} {shlex.join(command)}"
    uid = next(words[words.index("--uid") + 1] for words in (step.words for step in steps()) if "useradd" in words)
    lines = [
        *laid_over(image),
        f"mount -o remount,ro {root}",
        f"mount -t tmpfs -o mode=700,uid={uid} tmpfs {root}{place}",
        f"test ! -e {image}/onb.toml || cp {image}/onb.toml {root}{place}",
        f"mount -t tmpfs tmpfs {root}/tmp",
        f"exec chroot --userspec={one('USER').text} {root} sh -ec {shlex.quote(run)}",
    ]
    return apart(lines)


def low_port() -> int:
    """A free one below 1024."""
    for port in random.sample(range(600, 1024), 20):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port below 1024")


def test_the_image_serves_as_its_user_on_a_low_port_and_its_health_check_knows(image: Path) -> None:
    (http,) = free_ports(1)
    onvif = low_port()
    (image / "onb.toml").write_text(
        f"""bind = ["127.0.0.1"]
[ports]
onvif = {onvif}
rtsp = 0
rtsps = 0
http = {http}
https = 0
[discovery]
enabled = false
"""
    )
    health = one("HEALTHCHECK").text.partition("CMD ")[2]
    check = inside(image, ["env", f"ONB_HEALTH=http://127.0.0.1:{http}/healthz", *json.loads(health)])
    assert subprocess.run(check, capture_output=True, timeout=60, check=False).returncode != 0
    service = subprocess.Popen(
        inside(image, [*one("ENTRYPOINT").words, *one("CMD").words]), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    watch = threading.Timer(60, service.kill)
    watch.start()
    try:
        assert service.stdout is not None
        ready = service.stdout.readline()
        if not ready:
            pytest.fail(service.communicate()[1].decode())
        told = json.loads(ready.removeprefix(b"ready "))
        assert told["onvif"] == f"http://127.0.0.1:{onvif}/onvif/device_service"
        uids = next(line for line in Path(f"/proc/{told['pid']}/status").read_text().splitlines() if "Uid" in line)
        assert "0" not in uids.split()[1:]
        subprocess.run(check, timeout=60, check=True)
        service.send_signal(signal.SIGTERM)
        assert service.wait(15) == 0
    finally:
        watch.cancel()
        service.kill()
        service.communicate()


def test_the_compose_file_is_clean() -> None:
    compose = needs("docker-compose")
    for profiles in ((), ("--profile", "demo"), ("--profile", "postgres")):
        command = [compose, "--file", str(ROOT / "docker-compose.yml"), *profiles, "config", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_unit_is_clean(tmp_path: Path) -> None:
    """As it stands, but for the place of the program."""
    verify = needs("systemd-analyze")
    unit = tmp_path / "onb.service"
    text = (ROOT / "docs" / "onb.service").read_text()
    program = "/opt/open-network-bridge/.venv/bin/onb"
    assert f"ExecStart={program} serve " in text
    unit.write_text(text.replace(program, str(Path(sys.executable).parent / "onb")))
    done = subprocess.run([verify, "verify", str(unit)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
