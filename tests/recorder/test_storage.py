import errno
import threading

import pytest

from bridge.base.errors import LocalProtocolError
from bridge.base.time import NS_PER_S, ManualClock, SystemClock
from bridge.recorder import storage as module
from bridge.recorder.retention import Removed
from bridge.recorder.storage import StorageWriter
from bridge.recorder.storage_state import StorageProblemError, StorageState
from bridge.recorder.write_queue import QueueLimits
from bridge.store.backend import DatabaseUnusableError
from tests.recorder.fake_disk import FakeDisk, Recorded, os_error


class Setting:
    """A storage without threads, opened, with recordings; `run` plays pictures and then both threads' parts."""

    def __init__(self, recordings=1, *, opened=True, limits=None, **stream):
        self.clock = ManualClock()
        self.disk = FakeDisk()
        self.storage = StorageWriter("default", self.disk, self.clock, sync_interval_ns=2 * NS_PER_S, limits=limits)
        self.recordings = [Recorded(self.storage, n + 1, clock=self.clock, **stream) for n in range(recordings)]
        self.one = self.recordings[0]
        if opened:
            self.storage.sync_step()

    @property
    def status(self):
        return self.storage.status(self.clock.monotonic_ns())

    def pictures(self, count):
        for _ in range(count):
            for index, recording in enumerate(self.recordings):
                recording.live.frames(1, step_ns=0 if index else None)

    def write(self):
        while self.storage.write_next():
            pass

    def run(self, seconds, *, writes=True):
        for _ in range(seconds):
            self.pictures(25)
            if writes:
                self.write()
            self.storage.sync_step()

    def segments(self):
        return self.disk.runs(self.one.stream)

    def states(self):
        return [segment.state for segment in self.disk.segments]


def test_a_recording_begins_once_its_storage_is_open():
    setting = Setting(opened=False)
    assert setting.status.state is StorageState.OPENING
    assert setting.one.cutter is None
    setting.one.live.frames(10)
    setting.storage.sync_step()
    assert setting.disk.calls[:2] == ["open", "retain"]
    assert setting.status == (module.StorageStatus(StorageState.OK))
    setting.run(3)
    # From the GOP on that the hub held, all but the open fragment.
    assert setting.segments() == [(1, 1, 75)]
    assert setting.one.lane.lost_units == 0


def test_segments_are_finished_indexed_and_no_longer_lent():
    setting = Setting(segment_ns=2 * NS_PER_S)
    setting.run(5)
    assert setting.segments() == [(1, 1, 50), (2, 1, 50), (3, 1, 13)]
    assert setting.states() == ["indexed", "indexed", "open"]
    assert setting.one.lane.live == (setting.disk.segments[2].live,)
    setting.one.live.run.end()
    setting.one.cutter.on_timeout(setting.clock.monotonic_ns())
    setting.one.cutter.on_timeout(setting.clock.monotonic_ns())
    setting.write()
    setting.storage.sync_step()
    assert setting.states() == ["indexed"] * 3
    assert setting.one.lane.live == ()


def test_open_segments_are_synced_at_their_interval():
    setting = Setting(recordings=3)
    setting.run(10)
    assert 3 * 4 <= setting.disk.calls.count("sync") <= 3 * 6
    assert all(segment.synced > 10 for segment in setting.disk.segments)
    assert sum(setting.storage.sync_latency.counts) == setting.disk.calls.count("sync")


def test_a_reconnect_begins_a_run_in_a_new_segment():
    setting = Setting()
    setting.run(2)
    setting.one.live.connect()
    setting.run(2)
    assert [one[:2] for one in setting.segments()] == [(1, 1), (2, 2)]


@pytest.mark.parametrize("failing", ["append", "create", "sync", "check"])
def test_a_failing_storage_is_left_and_tried_again(failing):
    setting = Setting(segment_ns=NS_PER_S)
    setting.run(9)
    setting.disk.fails[failing] = [os_error(errno.EIO)]
    setting.run(3)
    assert setting.status.state is StorageState.FAILING
    assert "/cctv fails (EIO)" in setting.status.sentence
    assert "open" not in setting.states()
    before = setting.disk.calls.count("open")
    lost = setting.one.lane.lost_units
    setting.run(5)
    assert setting.disk.calls.count("open") == before
    assert setting.one.lane.lost_units == lost + 125
    setting.run(8)
    assert setting.status.state is StorageState.OK
    assert setting.disk.calls.count("open") == before + 1
    _, run, _ = setting.segments()[-1]
    first = next(segment for segment in setting.disk.segments if segment.serial == run)
    assert first.fragments[0].starts_with_key
    assert run > 1
    serials = [one[0] for one in setting.segments()]
    assert len(set(serials)) == len(serials)
    written = sum(one[2] for one in setting.segments())
    assert written == setting.one.lane.written_units
    assert written + setting.one.lane.lost_units == sum(len(f) for f in [setting.one.live.units]) - len(
        setting.one.cutter._units
    )


def test_while_it_fails_it_is_tried_every_ten_seconds_and_no_more():
    setting = Setting()
    setting.run(2)
    setting.disk.fails["append"] = [os_error(errno.EIO)]
    setting.disk.fails["open"] = os_error(errno.EROFS)
    setting.run(100)
    assert 9 <= setting.disk.calls.count("open") - 1 <= 11
    assert setting.status.state is StorageState.READ_ONLY


def test_one_recordings_error_ends_the_segments_of_all_on_that_storage():
    setting = Setting(recordings=4)
    setting.run(2)
    setting.disk.fails["append"] = [os_error(errno.EIO)]
    setting.run(1)
    assert setting.states() == ["indexed"] * 4
    # A silent camera's segment as well: nothing of it comes that would hand it over.
    other = Setting(recordings=2)
    other.run(2)
    other.recordings.pop()
    other.disk.fails["append"] = [os_error(errno.EIO)]
    other.run(1)
    assert other.states() == ["indexed"] * 2
    other.run(12)
    assert other.status.state is StorageState.OK


def test_a_full_disk_loses_nothing_when_something_may_go():
    setting = Setting()
    setting.run(3)
    setting.disk.removes = [Removed(32, 1000)]
    setting.disk.fails["append"] = [os_error(errno.ENOSPC)]
    setting.run(3)
    assert setting.disk.calls.count("retain urgently") == 1
    assert (setting.status.state, setting.one.lane.lost_units) == (StorageState.OK, 0)
    assert sum(one[2] for one in setting.segments()) == setting.one.lane.written_units > 130
    # What a failed write leaves is finished; the rest begins a run.
    assert [one[:2] for one in setting.segments()] == [(1, 1), (2, 2)]
    assert (setting.storage.removed_segments, setting.storage.removed_bytes) == (32, 1000)


def test_a_disk_too_full_for_a_footer_loses_nothing_when_something_may_go():
    setting = Setting(segment_ns=NS_PER_S)
    setting.run(3)
    setting.disk.removes = [Removed(32, 1000)]
    setting.disk.fails["finish"] = [os_error(errno.ENOSPC)]
    setting.run(3)
    assert setting.disk.calls.count("retain urgently") == 1
    assert (setting.status.state, setting.one.lane.lost_units) == (StorageState.OK, 0)
    assert set(setting.states()[:-1]) == {"indexed"}


def test_what_waits_to_be_finished_is_finished_before_the_writer_makes_room():
    setting = Setting(segment_ns=NS_PER_S)
    setting.run(1)
    for _ in range(4):
        setting.pictures(25)
    setting.write()
    assert setting.states().count("finished") == 0
    setting.disk.fails["append"] = [os_error(errno.ENOSPC)]
    setting.disk.removes = [Removed(1, 1000)]
    setting.pictures(25)
    setting.write()
    calls = setting.disk.calls
    assert calls.index("finish") < calls.index("index") < calls.index("retain urgently")
    assert (setting.status.state, setting.one.lane.lost_units) == (StorageState.OK, 0)


def test_one_recordings_own_fault_costs_the_others_nothing():
    setting = Setting(recordings=2)
    setting.run(2)
    setting.disk.fails["append"] = [ValueError("bad"), None, LocalProtocolError("times jump")]
    setting.run(3)
    assert setting.status.state is StorageState.OK
    assert (setting.recordings[0].lane.lost_units > 0, setting.recordings[1].lane.lost_units) == (True, 0)


def test_a_full_disk_where_nothing_may_go_stops_and_goes_on_when_there_is_room():
    setting = Setting()
    setting.run(3)
    setting.disk.fails["append"] = os_error(errno.ENOSPC)
    setting.disk.fails["retain"] = StorageProblemError(StorageState.FULL, "/cctv is full, and nothing may be deleted")
    setting.run(30)
    assert setting.status == module.StorageStatus(StorageState.FULL, "/cctv is full, and nothing may be deleted")
    assert setting.disk.calls.count("append") < 12
    setting.disk.fails.clear()
    setting.run(11)
    assert setting.status.state is StorageState.OK
    assert len(setting.segments()) == 2


def test_from_a_segment_that_cannot_be_finished_on_all_are_left_to_recovery():
    setting = Setting(recordings=2)
    setting.run(3)
    setting.disk.fails["finish"] = [os_error(errno.EIO)]
    for recording in setting.recordings:
        recording.live.connect()
    setting.run(2)
    # Were a later one indexed, recovery, which looks above the highest serial that is, would not find the earlier.
    assert setting.states() == ["abandoned"] * 4
    assert [recording.lane.live for recording in setting.recordings] == [(), ()]
    setting.run(12)
    assert setting.status.state is StorageState.OK
    for recording in setting.recordings:
        recording.live.connect()
    setting.run(2)
    assert setting.states() == ["abandoned"] * 4 + ["indexed"] * 2 + ["open"] * 2


def test_rows_wait_in_order_for_an_index_that_is_gone():
    setting = Setting(segment_ns=NS_PER_S)
    setting.run(2)
    setting.disk.fails["index"] = DatabaseUnusableError("index.db is gone")
    setting.run(4)
    assert setting.states()[1:-1] == ["finished"] * (len(setting.states()) - 2)
    assert setting.status.state is StorageState.OK
    assert len(setting.one.lane.live) > 2
    setting.disk.fails.clear()
    setting.run(3)
    assert set(setting.states()[:-1]) == {"indexed"}
    assert len(setting.one.lane.live) == 1


def test_retention_goes_in_batches_with_pauses():
    setting = Setting()
    setting.run(10)
    setting.disk.removes = [Removed(32, 1)] * 3
    rounds = setting.disk.calls.count("retain")
    waits = []
    for _ in range(60):
        waits.append(setting.storage.sync_step())
        setting.clock.advance(waits[-1] or 1)
        if not setting.disk.removes:
            break
    assert setting.disk.calls.count("retain") == rounds + 3
    assert waits.count(module.RETAIN_PAUSE_NS) == 3
    assert setting.storage.removed_segments == 96


def test_without_the_database_nothing_is_deleted_and_recording_goes_on():
    setting = Setting()
    setting.disk.fails["retain"] = DatabaseUnusableError("config.db is gone")
    setting.run(12)
    assert setting.status == module.StorageStatus(StorageState.OK, "/cctv: nothing can be deleted: config.db is gone")


def test_a_hung_disk_is_told_and_memory_stays_bounded():
    setting = Setting(limits=QueueLimits(size_bytes=100_000))
    setting.run(2)
    for _ in range(20):
        setting.run(1, writes=False)
        assert setting.storage.queue.size_bytes <= 100_000
    assert setting.status.state is StorageState.SLOW
    assert setting.one.lane.refused_units > 300
    setting.write()
    setting.run(3)
    assert setting.status.state is StorageState.OK
    second = setting.disk.segments[1]
    assert second.run == second.serial
    assert second.fragments[0].starts_with_key


def test_a_removed_recording_ends_behind_what_waits_for_it():
    setting = Setting(recordings=2)
    setting.run(3)
    one = setting.one
    one.live.frames(20)
    one.cutter.end()
    setting.storage.remove(one.lane, ended_utc_ns=123)
    setting.storage.sync_step()
    assert setting.disk.ended == []
    setting.write()
    setting.storage.sync_step()
    assert setting.disk.ended == [(one.stream.recording, 123)]
    assert setting.disk.runs(one.stream) == [(1, 1, len(one.live.units))]
    assert setting.states() == ["indexed", "open"]


class Threads:
    """A storage with its real threads."""

    def __init__(self, *, hang=""):
        self.disk = FakeDisk()
        self.hangs, self.free = threading.Event(), threading.Event()
        call = self.disk.call

        def hanging(name):
            call(name)
            if name == hang:
                self.hangs.set()
                self.free.wait(20)

        self.disk.call = hanging
        self.storage = StorageWriter("default", self.disk, SystemClock(), sync_interval_ns=NS_PER_S // 100)
        ready = threading.Event()
        self.one = Recorded(self.storage, on_ready=ready.set)
        self.storage.start()
        assert ready.wait(10)
        self.one.begin()

    def stop(self, timeout_s=10):
        self.one.cutter.end()
        self.storage.begin_stop()
        return self.storage.join(timeout_s)


def test_threads_write_sync_and_finish_what_came_before_the_stop():
    setting = Threads()
    for _ in range(20):
        setting.one.live.frames(25)
    assert setting.stop()
    assert sum(one[2] for one in setting.disk.runs(setting.one.stream)) == 500
    assert {segment.state for segment in setting.disk.segments} == {"indexed"}
    assert setting.disk.calls[-1] == "close"
    assert sum(setting.storage.write_latency.counts) == setting.disk.calls.count("append")


@pytest.mark.parametrize("call", ["append", "sync"])
def test_a_thread_that_hangs_holds_nobody_up(call):
    setting = Threads(hang=call)
    try:
        setting.one.live.frames(100)
        assert setting.hangs.wait(10)
        setting.one.live.frames(100)
        assert not setting.stop(timeout_s=0.05)
    finally:
        setting.free.set()
    assert setting.storage.join(10)


def test_a_hanging_sync_does_not_stop_the_appends():
    setting = Threads(hang="sync")
    try:
        setting.one.live.frames(30)
        assert setting.hangs.wait(10)
        setting.one.live.frames(600)
        deadline = threading.Event()
        while setting.storage.queue.size_bytes and not deadline.wait(0.01):
            pass
        assert setting.disk.runs(setting.one.stream)[0][2] > 500
    finally:
        setting.free.set()
    assert setting.stop()
