from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.system.camera_url import mask_faulty_url, mask_urls, parse_camera_url
from bridge.system.config_values import ExpectedError
from bridge.wire.rtsp.url import RtspUrl


@pytest.mark.parametrize(
    ("text", "url", "shown"),
    [
        ("rtsp://192.0.2.10/s1", RtspUrl("rtsp", "192.0.2.10", 554, "/s1"), "rtsp://192.0.2.10/s1"),
        ("RTSP://cam.example", RtspUrl("rtsp", "cam.example", 554), "rtsp://cam.example"),
        ("rtsp://[::1]:8554/a?b=c", RtspUrl("rtsp", "::1", 8554, "/a?b=c"), "rtsp://[::1]:8554/a?b=c"),
        ("rtsp://cam/?x", RtspUrl("rtsp", "cam", 554, "/?x"), "rtsp://cam/?x"),
        ("rtsps://cam/x", RtspUrl("rtsps", "cam", 322, "/x"), "rtsps://cam/x"),
        ("rtsp://cam:554/x", RtspUrl("rtsp", "cam", 554, "/x"), "rtsp://cam/x"),
        ("rtsp://u:p@cam/x", RtspUrl("rtsp", "cam", 554, "/x", "u", "p"), "rtsp://cam/x"),
        ("rtsp://u@cam/x", RtspUrl("rtsp", "cam", 554, "/x", "u", ""), "rtsp://cam/x"),
        ("rtsp://u:p@s:s@cam/x", RtspUrl("rtsp", "cam", 554, "/x", "u", "p@s:s"), "rtsp://cam/x"),
        ("rtsp://u:p%2Fs%zz%@cam/x", RtspUrl("rtsp", "cam", 554, "/x", "u", "p/s%zz%"), "rtsp://cam/x"),
        ("rtsp://u:${P}@cam/x", RtspUrl("rtsp", "cam", 554, "/x", "u", "a/b@c:d#e%41"), "rtsp://cam/x"),
        ("${URL}", RtspUrl("rtsp", "10.0.0.1", 554, "/x", "me", "pw"), "rtsp://10.0.0.1/x"),
        ("rtsp://${H}/x", RtspUrl("rtsp", "cam.example", 554, "/x"), "rtsp://cam.example/x"),
        (
            "rtsp://cam/user=a&password=hush&channel=1",
            RtspUrl("rtsp", "cam", 554, "/user=a&password=hush&channel=1"),
            "rtsp://cam/user=a&password=***&channel=1",
        ),
    ],
)
def test_table(text, url, shown):
    environ = {"P": "a/b@c:d#e%41", "URL": "rtsp://me:pw@10.0.0.1/x", "H": "cam.example"}
    assert parse_camera_url(text, environ) == url
    assert str(url) == shown
    assert repr(url) == f"RtspUrl({shown!r})"
    assert "@" not in url.without_credentials


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("rtsp://cam/x", RtspUrl("rtsp", "cam", 80, "/x")),
        ("rtsp://cam:554/x", RtspUrl("rtsp", "cam", 554, "/x")),
        ("http://u:p@cam/x?y", RtspUrl("rtsp", "cam", 80, "/x?y", "u", "p")),
        ("http://cam:8080", RtspUrl("rtsp", "cam", 8080)),
    ],
)
def test_tunnelled_through_http(text, url):
    assert parse_camera_url(text, {}, tunnelled=True) == url
    assert RtspUrl.parse(url.with_credentials) == url  # which is how drivers get it


def test_no_tunnel_through_what_is_no_http():
    with pytest.raises(ExpectedError, match="ftp:// is not one"):
        parse_camera_url("ftp://cam/", {}, tunnelled=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "an address such as"),
        ("192.0.2.1/stream", "an address such as"),
        ("http://192.0.2.1/", 'transport = "http" beside it'),
        ("ftp://192.0.2.1/", "ftp:// is not one"),
        ("rtsp://", "an address such as"),
        ("rtsp://a b/", "an address such as"),
        ("rtsp://-x/", "an address such as"),
        ("rtsp://cam:0/", "a port from 1 to 65535"),
        ("rtsp://cam:65536/", "a port from 1 to 65535"),
        ("rtsp://[::1/x", "an address such as"),
        ("rtsp://[zz]/x", "an IPv6 address inside"),
        ("rtsp://admin:pa/ss@10.0.0.1/s", "write / as %2F"),
        ("rtsp://admin:1/2@10.0.0.1/s", "no @ behind the host"),
        ("rtsp://cam/a b", "without spaces"),
        ("rtsp://cam/a#b", "without spaces"),
        ("rtsp://u:${NOPE}@cam/", "NOPE, which is not set"),
    ],
)
def test_faults_say_what_was_expected_and_hold_no_secret(text, expected):
    with pytest.raises(ExpectedError) as caught:
        parse_camera_url(text, {})
    assert expected in str(caught.value)
    assert "pa/ss" not in str(caught.value)


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_login_comes_through_percent_encoding(username, password):
    login = f"{quote(username, safe='')}:{quote(password, safe='')}"
    url = parse_camera_url(f"rtsp://{login}@cam/x", {})
    assert (url.user, url.password) == (username, password)
    assert str(url) == "rtsp://cam/x"


@given(st.text())
def test_any_text_is_a_url_or_a_fault(text):
    for candidate in (text, "rtsp://" + text):
        try:
            parse_camera_url(candidate, {})
        except ExpectedError:
            continue


SECRET = st.text(st.sampled_from("aB9@:/?#&= %$"), min_size=1).map(lambda text: f"hunter2{text}hunter2")


@given(SECRET)
def test_masks_hide_unescaped_passwords(secret):
    for text in (f"rtsp://admin:{secret}@10.0.0.1/s", f"admin:{secret}@10.0.0.1", f"rtsp:/admin:{secret}@h"):
        assert "hunter2" not in mask_faulty_url(text)
    assert "hunter2" not in mask_faulty_url(f"rtsp://admin:hunter2{secret.replace('@', '').strip('/?')}x")
    word = secret.replace(" ", "")
    assert "hunter2" not in mask_urls(f"cannot connect to rtsp://admin:{word}@10.0.0.1/s: refused")


def test_mask_urls_leaves_other_text_alone():
    assert mask_urls("mail me@example.com about rtsp://cam/x?token=abc&y=1") == (
        "mail me@example.com about rtsp://cam/x?token=***&y=1"
    )
