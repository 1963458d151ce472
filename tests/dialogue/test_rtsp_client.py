"""The client's conversation: scripts of answers in, requests and events out; then any answers in any order."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.errors import LocalProtocolError
from bridge.base.media import Codec, Medium
from bridge.base.time import NS_PER_S
from bridge.dialogue.rtsp_client import MAX_REDIRECTS, RtspClient
from bridge.dialogue.rtsp_client_events import (
    Described,
    DownReason,
    Ended,
    Failed,
    Fault,
    Lower,
    Playing,
    PortsWanted,
    Ready,
    Redirected,
    Send,
    TrackRefused,
)
from bridge.dialogue.rtsp_group import CameraGroup
from bridge.dialogue.rtsp_states import Phase
from bridge.wire.rtsp.message import CLIENT_LIMITS, Headers, Reader, Request, Response
from bridge.wire.rtsp.url import RtspUrl
from tests.dialogue.rtsp_client_setting import Talk
from tests.fake_camera import AUDIO, MPEG4, SESSION, URL, VIDEO, FakeCamera

S = NS_PER_S
FIXTURES = Path(__file__).parent.parent / "fixtures" / "cameras"


def test_the_whole_way_over_tcp():
    talk = Talk().start()
    assert talk.camera.methods == ["OPTIONS", "DESCRIBE", "SETUP", "SETUP", "PLAY"]
    assert [type(event) for event in talk.events] == [Described, Ready, Playing]
    assert [(ready.track.codec, ready.channels) for ready in talk.event(Ready).tracks] == [
        (Codec.H264, (0, 1)),
        (Codec.PCMU, (2, 3)),
    ]
    _, describe, video, audio, play = talk.camera.requests
    assert describe.headers.get("Accept") == "application/sdp"
    assert video.uri == URL + "/trackID=0"
    assert video.headers.get("Transport") == "RTP/AVP/TCP;unicast;interleaved=0-1"
    assert "Session" not in video.headers
    assert audio.headers.get("Session") == play.headers.get("Session") == "12345678"
    assert (play.uri, play.headers.get("Range")) == (URL + "/", "npt=0.000-")
    assert [request.headers.get("CSeq") for request in talk.camera.requests] == ["1", "2", "3", "4", "5"]


def test_the_whole_way_over_udp():
    talk = Talk(transport=Lower.UDP).start()
    video, audio = talk.event(Ready).tracks
    assert (video.client_ports, video.server_ports) == ((40000, 40001), (6970, 6971))
    assert (audio.client_ports, audio.server_ports) == ((40002, 40003), (6972, 6973))
    assert talk.camera.requests[2].headers.get("Transport") == "RTP/AVP;unicast;client_port=40000-40001"
    assert talk.client.phase is Phase.PLAYING


def test_the_whole_way_by_multicast():
    talk = Talk(transport=Lower.MULTICAST).start()
    assert [request.headers.get("Transport") for request in talk.camera.requests[2:4]] == ["RTP/AVP;multicast"] * 2
    groups = [CameraGroup("239.5.5.5", (6970, 6971)), CameraGroup("239.5.5.5", (6972, 6973))]
    assert [ready.group for ready in talk.event(Ready).tracks] == groups
    assert [(ready.channels, ready.client_ports) for ready in talk.event(Ready).tracks] == [(None, None)] * 2
    assert talk.client.phase is Phase.PLAYING
    talk.wait(11)
    assert talk.failed.text.startswith("no video: no picture came for 10 s over multicast")


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        ("RTP/AVP;multicast;destination=224.0.0.5;port=5000-5001", "the camera names the group '224.0.0.5'"),
        ("RTP/AVP;unicast;server_port=6970-6971", "asked for multicast"),
        ("RTP/AVP;multicast;destination=239.1.1.1;port=5000-5001", "one group and port for two tracks"),
    ],
)
def test_groups_that_are_not_joined(answered, said):
    camera = FakeCamera()
    camera.answers["SETUP"] = [lambda request: camera.set_up(request, answered)] * 2
    talk = Talk(camera, transport=Lower.MULTICAST).start()
    assert said in talk.failed.text
    assert not any(isinstance(event, Ready) for event in talk.events)


@pytest.mark.parametrize("transport", list(Lower))
def test_461_makes_it_try_the_other_transport_once(transport):
    talk = Talk(FakeCamera(setup=[461]), transport=transport).start()
    assert [ready.channels is None for ready in talk.event(Ready).tracks] == [transport is Lower.TCP] * 2
    talk = Talk(FakeCamera(setup=[461, 461]), transport=transport).start()
    assert talk.failed.text == "protocol: SETUP answered 461"


def test_a_refused_audio_track_is_left_out_and_a_refused_video_track_is_not():
    talk = Talk(FakeCamera(SESSION + AUDIO + VIDEO, setup=[500])).start()
    assert talk.event(TrackRefused).track.medium is Medium.AUDIO
    assert [ready.channels for ready in talk.event(Ready).tracks] == [(0, 1)]
    assert Talk(FakeCamera(setup=[500])).start().failed.text == "protocol: SETUP answered 500"
    assert Talk(FakeCamera(SESSION + AUDIO, setup=[500])).start().failed.text == "protocol: SETUP answered 500"


# Log-in


def test_digest_is_answered_and_then_sent_unasked():
    talk = Talk(FakeCamera(password="s@cret/1"), url="rtsp://admin:s%40cret%2F1@cam.example/live").start()
    assert talk.client.phase is Phase.PLAYING
    assert talk.camera.methods == ["OPTIONS", "DESCRIBE", "DESCRIBE", "SETUP", "SETUP", "PLAY"]
    assert all("admin" not in request.uri for request in talk.camera.requests)


def test_a_nonce_that_grows_old_in_the_middle_is_renewed():
    camera = FakeCamera(password="secret")
    talk = Talk(camera, url="rtsp://admin:secret@cam.example/live").start()
    camera.now = 700 * S
    talk.play(31)
    assert camera.methods[-2:] == ["GET_PARAMETER", "GET_PARAMETER"]
    assert talk.client.phase is Phase.PLAYING


def test_a_wrong_password_is_tried_once():
    talk = Talk(FakeCamera(password="secret"), url="rtsp://admin:wrong@cam.example/live").start()
    assert talk.failed == Failed(DownReason.AUTH, "401: user name or password refused")
    assert talk.camera.methods.count("DESCRIBE") == 2
    talk = Talk(FakeCamera(password="secret")).start()
    assert talk.failed == Failed(DownReason.AUTH, "401: the camera wants a user name and password")


def test_basic_only_when_there_is_nothing_else():
    both = Response(
        401, "", Headers([("WWW-Authenticate", 'Basic realm="x"'), ("WWW-Authenticate", 'Digest realm="x", nonce="n"')])
    )
    basic = Response(401, "", Headers([("WWW-Authenticate", 'Basic realm="x"')]))
    for challenge, scheme in ((both, "Digest "), (basic, "Basic ")):
        camera = FakeCamera(describe=[challenge])
        Talk(camera, url="rtsp://admin:secret@cam.example/live").start()
        assert camera.requests[2].headers.get("Authorization").startswith(scheme)


def test_errors_do_not_show_the_password():
    echo = lambda request: Response(200, "OK", Headers([("Location", "x")]), b"")  # noqa: E731
    talk = Talk(FakeCamera(describe=[echo]), url="rtsp://admin:hunter22@cam.example/live").start()
    talk.perform(talk.client.fail(DownReason.PROTOCOL, "ignored: it is over"))
    assert "hunter22" not in talk.failed.text
    client = RtspClient(RtspUrl.parse("rtsp://a:hunter22@h/"), transport=Lower.TCP, random_bytes=bytes)
    (failed,) = client.fail(DownReason.PROTOCOL, "the camera said hunter22")
    assert failed.text == "protocol: the camera said ***"
    assert "hunter22" not in repr(client.url)


# Answers of faulty cameras


def test_redirects_keep_credentials_on_the_same_host_only():
    for location, user in (("rtsp://cam.example:8554/other", "admin"), ("rtsp://other.example/live", None)):
        moved = Response(302, "", Headers([("Location", location)]))
        talk = Talk(FakeCamera(describe=[moved]), url="rtsp://admin:secret@cam.example/live").start()
        redirected = talk.event(Redirected)
        assert (str(redirected.url), redirected.url.user) == (location, user)
        assert redirected.redirects_left == MAX_REDIRECTS - 1
        assert talk.client.phase is Phase.CLOSED


def test_redirects_are_bounded_and_must_be_readable():
    moved = Response(301, "", Headers([("Location", URL)]))
    talk = Talk(FakeCamera(options=[moved]), redirects_left=0).start()
    assert talk.failed.reason is DownReason.PROTOCOL
    for location in ([], [("Location", "")], [("Location", "rtsp://h:x/")]):
        talk = Talk(FakeCamera(describe=[Response(301, "", Headers(location))])).start()
        assert talk.failed.reason is DownReason.PROTOCOL


@pytest.mark.parametrize(
    ("content_base", "session_control", "setup_uri", "play_uri"),
    [
        (URL + "/", "*", URL + "/trackID=0", URL + "/"),
        (None, "*", URL + "/trackID=0", URL),
        ("rtsp://cam.example/a?b=c", "*", "rtsp://cam.example/a?b=c/trackID=0", "rtsp://cam.example/a?b=c"),
        ("192.0.2.7:554/s0/", "*", "rtsp://192.0.2.7:554/s0/trackID=0", "rtsp://192.0.2.7:554/s0/"),
        (URL + "/", "rtsp://cam.example/all", "rtsp://cam.example/all/trackID=0", "rtsp://cam.example/all"),
    ],
)
def test_urls_of_tracks_and_of_the_whole(content_base, session_control, setup_uri, play_uri):
    camera = FakeCamera((SESSION + VIDEO).replace("a=control:*", f"a=control:{session_control}"))
    camera.content_base = content_base
    Talk(camera).start()
    assert [request.uri for request in camera.requests[2:]] == [setup_uri, play_uri]


@pytest.mark.parametrize(
    ("answers", "channels"),
    [
        (["RTP/AVP/TCP;unicast;interleaved=4-5", "RTP/AVP/TCP;unicast;interleaved=6-7"], [(4, 5), (6, 7)]),
        (["RTP/AVP/TCP;interleaved=0", None], [(0, 1), (2, 3)]),
        (["RTP/AVP/TCP;interleaved=0-1", "RTP/AVP/TCP;interleaved=0-1"], [(0, 1), (2, 3)]),
        (["nonsense", "RTP/AVP/TCP;interleaved=x"], [(0, 1), (2, 3)]),
        (["RTP/AVP;unicast;interleaved=0-1;ssrc=30A98EE7", ""], [(0, 1), (2, 3)]),
    ],
)
def test_channels_are_the_cameras_choice_when_it_makes_one(answers, channels):
    camera = FakeCamera()
    camera.answers["SETUP"] = [lambda request, text=text: camera.set_up(request, text or "") for text in answers]
    talk = Talk(camera).start()
    assert [ready.channels for ready in talk.event(Ready).tracks] == channels


def test_a_camera_that_sets_up_the_other_transport_in_earnest():
    camera = FakeCamera()
    camera.answers["SETUP"] = [lambda request: camera.set_up(request, "RTP/AVP;unicast;server_port=6970-6971")]
    assert "asked for TCP" in Talk(camera).start().failed.text
    camera.answers["SETUP"] = [lambda request: camera.set_up(request, "RTP/AVP/TCP;interleaved=0-1")]
    assert "asked for UDP" in Talk(camera, transport=Lower.UDP).start().failed.text


def test_the_latest_session_counts_and_none_is_fine():
    camera = FakeCamera()

    def other_session(request):
        camera.session = "changed"
        return camera.set_up(request)

    camera.answers["SETUP"] = [lambda request: camera.set_up(request), other_session]
    Talk(camera).start()
    assert camera.requests[-1].headers.get("Session") == "changed"
    for session in ("", "two words", ";timeout=5"):
        camera = FakeCamera()
        camera.session = session
        assert Talk(camera).start().client.phase is Phase.PLAYING
        assert "Session" not in camera.requests[-1].headers


@pytest.mark.parametrize("status", [404, 405, 454, 501])
def test_options_may_fail(status):
    assert Talk(FakeCamera(options=[status])).start().client.phase is Phase.PLAYING


@pytest.mark.parametrize("cseq", ["", "0", "77", "x" * 50])
def test_wrong_cseqs_are_forgiven(cseq):
    answer = lambda request: Response(200, "OK", Headers([("CSeq", cseq), ("Public", "OPTIONS")]))  # noqa: E731
    assert Talk(FakeCamera(options=[answer])).start().client.phase is Phase.PLAYING


def test_the_answer_of_an_abandoned_keepalive_is_nobodys():
    camera = FakeCamera(get_parameter=[None])
    talk = Talk(camera).start()
    talk.play(45)
    lost = camera.requests[-1]
    assert lost.method == "GET_PARAMETER"
    talk.perform(talk.client.teardown(talk.now))
    assert talk.client.phase is Phase.CLOSED
    talk = Talk(FakeCamera(get_parameter=[None], teardown=[None])).start()
    talk.play(45)
    cseq = talk.camera.requests[-1].headers.get("CSeq")
    talk.perform(talk.client.teardown(talk.now))
    talk.perform(talk.client.on_message(Response(200, "OK", Headers([("CSeq", cseq)])), talk.now))
    assert talk.client.phase is Phase.TEARDOWN


def test_1xx_and_answers_to_nothing_are_passed_over():
    first = Response(100, "Continue", Headers([("CSeq", "1")])).encode()
    both = lambda request: first + Response(200, "OK", Headers([("CSeq", "1")])).encode()  # noqa: E731
    talk = Talk(FakeCamera(options=[both])).start()
    assert talk.client.phase is Phase.PLAYING
    assert talk.client.on_message(Response(500), talk.now) == []


# What there is nothing of

METADATA = "m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:trackID=4\r\n"


def test_codecs_that_we_do_not_carry():
    talk = Talk(FakeCamera(SESSION + MPEG4 + AUDIO)).start()
    assert talk.failed == Failed(DownReason.CODEC, "codec: MP4V-ES not supported (have H264, H265, JPEG)")
    assert Talk(FakeCamera(SESSION)).start().failed == Failed(
        DownReason.NO_VIDEO, "no video: the camera describes no video"
    )


def test_tracks_that_are_not_wanted_are_passed_over():
    compressed = METADATA.replace("metadata/", "metadata.gzip/")
    backchannel = AUDIO.replace("trackID=1", "trackID=2") + "a=sendonly\r\n"
    talk = Talk(FakeCamera(SESSION + compressed + backchannel + VIDEO + VIDEO)).start()
    described = talk.event(Described)
    assert [offered.track.codec for offered in described.tracks] == [Codec.H264]
    assert described.passed_over == ("vnd.onvif.metadata.gzip",)


def test_video_sound_and_metadata_are_set_up_in_the_order_of_the_sdp():
    talk = Talk(FakeCamera(SESSION + VIDEO + METADATA + AUDIO)).start()
    assert [ready.track.codec for ready in talk.event(Ready).tracks] == [Codec.H264, Codec.ONVIF_METADATA, Codec.PCMU]
    assert [ready.channels for ready in talk.event(Ready).tracks] == [(0, 1), (2, 3), (4, 5)]
    refusing = Talk(FakeCamera(SESSION + VIDEO + METADATA + AUDIO, setup=[200, 404])).start()
    assert [ready.track.codec for ready in refusing.event(Ready).tracks] == [Codec.H264, Codec.PCMU]


def test_metadata_alone_is_no_stream():
    talk = Talk(FakeCamera(SESSION + METADATA)).start()
    assert talk.failed == Failed(DownReason.NO_VIDEO, "no video: the camera describes no video")


@pytest.mark.parametrize(
    ("status", "reason"),
    [(403, DownReason.AUTH), (404, DownReason.NOT_FOUND), (454, DownReason.CLOSED), (500, DownReason.PROTOCOL)],
)
@pytest.mark.parametrize("method", ["describe", "play"])
def test_refusals_by_reason(method, status, reason):
    talk = Talk(FakeCamera(**{method: [status]})).start()
    assert talk.failed.reason is reason
    assert talk.failed.text.startswith(reason.value + ": ")


# Time


def test_no_answer_in_ten_seconds():
    for method in ("options", "describe", "setup", "play"):
        talk = Talk(FakeCamera(**{method: [None]})).start()
        talk.wait(9.9)
        assert not any(isinstance(event, Failed) for event in talk.events)
        talk.wait(0.2)
        assert talk.failed == Failed(DownReason.TIMEOUT, f"timeout: no answer to {method.upper()} in 10 s")
        assert talk.client.next_timeout() is None


def test_no_picture_in_ten_seconds():
    talk = Talk().start()
    talk.wait(9)
    talk.client.media_arrived(talk.now)
    talk.wait(9.9)
    assert talk.client.phase is Phase.PLAYING
    talk.wait(0.2)
    assert talk.failed == Failed(DownReason.NO_VIDEO, "no video: no picture came for 10 s over TCP")
    assert talk.camera.methods[-1] == "TEARDOWN"


@pytest.mark.parametrize(
    ("public", "session", "method", "period_s"),
    [
        ("OPTIONS, GET_PARAMETER, SET_PARAMETER", "1;timeout=60", "GET_PARAMETER", 30),
        ("OPTIONS, SET_PARAMETER", "1;timeout=30", "SET_PARAMETER", 15),
        ("OPTIONS", "1", "OPTIONS", 30),
        ("", "1;timeout=3600", "OPTIONS", 30),
        ("get_parameter", "1;timeout=10", "GET_PARAMETER", 5),
    ],
)
def test_keepalives(public, session, method, period_s):
    camera = FakeCamera(public=public)
    camera.session = session
    talk = Talk(camera).start()
    before = len(camera.requests)
    talk.play(3 * period_s)
    assert camera.methods[before:] == [method] * 3
    assert camera.requests[-1].headers.get("Session") == "1"


def test_a_keepalive_that_the_camera_does_not_know_is_replaced_by_options():
    camera = FakeCamera(get_parameter=[501])
    talk = Talk(camera).start()
    talk.play(62)
    assert camera.methods[-2:] == ["GET_PARAMETER", "OPTIONS"]


def test_a_session_that_the_camera_forgot():
    camera = FakeCamera(get_parameter=[454])
    talk = Talk(camera).start()
    camera.answers["OPTIONS"] = [454]
    talk.play(31)
    assert talk.failed == Failed(DownReason.CLOSED, "closed: the camera ended the session (454)")


# Ends


def test_teardown_waits_a_second_for_its_answer():
    talk = Talk().start()
    talk.perform(talk.client.teardown(talk.now))
    assert talk.camera.methods[-1] == "TEARDOWN"
    assert talk.events[-1] == Ended()
    talk = Talk(FakeCamera(teardown=[None])).start()
    talk.perform(talk.client.teardown(talk.now))
    assert talk.client.phase is Phase.TEARDOWN
    talk.wait(1)
    assert talk.events[-1] == Ended()


def test_teardown_before_anything_is_set_up_needs_no_request():
    talk = Talk(FakeCamera(describe=[None])).start()
    talk.perform(talk.client.teardown(talk.now))
    assert (talk.camera.methods[-1], talk.events[-1]) == ("DESCRIBE", Ended())
    assert talk.client.teardown(talk.now) == []


def test_lost_connections():
    talk = Talk(FakeCamera(describe=[None])).start()
    talk.perform(talk.client.connection_lost())
    assert talk.failed.text == "closed: the camera closed the connection instead of answering DESCRIBE"
    talk = Talk(FakeCamera(teardown=[None])).start()
    talk.perform(talk.client.teardown(talk.now))
    talk.perform(talk.client.connection_lost())
    assert talk.events[-1] == Ended()


@pytest.mark.parametrize(
    ("method", "status"), [("OPTIONS", 200), ("GET_PARAMETER", 200), ("ANNOUNCE", 501), ("RECORD", 501)]
)
def test_requests_of_the_camera_are_answered(method, status):
    talk = Talk().start()
    (sent,) = talk.client.on_message(Request(method, URL, Headers([("CSeq", "9")])), talk.now)
    assert sent.data.startswith(b"RTSP/1.0 %d " % status)
    assert b"\r\nCSeq: 9\r\n" in sent.data


def test_a_redirect_asked_by_the_camera():
    talk = Talk().start()
    events = talk.client.on_message(Request("REDIRECT", URL, Headers([("CSeq", "9"), ("Location", URL)])), talk.now)
    assert [type(event) for event in events] == [Send, Send, Redirected]
    assert events[1].data.startswith(b"TEARDOWN ")


def test_wrong_order_of_calls_raises():
    talk = Talk().start()
    with pytest.raises(LocalProtocolError):
        talk.client.start(talk.now)
    with pytest.raises(LocalProtocolError):
        talk.client.give_ports([(1, 2)], talk.now)


# Real cameras' replies


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*_describe.txt")), ids=lambda path: path.stem)
def test_what_real_cameras_describe_can_be_set_up(path):
    described = []
    Reader(described.append, lambda channel, data: None, CLIENT_LIMITS).feed(path.read_bytes())
    camera = FakeCamera(describe=[lambda request: described[0]])
    talk = Talk(camera, url="rtsp://192.0.2.9/stream").start()
    assert talk.client.phase is Phase.PLAYING, talk.events
    tracks = talk.event(Ready).tracks
    assert tracks[0].track.medium in (Medium.VIDEO, Medium.AUDIO)
    assert any(ready.track.medium is Medium.VIDEO for ready in tracks)
    assert all(request.uri.startswith("rtsp://") for request in camera.requests)


# Any answers, in any order

_STATUSES = st.sampled_from([100, 200, 200, 200, 301, 302, 401, 403, 404, 405, 451, 454, 455, 461, 500, 501])
_VALUES = st.one_of(
    st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=30),
    st.sampled_from(
        [
            "1",
            "12345678;timeout=60",
            "RTP/AVP/TCP;unicast;interleaved=0-1",
            "RTP/AVP;unicast;client_port=1-2;server_port=3-4",
            'Digest realm="r", nonce="n"',
            'Digest realm="r", nonce="n", stale=true, algorithm=SHA-256, qop="auth"',
            "Basic x",
            "rtsp://other.example/x y",
            "OPTIONS, GET_PARAMETER",
            URL,
        ]
    ),
)
_HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "CSeq",
                "Session",
                "Transport",
                "WWW-Authenticate",
                "Location",
                "Public",
                "Content-Base",
                "Content-Location",
            ]
        ),
        _VALUES,
    ),
    max_size=4,
)
_BODIES = st.one_of(st.just((SESSION + VIDEO + AUDIO).encode()), st.just(b""), st.binary(max_size=60))
_MESSAGES = st.one_of(
    st.builds(lambda status, headers, body: Response(status, "", Headers(headers), body), _STATUSES, _HEADERS, _BODIES),
    st.builds(
        lambda method, headers: Request(method, URL, Headers(headers)),
        st.sampled_from(["OPTIONS", "ANNOUNCE", "REDIRECT", "SET_PARAMETER", "X"]),
        _HEADERS,
    ),
)
_INPUTS = st.one_of(
    _MESSAGES, _MESSAGES, st.sampled_from(["wait", "media", "teardown", "lost", "fail"]), st.integers(1, 40)
)


@settings(max_examples=200, deadline=None)
@given(inputs=st.lists(_INPUTS, max_size=14), transport=st.sampled_from(Lower), login=st.booleans())
def test_any_input_in_any_phase_gives_events_only(inputs, transport, login):
    url = "rtsp://admin:secret@cam.example/live" if login else URL
    client = RtspClient(RtspUrl.parse(url), transport=transport, random_bytes=bytes)
    now = 0
    ends = 0
    events = client.start(now)
    for item in [*inputs, "lost"]:
        if any(isinstance(event, PortsWanted) for event in events):
            events = client.give_ports([(2, 3), (4, 5)], now)
        if item == "teardown":
            events = client.teardown(now)
        elif item == "lost":
            events = client.connection_lost()
        elif item == "fail":
            events = client.fail(DownReason.PROTOCOL, "x")
        elif item == "media":
            client.media_arrived(now)
            events = []
        elif item == "wait":
            now = max(now, client.next_timeout() or now)
            events = client.on_timeout(now)
        elif isinstance(item, int):
            now += item * S
            events = client.on_timeout(now)
        else:
            events = client.on_message(item, now)
        ends += sum(isinstance(event, Failed | Ended | Redirected) for event in events)
        assert ends <= 1
        assert client.next_timeout() is None or client.phase is not Phase.CLOSED
    assert (ends, client.phase) == (1, Phase.CLOSED)


# The way to a loudspeaker

LOUDSPEAKER = "m=audio 0 RTP/AVP 8 0 97\r\na=rtpmap:97 L16/8000\r\na=control:trackID=9\r\na=sendonly\r\n"
WITH_LOUDSPEAKER = SESSION + VIDEO + LOUDSPEAKER + AUDIO
TAG = "www.onvif.org/ver20/backchannel"


def required(camera):
    """The methods of the requests that required the backchannel."""
    return [request.method for request in camera.requests if request.headers.get("Require") == TAG]


def test_nobody_is_asked_for_a_loudspeaker_unless_it_is_wanted():
    talk = Talk(FakeCamera(WITH_LOUDSPEAKER)).start()
    assert required(talk.camera) == []
    assert talk.event(Ready).loudspeaker is None
    assert not talk.event(Playing).talks


@pytest.mark.parametrize("password", ["", "secret"])
def test_a_loudspeaker_is_set_up_after_the_tracks(password):
    url = URL.replace("//", f"//admin:{password}@") if password else URL
    talk = Talk(FakeCamera(WITH_LOUDSPEAKER, password=password), url, talk=True).start()
    assert required(talk.camera) == ["DESCRIBE"] * (2 if password else 1) + ["SETUP", "PLAY"]
    ready = talk.event(Ready)
    assert [track.track.codec for track in ready.tracks] == [Codec.H264, Codec.PCMU]
    assert [track.channels for track in ready.tracks] == [(0, 1), (2, 3)]
    assert (ready.loudspeaker.track.codec, ready.loudspeaker.payload_type) == (Codec.PCMU, 0)
    assert ready.loudspeaker.channels == (4, 5)
    assert [request.uri for request in talk.camera.requests if request.method == "SETUP"][-1] == URL + "/trackID=9"
    assert talk.event(Playing).talks
    assert "Range" not in talk.camera.requests[-1].headers
    assert talk.tolerated == []


def test_over_udp_it_has_ports_of_its_own():
    talk = Talk(FakeCamera(WITH_LOUDSPEAKER), transport=Lower.UDP, talk=True).start()
    assert talk.event(PortsWanted).pairs == 3
    loudspeaker = talk.event(Ready).loudspeaker
    assert (loudspeaker.client_ports, loudspeaker.server_ports) == ((40004, 40005), (6974, 6975))


@pytest.mark.parametrize("status", [400, 403, 404, 453, 500, 501, 551])
@pytest.mark.parametrize("method", ["describe", "setup", "play"])
def test_a_camera_that_refuses_delivers_all_the_same(method, status):
    def refuse(request):
        refused = request.headers.get("Require") == TAG
        return status if refused else camera._usual(request)

    camera = FakeCamera(WITH_LOUDSPEAKER, **{method: [refuse] * 9})
    talk = Talk(camera, talk=True).start()
    assert not talk.event(Playing).talks
    assert len(talk.event(Ready).tracks) == 2
    assert talk.tolerated == [Fault.NO_LOUDSPEAKER]
    assert required(camera)[-1] == method.upper()


@pytest.mark.parametrize("sdp", [SESSION + VIDEO + AUDIO, SESSION + VIDEO + LOUDSPEAKER.replace("8 0 97", "97")])
def test_a_camera_without_a_loudspeaker_that_we_can_talk_to(sdp):
    talk = Talk(FakeCamera(sdp), talk=True).start()
    assert (talk.event(Ready).loudspeaker, talk.event(Playing).talks) == (None, False)
    assert talk.tolerated == [Fault.NO_LOUDSPEAKER]


def test_by_multicast_nobody_talks():
    talk = Talk(FakeCamera(WITH_LOUDSPEAKER), transport=Lower.MULTICAST, talk=True).start()
    assert (talk.event(Ready).loudspeaker, talk.tolerated) == (None, [Fault.NO_LOUDSPEAKER])


@pytest.mark.parametrize(
    ("lower", "transport"),
    [(Lower.TCP, "RTP/AVP;unicast;server_port=7000-7001"), (Lower.UDP, "RTP/AVP;unicast;client_port=40004-40005")],
)
def test_a_loudspeaker_that_cannot_be_reached(lower, transport):
    camera = FakeCamera(WITH_LOUDSPEAKER)
    camera.answers["SETUP"] = [camera._usual, camera._usual, lambda request: camera.set_up(request, transport)]
    talk = Talk(camera, transport=lower, talk=True).start()
    assert (talk.event(Ready).loudspeaker, talk.event(Playing).talks) == (None, False)
    assert talk.tolerated == [Fault.NO_LOUDSPEAKER]


def test_without_a_track_the_loudspeaker_is_no_stream():
    camera = FakeCamera(SESSION + AUDIO + LOUDSPEAKER, setup=[500])
    talk = Talk(camera, talk=True).start()
    assert talk.failed.text == "protocol: SETUP answered 500"


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("hangs_up", [True, False])
def test_a_camera_that_does_not_bear_the_question(wanted, hangs_up):
    talk = Talk(FakeCamera(describe=[None]), talk=wanted).start()
    if hangs_up:
        talk.perform(talk.client.connection_lost())
    else:
        talk.wait(11)
    assert talk.failed
    assert talk.client.talk_was_fatal is wanted
