import pytest

from bridge.base.time import NS_PER_S
from bridge.dialogue.rtsp_frames import FRAME_BYTES_PER_WINDOW, FRAME_OVERHEAD_BYTES, ClientFrames, is_rtcp_report
from bridge.dialogue.rtsp_presentation import LOUDSPEAKER
from bridge.dialogue.rtsp_session import InterleavedRoute, Leg, Sessions
from bridge.dialogue.rtsp_states import State
from tests.dialogue.rtsp_server_setting import FakeListener, two_tracks

S = NS_PER_S
REPORT = memoryview(bytes.fromhex("80c90001000000ff"))


@pytest.fixture
def sessions():
    return Sessions(bytes)


@pytest.fixture
def session(sessions):
    session = sessions.make("ann", two_tracks(), 0)
    session.legs[0] = Leg(InterleavedRoute(0, 1), "rtsp://gate/live/door/trackID=0")
    return session


@pytest.mark.parametrize(
    ("data", "expected"),
    [("80c90001000000ff", True), ("81c80001000000ff", True), ("80cb000100000000", False), ("", False)],
)
def test_what_counts_as_a_report(data, expected):
    assert is_rtcp_report(memoryview(bytes.fromhex(data))) is expected


def test_a_report_on_its_channel_keeps_the_session(sessions, session):
    frames = ClientFrames(sessions, None, 0)
    for channel, payload in ((0, REPORT), (9, REPORT), (1, memoryview(b"junk"))):
        assert frames.take([session], channel, payload, 30 * S)
    assert session.expires_ns == 60 * S
    assert frames.take([session], 1, REPORT, 30 * S)
    assert session.expires_ns == 90 * S


def test_a_flood(sessions, session):
    frames = ClientFrames(sessions, None, 0)
    payload = memoryview(bytes(FRAME_BYTES_PER_WINDOW - FRAME_OVERHEAD_BYTES))
    assert frames.take([session], 0, payload, S)
    assert not frames.take([session], 0, memoryview(b""), S)
    assert frames.take([session], 0, payload, 11 * S)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("channel", [0, 1, 4, 5])
def test_talk_is_heard_on_its_channel_while_the_session_plays(sessions, session, state, channel):
    listener = FakeListener()
    frames = ClientFrames(sessions, listener, 0)
    session.legs[LOUDSPEAKER] = Leg(InterleavedRoute(4, 5), "rtsp://gate/live/door/trackID=100")
    session.state = state
    assert frames.take([session], channel, memoryview(b"hello"), 30 * S)
    heard = state is State.PLAYING and channel == 4
    assert listener.heard == ([(session, b"hello")] if heard else [])
    assert session.expires_ns == (90 if heard else 60) * S
