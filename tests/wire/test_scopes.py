"""Scopes: made with the right escapes, matched by segments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.wire.scopes import MATCH_RFC3986, MATCH_STRCMP0, PREFIX, device_scopes, match

OURS = device_scopes("Front door", "D1-566", location="Büro/2", mac="02:42:ac:11:00:02", serial="SN 1")


def test_made():
    assert OURS == (
        "onvif://www.onvif.org/Profile/Streaming",
        "onvif://www.onvif.org/Profile/G",
        "onvif://www.onvif.org/type/video_encoder",
        "onvif://www.onvif.org/hardware/D1-566",
        "onvif://www.onvif.org/name/Front%20door",
        "onvif://www.onvif.org/location/B%C3%BCro%2F2",
        "onvif://www.onvif.org/MacAddress/02%3A42%3Aac%3A11%3A00%3A02",
        "onvif://www.onvif.org/SerialNumber/SN%201",
    )


def test_what_is_not_known_is_left_out():
    assert not any("location" in scope or "Mac" in scope for scope in device_scopes("a", "b"))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([], True),
        (["onvif://www.onvif.org"], True),
        (["onvif://www.onvif.org/"], True),
        (["onvif://www.onvif.org/hardware"], True),
        (["onvif://www.onvif.org/hardware/D1-566"], True),
        (["onvif://www.onvif.org/hardware/D1-566/"], True),
        (["onvif://www.onvif.org/hardware/D1"], False),
        (["onvif://www.onvif.org/hardware/D1-566/more"], False),
        (["onvif://www.onvif.org/hardware/d1-566"], False),
        (["ONVIF://WWW.ONVIF.ORG/hardware/D1-566"], True),
        (["onvif://www.onvif.org/name/Front%20door", "onvif://www.onvif.org/Profile/G"], True),
        (["onvif://www.onvif.org/name/%46ront%20door"], True),
        (["onvif://www.onvif.org/Profile/G", "onvif://www.onvif.org/Profile/T"], False),
        (["onvif://elsewhere.example/hardware/D1-566"], False),
        (["http://www.onvif.org/hardware/D1-566"], False),
        (["onvif://www.onvif.org/name/../hardware"], False),
        (["onvif://[broken/x"], False),
        (["nonsense"], False),
    ],
)
@pytest.mark.parametrize("rule", ["", MATCH_RFC3986, "http://schemas.xmlsoap.org/ws/2005/04/discovery/rfc2396"])
def test_matched_by_segments(wanted, expected, rule):
    assert match(wanted, rule, OURS) is expected


def test_matched_by_characters():
    assert match([OURS[0]], MATCH_STRCMP0, OURS) is True
    assert match([f"{PREFIX}hardware"], MATCH_STRCMP0, OURS) is False
    assert match([], MATCH_STRCMP0, OURS) is True


def test_unknown_rules():
    assert match([], "http://schemas.xmlsoap.org/ws/2005/04/discovery/ldap", OURS) is None


def test_many_wanted_scopes_match_nothing():
    assert match([OURS[0]] * 65, "", OURS) is False


@given(st.text(), st.text(min_size=1))
def test_any_name_is_one_scope_that_matches_itself(name, hardware):
    made = device_scopes(name, hardware)
    assert all(" " not in scope and scope.isascii() for scope in made)
    if name not in (".", "..") and hardware not in (".", ".."):
        assert match(made, "", made) is True


@given(st.text())
def test_any_text_is_matched_or_not(text):
    assert match([text], "", OURS) in (True, False)
