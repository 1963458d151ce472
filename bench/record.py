"""Records in one process and measures itself: `python -m bench.record hub|recorder FOLDER [--seconds S] …`.

Units that were made beforehand are pushed into as many hubs as there are cameras, in real time, their GOPs and pictures
spread. `recorder` is the product's way from there on: recorder, cutter, gate, queue, writer's and syncing thread,
chain, index. `hub` is the same process without a recorder: what is not the recorder's cost.

Prints `recording` when the first units went in, and a line of JSON at the end; with `--seconds 0` it goes on until it
is killed.
"""

import argparse
import datetime as dt
import gc
import json
import logging
import os
import queue
import resource
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import structlog

from bench import footage
from bench.loop import Setting
from bridge.base.time import NS_PER_MS, NS_PER_S, SystemClock
from bridge.media.hub import Hub
from bridge.recorder.disk import StorageDisk
from bridge.recorder.keeper import Keeper
from bridge.recorder.recorder import Recorder
from bridge.recorder.settings import RecorderSettings, RecordingSettings, StorageSettings
from bridge.store.chain import KeySigner
from bridge.store.index import MediaIndex, open_index

TICK_NS = 5 * NS_PER_MS
"""How often the process wakes up: cameras are pushed in groups, as a reactor finds several readable at once."""
SYNC_MS = 2000
RECORDER = uuid.UUID("4f4e4200-0000-4000-8000-62656e636800")
SIGNER = KeySigner(b"bench" + bytes(27))


class Cameras:
    """The hubs and what is pushed into them."""

    def __init__(self, count: int) -> None:
        self.clock = SystemClock()
        self.units = 0
        self.behind_ns = 0
        """How late the latest push was, at worst: the machine was too slow for the run to count."""
        shown = footage.pictures(Setting())
        self._shown = shown
        self.hubs = [Hub(f"c{number}/main", self.clock) for number in range(count)]
        self._runs = [hub.begin_run((footage.track(shown),)) for hub in self.hubs]
        # Spread over a GOP, to the picture; within a picture's time by the order of pushing.
        self._ahead = [number * Setting.gop // count for number in range(count)]
        self._pushed = 0
        self._began_ns = self.clock.monotonic_ns()

    def push_due(self) -> None:
        """What the cameras sent until now."""
        now, count = self.clock.monotonic_ns(), len(self._runs)
        due = (now - self._began_ns) * count // footage.FRAME_NS
        for number in range(self._pushed, due):
            picture, camera = divmod(number, count)
            at = picture + self._ahead[camera]
            parts, key = self._shown[at % len(self._shown)]
            self._runs[camera].push(0, at * footage.TICKS, parts, key, False, self.clock.monotonic_ns())
        self.units += due - self._pushed
        self._pushed = due
        self.behind_ns = max(self.behind_ns, self.clock.monotonic_ns() - now)

    def end(self) -> None:
        for run in self._runs:
            run.end()


class Writes:
    """Counts the calls of os.pwritev and os.pwrite by what they begin with, standing in for them.

    Segments and chains alone use them. The rest of a write that was not whole counts as `other`.
    """

    KINDS: ClassVar = {b"ftyp": "head", b"prft": "fragment", b"uuid": "footer"}

    def __init__(self) -> None:
        self.calls = dict.fromkeys((*self.KINDS.values(), "chain", "other"), 0)
        self.size_bytes = 0

    def install(self) -> None:
        plain_pwrite, plain_pwritev = os.pwrite, os.pwritev

        def pwrite(descriptor: int, data: Any, offset: int) -> int:
            written = plain_pwrite(descriptor, data, offset)
            self._count(data, written)
            return written

        def pwritev(descriptor: int, pieces: Any, offset: int) -> int:
            written = plain_pwritev(descriptor, pieces, offset)
            self._count(pieces[0], written)
            return written

        os.pwrite, os.pwritev = pwrite, pwritev  # type: ignore[assignment] # without their flags

    def _count(self, first: bytes, written: int) -> None:
        kind = "chain" if first[:1] == b"{" else self.KINDS.get(first[4:8], "other")
        self.calls[kind] += 1
        self.size_bytes += written


def make_recorder(
    folder: Path, cameras: Cameras, segment_s: int, call_soon: Callable[[Callable[[], object]], object]
) -> tuple[Recorder, MediaIndex]:
    """As bridge/app/recording.py builds it."""
    index = MediaIndex(open_index(folder))
    keeper = Keeper(RECORDER, SIGNER, index, lambda _: ())
    recorder = Recorder(
        cameras.clock,
        dt.UTC,
        index,
        lambda settings: StorageDisk(settings, keeper, cameras.clock),
        lambda *_: None,
        call_soon,
    )
    recorder.apply(
        RecorderSettings(
            (StorageSettings("default", folder / "recordings", make=True),),
            tuple(RecordingSettings(f"c{number}", "main", hub) for number, hub in enumerate(cameras.hubs)),
            SYNC_MS * NS_PER_MS,
            segment_s * NS_PER_S,
        )
    )
    return recorder, index


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.record", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kind", choices=("hub", "recorder"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cameras", type=int, default=64)
    parser.add_argument("--segment", type=int, default=60)
    parser.add_argument("--warm", type=float, default=4)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args(arguments)
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )
    writes = Writes()
    writes.install()
    cameras = Cameras(options.cameras)
    soon: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
    recorder = None
    if options.kind == "recorder":
        recorder, _ = make_recorder(options.folder, cameras, options.segment, soon.put)
    gc.collect()
    gc.freeze()  # as the service does when it has started
    print("recording", flush=True)

    def run(seconds: float) -> None:
        end = time.monotonic() + (seconds or float("inf"))
        next_timeout = 0.0
        while (now := time.monotonic()) < end:
            while not soon.empty():
                soon.get()()
            cameras.push_due()
            if recorder is not None and now >= next_timeout:
                next_timeout = now + 0.1
                recorder.on_timeout(cameras.clock.monotonic_ns())
            time.sleep(TICK_NS / NS_PER_S)

    run(options.warm)
    before = _counts(cameras, recorder, writes)
    cameras.behind_ns = 0
    if recorder is not None:
        recorder.storages[0].write_latency.take_max()
        recorder.storages[0].sync_latency.take_max()
    began = time.monotonic()
    run(options.seconds)
    window_s = time.monotonic() - began
    result = {name: after - before[name] for name, after in _counts(cameras, recorder, writes).items()}
    result |= {
        "window_s": window_s,
        "behind_ms": cameras.behind_ns / NS_PER_MS,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    }
    if recorder is not None:
        result |= _of_recorder(recorder, cameras)
    print(json.dumps(result), flush=True)


def _counts(cameras: Cameras, recorder: Recorder | None, writes: Writes) -> dict[str, float]:
    counts = {"cpu_s": time.process_time(), "units": cameras.units}
    if recorder is not None:
        (storage,) = recorder.storages
        counts |= {
            **{f"{kind}_writes": calls for kind, calls in writes.calls.items()},
            "bytes": writes.size_bytes,
            "fragments": sum(storage.write_latency.counts),
            "write_ns": storage.write_latency.total_ns,
        }
    return counts


def _of_recorder(recorder: Recorder, cameras: Cameras) -> dict[str, Any]:
    """At the end: everything is written, and nothing may be missing."""
    (storage,) = recorder.storages
    longest = {
        "write_ms_worst": storage.write_latency.take_max() / NS_PER_MS,
        "sync_ms_worst": storage.sync_latency.take_max() / NS_PER_MS,
    }
    recorder.begin_stop()
    cameras.end()
    joined = recorder.join(30)
    states = recorder.recordings
    return longest | {
        "joined": joined,
        "lost": sum(state.lost_units for state in states),
        "storage": storage.status.state.value,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
