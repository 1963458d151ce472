"""`onb` from outside: what it prints, its exit codes, and that no password ever shows."""

import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bridge import __version__, cli
from bridge.base.errors import BridgeError
from bridge.system import control

IN_FILE = "stands in the configuration file: change it there"
ROOT = Path(__file__).parents[1]
CONFIG = """
[[user]]
name = "op"
password = "hunter2"
[[camera]]
id = "gate"
name = "The gate"
url = "rtsp://admin:hunter2@192.0.2.1/s"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ONB_CONFIG", raising=False)
    (tmp_path / "onb.toml").write_text(CONFIG)
    return tmp_path


def onb(*arguments: str, typed: str = "") -> Result:
    result = CliRunner().invoke(cli.app, arguments, input=typed)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "hunter2" not in result.output
    return result


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
    (folder / "onb.toml").write_text("multicast.enabled = true\n")
    result = onb("check")
    assert result.exit_code == 0
    assert result.stdout.startswith("note: multicast.enabled is true, but multicast comes with a later version\n")
    assert json.loads(onb("check", "--json").stdout)["warnings"] == [
        "multicast.enabled is true, but multicast comes with a later version"
    ]


@pytest.mark.parametrize("command", [["serve"], ["users", "list"], ["cameras", "list"], ["users", "remove", "x"]])
def test_without_a_configuration_every_command_says_how_to_make_one(folder, command):
    (folder / "onb.toml").unlink()
    result = onb(*command)
    assert result.exit_code == 2
    assert result.stderr == (
        "onb: onb.toml: there is no such file. Write one (docs/configuration.md explains it, docs/onb.example.toml is a"
        " start), name one with --config, or try `onb demo`, which needs none\n"
    )
    assert onb("check").exit_code == 2


@pytest.mark.parametrize("command", [["serve"], ["users", "list"], ["cameras", "list"]])
def test_a_faulty_configuration_ends_every_command_with_2(folder, command):
    (folder / "onb.toml").write_text("a = 1\nb = 2\n")
    result = onb(*command)
    assert result.exit_code == 2
    assert [line[:19] for line in result.stderr.splitlines()] == ["onb: a: unknown key", "onb: b: unknown key"]


def test_the_configuration_of_the_environment(folder, monkeypatch):
    (folder / "onb.toml").rename(folder / "named.toml")
    monkeypatch.setenv("ONB_CONFIG", str(folder / "named.toml"))
    assert onb("check").exit_code == 0


def test_users(folder):
    result = onb(
        "users", "add", "bob", "--role", "operator", "--grant", "gate-*=ptz,push", "--password-file", "-",
        typed="hunter2 ${HOME} \n",
    )  # fmt: skip
    assert (result.exit_code, result.output) == (0, "")
    assert onb("users", "list").stdout == "op\tviewer\t*\t\tfile\nbob\toperator\t*\t\tdatabase\n"
    assert json.loads(onb("users", "list", "--json").stdout)[1] == {
        "name": "bob",
        "role": "operator",
        "cameras": ["*"],
        "doors": [],
        "fast_start": True,
        "source": "database",
    }
    assert secret(folder, "bob") == "hunter2 ${HOME} "
    (folder / "pw").write_text("hunter2 too\n")
    assert onb("users", "password", "bob", "--password-file", "pw").exit_code == 0
    assert secret(folder, "bob") == "hunter2 too"
    assert onb("users", "remove", "bob").exit_code == 0
    assert onb("users", "list").stdout == "op\tviewer\t*\t\tfile\n"


def secret(folder: Path, name: str) -> str | None:
    from bridge.system.database import open_database
    from bridge.system.secrets import open_vault
    from bridge.system.users import Users

    database = open_database(folder / "data")
    try:
        return Users([], database, open_vault(folder / "data")).secret_of(name)
    finally:
        database.close()


@pytest.mark.parametrize(
    ("arguments", "typed", "code", "sentence"),
    [
        (["users", "add", "op", "--password-file", "-"], "x", 1, f"user op {IN_FILE}"),
        (["users", "remove", "op"], "", 1, f"user op {IN_FILE}"),
        (["users", "remove", "nobody"], "", 1, "there is no user nobody"),
        (["users", "add", "bob"], "", 2, "a password is needed: --password-file FILE, or - to read it"),
        (["users", "add", "bob", "--password-file", "-"], "\n", 2, "the password is empty"),
        (["users", "add", "a:b", "--password-file", "-"], "x", 2, 'name: "a:b": expected 1 to 64 printable characters'),
        (["users", "add", "bob", "--role", "x", "--password-file", "-"], "x", 2, 'role: "x": expected "administrator"'),
        (["users", "add", "bob", "--password-file", "none"], "", 2, "--password-file none: expected a password file"),
        (["cameras", "add", "gate", "rtsp://h/"], "", 1, f"camera gate {IN_FILE}"),
        (["cameras", "add", "yard", "http://u:hunter2@h/"], "", 2, "expected an rtsp:// address, http:// is not one"),
        (["cameras", "remove", "yard"], "", 1, "there is no camera yard"),
    ],
)  # fmt: skip
def test_refusals_are_one_sentence(folder, arguments, typed, code, sentence):
    result = onb(*arguments, typed=typed)
    assert result.exit_code == code
    assert sentence in result.stderr.splitlines()[-1]
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["serve", "--nonsense"], ["demo", "--ports", "tv=1"], ["demo", "--ports", "rtsp=x"],
     ["demo", "--ports", "rtsp"], ["demo", "--cameras", "many"], ["users", "add", "bob", "--grant", "ptz"],
     ["serve", "--log-format", "xml"]],
)  # fmt: skip
def test_wrong_usage_is_2(folder, arguments):
    assert onb(*arguments).exit_code == 2


def test_cameras_at_rest(folder):
    result = onb(
        "cameras", "add", "yard", "-", "--name", "The yard", typed="rtsp://u:hunter2@h/1\nrtsp://u:hunter2@h/2\n"
    )
    assert (result.exit_code, result.output) == (0, "")
    nothing = {"codec": None, "width": None, "height": None, "fps": None, "bitrate": None}
    assert json.loads(onb("cameras", "list", "--json").stdout) == [
        {
            "id": "gate",
            "name": "The gate",
            "state": "unknown",
            "reason": "the service is not running",
            "streams": [{"name": "main", **nothing}],
        },
        {
            "id": "yard",
            "name": "The yard",
            "state": "unknown",
            "reason": "the service is not running",
            "streams": [{"name": "main", **nothing}, {"name": "sub", **nothing}],
        },
    ]
    assert onb("cameras", "remove", "yard").exit_code == 0
    assert onb("cameras", "list").stdout == "gate\tThe gate\tunknown\tmain\tthe service is not running\n"


def test_a_camera_s_login_is_typed_or_warned_about(folder):
    result = onb("cameras", "add", "a", "rtsp://h/1", "--username", "me", "--password-file", "-", typed="hunter2/@:#\n")
    assert (result.exit_code, result.output) == (0, "")
    result = onb("cameras", "add", "b", "rtsp://me:hunter2@h/1")
    assert result.exit_code == 0
    assert "stood in the process list" in result.stderr
    from bridge.system.database import open_database
    from bridge.system.secrets import open_vault
    from bridge.system.stored_cameras import StoredCameras

    database = open_database(folder / "data")
    cameras = StoredCameras(database, open_vault(folder / "data")).with_file(()).cameras
    database.close()
    assert [camera.streams[0].url.password for camera in cameras] == ["hunter2/@:#", "hunter2"]


def test_a_list_makes_no_files(folder):
    onb("users", "list")
    onb("cameras", "list")
    assert [path.name for path in folder.iterdir()] == ["onb.toml"]


def test_the_running_service_is_asked_and_told(folder, monkeypatch):
    asked = []
    answer = [{"id": "gate", "name": "G", "state": "up", "reason": "a\x1b[31m", "streams": [
        {"name": "main", "codec": "H264", "width": 640, "height": 360, "fps": 25.0, "bitrate": 5}]}]  # fmt: skip

    def ask(data, do):
        asked.append((data, do))
        return {"ok": True, "cameras": answer}

    monkeypatch.setattr(control, "ask", ask)
    assert json.loads(onb("cameras", "list", "--json").stdout) == answer
    assert onb("cameras", "list").stdout == "gate\tG\tup\tmain H264 640x360 25.0 fps\ta [31m\n"
    onb("users", "add", "bob", "--password-file", "-", typed="hunter2")
    onb("cameras", "add", "yard", "rtsp://h/")
    data = folder / "data"
    assert asked == [(data, "cameras"), (data, "cameras"), (data, "users-changed"), (data, "cameras-changed")]


def test_a_service_that_does_not_take_a_change_over_is_named(folder, monkeypatch):
    def ask(data, do):
        raise control.ControlError("the service did not answer within 10 s")

    monkeypatch.setattr(control, "ask", ask)
    result = onb("users", "add", "bob", "--password-file", "-", typed="hunter2")
    assert result.exit_code == 0
    assert result.stderr == (
        "onb: note: it is kept, but the running service has not taken it over: the service did not answer within 10 s\n"
    )
    assert onb("cameras", "list").exit_code == 1


def test_a_damaged_database_is_one_sentence(folder):
    (folder / "data").mkdir()
    (folder / "data" / "config.db").write_bytes(b"not a database" * 100)
    result = onb("users", "list")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"onb: {folder / 'data' / 'config.db'} is damaged (file is not a database)")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("code", [0, 1])
def test_the_service_decides_the_exit_code(folder, monkeypatch, code):
    calls = []
    fake = types.ModuleType("bridge.app")
    fake.serve = lambda config, path: calls.append((config.cameras[0].id, path)) or code
    fake.demo = lambda *arguments: calls.append(arguments) or code
    monkeypatch.setitem(sys.modules, "bridge.app", fake)
    monkeypatch.setattr(cli, "_set_up_logs", lambda *_: None)
    assert onb("serve").exit_code == code
    assert onb("demo", "--data", "d", "--ports", "rtsp=18554", "--cameras", "8", "--bind", "::1").exit_code == code
    assert onb("demo").exit_code == code
    assert calls == [
        ("gate", Path("onb.toml")),
        (Path("d"), {"rtsp": 18554}, 8, ["::1"]),
        (None, {}, 4, None),
    ]


def test_a_failing_service_is_one_sentence(folder, monkeypatch):
    def serve(config, path):
        raise BridgeError("rtsp: port 554 is taken")

    fake = types.ModuleType("bridge.app")
    fake.serve = serve
    monkeypatch.setitem(sys.modules, "bridge.app", fake)
    monkeypatch.setattr(cli, "_set_up_logs", lambda *_: None)
    result = onb("serve")
    assert (result.exit_code, result.stderr) == (1, "onb: rtsp: port 554 is taken\n")


def test_ports():
    assert cli.parse_ports("") == {}
    assert cli.parse_ports("onvif=18580, rtsp=18554,") == {"onvif": 18580, "rtsp": 18554}


def run(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bridge.cli", *arguments],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if key != "ONB_CONFIG"}
        | {"PYTHONPATH": str(ROOT)}
        | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_exit_codes_of_the_process(folder):
    assert run(folder, "check").returncode == 0
    assert run(folder, "check", "--config", "none.toml").returncode == 2
    assert run(folder, "nonsense").returncode == 2
    result = run(folder, "users", "remove", "nobody")
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "onb: there is no user nobody\n")


def test_two_processes_at_their_first_start(folder):
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "bridge.cli", "users", "add", f"user{number}", "--password-file", "-"],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
        )
        for number in range(3)
    ]
    for process in processes:
        process.communicate(b"hunter2\n", timeout=60)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(onb("users", "list").stdout.splitlines()) == 4
    assert secret(folder, "user2") == "hunter2"
