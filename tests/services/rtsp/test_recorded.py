"""The RTSP door and recordings: what is served to whom, PLAY, seeks, pauses, the live edge, limits, leaks."""

import pytest

from bridge.base.time import NS_PER_S, parse_utc
from bridge.dialogue.rtsp_states import State
from bridge.store.backend import DatabaseUnusableError
from bridge.system.access import Principal, Role
from bridge.wire.rtsp.headers import Range, RangeUnit, RtpInfo
from bridge.wire.sdp import SessionDescription
from tests.services.rtsp.recorded_setting import FRAME, START, Recorded, held, units

PATH = "/recordings/rec-door.main"
UDP = "RTP/AVP;unicast;client_port=5000-5001"
FAST = ("Rate-Control", "no")
NOW = ("Immediate", "yes")


def at(frame, until=None):
    end_ns = None if until is None else START + until * FRAME
    return ("Range", Range(RangeUnit.CLOCK, START + frame * FRAME, end_ns).format())


def frames(client):
    return [unit.frame for unit in units(client) if unit.channel == 0]


# DESCRIBE


def test_a_recording_is_described_with_its_range_and_its_tracks():
    recorded = Recorded()
    reply = recorded.door.connect("ann").ask("DESCRIBE", PATH)
    assert reply.status == 200
    session = SessionDescription.parse(reply.body)
    assert session.attribute("range") == "clock=20270115T080000Z-20270115T080008Z"
    assert parse_utc("2027-01-15T08:00:00Z") == START
    assert [media.attribute("x-onvif-track") for media in session.medias] == ["VIDEO001", "AUDIO001"]
    assert [media.control for media in session.medias] == ["trackID=0", "trackID=1"]


def test_one_that_grows_has_an_open_range():
    recorded = Recorded(held(growing=True))
    session = SessionDescription.parse(recorded.door.connect("ann").ask("DESCRIBE", PATH).body)
    assert session.attribute("range") == "clock=20270115T080000Z-"


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("rec-door.main", 200),
        ("rec-door.sub", 200),
        ("door", 200),
        ("rec-door.third", 404),
        ("rec-gone.main", 404),
        ("nothing", 404),
        ("rec-door.main.00000003", 200),
        ("rec-", 404),
        ("..", 404),
        ("rec-door.main/more", 404),
    ],
)
def test_addresses(name, status):
    recorded = Recorded(held(stream="sub", number=2), held(), held(ended=START, number=3 << 96))
    assert recorded.door.connect("ann").ask("DESCRIBE", f"/recordings/{name}").status == status


def test_a_camera_stands_for_its_first_recorded_stream():
    recorded = Recorded(held(stream="sub", number=2, from_ns=START + NS_PER_S), held())
    session = SessionDescription.parse(recorded.door.connect("ann").ask("DESCRIBE", "/recordings/door").body)
    assert session.attribute("range").startswith("clock=20270115T080000Z")
    assert session.name == "Door"


def test_what_a_principal_may_not_see_is_not_there_and_the_refusal_is_noted():
    recorded = Recorded()
    for user in ("liv", "bob"):
        assert recorded.door.connect(user).ask("DESCRIBE", PATH).status == 404
    assert [row[:4] for row in recorded.door.audits] == [
        (user, "playback.play", "door", "refused") for user in ("liv", "bob")
    ]
    assert recorded.library.looks == 0


def test_who_may_not_hear_gets_the_pictures_alone():
    recorded = Recorded()
    session = SessionDescription.parse(recorded.door.connect("eve").ask("DESCRIBE", PATH).body)
    assert [media.medium for media in session.medias] == ["video"]
    assert recorded.door.connect("eve").setup(f"{PATH}/trackID=1").status == 404


def test_without_recordings_and_without_an_index():
    recorded = Recorded()
    recorded.library.broken = DatabaseUnusableError("the disk is gone")
    assert recorded.door.connect("ann").ask("DESCRIBE", PATH).status == 503
    recorded.door.server.recorded = None
    assert recorded.door.connect("ann").ask("DESCRIBE", PATH).status == 404


def test_a_recording_without_footage_cannot_be_described_yet():
    recorded = Recorded(held(from_ns=None, until_ns=None, tracks=()))
    assert recorded.door.connect("ann").ask("DESCRIBE", PATH).status == 503


def test_the_library_is_asked_once_for_what_a_client_sets_up_and_not_by_the_reactor():
    recorded = Recorded(at_once=False)
    client = recorded.door.connect("ann")
    client.ask("OPTIONS", "*")
    with pytest.raises(AssertionError):
        client.ask("DESCRIBE", PATH)
    recorded.work()
    client.read()
    assert client.replies[-1].status == 200
    client.setup(f"{PATH}/trackID=0")
    assert recorded.library.looks == 1
    recorded.advance(11, step=1)
    recorded.at_once = True
    recorded.door.connect("ann").ask("DESCRIBE", PATH)
    assert recorded.library.looks == 2


def test_a_client_that_goes_while_it_is_looked_for():
    recorded = Recorded(at_once=False)
    client = recorded.door.connect("ann")
    client.protocol.dataReceived(b"")
    with pytest.raises(AssertionError):
        client.ask("DESCRIBE", PATH)
    client.cut()
    recorded.work()


# PLAY


def test_play_without_anything_begins_at_the_start_in_time():
    recorded = Recorded()
    client = recorded.viewer(tracks=(0, 1))
    reply = client.ask("PLAY", PATH)
    assert reply.status == 200
    assert reply.headers.get("Range") == "clock=20270115T080000Z-"
    assert reply.headers.get("Scale") is None
    recorded.advance(1)
    seen = units(client)
    assert [unit.frame for unit in seen if unit.channel == 0] == list(range(26))
    info = RtpInfo.parse(reply.headers.get("RTP-Info"))
    for channel, entry in zip((0, 2), info.entries, strict=True):
        first = next(unit for unit in seen if unit.channel == channel)
        assert (entry.seq, entry.rtptime) == (first.sequence, first.rtp_time)
    assert client.order[-len(client.frames) - 1] == 200
    assert [row[:4] for row in recorded.door.audits] == [("ann", "playback.play", "door", "ok")]
    client.ask("TEARDOWN", PATH)
    assert [row[:4] for row in recorded.door.audits][1:] == [("ann", "playback.stop", "door", "teardown")]
    assert recorded.replays[0].closed


def test_play_says_what_it_plays():
    recorded = Recorded()
    client = recorded.viewer()
    reply = client.ask("PLAY", PATH, at(15, 25), ("Scale", "100"), ("Require", "onvif-replay"), ("Rate-Control", "yes"))
    assert reply.status == 200
    assert reply.headers.get("Range") == "clock=20270115T080000.4Z-20270115T080001Z"
    assert (reply.headers.get("Scale"), reply.headers.get("Rate-Control")) == ("64.0", "yes")
    recorded.advance(1)
    assert frames(client) == list(range(10, 25))
    assert {unit.header.cseq for unit in units(client)} == {client.cseq}


def test_as_fast_as_the_client_reads():
    recorded = Recorded()
    client = recorded.viewer()
    assert client.ask("PLAY", PATH, FAST, NOW).headers.get("Rate-Control") == "no"
    recorded.advance(0.02, step=0.001)
    assert frames(client) == list(range(200))
    assert recorded.door.server.side.sessions.get(client.session).state is State.PLAYING


def test_backwards():
    recorded = Recorded()
    client = recorded.viewer()
    assert client.ask("PLAY", PATH, at(25), FAST, ("Scale", "-1.0")).status == 200
    recorded.advance(0.02)
    assert frames(client)[:12] == [*range(20, 30), 10, 11]
    assert [unit.frame for unit in units(client) if unit.header.discontinuity] == [20, 10, 0]


@pytest.mark.parametrize("header", [at(1000), ("Range", "clock=yesterday-"), ("Range", "npt=5-")])
def test_nothing_there(header):
    recorded = Recorded()
    client = recorded.viewer()
    assert client.ask("PLAY", PATH, header).status == 457
    assert all(replay.closed for replay in recorded.replays)
    assert client.ask("PLAY", PATH).status == 200


def test_a_recording_that_went_meanwhile():
    recorded = Recorded()
    client = recorded.viewer()
    looks = recorded.library.looks
    recorded.library.all.clear()
    assert client.ask("PLAY", PATH, ("Range", "npt=now-")).status == 457
    recorded.library.broken = DatabaseUnusableError("gone")
    assert client.ask("PLAY", PATH, ("Range", "npt=now-")).status == 503
    assert client.ask("PLAY", PATH, at(5)).status == 200
    assert recorded.library.looks == looks + 2


def test_by_udp():
    recorded = Recorded()
    client = recorded.viewer(transport=UDP)
    client.ask("PLAY", PATH, FAST)
    recorded.advance(1)
    sent = recorded.door.udp.pair.sent
    assert sum(len(runs) > 0 for runs, _ in sent) == 200
    assert {to for _, addresses in sent for to in addresses} == {("192.0.2.50", 5000)}


def test_it_begins_with_the_latest():
    recorded = Recorded(held(until_ns=START + 100 * FRAME))
    client = recorded.viewer()
    assert client.ask("PLAY", PATH, ("Range", "npt=now-"), FAST).status == 200
    recorded.advance(0.1)
    assert frames(client)[0] == 100


# Seeks


def test_immediate_takes_the_place_of_what_plays():
    recorded = Recorded()
    client = recorded.viewer()
    client.ask("PLAY", PATH)
    first_cseq = client.cseq
    recorded.advance(0.2)
    assert client.ask("PLAY", PATH, at(100), NOW).status == 200
    recorded.advance(0.1)
    seen = units(client)
    assert [unit.frame for unit in seen] == [0, 1, 2, 3, 4, 5, 100, 101, 102]
    assert [unit.header.cseq for unit in seen] == [first_cseq] * 6 + [client.cseq] * 3
    assert seen[6].header.discontinuity
    assert seen[6].sequence == seen[5].sequence + 1
    assert recorded.replays[0].closed
    assert len(recorded.door.audits) == 1


def test_without_immediate_the_current_range_is_played_out_first():
    recorded = Recorded()
    client = recorded.viewer()
    client.ask("PLAY", PATH, at(0, 10))
    recorded.advance(0.1)
    reply = client.ask("PLAY", PATH, at(100, 103))
    assert (reply.status, reply.headers.get("Range")) == (200, at(100, 103)[1])
    assert client.ask("PLAY", PATH, at(5000)).status == 200
    assert client.ask("PLAY", PATH, at(50, 52)).status == 200
    recorded.advance(2)
    assert frames(client) == [*range(10), *range(100, 103), 50, 51]
    recorded.advance(1)
    assert client.ask("PLAY", PATH, at(20, 21)).status == 200
    recorded.advance(1)
    assert frames(client)[-1] == 20


def test_so_many_wait_and_no_more():
    recorded = Recorded()
    client = recorded.viewer()
    client.ask("PLAY", PATH)
    assert [client.ask("PLAY", PATH, at(50)).status for _ in range(9)] == [200] * 8 + [453]
    assert client.ask("PAUSE", PATH).status == 200
    assert client.ask("PLAY", PATH, at(50)).status == 200


def test_a_play_that_asks_for_nothing_new_changes_nothing():
    recorded = Recorded()
    client = recorded.viewer()
    client.ask("PLAY", PATH)
    recorded.advance(0.2)
    assert client.ask("PLAY", PATH).status == 200
    recorded.advance(0.2)
    assert frames(client) == list(range(11))
    assert len(recorded.replays) == 1


def test_another_speed_from_where_it_is():
    recorded = Recorded()
    client = recorded.viewer()
    client.ask("PLAY", PATH)
    recorded.advance(0.6)
    assert client.ask("PLAY", PATH, ("Scale", "2")).headers.get("Scale") == "2.0"
    recorded.advance(0.2)
    assert frames(client)[:26] == [*range(16), *range(10, 20)]


def test_fifty_seeks_a_second_cost_one_read_each_and_never_two_at_a_time():
    recorded = Recorded(at_once=False)
    client = recorded.door.connect("ann")
    with pytest.raises(AssertionError):
        client.setup(f"{PATH}/trackID=0")
    recorded.work()
    client.read()
    client.session = client.replies[-1].headers.get("Session").partition(";")[0]
    for seek in range(100):
        with pytest.raises(AssertionError):
            client.ask("PLAY", PATH, at(seek), NOW, FAST)
        recorded.work(3)
        recorded.advance(0.02, step=0.02)
    recorded.work()
    recorded.advance(0.1)
    assert recorded.most_jobs == 1
    assert len(recorded.replays) <= 100
    assert [replay.closed for replay in recorded.replays].count(False) == 1
    client.cut()
    recorded.work()
    assert all(replay.closed for replay in recorded.replays)


# PAUSE


def test_pause_and_on_from_the_next_picture():
    recorded = Recorded()
    client = recorded.viewer()
    client.ask("PLAY", PATH)
    recorded.advance(0.2)
    assert client.ask("PAUSE", PATH).status == 200
    recorded.advance(5)
    assert frames(client) == list(range(6))
    reply = client.ask("PLAY", PATH)
    assert reply.headers.get("Range") == at(6)[1]
    recorded.advance(0.1)
    assert frames(client) == list(range(9))
    assert [unit.header.cseq for unit in units(client)][6:] == [client.cseq] * 3
    assert len(recorded.replays) == 1
    assert [row[1] for row in recorded.door.audits] == ["playback.play"] * 2


def test_pause_at_an_instant():
    recorded = Recorded()
    client = recorded.viewer()
    client.ask("PLAY", PATH)
    assert client.ask("PAUSE", PATH, at(5)).status == 200
    session = recorded.door.server.side.sessions.get(client.session)
    assert session.state is State.PLAYING
    recorded.advance(1)
    assert frames(client) == list(range(5))
    assert session.state is State.PAUSED
    client.ask("PLAY", PATH, ("Scale", "-1"))
    recorded.advance(0.1)
    assert frames(client)[5:] == list(range(10))


def test_pause_at_an_instant_that_is_past_is_at_once():
    recorded = Recorded()
    client = recorded.viewer()
    client.ask("PLAY", PATH, at(50))
    recorded.advance(0.1)
    client.ask("PAUSE", PATH, at(5))
    assert recorded.door.server.side.sessions.get(client.session).state is State.PAUSED


# The end


def test_it_follows_the_live_edge():
    recorded = Recorded()
    recorded.footage.frames, recorded.footage.grows = 5, True
    client = recorded.viewer()
    client.ask("PLAY", PATH)
    recorded.advance(2)
    assert frames(client) == list(range(5))
    given = recorded.replays[0].given
    recorded.footage.frames = 10
    recorded.advance(2)
    assert frames(client) == list(range(10))
    assert recorded.replays[0].given == given + 5
    client.ask("PAUSE", PATH)
    recorded.footage.frames = 15
    recorded.advance(2)
    client.ask("PLAY", PATH)
    recorded.advance(2)
    assert frames(client) == list(range(15))


def test_at_the_live_edge_a_play_that_waits_takes_its_turn():
    recorded = Recorded()
    recorded.footage.frames, recorded.footage.grows = 25, True
    client = recorded.viewer()
    client.ask("PLAY", PATH, at(20))
    client.ask("PLAY", PATH, at(0, 3))
    recorded.advance(2)
    assert frames(client) == [*range(20, 25), 0, 1, 2]


def test_after_the_end_of_a_range_play_goes_on_from_there():
    recorded = Recorded()
    client = recorded.viewer()
    client.ask("PLAY", PATH, at(0, 15))
    recorded.advance(2)
    assert client.ask("PLAY", PATH).status == 200
    recorded.advance(0.4)
    assert frames(client)[15:25] == list(range(10, 20))


def test_a_connection_that_goes_leaves_nothing_behind():
    recorded = Recorded(at_once=False)
    client = recorded.door.connect("ann")
    with pytest.raises(AssertionError):
        client.setup(f"{PATH}/trackID=0")
    recorded.work()
    client.read()
    client.session = client.replies[-1].headers.get("Session").partition(";")[0]
    with pytest.raises(AssertionError):
        client.ask("PLAY", PATH)
    client.cut()
    recorded.work()
    assert all(replay.closed for replay in recorded.replays)
    assert not recorded.door.reactor.getDelayedCalls()


def test_a_session_that_says_nothing_ends():
    recorded = Recorded()
    client = recorded.viewer(transport=UDP)
    client.ask("PLAY", PATH)
    client.cut()
    recorded.door.tick(61)
    assert recorded.replays[0].closed
    assert recorded.door.audits[-1][:4] == ("ann", "playback.stop", "door", "timeout")
    assert not recorded.door.reactor.getDelayedCalls()


def test_a_disk_that_fails_ends_the_session():
    recorded = Recorded()
    recorded.footage.key_bytes = 1_000_000
    client = recorded.viewer()
    client.ask("PLAY", PATH, FAST)
    recorded.footage.broken = OSError("the disk is gone")
    recorded.advance(1)
    assert client.gone
    assert recorded.door.audits[-1][3] == "the recording cannot be read"


def test_rights_that_are_taken_away_end_the_session():
    recorded = Recorded()
    seeing, hearing = recorded.viewer(), recorded.viewer(tracks=(0, 1))
    for client in (seeing, hearing):
        client.ask("PLAY", PATH)
    recorded.door.principals["ann"] = recorded.door.principals["eve"]
    recorded.door.server.recheck()
    assert (seeing.gone, hearing.gone) == (False, True)
    recorded.door.principals["ann"] = Principal("ann", Role.VIEWER, ())
    recorded.door.server.recheck()
    assert seeing.gone


def test_there_is_room_for_so_many():
    recorded = Recorded(replays=1)
    recorded.viewer()
    assert recorded.door.connect("ann").setup(f"{PATH}/trackID=0").status == 453


def test_a_client_that_does_not_read_holds_what_waits_and_no_more():
    recorded = Recorded()
    recorded.footage.frames = 100_000
    client = recorded.viewer()
    client.ask("PLAY", PATH, FAST)
    client.protocol.writer.pauseProducing()
    recorded.advance(0.2)
    before = recorded.replays[0].given
    recorded.advance(2)
    assert recorded.replays[0].given == before
    client.protocol.writer.resumeProducing()
    recorded.advance(0.2)
    assert recorded.replays[0].given > before


def test_a_track_that_is_set_up_while_paused_is_played_from_then_on():
    recorded = Recorded()
    client = recorded.viewer()
    client.ask("PLAY", PATH)
    recorded.advance(0.2)
    assert client.ask("PAUSE", PATH).status == 200
    assert client.setup(f"{PATH}/trackID=1", "RTP/AVP/TCP;unicast;interleaved=2-3").status == 200
    assert client.ask("PLAY", PATH).status == 200
    recorded.advance(0.5)
    assert {unit.channel for unit in units(client)} == {0, 2}
    assert client.ask("PAUSE", PATH).status == 200
    assert client.setup(f"{PATH}/trackID=0", "RTP/AVP/TCP;unicast;interleaved=6-7").status == 200
    client.frames.clear()
    assert client.ask("PLAY", PATH).status == 200
    recorded.advance(0.5)
    assert {unit.channel for unit in units(client)} == {6, 2}


def test_backwards_the_reply_says_where_it_begins():
    recorded = Recorded()
    client = recorded.viewer()
    reply = client.ask("PLAY", PATH, at(25, 3), ("Scale", "-1"))
    assert reply.headers.get("Range") == at(29, 3)[1]


def test_one_track_of_two_is_torn_down():
    recorded = Recorded()
    client = recorded.viewer(tracks=(0, 1))
    client.ask("PLAY", PATH)
    assert client.ask("TEARDOWN", f"{PATH}/trackID=1").status == 200
    client.frames.clear()
    recorded.advance(0.5)
    assert {unit.channel for unit in units(client)} == {0}
