"""`onb users`."""

import json
import os
import subprocess
import sys

from bridge.system.passwords import Credential, proves
from tests.cli.onb import ROOT, onb, secret


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


def test_for_the_web_alone_the_hash_is_kept(folder):
    added = onb("users", "add", "bob", "--door", "web", "--password-file", "-", typed="hunter2\n")
    assert (added.exit_code, added.output) == (0, "")
    assert secret(folder, "bob") is None
    assert json.loads(onb("users", "list", "--json").stdout)[1]["doors"] == ["web"]
    assert onb("users", "password", "bob", "--password-file", "-", typed="new\n").exit_code == 0
    assert secret(folder, "bob") is None


def test_a_hash_for_the_file(folder):
    printed = onb("users", "hash", "--password-file", "-", typed="hunter2\n")
    assert printed.exit_code == 0
    assert proves("hunter2", Credential(hash=printed.stdout.strip()), None)


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
