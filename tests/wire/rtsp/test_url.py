"""RTSP URLs and the resolving of control attributes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.wire.rtsp.url import RtspUrl, control_base, hide_credentials, resolve_control

# as written, without credentials, value
TABLE = [
    ("rtsp://h", "rtsp://h", RtspUrl("rtsp", "h", 554)),
    (" RTSP://Host:8554/a?b=c&d ", "rtsp://Host:8554/a?b=c&d", RtspUrl("rtsp", "Host", 8554, "/a?b=c&d")),
    ("rtsps://h/", "rtsps://h/", RtspUrl("rtsps", "h", 322, "/")),
    ("rtsp://h:554/a", "rtsp://h/a", RtspUrl("rtsp", "h", 554, "/a")),
    ("rtsp://h:/a", "rtsp://h/a", RtspUrl("rtsp", "h", 554, "/a")),
    ("rtsp://h?a=b", "rtsp://h/?a=b", RtspUrl("rtsp", "h", 554, "/?a=b")),
    ("rtsp://[2001:db8::1]:99/a", "rtsp://[2001:db8::1]:99/a", RtspUrl("rtsp", "2001:db8::1", 99, "/a")),
    ("rtsp://[fe80::1%25eth0]/a", "rtsp://[fe80::1%25eth0]/a", RtspUrl("rtsp", "fe80::1%eth0", 554, "/a")),
    ("rtsp://u:p@h/a", "rtsp://h/a", RtspUrl("rtsp", "h", 554, "/a", "u", "p")),
    ("rtsp://u@h/a", "rtsp://h/a", RtspUrl("rtsp", "h", 554, "/a", "u", None)),
    ("rtsp://u:@h/a", "rtsp://h/a", RtspUrl("rtsp", "h", 554, "/a", "u", "")),
    ("rtsp://:p@h/a", "rtsp://h/a", RtspUrl("rtsp", "h", 554, "/a", "", "p")),
    ("rtsp://u:p%40%2f%3a%25%20@h/a", "rtsp://h/a", RtspUrl("rtsp", "h", 554, "/a", "u", "p@/:% ")),
    ("rtsp://j%C3%B6rg:p%E4@h", "rtsp://h", RtspUrl("rtsp", "h", 554, "", "jörg", "pä")),
    ("rtsp://u:p@ss@h/a@b", "rtsp://h/a@b", RtspUrl("rtsp", "h", 554, "/a@b", "u", "p@ss")),
    ("rtsp://u:a:b@h/a", "rtsp://h/a", RtspUrl("rtsp", "h", 554, "/a", "u", "a:b")),
    ("rtsp://u:pass/word@h:8554/a", "rtsp://h:8554/a", RtspUrl("rtsp", "h", 8554, "/a", "u", "pass/word")),
    ("rtsp://u:p#?/s@10.0.0.1/a?b", "rtsp://10.0.0.1/a?b", RtspUrl("rtsp", "10.0.0.1", 554, "/a?b", "u", "p#?/s")),
    ("rtsp://u:100%@h/a", "rtsp://h/a", RtspUrl("rtsp", "h", 554, "/a", "u", "100%")),
    ("rtsp://u:p ss@h/a", "rtsp://h/a", RtspUrl("rtsp", "h", 554, "/a", "u", "p ss")),
    ("rtsp://h/a@b", "rtsp://h/a@b", RtspUrl("rtsp", "h", 554, "/a@b")),
    ("rtsp://kamera-für.example/a", "rtsp://kamera-für.example/a", RtspUrl("rtsp", "kamera-für.example", 554, "/a")),
]


@pytest.mark.parametrize(("text", "shown", "value"), TABLE)
def test_table(text, shown, value):
    url = RtspUrl.parse(text)
    assert url == value
    assert url.without_credentials == str(url) == shown
    assert RtspUrl.parse(url.with_credentials) == value
    assert hide_credentials(url.with_credentials) == (
        shown if "@" not in shown else "rtsp://b"
    )  # rather too much than too little


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h",
        "http://h/",
        "rtsp:/h",
        "rtsp://",
        "rtsp:///a",
        "rtsp://:554/a",
        "rtsp://h:0/",
        "rtsp://h:65536/",
        "rtsp://h:x/",
        "rtsp://h:999999999999/",
        "rtsp://[::1/",
        "rtsp://[xyz]/",
        "rtsp://a b/",
        "rtsp://u:hush@",
        "rtsp://u:hush/",
        "rtsp://u:hu/sh@a/b@c/d",
    ],
)
def test_refused_without_showing_the_password(text):
    with pytest.raises(RemoteProtocolError) as caught:
        RtspUrl.parse(text)
    assert caught.value.status == 400
    assert "hu" not in str(caught.value)


def test_the_password_does_not_show():
    url = RtspUrl.parse("rtsp://admin:hush@h/a")
    assert "hush" not in f"{url} {url!r} {[url]}"
    assert "admin" not in f"{url} {url!r}"
    assert url.authority == "h"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("DESCRIBE rtsp://u:p@h/a RTSP/1.0", "DESCRIBE rtsp://h/a RTSP/1.0"),
        ("rtsp://u:p s@x@h/a", "rtsp://h/a"),
        ("no URL, me@example", "no URL, me@example"),
        ("@ rtsp://h/a", "@ rtsp://h/a"),
        ("", ""),
    ],
)
def test_hide_credentials(text, shown):
    assert hide_credentials(text) == shown


DAHUA = "rtsp://h:554/cam/realmonitor?channel=1&subtype=1&proto=Onvif/"
GW = "rtsp://h:5050/H264?channel=1&subtype=0"


@pytest.mark.parametrize(
    ("base", "control", "expected"),
    [
        ("rtsp://h/a/", "trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/a", "trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h", "trackID=1", "rtsp://h/trackID=1"),
        ("rtsp://h/a/", "*", "rtsp://h/a/"),
        ("rtsp://h/a", "", "rtsp://h/a"),
        ("rtsp://h/a/", " rtsp://g/b ", "rtsp://g/b"),
        ("rtsp://h/a/", "RTSPS://g/b", "RTSPS://g/b"),
        (DAHUA, "trackID=0", DAHUA + "trackID=0"),
        (GW, "video", GW + "/video"),
        ("rtsp://h/a/", "/trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/a/", "/a/trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/a?x=1", "/a/trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/a", "/ab/trackID=1", "rtsp://h/a/ab/trackID=1"),
        ("rtsp://h/a", "?track=1", "rtsp://h/a?track=1"),
        ("rtsp://h/a?x=1", "?track=1", "rtsp://h/a?track=1"),
        ("rtsp://h/a/", "b/../track1", "rtsp://h/a/b/../track1"),
    ],
)
def test_resolve_control(base, control, expected):
    assert resolve_control(base, control) == expected


@pytest.mark.parametrize(
    ("content_base", "content_location", "expected"),
    [
        (None, None, "rtsp://h:99/a/b"),
        ("", " ", "rtsp://h:99/a/b"),
        ("rtsp://x/y/", "rtsp://z/", "rtsp://x/y/"),
        (None, "rtsp://z/", "rtsp://z/"),
        ('"rtsp://x/y/"', None, "rtsp://x/y/"),
        ("198.51.100.10:554/stream0/", None, "rtsp://198.51.100.10:554/stream0/"),
        ("198.51.100.10/stream0/", None, "rtsp://198.51.100.10/stream0/"),
        ("camera:554/stream0/", None, "rtsp://camera:554/stream0/"),
        ("stream0/", None, "rtsp://h:99/a/stream0/"),
        ("/stream0/", None, "rtsp://h:99/stream0/"),
        ("//[", None, "rtsp://h:99/a/b"),
    ],
)
def test_control_base(content_base, content_location, expected):
    assert control_base("rtsp://h:99/a/b", content_base, content_location) == expected


@settings(max_examples=150)
@given(
    user=st.text(max_size=12),
    password=st.none() | st.text(max_size=12),
    host=st.from_regex(r"\A[a-z0-9][a-z0-9.-]{0,10}\Z") | st.just("2001:db8::1"),
    port=st.integers(1, 65535),
    path=st.sampled_from(["", "/", "/a/b", "/a?b=c/d@e"]),
)
def test_any_password_survives_percent_encoding(user, password, host, port, path):
    url = RtspUrl("rtsp", host, port, path, user, password)
    assert RtspUrl.parse(url.with_credentials) == url


@settings(max_examples=150)
@given(st.text("abc:@/?#%[]. 5", max_size=30))
def test_any_text_gives_a_url_or_a_refusal(text):
    try:
        url = RtspUrl.parse("rtsp://" + text)
    except RemoteProtocolError:
        return
    assert RtspUrl.parse(url.with_credentials) == url
    resolve_control(str(url), text)
    control_base(str(url), text)
