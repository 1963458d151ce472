"""Session descriptions."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.wire.rtsp.message import CLIENT_LIMITS, Reader, Response
from bridge.wire.sdp import Direction, MediaDescription, RtpMap, SessionDescription

CAMERAS = Path(__file__).parents[1] / "fixtures" / "cameras"


def description_of(name: str) -> SessionDescription:
    data = (CAMERAS / f"{name}.txt").read_bytes()
    if name.endswith("_sdp"):
        return SessionDescription.parse(data)
    seen: list[Response] = []
    Reader(seen.append, lambda channel, payload: None, CLIENT_LIMITS).feed(data)
    return SessionDescription.parse(seen[0].body)


OURS = SessionDescription(
    origin="- 1 1 IN IP4 10.0.0.1",
    name="gate",
    connection="IN IP4 0.0.0.0",
    attributes=[("control", "*"), ("range", "npt=now-")],
    medias=[
        MediaDescription(
            "video",
            formats=["96"],
            bandwidth={"AS": 4000},
            attributes=[
                ("rtpmap", "96 H264/90000"),
                ("fmtp", "96 packetization-mode=1;profile-level-id=42C01F;sprop-parameter-sets=Z0LAHw==,aM4PyA=="),
                ("control", "trackID=0"),
                ("recvonly", ""),
            ],
        ),
        MediaDescription("audio", formats=["0"], title="microphone", attributes=[("control", "trackID=1")]),
    ],
)
NORMAL = (
    "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=gate\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\na=range:npt=now-\r\n"
    "m=video 0 RTP/AVP 96\r\nb=AS:4000\r\na=rtpmap:96 H264/90000\r\n"
    "a=fmtp:96 packetization-mode=1;profile-level-id=42C01F;sprop-parameter-sets=Z0LAHw==,aM4PyA==\r\n"
    "a=control:trackID=0\r\na=recvonly\r\n"
    "m=audio 0 RTP/AVP 0\r\ni=microphone\r\na=control:trackID=1\r\n"
)
# as received, normal form, value
TABLE = [
    pytest.param(NORMAL, NORMAL, OURS, id="ours"),
    pytest.param(NORMAL.replace("\r\n", "\n"), NORMAL, OURS, id="LF only"),
    pytest.param(NORMAL.replace("\r\n", "\r"), NORMAL, OURS, id="CR only"),
    pytest.param(NORMAL.replace("\r\n", "\r\r\n\r\n"), NORMAL, OURS, id="doubled line ends"),
    pytest.param("\ufeff" + NORMAL + "\0\0", NORMAL, OURS, id="byte order mark, NUL at the end"),
    pytest.param("garbage\r\n" + NORMAL.replace("s=gate", " S = gate \r\n=\r\nx"), NORMAL, OURS, id="garbage lines"),
    pytest.param(
        "m=audio 5000/2 RTP/AVP 8 101\r\nc=IN IP4 10.0.0.2\r\n",
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8 101\r\nc=IN IP4 10.0.0.2\r\n",
        SessionDescription(
            medias=[MediaDescription("audio", 5000, formats=["8", "101"], connection="IN IP4 10.0.0.2")]
        ),
        id="one media section and nothing else",
    ),
    pytest.param(
        "s=a\r\ni=b\r\nb=TIAS:5\r\nb=AS:x\r\nt=1 2\r\na=flag\r\na= x : y \r\nk=ignored\r\n",
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=a\r\ni=b\r\nb=TIAS:5\r\nt=1 2\r\na=flag\r\na=x:y\r\n",
        SessionDescription(
            name="a", information="b", bandwidth={"TIAS": 5}, time="1 2", attributes=[("flag", ""), ("x", "y")]
        ),
        id="session only",
    ),
    pytest.param(
        "v=0\r\nm=broken\r\na=lost\r\nm=video 0\r\na=lost\r\nm=video 1 RTP/AVP 26\r\na=kept\r\n",
        None,
        SessionDescription(medias=[MediaDescription("video", 1, formats=["26"], attributes=[("kept", "")])]),
        id="media sections that cannot be read",
    ),
]


TABLE += [
    pytest.param(
        f"m=video {port} RTP/AVP 96\r\n",
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n",
        SessionDescription(medias=[MediaDescription("video", formats=["96"])]),
        id=f"port {port or 'missing'}",
    )
    for port in ("-1353744643", "99999999", "0/x", "", "+0")
]


@pytest.mark.parametrize(("received", "normal", "value"), TABLE)
def test_table(received, normal, value):
    assert SessionDescription.parse(received.encode()) == value
    assert SessionDescription.parse(received.removeprefix("\ufeff")) == value
    if normal is not None:
        assert value.format() == normal
        assert SessionDescription.parse(normal) == value


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"\0\r\n", 400),
        (b"<html></html>", 400),
        (b"a=x\r\n" * 2001, 413),
        (b"s=" + b"x" * 300_000, 413),
        (b"m=video 0 RTP/AVP 96\r\n" * 33, 413),
    ],
)
def test_refused(data, status):
    with pytest.raises(RemoteProtocolError) as caught:
        SessionDescription.parse(data)
    assert caught.value.status == status


@pytest.mark.parametrize(
    "session",
    [
        SessionDescription(name="a\r\nb"),
        SessionDescription(origin="a\nb"),
        SessionDescription(attributes=[("a", "b\0")]),
        SessionDescription(medias=[MediaDescription("video\r\n", formats=["96"])]),
        SessionDescription(medias=[MediaDescription("video")]),
    ],
)
def test_what_would_break_lines_apart_is_not_sent(session):
    with pytest.raises(LocalProtocolError):
        session.format()


@pytest.mark.parametrize(
    ("medium", "formats", "rtpmap", "expected"),
    [
        ("video", "96", "96 H264/90000", RtpMap("H264", 90000)),
        ("audio", "96", "96 MPEG4-GENERIC/48000/2", RtpMap("MPEG4-GENERIC", 48000, 2)),
        ("audio", "96", " 96   opus/48000/2 ", RtpMap("opus", 48000, 2)),
        ("video", "96", "96 H264", RtpMap("H264", 90000)),
        ("video", "96", "96 H264/", RtpMap("H264", 90000)),
        ("video", "96", "96 H264/0", RtpMap("H264", 90000)),
        ("audio", "97", "97 PCMA", RtpMap("PCMA", 8000)),
        ("audio", "97", "97 PCMA/8000/", RtpMap("PCMA", 8000)),
        ("application", "107", "107 vnd.onvif.metadata/90000", RtpMap("vnd.onvif.metadata", 90000)),
        ("audio", "8", "8 PCMU/8000/1", RtpMap("PCMU", 8000)),
        ("audio", "8", "", RtpMap("PCMA", 8000)),
        ("video", "26", "nonsense", RtpMap("JPEG", 90000)),
        ("video", "96", "97 H264/90000", RtpMap("H264", 90000)),
        ("video", "96 97", "97 H264/90000", None),
        ("video", "96", "", None),
        ("video", "96", "96", None),
    ],
)
def test_rtpmap(medium, formats, rtpmap, expected):
    media = MediaDescription(medium, formats=formats.split(), attributes=[("rtpmap", rtpmap)])
    assert media.rtpmap(media.payload_types[0]) == expected


@pytest.mark.parametrize(
    ("fmtp", "expected"),
    [
        ("96 a=1;B=2", {"a": "1", "b": "2"}),
        ("96  a = 1 ; b=x=y== ; ; flag;", {"a": "1", "b": "x=y==", "flag": ""}),
        ("96 DecoderTag=h3c-v3 RTCP=0", {"decodertag": "h3c-v3 RTCP=0"}),
        ("96 a=1;a=2", {"a": "1"}),
        ("96", {}),
        ("97 a=1", {"a": "1"}),
    ],
)
def test_fmtp(fmtp, expected):
    assert MediaDescription("video", formats=["96"], attributes=[("fmtp", fmtp)]).fmtp(96) == expected


def test_parameters_on_several_lines_add_up():
    lines = [("fmtp", "96 a=1"), ("FMTP", "96\tb=2;"), ("fmtp", "96"), ("fmtp", "97 a=9"), ("fmtp", "96;a=3; c=4")]
    assert MediaDescription("video", formats=["96"], attributes=lines).fmtp(96) == {"a": "1", "b": "2", "c": "4"}


@pytest.mark.parametrize("formats", ["", "(null)", "H264"])
def test_formats_that_the_line_does_not_name_are_those_of_the_rtpmaps(formats):
    media = MediaDescription("video", formats=formats.split(), attributes=[("rtpmap", "97 H264/90000")])
    assert media.payload_types == [97]
    assert media.rtpmap(97) == RtpMap("H264", 90000)
    assert MediaDescription("video", formats=formats.split()).payload_types == []


def test_attributes_in_capitals():
    media = MediaDescription(
        "video", formats=["96"], attributes=[("Control", "x"), ("RtpMap", "96 H264"), ("RecvOnly", "")]
    )
    assert (media.control, media.direction) == ("x", Direction.RECVONLY)
    assert media.rtpmap(96) == RtpMap("H264", 90000)


def test_fmtp_of_several_types():
    media = MediaDescription("video", formats=["96", "97"], attributes=[("fmtp", "97 a=1"), ("fmtp", "96 a=2")])
    assert (media.fmtp(96), media.fmtp(97), media.fmtp(98)) == ({"a": "2"}, {"a": "1"}, {})
    one = MediaDescription("video", formats=["96"], attributes=[("fmtp", "97 a=1"), ("fmtp", "96 a=2")])
    assert one.fmtp(96) == {"a": "2"}


def test_attributes_and_direction():
    media = OURS.medias[0]
    assert media.direction is Direction.RECVONLY
    assert OURS.medias[1].direction is None
    assert media.control == "trackID=0"
    assert media.attribute("recvonly") == ""
    assert media.attribute("nothing") is None
    assert OURS.control == "*"
    assert media.payload_types == [96]
    assert MediaDescription("application", formats=["webrtc", "96", "\u0662", "1234"]).payload_types == [96]


@pytest.mark.parametrize(
    ("name", "control", "tracks"),
    [
        ("anjvision_describe", "*", [("H265", 90000, 1, "trackID=1", None)]),
        (
            "anpviz_sdp",
            "*",
            [("H264", 90000, 1, "trackID=1", None), ("MPEG4-GENERIC", 16000, 2, "trackID=2", None)],
        ),
        (
            "dahua_describe",
            "*",
            [
                ("H264", 90000, 1, "trackID=0", Direction.RECVONLY),
                ("MPEG4-GENERIC", 48000, 1, "trackID=1", Direction.RECVONLY),
                ("vnd.onvif.metadata", 90000, 1, "trackID=4", Direction.RECVONLY),
            ],
        ),
        ("foscam_describe", "*", [("H264", 90000, 1, "track1", None), ("PCMU", 8000, 1, "track2", None)]),
        (
            "geovision_sdp",
            None,
            [
                ("H264", 90000, 1, "rtsp://198.51.100.13/media/video1/video", Direction.RECVONLY),
                ("vnd.onvif.metadata", 90000, 1, "rtsp://198.51.100.13/media/video1/metadata", Direction.RECVONLY),
            ],
        ),
        ("gw_describe", "*", [("H264", 90000, 1, "video", None), ("PCMU", 8000, 1, "audio", None)]),
        (
            "wowza_describe",
            "*",
            [("mpeg4-generic", 12000, 2, "trackID=1", None), ("H264", 90000, 1, "trackID=2", None)],
        ),
        ("generic_bare_newlines_describe", None, [("H264", 90000, 1, "/stream/track1", None)]),
    ],
)
def test_descriptions_of_devices(name, control, tracks):
    session = description_of(name)
    assert session.control == control
    seen = []
    for media in session.medias:
        rtpmap = media.rtpmap(media.payload_types[0])
        assert rtpmap is not None
        seen.append((rtpmap.encoding, rtpmap.clock_rate, rtpmap.channels, media.control, media.direction))
    assert seen == tracks
    assert SessionDescription.parse(session.format()) == session
    for media in session.medias:
        if (rtpmap := media.rtpmap(media.payload_types[0])) and rtpmap.encoding == "H264":
            assert media.fmtp(media.payload_types[0])["sprop-parameter-sets"].startswith("Z0LA")


def test_latin_1():
    assert description_of("generic_bare_newlines_describe").name == "Caméra"


WORDS = st.text("abcXYZ019-_./=;,*+ ", min_size=1, max_size=20).map(str.strip).filter(bool)
NAMES = st.text("abcXYZ019-", min_size=1, max_size=10)
ATTRIBUTES = st.lists(st.tuples(NAMES, st.just("") | WORDS), max_size=5)
BANDWIDTH = st.dictionaries(NAMES, st.integers(0, 10**9), max_size=2)


@settings(max_examples=100)
@given(
    st.builds(
        SessionDescription,
        origin=WORDS,
        name=WORDS,
        information=WORDS,
        connection=st.just("") | WORDS,
        bandwidth=BANDWIDTH,
        time=WORDS,
        attributes=ATTRIBUTES,
        medias=st.lists(
            st.builds(
                MediaDescription,
                medium=st.sampled_from(["video", "audio", "application"]),
                port=st.integers(0, 65535),
                formats=st.lists(st.integers(0, 127).map(str), min_size=1, max_size=3),
                attributes=ATTRIBUTES,
                title=st.just("") | WORDS,
                connection=st.just("") | WORDS,
                bandwidth=BANDWIDTH,
            ),
            max_size=3,
        ),
    )
)
def test_parse_of_format_is_the_same(session):
    assert SessionDescription.parse(session.format()) == session


@settings(max_examples=100)
@given(st.binary(max_size=200) | st.text("vosmabtc=:/ 0196\r\nAVPRT", max_size=120).map(str.encode))
def test_any_bytes_give_a_value_or_a_refusal(data):
    try:
        session = SessionDescription.parse(data)
    except RemoteProtocolError:
        return
    for media in session.medias:
        for payload_type in media.payload_types:
            media.rtpmap(payload_type)
            media.fmtp(payload_type)
