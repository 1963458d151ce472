"""The reactor's own failures, in a process of its own: a reactor is installed once."""

import subprocess
import sys

SCRIPT = """
from bridge.app.reactor import install
from bridge.base.time import SystemClock
from bridge.system import logs

logs.set_up(log_format="text", level="info", clock=SystemClock())
reactor = install()

def fail():
    raise ValueError("cannot open rtsp://user:hunter2@192.0.2.1/live")

reactor.callLater(0, fail)
reactor.callLater(0.05, reactor.stop)
reactor.run()
"""


def test_what_nobody_caught_is_one_line_without_secrets() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=30)
    (line,) = done.stderr.splitlines()
    assert " critical " in line
    assert "rtsp://***@192.0.2.1/live" in line
    assert "hunter2" not in line
