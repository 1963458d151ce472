"""A running demo, and what the tests of foreign clients share: every wait is a poll, every process has a watch."""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bridge.system.control import ask

READY_WITHIN_S = 60  # far above the 10 s that are promised: a busy test machine is not what is tested
EVENTUALLY_S = 40
LATE_MS = 400
"""A recorded picture against the clock in it: it is drawn before it is encoded, sent and received, which takes a busy
machine its time."""
EARLY_MS = 20
"""Nothing is seen before it happens: this much is for the two processes' reading of the host's clock."""
T = TypeVar("T")

# So that no proxy of the machine stands between a test and the loopback interface.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def eventually(read: Callable[[], T], *, within_s: float = EVENTUALLY_S, what: str = "it") -> T:
    """The first true value of `read`; fails with the last one when none comes."""
    deadline = time.monotonic() + within_s
    while not (value := read()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {within_s} s: {value!r}")
        time.sleep(0.05)
    return value


@dataclass
class Service:
    """A running service: its ready line, and where its log goes."""

    process: "subprocess.Popen[str]"
    ready: dict[str, Any]
    log: Path
    data: Path

    def rtsp_url(self, path: str, *, user: str = "", password: str = "") -> str:
        """With the demo's credentials unless others are given."""
        login = f"{user or self.ready['user']}:{password or self.ready['password']}@"
        return str(self.ready["rtsp"]).replace("rtsp://", f"rtsp://{login}") + path

    def rtsps_url(self, path: str) -> str:
        """With the demo's credentials, over TLS."""
        login = f"{self.ready['user']}:{self.ready['password']}@"
        return str(self.ready["rtsps"]).replace("rtsps://", f"rtsps://{login}") + path

    def cameras(self) -> dict[str, dict[str, Any]]:
        """What `onb cameras list --json` prints, by id."""
        return {camera["id"]: camera for camera in ask(self.data, "cameras")["cameras"]}  # type: ignore[attr-defined]

    def wait_until_up(self, *ids: str) -> None:
        """Until these cameras (all, when none is named) deliver, with their size known."""

        def rest() -> dict[str, str]:
            cameras = self.cameras()
            return {
                name: f"{cameras[name]['state']} {cameras[name]['reason']}"
                for name in ids or cameras
                if not all(stream["width"] for stream in cameras[name]["streams"]) or cameras[name]["state"] != "up"
            }

        eventually(lambda: not rest(), what="all cameras up")

    def metrics(self) -> str:
        """The page /metrics."""
        with _direct.open(f"{self.ready['http']}/metrics", timeout=10) as page:
            return str(page.read().decode())

    def rss_bytes(self) -> int:
        """Memory of the service's own process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


def onb_recordings(service: Service) -> list[dict[str, Any]]:
    """What `onb recordings list --json` prints of a running service."""
    return list(ask(service.data, "recordings")["recordings"])  # type: ignore[call-overload]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on just now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextlib.contextmanager
def running(
    arguments: Sequence[str],
    folder: Path,
    environ: dict[str, str] | None = None,
    *,
    data: Path | None = None,
    within: Sequence[str] = (),
) -> Iterator[Service]:
    """`onb …` until the block ends; fails with its log when it does not become ready.

    data: its data folder; within: what runs a command elsewhere, and becomes it
    """
    log = folder / "service.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*within, sys.executable, "-m", "bridge.cli", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | (environ or {}),
            start_new_session=True,
        )
    try:
        assert process.stdout is not None
        deadline, line = time.monotonic() + READY_WITHIN_S, ""
        while not line.startswith("ready "):
            readable, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
            line = process.stdout.readline() if readable else ""
            if not line:
                pytest.fail(f"onb {' '.join(arguments)} did not become ready:\n{log.read_text()}")
        yield Service(process, json.loads(line.removeprefix("ready ")), log, data or folder / "data")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """`onb demo` on free ports, with every simulated camera up."""
    folder = tmp_path_factory.mktemp("demo")
    names = ("onvif", "onvif_tls", "rtsp", "rtsps", "http", "https")
    ports = ",".join(f"{name}={port}" for name, port in zip(names, free_ports(len(names)), strict=True))
    arguments = [
        "demo",
        "--data",
        str(folder / "data"),
        "--ports",
        ports,
        "--bind",
        "127.0.0.1",
        "--no-gap",
        "--small",
    ]
    with running(arguments, folder, data=folder / "data") as service:
        service.wait_until_up()
        yield service


def needs(program: str) -> str:
    """The program's path; skips by name where it is missing."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def write_config(
    folder: Path, body: str, *, ports: Mapping[str, int] | None = None, more_doors: Sequence[str] = ()
) -> Path:
    """`folder`/onb.toml: data beside it, every door on free ports of the loopback interface, no discovery; `body`.

    more_doors: of those that speak TLS
    """
    names = ("onvif", "rtsp", "http", *more_doors)
    chosen = {"rtsps": 0, "https": 0} | dict(ports or zip(names, free_ports(len(names)), strict=True))
    path = folder / "onb.toml"
    lines = [
        'data = "./data"',
        'bind = ["127.0.0.1"]',
        f"ports = {{ {', '.join(f'{name} = {port}' for name, port in chosen.items())} }}",
        "discovery = { enabled = false }",
    ]
    path.write_text("\n".join([*lines, body]))
    path.chmod(0o600)
    return path


def onb(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """A command of `onb` from its start to its end."""
    command = [sys.executable, "-m", "bridge.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, input=stdin)
