"""The npm package `onvif`: connects, sees the profiles, asks for the addresses of streams and pictures."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bridge.sim.scenes import scenes
from tests.interop.conftest import Service, needs
from tests.interop.foreign import node_modules

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

HERE = Path(__file__).parent / "node"


def ask(demo: Service, password: str) -> "subprocess.CompletedProcess[str]":
    node, modules = needs("node"), node_modules(HERE, needs("npm"))
    parts = urlsplit(demo.ready["onvif"])
    command = [node, str(HERE / "client.js"), str(parts.hostname), str(parts.port), demo.ready["user"]]
    environ = os.environ | {"NODE_PATH": str(modules), "PASSWORD": password}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environ)


@pytest.fixture(scope="module")
def told(demo: Service) -> dict[str, Any]:
    done = ask(demo, demo.ready["password"])
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_camera_is_seen(told: dict[str, Any]) -> None:
    assert told["media2"]
    assert told["sources"] == len(scenes(4, small=True))
    assert len(told["profiles"]) == 2 * len(scenes(4, small=True))
    assert told["information"]["manufacturer"]


def test_addresses(demo: Service, told: dict[str, Any]) -> None:
    for profile in told["profiles"]:
        assert profile["stream"].startswith(f"{demo.ready['rtsp']}/live/")
        assert profile["snapshot"].startswith(demo.ready["onvif"].replace("onvif/device_service", "snapshot/"))
    # Scrypted takes the first one for the main stream.
    assert "sub" not in told["profiles"][0]["stream"]


def test_a_wrong_password_is_refused(demo: Service) -> None:
    done = ask(demo, "wrong")
    assert done.returncode == 1
    assert "not authorized" in done.stderr.lower() or "401" in done.stderr, done.stderr
