"""What a viewer costs: the bridge with everything on, the floor and GStreamer's RTSP server, in turn, on one camera."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import loop, measure, service, viewers
from bench.loop import Setting

Server = Callable[[str], "contextlib.AbstractContextManager[tuple[int, viewers.Target]]"]


@contextlib.contextmanager
def camera(gop: int = Setting.gop) -> Iterator[str]:
    """The synthetic camera; yields its URL."""
    loop.loop_file(Setting(gop=gop))
    with measure.process([measure.python(), "-m", "bench.camera", "--gop", str(gop)], ready="rtsp://") as (_, url):
        yield url


@contextlib.contextmanager
def bridge(url: str) -> Iterator[tuple[int, viewers.Target]]:
    """`onb serve` as it ships."""
    with (
        tempfile.TemporaryDirectory() as folder,
        service.serve(service.configuration(Path(folder), {"loop": url})) as one,
    ):
        time.sleep(3)  # the camera is up and the hub holds a GOP
        yield one.pid, one.live("loop")


@contextlib.contextmanager
def floor(_: str) -> Iterator[tuple[int, viewers.Target]]:
    """The C program that only sends."""
    with measure.process([measure.compiled("floor"), loop.loop_file(Setting())]) as (pid, port):
        yield pid, viewers.Target(f"floor://127.0.0.1:{port}")


@contextlib.contextmanager
def gstreamer(url: str) -> Iterator[tuple[int, viewers.Target]]:
    """The peer: GStreamer's RTSP server, without log-in."""
    (port,) = measure.free_ports(1)
    command = ["/usr/bin/python3", Path(__file__).parent / "gst_relay.py", url, str(port)]
    with measure.process(command, ready="ready") as (pid, _):
        time.sleep(1)
        yield pid, viewers.Target(f"rtsp://127.0.0.1:{port}/loop")


SERVERS: dict[str, Server] = {"bridge": bridge, "floor": floor, "gstreamer": gstreamer}
_LEAST_UNITS_PER_S = 24.5
"""What every viewer must get of 25 for a run to count as complete; the ends of the window cut pictures off."""


def installed() -> tuple[str, ...]:
    """The servers that this machine has."""
    return tuple(name for name in SERVERS if name != "gstreamer" or measure.has_gstreamer_server())


def once(server: str, url: str, count: int, transport: str, seconds: float) -> dict[str, Any]:
    """One run: a fresh server, `count` viewers, CPU over the window."""
    with SERVERS[server](url) as (pid, target), viewers.sink() as sink:
        viewers.open_many(target, count, transport, sink)
        time.sleep(3)
        before = measure.cpu_s(pid)
        result = sink.measure(seconds)
        cpu_s = measure.cpu_s(pid) - before
        return result | {
            "server": server,
            "transport": transport,
            "cpu_ms_per_viewer_s": 1000 * cpu_s / count / result["window_s"],
            "rss_mb": measure.rss_mb(pid),
        }


def run(
    *, runs: int, counts: tuple[int, ...], transports: tuple[str, ...], seconds: float, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Alternated runs; one row of medians and ratios for each number of viewers and transport."""
    rows = []
    with camera() as url:
        for transport in transports:
            for count in counts:
                results: dict[str, list[dict[str, Any]]] = {name: [] for name in installed()}
                for number in range(runs):
                    for name, done in results.items():
                        done.append(once(name, url, count, transport, seconds))
                    cost = {name: round(done[-1]["cpu_ms_per_viewer_s"], 3) for name, done in results.items()}
                    say(f"{transport}, {count} viewers, run {number + 1}: CPU ms per viewer and second {cost}")
                rows.append(_row(transport, count, results))
    return rows


def _row(transport: str, count: int, results: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    row: dict[str, Any] = {"transport": transport, "viewers": count}
    for name, runs in results.items():
        for field in ("cpu_ms_per_viewer_s", "latency_ms_p50", "latency_ms_p99", "rss_mb", "own_cpu_s"):
            row[f"{name}_{field}"] = measure.median([each[field] for each in runs])
        row[f"{name}_lost"] = sum(each["lost"] for each in runs)
        row[f"{name}_complete"] = all(
            each["alive"] == count and each["units_per_s_least"] >= _LEAST_UNITS_PER_S for each in runs
        )
    for other in results:
        if other != "bridge":
            row[f"cpu_to_{other}"] = _ratio(results, other, "cpu_ms_per_viewer_s")
            row[f"latency_p99_to_{other}"] = _ratio(results, other, "latency_ms_p99")
    return row | {"runs": results}


def _ratio(results: dict[str, list[dict[str, Any]]], other: str, field: str) -> float:
    """Run by run: the machine's speed drifts, and a pair of neighbours sees the same machine."""
    pairs = zip(results["bridge"], results[other], strict=True)
    return measure.median([ours[field] / max(theirs[field], 1e-9) for ours, theirs in pairs])
