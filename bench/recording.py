"""What recording costs: the product's recorder, a C program that only writes and hashes, and GStreamer, in turn.

    recorder   bench/record.py: hub, recorder, writer's and syncing thread, chain and index
    hub        the same without the recorder, whose cost is the difference
    floor      bench/record_floor.c: the same fragments hashed and written, nothing else
    gstreamer  splitmuxsink with fragments of the same length; `feed` is its pipelines without it

Then the whole service records while viewers watch (bench/watched.py).
"""

import json
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import footage, loop, measure, watched
from bench.loop import Setting
from bench.record import SYNC_MS
from bridge.base.time import NS_PER_MS
from bridge.recorder.cutter import FRAGMENT_NS
from bridge.store.layout import StorageFacts, StorageFolder

CAMERAS = 64
VIEWERS = 100
SEGMENT_S = 10
"""As long as the window: in each of them every camera goes over to another segment, once."""
WARM_S = 4
FRAGMENT_MS = FRAGMENT_NS // NS_PER_MS
GSTREAMER = ("gstreamer", "feed")

Once = Callable[[Path, Path], dict[str, Any]]
"""(folder of the footage to write, folder to record into) -> one run's figures."""


def run(*, runs: int, watched_s: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Alternated runs; medians and ratios; then the service with viewers."""
    kinds: dict[str, Once] = {"hub": _ours("hub"), "recorder": _ours("recorder"), "floor": _floor}
    if measure.has_gstreamer_recorder():
        kinds |= {"feed": _gstreamer("feed"), "gstreamer": _gstreamer("record")}
    results: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    loop.loop_file(Setting())
    with tempfile.TemporaryDirectory() as made:
        _make(Path(made))
        for number in range(runs):
            for kind, once in kinds.items():
                with tempfile.TemporaryDirectory() as folder:
                    results[kind].append(once(Path(made), Path(folder)))
            cost = {kind: round(_percent(done[-1]), 4) for kind, done in results.items()}
            say(f"recording of {CAMERAS} cameras, run {number + 1}: % of a core per camera {cost}")
    return _costs(results) | {"runs": results, "watched": watched.run(CAMERAS, VIEWERS, watched_s, say)}


def _make(folder: Path) -> None:
    """What floor and peer read: the loop's fragments, and the loop as MP4."""
    storage = StorageFolder(folder / "storage")
    storage.create(StorageFacts(uuid.uuid4(), "bench"))
    recording = storage.recording(uuid.uuid4())
    recording.path.mkdir()
    footage.fragment_file(Setting(), folder / "fragments", recording)
    footage.plain_mp4(Setting(), WARM_S + SEGMENT_S + 20, folder / "loop.mp4")


def _ours(kind: str) -> Once:
    def once(_: Path, folder: Path) -> dict[str, Any]:
        command: list[str | Path] = [measure.python(), "-m", "bench.record", kind, folder, "--cameras", str(CAMERAS)]
        command += ["--segment", str(SEGMENT_S), "--warm", str(WARM_S), "--seconds", str(SEGMENT_S)]
        return _result(command)

    return once


def _floor(made: Path, folder: Path) -> dict[str, Any]:
    program = measure.compiled("record_floor", "-lcrypto", "-lpthread")
    numbers = (CAMERAS, FRAGMENT_MS, SEGMENT_S * 1000 // FRAGMENT_MS, SYNC_MS, WARM_S, SEGMENT_S)
    return _result([program, folder, made / "fragments", *map(str, numbers)])


def _gstreamer(kind: str) -> Once:
    def once(made: Path, folder: Path) -> dict[str, Any]:
        program = Path(__file__).parent / "gst_record.py"
        command = ["/usr/bin/python3", program, kind, made / "loop.mp4", folder]
        command += [str(number) for number in (CAMERAS, SEGMENT_S, FRAGMENT_MS)]
        with measure.process(command, ready="ready") as (pid, _):
            time.sleep(WARM_S)
            began, cpu_s = time.monotonic(), measure.cpu_s(pid)
            time.sleep(SEGMENT_S)
            cpu_s, window_s = measure.cpu_s(pid) - cpu_s, time.monotonic() - began
            files = sum(1 for path in folder.iterdir() if path.stat().st_size)
            if kind == "record" and files < 2 * CAMERAS:
                raise RuntimeError(f"GStreamer wrote {files} files; {2 * CAMERAS} expected")
            return {"window_s": window_s, "cpu_s": cpu_s, "rss_mb": measure.rss_mb(pid)}

    return once


def _result(command: list[str | Path]) -> dict[str, Any]:
    with measure.process(command, ready="{", within_s=WARM_S + SEGMENT_S + 60) as (_, line):
        result: dict[str, Any] = json.loads(line)
        return result


def _percent(result: dict[str, Any]) -> float:
    """Of a core, a camera's share."""
    return float(100 * result["cpu_s"] / result["window_s"] / CAMERAS)


def _costs(results: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Medians; ratios run by run, as the machine's speed drifts."""
    percent = {kind: list(map(_percent, runs)) for kind, runs in results.items()}
    ours = [recorder - hub for recorder, hub in zip(percent["recorder"], percent["hub"], strict=True)]
    recorded = results["recorder"]
    costs: dict[str, Any] = {
        "cameras": CAMERAS,
        **{f"{kind}_percent": measure.median(values) for kind, values in percent.items()},
        "own_percent": measure.median(ours),
        "cpu_to_floor": measure.median([mine / floor for mine, floor in zip(ours, percent["floor"], strict=True)]),
        # Of a fragment that was written in parts the later ones begin with anything.
        "writes_per_fragment": sum(each["fragment_writes"] + each["other_writes"] for each in recorded)
        / sum(each["fragments"] for each in recorded),
        "writes_per_segment": {
            kind: sum(each[f"{kind}_writes"] for each in recorded)
            / max(1, sum(each["head_writes"] for each in recorded))
            for kind in ("head", "footer", "chain")
        },
        "lost": sum(each["lost"] for each in recorded),
        "write_ms": measure.median([each["write_ns"] / each["fragments"] / NS_PER_MS for each in recorded]),
        "write_ms_worst": max(each["write_ms_worst"] for each in recorded),
        "sync_ms_worst": max(each["sync_ms_worst"] for each in recorded),
        "behind_ms_worst": max(each["behind_ms"] for each in recorded),
        "recorder_rss_mb": measure.median([each["rss_mb"] for each in recorded]),
    }
    if "gstreamer" in results:
        theirs = [record - feed for record, feed in zip(percent["gstreamer"], percent["feed"], strict=True)]
        costs["gstreamer_own_percent"] = measure.median(theirs)
        costs["cpu_to_gstreamer"] = measure.median([mine / other for mine, other in zip(ours, theirs, strict=True)])
        costs["gstreamer_rss_mb"] = measure.median([each["rss_mb"] for each in results["gstreamer"]])
    return costs
