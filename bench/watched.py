"""The whole service records many cameras while viewers watch them: whether anything is lost, on either way."""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import footage, loop, measure, service, viewers
from bench.fanout import camera
from bench.loop import Setting
from bridge.store.index import MediaIndex, open_index
from bridge.store.layout import StorageFolder
from bridge.store.segment_reader import SegmentReader

CAMERA_PROCESSES = 4
SEGMENT_S = 10
_UP_WITHIN_S = 60
_SETTLE_S = 3
_FOREVER_NS = 1 << 62


@contextlib.contextmanager
def cameras(count: int) -> Iterator[dict[str, str]]:
    """Ids and URLs of so many cameras. One process sends a picture to all its clients at once; there are a few."""
    loop.loop_file(Setting())
    with contextlib.ExitStack() as stack:
        urls = []
        for _ in range(CAMERA_PROCESSES):
            urls.append(stack.enter_context(camera()))
            time.sleep(0.13)
        yield {f"c{number}": urls[number % len(urls)] for number in range(count)}


def run(count: int, viewer_count: int, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Everything is up, then viewers come, then what they get is measured; the recordings are read afterwards."""
    with cameras(count) as urls, tempfile.TemporaryDirectory() as folder:
        settings = f'[recording]\nsegment = "{SEGMENT_S}s"'
        path = service.configuration(Path(folder), urls, settings=settings, of_camera='record = "always"')
        with service.serve(path) as served, viewers.sink() as sink:
            wait_until_recording(served, count)
            for number in range(viewer_count):
                viewers.open_many(served.live(f"c{number % count}"), 1, "tcp", sink)
            time.sleep(_SETTLE_S)
            began_ns, idle_s, cpu_s = time.time_ns(), measure.idle_s(), measure.cpu_s(served.pid)
            watched = sink.measure(seconds)
            idle_s = measure.idle_s() - idle_s
            cpu_s, ended_ns = measure.cpu_s(served.pid) - cpu_s, time.time_ns()
            numbers = served.metrics()
        stored = of_recordings(Path(folder) / "data", began_ns, ended_ns)
    result = {
        "cameras": count,
        "viewers": viewer_count,
        "window_s": watched["window_s"],
        "viewers_alive": watched["alive"],
        "viewers_lost_packets": watched["lost"],
        "viewers_missed_units": missed_by_viewers(watched),
        "viewers_units": watched["units"],
        "latency_ms_p99": watched["latency_ms_p99"],
        "refused_units": numbers["recording_lost_units_total"],
        "lag_ms_worst": 1000 * numbers["reactor_worst_lag_seconds"],
        "cpu_percent": 100 * cpu_s / watched["window_s"],
        "idle_percent": 100 * idle_s / watched["window_s"] / (os.cpu_count() or 1),
        **{f"recorded_{name}": value for name, value in stored.items()},
    }
    say(f"{count} cameras recorded, {viewer_count} viewers: {result}")
    return result


def wait_until_recording(served: service.Service, count: int) -> None:
    """Until every recording has units."""
    deadline = time.monotonic() + _UP_WITHIN_S
    while served.metrics().get("recording_units_total", 0) < count * Setting.frame_rate:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{count} cameras are not recorded after {_UP_WITHIN_S} s")
        time.sleep(0.5)


def missed_by_viewers(watched: dict[str, Any]) -> int:
    """Of the worst viewer: the longest step of the RTP time leaves so many out; else what the window lacks.

    The window's ends cut a picture off each.
    """
    between = watched["longest_step"] // footage.TICKS - 1
    due = int(watched["window_s"] * Setting.frame_rate)
    lacking = due - round(watched["units_per_s_least"] * watched["window_s"])
    return max(int(between), lacking if lacking > 2 else 0)


def of_recordings(data: Path, from_ns: int, until_ns: int) -> dict[str, int]:
    """What lies on disk after the service ended.

    missing: units between the first and the last of a recording, by the camera's own times
    short:   recordings that do not cover all of [from, until)
    """
    database = open_index(data)
    index, storage = MediaIndex(database), StorageFolder(data / "recordings")
    found = {"recordings": 0, "units": 0, "missing": 0, "runs": 0, "short": 0}
    try:
        for row in index.recordings():
            folder = storage.recording(row.uuid)
            times: list[int] = []
            utc_ns: list[int] = []
            for segment in index.segments_between(row.id, 0, _FOREVER_NS, 100_000):
                file = folder.find(segment.serial, segment.start_utc_ns)
                if file is None:
                    raise RuntimeError(f"segment {segment.serial} of {row.camera} is in the index and not on disk")
                with contextlib.closing(SegmentReader.open(file)) as reader:
                    times += reader.index.tracks[0].media_time
                    utc_ns += reader.index.tracks[0].utc_ns
            found["recordings"] += 1
            found["units"] += len(times)
            found["missing"] += round((max(times) - min(times)) / footage.TICKS) + 1 - len(times)
            found["runs"] += len(index.runs(row.id, 0, _FOREVER_NS))
            found["short"] += not min(utc_ns) <= from_ns < until_ns <= max(utc_ns) + 2 * footage.FRAME_NS
    finally:
        database.close()
    return found
