"""The root of `onb`: serve, demo, check; exit codes."""

import json
import sys
import types
from pathlib import Path

import pytest

from bridge import __version__
from bridge.base.errors import BridgeError
from bridge.cli import service
from bridge.cli.service import parse_ports
from tests.cli.onb import onb, run


def test_version(folder):
    assert onb("--version").output == f"onb {__version__}\n"


def test_check(folder):
    result = onb("check")
    assert (result.exit_code, result.stdout) == (0, "onb.toml: no faults; cameras: 1, users: 1\n")
    (folder / "other.toml").write_text('[ports]\nrtsp = "x"\n[[user]]\nname = "op"\npasword = "hunter2"\n')
    result = onb("check", "--config", "other.toml")
    assert result.exit_code == 2
    assert result.stdout.splitlines() == [
        'ports.rtsp: "x": expected a port from 0 to 65535',
        "user[0]: expected password, password_file or password_hash",
        "user[0].pasword: unknown key; did you mean password?",
    ]
    result = onb("check", "--config", "other.toml", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["faults"][0] == {
        "path": "ports.rtsp",
        "value": '"x"',
        "expected": "expected a port from 0 to 65535",
    }


def test_check_names_what_is_not_served(folder):
    (folder / "onb.toml").write_text('ports.push = "40001-40099"\n')
    result = onb("check")
    assert result.exit_code == 0
    assert result.stdout.startswith("note: ports.push is configured, but video push comes with a later version\n")
    assert json.loads(onb("check", "--json").stdout)["warnings"] == [
        "ports.push is configured, but video push comes with a later version"
    ]


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["serve", "--nonsense"], ["demo", "--ports", "tv=1"], ["demo", "--ports", "rtsp=x"],
     ["demo", "--ports", "rtsp"], ["demo", "--cameras", "many"], ["users", "add", "bob", "--grant", "ptz"],
     ["serve", "--log-format", "xml"]],
)  # fmt: skip
def test_wrong_usage_is_2(folder, arguments):
    assert onb(*arguments).exit_code == 2


@pytest.mark.parametrize("code", [0, 1])
def test_the_service_decides_the_exit_code(folder, monkeypatch, code):
    calls = []
    fake = types.ModuleType("bridge.app")
    fake.serve = lambda config, path: calls.append((config.cameras[0].id, path)) or code
    fake.demo = lambda *arguments, gap, small: calls.append((*arguments, gap, small)) or code
    monkeypatch.setitem(sys.modules, "bridge.app", fake)
    monkeypatch.setattr(service, "set_up_logs", lambda *_: None)
    assert onb("serve").exit_code == code
    assert onb("demo", "--data", "d", "--ports", "rtsp=18554", "--cameras", "8", "--bind", "::1").exit_code == code
    assert onb("demo", "--no-gap", "--small").exit_code == code
    assert calls == [
        ("gate", Path("onb.toml")),
        (Path("d"), {"rtsp": 18554}, 8, ["::1"], True, False),
        (None, {}, 4, None, False, True),
    ]


def test_a_failing_service_is_one_sentence(folder, monkeypatch):
    def serve(config, path):
        raise BridgeError("rtsp: port 554 is taken")

    fake = types.ModuleType("bridge.app")
    fake.serve = serve
    monkeypatch.setitem(sys.modules, "bridge.app", fake)
    monkeypatch.setattr(service, "set_up_logs", lambda *_: None)
    result = onb("serve")
    assert (result.exit_code, result.stderr) == (1, "onb: rtsp: port 554 is taken\n")


def test_ports():
    assert parse_ports("") == {}
    assert parse_ports("onvif=18580, rtsp=18554,") == {"onvif": 18580, "rtsp": 18554}


def test_exit_codes_of_the_process(folder):
    assert run(folder, "check").returncode == 0
    assert run(folder, "check", "--config", "none.toml").returncode == 2
    assert run(folder, "nonsense").returncode == 2
    result = run(folder, "users", "remove", "nobody")
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "onb: there is no user nobody\n")
