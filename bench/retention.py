"""Retention takes a day of many cameras away while they are recorded and somebody watches."""

import os
import signal
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import footage, measure, service, stored, viewers, watched
from bench.loop import Setting
from bridge.app.store import open_store
from bridge.base.time import NS_PER_S
from bridge.recorder.keeper import Keeper
from bridge.store.chain import KeySigner
from bridge.store.index import MediaIndex, open_index
from bridge.store.layout import StorageFacts, StorageFolder
from bridge.system.config_load import load

VIEWERS = 1
PICTURES = 2
"""Of each of the old segments: deleting a file costs by its number of blocks little, by its being there much."""
SEGMENT_S = 60
_BEFORE_S = 20
_WATCHED_S = 10
_WITHIN_S = 1800
_SETTLE_S = 3
KEEP, TAKE = 'record = "always"\nretention = "30d"', 'record = "always"\nretention = "1h"'


def run(count: int, segments: int, say: Callable[[str], None]) -> dict[str, Any]:
    """First nothing is too old, then by a reload everything is."""
    with watched.cameras(count) as urls, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = service.configuration(folder, urls, of_camera=KEEP)
        began = time.monotonic()
        _make_day(path, list(urls), segments)
        say(f"{count * segments} segments of a day made in {time.monotonic() - began:.0f} s")
        with service.serve(path) as served, viewers.sink() as sink:
            watched.wait_until_recording(served, count)
            for number in range(VIEWERS):
                viewers.open_many(served.live(f"c{number}"), 1, "tcp", sink)
            time.sleep(_SETTLE_S)
            from_ns = time.time_ns()
            before = _watch(served, sink, until=lambda _: True, at_least_s=_BEFORE_S)
            path.write_text(path.read_text().replace(KEEP, TAKE))
            os.kill(served.pid, signal.SIGHUP)
            whole = before["removed"] + count * segments
            during = _watch(served, sink, until=lambda removed: removed >= whole, at_least_s=_WATCHED_S)
            numbers = served.metrics()
            until_ns = time.time_ns()
        live = watched.of_recordings(folder / "data", from_ns, until_ns)
    result = {
        "cameras": count,
        "segments": count * segments,
        "removed": during["removed"] - before["removed"],
        "took_s": during["window_s"],
        "refused_units": numbers["recording_lost_units_total"],
        **{f"recorded_{field}": value for field, value in live.items()},
        **{f"before_{field}": value for field, value in before.items()},
        **{f"during_{field}": value for field, value in during.items()},
    }
    say(f"retention: {result}")
    return result


def _watch(
    served: service.Service, sink: viewers.Sink, *, until: Callable[[float], bool], at_least_s: float
) -> dict[str, float]:
    """What viewers, reactor and disk say, window by window, until the number of removed segments is what is wanted."""
    began = time.monotonic()
    first = served.metrics()  # takes the longest ones until now
    cpu_s = measure.cpu_s(served.pid)
    worst = {"write_ms": 0.0, "sync_ms": 0.0, "lag_ms": 0.0, "missed": 0.0, "lost_packets": 0.0, "dead": 0.0}
    while True:
        seen = sink.measure(_WATCHED_S)
        now = served.metrics()
        worst["write_ms"] = max(worst["write_ms"], 1000 * now["storage_write_max_seconds"])
        worst["sync_ms"] = max(worst["sync_ms"], 1000 * now["storage_sync_max_seconds"])
        worst["lag_ms"] = max(worst["lag_ms"], 1000 * now["reactor_worst_lag_seconds"])
        worst["missed"] += watched.missed_by_viewers(seen)
        worst["lost_packets"] += seen["lost"]
        worst["dead"] = max(worst["dead"], VIEWERS - seen["alive"])
        removed, passed_s = now["storage_removed_segments_total"], time.monotonic() - began
        if until(removed) and passed_s >= at_least_s:
            break
        if passed_s > _WITHIN_S:
            raise RuntimeError(f"{removed:.0f} segments removed in {_WITHIN_S} s")
    writes = now["storage_writes_total"] - first["storage_writes_total"]
    return {
        **worst,
        "window_s": passed_s,
        "removed": removed,
        "write_ms_mean": 1000 * (now["storage_write_seconds_total"] - first["storage_write_seconds_total"]) / writes,
        "cpu_percent": 100 * (measure.cpu_s(served.pid) - cpu_s) / passed_s,
    }


def _make_day(path: Path, cameras: list[str], segments: int) -> None:
    """What the service finds when it starts: it recorded yesterday, and was then down for a while."""
    config = load(path)
    config.data.mkdir()
    store = open_store(config)
    storage = StorageFolder(config.data / "recordings")
    storage.create(StorageFacts(uuid.uuid4(), "default"))
    shown = stored.small(footage.pictures(Setting()))
    began_ns = time.time_ns() - (segments * SEGMENT_S + 2 * 3600) * NS_PER_S
    database = open_index(config.data)
    try:
        index = MediaIndex(database)
        keeper = Keeper(store.identity.recorder_uuid, KeySigner(store.identity.signing_key), index, lambda _: ())
        on = index.storage(storage.facts().uuid, "default", str(storage.path)).id
        with stored.unsynced():
            for camera in cameras:
                rows, head = stored.record(
                    storage,
                    on,
                    keeper,
                    stored.stream(index, camera, began_ns),
                    shown,
                    count=segments,
                    pictures=PICTURES,
                    length_s=SEGMENT_S,
                    start_utc_ns=began_ns,
                )
                stored.insert(database, rows, head)
    finally:
        database.close()
        store.close()
