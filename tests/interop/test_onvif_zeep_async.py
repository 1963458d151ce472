"""onvif-zeep-async, the library of Home Assistant, in Home Assistant's order of calls.

Its own environment is locked by `uv pip compile --universal --generate-hashes --no-emit-index-url --no-header
--python-version 3.11 requirements/onvif-zeep-async.in -o requirements/onvif-zeep-async.txt`.
"""

import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import pytest

from bridge.sim.scenes import scenes
from tests.interop.conftest import Service
from tests.interop.foreign import python_with

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

DEVICE = "http://www.onvif.org/ver10/device/wsdl"
MEDIA = "http://www.onvif.org/ver10/media/wsdl"


def ask(demo: Service, password: str) -> "subprocess.CompletedProcess[str]":
    python = python_with("onvif-zeep-async.txt")
    parts = urlsplit(demo.ready["onvif"])
    script = str(Path(__file__).with_name("home_assistant.py"))
    command = [python, script, f"http://{parts.hostname}", str(parts.port), demo.ready["user"]]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, input=f"{password}\n")


@pytest.fixture(scope="module")
def told(demo: Service) -> dict[str, Any]:
    done = ask(demo, demo.ready["password"])
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_who_and_where_it_is(demo: Service, told: dict[str, Any]) -> None:
    origin = demo.ready["onvif"].removesuffix("/onvif/device_service")
    assert {DEVICE, MEDIA} <= told["services"].keys()
    assert all(address.startswith(origin) for address in told["services"].values())
    assert {"Device", "Media"} <= set(told["capabilities"])
    # Manual would make Home Assistant set our clock.
    assert told["time"]["type"] == "NTP"
    assert all(told["information"].values())
    assert told["macs"]


def test_it_finds_pictures_and_streams(demo: Service, told: dict[str, Any]) -> None:
    sources: dict[str, int] = {}
    for profile in told["profiles"]:
        sources[profile["source"]] = sources.get(profile["source"], 0) + 1
    # Media ver10 cannot name H.265: of such a camera there is the sub stream.
    assert sorted(sources.values()) == sorted(1 if scene.codec == "H265" else 2 for scene in scenes(4, small=True))
    # Home Assistant shows the first profile of each source as its main stream.
    assert told["media"]["SnapshotUri"]
    assert told["picture"] == "ffd8"
    assert all(profile["snapshot"] for profile in told["profiles"])
    profile = told["profiles"][0]
    login = f"rtsp://{demo.ready['user']}:{demo.ready['password']}@"
    url = profile["stream"].replace("rtsp://", login)
    with av.open(url, options={"rtsp_transport": "tcp", "analyzeduration": "500000"}, timeout=20) as container:
        frame = next(container.decode(video=0))
    assert [frame.width, frame.height] == profile["size"]


def test_what_is_not_there_is_told_in_the_words_it_looks_for(told: dict[str, Any]) -> None:
    assert "support service: ptz" in told["ptz"]
    assert "support service: imaging" in told["imaging"]
    assert "not implemented" in told["set time"].lower()


def test_a_wrong_password_is_an_error_of_authentication(demo: Service) -> None:
    done = ask(demo, "wrong")
    assert done.returncode == 1
    # The words by which Home Assistant asks for another password.
    assert any(words in done.stderr.lower() for words in ("not authorized", "unauthorized", "notauthorized")), (
        done.stderr
    )
