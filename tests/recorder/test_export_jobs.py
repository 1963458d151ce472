"""Exports as jobs, over their whole life and over a restart."""

import json
import threading

import pytest

from bridge.base.errors import BridgeError
from bridge.base.time import NS_PER_S, ManualClock
from bridge.recorder.export_file import GivenUpError
from bridge.recorder.export_jobs import KEPT_ROWS, ExportJobs, ExportLimits, ExportState, TooManyExportsError

LIMITS = ExportLimits(waiting=4, waiting_per_user=2, keep_ns=3600 * NS_PER_S, max_bytes=1000)


class Work:
    """Jobs without their thread: the test is it."""

    def __init__(self, folder, limits=LIMITS):
        self.folder, self.clock = folder, ManualClock()
        self.made, self.told = [], []
        self.what = lambda job, path, watch: path.write_bytes(bytes(100))
        self.jobs = ExportJobs(folder, self.clock, limits, self.make, self.told.append)
        self.jobs._load()

    def make(self, job, path, watch):
        self.made.append(job)
        self.what(job, path, watch)
        return {"asked": job.id}

    def submit(self, user="ann"):
        self.clock.advance(1000)
        return self.jobs.submit(user, "gate", "main", "rec-gate.main", 0, NS_PER_S, audio=True)

    def run(self):
        while not self.jobs._queue.empty():
            self.jobs._run(self.jobs._queue.get())
        self.jobs._trim()

    def states(self):
        return [job.state for job in self.jobs.all()]

    def files(self):
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def work(tmp_path):
    return Work(tmp_path / "exports")


def test_a_job_from_its_asking_to_its_file(work):
    def what(job, path, watch):
        assert work.jobs.find(job.id).state is ExportState.RUNNING
        watch(0.5, 50)
        assert (work.jobs.find(job.id).progress, work.jobs.find(job.id).size_bytes) == (0.5, 50)
        path.write_bytes(bytes(100))

    work.what = what
    job = work.submit()
    assert (job.state, work.told) == (ExportState.WAITING, [job])
    work.run()
    done = work.jobs.find(job.id)
    assert (done.state, done.progress, done.size_bytes) == (ExportState.DONE, 1.0, 100)
    assert work.jobs.path(done).read_bytes() == bytes(100)
    assert work.jobs.manifest(done) == {"asked": job.id}
    assert work.files() == [f"{job.id}.json", f"{job.id}.mp4"]
    assert {one.state for one in work.told} == {ExportState.WAITING, ExportState.RUNNING, ExportState.DONE}
    work.jobs.remove(done)
    assert (work.jobs.find(job.id), work.files(), work.jobs.manifest(done)) == (None, [], None)


def test_a_restart_finds_what_is_finished_and_nothing_else(work, tmp_path):
    kept = work.submit()
    work.run()
    folder = work.folder
    (folder / "aa.part").write_bytes(b"half")
    (folder / "bb.mp4").write_bytes(b"without facts")
    (folder / "cc.json").write_text("{")
    (folder / "dd.json").write_text(json.dumps({"job": {"id": "ee"}}))
    (folder / "notes.txt").write_text("of somebody else")
    again = Work(folder)
    assert [job.id for job in again.jobs.all()] == [kept.id]
    assert again.jobs.find(kept.id).state is ExportState.DONE
    assert again.files() == sorted([f"{kept.id}.json", f"{kept.id}.mp4", "notes.txt"])


def test_bounds(work):
    work.submit(), work.submit()
    with pytest.raises(TooManyExportsError, match="2 exports of yours are waiting"):
        work.submit()
    work.submit("bob"), work.submit("bob")
    with pytest.raises(TooManyExportsError, match="4 exports are waiting"):
        work.submit("carl")


def test_asking_and_cancelling_without_end_is_bounded(work):
    for _ in range(16):
        work.jobs.remove(work.submit())
    with pytest.raises(TooManyExportsError):
        work.submit()
    work.run()
    assert work.made == []
    work.submit()


def test_cancelled_while_it_waits_and_while_it_runs(work):
    waits = work.submit()
    work.jobs.remove(waits)
    runs = work.submit()

    def what(job, path, watch):
        path.write_bytes(b"half")
        work.jobs.remove(job)
        with pytest.raises(GivenUpError):
            watch(0.5, 50)
        watch(0.6, 60)

    work.what = what
    work.run()
    assert work.made[0].id == runs.id
    assert work.states() == [ExportState.CANCELLED] * 2
    assert work.files() == []
    work.jobs.remove(work.jobs.find(runs.id))
    assert work.states() == [ExportState.CANCELLED]


def test_cancelled_at_the_last_moment(work):
    def what(job, path, watch):
        path.write_bytes(b"all of it")
        work.jobs.remove(job)

    work.what = what
    work.submit()
    work.run()
    assert (work.states(), work.files()) == ([ExportState.CANCELLED], [])


@pytest.mark.parametrize(
    ("error", "reason"),
    [(BridgeError("no room"), "no room"), (OSError(5, "I/O"), "I/O"), (ZeroDivisionError("x"), "on our side")],
)
def test_failures_are_told_in_a_sentence(work, error, reason):
    def what(job, path, watch):
        path.write_bytes(b"half")
        raise error

    work.what = what
    job = work.submit()
    work.run()
    failed = work.jobs.find(job.id)
    assert failed.state is ExportState.FAILED
    assert reason in failed.reason
    assert work.files() == []
    work.what = lambda job, path, watch: path.write_bytes(b"x")
    work.submit()
    work.run()
    assert work.states() == [ExportState.DONE, ExportState.FAILED]


def test_age_and_size(work):
    for _ in range(12):
        work.submit()
        work.run()
    assert len(work.jobs.all()) == 10  # of 100 bytes each
    newest = work.jobs.all()[0]
    assert newest.state is ExportState.DONE
    work.clock.advance(3601 * NS_PER_S)
    work.run()
    assert (work.jobs.all(), work.files()) == ([], [])


def test_jobs_without_a_file_are_not_remembered_for_ever(work):
    for _ in range(KEPT_ROWS + 5):
        work.jobs.remove(work.submit())
        work.run()
    assert len(work.jobs.all()) == KEPT_ROWS


def test_the_thread_works_and_stops(tmp_path):
    work = Work(tmp_path / "exports")
    began, ended = threading.Event(), threading.Event()

    def what(job, path, watch):
        began.set()
        try:
            while True:
                watch(0.1, 1)
        finally:
            ended.set()

    work.what = what
    work.jobs.start()
    work.submit()
    assert began.wait(10)
    assert work.jobs.stop(10)
    assert ended.is_set()
    assert work.files() == []
