"""What a camera costs: one process that pulls many, the product's way and aiortsp's, in turn, on the same cameras."""

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

from bench import loop, measure
from bench.fanout import camera
from bench.loop import Setting

KINDS = ("native", "aiortsp")
CAMERA_PROCESSES = 4
"""One process sends a picture to all its clients at once. Real cameras are not in step, and neither are these."""


def once(kind: str, count: int, urls: list[str], seconds: float) -> dict[str, Any]:
    """One run in a fresh process."""
    command = [measure.python(), "-m", "bench.pull", kind, str(count), str(seconds), *urls]
    with measure.process(command, ready="{", within_s=60 + seconds) as (_, line):
        result: dict[str, Any] = json.loads(line)
        return result | {"kind": kind}


def run(*, runs: int, count: int, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Alternated runs; medians and the ratio."""
    results: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    loop.loop_file(Setting())
    with contextlib.ExitStack() as cameras:
        urls = []
        for _ in range(CAMERA_PROCESSES):
            urls.append(cameras.enter_context(camera()))
            time.sleep(0.13)
        for number in range(runs):
            for kind in KINDS:
                results[kind].append(once(kind, count, urls, seconds))
            cost = {kind: round(results[kind][-1]["cpu_percent_per_camera"], 4) for kind in KINDS}
            say(f"ingest of {count} cameras, run {number + 1}: % of a core per camera {cost}")
    pairs = zip(results["native"], results["aiortsp"], strict=True)
    fields = ("cpu_percent_per_camera", "units_per_s", "units_least", "rss_mb")
    return {
        "cameras": count,
        **{
            f"{kind}_{field}": measure.median([each[field] for each in results[kind]])
            for kind in KINDS
            for field in fields
        },
        # A window cuts a picture off at both ends.
        "native_complete": all(
            each["units_least"] >= int(each["window_s"] * Setting.frame_rate) - 2 and not each["lost_packets"]
            for each in results["native"]
        ),
        "ratio": measure.median(
            [ours["cpu_percent_per_camera"] / theirs["cpu_percent_per_camera"] for ours, theirs in pairs]
        ),
        "runs": results,
    }
