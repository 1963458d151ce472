"""Processes under measurement: started, accounted, ended; and the arithmetic of runs."""

import contextlib
import ctypes
import os
import platform
import re
import select
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.loop import BUILD

ROOT = Path(__file__).parent.parent


def compiled(name: str, *libraries: str) -> Path:
    """The C program of that name, compiled when its source is newer. libraries: as `-lcrypto`."""
    here, program = Path(__file__).parent, BUILD / name
    source = here / f"{name}.c"
    newest = max(each.stat().st_mtime for each in (source, *here.glob("*.h")))
    if not program.exists() or program.stat().st_mtime < newest:
        BUILD.mkdir(exist_ok=True)
        subprocess.run(["cc", "-O2", "-o", program, source, *libraries], check=True)
    return program


@contextlib.contextmanager
def process(command: Sequence[str | Path], *, ready: str = "", within_s: float = 60) -> Iterator[tuple[int, str]]:
    """Runs a command until the block ends. Yields its pid and its first line of output that begins with `ready`."""
    child = subprocess.Popen(
        [str(x) for x in command],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=_end_with_parent,
    )
    try:
        yield child.pid, _first_line(child, ready, time.monotonic() + within_s)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def _end_with_parent() -> None:
    """In the child: it ends with the bench, also when that is killed. Servers that run on would spoil the next run."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _first_line(child: "subprocess.Popen[str]", ready: str, deadline: float) -> str:
    output = child.stdout
    if output is None:
        raise RuntimeError("the process has no output")
    while True:
        readable, _, _ = select.select([output], [], [], max(0, deadline - time.monotonic()))
        line = output.readline() if readable else ""
        if not line:
            raise RuntimeError(f"{child.args} did not become ready")
        if line.startswith(ready):
            return line.strip()


def cpu_s(pid: int) -> float:
    """User and system time of a process with all its threads, without its children, to the nanosecond.

    /proc/PID/stat counts in steps of 10 ms: a tenth of what the floor takes in a run. The number is that of
    clock_getcpuclockid(3).
    """
    return time.clock_gettime(~pid << 3 | 2)


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def idle_s() -> float:
    """What all cores together did nothing since the machine started: who else was busy while something was measured."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")


def median(values: Sequence[float]) -> float:
    """The middle of several runs."""
    return statistics.median(values)


def has_gstreamer_server() -> bool:
    """Whether the peer, GStreamer's RTSP server with its Python binding, is installed."""
    check = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    return _runs_on_system_python(check)


def has_gstreamer_recorder() -> bool:
    """Whether the peer, GStreamer's splitmuxsink with its Python binding, is installed."""
    check = "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst; Gst.init(None)"
    missing = "[1 for name in ('splitmuxsink', 'mp4mux', 'h264parse') if not Gst.ElementFactory.find(name)]"
    return _runs_on_system_python(f"{check}; import sys; sys.exit(len({missing}))")


def _runs_on_system_python(program: str) -> bool:
    try:
        return subprocess.run(["/usr/bin/python3", "-c", program], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    models = re.findall(r"(?m)^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text())
    return {
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def python() -> str:
    """The interpreter of this run."""
    return sys.executable


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on just now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
