"""A running demo, and what the tests of foreign clients share."""

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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

READY_WITHIN_S = 60  # far above the 10 s that are promised: a busy test machine is not what is tested


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
def running(arguments: Sequence[str], folder: Path, environ: dict[str, str] | None = None) -> Iterator[Service]:
    """`onb …` until the block ends; fails with its log when it does not become ready."""
    log = folder / "service.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "bridge.cli", *arguments],
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
        yield Service(process, json.loads(line.removeprefix("ready ")), log, folder)
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
    names = ("onvif", "rtsp", "http")
    ports = ",".join(f"{name}={port}" for name, port in zip(names, free_ports(len(names)), strict=True))
    with running(["demo", "--data", str(folder / "data"), "--ports", f"{ports},rtsps=0,https=0"], folder) as service:
        yield service


def needs(program: str) -> str:
    """The program's path; skips by name where it is missing."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path
