"""Replay: how soon the first picture of any instant comes, how fast it goes, what it costs beside live viewers.

instants    PLAY (Immediate) at random instants of a million segments (bench/shared_serve.py), one session
unthrottled `Rate-Control: no` against a C library's `sendfile` of the same files, to the same reader
paced       100 replays of one recording at 1x against 100 live viewers, what the service takes without any subtracted
beside      100 live viewers alone, and with four unthrottled replays
"""

import contextlib
import datetime as dt
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import footage, measure, media_database, service, stored, viewers
from bench.fanout import camera
from bench.loop import Setting
from bench.media_database import BEGAN_NS, RECORDINGS, SEGMENT_S
from bridge.app.store import open_store
from bridge.base.time import NS_PER_S
from bridge.recorder.keeper import Keeper
from bridge.store.chain import KeySigner
from bridge.store.index import MediaIndex, open_index
from bridge.store.layout import StorageFacts, StorageFolder
from bridge.system.config_load import load

VIEWERS = 100
FAST = 4
PAST = "past"
NOBODY = "rtsp://127.0.0.1:9/"
"""A camera that is not there: its recording is."""
READ_BYTES = 1 << 20
_SETTLE_S = 3
_AT_ONCE = 2
_FULL_RATE = "Rate-Control: no\r\n"

Say = Callable[[str], None]


def run(*, runs: int, seconds: float, quick: bool, say: Say) -> dict[str, Any]:
    """All parts."""
    amounts = media_database.QUICK if quick else media_database.FULL
    with tempfile.TemporaryDirectory() as folder:
        found = instants(Path(folder), amounts, say)
    with camera() as url, tempfile.TemporaryDirectory() as folder:
        played = beside_live(Path(folder), url, runs=runs, seconds=seconds, minutes=2 if quick else 10, say=say)
    return {"instants": found, **played}


# --- Any instant -----------------------------------------------------------------------------------------------------


def instants(folder: Path, amounts: media_database.Amounts, say: Say) -> dict[str, Any]:
    """Milliseconds from sending PLAY to the last packet of the first access unit."""
    path = service.configuration(folder, {f"c{number}": NOBODY for number in range(RECORDINGS)})
    each = amounts.rows // RECORDINGS
    with _made(path) as (storage, index, database, on, _):
        files = media_database.make_real(StorageFolder(folder).recording(uuid.uuid4()), amounts.real)
        media_database.fill(database, index, on, each)
        del storage
    say(f"{each * RECORDINGS} rows made")
    chance, times_ms = random.Random(1), []
    shared = [measure.python(), "-m", "bench.shared_serve", files[0].parent]
    with service.serve(path, shared) as served:
        for _ in range(amounts.questions // 10):
            camera_id = f"c{chance.randrange(RECORDINGS)}"
            with contextlib.closing(Replay(served.recorded(f"rec-{camera_id}.main", ""))) as one:
                one.first_unit(_at(chance.randrange(each * SEGMENT_S)))
                times_ms += [1000 * one.first_unit(_at(chance.randrange(each * SEGMENT_S))) for _ in range(10)]
    return {
        "rows": each * RECORDINGS,
        "real": len(files),
        "plays": len(times_ms),
        "ms_p50": statistics.median(times_ms),
        "ms_p99": sorted(times_ms)[int(0.99 * (len(times_ms) - 1))],
        "ms_worst": max(times_ms),
    }


def _at(second: int) -> str:
    began = dt.datetime.fromtimestamp(BEGAN_NS // NS_PER_S + second, dt.UTC)
    return f"Range: clock={began:%Y%m%dT%H%M%SZ}-\r\nImmediate: yes\r\n{_FULL_RATE}"


class Replay:
    """A client of one session over TCP, which reads what comes."""

    def __init__(self, target: viewers.Target) -> None:
        self._session = viewers.Session(target, "tcp")
        self._connection = self._session.connection
        self._left = b""

    def close(self) -> None:
        self._connection.close()

    def first_unit(self, headers: str) -> float:
        """Seconds from sending PLAY to the end of the first access unit that it brings. What is on its way is read."""
        request = self._session.play(f"Require: onvif-replay\r\n{headers}")
        cseq = int(request.split(b"CSeq: ")[1].split(b"\r\n")[0]) & 0xFF
        began = time.perf_counter()
        self._connection.sendall(request)
        ours = False
        while True:
            frame = self._frame()
            if frame is None or frame[1] != 0:
                continue
            packet = frame[4:]
            if packet[0] & 0x10:
                ours = packet[12 + 4 + 9] == cseq
            if ours and packet[1] & 0x80:
                return time.perf_counter() - began

    def _frame(self) -> bytes | None:
        """The next interleaved frame; None: a reply."""
        while True:
            left = self._left
            if left[:1] == b"$" and len(left) >= 4 and len(left) >= 4 + (size := left[2] << 8 | left[3]):
                self._left = left[4 + size :]
                return left[: 4 + size]
            if left[:1] == b"R" and (end := left.find(b"\r\n\r\n")) >= 0:
                if not left.startswith(b"RTSP/1.0 200"):
                    raise RuntimeError(left[:end].decode(errors="replace"))
                self._left = left[end + 4 :]
                return None
            got = self._connection.recv(65536)
            if not got:
                raise RuntimeError("the connection was closed")
            self._left += got


# --- Beside live viewers ---------------------------------------------------------------------------------------------


def beside_live(folder: Path, url: str, *, runs: int, seconds: float, minutes: int, say: Say) -> dict[str, Any]:
    """One service with one camera; a recording of another one that was made beforehand."""
    path = service.configuration(folder, {"loop": url, PAST: NOBODY})
    began_ns = time.time_ns() - 3600 * NS_PER_S
    with _made(path) as (storage, index, database, on, keeper):
        of = stored.stream(index, PAST, began_ns)
        shown = footage.pictures(Setting())
        pictures = SEGMENT_S * Setting.frame_rate
        how = {"count": minutes, "pictures": pictures, "length_s": SEGMENT_S, "start_utc_ns": began_ns}
        with stored.unsynced():
            rows, head = stored.record(storage, on, keeper, of, shown, **how)
        stored.insert(database, rows, head)
        files = [file.path for file in storage.recording(of.recording).segments()]
    results: dict[str, list[dict[str, float]]] = {"paced": [], "unthrottled": [], "beside": []}
    with service.serve(path) as served:
        time.sleep(_SETTLE_S)
        for number in range(runs):
            results["unthrottled"].append(unthrottled(served, files, seconds))
            results["paced"].append(paced(served, seconds))
            results["beside"].append(beside(served, seconds))
            say(f"replay, run {number + 1}: { ({name: done[-1] for name, done in results.items()}) }")
    return {
        **{
            f"{name}_{field}": (max if field.startswith("lost") else measure.median)([each[field] for each in done])
            for name, done in results.items()
            for field in done[0]
        },
        "minutes": minutes,
        "viewers": VIEWERS,
        "fast": FAST,
        "runs": results,
    }


def unthrottled(served: service.Service, files: list[Path], seconds: float) -> dict[str, float]:
    """Megabytes of samples a second, and of the files by sendfile."""
    with contextlib.closing(Replay(served.recorded(f"rec-{PAST}.main", ""))) as one:
        one.first_unit(_FULL_RATE)
        ours = _read(one._connection, seconds)  # noqa: SLF001 - the client's own bench
    with _sender(files) as connection:
        theirs = _read(connection, seconds)
    return {"mb_s": ours / 1e6, "sendfile_mb_s": theirs / 1e6, "to_sendfile": ours / theirs}


def _read(connection: socket.socket, seconds: float) -> float:
    """Bytes a second that come, until the window or the stream ends."""
    buffer = bytearray(READ_BYTES)
    began, total = time.monotonic(), 0
    connection.settimeout(1)
    while (passed := time.monotonic() - began) < seconds:
        try:
            got = connection.recv_into(buffer)
        except TimeoutError:
            return total / (passed or 1)
        if not got:
            break
        total += got
    return total / (time.monotonic() - began)


@contextlib.contextmanager
def _sender(files: list[Path]) -> Iterator[socket.socket]:
    """A process that sends the files, over and over, by sendfile; a connection to it."""
    with measure.process([measure.python(), "-m", "bench.replay", "send", *files], ready="port ") as (_, line):
        connection = socket.create_connection(("127.0.0.1", int(line.split()[1])))
        yield connection
        connection.close()


def _send(names: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        print("port", door.getsockname()[1], flush=True)
        connection, _ = door.accept()
        with connection, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while True:
                for name in names:
                    with Path(name).open("rb") as file:
                        size, at = os.fstat(file.fileno()).st_size, 0
                        while at < size:
                            at += os.sendfile(connection.fileno(), file.fileno(), at, size - at)


def paced(served: service.Service, seconds: float) -> dict[str, float]:
    """What a viewer takes, live and of the recording, in ms of CPU a second."""
    idle = _cpu(served, lambda: time.sleep(seconds), seconds)
    cost = {}
    for name, target in (("live", served.live("loop")), ("replay", served.recorded(f"rec-{PAST}.main", ""))):
        with viewers.sink() as sink:
            viewers.open_many(target, VIEWERS, "tcp", sink)
            time.sleep(_SETTLE_S)
            seen: dict[str, Any] = {}
            cpu = _cpu(served, lambda sink=sink, seen=seen: seen.update(sink.measure(seconds)), seconds)
        # Units come several at once; the window's ends cut off as many.
        due = Setting.frame_rate - 0.6 - _AT_ONCE / seconds
        if seen["alive"] < VIEWERS or seen["units_per_s_least"] < due:
            raise RuntimeError(f"{name}: {seen['alive']} viewers, {seen['units_per_s_least']} units a second")
        cost[name] = cpu - idle
        time.sleep(_SETTLE_S)
    scale = 1000 / VIEWERS
    return {
        "live_ms": cost["live"] * scale,
        "replay_ms": cost["replay"] * scale,
        "to_live": cost["replay"] / cost["live"],
    }


def _cpu(served: service.Service, work: Callable[[], object], seconds: float) -> float:
    """Seconds of CPU a second."""
    before = measure.cpu_s(served.pid)
    work()
    return (measure.cpu_s(served.pid) - before) / seconds


def beside(served: service.Service, seconds: float) -> dict[str, float]:
    """Live viewers without and with replays that take all they can get."""
    result: dict[str, float] = {}
    target = served.recorded(f"rec-{PAST}.main", "")
    for name, fast in (("alone", 0), ("with", FAST)):
        with viewers.sink() as sink, contextlib.ExitStack() as stack:
            viewers.open_many(served.live("loop"), VIEWERS, "tcp", sink)
            time.sleep(_SETTLE_S)
            for _ in range(fast):
                command = [measure.python(), "-m", "bench.replay", "read", target.url, str(seconds + 2)]
                stack.callback(subprocess.Popen(list(map(str, command)), cwd=measure.ROOT).wait)
            time.sleep(1 if fast else 0)
            seen = sink.measure(seconds)
        result |= {f"p99_ms_{name}": seen["latency_ms_p99"], f"lost_{name}": seen["lost"]}
        result[f"lost_units_{name}"] = max(0, VIEWERS * int(seen["window_s"] * Setting.frame_rate - 2) - seen["units"])
    return result | {"p99_to_alone": result["p99_ms_with"] / result["p99_ms_alone"]}


def _take(url: str, seconds: float) -> None:
    """A replay that reads as fast as it can."""
    with contextlib.closing(Replay(viewers.Target(url, service.USER, service.PASSWORD))) as one:
        one.first_unit(_FULL_RATE)
        _read(one._connection, seconds)  # noqa: SLF001 - see `unthrottled`


@contextlib.contextmanager
def _made(path: Path) -> Iterator[tuple[StorageFolder, MediaIndex, Any, int, Keeper]]:
    """The data folder of a service that has not run yet: storage, index, its database, the storage's number, keeper."""
    config = load(path)
    config.data.mkdir()
    store = open_store(config)
    storage = StorageFolder(config.data / "recordings")
    storage.create(StorageFacts(uuid.uuid4(), "default"))
    database = open_index(config.data)
    try:
        index = MediaIndex(database)
        keeper = Keeper(store.identity.recorder_uuid, KeySigner(store.identity.signing_key), index, lambda _: ())
        on = index.storage(storage.facts().uuid, "default", str(storage.path)).id
        yield storage, index, database, on, keeper
    finally:
        database.close()
        store.close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["send", *names]:
            _send(names)
        case ["read", url, seconds]:
            _take(url, float(seconds))
