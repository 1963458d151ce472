"""Exports as jobs: a queue, one thread that works on it, and the finished files with a small JSON beside each.

    <folder>/<id>.part     being written; a restart removes it, and whoever waited for it asks again
    <folder>/<id>.mp4      finished
    <folder>/<id>.json     what is told of it, and its manifest; written last: without it a file is removed

Finished files go after `keep_ns`, and the oldest of them first when together they have more than `max_bytes`.
"""

import enum
import json
import os
import queue
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from bridge.base.errors import BridgeError
from bridge.base.time import NS_PER_S, Clock
from bridge.recorder.export_file import GivenUpError, Watch

KEPT_ROWS = 200
"""So many jobs that ended without a file are remembered, the newest."""

_QUEUED_PER_WAITING = 4
_TRIM_S = 60.0
_TELL_NS = NS_PER_S
"""Progress is told of so often."""


class ExportState(enum.StrEnum):
    """How a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """Whether nothing more happens to it."""
        return self not in (ExportState.WAITING, ExportState.RUNNING)


@dataclass(frozen=True, slots=True)
class ExportJob:
    """A job as it is at a moment. progress: 0 to 1; reason: why it failed; finished_ns: None until it is over."""

    id: str
    user: str
    camera: str
    stream: str
    recording: str
    from_ns: int
    until_ns: int
    audio: bool
    created_ns: int
    state: ExportState = ExportState.WAITING
    progress: float = 0.0
    size_bytes: int = 0
    reason: str = ""
    finished_ns: int | None = None


class TooManyExportsError(BridgeError):
    """The queue is full, or this user's part of it."""


@dataclass(frozen=True, slots=True)
class ExportLimits:
    """waiting, waiting_per_user: jobs that are not over; keep_ns, max_bytes: of finished files."""

    waiting: int
    waiting_per_user: int
    keep_ns: int
    max_bytes: int


Make = Callable[[ExportJob, Path, Watch], dict[str, Any]]
"""Writes the file; returns the manifest. Any: of JSON. Raises BridgeError whose text is the reason for people."""


class ExportJobs:
    """See the module. Every call is safe on any thread; those that touch files say so."""

    def __init__(
        self, folder: Path, clock: Clock, limits: ExportLimits, make: Make, changed: Callable[[ExportJob], None]
    ) -> None:
        """changed: told of a job that is another now, on any thread; must not block."""
        self._folder, self._clock, self._limits = folder, clock, limits
        self._make, self._changed = make, changed
        self._lock = threading.Lock()
        self._jobs: dict[str, ExportJob] = {}
        self._queue: queue.Queue[str | None] = queue.Queue()  # bounded by the jobs that are not over
        self._stopping = False
        self._told_ns = 0
        self._log = structlog.get_logger().bind(part="export")
        self._thread = threading.Thread(target=self._work, name="exports", daemon=True)

    def start(self) -> None:
        """Looks for finished files, then works."""
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> bool:
        """Gives up what runs, and waits for it: not on the reactor. False: the disk hangs."""
        self._stopping = True
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # -- what others ask

    def submit(
        self, user: str, camera: str, stream: str, recording: str, from_ns: int, until_ns: int, *, audio: bool
    ) -> ExportJob:
        """A job more. Raises TooManyExportsError."""
        limits = self._limits
        with self._lock:
            going = [job for job in self._jobs.values() if not job.state.over]
            # What was cancelled waits in the queue until the thread comes by.
            if len(going) >= limits.waiting or self._queue.qsize() >= _QUEUED_PER_WAITING * limits.waiting:
                raise TooManyExportsError(f"{len(going)} exports are waiting already")
            mine = sum(job.user == user for job in going)
            if mine >= limits.waiting_per_user:
                raise TooManyExportsError(f"{mine} exports of yours are waiting already")
            now = self._clock.utc_ns()
            job = ExportJob(
                *(secrets.token_hex(8), user, camera, stream, recording, from_ns, until_ns, audio, now),
            )
            self._jobs[job.id] = job
        self._queue.put(job.id)
        self._changed(job)
        return job

    def all(self) -> list[ExportJob]:
        """The newest first."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda job: (job.created_ns, job.id), reverse=True)

    def find(self, job_id: str) -> ExportJob | None:
        """The one of that id."""
        with self._lock:
            return self._jobs.get(job_id)

    def path(self, job: ExportJob) -> Path:
        """Of its finished file."""
        return self._folder / f"{job.id}.mp4"

    def manifest(self, job: ExportJob) -> dict[str, Any] | None:
        """Of a finished one; None: it is gone. Reads a file."""
        try:
            manifest: dict[str, Any] = json.loads((self._folder / f"{job.id}.json").read_bytes())["manifest"]
        except (OSError, ValueError, KeyError):
            return None
        return manifest

    def remove(self, job: ExportJob) -> None:
        """Cancels it, or takes it and its file away. Removes files."""
        with self._lock:
            now = self._jobs.get(job.id)
            if now is None:
                return
            if now.state.over:
                del self._jobs[job.id]
            else:
                self._jobs[job.id] = replace(
                    now, state=ExportState.CANCELLED, reason="cancelled", finished_ns=self._clock.utc_ns()
                )
        if now.state.over:
            self._unlink(job.id)
        self._changed(job)

    # -- the thread

    def _work(self) -> None:
        try:
            self._load()
        except OSError as error:
            self._log.warning("finished exports cannot be looked for", reason=str(error))
        while not self._stopping:
            self._trim()
            try:
                job_id = self._queue.get(timeout=_TRIM_S)
            except queue.Empty:
                continue
            if job_id is None:
                return
            self._run(job_id)

    def _run(self, job_id: str) -> None:
        job = self._advance(job_id, state=ExportState.RUNNING)
        if job is None:
            return
        part = self._folder / f"{job_id}.part"

        def watch(progress: float, size_bytes: int) -> None:
            if self._stopping or self._advance(job_id, progress=progress, size_bytes=size_bytes) is None:
                raise GivenUpError("given up")

        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            manifest = self._make(job, part, watch)
            size_bytes = part.stat().st_size
            job = self._finished(job, size_bytes)
            part.replace(self.path(job))
            self._write_facts(job, manifest)
            if self._advance(job_id, **_outcome(job)) is None:
                self._unlink(job_id)
                return
            self._log.info("export", id=job_id, user=job.user, recording=job.recording, bytes=size_bytes)
        except GivenUpError:
            self._unlink(job_id)
        except (BridgeError, OSError) as error:
            self._fail(job_id, str(error))
        except Exception:  # noqa: BLE001 - the thread must outlive whatever a file holds
            self._log.exception("an export failed", id=job_id)
            self._fail(job_id, "this failed on our side; the log of the service says why")

    def _fail(self, job_id: str, reason: str) -> None:
        self._unlink(job_id)
        now = self._clock.utc_ns()
        if self._advance(job_id, state=ExportState.FAILED, reason=reason, finished_ns=now) is not None:
            self._log.warning("no export", id=job_id, reason=reason)

    def _finished(self, job: ExportJob, size_bytes: int) -> ExportJob:
        now = self._clock.utc_ns()
        return replace(job, state=ExportState.DONE, progress=1.0, size_bytes=size_bytes, finished_ns=now)

    def _advance(self, job_id: str, **changes: Any) -> ExportJob | None:
        """The job with these changes; None: it was cancelled meanwhile. Any: fields of ExportJob."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None or job.state.over:
                return None
            job = self._jobs[job_id] = replace(job, **changes)
        now = self._clock.monotonic_ns()
        if "state" in changes or now - self._told_ns >= _TELL_NS:
            self._told_ns = now
            self._changed(job)
        return job

    # -- files

    def _write_facts(self, job: ExportJob, manifest: Mapping[str, Any]) -> None:
        path = self._folder / f"{job.id}.json"
        with path.with_suffix(".json.part").open("w", encoding="utf-8") as file:
            json.dump({"job": asdict(job), "manifest": manifest}, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        path.with_suffix(".json.part").replace(path)

    def _load(self) -> None:
        """What a start finds: finished files; anything else of ours goes."""
        if not self._folder.is_dir():
            return
        found: dict[str, ExportJob] = {}
        for path in sorted(self._folder.glob("*.json")):
            try:
                facts = json.loads(path.read_bytes())["job"]
                job = ExportJob(**facts | {"state": ExportState(facts["state"])})
            except (OSError, ValueError, TypeError, KeyError):
                self._log.warning("not the facts of an export", file=path.name)
                continue
            if job.id == path.stem and job.state is ExportState.DONE and self.path(job).exists():
                found[job.id] = job
        for path in self._folder.iterdir():
            if path.suffix in (".part", ".mp4", ".json") and path.name.partition(".")[0] not in found:
                path.unlink(missing_ok=True)
        with self._lock:
            self._jobs.update(found)

    def _trim(self) -> None:
        """What is old, or too much, goes."""
        now, limits = self._clock.utc_ns(), self._limits
        with self._lock:
            over = [job for job in self._jobs.values() if job.state.over and job.finished_ns is not None]
            over.sort(key=lambda job: job.finished_ns or 0, reverse=True)
            gone, kept_bytes, rows = [], 0, 0
            for job in over:
                if job.state is ExportState.DONE:
                    kept_bytes += job.size_bytes
                else:
                    rows += 1
                old = now - (job.finished_ns or 0) > limits.keep_ns
                if old or kept_bytes > limits.max_bytes or rows > KEPT_ROWS:
                    gone.append(job)
                    del self._jobs[job.id]
        for job in gone:
            self._unlink(job.id)
            self._changed(job)
            self._log.info("export removed by its age or size", id=job.id, user=job.user)

    def _unlink(self, job_id: str) -> None:
        for suffix in (".json", ".json.part", ".part", ".mp4"):
            try:
                (self._folder / f"{job_id}{suffix}").unlink(missing_ok=True)
            except OSError as error:
                self._log.warning("a file of an export cannot be removed", id=job_id, reason=str(error))


def _outcome(job: ExportJob) -> dict[str, Any]:  # Any: fields of ExportJob
    return {
        "state": job.state,
        "progress": job.progress,
        "size_bytes": job.size_bytes,
        "finished_ns": job.finished_ns,
    }
