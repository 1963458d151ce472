"""The worker processes: started when first needed, one job at a time each, started again when they die."""

import contextlib
import os
import sys
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import structlog
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from bridge.base.errors import BridgeError
from bridge.services.transcode.jobs import StillJob, decode_reply, encode_job, take_message

JOB_TIMEOUT_S = 10.0
MAX_WAITING = 64


class TranscodeError(BridgeError):
    """A job came to nothing; the text says why."""


@dataclass(slots=True, eq=False)
class _Job:
    data: bytes
    done: "Deferred[bytes]" = field(default_factory=Deferred)


class WorkerPool:
    """At most `size` processes; at most MAX_WAITING jobs wait, a further one fails at once."""

    def __init__(self, reactor: Any, size: int = 1) -> None:
        """reactor: Twisted's, for spawnProcess and callLater."""
        self._reactor = reactor
        self._size = size
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._waiting: deque[_Job] = deque()
        self._closed = False
        self.jobs = 0
        self.failures = 0

    async def still(self, job: StillJob) -> bytes:
        """The key frame as JPEG. TranscodeError: it does not decode, took too long, or too many wait."""
        if self._closed:
            raise TranscodeError("the workers are stopped")
        if len(self._waiting) >= MAX_WAITING:
            raise TranscodeError(f"{MAX_WAITING} jobs are waiting already")
        entry = _Job(encode_job(job))
        self.jobs += 1
        self._waiting.append(entry)
        self._next()
        return await entry.done

    def close(self) -> None:
        """Ends the processes; jobs that wait fail."""
        self._closed = True
        while self._waiting:
            self._waiting.popleft().done.errback(TranscodeError("the workers are stopped"))
        for worker in [*self._idle, *self._busy]:
            worker.kill("TERM")

    def _next(self) -> None:
        while self._waiting and (self._idle or len(self._busy) < self._size):
            worker = self._idle.pop() if self._idle else self._start()
            self._busy.add(worker)
            worker.take(self._waiting.popleft())

    def _start(self) -> "_Worker":
        worker = _Worker(self, self._reactor)
        # A session of its own keeps a terminal's Ctrl-C from it: it ends when its standard input closes.
        self._reactor.spawnProcess(
            worker,
            sys.executable,
            [sys.executable, "-m", "bridge.services.transcode.worker"],
            env=dict(os.environ),
            childFDs={0: "w", 1: "r", 2: 2},
        )
        return worker

    def finished(self, worker: "_Worker") -> None:
        """A worker is free again."""
        self._busy.discard(worker)
        self._idle.append(worker)
        self._next()

    def gone(self, worker: "_Worker") -> None:
        """A worker's process ended."""
        self._busy.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        if not self._closed:
            self._next()


class _Worker(ProcessProtocol):
    """One process and the job that it does."""

    transport: Any  # IProcessTransport from the spawning on

    def __init__(self, pool: WorkerPool, reactor: Any) -> None:
        self._pool, self._reactor = pool, reactor
        self._buffer = bytearray()
        self._job: _Job | None = None
        self._timeout: Any = None
        self._log = structlog.get_logger()

    def take(self, job: _Job) -> None:
        """Begins a job."""
        self._job = job
        self._timeout = self._reactor.callLater(JOB_TIMEOUT_S, self.kill, "KILL")
        self.transport.write(job.data)

    def kill(self, signal: str) -> None:
        """Ends the process."""
        with contextlib.suppress(ProcessExitedAlready):
            self.transport.signalProcess(signal)

    def outReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """A reply, or a part of one."""
        self._buffer += data
        body = take_message(self._buffer)
        if body is None:
            return
        jpeg, error = decode_reply(body)
        self._finish(TranscodeError(error) if error else jpeg)
        self._pool.finished(self)

    def processEnded(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """The process is gone: its job failed, and the pool starts another when it needs one."""
        if self._job is not None:
            self._log.warning("a transcoding worker ended in a job", reason=str(reason.value))
            self._finish(TranscodeError("the decoder died or took too long"))
        self._pool.gone(self)

    def _finish(self, result: bytes | TranscodeError) -> None:
        job, self._job = self._job, None
        if self._timeout is not None and self._timeout.active():
            self._timeout.cancel()
        if job is None:
            return
        if isinstance(result, TranscodeError):
            self._pool.failures += 1
            job.done.errback(result)
        else:
            job.done.callback(result)
