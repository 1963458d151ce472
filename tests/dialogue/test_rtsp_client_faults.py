"""What cameras do wrong in the conversation, and that we bear it: one test a fault of docs/cameras.md."""

from pathlib import Path

import pytest

from bridge.base.time import NS_PER_S
from bridge.dialogue.rtsp_client import MAX_REDIRECTS, ClientPolicy
from bridge.dialogue.rtsp_client_events import DownReason, Failed, Fault, Lower, Ready, Redirected
from bridge.dialogue.rtsp_states import Phase
from bridge.wire.rtsp.message import CLIENT_LIMITS, Headers, Reader, Response
from tests.dialogue.rtsp_client_setting import Talk
from tests.fake_camera import SESSION, URL, VIDEO, FakeCamera

S = NS_PER_S
FIXTURES = Path(__file__).parent.parent / "fixtures" / "cameras"
LOGIN = "rtsp://admin:secret@cam.example/live"


def moved(location="rtsp://other.example:8554/x"):
    return Response(302, "", Headers([("Location", location)]))


# Answers that are not what was asked


@pytest.mark.parametrize("method", ["setup", "play", "get_parameter"])
def test_a_redirect_in_the_middle_is_followed_and_the_session_torn_down(method):
    talk = Talk(FakeCamera(SESSION + VIDEO + VIDEO, **{method: [moved()]})).start()
    talk.play(31)
    redirected = talk.event(Redirected)
    assert (str(redirected.url), redirected.redirects_left) == ("rtsp://other.example:8554/x", MAX_REDIRECTS - 1)
    assert talk.client.phase is Phase.CLOSED
    assert (talk.camera.methods[-1] == "TEARDOWN") is (method != "setup")


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/other", "rtsp://cam.example/other"),
        ("other", "rtsp://cam.example/other"),
        ("192.0.2.7:8554/x", "rtsp://192.0.2.7:8554/x"),
        ("rtsp://rtsp://192.0.2.7/x", "rtsp://192.0.2.7/x"),
    ],
)
def test_a_redirect_to_half_a_url(location, target):
    assert str(Talk(FakeCamera(describe=[moved(location)])).start().event(Redirected).url) == target


def test_redirects_long_after_another_are_none_of_a_row():
    talk = Talk(FakeCamera(get_parameter=[200, 200, moved()]), redirects_left=0).start()
    talk.play(91)
    assert talk.event(Redirected).redirects_left == MAX_REDIRECTS - 1
    talk = Talk(FakeCamera(get_parameter=[moved()]), redirects_left=0).start()
    talk.play(31)
    assert "redirects in a row" in talk.failed.text


def test_a_wrong_cseq_is_borne_and_told_once():
    answer = lambda request: Response(200, "OK", Headers([("CSeq", "0"), ("Public", "OPTIONS")]))  # noqa: E731
    talk = Talk(FakeCamera(options=[answer, answer])).start()
    talk.play(65)
    assert talk.tolerated == [Fault.WRONG_CSEQ]
    assert Talk(FakeCamera()).start().tolerated == []


def test_a_wrong_cseq_is_nothing_when_the_policy_says_so():
    answer = lambda request: Response(200, "OK", Headers([("CSeq", "0")]))  # noqa: E731
    talk = Talk(FakeCamera(options=[answer]), policy=ClientPolicy(forgive_cseq=False)).start()
    talk.wait(11)
    assert talk.failed.reason is DownReason.TIMEOUT


def test_options_that_are_refused_or_name_nothing():
    talk = Talk(FakeCamera(options=[501])).start()
    assert (talk.client.phase, talk.tolerated) == (Phase.PLAYING, [Fault.OPTIONS_REFUSED])
    talk = Talk(FakeCamera(public="")).start()
    talk.play(31)
    assert (talk.camera.methods[-1], talk.tolerated) == ("OPTIONS", [])


def test_methods_may_stand_in_allow():
    named = Response(200, "OK", Headers([("Allow", "OPTIONS, DESCRIBE, GET_PARAMETER")]))
    talk = Talk(FakeCamera(options=[named])).start()
    talk.play(31)
    assert talk.camera.methods[-1] == "GET_PARAMETER"


@pytest.mark.parametrize("status", [453, 503])
@pytest.mark.parametrize("method", ["describe", "setup", "play"])
def test_a_camera_that_has_no_room(method, status):
    talk = Talk(FakeCamera(**{method: [status]})).start()
    text = f"busy: the camera has no room for another viewer ({method.upper()}: {status})"
    assert talk.failed == Failed(DownReason.BUSY, text)


@pytest.mark.parametrize("status", [406, 415, 461, 501])
def test_udp_that_is_refused_by_any_word_for_it(status):
    talk = Talk(FakeCamera(setup=[status]), transport=Lower.UDP).start()
    assert [ready.channels for ready in talk.event(Ready).tracks] == [(0, 1), (2, 3)]
    assert talk.tolerated == [Fault.TRANSPORT_REFUSED]


def test_a_range_that_is_refused_is_left_out():
    talk = Talk(FakeCamera(play=[457])).start()
    assert (talk.client.phase, talk.tolerated) == (Phase.PLAYING, [Fault.RANGE_REFUSED])
    assert ["Range" in request.headers for request in talk.camera.requests[-2:]] == [True, False]
    assert Talk(FakeCamera(play=[457, 457])).start().failed.text == "protocol: PLAY answered 457"
    strict = ClientPolicy(play_without_range=False)
    assert Talk(FakeCamera(play=[457]), policy=strict).start().failed.text == "protocol: PLAY answered 457"


# Sessions


def test_a_camera_without_sessions():
    camera = FakeCamera(get_parameter=[454, 200])
    camera.session = ""
    talk = Talk(camera).start()
    talk.play(61)
    assert talk.client.phase is Phase.PLAYING
    assert talk.tolerated == [Fault.NO_SESSION, Fault.KEEPALIVE_REFUSED]
    assert all("Session" not in request.headers for request in camera.requests)


@pytest.mark.parametrize("session", ["77,timeout=20", "77 timeout=20", "77 ; Timeout = 20", "77;timeout=20;"])
def test_a_session_and_its_timeout_however_they_are_parted(session):
    camera = FakeCamera()
    camera.session = session
    talk = Talk(camera).start()
    talk.play(11)
    assert camera.requests[-1].method == "GET_PARAMETER"
    assert camera.requests[-1].headers.get("Session") == "77"


def test_a_session_that_changes_with_play():
    camera = FakeCamera(play=[lambda request: Response(200, "OK", Headers([("Session", "second;timeout=20")]))])
    talk = Talk(camera).start()
    talk.play(11)
    assert camera.requests[-1].headers.get("Session") == "second"
    assert talk.tolerated == [Fault.SESSION_CHANGED]


def test_a_session_that_changes_while_playing():
    """The old name goes on being said until the camera does not know it any more."""
    other = lambda request: Response(200, "OK", Headers([("Session", "second")]))  # noqa: E731
    camera = FakeCamera(get_parameter=[other, other, 454])
    talk = Talk(camera).start()
    talk.play(121)
    assert [request.headers.get("Session") for request in camera.requests[-5:]] == ["12345678"] * 3 + ["second"] * 2
    assert (talk.client.phase, talk.tolerated) == (Phase.PLAYING, [Fault.SESSION_CHANGED])


def test_of_two_sessions_the_camera_may_mean_the_first():
    def other(request):
        camera.session = "second"
        response = camera.set_up(request)
        camera.session = ""
        return response

    for refuse in ({"play": [454]}, {"get_parameter": [454]}):
        camera = FakeCamera(**refuse)
        camera.answers["SETUP"] = [camera.set_up, other]
        talk = Talk(camera).start()
        talk.play(31)
        assert camera.requests[-1].headers.get("Session") == "12345678"
        assert (talk.client.phase, talk.tolerated) == (Phase.PLAYING, [Fault.SESSION_CHANGED])


def test_454_for_a_keepalive_in_a_session_that_the_camera_knows():
    talk = Talk(FakeCamera(get_parameter=[454])).start()
    talk.play(61)
    assert talk.camera.methods[-3:] == ["GET_PARAMETER", "OPTIONS", "OPTIONS"]
    assert (talk.client.phase, talk.tolerated) == (Phase.PLAYING, [Fault.KEEPALIVE_REFUSED])


# Keepalives and log-in in the middle


@pytest.mark.parametrize("status", [400, 404, 405, 451, 455, 500, 501, 551])
def test_a_keepalive_that_is_refused_is_options_from_then_on(status):
    talk = Talk(FakeCamera(get_parameter=[status])).start()
    talk.camera.answers["OPTIONS"] = [status, 200]
    talk.play(95)
    assert talk.camera.methods[-3:] == ["GET_PARAMETER", "OPTIONS", "OPTIONS"]
    assert (talk.client.phase, talk.tolerated) == (Phase.PLAYING, [Fault.KEEPALIVE_REFUSED])


def test_a_keepalive_that_nobody_answers_is_options_from_then_on():
    talk = Talk(FakeCamera(get_parameter=[None])).start()
    talk.play(75)
    assert talk.camera.methods[-2:] == ["GET_PARAMETER", "OPTIONS"]
    assert (talk.client.phase, talk.tolerated) == (Phase.PLAYING, [Fault.KEEPALIVE_UNANSWERED])


def test_a_nonce_for_every_answer():
    """Each keepalive is refused once, with a new nonce that is not called stale (Hikvision among others)."""
    nonces = iter(range(100))

    def once(request):
        headers = [("WWW-Authenticate", f'Digest realm="r", nonce="n{next(nonces)}", stale="FALSE"')]
        return Response(401, "", Headers(headers))

    camera = FakeCamera(get_parameter=[once, 200] * 5)
    talk = Talk(camera, url=LOGIN).start()
    talk.play(155)
    assert camera.methods[-10:] == ["GET_PARAMETER"] * 10
    said = [request.headers.get("Authorization") or "" for request in camera.requests[-10:]]
    assert [f'nonce="n{number}"' in said[2 * number + 1] for number in range(5)] == [True] * 5
    assert talk.client.phase is Phase.PLAYING


def test_a_password_that_was_changed_in_the_middle():
    refuse = lambda request: Response(401, "", Headers([("WWW-Authenticate", 'Digest realm="r", nonce="x"')]))  # noqa: E731
    talk = Talk(FakeCamera(get_parameter=[refuse] * 5), url=LOGIN).start()
    talk.play(31)
    assert talk.failed == Failed(DownReason.AUTH, "401: user name or password refused")
    assert talk.camera.methods.count("GET_PARAMETER") == 2


# Replies of devices


def reply(name):
    seen = []
    Reader(seen.append, lambda channel, payload: None, CLIENT_LIMITS).feed((FIXTURES / f"{name}.txt").read_bytes())
    return lambda request: seen[0]


@pytest.mark.parametrize(
    ("method", "name", "faults"),
    [
        ("options", "foscam_options", {Fault.WRONG_CSEQ}),
        ("options", "dahua_options", set()),
        ("setup", "hikvision_setup", set()),
        ("setup", "generic_transport_setup", set()),
        ("describe", "generic_challenge_unauthorized", set()),
        ("describe", "generic_unauthorized", set()),
        ("get_parameter", "generic_keepalive_refused", {Fault.KEEPALIVE_REFUSED}),
        ("play", "laureii_play", set()),
        ("play", "gw_play", set()),
    ],
)
def test_replies_of_devices(method, name, faults):
    talk = Talk(FakeCamera(SESSION + VIDEO, **{method: [reply(name)]}), url=LOGIN).start()
    talk.play(65)
    assert talk.client.phase is Phase.PLAYING
    assert talk.event(Ready).tracks[0].channels == (0, 1)
    # The reply was another session's, and its CSeq another request's.
    assert set(talk.tolerated) - {Fault.SESSION_CHANGED} >= faults


# The documents


def test_every_fault_stands_in_the_document_and_every_fixture_in_its_list():
    document = (FIXTURES.parents[2] / "docs" / "cameras.md").read_text()
    assert [fault for fault in Fault if f"`{fault.value}`" not in document] == []
    listed = (FIXTURES / "README.md").read_text()
    assert [path.stem for path in FIXTURES.glob("*.txt") if f"`{path.stem}`" not in listed] == []


# Silence


def test_four_seconds_of_silence_every_minute_cost_nothing():
    talk = Talk().start()
    for _ in range(10):
        talk.play(56)
        talk.wait(4)
    assert (talk.client.phase, talk.tolerated) == (Phase.PLAYING, [])
    assert set(talk.camera.methods) == {"OPTIONS", "DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER"}


def test_the_other_camera_behind_the_address_is_asked_at_its_port():
    """Two cameras behind one address differ by port alone: nothing that one said is used for the other."""
    talks = [Talk(FakeCamera(), url=f"rtsp://gate.example:{port}/live").start() for port in (5541, 5542)]
    assert [talk.camera.requests[0].uri for talk in talks] == [
        "rtsp://gate.example:5541/live",
        "rtsp://gate.example:5542/live",
    ]
    assert URL not in {request.uri for talk in talks for request in talk.camera.requests[:2]}
