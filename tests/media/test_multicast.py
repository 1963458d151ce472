"""Three viewers of a group cost one; the first starts it and the last ends it."""

import struct

import pytest

from bridge.base.time import NS_PER_S
from bridge.media.multicast import Multicast
from bridge.media.routes import Datagrams
from bridge.wire import rtcp
from tests.live_viewers import Camera, FakeSender

RTP, RTCP = ("239.192.0.1", 16384), ("239.192.0.1", 16385)


class Scene:
    """A camera with a key frame every 5 pictures, and the group of its stream."""

    def __init__(self):
        self.camera = Camera(gop=5)
        self.camera.next(7)
        self.stream, self.sender = self.camera.stream(), FakeSender(self.camera.clock)
        self.multicast = Multicast(self.stream)
        self.ended = []

    @property
    def now(self):
        return self.camera.now

    def join(self, name="", *, begin=True, sender=None):
        route = Datagrams(sender or self.sender, RTP, RTCP)
        member = self.multicast.join({0: route}, now=self.now, on_end=lambda reason: self.ended.append((name, reason)))
        if begin:
            member.begin(self.now)
        return member

    def goodbyes(self):
        return sum(any(isinstance(each, rtcp.Bye) for each in rtcp.parse(data)) for _, data in self.sender.rtcp)


@pytest.fixture
def scene():
    return Scene()


def sequences(sender):
    return [struct.unpack_from("!H", packet, 2)[0] for _, _, packets in sender.sent for packet in packets]


def test_three_viewers_cost_one_send_a_unit(scene):
    members = [scene.join() for _ in range(3)]
    assert len(scene.multicast) == 1
    scene.camera.next(10)
    # Seven pictures were there, so the fourth that comes is a key frame: from it on one send each, to the group.
    assert [to for _, to, _ in scene.sender.sent] == [RTP] * 7
    numbers = sequences(scene.sender)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    for member in members:
        member.stop(scene.now)
    assert len(scene.multicast) == 0


def test_rtp_info_tells_who_joins_later_the_next_number(scene):
    first = scene.join()
    assert (first.start[0].sequence, first.start[0].rtp_time) == (None, None)
    scene.camera.next(6)
    count = len(sequences(scene.sender))
    second = scene.join()
    scene.camera.next(1)
    assert second.start[0].sequence == sequences(scene.sender)[count]
    assert second.start[0].ssrc == first.start[0].ssrc == scene.stream.ssrc(0)


def test_the_last_who_leaves_ends_it(scene):
    first, second = scene.join(), scene.join()
    scene.camera.next(6)
    first.stop(scene.now)
    first.stop(scene.now)
    assert scene.goodbyes() == 0
    count = len(scene.sender.sent)
    scene.camera.next(1)
    assert len(scene.sender.sent) == count + 1
    second.stop_track(0, scene.now)
    second.stop_track(0, scene.now)
    assert scene.goodbyes() == 1
    scene.camera.next(6)
    assert len(scene.sender.sent) == count + 1
    assert scene.stream.playbacks == ()


def test_a_pause_of_all_is_no_goodbye_and_numbers_rise(scene):
    member = scene.join()
    scene.camera.next(6)
    member.pause(scene.now)
    assert (len(scene.multicast), scene.goodbyes()) == (0, 0)
    scene.camera.next(6)
    scene.join()
    count = len(sequences(scene.sender))
    scene.camera.next(6)
    numbers = sequences(scene.sender)
    assert len(numbers) > count
    assert numbers == sorted(set(numbers))


def test_nothing_flows_before_the_first_begin(scene):
    waits = scene.join(begin=False)
    scene.camera.next(6)
    assert not scene.sender.sent
    scene.join()
    scene.camera.next(5)
    assert scene.sender.sent
    waits.stop(scene.now)
    assert len(scene.multicast) == 1


def test_one_set_of_reports_to_the_group(scene):
    scene.join()
    scene.join()
    scene.camera.next(6)
    scene.camera.clock.advance(NS_PER_S)
    scene.stream.on_timeout(scene.now)
    assert [to for to, _ in scene.sender.rtcp] == [RTCP]
    (report, sdes) = rtcp.parse(scene.sender.rtcp[0][1])
    assert report.ssrc == sdes.ssrc == scene.stream.ssrc(0)
    assert report.packets == len(sequences(scene.sender))


def test_two_ways_out_are_two_sendings(scene):
    other = FakeSender(scene.camera.clock)
    scene.join()
    scene.join(sender=other)
    scene.camera.next(6)
    assert len(scene.multicast) == 2
    assert sequences(scene.sender) == sequences(other)


def test_when_the_stream_ends_it_every_member_is_told_once(scene):
    first = scene.join("first")
    first.on_end = lambda reason: (scene.ended.append(("first", reason)), first.stop(scene.now))
    scene.join("second")
    scene.stream.close(scene.now)
    assert [name for name, _ in scene.ended] == ["first", "second"]


def test_an_unknown_track_leaves_nothing(scene):
    route = Datagrams(scene.sender, RTP, RTCP)
    with pytest.raises(LookupError):
        scene.multicast.join({0: route, 7: route}, now=scene.now, on_end=print)
    assert len(scene.multicast) == 0
    assert scene.stream.playbacks == ()
