import uuid

from bridge.base.time import NS_PER_S, ManualClock
from bridge.recorder import write_queue
from bridge.recorder.cutter import Cutter
from bridge.recorder.lane import Lane, RecordedStream
from bridge.recorder.write_queue import GATHER_S, QueueLimits, WriteQueue
from tests.recorder.streams import LiveStream, Sink


class Setting:
    def __init__(self, **limits):
        self.clock = ManualClock()
        self.queue = WriteQueue(QueueLimits(**limits), self.clock.monotonic_ns)
        self.lanes = [
            Lane(RecordedStream(number, uuid.UUID(int=number), "gate", "main", 0), NS_PER_S, self.queue)
            for number in (1, 2)
        ]
        stream, sink = LiveStream(gop=25, size=1000), Sink()
        Cutter(stream.hub, sink)
        stream.frames(500)
        self.fragments = sink.fragments

    def drain(self):
        taken = []
        while job := self.queue.first(wait=False):
            taken.append((job.lane.stream.id, job.fragment and job.fragment.sequence))
            self.queue.done()
        return taken


def test_in_order_of_all_lanes_with_pauses_in_their_place():
    setting = Setting()
    one, two = setting.lanes
    one.pause()
    one.push(setting.fragments[0])
    two.push(setting.fragments[0])
    one.pause()
    one.pause()
    assert (len(setting.queue), one.queued, two.queued) == (3, 2, 1)
    assert setting.drain() == [(1, 1), (2, 1), (1, None)]
    assert (setting.queue.size_bytes, one.queued, two.queued) == (0, 0, 0)


def test_bounded_in_bytes_and_back_with_a_key_frame():
    setting = Setting(size_bytes=60_000)
    one, two = setting.lanes
    for fragment in setting.fragments[:10]:
        one.push(fragment)
        assert setting.queue.size_bytes <= 60_000
    assert [sequence for _, sequence in setting.drain()] == [1, 2, 3, 4]
    assert one.lost_units == one.refused_units == sum(len(one.units) for one in setting.fragments[4:10])
    # Room again: what is no key frame would be of no use.
    one.push(setting.fragments[11])
    two.push(setting.fragments[11])
    one.push(setting.fragments[12])
    assert setting.fragments[12].starts_with_key
    assert setting.drain() == [(2, 12), (1, 13)]


def test_bounded_in_time():
    setting = Setting(wait_ns=5 * NS_PER_S)
    one, two = setting.lanes
    one.push(setting.fragments[0])
    setting.clock.advance(5 * NS_PER_S)
    one.push(setting.fragments[1])
    assert setting.queue.waiting_ns(setting.clock.monotonic_ns()) == 5 * NS_PER_S
    setting.clock.advance(1)
    two.push(setting.fragments[0])
    assert (one.lost_units, two.lost_units) == (0, len(setting.fragments[0].units))
    setting.drain()
    assert setting.queue.waiting_ns(setting.clock.monotonic_ns()) == 0
    two.push(setting.fragments[2])
    assert setting.drain() == [(2, 3)]


def test_what_is_at_work_still_waits():
    setting = Setting()
    setting.lanes[0].push(setting.fragments[0])
    assert setting.queue.first(wait=True) is setting.queue.first(wait=True)
    assert setting.queue.size_bytes == setting.fragments[0].size_bytes


def test_what_comes_after_a_time_without_work_is_let_come_together(monkeypatch):
    setting, slept = Setting(), []
    monkeypatch.setattr(write_queue.time, "sleep", slept.append)
    monkeypatch.setattr(setting.queue._changed, "wait", lambda: setting.lanes[0].push(setting.fragments[0]))
    assert setting.queue.first(wait=True).fragment is setting.fragments[0]
    assert slept == [GATHER_S]
    # Without an end of the work there is no waiting.
    setting.lanes[1].push(setting.fragments[0])
    setting.queue.done()
    assert setting.queue.first(wait=True).lane is setting.lanes[1]
    assert slept == [GATHER_S]


def test_closed_it_takes_nothing_and_gives_what_it_has():
    setting = Setting()
    setting.lanes[0].push(setting.fragments[0])
    setting.queue.close()
    setting.lanes[0].push(setting.fragments[1])
    assert setting.drain() == [(1, 1)]
    assert setting.queue.first(wait=True) is None
