from bridge.base.time import ManualClock
from bridge.media.fanout import DatagramLane, Fanout, InterleavedLane
from bridge.media.outbox import Allowance, Flow
from bridge.media.packets import PacketizedUnit
from bridge.media.routes import Datagrams
from tests.live_viewers import FakeSender, FakeWriter, route


def unit(number, *, key=False):
    return PacketizedUnit.of(
        [bytes((number,)) * 500],
        payload_type=96,
        sequence=number,
        rtp_time=0,
        ssrc=1,
        marks=True,
        media_time=0,
        key=key,
    )


class Viewer:
    def __init__(self, fanout, channel=0, room=1 << 40):
        self.writer = FakeWriter(ManualClock(), room)
        self.lane = InterleavedLane(route(self.writer, channel), Flow(Allowance()), resumes=True)
        self.writer.attach(lambda: fanout.block(self.lane))
        fanout.add(self.lane)


def test_counts_are_shared_and_true_for_each_whenever_he_came():
    fanout = Fanout()
    first = Viewer(fanout)
    fanout.send(unit(0, key=True))
    second = Viewer(fanout)
    fanout.send(unit(1))
    fanout.remove(first.lane)
    fanout.send(unit(2))
    assert (first.lane.tally.units, second.lane.tally.units) == (2, 2)
    assert second.lane.tally.octets == 1000
    assert len(fanout) == 1
    fanout.add(first.lane)
    fanout.send(unit(3))
    assert first.lane.tally.units == 3


def test_one_who_falls_behind_is_told_apart_and_comes_back():
    fanout = Fanout()
    slow, quick = Viewer(fanout, room=700), Viewer(fanout)
    for number in range(4):
        fanout.send(unit(number, key=number == 0))
    assert slow.lane.tally.units == 1
    assert quick.lane.tally.units == 4
    slow.writer.drain()
    assert slow.lane.tally.units == 4
    calls = slow.writer.calls
    fanout.send(unit(4))
    fanout.send(unit(5))
    assert slow.writer.calls == calls + 2
    assert slow.lane in fanout._channels[0, None].sends
    assert slow.lane.tally.units == 6
    assert slow.writer.wire == quick.writer.wire


def test_a_connection_that_fails_is_left_and_the_rest_get_theirs():
    fanout = Fanout()
    broken, healthy = Viewer(fanout), Viewer(fanout)
    broken.writer.closed = True
    fanout.send(unit(0, key=True))
    assert broken.lane not in fanout._channels[0, None].sends
    assert healthy.lane.tally.units == 1


def test_a_frame_is_made_once_for_all_who_want_it():
    fanout, made = Fanout(), []

    def frame(data):
        made.append(data)
        return b"<" + data + b">"

    plain, one, other, slow = Viewer(fanout), Viewer(fanout), Viewer(fanout), Viewer(fanout, room=100)
    for viewer in (one, other, slow):
        fanout.remove(viewer.lane)
        viewer.writer.frame = frame
        fanout.add(viewer.lane)
    fanout.send(unit(0, key=True))
    assert made == [plain.writer.wire]
    assert one.writer.wire == other.writer.wire == b"<" + plain.writer.wire + b">"
    slow.writer.drain()
    assert slow.writer.wire == one.writer.wire
    assert len(fanout) == 4
    for viewer in (plain, one, other, slow):
        fanout.remove(viewer.lane)
    assert len(fanout) == 0


def test_datagrams_go_to_all_addresses_of_a_pair_at_once():
    fanout, sender = Fanout(), FakeSender(ManualClock())
    lanes = [DatagramLane(Datagrams(sender, ("192.0.2.1", port), ("192.0.2.1", port + 1))) for port in (10, 20, 10)]
    for lane in lanes:
        fanout.add(lane)
    fanout.send(unit(0))
    assert [address for _, address, _ in sender.sent] == [("192.0.2.1", 10), ("192.0.2.1", 20), ("192.0.2.1", 10)]
    for lane in lanes:
        fanout.remove(lane)
        fanout.remove(lane)
    fanout.send(unit(1))
    assert len(sender.sent) == 3
    assert [lane.tally.packets for lane in lanes] == [1, 1, 1]
    assert len(fanout) == 0
