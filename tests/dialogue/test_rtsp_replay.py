"""What PLAY and PAUSE of recorded media ask for, and what the replies say."""

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import parse_utc
from bridge.dialogue.rtsp_replay import FASTEST, SLOWEST, Begins, ReplayTerms, ReplayWish, read_pause_point, read_wish
from bridge.dialogue.rtsp_server_events import Paused, PauseWanted, PlayRequested, PlayStarted
from bridge.dialogue.rtsp_states import State
from bridge.wire.rtsp.headers import Range
from bridge.wire.rtsp.message import Headers, Request
from bridge.wire.rtsp.replay_headers import Frames, FramesKind
from tests.dialogue.rtsp_server_setting import ROOT, Setting, two_tracks

NINE = parse_utc("2026-11-21T09:00:00Z")
TEN = parse_utc("2026-11-21T10:00:00Z")
URL = f"{ROOT}/recordings/rec-door.main"
REVERSE = Fraction(-1)


def play(**headers):
    fields = [("CSeq", "300"), *((name.replace("_", "-"), value) for name, value in headers.items())]
    request = Request("PLAY", URL, Headers(fields))
    text = request.headers.get("Range")
    return read_wish(request, Range.parse(text) if text else None)


def test_a_cseq_of_any_length():
    wish = read_wish(Request("PLAY", URL, Headers([("CSeq", "1" * 5000 + "00000513")])), None)
    assert wish.cseq & 0xFF == int("1" * 100 + "00000513") & 0xFF


WISHES = [
    ({}, ReplayWish(300)),
    ({"Range": "npt=0.000-"}, ReplayWish(300, Begins.FIRST)),
    ({"Range": "npt=now-"}, ReplayWish(300, Begins.LATEST)),
    ({"Range": f"npt={NINE // 10**9 + 2_208_988_800}.0-"}, ReplayWish(300, Begins.AT, NINE)),
    ({"Range": "clock=20261121T090000Z-"}, ReplayWish(300, Begins.AT, NINE)),
    ({"Range": "clock=20261121T090000Z-20261121T100000Z"}, ReplayWish(300, Begins.AT, NINE, TEN)),
    ({"Range": "clock=20261121T100000Z-20261121T090000Z", "Scale": "-1.0"},
     ReplayWish(300, Begins.AT, TEN, NINE, REVERSE)),
    ({"Range": "clock=20261121T090000Z-20261121T090000Z", "Scale": "-1.0"},
     ReplayWish(300, Begins.AT, NINE, NINE, REVERSE)),
    ({"Rate_Control": "no", "Frames": "intra/4000", "Immediate": "yes", "Scale": "1"},
     ReplayWish(300, scale=Fraction(1), controlled=False, frames=Frames(FramesKind.INTRA, 4000), immediate=True)),
    ({"Immediate": "no"}, ReplayWish(300)),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "wish"), WISHES)
def test_play(headers, wish):
    assert play(**headers) == wish


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Range": "npt=5-"}, 457),
        ({"Range": "npt=0-10"}, 457),
        ({"Range": "npt=999999999999-"}, 457),
        ({"Range": "npt=4004800244-999999999999"}, 457),
        ({"Range": "npt=4004800244-5"}, 457),
        ({"Range": "npt=-10"}, 457),
        ({"Range": "clock=20261121T100000Z-20261121T090000Z"}, 457),
        ({"Range": "clock=20261121T090000Z-20261121T100000Z", "Scale": "-2"}, 457),
        ({"Frames": "key"}, 400),
        ({"Scale": "0"}, 400),
        ({"Rate-Control": "maybe"}, 400),
        ({"Immediate": "soon"}, 400),
    ],
)
def test_play_refused(headers, status):
    with pytest.raises(RemoteProtocolError) as caught:
        play(**headers)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("scale", "controlled", "played"),
    [
        (None, None, Fraction(1)),
        (Fraction(1000), None, FASTEST),
        (Fraction(-1000), True, -FASTEST),
        (Fraction(1, 1000), None, SLOWEST),
        (Fraction(-8), False, REVERSE),
        (Fraction(1, 2), False, Fraction(1)),
    ],
)
def test_a_scale_that_is_not_played_becomes_the_nearest(scale, controlled, played):
    terms = ReplayWish(1, scale=scale, controlled=controlled).terms(None)
    assert terms.scale == played
    assert terms.reverse is (played < 0)


def test_a_resumed_play_goes_on_as_before_in_what_it_does_not_say():
    before = ReplayTerms(REVERSE, controlled=False, frames=Frames(FramesKind.INTRA))
    assert ReplayWish(1).terms(before) == before
    assert ReplayWish(1, scale=Fraction(1)).terms(before) == ReplayTerms(Fraction(1), False, before.frames)
    assert ReplayWish(1, Begins.FIRST).terms(before) == ReplayTerms()


def test_the_reply_says_what_is_played_and_what_was_asked():
    asked = ReplayWish(1, scale=Fraction(-1000), controlled=True)
    assert asked.reply_headers(asked.terms(None), TEN, NINE) == [
        ("Range", "clock=20261121T100000Z-20261121T090000Z"),
        ("Scale", "-64.0"),
        ("Rate-Control", "yes"),
    ]
    assert ReplayWish(1).reply_headers(ReplayTerms(), NINE + 1, None) == [
        ("Range", "clock=20261121T090000.000000001Z-")
    ]


@pytest.mark.parametrize(("text", "point"), [(None, None), ("clock=20261121T090000Z-", NINE)])
def test_pause(text, point):
    assert read_pause_point(Request("PAUSE", URL, Headers([("Range", text)] if text else []))) == point


@pytest.mark.parametrize("text", ["npt=now-", "npt=5-", "clock=x", ""])
def test_pause_refused(text):
    with pytest.raises(RemoteProtocolError) as caught:
        read_pause_point(Request("PAUSE", URL, Headers([("Range", text)])))
    assert caught.value.status == 457


@given(st.dictionaries(st.sampled_from(["Scale", "Rate_Control", "Frames", "Immediate"]), st.text(max_size=12)))
def test_any_headers_give_a_wish_or_a_refusal(headers):
    with suppress(RemoteProtocolError):
        assert SLOWEST <= abs(play(**headers).terms(None).scale) <= FASTEST


# In a conversation


def recorded(**side):
    setting = Setting(**side)
    presentation = setting.presentations["/recordings/rec-door.main"] = two_tracks("/recordings/rec-door.main")
    presentation.live = False
    return setting


def talk_of(setting):
    talk = setting.connect("ann")
    assert talk.setup(f"{URL}/trackID=0").status == 200
    return talk


def of_kind(talk, kind):
    return [event for event in talk.events if isinstance(event, kind)]


def test_the_shell_is_asked_for_what_the_play_says():
    talk = talk_of(recorded())
    headers = [("Require", "onvif-replay"), ("Range", "clock=20261121T090000Z-"), ("Rate-Control", "no")]
    assert talk.ask("PLAY", URL, headers).status == 200
    (asked,) = of_kind(talk, PlayRequested)
    assert asked.replay == ReplayWish(talk.cseq, Begins.AT, NINE, controlled=False)
    assert len(of_kind(talk, PlayStarted)) == 1


@pytest.mark.parametrize(
    ("header", "status"), [(("Range", "clock=x"), 457), (("Range", "npt=4-"), 457), (("Frames", "b"), 400)]
)
def test_what_cannot_be_read_is_refused_before_the_shell_is_asked(header, status):
    talk = talk_of(recorded())
    assert talk.ask("PLAY", URL, [header]).status == status
    assert not of_kind(talk, PlayRequested)


def test_pause_at_an_instant_pauses_when_play_has_come_there():
    talk = talk_of(recorded())
    assert talk.ask("PAUSE", URL, [("Range", "clock=20261121T090000Z-")]).status == 455
    assert talk.ask("PLAY", URL).status == 200
    assert talk.ask("PAUSE", URL, [("Range", "npt=1-")]).status == 457
    assert talk.ask("PAUSE", URL, [("Range", "clock=20261121T090000Z-")]).status == 200
    session = talk.setting.sessions.get(talk.session)
    assert of_kind(talk, PauseWanted) == [PauseWanted(session, NINE)]
    assert session.state is State.PLAYING
    session.reach_pause()
    assert session.state is State.PAUSED
    assert not of_kind(talk, Paused)
    assert talk.ask("PAUSE", URL, [("Range", "clock=20261121T090000Z-")]).status == 200
    assert talk.ask("PLAY", URL).status == 200
    assert talk.ask("PAUSE", URL).status == 200
    assert len(of_kind(talk, Paused)) == 2


def test_live_knows_nothing_of_it():
    talk = Setting().connect("ann")
    talk.setup()
    headers = [("Scale", "x"), ("Frames", "intra"), ("Rate-Control", "no")]
    assert talk.ask("PLAY", f"{ROOT}/live/door", headers).status == 200
    assert of_kind(talk, PlayRequested)[0].replay is None
    assert talk.ask("PAUSE", f"{ROOT}/live/door", [("Range", "clock=20261121T090000Z-")]).status == 200
    assert len(of_kind(talk, Paused)) == 1


def test_there_is_room_for_so_many_replays():
    setting = recorded()
    setting.sessions.max_replays = 1
    talk_of(setting)
    assert setting.sessions.replays == 1
    assert setting.connect("ann").setup(f"{URL}/trackID=0").status == 453
    assert setting.connect("ann").setup().status == 200
