import pytest

from bridge.net.http import Head
from bridge.services.web.cookies import access_cookie, refresh_cookie, set_cookies, take_cookies_back
from bridge.system.sessions import Tokens

TOKENS = Tokens("aaa", "r.rr")


def head(*cookies: str) -> Head:
    return Head("GET", "/", {"cookie": cookies}, 0)


def test_over_tls_their_names_cannot_be_set_by_others() -> None:
    assert set_cookies(TOKENS, secure=True) == (
        ("Set-Cookie", "__Host-onb_access=aaa; Path=/; Max-Age=86400; HttpOnly; SameSite=Strict; Secure"),
        (
            "Set-Cookie",
            "__Secure-onb_refresh=r.rr; Path=/api/v1/session; Max-Age=86400; HttpOnly; SameSite=Strict; Secure",
        ),
    )


def test_in_clear_they_have_no_prefix() -> None:
    assert [value.partition(";")[0] for _, value in set_cookies(TOKENS, secure=False)] == [
        "onb_access=aaa",
        "onb_refresh=r.rr",
    ]
    assert all("Secure" not in value for _, value in set_cookies(TOKENS, secure=False))


@pytest.mark.parametrize("secure", [True, False])
def test_taken_back_as_they_were_set(secure: bool) -> None:
    given, gone = set_cookies(TOKENS, secure), take_cookies_back(secure)
    for (_, before), (_, after) in zip(given, gone, strict=True):
        assert before.partition("=")[0] == after.partition("=")[0]
        assert before.split("; ")[1] == after.split("; ")[1]
        assert "=; " in after
        assert "Max-Age=0" in after


@pytest.mark.parametrize(
    ("sent", "secure", "access", "refresh"),
    [
        (("onb_access=a; onb_refresh=b",), False, "a", "b"),
        (("theme=dark;onb_access=a",), False, "a", ""),
        (("x=y", "onb_access=a"), False, "a", ""),
        (("onb_access=a; onb_access=b",), False, "a", ""),
        (("__Host-onb_access=a; __Secure-onb_refresh=b",), True, "a", "b"),
        (("onb_access=a; onb_refresh=b",), True, "", ""),
        (("__Host-onb_access=a",), False, "", ""),
        (("onb_access",), False, "", ""),
        ((";;=;onb_accessx=a; ONB_ACCESS=b",), False, "", ""),
        ((), False, "", ""),
    ],
)
def test_read(sent: tuple[str, ...], secure: bool, access: str, refresh: str) -> None:
    assert (access_cookie(head(*sent), secure), refresh_cookie(head(*sent), secure)) == (access, refresh)
