import uuid

import pytest

from bridge.base.time import NS_PER_S, ManualClock
from bridge.recorder.cutter import Cutter
from bridge.recorder.lane import Lane, RecordedStream, Serials
from bridge.recorder.segment_rule import Begins
from bridge.recorder.write_queue import QueueLimits, WriteQueue
from tests.recorder.fake_disk import FakeDisk, os_error
from tests.recorder.streams import LiveStream, Sink


class Setting:
    def __init__(self):
        self.disk = FakeDisk()
        self.lane = Lane(
            RecordedStream(1, uuid.UUID(int=1), "gate", "main", 0),
            60 * NS_PER_S,
            WriteQueue(QueueLimits(), ManualClock().monotonic_ns),
        )
        stream, sink = LiveStream(gop=25, size=1000), Sink()
        Cutter(stream.hub, sink)
        stream.frames(300)
        self.fragments = sink.fragments

    def write(self, fragment):
        """As the storage's writer does."""
        if not self.lane.admits(fragment):
            return None
        begins = self.lane.begins(fragment)
        if begins is not Begins.NOTHING:
            self.lane.take_segment()
        self.lane.write(fragment, self.disk)
        return begins


def test_it_begins_with_a_key_frame_and_a_run():
    setting = Setting()
    assert [setting.write(fragment) for fragment in setting.fragments[1:5]] == [
        None,
        Begins.RUN,
        Begins.NOTHING,
        Begins.NOTHING,
    ]
    assert setting.disk.runs(setting.lane.stream) == [(1, 1, 38)]
    assert setting.lane.dropped_units == 12
    assert setting.lane.written_bytes == sum(fragment.size_bytes for fragment in setting.fragments[2:5])


def test_after_a_loss_the_next_key_frame_begins_a_run():
    setting = Setting()
    for fragment in setting.fragments[:3]:
        setting.write(fragment)
    setting.lane.lose(setting.fragments[3])
    assert [setting.write(fragment) for fragment in setting.fragments[4:8]] == [Begins.RUN, *[Begins.NOTHING] * 3]
    assert [one[:2] for one in setting.disk.runs(setting.lane.stream)] == [(1, 1), (2, 2)]


def test_a_serial_is_used_once_also_when_the_file_could_not_be_made():
    setting = Setting()
    setting.disk.fails["create"] = [os_error(5)]
    with pytest.raises(OSError, match="EIO"):
        setting.write(setting.fragments[0])
    assert setting.lane.live == ()
    setting.lane.lose(setting.fragments[0])
    assert setting.write(setting.fragments[2]) is Begins.RUN
    assert [one[:2] for one in setting.disk.runs(setting.lane.stream)] == [(2, 2)]


def test_what_the_index_does_not_know_is_lent():
    setting = Setting()
    setting.write(setting.fragments[0])
    first = setting.lane.take_segment()
    setting.lane.rule.close()
    assert setting.write(setting.fragments[1]) is Begins.SEGMENT
    assert [live.header.serial for live in setting.lane.live] == [1, 2]
    setting.lane.returned(first.live)
    assert [live.header.serial for live in setting.lane.live] == [2]
    assert setting.disk.runs(setting.lane.stream)[1][1] == 1


def test_lanes_of_one_recording_never_use_a_serial_twice():
    one, two = Setting(), Setting()
    two.lane.serials = one.lane.serials
    two.lane.serials.not_before(40)
    two.lane.serials.not_before(3)
    for setting in (one, two, one):
        setting.write(setting.fragments[0])
        setting.lane.take_segment()
    assert [one.disk.runs(one.lane.stream)[0][0], two.disk.runs(two.lane.stream)[0][0]] == [40, 41]
    assert Serials().take() == 1
