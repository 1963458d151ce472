"""`python -m tests.torture [--rounds 1000]`: kills the recorder at random moments, and looks at what is left.

Eight cameras are recorded (tests/torture/victim.py); some of them lose their oldest footage to retention meanwhile.
After each SIGKILL the recorder is started again, and then must hold, with docs/design/store.md:

- the check of `onb recordings check` finds nothing, every tenth time with all digests
- of each camera the last picture received before the kill, less at most a second, can be read; so can all before it,
  back to where recording began, which is at most a second behind the first one
- no segment that was indexed before is gone, but for what retention took

Prints a line for each round that fails, and at the end a histogram of the losses; --write puts it into docs/torture.md.
Exit code 1 when anything failed. The folder of a failed round is kept and named.
"""

import argparse
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bridge.base.media import AccessUnit
from bridge.base.time import NS_PER_MS, NS_PER_S
from bridge.store.check import Check, Keys
from bridge.store.index import INDEX, MediaIndex, open_index
from bridge.store.layout import StorageFolder
from bridge.store.read_only import open_read_only
from bridge.store.reader import Gap, Reading
from bridge.store.rows import SegmentRow
from bridge.store.shelf import RecordingShelf
from bridge.system.config import RECORDINGS_FOLDER
from tests.torture.cameras import PASSWORD, RATE, USER
from tests.torture.victim import MARK

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "torture.md"
CAMERAS = 8
SMALL = 4
"""So many of them keep 8 MB only: retention deletes while it is killed. The others keep 200 MB."""
ALLOWED_LOSS_NS = NS_PER_S
PAUSE_S = 2
LONGEST_S = 3
"""Between two kills, beside the time that looking takes."""
STEP_MS = 100
PICTURE_NS = NS_PER_S // RATE
READY_WITHIN_S = 60


Marks = list[tuple[int, int, int]]
"""Of each camera: capture of the first and of the last picture that was received, how many; 0: none."""


@dataclass
class Round:
    """What one kill led to. losses_ns: of each camera that had sent something; start_s: from start to recording."""

    faults: list[str] = field(default_factory=list)
    losses_ns: list[int] = field(default_factory=list)
    start_s: float = 0.0


class Torture:
    """One data folder that is killed again and again."""

    def __init__(self, folder: Path, camera_port: int, seed: int) -> None:
        self.random = random.Random(seed)
        self._folder = folder
        self._data = folder / "data"
        self._config = folder / "onb.toml"
        self._marks = folder / "marks"
        self._log = (folder / "log").open("w")
        self._config.write_text(configuration(self._data, camera_port))
        self._known: dict[int, dict[int, SegmentRow]] = {}

    def __enter__(self) -> "Torture":
        """Recording has begun."""
        self._start()
        self._wait_until_ready(Round())
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()
        self._log.close()

    def round(self, number: int) -> Round:
        """Kills it at a random moment, starts it again, and looks; then it goes on recording."""
        result = Round()
        time.sleep(self.random.uniform(0, LONGEST_S))
        marks = [self._kill()]
        if self.random.random() < 0.1:
            # And once more, while it starts.
            self._start()
            time.sleep(self.random.uniform(0, 1.5))
            marks.append(self._kill())
        began = time.monotonic()
        self._start()
        self._wait_until_ready(result)
        result.start_s = time.monotonic() - began
        result.faults += self._check(digests=number % 10 == 0)
        self._look(marks, result)
        return result

    def _start(self) -> None:
        self._marks.write_bytes(bytes(MARK.size * CAMERAS))
        command = [sys.executable, "-m", "tests.torture.victim", str(self._config), str(self._marks)]
        self._victim = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log, text=True
        )

    def _kill(self) -> Marks:
        """What it had received."""
        self._victim.send_signal(signal.SIGKILL)
        self._victim.wait()
        if self._victim.stdout:
            self._victim.stdout.close()
        return [MARK.unpack_from(self._marks.read_bytes(), camera * MARK.size) for camera in range(CAMERAS)]

    def _wait_until_ready(self, result: Round) -> None:
        killer = threading.Timer(READY_WITHIN_S, self._victim.kill)
        killer.start()
        line = self._victim.stdout.readline() if self._victim.stdout else ""
        killer.cancel()
        if line != "ready\n":
            result.faults.append(f"the recorder did not record within {READY_WITHIN_S} s (see its log)")

    def _check(self, *, digests: bool) -> list[str]:
        """What `onb recordings check` would say, without the time that a command needs to start."""
        database = open_read_only(self._data, INDEX)
        storage = StorageFolder(self._data / RECORDINGS_FOLDER)
        facts = storage.recordings()[0].facts()
        keys = Keys(facts.recorder, facts.public_key)
        check = Check(
            database, [storage.path], keys, digests=digests, in_use=lambda: True, pause=lambda: time.sleep(PAUSE_S)
        )
        try:
            return [f"check: {fault}" for fault in check.faults()]
        finally:
            if database is not None:
                database.close()

    def _look(self, marks: list[Marks], result: Round) -> None:
        database = open_index(self._data)
        try:
            index = MediaIndex(database)
            folders = {row.id: StorageFolder(Path(row.path)) for row in index.storages()}
            for row in index.recordings():
                number = int(row.camera.removeprefix("cam"))
                self._look_at_rows(index, row.id, number, result)
                shelf = RecordingShelf(
                    index, row.id, row.uuid, lambda on, of, serial, start: folders[on].recording(of).find(serial, start)
                )
                oldest_ns = min((one.start_utc_ns for one in self._known[number].values()), default=0)
                for killed in marks:
                    # Where little is kept, a check of all digests takes long enough for retention to take it.
                    if number < SMALL and oldest_ns > killed[number][1]:
                        continue
                    self._look_at_footage(shelf, number, killed[number], result)
        finally:
            database.close()

    def _look_at_rows(self, index: MediaIndex, recording_id: int, number: int, result: Round) -> None:
        rows = {row.serial: row for row in index.segments_between(recording_id, 0, 2**63 - 1, 1_000_000)}
        before = self._known.get(number, {})
        oldest = min(rows, default=1 << 62)
        for serial, row in before.items():
            if rows.get(serial) != row and serial >= oldest:
                result.faults.append(f"cam{number}: segment {serial} was indexed and is gone or another one")
        self._known[number] = rows

    @staticmethod
    def _look_at_footage(shelf: RecordingShelf, number: int, mark: tuple[int, int, int], result: Round) -> None:
        first_ns, last_ns, count = mark
        if not count:
            return
        reading = Reading(shelf, tracks=frozenset({0}))
        pictures: set[int] = set()
        try:
            for item in reading.forward(first_ns, last_ns + 1):
                if isinstance(item, AccessUnit) and first_ns <= item.utc_ns <= last_ns:
                    pictures.add(item.utc_ns)
                elif isinstance(item, Gap) and item.from_ns > first_ns and item.until_ns < last_ns:
                    result.faults.append(f"cam{number}: a gap of {(item.until_ns - item.from_ns) / NS_PER_S:.2f} s")
        finally:
            reading.close()
        readable_ns = max(pictures, default=first_ns)
        loss_ns = last_ns - readable_ns
        result.losses_ns.append(loss_ns)
        if loss_ns > ALLOWED_LOSS_NS:
            result.faults.append(f"cam{number}: the last {loss_ns / NS_PER_S:.2f} s are lost")
        if not pictures:
            return
        begin_ns = min(pictures)
        # Or part of it.
        if begin_ns - first_ns > ALLOWED_LOSS_NS and number >= SMALL:
            result.faults.append(f"cam{number}: recording began {(begin_ns - first_ns) / NS_PER_S:.2f} s late")
        # The cameras send evenly. Of pictures out of their order one or two are still under way at the end.
        expected = (readable_ns - begin_ns + PICTURE_NS // 2) // PICTURE_NS + 1
        if len(pictures) < expected - 2:
            result.faults.append(f"cam{number}: {len(pictures)} pictures, {expected} expected up to the last readable")


def configuration(data: Path, camera_port: int) -> str:
    """Segments of 3 s, so that kills fall into every step of their making."""
    lines = [f'data = "{data}"', "[recording]", 'segment = "3s"', "[[recording.storage]]", 'min_free_bytes = "100MB"']
    for number in range(CAMERAS):
        url = f"rtsp://{USER}:{PASSWORD}@127.0.0.1:{camera_port}/live/cam{number}/main"
        lines += ["[[camera]]", f'id = "cam{number}"', f'url = "{url}"']
        lines.append(f'retention_bytes = "{8 if number < SMALL else 200}MB"')
    return "\n".join(lines) + "\n"


@contextmanager
def cameras() -> Iterator[int]:
    """The cameras' port."""
    command = [sys.executable, "-m", "tests.torture.cameras", str(CAMERAS)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline() if process.stdout else 0)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


def histogram(losses_ns: list[int]) -> list[str]:
    """Rows of a table: how many losses of how many milliseconds."""
    steps: dict[int, int] = {}
    for loss_ns in losses_ns:
        step = loss_ns // (STEP_MS * NS_PER_MS)
        steps[step] = steps.get(step, 0) + 1
    most = max(steps.values(), default=1)
    return [
        f"| {step * STEP_MS} to {(step + 1) * STEP_MS} | {count} | {'#' * round(40 * count / most)} |"
        for step in range(max(steps, default=0) + 1)
        for count in (steps.get(step, 0),)
    ]


def report(rounds: list[Round], seed: int) -> str:
    """docs/torture.md."""
    losses = [loss for one in rounds for loss in one.losses_ns] or [0]
    starts = [one.start_s for one in rounds if one.start_s] or [0.0]
    failed = sum(bool(one.faults) for one in rounds)
    return f"""# Torture

`make torture` records eight cameras, kills the recorder (SIGKILL) at random moments, starts it again and looks at what
is left: tests/torture/__main__.py says what must hold. This page is made by it.

{len(rounds)} kills (seed {seed}), {failed} with faults. Loss of a recording: the last picture that was received before
the kill against the last one that can be read after the restart; at most 1 s is allowed.

Median {statistics.median(losses) / NS_PER_MS:.0f} ms, largest {max(losses) / NS_PER_MS:.0f} ms, of {len(losses)}
losses. From the start of the process to recording: median {statistics.median(starts):.2f} s, longest
{max(starts):.2f} s.

| loss, ms | recordings | |
|---|---|---|
""" + "".join(f"{row}\n" for row in histogram(losses))


def main() -> int:
    """See the module."""
    arguments = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=1000)
    arguments.add_argument("--jobs", type=int, default=2, help="so many recorders at once, each with its own cameras")
    arguments.add_argument("--seed", type=int, default=None, help="of the moments; default: the clock")
    arguments.add_argument("--write", action="store_true", help="write docs/torture.md")
    chosen = arguments.parse_args()
    seed = chosen.seed if chosen.seed is not None else time.time_ns() % 1_000_000
    folder = Path(tempfile.mkdtemp(prefix="onb-torture-"))
    print(f"seed {seed}, in {folder}", flush=True)
    rounds: list[Round] = []
    stop = threading.Event()
    jobs = [
        threading.Thread(target=run, args=(folder / str(job), seed + job, chosen.rounds // chosen.jobs, rounds, stop))
        for job in range(chosen.jobs)
    ]
    for job in jobs:
        job.start()
    try:
        for job in jobs:
            job.join()
    except KeyboardInterrupt:
        print("stopping")
        stop.set()
        for job in jobs:
            job.join()
    text = report(rounds, seed)
    print(text)
    if chosen.write:
        DOCUMENT.write_text(text)
    if any(one.faults for one in rounds) or len(rounds) < chosen.rounds // chosen.jobs * chosen.jobs:
        print(f"kept: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def run(folder: Path, seed: int, count: int, rounds: list[Round], stop: threading.Event) -> None:
    """One job; appends what came of each round."""
    folder.mkdir()
    with cameras() as port, Torture(folder, port, seed) as torture:
        for number in range(1, count + 1):
            if stop.is_set():
                return
            done = torture.round(number)
            rounds.append(done)
            for fault in done.faults:
                print(f"{folder.name}, round {number}: {fault}", flush=True)
            if len(rounds) % 10 == 0:
                worst = max((loss for one in rounds for loss in one.losses_ns), default=0)
                failed = sum(bool(one.faults) for one in rounds)
                print(f"{len(rounds)} kills, {failed} with faults, largest loss {worst / NS_PER_MS:.0f} ms", flush=True)


if __name__ == "__main__":
    sys.exit(main())
