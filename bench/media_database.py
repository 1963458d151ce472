"""What the media database can do: an instant found among a million segments, the index rebuilt, a crash recovered.

instants   a new reading each time, from a random instant to the first access unit: the index's row, the segment
           opened, its footer read, its samples. The rows are synthetic and share a few real segments, whose times
           are shifted to theirs; "cold" asks after the file was dropped from the page cache.
reindex    footers as large as those of real segments of a minute, pictures of a few bytes
recovery   bench/record.py records 64 cameras in one segment each and is killed; how long until the next recorder
           may write
retention  bench/retention.py
"""

import os
import random
import signal
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import footage, measure, retention, stored
from bench.loop import Setting
from bench.record import RECORDER, SIGNER
from bench.shared_serve import shifted
from bridge.base.media import AccessUnit
from bridge.base.time import NS_PER_MS, NS_PER_S, SystemClock
from bridge.recorder.disk import StorageDisk
from bridge.recorder.keeper import Keeper
from bridge.recorder.lane import RecordedStream
from bridge.recorder.settings import StorageSettings
from bridge.store.database import Database
from bridge.store.index import MediaIndex, open_index
from bridge.store.layout import RecordingFolder, StorageFacts, StorageFolder
from bridge.store.reader import Reading
from bridge.store.reindex import Place, Reindex
from bridge.store.rows import ChainHead, SegmentRow
from bridge.store.segment_reader import SegmentReader
from bridge.store.shelf import RecordingShelf

RECORDINGS = 64
SEGMENT_S = 60
SEGMENTS_A_DAY = 86_400 // SEGMENT_S
BEGAN_NS = 1_700_000_000 * NS_PER_S
STORAGE = uuid.UUID(int=1)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much is measured.

    rows, real: segments in the index, and real ones that they share
    questions:  instants asked for, each warm and cold
    reindexed:  segments of each of 16 recordings
    killed_s:   how long is recorded before the kill
    day:        segments of each of the 64 cameras that retention takes
    """

    rows: int
    real: int
    questions: int
    reindexed: int
    killed_s: float
    day: int


FULL = Amounts(rows=1_000_000, real=16, questions=2000, reindexed=125, killed_s=60, day=SEGMENTS_A_DAY)
QUICK = Amounts(rows=64_000, real=2, questions=300, reindexed=8, killed_s=6, day=20)


def run(*, quick: bool, say: Say) -> dict[str, Any]:
    """Each once: these are times of the disk and the index, not ratios."""
    amounts = QUICK if quick else FULL
    results: dict[str, Any] = {}
    for name, once in (("instants", instants), ("reindex", reindex), ("recovery", recovery)):
        with tempfile.TemporaryDirectory() as folder:
            results[name] = once(Path(folder), amounts)
        say(f"{name}: {results[name]}")
    results["retention"] = retention.run(RECORDINGS, amounts.day, say)
    return results


# --- An instant among a million segments -----------------------------------------------------------------------------


class _Shared(RecordingShelf):
    """Every row's file is one of a few real ones, whose samples seem to have been captured when the row says."""

    def __init__(self, index: MediaIndex, recording_id: int, recording: uuid.UUID, files: Sequence[Path]) -> None:
        super().__init__(index, recording_id, recording, lambda _on, _of, serial, _ns: files[serial % len(files)])

    def open(self, row: SegmentRow) -> SegmentReader:
        return shifted(super().open(row), row)


def make_real(folder: RecordingFolder, count: int) -> list[Path]:
    """Segments of a minute."""
    folder.path.mkdir()
    shown = footage.pictures(Setting())
    for serial in range(1, count + 1):
        made = footage.fragments(shown, SEGMENT_S * Setting.frame_rate)
        footage.write_segment(folder, RECORDER, serial, serial, made)
    return [file.path for file in folder.segments()]


def fill(database: Database, index: MediaIndex, on: int, each: int) -> list[RecordedStream]:
    """`each` rows of RECORDINGS recordings on the storage of that number, from BEGAN_NS on."""
    streams = [stored.stream(index, f"c{number}", BEGAN_NS) for number in range(RECORDINGS)]
    for of in streams:
        rows = [
            SegmentRow(of.id, serial, _run_of(serial), on, *_minute(serial), 30_000_000, starts_with_key=True)
            for serial in range(1, each + 1)
        ]
        stored.insert(database, rows, ChainHead())
    return streams


def instants(folder: Path, amounts: Amounts) -> dict[str, Any]:
    """Milliseconds from the question to the first access unit."""
    database = open_index(folder)
    index = MediaIndex(database)
    storage = StorageFolder(folder / "storage")
    storage.create(StorageFacts(STORAGE, "bench"))
    on = index.storage(STORAGE, "bench", str(storage.path)).id
    files = make_real(storage.recording(uuid.uuid4()), amounts.real)
    each = amounts.rows // RECORDINGS
    began = time.monotonic()
    streams = fill(database, index, on, each)
    filled_s = time.monotonic() - began
    os.sync()
    result: dict[str, Any] = {
        "rows": each * RECORDINGS,
        "real": len(files),
        "filled_s": filled_s,
        "index_mb": sum(path.stat().st_size for path in folder.glob("index.db*")) / 1e6,
    }
    chance = random.Random(1)
    for kind in ("warm", "cold"):
        times_ms = []
        for number in range(amounts.questions + 20):
            of = chance.choice(streams)
            at_ns = BEGAN_NS + chance.randrange(each * SEGMENT_S * NS_PER_S)
            if kind == "cold":
                for path in files:
                    _drop(path)
            took_ms = _ask(_Shared(index, of.id, of.recording, files), at_ns)
            if number >= 20:  # the first ones compile statements
                times_ms.append(took_ms)
        result |= {f"{kind}_ms_p50": statistics.median(times_ms), f"{kind}_ms_p99": _quantile(times_ms, 0.99)}
        result[f"{kind}_ms_worst"] = max(times_ms)
    database.close()
    return result


def _minute(serial: int) -> tuple[int, int]:
    return BEGAN_NS + (serial - 1) * SEGMENT_S * NS_PER_S, BEGAN_NS + serial * SEGMENT_S * NS_PER_S


def _run_of(serial: int) -> int:
    """A camera that reconnects once a day."""
    return (serial - 1) // SEGMENTS_A_DAY * SEGMENTS_A_DAY + 1


def _ask(shelf: _Shared, at_ns: int) -> float:
    began = time.perf_counter_ns()
    reading = Reading(shelf)
    unit = next(item for item in reading.forward(at_ns) if isinstance(item, AccessUnit))
    took_ns = time.perf_counter_ns() - began
    reading.close()
    if not unit.key or not at_ns - Setting.gop * footage.FRAME_NS <= unit.utc_ns <= at_ns:
        raise RuntimeError(f"asked for {at_ns}, got a unit of {unit.utc_ns}, key {unit.key}")
    return took_ns / NS_PER_MS


def _drop(path: Path) -> None:
    """Its pages leave the cache; they are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


# --- The index made anew ---------------------------------------------------------------------------------------------


def reindex(folder: Path, amounts: Amounts) -> dict[str, Any]:
    """Segments a second."""
    database = open_index(folder)
    index = MediaIndex(database)
    keeper = Keeper(RECORDER, SIGNER, index, lambda _: ())
    storage = StorageFolder(folder / "storage")
    storage.create(StorageFacts(STORAGE, "bench"))
    shown = stored.small(footage.pictures(Setting()))
    count = 0
    with stored.unsynced():
        for number in range(16):
            of = stored.stream(index, f"c{number}", BEGAN_NS)
            rows, _ = stored.record(
                storage,
                0,
                keeper,
                of,
                shown,
                count=amounts.reindexed,
                pictures=SEGMENT_S * Setting.frame_rate,
                length_s=SEGMENT_S,
                start_utc_ns=BEGAN_NS,
            )
            count += len(rows)
    faults: list[str] = []
    work = Reindex(
        database, RECORDER, SIGNER, time.time_ns(), tell=lambda _: None, name=lambda fault: faults.append(str(fault))
    )
    began, cpu_s = time.monotonic(), time.process_time()
    done = work.run([Place("bench", storage.path)])
    took_s, cpu_s = time.monotonic() - began, time.process_time() - cpu_s
    database.close()
    if done.segments != count or faults:
        raise RuntimeError(f"{done.segments} segments of {count} found again; {faults[:3]}")
    return {"segments": count, "took_s": took_s, "per_s": count / took_s, "cpu_ms": 1000 * cpu_s / count}


# --- After a crash ---------------------------------------------------------------------------------------------------


def recovery(folder: Path, amounts: Amounts) -> dict[str, Any]:
    """Seconds until the storage may be written again, with what was written in the page cache, and without."""
    command: list[str | Path] = [measure.python(), "-m", "bench.record", "recorder", folder]
    command += ["--cameras", str(RECORDINGS), "--segment", "3600", "--seconds", "0"]
    with measure.process(command, ready="recording") as (pid, _):
        time.sleep(amounts.killed_s)
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)  # the kernel closes its files
    files = sorted((folder / "recordings").glob("*/*/*.mp4"))
    size_bytes = sum(path.stat().st_size for path in files)
    database = open_index(folder)
    index = MediaIndex(database)
    settings = StorageSettings("default", folder / "recordings")
    disk = StorageDisk(settings, Keeper(RECORDER, SIGNER, index, lambda _: ()), SystemClock())
    began, cpu_s = time.monotonic(), time.process_time()
    disk.open()
    took_s, cpu_s = time.monotonic() - began, time.process_time() - cpu_s
    found = sum(index.totals(row.id).segments for row in index.recordings())
    disk.close()
    database.close()
    if found != RECORDINGS:
        raise RuntimeError(f"{found} segments recovered; {RECORDINGS} expected")
    return {"recordings": RECORDINGS, "size_mb": size_bytes / 1e6, "took_s": took_s, "cpu_s": cpu_s}
