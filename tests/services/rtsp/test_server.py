"""The RTSP door around the conversation: media, rights, limits, audit, time."""

import struct
from dataclasses import replace

import pytest

from bridge.base.media import Codec, Track
from bridge.system.access import Action, Grant, Principal, Role
from bridge.wire.sdp import SessionDescription
from tests.services.rtsp.server_setting import AUDIO, ROOT, VIDEO, Door, Feed

UDP = "RTP/AVP;unicast;client_port=5000-5001"
REPORT = bytes.fromhex("80c90001000000ff")


def frame(channel, payload):
    return b"$" + bytes([channel]) + len(payload).to_bytes(2, "big") + payload


@pytest.fixture
def door():
    return Door()


@pytest.fixture
def feed(door):
    feed = Feed(door, door.hubs["door/main"])
    feed.push(15)
    return feed


def actions(door):
    return [(user, action, subject, outcome) for user, action, subject, outcome, _ in door.audits]


# Media


def test_the_reply_comes_before_the_media_and_tells_the_truth(door, feed):
    client = door.connect("ann")
    reply = client.play()
    feed.push(3)
    client.read()
    first = client.order.index("$0")
    assert client.order[:first].count(200) == 2
    sequence, rtp_time = struct.unpack_from("!HI", client.frames[0][1], 2)
    assert reply.headers.get("RTP-Info") == f"url={ROOT}/live/door/trackID=0;seq={sequence};rtptime={rtp_time}"
    assert client.frames[0][1][12] & 31 in (7, 24)  # parameter sets, then the key frame


def test_two_viewers_get_the_same_stream(door, feed):
    one, two = door.connect("ann"), door.connect("ann", port=50002)
    one.play()
    two.play()
    count = len(one.frames)
    feed.push(5)
    one.read()
    two.read()
    assert one.frames[-5:] == two.frames[-5:]
    assert len(one.frames) > count
    assert door.server.statistics.viewers == 2


def test_teardown_stops_the_media(door, feed):
    client = door.connect("ann")
    client.play()
    assert client.ask("TEARDOWN", "/live/door").status == 200
    count = len(client.frames)
    feed.push(12)
    client.read()
    assert len(client.frames) == count
    assert actions(door) == [("ann", "live.play", "door", "ok"), ("ann", "live.stop", "door", "teardown")]


def test_pause_and_play_again(door, feed):
    client = door.connect("ann")
    client.play()
    assert client.ask("PAUSE", "/live/door").status == 200
    count = len(client.frames)
    feed.push(3)
    client.read()
    assert len(client.frames) == count
    assert client.ask("PLAY", "/live/door").status == 200
    feed.push(3)
    client.read()
    assert len(client.frames) > count


def test_play_again_while_playing_disturbs_nothing(door, feed):
    client = door.connect("ann")
    client.play()
    again = client.ask("PLAY", "/live/door")
    assert again.status == 200
    assert "seq=" in again.headers.get("RTP-Info")
    assert door.server.statistics.plays == 1


def test_udp_goes_to_the_peer_and_needs_no_connection(door, feed):
    client = door.connect("ann")
    reply = client.setup("/live/door/trackID=0", UDP)
    assert "server_port=40000-40001" in reply.headers.get("Transport")
    assert client.ask("PLAY", "/live/door").status == 200
    client.cut()
    feed.push(20)
    assert door.udp.pair.sent
    assert all(to[:2] == ("192.0.2.50", 5000) for _, tos in door.udp.pair.sent for to in tos)
    assert door.server.statistics.sessions == 1


def test_reports_keep_a_udp_session_and_silence_ends_it(door, feed):
    client = door.connect("ann")
    client.play(transport=UDP)
    for _ in range(3):
        door.tick(40)
        door.server.heard("192.0.2.50", 5001)
        door.server.heard("192.0.2.51", 5001)
    assert door.server.statistics.sessions == 1
    door.tick(61)
    assert door.server.statistics.sessions == 0
    assert door.server.statistics.sessions_timed_out == 1
    assert actions(door)[-1] == ("ann", "live.stop", "door", "timeout")
    assert client.ask("GET_PARAMETER", "/live/door").status == 454


def test_reports_keep_an_interleaved_session(door, feed):
    client = door.connect("ann")
    client.play()
    for _ in range(3):
        door.tick(40)
        client.feed(frame(1, REPORT))
    assert door.server.statistics.viewers == 1
    door.tick(61)
    assert door.server.statistics.viewers == 0


def test_no_udp_port_of_that_family(door, feed):
    client = door.connect("ann", host="2001:db8::5")
    assert client.setup("/live/door/trackID=0", UDP).status == 503


def test_a_session_over_udp_goes_on_over_another_connection(door, feed):
    first = door.connect("ann")
    first.play(transport=UDP)
    first.cut()
    second = door.connect("ann", port=50002)
    second.session = first.session
    assert second.ask("PAUSE", "/live/door").status == 200
    assert second.ask("TEARDOWN", "/live/door").status == 200


def test_sender_reports_are_timed(door, feed):
    client = door.connect("ann")
    client.play()
    feed.push(50)
    client.read()
    assert any(channel == 1 and payload[1] == 200 for channel, payload in client.frames)


# What is there, and for whom


def test_the_sdp_of_a_camera(door, feed):
    reply = door.connect("ann").ask("DESCRIBE", "/live/door")
    session = SessionDescription.parse(reply.body)
    assert reply.headers.get("Content-Base") == f"{ROOT}/live/door/"
    assert [media.medium for media in session.medias] == ["video", "audio"]
    assert "sprop-parameter-sets" in session.medias[0].fmtp(96)


def test_streams_by_name(door, feed):
    Feed(door, door.hubs["door/sub"], [VIDEO])
    client = door.connect("ann")
    medias = [
        len(SessionDescription.parse(client.ask("DESCRIBE", path).body).medias)
        for path in ("/live/door", "/live/door/main", "/live/door/sub")
    ]
    assert medias == [2, 2, 1]
    for path in ("/live/door/none", "/live/door/main/x", "/live", "/", "/recordings/door", "*"):
        assert client.ask("DESCRIBE", path).status == 404


def test_audio_needs_its_right(door):
    feed = Feed(door, door.hubs["yard/main"])
    feed.push(2)
    client = door.connect("bob")
    session = SessionDescription.parse(client.ask("DESCRIBE", "/live/yard").body)
    assert [media.medium for media in session.medias] == ["video"]
    assert client.setup("/live/yard/trackID=1").status == 404
    assert client.setup("/live/yard").status == 200  # the only track that he may have


def test_a_camera_without_right_is_not_there_and_in_the_audit(door, feed):
    client = door.connect("bob")
    assert client.ask("DESCRIBE", "/live/door").status == 404
    assert client.ask("DESCRIBE", "/live/nothing").status == 404
    assert actions(door) == [("bob", "live.play", "door", "refused")]


def test_a_user_of_another_door_may_not_log_in(door, feed):
    assert door.connect("web").ask("DESCRIBE", "/live/door").status == 401


def test_wrong_passwords_are_counted_audited_and_slowed_down(door, feed):
    door.secrets["ann"] = "changed"
    clients = [door.connect("ann", port=50000 + n) for n in range(4)]
    door.secrets["ann"] = "apple"
    for client in clients:
        assert client.ask("DESCRIBE", "/live/door").status == 401
    assert actions(door)[0] == ("ann", "login", "rtsp", "refused")
    assert door.server.statistics.login_failures >= 3
    assert door.connect("ann").ask("DESCRIBE", "/live/door").status == 401  # the right one, but too early
    door.advance(60)
    assert door.connect("ann").ask("DESCRIBE", "/live/door").status == 200


def test_nobody_is_asked_where_all_are_one():
    door = Door(anonymous=Principal.with_role("", Role.VIEWER))
    Feed(door, door.hubs["door/main"]).push(2)
    assert door.connect().play().status == 200


def test_describe_waits_for_a_camera_that_comes_up(door):
    client = door.connect("ann")
    client.ask("OPTIONS", "*")
    client.ask("DESCRIBE", "/live/nothing")  # logs in
    count = len(client.replies)
    client.cseq += 1
    url = f"{ROOT}/live/new"
    value = client.digest.header("DESCRIBE", url)
    client.feed(f"DESCRIBE {url} RTSP/1.0\r\nCSeq: {client.cseq}\r\nAuthorization: {value}\r\n\r\n".encode())
    assert len(client.replies) == count
    assert client.transport.producerState == "paused"
    door.advance(2)
    Feed(door, door.hubs["new/main"])
    door.advance(0.1)
    client.read()
    assert client.replies[-1].status == 200
    assert client.transport.producerState == "producing"


def test_describe_of_a_camera_that_does_not_come_up(door):
    client = door.connect("ann")
    client.ask("DESCRIBE", "/live/nothing")
    value = client.digest.header("DESCRIBE", f"{ROOT}/live/new")
    client.feed(f"DESCRIBE {ROOT}/live/new RTSP/1.0\r\nCSeq: 9\r\nAuthorization: {value}\r\n\r\n".encode())
    door.advance(5)
    client.read()
    assert client.replies[-1].status == 503


def test_a_client_that_leaves_while_it_waits(door):
    client = door.connect("ann")
    client.ask("DESCRIBE", "/live/nothing")
    value = client.digest.header("DESCRIBE", f"{ROOT}/live/new")
    client.feed(f"DESCRIBE {ROOT}/live/new RTSP/1.0\r\nCSeq: 9\r\nAuthorization: {value}\r\n\r\n".encode())
    client.cut()
    Feed(door, door.hubs["new/main"])
    door.advance(10)


def test_a_camera_that_is_down_but_known_is_served(door, feed):
    feed.run.end()
    client = door.connect("ann")
    assert client.play().status == 200
    again = Feed(door, door.hubs["door/main"])
    again.push(12)
    client.read()
    assert client.frames


def test_tracks_that_become_others_end_the_viewer(door, feed):
    client = door.connect("ann")
    client.play()
    Feed(door, door.hubs["door/main"], [Track(Codec.H265, 90_000)])
    assert client.gone
    assert "tracks changed" in actions(door)[-1][3]


# Changes


def test_a_camera_that_is_removed_takes_its_viewers_along(door, feed):
    client = door.connect("ann")
    client.play()
    door.replace("yard")
    assert client.gone
    assert door.server.statistics.sessions == 0


def test_a_right_that_is_not_used_may_go(door, feed):
    client = door.connect("ann")
    client.play()
    door.principals["ann"] = Principal("ann", Role.VIEWER, (Grant(("door",), frozenset({Action.LIVE})),))
    door.server.recheck()
    assert not client.gone


def test_cameras_that_stay_keep_their_viewers(door, feed):
    client = door.connect("ann")
    client.play()
    door.replace("door")
    feed.push(2)
    count = len(client.frames)
    client.read()
    assert len(client.frames) > count


@pytest.mark.parametrize("change", ["user", "right", "audio"])
def test_rights_that_are_taken_away(door, feed, change):
    client = door.connect("ann")
    client.setup("/live/door/trackID=1")
    client.play()
    match change:
        case "user":
            del door.principals["ann"]
        case "right":
            door.principals["ann"] = Principal.with_role("ann", Role.VIEWER, ["yard"])
        case "audio":
            door.principals["ann"] = Principal("ann", Role.VIEWER, (Grant(("door",), frozenset({Action.LIVE})),))
    door.server.recheck()
    assert client.gone
    assert actions(door)[-1][:3] == ("ann", "live.stop", "door")


# Limits and bad input


def test_connections_in_all_and_per_address():
    door = Door(connections=3, connections_per_address=2)
    clients = [door.connect(port=n) for n in (1, 2, 3)]
    assert clients[2] is None
    assert door.connect(host="192.0.2.51") is not None
    assert door.connect(host="192.0.2.52") is None
    clients[0].cut()
    assert door.connect(host="192.0.2.52") is not None
    assert door.server.statistics.connections_refused == 2


def test_sessions_in_all(feed):
    door = Door(sessions=1)
    Feed(door, door.hubs["door/main"]).push(1)
    assert door.connect("ann").setup("/live/door/trackID=0").status == 200
    assert door.connect("ann").setup("/live/door/trackID=0").status == 453


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"OPTIONS * RTSP/2.0\r\nCSeq: 4\r\n\r\n", 505),
        (b"OPTIONS * RTSP/1.0\r\nCSeq: 4\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"OPTIONS rtsp://" + b"x" * 10_000, 414),
        (b"OPTIONS * RTSP/1.0\r\n" + b"A: b\r\n" * 3_000, 400),
    ],
)
def test_garbage(door, data, status):
    client = door.connect()
    client.feed(data)
    assert client.gone
    assert [reply.status for reply in client.replies] == [status]
    assert door.server.statistics.protocol_errors == 1
    if b"CSeq" in data:
        assert client.replies[0].headers.get("CSeq") == "4"


def test_a_flood_of_frames_is_cut_off(door):
    client = door.connect()
    for _ in range(20):
        if not client.gone:
            client.feed(frame(0, bytes(60_000)))
    assert client.gone


def test_requests_byte_by_byte(door, feed):
    client = door.connect("ann")
    for byte in (
        b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n\r\n$\0\0\1xRTSP/1.0 200 OK\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n"
    ):
        client.feed(bytes([byte]))
    assert [reply.headers.get("CSeq") for reply in client.replies] == ["1", "2"]


def test_a_request_that_trickles_in(door):
    client = door.connect()
    for byte in b"OPTIONS * RTSP/1":
        client.feed(bytes([byte]))
        door.tick()
    assert client.gone
    assert client.replies[-1].status == 408


def test_who_says_nothing_is_sent_away(door):
    client = door.connect()
    door.tick(9)
    assert not client.gone
    door.tick(2)
    assert client.gone


# The end


def test_close(door, feed):
    client, idle = door.connect("ann"), door.connect()
    client.play()
    closed = []
    door.server.close().addCallback(closed.append)
    assert closed == [None]
    assert client.gone
    assert idle.gone
    assert door.udp.closed
    assert actions(door)[-1] == ("ann", "live.stop", "door", "shutdown")
    assert not door.reactor.getDelayedCalls()


def test_close_does_not_wait_for_those_who_will_not_go(door):
    client = door.connect()
    client.transport.loseConnection = lambda: None
    closed = []
    door.server.close().addCallback(closed.append)
    assert closed == []
    door.advance(1)
    assert closed == [None]
    assert client.gone


def test_audio_is_a_track_of_its_own(door):
    feed = Feed(door, door.hubs["door/main"], [VIDEO, AUDIO])
    feed.push(12)
    client = door.connect("ann")
    assert client.setup("/live/door/trackID=0").status == 200
    assert client.setup("/live/door/trackID=1", "RTP/AVP/TCP;unicast;interleaved=2-3").status == 200
    assert client.ask("PLAY", "/live/door").status == 200
    feed.run.push(1, 0, (bytes(160),), key=True, damaged=False, arrived_ns=door.clock.monotonic_ns())
    feed.push(2)
    client.read()
    assert {channel for channel, _ in client.frames} >= {0, 2}
    assert client.ask("TEARDOWN", "/live/door/trackID=1").status == 200
    count = len(client.frames)
    feed.push(2)
    client.read()
    assert {channel for channel, _ in client.frames[count:]} <= {0, 1, 3}


def test_who_is_known_from_elsewhere_must_be_a_user_of_this_door():
    door = Door()
    known = {"192.0.2.50": "ann", "192.0.2.51": "web", "192.0.2.52": "gone"}
    door.server._accounts = replace(door.server._accounts, vouched=lambda address, now: known.get(address))
    vouched = door.server.side.login.vouched
    assert [vouched(f"192.0.2.{number}", 0) for number in range(50, 54)] == ["ann", None, None, None]
