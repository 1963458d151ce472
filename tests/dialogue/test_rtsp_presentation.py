"""SDP of what we offer, and the reading of its URLs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.dialogue.rtsp_presentation import Target, control_of, describe, read_target
from bridge.wire.rtsp.headers import RtpInfo, RtpInfoEntry
from bridge.wire.sdp import SessionDescription
from tests.dialogue.rtsp_server_setting import one_track, two_tracks

ROOT = "rtsp://192.0.2.1:554"


@pytest.mark.parametrize(
    ("uri", "root", "path", "track"),
    [
        ("rtsp://h/live/a", "rtsp://h", "/live/a", None),
        ("rtsp://h:8554/live/a/", "rtsp://h:8554", "/live/a", None),
        ("http://h:580/live/a", "http://h:580", "/live/a", None),
        ("rtsph://h:580/live/a/trackID=1", "rtsph://h:580", "/live/a", 1),
        ("RTSPS://h/live/a/trackID=12", "rtsps://h", "/live/a", 12),
        ("rtsp://u:p@h/live/a", "rtsp://h", "/live/a", None),
        ("rtsp://u:p@w@h/live/a", "rtsp://h", "/live/a", None),
        ("rtsp://[2001:db8::1]:554/live/a", "rtsp://[2001:db8::1]:554", "/live/a", None),
        ("rtsp://h//live///a?q=1", "rtsp://h", "/live/a", None),
        ("rtsp://h/live/a?q=1/trackID=0", "rtsp://h", "/live/a", 0),
        ("rtsp://h/live/a#f", "rtsp://h", "/live/a", None),
        ("rtsp://h/live/%61", "rtsp://h", "/live/a", None),
        ("rtsp://h/live/a/trackID=1000", "rtsp://h", "/live/a/trackID=1000", None),
        ("rtsp://h", "rtsp://h", "", None),
        ("rtsp://h y/live/a", ROOT, "/live/a", None),
        ("/live/a/trackID=1", ROOT, "/live/a", 1),
        ("trackID=1", ROOT, "/base", 1),
        ("*", "", "*", None),
        ("ftp://h/live/a", ROOT, "/base/ftp:/h/live/a", None),
    ],
)
def test_targets(uri, root, path, track):
    target = read_target(uri, ROOT, "/base")
    assert (target.root, target.path, target.track) == (root, path, track)


@given(st.text(max_size=80), st.sampled_from(["", "rtsp://", "rtsp://h/", "rtsp://a@"]))
def test_any_uri_is_read_and_what_is_echoed_can_stand_in_a_header(text, prefix):
    target = read_target(prefix + text, ROOT, "/base")
    assert isinstance(target, Target)
    RtpInfo((RtpInfoEntry(target.base + control_of(0)),)).format()


def test_sdp():
    text = describe(two_tracks(), two_tracks().offered, "192.0.2.1").decode()
    assert text.splitlines() == [
        "v=0",
        text.splitlines()[1],
        "s=Front door",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
        "m=video 0 RTP/AVP 96",
        "a=rtpmap:96 H264/90000",
        "a=control:trackID=0",
        "a=recvonly",
        "m=audio 0 RTP/AVP 8",
        "a=control:trackID=1",
        "a=recvonly",
    ]


def test_describing_does_not_change_what_is_described():
    presentation = two_tracks()
    once, twice = (describe(presentation, presentation.offered, "192.0.2.1") for _ in range(2))
    assert once == twice


@pytest.mark.parametrize(
    ("local", "origin", "connection"),
    [
        ("192.0.2.1", "IN IP4 192.0.2.1", "IN IP4 0.0.0.0"),
        ("::ffff:192.0.2.1", "IN IP4 192.0.2.1", "IN IP4 0.0.0.0"),
        ("2001:db8::1", "IN IP6 2001:db8::1", "IN IP6 ::"),
        ("fe80::1%eth0", "IN IP6 fe80::1", "IN IP6 ::"),
    ],
)
def test_addresses(local, origin, connection):
    session = SessionDescription.parse(describe(one_track(), one_track().offered, local))
    assert session.origin.endswith(origin)
    assert session.connection == connection


def test_a_title_cannot_break_the_sdp():
    presentation = one_track()
    presentation.title = "Door\r\na=evil\x00"
    assert SessionDescription.parse(describe(presentation, presentation.offered, "192.0.2.1")).name == "Door  a=evil"


def test_the_version_changes_with_the_content():
    one, two = (
        describe(p, p.offered, "192.0.2.1").decode().splitlines()[1].split()
        for p in (one_track("/p"), two_tracks("/p"))
    )
    assert one[1] == two[1]
    assert one[2] != two[2]
