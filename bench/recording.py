"""What recording costs: the product's recorder, a C program that only writes and hashes, and GStreamer, in turn.

    recorder   bench/record.py: hub, recorder, writer's and syncing thread, chain and index
    hub        the same without the recorder, whose cost is the difference
    floor      bench/record_floor.c: the same fragments hashed and written, nothing else
    gstreamer  splitmuxsink with fragments of the same length; `feed` is its pipelines without it
    service    `onb serve` pulls the cameras over RTSP and records them
    puller     GStreamer does: rtspsrc and splitmuxsink

Then the whole service records while viewers watch (bench/watched.py).
"""

import contextlib
import json
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from bench import footage, loop, measure, service, watched
from bench.loop import Setting
from bench.record import SYNC_MS
from bridge.base.time import NS_PER_MS
from bridge.recorder.cutter import FRAGMENT_NS
from bridge.store.layout import StorageFacts, StorageFolder

CAMERAS = 64
VIEWERS = 100
SHIPPED_S, SHORT_S = 60, 10
"""Lengths of the segments, and of the windows: in each of them every camera goes over to another segment, once."""
WARM_S = 8
"""Until all cameras have sent their first key frame, and so long that each goes over within the window."""
FRAGMENT_MS = FRAGMENT_NS // NS_PER_MS

Results = dict[str, list[dict[str, Any]]]

Once = Callable[[int, Path], dict[str, Any]]
"""(length of segments and window in s, folder to record into) -> one run's figures."""


def run(*, runs: int, quick: bool, watched_s: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Alternated runs with the segments that are shipped, and with short ones; then the service with viewers."""
    loop.loop_file(Setting())
    with contextlib.ExitStack() as stack:
        made = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = stack.enter_context(watched.cameras(CAMERAS))
        _make(made)
        ours: dict[str, Once] = {"hub": partial(_ours, "hub"), "recorder": partial(_ours, "recorder")}
        kinds = ours | {"floor": partial(_floor, made / "fragments")}
        short = _alternated(kinds, SHORT_S, runs, say)
        if measure.has_gstreamer_recorder():
            file, pulled = str(made / "loop.mp4"), ",".join(dict.fromkeys(urls.values()))
            kinds |= {"feed": partial(_gstreamer, "feed", file), "gstreamer": partial(_gstreamer, "record", file)}
            kinds |= {"puller": partial(_gstreamer, "record", pulled)}
        kinds |= {"service": partial(_service, urls)}
        shipped_s = SHORT_S if quick else SHIPPED_S
        shipped = _alternated(kinds, shipped_s, runs, say)
    return _costs(shipped) | {
        "cameras": CAMERAS,
        "segment_s": shipped_s,
        "short": _costs(short) | {"segment_s": SHORT_S},
        "runs": {"shipped": shipped, "short": short},
        "watched": watched.run(CAMERAS, VIEWERS, watched_s, say),
    }


def _alternated(kinds: dict[str, Once], segment_s: int, runs: int, say: Callable[[str], None]) -> Results:
    results: Results = {kind: [] for kind in kinds}
    for number in range(runs):
        for kind, once in kinds.items():
            with tempfile.TemporaryDirectory() as folder:
                results[kind].append(once(segment_s, Path(folder)))
        cost = {kind: round(_percent(done[-1]), 4) for kind, done in results.items()}
        say(f"{CAMERAS} cameras, segments of {segment_s} s, run {number + 1}: % of a core per camera {cost}")
    return results


def _make(folder: Path) -> None:
    """What floor and peer read: the loop's fragments, and the loop as MP4."""
    storage = StorageFolder(folder / "storage")
    storage.create(StorageFacts(uuid.uuid4(), "bench"))
    recording = storage.recording(uuid.uuid4())
    recording.path.mkdir()
    footage.fragment_file(Setting(), folder / "fragments", recording)
    footage.plain_mp4(Setting(), WARM_S + SHIPPED_S + 20, folder / "loop.mp4")


def _ours(kind: str, segment_s: int, folder: Path) -> dict[str, Any]:
    command: list[str | Path] = [measure.python(), "-m", "bench.record", kind, folder, "--cameras", str(CAMERAS)]
    command += ["--segment", str(segment_s), "--warm", str(WARM_S), "--seconds", str(segment_s)]
    return _result(command, segment_s)


def _floor(fragments: Path, segment_s: int, folder: Path) -> dict[str, Any]:
    program = measure.compiled("record_floor", "-lcrypto", "-lpthread")
    numbers = (CAMERAS, FRAGMENT_MS, segment_s * 1000 // FRAGMENT_MS, SYNC_MS, WARM_S, segment_s)
    return _result([program, folder, fragments, *map(str, numbers)], segment_s)


def _result(command: list[str | Path], segment_s: int) -> dict[str, Any]:
    with measure.process(command, ready="{", within_s=WARM_S + segment_s + 60) as (_, line):
        result: dict[str, Any] = json.loads(line)
        return result


def _gstreamer(kind: str, source: str, segment_s: int, folder: Path) -> dict[str, Any]:
    program = Path(__file__).parent / "gst_record.py"
    numbers = (str(number) for number in (CAMERAS, segment_s, FRAGMENT_MS))
    command: list[str | Path] = ["/usr/bin/python3", program, kind, source, folder, *numbers]
    with measure.process(command, ready="ready") as (pid, _):
        time.sleep(WARM_S)
        result = _watch(pid, segment_s)
        if kind == "record":
            _look_at(folder.iterdir(), "GStreamer")
        return result


def _service(urls: dict[str, str], segment_s: int, folder: Path) -> dict[str, Any]:
    path = service.configuration(
        folder, urls, settings=f'[recording]\nsegment = "{segment_s}s"', of_camera='record = "always"'
    )
    with service.serve(path) as served:
        watched.wait_until_recording(served, CAMERAS)
        time.sleep(WARM_S)
        result = _watch(served.pid, segment_s)
        _look_at((folder / "data" / "recordings").glob("*/*/*.mp4"), "the service")
        return result


def _watch(pid: int, seconds: float) -> dict[str, Any]:
    began, cpu_s = time.monotonic(), measure.cpu_s(pid)
    time.sleep(seconds)
    cpu_s, window_s = measure.cpu_s(pid) - cpu_s, time.monotonic() - began
    return {"window_s": window_s, "cpu_s": cpu_s, "rss_mb": measure.rss_mb(pid)}


def _look_at(files: Iterable[Path], who: str) -> None:
    """Every camera is in its second segment; who writes nothing would cost little."""
    written = sum(1 for path in files if path.stat().st_size)
    if written < 2 * CAMERAS:
        raise RuntimeError(f"{who} wrote {written} files; {2 * CAMERAS} expected")


def _percent(result: dict[str, Any]) -> float:
    """Of a core, a camera's share."""
    return float(100 * result["cpu_s"] / result["window_s"] / CAMERAS)


def _costs(results: Results) -> dict[str, Any]:
    """Medians; ratios run by run, as the machine's speed drifts."""
    percent = {kind: list(map(_percent, runs)) for kind, runs in results.items()}
    own = _differences(percent["recorder"], percent["hub"])
    recorded = results["recorder"]
    costs: dict[str, Any] = {
        **{f"{kind}_percent": measure.median(values) for kind, values in percent.items()},
        "own_percent": measure.median(own),
        "cpu_to_floor": _ratio(own, percent["floor"]),
        # Of a fragment that was written in parts the later ones begin with anything.
        "writes_per_fragment": _sum(recorded, "fragment_writes", "other_writes") / _sum(recorded, "fragments"),
        "writes_per_segment": {
            kind: _sum(recorded, f"{kind}_writes") / max(1, _sum(recorded, "head_writes"))
            for kind in ("head", "footer", "chain")
        },
        "lost": _sum(recorded, "lost"),
        "write_ms": measure.median([each["write_ns"] / each["fragments"] / NS_PER_MS for each in recorded]),
        "write_ms_worst": max(each["write_ms_worst"] for each in recorded),
        "sync_ms_worst": max(each["sync_ms_worst"] for each in recorded),
        "behind_ms_worst": max(each["behind_ms"] for each in recorded),
        **{
            f"{kind}_rss_mb": measure.median([each.get("rss_mb", 0) for each in runs]) for kind, runs in results.items()
        },
    }
    if "puller" in results:
        costs["gstreamer_own_percent"] = measure.median(_differences(percent["gstreamer"], percent["feed"]))
        costs["cpu_to_gstreamer"] = _ratio(percent["service"], percent["puller"])
    return costs


def _differences(whole: list[float], without: list[float]) -> list[float]:
    return [one - other for one, other in zip(whole, without, strict=True)]


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return measure.median([mine / other for mine, other in zip(ours, theirs, strict=True)])


def _sum(runs: list[dict[str, Any]], *fields: str) -> float:
    return float(sum(each[field] for each in runs for field in fields))
