"""One storage: a thread that appends, a thread that syncs, and what happens when the disk does not do as it should.

The writer's thread does nothing but write: a disk that hangs in a sync stops it only when the kernel's cache is full.
The syncing thread syncs, finishes segments, tells the index, deletes by the retention rules, and, when the storage
cannot be used, looks every ten seconds whether it can again. Whatever hangs, hangs here: nobody else waits for these
threads.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from bridge.base.errors import BridgeError, LocalProtocolError
from bridge.base.time import NS_PER_MS, NS_PER_S, Clock, MonotonicNs
from bridge.recorder.cutter import Fragment
from bridge.recorder.lane import IndexEntry, Lane, LiveSegment, OpenSegment, RecordedStream, SegmentMaker
from bridge.recorder.latency import Latency
from bridge.recorder.retention import Removed
from bridge.recorder.segment_rule import Begins
from bridge.recorder.storage_state import StorageProblemError, StorageState, is_full, problem_of
from bridge.recorder.write_queue import Job, QueueLimits, WriteQueue
from bridge.store.backend import DatabaseUnusableError

#: How often a storage that cannot be used is tried, and one that can is looked at.
RETRY_NS = 10 * NS_PER_S

#: How often the retention rules are looked at; and how long others have the disk between two batches.
RETAIN_NS = 10 * NS_PER_S
RETAIN_PAUSE_NS = 200 * NS_PER_MS

#: From here on a queue is called slow, and a call of the kernel one that hangs.
SLOW_NS = 2 * NS_PER_S
HUNG_NS = 10 * NS_PER_S

#: How long the writer waits for its turn to make room.
_ROOM_TIMEOUT_S = 5

#: Finished segments that wait for the index while the database is gone. Beyond it `reindex` must find them.
MAX_UNINDEXED = 10_000


class Disk(SegmentMaker, Protocol):
    """The folder of a storage; every call may block, and raises OSError, StorageProblemError or another BridgeError."""

    path: Path

    def open(self) -> None:
        """It is there, is ours, can be written, and nobody else writes to it; what a crash left is made whole."""

    def prepare(self, stream: RecordedStream) -> int:
        """Makes the recording's folder if there is none; the next serial."""

    def check(self) -> None:
        """It is still what was opened."""

    def end(self, stream: RecordedStream, utc_ns: int) -> None:
        """Nothing will be added to the recording."""

    def retain(self, *, urgent: bool) -> Removed:
        """One small batch of what the rules say; urgent: the disk is full, so the oldest must go anyway.

        Raises StorageProblemError (FULL) when there is no room and nothing may go.
        """

    def close(self) -> None:
        """Lets others write to it."""


@dataclass(frozen=True, slots=True)
class StorageStatus:
    """sentence: "" when nothing is wrong."""

    state: StorageState
    sentence: str = ""


@dataclass(slots=True)
class _Finish:
    lane: Lane
    segment: OpenSegment


class StorageWriter:
    """See the module. `start` runs the threads; tests call `write_next` and `sync_step` themselves."""

    def __init__(
        self, name: str, disk: Disk, clock: Clock, *, sync_interval_ns: int, limits: QueueLimits | None = None
    ) -> None:
        self.name = name
        self.queue = WriteQueue(limits or QueueLimits(), clock.monotonic_ns)
        self.write_latency = Latency()
        self.sync_latency = Latency()
        self.removed_segments = 0
        self.removed_bytes = 0
        self.unindexed_lost = 0
        self._disk = disk
        self._clock = clock
        self.sync_interval_ns = sync_interval_ns
        self._log = structlog.get_logger().bind(storage=name)
        self._problem: StorageProblemError | None = StorageProblemError(StorageState.OPENING, f"{disk.path} is opened")
        self._retention_stuck = ""
        self._writing_since_ns: int | None = None
        self._syncing_since_ns: int | None = None
        # Chains, index and deletions belong to the syncing thread; a writer without room takes a turn.
        self._turn = threading.Lock()
        self._changed = threading.Condition()
        self._stopping = False
        self._finishing: deque[_Finish] = deque()
        self._arrivals: deque[tuple[Lane, Callable[[], object]]] = deque()
        self._departures: deque[tuple[Lane, int | None]] = deque()
        self._lanes: list[Lane] = []
        self._open: dict[Lane, OpenSegment] = {}
        self._unindexed: deque[tuple[Lane, LiveSegment, IndexEntry]] = deque()
        # One segment could not be finished, so none is until the storage is opened anew: recovery looks at what lies
        # above the highest serial of the index, and would not find one that lies below.
        self._abandons = False
        self._sync_due_ns = self._retry_due_ns = self._retain_due_ns = int(clock.monotonic_ns())
        self._threads: tuple[threading.Thread, ...] = ()

    # -- the reactor's thread

    def start(self) -> None:
        """Runs the threads; the storage is opened on one of them."""
        self._threads = (
            threading.Thread(target=self._write_until_stopped, name=f"{self.name} writer", daemon=True),
            threading.Thread(target=self._sync_until_stopped, name=f"{self.name} syncer", daemon=True),
        )
        for thread in self._threads:
            thread.start()

    def add(self, lane: Lane, on_ready: Callable[[], object]) -> None:
        """on_ready: called on the syncing thread, once the recording is recovered and may be written."""
        with self._changed:
            self._arrivals.append((lane, on_ready))
            self._changed.notify()

    def remove(self, lane: Lane, *, ended_utc_ns: int | None) -> None:
        """Behind what the lane has in the queue. ended_utc_ns: its recording ends for good."""
        lane.pause()
        with self._changed:
            self._departures.append((lane, ended_utc_ns))
            self._changed.notify()

    def status(self, now: MonotonicNs) -> StorageStatus:
        """How it is; does not block."""
        problem = self._problem
        if problem is not None:
            return StorageStatus(problem.state, str(problem))
        path, since = self._disk.path, self._writing_since_ns
        if since is not None and now - since > HUNG_NS:
            return StorageStatus(StorageState.FAILING, f"{path} has not answered for {(now - since) // NS_PER_S} s")
        waiting_ns = self.queue.waiting_ns(now)
        if waiting_ns > SLOW_NS:
            return StorageStatus(StorageState.SLOW, f"{path} is slow: writes wait for {waiting_ns // NS_PER_MS} ms")
        since = self._syncing_since_ns
        if since is not None and now - since > HUNG_NS:
            return StorageStatus(
                StorageState.SLOW, f"{path} is slow: a sync has not ended for {(now - since) // NS_PER_S} s"
            )
        return StorageStatus(StorageState.OK, self._retention_stuck)

    def begin_stop(self) -> None:
        """Writes what waits, finishes what is open; `join` waits for it."""
        self.queue.close()

    def join(self, timeout_s: float) -> bool:
        """Blocks for `timeout_s` at most; False: a thread hangs, and is left behind."""
        deadline = self._clock.monotonic_ns() + int(timeout_s * NS_PER_S)
        for thread in self._threads:
            thread.join(max(0, deadline - self._clock.monotonic_ns()) / NS_PER_S)
        return not any(thread.is_alive() for thread in self._threads)

    # -- the writer's thread

    def write_next(self, *, wait: bool = False) -> bool:
        """The oldest job of the queue; False: there is none."""
        job = self.queue.first(wait=wait)
        if job is None:
            return False
        self._writing_since_ns = began = self._clock.monotonic_ns()
        try:
            self._write(job)
        finally:
            self._writing_since_ns = None
            self.queue.done()
            if job.fragment is not None:
                self.write_latency.add(self._clock.monotonic_ns() - began)
        return True

    def _write(self, job: Job) -> None:
        lane, fragment = job.lane, job.fragment
        if fragment is None:
            lane.rule.close()
            self._finish_later(lane)
            return
        if self._problem is not None:
            lane.lose(fragment)
            self._finish_later(lane)
            return
        if not lane.admits(fragment):
            return
        if lane.begins(fragment) is not Begins.NOTHING:
            self._finish_later(lane)
        try:
            self._write_or_again(lane, fragment)
        except (OSError, StorageProblemError) as error:
            lane.lose(fragment)
            self._finish_later(lane)
            self._fail(error)
        except Exception:  # noqa: BLE001 - whatever is wrong with this recording, the others go on
            self._log.exception("a fragment cannot be written", camera=lane.stream.camera, stream=lane.stream.stream)
            lane.lose(fragment)
            self._finish_later(lane)
        else:
            if lane.segment is not None:
                self._open[lane] = lane.segment

    def _write_or_again(self, lane: Lane, fragment: Fragment) -> None:
        """Once more, as a new run, when the disk was full and something could be deleted, or times do not fit a run."""
        try:
            lane.write(fragment, self._disk)
        except OSError as error:
            if not is_full(error) or not self._make_room():
                raise
        except LocalProtocolError:
            pass
        else:
            return
        self._finish_later(lane)
        lane.run = 0
        lane.write(fragment, self._disk)

    def _make_room(self) -> bool:
        """What the syncing thread has not come to is finished first: only what the index knows may go."""
        if not self._turn.acquire(timeout=_ROOM_TIMEOUT_S):
            return False
        try:
            self._finish_all()
            return self._problem is None and self._retain(urgent=True) > 0
        finally:
            self._turn.release()

    def _finish_later(self, lane: Lane) -> None:
        segment = lane.take_segment()
        self._open.pop(lane, None)
        if segment is not None:
            with self._changed:
                self._finishing.append(_Finish(lane, segment))
                self._changed.notify()

    def _write_until_stopped(self) -> None:
        while self.write_next(wait=True):
            pass
        for lane in list(self._open):
            self._finish_later(lane)
        with self._changed:
            self._stopping = True
            self._changed.notify()

    # -- the syncing thread

    def sync_step(self) -> int:
        """Everything that is due; nanoseconds until there is more."""
        now = self._clock.monotonic_ns()
        self._syncing_since_ns = now
        try:
            with self._turn:
                self._do_due(now)
        finally:
            self._syncing_since_ns = None
        due_ns = self._retry_due_ns
        if self._problem is None:
            due_ns = min(due_ns, self._sync_due_ns, self._retain_due_ns)
        return max(0, due_ns - self._clock.monotonic_ns())

    def _do_due(self, now: MonotonicNs) -> None:
        self._finish_all()
        if now >= self._retry_due_ns:
            self._retry_due_ns = now + RETRY_NS
            self._retry()
        self._move_lanes()
        if self._problem is not None:
            return
        if now >= self._sync_due_ns:
            self._sync_due_ns = now + self.sync_interval_ns
            self._sync_open()
            self._index_all()
        if now >= self._retain_due_ns and self._problem is None:
            self._retain_due_ns = now + RETAIN_NS
            self._attempt(self._retain)

    def _retry(self) -> None:
        """Opens the storage when it is not, and looks whether it is still there when it is."""
        if self._problem is None:
            self._attempt(self._disk.check)
        # While there is a problem the writer makes no segment; those that it has must be handed over first.
        elif not self._open and self._writing_since_ns is None and self._attempt(self._reopen):
            self._problem = None

    def _reopen(self) -> None:
        self._disk.open()
        self._abandons = False
        for lane in self._lanes:
            self._prepare(lane)
        self._retain()

    def _move_lanes(self) -> None:
        """Recordings come when the storage is there, and go when what they had in the queue is written."""
        while self._arrivals and self._problem is None:
            lane, on_ready = self._arrivals[0]
            if not self._attempt(lambda: self._prepare(lane)):  # noqa: B023 - called at once
                return
            self._arrivals.popleft()
            self._lanes.append(lane)
            on_ready()
        for lane, ended_utc_ns in [one for one in self._departures if not one[0].queued and one[0].segment is None]:
            self._departures.remove((lane, ended_utc_ns))
            self._lanes = [one for one in self._lanes if one is not lane]
            with self._changed:
                self._arrivals = deque(one for one in self._arrivals if one[0] is not lane)
            if ended_utc_ns is not None and self._problem is None:
                self._attempt(lambda: self._disk.end(lane.stream, ended_utc_ns))  # noqa: B023 - called at once

    def _prepare(self, lane: Lane) -> None:
        lane.serials.not_before(self._disk.prepare(lane.stream))

    def _finish_all(self) -> None:
        """In order; from the first that cannot be finished on they are left to recovery."""
        while self._finishing:
            with self._changed:
                one = self._finishing.popleft()
            if self._abandons or not self._attempt(lambda: self._finish(one)):  # noqa: B023 - called at once
                self._abandons = True
                one.segment.abandon()
                one.lane.returned(one.segment.live)
        self._index_all()

    def _finish(self, one: _Finish) -> None:
        """Once more, when the disk was full: what is deleted makes room, or else what is spared for it."""
        try:
            entry = one.segment.finish(one.lane.camera_clock)
        except OSError as error:
            if not is_full(error):
                raise
            self._index_all()
            with contextlib.suppress(StorageProblemError):
                self._retain(urgent=True)
            entry = one.segment.finish(one.lane.camera_clock)
        self._unindexed.append((one.lane, one.segment.live, entry))
        if len(self._unindexed) > MAX_UNINDEXED:
            lane, live, _ = self._unindexed.popleft()
            lane.returned(live)
            self.unindexed_lost += 1

    def _index_all(self) -> None:
        """In order: a row that fails stays first."""
        while self._unindexed:
            lane, live, entry = self._unindexed[0]
            try:
                entry.add()
            except DatabaseUnusableError as error:
                self._log.warning("segments wait for the index", segments=len(self._unindexed), reason=str(error))
                return
            except BridgeError:
                self._log.exception("the index does not take a segment", path=str(live.path))
                self.unindexed_lost += 1
            self._unindexed.popleft()
            lane.returned(live)

    def _sync_open(self) -> None:
        for segment in list(self._open.values()):
            began = self._clock.monotonic_ns()
            if not self._attempt(segment.sync):
                return
            self.sync_latency.add(self._clock.monotonic_ns() - began)

    def _retain(self, *, urgent: bool = False) -> int:
        """One batch; how many segments went. Raises OSError, StorageProblemError."""
        try:
            removed = self._disk.retain(urgent=urgent)
        except DatabaseUnusableError as error:
            # Neither locks nor rows can be asked: nothing is deleted, and recording goes on while there is room.
            self._retention_stuck = f"{self._disk.path}: nothing can be deleted: {error}"
            return 0
        self.removed_segments += removed.segments
        self.removed_bytes += removed.size_bytes
        self._retention_stuck = removed.stuck
        if removed.segments:
            self._retain_due_ns = self._clock.monotonic_ns() + RETAIN_PAUSE_NS
        return removed.segments

    def _attempt(self, work: Callable[[], object]) -> bool:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - any failure is the storage's
            self._fail(error)
            return False
        return True

    def _sync_until_stopped(self) -> None:
        while True:
            stopping = self._stopping
            wait_ns = self.sync_step()
            if stopping:
                break
            with self._changed:
                if not (self._stopping or self._finishing or (self._arrivals and self._problem is None)):
                    self._changed.wait(wait_ns / NS_PER_S)
        self._disk.close()

    # -- both threads

    def _fail(self, error: Exception) -> None:
        problem = problem_of(error, self._disk.path)
        if self._problem is None or str(self._problem) != str(problem):
            self._log.warning("storage cannot be used", state=problem.state.value, reason=str(problem))
        self._problem = problem
        self._retry_due_ns = self._clock.monotonic_ns() + RETRY_NS
        for lane in list(self._open):
            # The writer hands over its open segments with the next fragment of each; it may be long in coming.
            self.queue.pause(lane)
