"""From a client's frames and datagrams to a camera's loudspeaker, and who may have it."""

import pytest

from bridge.base.media import Codec, Track
from bridge.dialogue.rtp_talk import Dropped, TalkRelay
from bridge.media.talk import TalkLine
from bridge.system.access import Action, Grant, Principal, Role
from tests.fake_camera import frame, rtp
from tests.services.rtsp.server_setting import Door, Feed

BACKCHANNEL = ("Require", "www.onvif.org/ver20/backchannel")
TALK = "/live/door/trackID=100"
PCMU = Track(Codec.PCMU, 8_000)


class Porch(Door):
    """A door whose camera has a loudspeaker; `said` is what it plays."""

    def __init__(self, **more):
        super().__init__(**more)
        self.line = TalkLine()
        self.line.offer(PCMU)
        self.said = []
        relay = TalkRelay(PCMU, payload_type=0, ssrc=5, sequence=0, rtp_time=0)
        self.send = self.play  # bound once, as the line tells connections apart by it
        self.line.open(relay, self.send)
        self.catalogue.camera("door").talk = self.line
        self.feed = Feed(self, self.hubs["door/main"])

    def play(self, packet):
        self.said.append(packet[12:])

    def deeds(self):
        return [row[:4] for row in self.audits]


@pytest.fixture
def porch():
    return Porch()


def interleaved(channel):
    return f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"


def said(number, payload=b"hello", **more):
    return rtp(number, payload, timestamp=160 * number, payload_type=0, **more)


def talker(porch, user="ops", transport="", **more):
    client = porch.connect(user, **more)
    assert client.setup(TALK, transport or interleaved(2)).status == 200
    assert client.ask("PLAY", "/live/door", BACKCHANNEL).status == 200
    return client


def test_a_client_is_seen_and_talks(porch):
    client = porch.connect("ops")
    assert b"a=sendonly" in client.ask("DESCRIBE", "/live/door", BACKCHANNEL).body
    client.setup("/live/door/trackID=0")
    client.setup(TALK, interleaved(2))
    reply = client.ask("PLAY", "/live/door", BACKCHANNEL)
    assert "trackID=100" not in reply.headers.get("RTP-Info")
    porch.feed.push(2)
    client.feed(frame(2, said(1)) + frame(2, said(2, b"door")))
    assert porch.said == [b"hello", b"door"]
    assert {channel for channel, _ in client.frames} <= {0, 1}
    assert client.frames
    assert porch.server.statistics.talks == 1
    client.ask("TEARDOWN", "/live/door")
    assert porch.server.statistics.talks == 0
    assert porch.deeds() == [
        ("ops", "live.play", "door", "ok"),
        ("ops", "talk.start", "door", "ok"),
        ("ops", "talk.stop", "door", "teardown"),
        ("ops", "live.stop", "door", "teardown"),
    ]
    assert {row[4] for row in porch.audits} == {"192.0.2.50:50000"}


def test_a_client_that_only_talks_is_sent_nothing(porch):
    client = talker(porch)
    porch.feed.push(2)
    client.feed(frame(2, said(1)))
    client.feed(frame(3, said(2)) + frame(0, said(3)))
    assert porch.said == [b"hello"]
    client.read()
    assert client.frames == []
    assert client.ask("PAUSE", "/live/door").status == 200
    client.feed(frame(2, said(4)))
    assert client.ask("PLAY", "/live/door", BACKCHANNEL).status == 200
    client.feed(frame(2, said(5, b"again")))
    assert porch.said == [b"hello", b"again"]
    client.cut()
    assert porch.deeds() == [
        ("ops", "talk.start", "door", "ok"),
        ("ops", "talk.stop", "door", "connection lost"),
    ]


def test_who_does_not_say_a_word_leaves_no_row(porch):
    talker(porch).cut()
    assert porch.audits == []


def test_talk_keeps_a_session(porch):
    client = talker(porch)
    for number in range(100):
        client.feed(frame(2, said(number)))
        porch.tick()
    assert len(porch.server.side.sessions) == 1
    porch.tick(61)
    assert porch.server.statistics.talks == 0


def test_by_udp_talk_comes_from_where_the_client_said(porch):
    talker(porch, transport="RTP/AVP;unicast;client_port=5004-5005")
    for host, port in (("192.0.2.50", 5004), ("192.0.2.50", 5005), ("192.0.2.51", 5004)):
        porch.server.heard_rtp(host, port, memoryview(said(1)))
    assert porch.said == [b"hello"]
    porch.tick(50)
    porch.server.heard_rtp("192.0.2.50", 5004, memoryview(said(2)))
    porch.tick(50)
    assert len(porch.server.side.sessions) == 1


def test_by_udp_nothing_is_heard_before_play(porch):
    client = porch.connect("ops")
    client.setup(TALK, "RTP/AVP;unicast;client_port=5004-5005")
    porch.server.heard_rtp("192.0.2.50", 5004, memoryview(said(1)))
    assert porch.said == []


def test_one_talker_at_a_time(porch):
    first = talker(porch)
    second = porch.connect("guard", port=50001)
    assert second.setup(TALK).status == 453
    assert porch.server.statistics.talks_refused == 1
    assert second.setup("/live/door/trackID=0").status == 200
    assert second.ask("PLAY", "/live/door").status == 200
    second.feed(frame(0, said(1)))
    assert porch.said == []
    first.ask("TEARDOWN", "/live/door")
    assert talker(porch, "guard", port=50002)


def test_a_track_torn_down_leaves_the_loudspeaker_to_others(porch):
    client = porch.connect("ops")
    client.setup("/live/door/trackID=0")
    client.setup(TALK, interleaved(2))
    client.ask("PLAY", "/live/door")
    client.ask("TEARDOWN", TALK)
    assert porch.server.statistics.talks == 0
    porch.feed.push(2)
    client.read()
    assert client.frames
    talker(porch, "guard", port=50001)


@pytest.mark.parametrize("user", ["ann", "bob"])
def test_who_may_not_finds_no_loudspeaker(porch, user):
    client = porch.connect(user)
    status = 551 if user == "ann" else 404
    assert client.ask("DESCRIBE", "/live/door", BACKCHANNEL).status == status
    assert client.setup(TALK).status == 404


def test_a_camera_that_is_not_talked_to(porch):
    Feed(porch, porch.hubs["yard/main"])
    reply = porch.connect("ops").ask("DESCRIBE", "/live/yard", BACKCHANNEL)
    assert (reply.status, reply.headers.get("Unsupported")) == (551, BACKCHANNEL[1])


def test_a_right_that_is_taken_away_ends_it(porch):
    client = talker(porch)
    grants = (Grant(("door",), frozenset({Action.LIVE})),)
    porch.principals["ops"] = Principal("ops", Role.OPERATOR, grants)
    porch.server.recheck()
    assert client.gone
    assert porch.server.statistics.talks == 0


def test_a_loudspeaker_of_another_format_ends_it(porch):
    client = talker(porch)
    porch.line.offer(Track(Codec.PCMA, 8_000))
    assert client.gone
    assert porch.server.statistics.talks == 0


def test_while_the_camera_is_away_talk_is_counted_and_dropped(porch):
    client = talker(porch)
    porch.line.close(porch.send)
    porch.line.offer(None)
    client.feed(frame(2, said(1)))
    assert porch.line.statistics.dropped == {Dropped.NOBODY: 1}
    assert not client.gone
