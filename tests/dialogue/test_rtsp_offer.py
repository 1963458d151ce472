from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.base.media import Codec, Track
from bridge.dialogue.rtsp_client_events import OfferedTrack
from bridge.dialogue.rtsp_offer import read_offer, ready_track, sendable
from bridge.wire.rtsp.message import Headers, Response
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


def test_zero_is_no_port_of_a_server():
    answer = Response(200, "OK", Headers([("Transport", "RTP/AVP;unicast;client_port=2-3;server_port=0-0")]))
    assert ready_track(OFFERED, answer, client_ports=(2, 3)).server_ports is None


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
    ):
        try:
            read()
        except RemoteProtocolError:
            continue
