"""`onb` from outside: a folder with a configuration, and the command run in it. No password may ever show."""

import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner, Result

from bridge import cli

IN_FILE = "stands in the configuration file: change it there"
ROOT = Path(__file__).parents[2]
CONFIG = """
[[user]]
name = "op"
password = "hunter2"
[[camera]]
id = "gate"
name = "The gate"
url = "rtsp://admin:hunter2@192.0.2.1/s"
"""


def onb(*arguments: str, typed: str = "") -> Result:
    result = CliRunner().invoke(cli.app, arguments, input=typed)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "hunter2" not in result.output
    return result


def secret(folder: Path, name: str) -> str | None:
    from bridge.system.database import open_database
    from bridge.system.secrets import open_vault
    from bridge.system.users import Users

    database = open_database(folder / "data")
    try:
        return Users([], database, open_vault(folder / "data")).secret_of(name)
    finally:
        database.close()


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
