import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.net.addresses import PublicAddress, bracketed


def seen(header: str, scheme: str = "http", public: PublicAddress | None = None) -> tuple[str, int]:
    return (public or PublicAddress(554)).seen_by(header, scheme, "192.0.2.9", 580)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("cams.example:580", ("cams.example", 580)),
        ("cams.example", ("cams.example", 80)),
        ("192.0.2.7:10580", ("192.0.2.7", 10580)),
        ("[2001:DB8::1]:580", ("[2001:db8::1]", 580)),
        ("[2001:db8::1]", ("[2001:db8::1]", 80)),
        ("nvr_1.local.", ("nvr_1.local.", 80)),
        ("", ("192.0.2.9", 580)),
        ("a:0", ("192.0.2.9", 580)),
        ("a:70000", ("192.0.2.9", 580)),
        ("a:b", ("192.0.2.9", 580)),
        ("user@a", ("192.0.2.9", 580)),
        ("a/b", ("192.0.2.9", 580)),
        ('"><script>', ("192.0.2.9", 580)),
        ("[::zz]", ("192.0.2.9", 580)),
        ("-a", ("192.0.2.9", 580)),
        ("a" * 300, ("192.0.2.9", 580)),
    ],
)
def test_the_host_that_was_called(header: str, expected: tuple[str, int]) -> None:
    assert seen(header) == expected


def test_the_scheme_has_its_port() -> None:
    assert seen("cams.example", "https") == ("cams.example", 443)


def test_what_is_configured_wins() -> None:
    public = PublicAddress(10554, "2001:db8::2", 10580, 10443)
    assert seen("cams.example", "http", public) == ("[2001:db8::2]", 10580)
    assert seen("cams.example", "https", public) == ("[2001:db8::2]", 10443)
    assert seen("cams.example:81", "http", PublicAddress(554, "public.example")) == ("public.example", 81)


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::1", "[::1]"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "[fe80::1]"),
        ("a.b", "a.b"),
    ],
)
def test_brackets(host: str, text: str) -> None:
    assert bracketed(host) == text


@given(st.text(max_size=40))
def test_nothing_but_a_host_passes(header: str) -> None:
    host, port = seen(header)
    assert not set(host) & set('/?#@"<>& \t\r\n\\')
    assert 0 < port < 65536
