"""What waits for a storage's writer, bounded in bytes and in time: between the hub's thread and the writer's.

A fragment that finds no room is refused, and so are all of its recording up to the next one that begins with a key
frame, as what lies between could not be decoded. The lane counts them (`Lane.lost_units`).
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from bridge.base.time import NS_PER_S, MonotonicNs
from bridge.recorder.cutter import Fragment
from bridge.recorder.lane import Lane

#: What comes within so long after a time without work is written in one go: an awakening for each fragment of many
#: recordings costs as much again as writing it (bench/recording.py).
GATHER_S = 0.05


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """size_bytes: of the units that wait; wait_ns: of the fragment that waits longest."""

    size_bytes: int = 128 << 20
    wait_ns: int = 10 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Job:
    """A fragment to be written; None: the lane pauses."""

    lane: Lane
    fragment: Fragment | None
    offered_ns: MonotonicNs


class WriteQueue:
    """See the module. The job at work counts as waiting until it is done."""

    def __init__(self, limits: QueueLimits, now: Callable[[], MonotonicNs]) -> None:
        self.limits = limits
        self.size_bytes = 0
        self._now = now
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def offer(self, lane: Lane, fragment: Fragment) -> bool:
        """False: refused. Does not block."""
        now = self._now()
        if lane.skips and fragment.starts_with_key:
            lane.skips = False
        with self._changed:
            if (
                lane.skips
                or self._closed
                or self.size_bytes + fragment.size_bytes > self.limits.size_bytes
                or (self._jobs and now - self._jobs[0].offered_ns > self.limits.wait_ns)
            ):
                lane.skips = True
                return False
            self.size_bytes += fragment.size_bytes
            self._append(Job(lane, fragment, now))
        return True

    def pause(self, lane: Lane) -> None:
        """Behind what the lane has in the queue. Never refused: a lane pauses but once between two fragments."""
        with self._changed:
            self._append(Job(lane, None, self._now()))

    def _append(self, job: Job) -> None:
        job.lane.queued += 1
        self._jobs.append(job)
        if len(self._jobs) == 1:
            self._changed.notify()

    def first(self, *, wait: bool) -> Job | None:
        """The oldest job, left where it is until `done`; None: none, and with `wait` none will come.

        wait: where there was none, for the next one, and GATHER_S longer for those behind it.
        """
        with self._changed:
            idle = wait and not self._jobs and not self._closed
            while wait and not self._jobs and not self._closed:
                self._changed.wait()
        if idle:
            time.sleep(GATHER_S)
        with self._changed:
            return self._jobs[0] if self._jobs else None

    def done(self) -> None:
        """The oldest job is over."""
        with self._changed:
            job = self._jobs.popleft()
            job.lane.queued -= 1
            if job.fragment is not None:
                self.size_bytes -= job.fragment.size_bytes

    def close(self) -> None:
        """Nothing is taken any more; what is there may be written."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._jobs)

    def waiting_ns(self, now: MonotonicNs) -> int:
        """Since when the oldest job waits."""
        with self._changed:
            return now - self._jobs[0].offered_ns if self._jobs else 0
