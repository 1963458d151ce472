import pytest

from bridge.base.media import Codec, Track
from bridge.dialogue.rtp_talk import Dropped, TalkRelay
from bridge.media.talk import TalkLine
from tests.fake_camera import rtp

PCMU = Track(Codec.PCMU, 8_000)
PCMA = Track(Codec.PCMA, 8_000)


def packet(sequence=1, payload_type=0):
    return memoryview(rtp(sequence, bytes(160), timestamp=160 * sequence, payload_type=payload_type))


@pytest.fixture
def line():
    line = TalkLine()
    line.offer(PCMU)
    return line


def listen(line):
    heard = []
    line.open(TalkRelay(PCMU, payload_type=0, ssrc=1, sequence=0, rtp_time=0), heard.append)
    return heard


def test_one_talker_at_a_time(line):
    heard, ended = listen(line), []
    assert line.take("ann", ended.append)
    assert line.take("ann", ended.append)
    assert not line.take("bob", ended.append)
    assert line.push("ann", packet(), 0)
    assert not line.push("bob", packet(2), 0)
    line.leave("bob")
    assert not line.take("bob", ended.append)
    line.leave("ann")
    assert line.take("bob", ended.append)
    assert line.push("bob", packet(), 0)
    assert (len(heard), ended) == (2, [])
    assert (line.statistics.packets, line.statistics.bytes) == (2, 344)


def test_nobody_listens(line):
    line.take("ann", print)
    assert not line.listens
    assert not line.push("ann", packet(), 0)
    heard = []
    before, now = heard.append, lambda packet: heard.append(packet)
    for send in (before, now):
        line.open(TalkRelay(PCMU, payload_type=0, ssrc=1, sequence=0, rtp_time=0), send)
    line.close(before)
    assert line.listens
    assert line.push("ann", packet(), 0)
    line.close(now)
    assert not line.push("ann", packet(2), 0)
    assert (len(heard), line.statistics.dropped) == (1, {Dropped.NOBODY: 2})


def test_what_is_dropped_is_counted(line):
    listen(line)
    line.take("ann", print)
    assert not line.push("ann", packet(payload_type=8), 0)
    assert line.statistics.dropped == {Dropped.PAYLOAD_TYPE: 1}


def test_a_camera_that_comes_back_keeps_the_talker_unless_its_format_is_another(line):
    ended = []
    line.take("ann", ended.append)
    for track in (None, PCMU):
        line.offer(track)
        assert line.track == track
        assert ended == []
    line.offer(PCMA)
    assert ended == ["the camera's loudspeaker takes another format now"]
    assert line.take("bob", ended.append)
