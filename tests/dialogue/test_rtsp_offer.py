from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.base.media import Codec, Medium, Track
from bridge.dialogue.rtsp_client_events import OfferedTrack
from bridge.dialogue.rtsp_offer import OfferPolicy, Sendonly, TrackBase, read_offer, ready_track, sendable, session_of
from bridge.wire.rtsp.message import CLIENT_LIMITS, Headers, Reader, Response
from tests.fake_camera import AUDIO, SESSION, URL, VIDEO

FIXTURES = Path(__file__).parent.parent / "fixtures" / "cameras"
OFFERED = OfferedTrack(Track(Codec.H264, 90000), None, URL)


def described(sdp, *headers):
    return Response(200, "OK", Headers(headers), sdp.encode())


def test_order_is_that_of_the_sdp():
    assert [offered.track.codec for offered in read_offer(described(SESSION + AUDIO + VIDEO), URL).tracks] == [
        Codec.PCMU,
        Codec.H264,
    ]


def test_the_payload_type_matters_only_among_several():
    several = VIDEO.replace("AVP 96", "AVP 97 96")
    assert [read_offer(described(SESSION + sdp), URL).tracks[0].payload_type for sdp in (VIDEO, several)] == [None, 96]


def test_the_payload_type_of_hevc_among_several():
    sdp = "m=video 0 RTP/AVP 98 97\r\na=rtpmap:98 MetaData\r\na=rtpmap:97 HEVC/90000\r\n"
    (offered,) = read_offer(described(SESSION + sdp), URL).tracks
    assert (offered.track.codec, offered.payload_type) == (Codec.H265, 97)


WHOLE = "rtsp://cam.example/whole"


@pytest.mark.parametrize(
    ("session_control", "content_base", "policy", "expected"),
    [
        (WHOLE, URL + "/", TrackBase.SESSION_CONTROL, WHOLE + "/trackID=0"),
        (WHOLE, URL + "/", TrackBase.CONTENT_BASE, URL + "/trackID=0"),
        (WHOLE + "/", None, TrackBase.SESSION_CONTROL, WHOLE + "/trackID=0"),
        ("*", URL + "/", TrackBase.SESSION_CONTROL, URL + "/trackID=0"),
        ("whole", URL + "/", TrackBase.SESSION_CONTROL, URL + "/trackID=0"),
        (
            None,
            "rtsp://rtsp://cam.example:554/live/",
            TrackBase.SESSION_CONTROL,
            "rtsp://cam.example:554/live/trackID=0",
        ),
        (None, "rtsp://admin:hush@cam.example/live/", TrackBase.SESSION_CONTROL, "rtsp://cam.example/live/trackID=0"),
        (None, "/live/two/", TrackBase.SESSION_CONTROL, "rtsp://cam.example/live/two/trackID=0"),
    ],
)
def test_what_tracks_hang_onto(session_control, content_base, policy, expected):
    session = SESSION.replace("a=control:*\r\n", f"a=control:{session_control}\r\n" if session_control else "")
    headers = [("Content-Base", content_base)] if content_base else []
    offer = read_offer(described(session + VIDEO, *headers), URL, OfferPolicy(track_base=policy))
    assert offer.tracks[0].control == expected


@pytest.mark.parametrize(
    ("video", "audio", "policy", "codecs"),
    [
        ("", "sendonly", Sendonly.WAY_BACK_OF_AUDIO, [Codec.H264]),
        ("recvonly", "sendonly", Sendonly.WAY_BACK_OF_AUDIO, [Codec.H264]),
        ("sendonly", "sendonly", Sendonly.WAY_BACK_OF_AUDIO, [Codec.H264, Codec.PCMU]),
        ("sendonly", "recvonly", Sendonly.WAY_BACK, [Codec.PCMU]),
        ("sendonly", "sendonly", Sendonly.WAY_BACK, []),
    ],
)
def test_sendonly_may_be_said_of_the_camera_itself(video, audio, policy, codecs):
    sdp = SESSION + VIDEO + (f"a={video}\r\n" if video else "") + AUDIO + f"a={audio}\r\n"
    assert [
        offered.track.codec for offered in read_offer(described(sdp), URL, OfferPolicy(sendonly=policy)).tracks
    ] == codecs


@pytest.mark.parametrize(
    ("transport", "channels", "ssrc"),
    [
        ("RTP/AVP/TCP;ssrc=22345684;interleaved=4-5", (4, 5), 0x22345684),
        ("RTP/AVP/TCP;unicast;client_port=none;interleaved=4-5;ssrc=0x6f7c", (4, 5), 0x6F7C),
        ("RTP/AVP/TCP;unicast;port=70000;interleaved=4", (4, 5), None),
        ("unicast;interleaved=4-5", (4, 5), None),
        ("RTP/AVP/TCP;unicast;interleaved=4-x;ssrc=zz", (0, 1), None),
        ("", (0, 1), None),
    ],
)
def test_what_can_be_read_of_a_transport(transport, channels, ssrc):
    ready = ready_track(OFFERED, Response(200, "OK", Headers([("Transport", transport)])), channels_asked=(0, 1))
    assert (ready.channels, ready.ssrc) == (channels, ssrc)


def test_the_payload_type_is_that_of_the_codec_whatever_its_name():
    for names, number in ((("MP4V-ES", "HEVC"), 97), (("telephone-event", "AAL2-G726-32"), 97), (("opus", "PCMU"), 96)):
        medium = "video" if "HEVC" in names else "audio"
        maps = "".join(f"a=rtpmap:{96 + at} {name}/90000\r\n" for at, name in enumerate(names))
        sdp = SESSION + f"m={medium} 0 RTP/AVP 96 97\r\n{maps}a=control:x\r\n"
        assert [offered.payload_type for offered in read_offer(described(sdp), URL).tracks] == [number]


def test_no_sdp_is_refused():
    with pytest.raises(RemoteProtocolError):
        read_offer(described(""), URL)


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.glob("*_sdp.txt")))
def test_the_sdp_of_real_cameras(name):
    offer = read_offer(Response(200, "OK", Headers(), (FIXTURES / name).read_bytes()), URL)
    assert any(offered.track.codec in (Codec.H264, Codec.H265) for offered in offer.tracks)
    assert all(offered.control.startswith("rtsp://") for offered in offer.tracks)


BASE = "rtsp://cam.example/live"


@pytest.mark.parametrize(
    ("name", "tracks"),
    [
        ("tuya_sdp", [(Codec.H264, 1280, "/streamid=0"), (Codec.PCMA, 0, "/streamid=1")]),
        ("cvrtsp_sdp", [(Codec.H264, 1280, "/trackID=1"), (Codec.PCMU, 0, "/trackID=2")]),
        ("macrovideo_sdp", [(Codec.H264, 1280, "/track1")]),
        ("igcsms_sdp", [(Codec.H264, 1280, "/track=1")]),
        ("uniview_sdp", [(Codec.H264, 1280, "rtsp://198.51.100.25/media/video1/video")]),
    ],
)
def test_what_is_made_of_the_sdp_of_devices(name, tracks):
    offer = read_offer(Response(200, "OK", Headers(), (FIXTURES / f"{name}.txt").read_bytes()), BASE)
    seen = [(offered.track.codec, offered.track.width, offered.control.removeprefix(BASE)) for offered in offer.tracks]
    assert seen == tracks


@pytest.mark.parametrize(
    ("name", "tracks", "whole"),
    [
        (
            "hikvision_describe",
            [
                (
                    Codec.H264,
                    "rtsp://198.51.100.22:554/Streaming/Channels/101/trackID=1?transportmode=unicast&profile=Profile_1",
                )
            ],
            "rtsp://198.51.100.22:554/Streaming/Channels/101/",
        ),
        ("vstarcam_describe", [(Codec.H264, BASE + "/track0"), (Codec.PCMA, BASE + "/track1")], BASE),
        (
            "generic_doubled_base_describe",
            [(Codec.H264, "rtsp://198.51.100.27:554/stream1/trackID=1")],
            "rtsp://198.51.100.27:554/stream1/",
        ),
        ("generic_short_length_describe", [(Codec.PCMU, BASE + "/trackID=1"), (Codec.H264, BASE + "/trackID=2")], BASE),
    ],
)
def test_what_is_made_of_the_answers_of_devices(name, tracks, whole):
    seen = []
    Reader(seen.append, lambda channel, payload: None, CLIENT_LIMITS).feed((FIXTURES / f"{name}.txt").read_bytes())
    offer = read_offer(seen[0], BASE)
    media = [offered for offered in offer.tracks if offered.track.medium is not Medium.METADATA]
    assert ([(offered.track.codec, offered.control) for offered in media], offer.control) == (tracks, whole)


def test_zero_is_no_port_of_a_server():
    answer = Response(200, "OK", Headers([("Transport", "RTP/AVP;unicast;client_port=2-3;server_port=0-0")]))
    assert ready_track(OFFERED, answer, client_ports=(2, 3)).server_ports is None


def test_the_source_that_the_camera_names():
    answer = Response(200, "OK", Headers([("Transport", "RTP/AVP;unicast;source=192.0.2.9;server_port=6-7")]))
    ready = ready_track(OFFERED, answer, client_ports=(2, 3))
    assert (ready.source, ready.server_ports) == ("192.0.2.9", (6, 7))


def test_blanks_in_urls_are_encoded_and_long_ones_refused():
    assert sendable("rtsp://h/track 1\n") == "rtsp://h/track%201%0A"
    with pytest.raises(RemoteProtocolError):
        sendable("rtsp://h/" + "x" * 5000)


@settings(max_examples=150)
@given(body=st.binary(max_size=300), base=st.text(max_size=40), transport=st.text(max_size=60))
def test_any_answer_gives_a_value_or_a_protocol_error(body, base, transport):
    response = Response(200, "OK", Headers([("Content-Base", base), ("Transport", transport)]), body)
    for read in (
        lambda: read_offer(response, URL),
        lambda: ready_track(OFFERED, response, channels_asked=(0, 1)),
        lambda: ready_track(OFFERED, response, client_ports=(2, 3)),
        lambda: ready_track(OFFERED, response),
    ):
        try:
            read()
        except RemoteProtocolError:
            continue


def back(formats, more="", control="a=control:back\r\n"):
    return f"m=audio 0 RTP/AVP {formats}\r\n{more}{control}a=sendonly\r\n"


@pytest.mark.parametrize(
    ("sections", "found"),
    [
        ("", None),
        (back("0"), (Codec.PCMU, 0)),
        (back("8"), (Codec.PCMA, 8)),
        (back("8 0"), (Codec.PCMU, 0)),
        (back("8") + back("97", "a=rtpmap:97 PCMU/8000\r\n"), (Codec.PCMU, 97)),
        (back("2"), (Codec.G726, 2)),
        (back("98 99", "a=rtpmap:98 G726-40/8000\r\na=rtpmap:99 PCMA/16000\r\n"), (Codec.PCMA, 99)),
        (back("97", "a=rtpmap:97 opus/48000/2\r\n"), None),
        (back("97", "a=rtpmap:97 MPEG4-GENERIC/16000\r\na=fmtp:97 mode=AAC-hbr;config=1408;sizelength=13;"
         "indexlength=3;indexdeltalength=3\r\n"), (Codec.AAC, 97)),
        (back("0", control=""), None),
        (back("0").replace("audio", "application"), None),
        (AUDIO, None),
    ],
)  # fmt: skip
def test_the_loudspeaker_and_the_format_that_is_talked_in(sections, found):
    offer = read_offer(described(SESSION + VIDEO + sections), URL)
    loudspeaker = offer.loudspeaker
    assert (loudspeaker and (loudspeaker.track.codec, loudspeaker.payload_type)) == found
    if found:
        assert loudspeaker.control == URL + "/back"
        assert [offered.track.codec for offered in offer.tracks] == [Codec.H264]


@pytest.mark.parametrize(
    ("text", "session"),
    [("12;timeout=5", ("12", 5)), ("12, timeout=5", ("12", 5)), ("12 timeout=5", ("12", 5)), ("", None)],
)
def test_which_session_an_answer_names(text, session):
    header = session_of(Response(200, "OK", Headers([("Session", text)])))
    assert (header and (header.id, header.timeout_s)) == session
