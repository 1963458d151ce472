"""The server's conversation, clause by clause: requests in, replies and events out."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.base.time import NS_PER_S
from bridge.dialogue.rtsp_presentation import MulticastRoute, OfferedTrack
from bridge.dialogue.rtsp_server import PENDING_REQUESTS, PUBLIC
from bridge.dialogue.rtsp_server_events import (
    LoggedIn,
    LoginFailed,
    NotFound,
    Paused,
    PlayRequested,
    PlayStarted,
    PortsWanted,
    SessionEnded,
    TrackEnded,
    TracksWanted,
)
from bridge.dialogue.rtsp_session import InterleavedRoute, UdpRoute
from bridge.dialogue.rtsp_states import State
from bridge.wire.rtsp.headers import Transport
from bridge.wire.sdp import Direction, SessionDescription
from tests.dialogue.rtsp_server_setting import PEER, ROOT, VIDEO, Setting
from tests.fake_camera import frame

DOOR = f"{ROOT}/live/door"
TRACK0 = f"{DOOR}/trackID=0"
TRACK1 = f"{DOOR}/trackID=1"
UDP = "RTP/AVP;unicast;client_port=5000-5001"
UDP_ANSWER = f"{UDP};server_port=40000-40001;ssrc=00000011"
TCP = "RTP/AVP/TCP;unicast;interleaved=0-1"
RECEIVER_REPORT = memoryview(bytes.fromhex("80c90001000000ff"))


def playing(setting=None, transport=TCP, user="ann"):
    talk = (setting or Setting()).connect(user)
    assert talk.setup(TRACK0, transport).status == 200
    assert talk.ask("PLAY", DOOR).status == 200
    return talk


def of_kind(talk, kind):
    return [event for event in talk.events if isinstance(event, kind)]


# Forms


def test_options_needs_no_credentials_and_lists_what_we_do():
    reply = Setting().connect().ask("OPTIONS", "*")
    assert (reply.status, reply.headers.get("Public")) == (200, ", ".join(PUBLIC))


@pytest.mark.parametrize("cseq", [[], [("CSeq", "x")], [("CSeq", "")], [("CSeq", "-1")], [("CSeq", "²")]])
def test_a_request_without_a_number_gets_400(cseq):
    talk = Setting().connect()
    talk.feed("\r\n".join(["OPTIONS * RTSP/1.0", *(f"{n}: {v}" for n, v in cseq), "", ""]).encode())
    assert talk.replies[0].status == 400


def test_an_unknown_method_gets_501_before_anybody_logs_in():
    assert Setting().connect().ask("FROBNICATE", DOOR).status == 501


@pytest.mark.parametrize("method", ["ANNOUNCE", "RECORD", "REDIRECT"])
def test_methods_that_are_not_for_us(method):
    reply = Setting().connect("ann").ask(method, DOOR)
    assert (reply.status, reply.headers.get("Allow")) == (405, ", ".join(PUBLIC))
    assert Setting().connect("ann").ask(method, f"{ROOT}/live/nothing").status == 404


@pytest.mark.parametrize("status", [400, 413, 414, 505])
def test_what_cannot_be_read_is_answered_and_ends_the_connection(status):
    talk = Setting().connect()
    talk.perform(talk.dialogue.receive(RemoteProtocolError("bad", status=status), 1))
    assert talk.replies[0].status == status
    assert talk.closed() == "bad"
    assert talk.dialogue.receive(RemoteProtocolError("more", status=status), 1) == []


# Log-in


def test_without_credentials_there_is_a_challenge():
    reply = Setting().connect().ask("DESCRIBE", DOOR)
    assert reply.status == 401
    assert reply.headers.get("WWW-Authenticate").startswith("Digest ")


def test_wrong_credentials_are_told_to_the_shell():
    talk = Setting().connect("mallory")
    assert talk.ask("DESCRIBE", DOOR).status == 401
    assert of_kind(talk, LoginFailed) == [LoginFailed("mallory")]


def test_right_credentials_are_told_once():
    talk = Setting().connect("ann")
    for _ in range(3):
        assert talk.ask("DESCRIBE", DOOR).status == 200
    assert of_kind(talk, LoggedIn) == [LoggedIn("ann")]


def test_a_locked_out_address_is_answered_as_for_a_wrong_password():
    setting = Setting()
    setting.locked.add((PEER, "ann"))
    talk = setting.connect("ann")
    assert talk.ask("DESCRIBE", DOOR).status == 401
    assert of_kind(talk, LoginFailed)


def test_an_old_nonce_is_stale_and_no_failure():
    setting = Setting()
    talk = setting.connect("ann")
    talk.ask("DESCRIBE", DOOR)
    setting.now += 3600 * NS_PER_S
    talk.send("DESCRIBE", DOOR)
    assert talk.replies[-1].status == 401
    assert "stale=true" in talk.replies[-1].headers.get("WWW-Authenticate")
    assert not of_kind(talk, LoginFailed)
    assert talk.ask("DESCRIBE", DOOR).status == 200


@pytest.mark.parametrize("hashed", [DOOR, TRACK0, "*", "/live/door", "", f"{DOOR}/", "rtsp://10.0.0.1/live/door?x=1"])
def test_the_uri_in_a_digest_is_read_loosely(hashed):
    assert described_with(hashed).status == 200


@pytest.mark.parametrize("hashed", [f"{ROOT}/live/gate", "/live/doo"])
def test_the_digest_of_another_presentation_is_not_good_here(hashed):
    assert described_with(hashed).status == 401


def described_with(hashed):
    talk = Setting().connect("ann")
    challenge = talk.ask("DESCRIBE", DOOR, login=False).headers.all("WWW-Authenticate")
    value = talk.digest.authorize(challenge, "DESCRIBE", hashed, "cnonce12")
    return talk.ask("DESCRIBE", DOOR, [("Authorization", value)], login=False)


def test_the_method_is_hashed():
    talk = Setting().connect("ann")
    challenge = talk.ask("DESCRIBE", DOOR, login=False).headers.all("WWW-Authenticate")
    value = talk.digest.authorize(challenge, "SETUP", DOOR, "cnonce12")
    assert talk.ask("DESCRIBE", DOOR, [("Authorization", value)], login=False).status == 401


@pytest.mark.parametrize("value", ["Digest", "Digest x", "Bearer abc", "(", 'Digest username="ann"'])
def test_malformed_credentials_get_400(value):
    reply = Setting().connect().ask("DESCRIBE", DOOR, [("Authorization", value)])
    assert reply.status == 400


def test_basic_is_never_taken():
    reply = Setting().connect().ask("DESCRIBE", DOOR, [("Authorization", "Basic YW5uOmFwcGxl")])
    assert reply.status == 401


def test_a_connection_with_a_session_may_forget_its_credentials():
    talk = playing()
    assert talk.ask("GET_PARAMETER", DOOR, login=False).status == 200
    assert talk.ask("PAUSE", DOOR, login=False).status == 200
    assert talk.ask("DESCRIBE", DOOR, login=False).status == 401


def test_a_door_without_users_lets_everybody_in():
    assert Setting(login=False).connect().ask("DESCRIBE", DOOR).status == 200


# Require


@pytest.mark.parametrize("header", ["Require", "Proxy-Require"])
@pytest.mark.parametrize("method", ["DESCRIBE", "SETUP", "OPTIONS"])
def test_unknown_features_get_551(header, method):
    tag = "com.example.holograms"
    reply = Setting().connect("ann").ask(method, DOOR, [(header, f"onvif-replay, {tag}")])
    assert (reply.status, reply.headers.get("Unsupported")) == (551, tag)


def test_replay_is_known_and_ignored_on_live():
    assert Setting().connect("ann").ask("DESCRIBE", DOOR, [("Require", "onvif-replay")]).status == 200


# DESCRIBE


def test_describe():
    reply = Setting().connect("ann").ask("DESCRIBE", DOOR)
    assert reply.headers.get("Content-Base") == f"{DOOR}/"
    assert reply.headers.get("Content-Type") == "application/sdp"
    session = SessionDescription.parse(reply.body)
    assert session.origin.endswith(" IN IP4 192.0.2.1")
    assert session.connection == "IN IP4 0.0.0.0"
    assert (session.control, session.attribute("range")) == ("*", "npt=now-")
    assert [media.control for media in session.medias] == ["trackID=0", "trackID=1"]
    assert {media.direction for media in session.medias} == {"recvonly"}


@pytest.mark.parametrize(
    ("accept", "status"),
    [("application/sdp", 200), ("text/plain, application/SDP;q=1", 200), ("*/*", 200), ("application/rtsl", 406)],
)
def test_accept(accept, status):
    assert Setting().connect("ann").ask("DESCRIBE", DOOR, [("Accept", accept)]).status == status


def test_what_one_may_not_see_is_not_there():
    setting = Setting()
    assert setting.connect("ann").ask("DESCRIBE", f"{ROOT}/live/secret").status == 200
    talk = setting.connect("bob")
    hidden, missing = talk.ask("DESCRIBE", f"{ROOT}/live/secret"), talk.ask("DESCRIBE", f"{ROOT}/live/nothing")
    assert (hidden.status, hidden.reason) == (missing.status, missing.reason) == (404, "Not Found")
    assert of_kind(talk, NotFound) == [NotFound("bob", "/live/secret"), NotFound("bob", "/live/nothing")]


def test_describe_waits_for_tracks():
    setting = Setting()
    talk = setting.connect("ann")
    talk.automatic = False
    talk.ask("OPTIONS", "*")
    with pytest.raises(AssertionError):
        talk.ask("DESCRIBE", f"{ROOT}/live/new")  # challenged, then no reply to the second
    assert isinstance(talk.waiting[0], TracksWanted)
    assert talk.dialogue.waiting
    setting.presentations["/live/new"].offered = setting.presentations["/live/door"].offered
    talk.perform(talk.dialogue.resume(setting.now))
    assert talk.replies[-1].status == 200


def test_describe_of_a_camera_that_was_never_there_ends_in_503():
    reply = Setting().connect("ann").ask("DESCRIBE", f"{ROOT}/live/new")
    assert reply.status == 503
    assert reply.headers.get("Retry-After")


# URLs


@pytest.mark.parametrize(
    "url",
    [
        TRACK0,
        f"{TRACK0}/",
        f"{DOOR}//trackID=0",
        f"{DOOR}trackID=0",
        "rtsp://192.0.2.1/live/door/trackID=0",
        "RTSP://Gate:554/live/door/trackID=0",
        "rtsp://ann:apple@gate.example:8554/live/door/trackID=0",
        f"{DOOR}?token=1/trackID=0",
        "/live/door/trackID=0",
        f"{ROOT}/live/d%6for/trackID=0",
        f"{ROOT}/live/door/main/trackID=0",
    ],
)
def test_every_spelling_of_a_track_is_taken(url):
    talk = Setting().connect("ann")
    talk.ask("DESCRIBE", DOOR)
    assert talk.setup(url).status == 200
    reply = talk.ask("PLAY", f"{DOOR}/")
    assert reply.status == 200
    assert "@" not in reply.headers.get("RTP-Info")


def test_a_relative_control_in_the_request_line_is_resolved():
    talk = Setting().connect("ann")
    talk.ask("DESCRIBE", DOOR)
    assert talk.setup("trackID=1").status == 200


def test_the_address_that_was_called_comes_back():
    talk = Setting().connect("ann")
    reply = talk.ask("DESCRIBE", "rtsp://u:p@[2001:db8::1]:8554/live/door/?x=y")
    assert reply.headers.get("Content-Base") == "rtsp://[2001:db8::1]:8554/live/door/"
    assert talk.ask("DESCRIBE", "rtsp://a,b/live/door").headers.get("Content-Base") == "rtsp://192.0.2.1:554/live/door/"


def test_rtp_info_names_tracks_as_the_client_did():
    talk = Setting().connect("ann")
    talk.setup("rtsp://10.9.8.7/live/door/main/trackID=0")
    info = talk.ask("PLAY", "rtsp://10.9.8.7/live/door/main").headers.get("RTP-Info")
    assert info == "url=rtsp://10.9.8.7/live/door/main/trackID=0;seq=7;rtptime=900"


# SETUP


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        (TCP, "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00000011"),
        ("RTP/AVP/TCP;unicast;interleaved=6-7", "RTP/AVP/TCP;unicast;interleaved=6-7;ssrc=00000011"),
        ("RTP/AVP/TCP;unicast", "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00000011"),
        ("RTP/AVP/TCP", "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00000011"),
        (UDP, UDP_ANSWER),
        ("RTP/AVP/UDP;unicast;client_port=5000", UDP_ANSWER),
        (f"RTP/AVP;multicast, {TCP}", "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00000011"),
        (f"RTP/SAVP;unicast;client_port=1-2,RAW/RAW/UDP,{UDP}", UDP_ANSWER),
        (f"{UDP};destination={PEER}", UDP_ANSWER),
        (f"{UDP};destination=198.51.100.1,{TCP}", "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00000011"),
        (f'{UDP};mode="PLAY"', UDP_ANSWER),
    ],
)
def test_the_first_transport_that_we_can(offered, answered):
    reply = Setting().connect("ann").setup(TRACK0, offered)
    assert (reply.status, reply.headers.get("Transport")) == (200, answered)
    assert reply.headers.get("Session").endswith(";timeout=60")
    assert len(reply.headers.get("Session").partition(";")[0]) >= 8


@pytest.mark.parametrize(
    ("offered", "status"),
    [
        ("RTP/AVP;multicast", 461),
        ("RTP/AVP;multicast;client_port=1-2", 461),
        ("RTP/SAVP;unicast;client_port=5000-5001", 461),
        ("TCP/RTP/AVP", 461),
        ("RTP/AVP;unicast", 461),
        ("RTP/AVP;unicast;client_port=0-1", 461),
        ("RTP/AVP;unicast;client_port=5000-5001;mode=record", 461),
        (f"{UDP};destination=198.51.100.1", 462),
        (f"{UDP};destination=gate.example", 462),
        ("RTP/AVP;unicast;client_port=70000-70001", 400),
        ("", 400),
        ("nonsense", 400),
    ],
)
def test_no_transport(offered, status):
    talk = Setting().connect("ann")
    assert talk.setup(TRACK0, offered).status == status
    assert len(talk.setting.sessions) == 0


def test_packets_go_to_where_the_connection_comes_from():
    setting = Setting()
    talk = setting.connect("ann", peer="::ffff:192.0.2.9")
    assert talk.setup(TRACK0, f"{UDP};destination=192.0.2.9").status == 200
    assert of_kind(talk, PortsWanted)[0].route == UdpRoute("::ffff:192.0.2.9", (5000, 5001))


@pytest.mark.parametrize(("peer", "status"), [("192.0.2.50", 200), ("2001:db8::1", 461)])
def test_a_group_is_for_clients_of_its_family(peer, status):
    setting = Setting()
    route = MulticastRoute("239.192.0.1", (16384, 16385), 2)
    setting.presentations["/live/gate"].offered = [OfferedTrack(0, VIDEO, 0x22, route)]
    talk = setting.connect("ann", peer=peer)
    reply = talk.setup("/live/gate/trackID=0", "RTP/AVP;multicast")
    assert reply.status == status
    if status == 200:
        answered = "RTP/AVP;multicast;destination=239.192.0.1;port=16384-16385;ttl=2;ssrc=00000022"
        assert reply.headers.get("Transport") == answered
        assert of_kind(talk, PortsWanted)[0].route == route
        (session,) = setting.sessions
        assert not session.interleaved


def test_channels_in_use_are_not_given_twice():
    talk = Setting().connect("ann")
    talk.setup(TRACK0)
    reply = talk.setup(TRACK1)
    assert Transport.parse(reply.headers.get("Transport")).interleaved == (2, 3)
    talk.session = None
    reply = talk.setup(f"{ROOT}/live/gate/trackID=0", "RTP/AVP/TCP;unicast;interleaved=1-2")
    assert Transport.parse(reply.headers.get("Transport")).interleaved == (4, 5)


def test_one_session_is_of_one_kind():
    talk = Setting().connect("ann")
    talk.setup(TRACK0, UDP)
    assert talk.setup(TRACK1, TCP).status == 461
    assert talk.setup(TRACK1, f"{TCP},{UDP}").headers.get("Transport").startswith("RTP/AVP;unicast;client_port")


def test_a_track_that_is_set_up_again_gives_its_ports_back():
    talk = Setting().connect("ann")
    talk.setup(TRACK0, UDP)
    assert talk.setup(TRACK0, TCP).status == 200
    assert [event.route.server_ports for event in of_kind(talk, TrackEnded)] == [(40000, 40001)]


def test_ports_that_cannot_be_had():
    talk = Setting().connect("ann")
    talk.automatic = False
    talk.ask("OPTIONS", "*")
    talk.answer = lambda event: talk.perform(talk.dialogue.refuse(503, talk.setting.now))
    talk.automatic = True
    reply = talk.setup(TRACK0, UDP)
    assert (reply.status, reply.headers.get("Session")) == (503, None)
    assert len(talk.setting.sessions) == 0
    assert not of_kind(talk, SessionEnded)


def test_the_source_is_named_when_it_differs():
    talk = Setting().connect("ann")
    talk.answer = lambda _: talk.perform(talk.dialogue.accept_ports((6, 7), talk.setting.now, source="192.0.2.77"))
    assert "source=192.0.2.77" in talk.setup(TRACK0, UDP).headers.get("Transport")


@pytest.mark.parametrize(
    ("url", "status"), [(DOOR, 459), (f"{ROOT}/live/gate", 200), (f"{DOOR}/trackID=2", 404), (f"{ROOT}/x", 404)]
)
def test_setup_of_the_aggregate_and_of_nothing(url, status):
    assert Setting().connect("ann").setup(url).status == status


def test_two_presentations_in_one_session():
    talk = Setting().connect("ann")
    talk.setup(TRACK0)
    assert talk.setup(f"{ROOT}/live/gate/trackID=0").status == 459


def test_setup_while_playing():
    reply = playing().setup(TRACK1)
    assert reply.status == 455
    assert "PLAY" in reply.headers.get("Allow")


def test_sessions_per_connection_and_in_all():
    talk = Setting(sessions_per_connection=2).connect("ann")
    statuses = []
    for _ in range(3):
        talk.session = None
        statuses.append(talk.setup(TRACK0).status)
    assert statuses == [200, 200, 453]
    full = Setting(max_sessions=0).connect("ann")
    assert full.setup(TRACK0).status == 453


# PLAY, PAUSE, TEARDOWN


def test_play_answers_before_media():
    talk = playing()
    reply = talk.replies[-1]
    assert reply.headers.get("Range") == "npt=now-"
    assert reply.headers.get("RTP-Info") == f"url={TRACK0};seq=7;rtptime=900"
    assert reply.headers.get("Session") == talk.session
    assert isinstance(talk.events[-1], PlayStarted)


def test_play_names_every_track():
    talk = Setting().connect("ann")
    talk.setup(TRACK0)
    talk.setup(TRACK1)
    entries = talk.ask("PLAY", DOOR).headers.get("RTP-Info").split(",")
    assert entries == [f"url={TRACK0};seq=7;rtptime=900", f"url={TRACK1};seq=7;rtptime=900"]


def test_a_start_that_is_not_known_yet():
    talk = Setting().connect("ann")
    talk.setup(TRACK0)
    talk.answer = lambda event: talk.perform(talk.dialogue.accept_play({0: (7, None)}, 1, ("Scale", "1")))
    reply = talk.ask("PLAY", DOOR)
    assert (reply.headers.get("RTP-Info"), reply.headers.get("Scale")) == (f"url={TRACK0};seq=7", "1")


def test_replay_says_its_own_range():
    talk = Setting().connect("ann")
    talk.setup(TRACK0)
    talk.answer = lambda event: talk.perform(talk.dialogue.accept_play({}, 1, ("Range", "clock=20261121T000000Z-")))
    reply = talk.ask("PLAY", DOOR)
    assert reply.headers.all("Range") == ["clock=20261121T000000Z-"]
    assert reply.headers.get("RTP-Info") is None


def test_play_again_while_playing():
    talk = playing()
    assert talk.ask("PLAY", DOOR).status == 200
    assert [event.playing for event in of_kind(talk, PlayRequested)] == [False, True]


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("npt=now-", 200),
        ("npt=0.000-", 200),
        ("npt=0-", 200),
        ("clock=20261121T000000Z-", 457),
        ("smpte=0:10:20-", 457),
        ("npt=", 457),
        ("", 457),
        ("lunch", 457),
    ],
)
def test_range_on_live(value, status):
    talk = Setting().connect("ann")
    talk.setup(TRACK0)
    assert talk.ask("PLAY", DOOR, [("Range", value)]).status == status


@pytest.mark.parametrize("name", ["Scale", "Speed", "Blocksize", "Bandwidth", "Supported", "Rate-Control"])
def test_headers_that_do_not_suit_are_ignored(name):
    talk = Setting().connect("ann")
    talk.setup(TRACK0)
    assert talk.ask("PLAY", DOOR, [(name, "2")]).status == 200


@pytest.mark.parametrize("method", ["PLAY", "PAUSE"])
def test_single_tracks_of_several(method):
    talk = Setting().connect("ann")
    talk.setup(TRACK0)
    talk.setup(TRACK1)
    talk.ask("PLAY", DOOR)
    assert talk.ask(method, TRACK0).status == 460
    only = playing()
    assert only.ask(method, TRACK0).status == 200
    assert only.ask("TEARDOWN", TRACK1).status == 404


@pytest.mark.parametrize("method", ["PLAY", "PAUSE"])
def test_before_setup(method):
    reply = Setting().connect("ann").ask(method, DOOR)
    assert reply.status == 455
    assert "SETUP" in reply.headers.get("Allow")


def test_pause():
    talk = Setting().connect("ann")
    talk.setup(TRACK0)
    assert talk.ask("PAUSE", DOOR).status == 455
    talk.ask("PLAY", DOOR)
    assert [talk.ask("PAUSE", DOOR).status for _ in range(2)] == [200, 200]
    assert len(of_kind(talk, Paused)) == 2
    assert talk.ask("PLAY", DOOR).status == 200


def test_teardown_ends_the_session():
    talk = playing()
    assert talk.ask("TEARDOWN", f"{DOOR}/").status == 200
    assert [event.reason for event in of_kind(talk, SessionEnded)] == ["teardown"]
    assert talk.ask("PLAY", DOOR).status == 454


def test_teardown_of_one_track_of_two():
    talk = Setting().connect("ann")
    talk.setup(TRACK0)
    talk.setup(TRACK1)
    talk.ask("PLAY", DOOR)
    assert talk.ask("TEARDOWN", TRACK1).status == 200
    assert [(event.track, event.route) for event in of_kind(talk, TrackEnded)] == [(1, InterleavedRoute(2, 3))]
    assert talk.ask("PLAY", DOOR).status == 200
    assert talk.ask("TEARDOWN", TRACK0).status == 200
    assert len(talk.setting.sessions) == 0


def test_teardown_before_setup_is_harmless():
    assert Setting().connect("ann").ask("TEARDOWN", DOOR).status == 200


@pytest.mark.parametrize("url", [f"{ROOT}/live/gate", f"{ROOT}/live/nothing", "*"])
def test_a_session_answers_to_its_own_url_only(url):
    assert playing().ask("PLAY", url).status == 404


# Sessions and keepalives


@pytest.mark.parametrize("method", ["OPTIONS", "GET_PARAMETER", "SET_PARAMETER"])
@pytest.mark.parametrize("session", ["", "ABCDEFGH", None])
def test_a_keepalive_keeps_whatever_it_calls_the_session(method, session):
    """UniFi Protect drops a camera every 10 s that answers 454 here (spec of clients: thingino#490)."""
    talk = playing()
    session = talk.session if session is None else session
    talk.setting.now += 50 * NS_PER_S
    talk.session = None
    headers = [("Session", session)] if session else []
    assert talk.ask(method, DOOR, headers, login=False).status == 200
    talk.setting.now += 50 * NS_PER_S
    assert talk.setting.sessions.on_timeout(talk.setting.now) == []


@pytest.mark.parametrize("method", ["OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "PLAY", "PAUSE", "TEARDOWN", "SETUP"])
def test_an_unknown_session_gets_454(method):
    headers = [("Session", "ABCDEFGH"), ("Transport", TCP)]
    assert Setting().connect("ann").ask(method, TRACK0, headers).status == 454


@pytest.mark.parametrize("method", ["PLAY", "PAUSE", "TEARDOWN"])
def test_what_changes_a_session_must_name_it(method):
    talk = playing()
    talk.session = None
    assert talk.ask(method, DOOR).status == 454
    assert talk.ask(method, DOOR, [("Session", "ABCDEFGH")]).status == 454


def test_the_timeout_may_be_sent_back():
    talk = playing()
    assert talk.ask("PLAY", DOOR, [("Session", f"{talk.session};timeout=60")]).status == 200


def test_expiry():
    talk = playing()
    sessions = talk.setting.sessions
    assert sessions.next_timeout() == talk.setting.now + 60 * NS_PER_S
    talk.setting.now = sessions.next_timeout()
    assert len(sessions.on_timeout(talk.setting.now)) == 1
    assert talk.ask("GET_PARAMETER", DOOR).status == 454
    assert talk.dialogue.sessions() == []


def test_a_receiver_report_keeps_an_interleaved_session():
    talk = playing()
    talk.setting.now += 59 * NS_PER_S
    for channel, payload in ((0, RECEIVER_REPORT), (9, RECEIVER_REPORT), (1, memoryview(b"junk"))):
        talk.dialogue.receive_frame(channel, payload, talk.setting.now)
    assert talk.setting.sessions.next_timeout() < talk.setting.now + 2 * NS_PER_S
    talk.dialogue.receive_frame(1, RECEIVER_REPORT, talk.setting.now)
    assert talk.setting.sessions.next_timeout() == talk.setting.now + 60 * NS_PER_S


def test_udp_outlives_its_connection_and_is_continued_by_its_user_only():
    setting = Setting()
    first = playing(setting, UDP)
    assert first.dialogue.lost() == []
    assert len(setting.sessions) == 1
    other = setting.connect("bob")
    assert other.ask("GET_PARAMETER", DOOR, [("Session", first.session)]).status == 454
    again = setting.connect("ann")
    again.session = first.session
    setting.now += 50 * NS_PER_S
    assert again.ask("OPTIONS", "*", login=False).status == 401  # so that it may prove itself
    assert again.ask("OPTIONS", "*").status == 200
    setting.now += 50 * NS_PER_S
    assert again.ask("PAUSE", DOOR, login=False).status == 200
    assert again.ask("TEARDOWN", DOOR).status == 200


def test_an_interleaved_session_ends_with_its_connection():
    setting = Setting()
    first = playing(setting)
    other = setting.connect("ann")
    assert other.ask("TEARDOWN", DOOR, [("Session", first.session)]).status == 454
    assert [event.reason for event in first.dialogue.lost()] == ["connection lost"]
    assert len(setting.sessions) == 0


def test_several_sessions_on_one_connection():
    talk = playing()
    first, talk.session = talk.session, None
    talk.setup(f"{ROOT}/live/gate/trackID=0")
    assert talk.ask("PLAY", f"{ROOT}/live/gate").status == 200
    talk.session, second = first, talk.session
    assert talk.ask("TEARDOWN", DOOR).status == 200
    talk.session = second
    assert talk.ask("GET_PARAMETER", f"{ROOT}/live/gate").status == 200
    assert [event.session.id for event in talk.dialogue.lost()] == [second]


@pytest.mark.parametrize(
    ("method", "kind", "body", "status"),
    [
        ("GET_PARAMETER", "", b"", 200),
        ("GET_PARAMETER", "text/parameters", b"\r\n", 200),
        ("GET_PARAMETER", "text/parameters", b"packets_received\r\n", 451),
        ("GET_PARAMETER", "", b"jitter", 451),
        ("GET_PARAMETER", "image/png", b"jitter", 415),
        ("SET_PARAMETER", "", b"", 200),
        ("SET_PARAMETER", "", b"ping", 200),
        ("SET_PARAMETER", "text/parameters", b"ping", 200),
        ("SET_PARAMETER", "text/parameters; charset=utf-8", b"zoom: 3", 451),
    ],
)
def test_parameters(method, kind, body, status):
    headers = [("Content-Type", kind)] if kind else []
    assert playing().ask(method, DOOR, headers, body).status == status


# Order and limits


def test_pipelined_requests_wait_for_their_turn():
    talk = Setting().connect("ann")
    talk.setup(TRACK0)
    talk.automatic = False
    talk.send("PLAY", DOOR, [("Session", talk.session)])
    talk.send("OPTIONS", "*")
    talk.send("PLAY", DOOR, [("Session", talk.session)])
    before = len(talk.replies)
    assert [type(event) for event in talk.waiting] == [PlayRequested]
    talk.perform(talk.dialogue.accept_play({0: (1, 2)}, talk.setting.now))
    assert [reply.headers.get("Public") is not None for reply in talk.replies[before:]] == [False, True]
    assert [event.playing for event in talk.waiting] == [False, True]
    talk.perform(talk.dialogue.refuse(503, talk.setting.now))
    assert [reply.status for reply in talk.replies[before:]] == [200, 200, 503]


def test_too_many_requests_at_once():
    talk = Setting().connect("ann")
    talk.setup(TRACK0)
    talk.automatic = False
    for _ in range(PENDING_REQUESTS + 2):
        talk.send("PLAY", DOOR, [("Session", talk.session)])
    assert "64 requests" in talk.closed()


def test_a_session_that_ends_while_it_waits_to_play():
    talk = Setting().connect("ann")
    talk.setup(TRACK0)
    talk.automatic = False
    talk.send("PLAY", DOOR, [("Session", talk.session)])
    talk.setting.sessions.end(talk.waiting[0].session)
    talk.perform(talk.dialogue.accept_play({0: (1, 2)}, talk.setting.now))
    assert talk.replies[-1].status == 454
    assert not of_kind(talk, PlayStarted)


def test_a_connection_lost_while_its_first_setup_waits():
    setting = Setting()
    talk = setting.connect("ann")
    talk.ask("DESCRIBE", DOOR)
    talk.automatic = False
    talk.send("SETUP", TRACK0, [("Transport", UDP)])
    assert talk.dialogue.lost() == []
    assert len(setting.sessions) == 0


@pytest.mark.parametrize("call", ["resume", "accept_ports", "accept_play", "refuse"])
def test_answers_that_nobody_waits_for_are_our_defect(call):
    dialogue = Setting().connect().dialogue
    arguments = {"resume": (1,), "accept_ports": ((1, 2), 1), "accept_play": ({}, 1), "refuse": (503, 1)}[call]
    with pytest.raises(LocalProtocolError):
        getattr(dialogue, call)(*arguments)


def test_idle_connections_are_closed():
    setting = Setting()
    talk = setting.connect()
    talk.ask("OPTIONS", DOOR)
    assert talk.dialogue.next_timeout() == setting.now + 60 * NS_PER_S
    assert talk.dialogue.on_timeout(setting.now + 59 * NS_PER_S) == []
    talk.perform(talk.dialogue.on_timeout(setting.now + 60 * NS_PER_S))
    assert "idle" in talk.closed()
    assert talk.dialogue.next_timeout() is None


def test_who_connects_and_asks_nothing_has_less_time():
    setting = Setting()
    talk = setting.connect()
    assert talk.dialogue.next_timeout() == setting.now + 10 * NS_PER_S
    talk.perform(talk.dialogue.on_timeout(setting.now + 10 * NS_PER_S))
    assert "without a request" in talk.closed()


def test_a_connection_with_a_session_is_not_idle():
    assert playing().dialogue.next_timeout() is None


def test_a_request_that_never_ends():
    setting = Setting()
    talk = playing(setting)
    talk.dialogue.bytes_read(setting.now, partial=True)
    talk.dialogue.bytes_read(setting.now + 5 * NS_PER_S, partial=True)
    talk.perform(talk.dialogue.on_timeout(setting.now + 10 * NS_PER_S))
    assert talk.replies[-1].status == 408
    assert "not complete" in talk.closed()


def test_a_busy_connection_is_not_slow():
    setting = Setting()
    talk = playing(setting)
    talk.dialogue.bytes_read(setting.now, partial=True)
    setting.now += 9 * NS_PER_S
    talk.ask("GET_PARAMETER", DOOR)
    talk.dialogue.bytes_read(setting.now, partial=True)
    assert talk.dialogue.on_timeout(setting.now + 9 * NS_PER_S) == []
    talk.dialogue.bytes_read(setting.now, partial=False)
    assert talk.dialogue.next_timeout() is None


# The way to a loudspeaker

PORCH = f"{ROOT}/live/porch"
TALK = f"{PORCH}/trackID=100"
BACKCHANNEL = ("Require", "www.onvif.org/ver20/backchannel")


def interleaved(channel):
    return f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"


@pytest.mark.parametrize("method", ["DESCRIBE", "SETUP"])
@pytest.mark.parametrize("path", ["/live/door/trackID=0", "/recordings/rec-gate.main"])
def test_where_there_is_no_loudspeaker_the_backchannel_is_refused(path, method):
    talk = Setting().connect("ann")
    reply = talk.ask(method, ROOT + path, [BACKCHANNEL, ("Transport", interleaved(0))])
    assert (reply.status, reply.headers.get("Unsupported")) == (551, BACKCHANNEL[1])
    assert len(talk.setting.sessions) == 0


def test_without_a_listener_there_is_no_loudspeaker():
    talk = Setting(login=False).connect()
    talk.dialogue._side = replace(talk.setting.side, listener=None)
    assert talk.ask("DESCRIBE", PORCH, [BACKCHANNEL]).status == 551


@pytest.mark.parametrize("path", ["/live/none", "/live/secret"])
def test_what_is_not_there_has_no_features_either(path):
    assert Setting().connect("bob").ask("DESCRIBE", ROOT + path, [BACKCHANNEL]).status == 404


@pytest.mark.parametrize("method", ["OPTIONS", "GET_PARAMETER", "SET_PARAMETER"])
def test_the_backchannel_is_known_to_keepalives(method):
    assert Setting().connect("ann").ask(method, DOOR, [BACKCHANNEL]).status == 200


def test_a_loudspeaker_is_shown_to_who_requires_it():
    talk = Setting().connect("ann")
    plain = talk.ask("DESCRIBE", PORCH).body
    assert b"sendonly" not in plain
    assert b"trackID=100" not in plain
    shown = SessionDescription.parse(talk.ask("DESCRIBE", PORCH, [BACKCHANNEL]).body)
    assert [media.direction for media in shown.medias] == [Direction.RECVONLY, Direction.RECVONLY, Direction.SENDONLY]
    assert talk.ask("DESCRIBE", PORCH, [("Require", BACKCHANNEL[1].upper())]).body == shown.format().encode()
    assert (shown.medias[2].control, shown.medias[2].payload_types) == ("trackID=100", [0])


@pytest.mark.parametrize("more", [(), (BACKCHANNEL,)])
def test_talk_goes_to_the_listener_from_play_on(more):
    talk = Setting().connect("ann")
    talk.setup(f"{PORCH}/trackID=0", interleaved(0))
    reply = talk.ask("SETUP", TALK, [("Transport", interleaved(2)), *more])
    assert reply.headers.get("Transport") == "RTP/AVP/TCP;unicast;interleaved=2-3"
    (session,) = talk.setting.sessions
    heard = talk.setting.listener.heard
    talk.feed(frame(2, b"too early"))
    assert heard == []
    reply = talk.ask("PLAY", PORCH, more)
    assert reply.status == 200
    talk.feed(frame(2, b"hello") + frame(0, b"no talk") + frame(3, b"no talk either"))
    assert heard == [(session, b"hello")]
    assert talk.ask("PAUSE", PORCH, more).status == 200
    talk.feed(frame(2, b"is anybody there?"))
    assert len(heard) == 1
    assert talk.ask("TEARDOWN", TALK, more).status == 200
    ended = next(event for event in talk.events if isinstance(event, TrackEnded))
    assert (ended.session, ended.track) == (session, 100)


def test_a_session_may_be_for_talk_alone():
    talk = Setting().connect("ann")
    assert talk.setup(TALK, interleaved(0)).status == 200
    assert talk.ask("PLAY", PORCH, [BACKCHANNEL]).status == 200
    talk.feed(frame(0, b"hello"))
    assert len(talk.setting.listener.heard) == 1


def test_by_udp_ports_are_opened_for_it():
    talk = Setting().connect("ann")
    reply = talk.setup(TALK, "RTP/AVP;unicast;client_port=5004-5005")
    assert reply.headers.get("Transport") == "RTP/AVP;unicast;client_port=5004-5005;server_port=40000-40001"
    assert next(event for event in talk.events if isinstance(event, PortsWanted)).track == 100


def test_it_may_be_set_up_anew():
    talk = Setting().connect("ann")
    talk.setup(TALK, interleaved(0))
    assert talk.setup(TALK, interleaved(4)).status == 200
    assert not [event for event in talk.events if isinstance(event, TrackEnded)]
    (session,) = talk.setting.sessions
    assert session.legs[100].route == InterleavedRoute(4, 5)


def test_while_another_one_talks_setup_is_refused_and_the_rest_goes_on():
    talk = Setting().connect("ann")
    talk.setting.listener.busy = True
    assert talk.setup(TALK, interleaved(0)).status == 453
    assert len(talk.setting.sessions) == 0
    assert talk.setup(f"{PORCH}/trackID=0", interleaved(0)).status == 200
    assert talk.ask("SETUP", TALK, [("Transport", interleaved(2))]).status == 453
    assert talk.ask("PLAY", PORCH).status == 200


def test_play_that_requires_what_has_gone_is_refused():
    talk = Setting().connect("ann")
    talk.setup(TALK, interleaved(0))
    talk.setting.presentations["/live/porch"].talk = None
    assert talk.ask("PLAY", PORCH, [BACKCHANNEL]).status == 551
    assert talk.ask("SETUP", TALK, [("Transport", interleaved(2))]).status == 404


def test_a_flood_of_frames():
    talk = Setting().connect()
    payload = memoryview(bytes(60_000))
    for _ in range(20):
        talk.perform(talk.dialogue.receive_frame(0, payload, talk.setting.now))
    assert talk.closed() == "flood of interleaved frames"


# Everything in every state

METHODS = st.sampled_from([*PUBLIC, "ANNOUNCE", "BOGUS"])
URLS = st.sampled_from(
    [DOOR, TRACK0, TRACK1, f"{ROOT}/live/gate", f"{ROOT}/live/new", "*", "trackID=0", "/", "rtsp://"]
)
HEADERS = st.lists(
    st.sampled_from(
        [
            ("Transport", TCP),
            ("Transport", UDP),
            ("Transport", "x"),
            ("Range", "npt=now-"),
            ("Range", "clock=1"),
            ("Session", "own"),
            ("Session", "ABCDEFGH"),
            ("Session", ""),
            ("Require", "x"),
            ("Accept", "text/html"),
            ("Authorization", "Digest"),
        ]
    ),
    max_size=3,
)
ANSWERS = st.sampled_from(["yes", "yes", "yes", "no"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(METHODS, URLS, HEADERS, ANSWERS, st.booleans()), min_size=1, max_size=12))
def test_every_request_gets_one_reply_in_every_state(script):
    setting = Setting(login=False)
    talk = setting.connect()
    for method, url, headers, answer, wait in script:
        known = next((session.id for session in setting.sessions), "none")
        talk.refusing = answer == "no"
        talk.session = None
        talk.ask(method, url, [(name, known if value == "own" else value) for name, value in headers])
        if wait:
            setting.now += 31 * NS_PER_S
            setting.sessions.on_timeout(setting.now)
        assert all(session.state is not State.INIT and session.legs for session in setting.sessions)
    talk.dialogue.lost()
