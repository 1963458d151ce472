"""Challenges, credentials and digests."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.wire.digest import (
    Algorithm,
    BasicCredentials,
    Challenge,
    DigestCredentials,
    parse_authorization,
    parse_challenges,
    quoted,
    response,
)

# as received, normal form, value
CHALLENGES = [
    (
        'Digest realm="r", nonce="n"',
        'Digest realm="r", nonce="n"',
        Challenge("Digest", "r", "n"),
    ),
    (
        'Digest realm="IP Camera(12345)", nonce="n", stale="FALSE"',
        'Digest realm="IP Camera(12345)", nonce="n"',
        Challenge("Digest", "IP Camera(12345)", "n"),
    ),
    (
        'digest qop="auth, auth-int",algorithm=SHA-256,realm="a, \\"b\\" \\\\ c",nonce="n",opaque="",stale=TRUE',
        'digest realm="a, \\"b\\" \\\\ c", nonce="n", opaque="", algorithm=SHA-256, qop="auth,auth-int", stale=true',
        Challenge("digest", 'a, "b" \\ c', "n", "", "SHA-256", ("auth", "auth-int"), True),
    ),
    ("Digest realm=r nonce=n", 'Digest realm="r", nonce="n"', Challenge("Digest", "r", "n")),
    ('Digest realm = "r" , nonce= "n",', 'Digest realm="r", nonce="n"', Challenge("Digest", "r", "n")),
    ('Digest realm="r"; nonce="n"', 'Digest realm="r", nonce="n"', Challenge("Digest", "r", "n")),
    ('Digest nonce="n", realm="r', 'Digest realm="r", nonce="n"', Challenge("Digest", "r", "n")),
    ('Digest realm="r", realm="s", nonce="n"', 'Digest realm="r", nonce="n"', Challenge("Digest", "r", "n")),
    ('Digest realm="für", nonce="n"', 'Digest realm="für", nonce="n"', Challenge("Digest", "für", "n")),
    ("Digest opaque=, realm=r", 'Digest realm="r", nonce="", opaque=""', Challenge("Digest", "r", "", "")),
    (
        "Digest realm=IP Camera (C1 23), nonce='n,1' , stale=FALSE",
        'Digest realm="IP Camera (C1 23)", nonce="n,1"',
        Challenge("Digest", "IP Camera (C1 23)", "n,1"),
    ),
    (
        "Digest nonce=n realm=a b algorithm = MD5",
        'Digest realm="a b", nonce="n", algorithm=MD5',
        Challenge("Digest", "a b", "n", None, "MD5"),
    ),
    ('Digest (realm="r" ")", nonce="n"]', 'Digest realm="r", nonce="n"', Challenge("Digest", "r", "n")),
    ("Digest nonce=it's, realm='r", 'Digest realm="\'r", nonce="it\'s"', Challenge("Digest", "'r", "it's")),
    ('Basic realm="/"', 'Basic realm="/"', Challenge("Basic", "/")),
    ("Basic", 'Basic realm=""', Challenge("Basic")),
]


@pytest.mark.parametrize(("received", "normal", "value"), CHALLENGES)
def test_challenge(received, normal, value):
    assert parse_challenges([received]) == [value]
    assert value.format() == normal
    assert parse_challenges([normal]) == [value]


@pytest.mark.parametrize(
    ("text", "named", "meant"),
    [
        ("", Algorithm.MD5, Algorithm.MD5),
        ("md5", Algorithm.MD5, Algorithm.MD5),
        ("SHA256", None, Algorithm.SHA_256),
        ("sha_256", None, Algorithm.SHA_256),
        (" MD5 ", None, Algorithm.MD5),
        ("MD5sess", None, Algorithm.MD5_SESS),
        ("SHA-512-256", None, None),
        ("none", None, None),
    ],
)
def test_algorithms_are_named_in_many_ways(text, named, meant):
    assert (Algorithm.named(text), Algorithm.meant(text)) == (named, meant)


def test_unquoted_blanks_end_before_another_scheme():
    found = parse_challenges(["Digest nonce=n, realm=my cam Basic realm=your cam"])
    assert [(challenge.scheme, challenge.realm) for challenge in found] == [("Digest", "my cam"), ("Basic", "your cam")]


def test_several_challenges_in_one_header_and_several_headers():
    found = parse_challenges(
        ['Digest realm="a", nonce="b", Basic realm="c", Negotiate abc==, Digest realm="d"', "Basic", ""]
    )
    assert [(challenge.scheme, challenge.realm) for challenge in found] == [
        ("Digest", "a"),
        ("Basic", "c"),
        ("Negotiate", ""),
        ("Digest", "d"),
        ("Basic", ""),
    ]
    assert len(parse_challenges(["Basic," * 1000])) == 16


@pytest.mark.parametrize("text", ['realm="x"', '"', "=", "(", "Digest \x01", "x" * 9000, "Digest a=b\r\nX: y"])
def test_challenge_refused(text):
    with pytest.raises(RemoteProtocolError):
        parse_challenges([text])


DIGEST = 'username="u", realm="r", nonce="n", uri="rtsp://h/a", response="0123"'
VALUE = DigestCredentials("u", "r", "n", "rtsp://h/a", "0123")
CREDENTIALS = [
    (f"Digest {DIGEST}", f"Digest {DIGEST}", VALUE),
    (f"DIGEST   {DIGEST},", f"Digest {DIGEST}", VALUE),
    (
        f'Digest {DIGEST}, algorithm="MD5", opaque="", qop="auth", nc="00000001", cnonce="c"',
        f'Digest {DIGEST}, algorithm=MD5, opaque="", qop=auth, nc=00000001, cnonce="c"',
        DigestCredentials("u", "r", "n", "rtsp://h/a", "0123", "MD5", "", "auth", "00000001", "c"),
    ),
    (
        'Digest username*=UTF-8\'\'J%C3%A4s%C3%B8n, realm="r", nonce="n", uri="*", response="0"',
        'Digest username="Jäsøn", realm="r", nonce="n", uri="*", response="0"',
        DigestCredentials("Jäsøn", "r", "n", "*", "0"),
    ),
    (
        'Digest username="a\\"b\\\\c", realm="r", nonce="n", uri="/,;=", response="0"',
        'Digest username="a\\"b\\\\c", realm="r", nonce="n", uri="/,;=", response="0"',
        DigestCredentials('a"b\\c', "r", "n", "/,;=", "0"),
    ),
    ("Basic dTpwOnE=", "Basic dTpwOnE=", BasicCredentials("u", "p:q")),
    ("basic  dTo=", "Basic dTo=", BasicCredentials("u", "")),
    ("Basic asO2OsO2", "Basic asO2OsO2", BasicCredentials("jö", "ö")),
    ("Basic auQ6cA==", "Basic asOkOnA=", BasicCredentials("jä", "p")),
]


@pytest.mark.parametrize(("received", "normal", "value"), CREDENTIALS)
def test_credentials(received, normal, value):
    assert parse_authorization(received) == value
    assert value.format() == normal
    assert parse_authorization(normal) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Digest",
        "Bearer abc",
        "Digest " + DIGEST.replace('nonce="n", ', ""),
        "Digest " + DIGEST.replace('username="u", ', ""),
        "Digest " + DIGEST.replace('username="u"', "username*=latin-1''u"),
        "Digest " + DIGEST + ", Basic dTpw",
        "Basic",
        "Basic ====",
        "Basic a",
        "Basic dXA=",
        "Basic \u0662",
    ],
)
def test_credentials_refused(text):
    with pytest.raises(RemoteProtocolError) as caught:
        parse_authorization(text)
    assert caught.value.status == 400


def test_secrets_do_not_show():
    shown = repr(
        [
            Challenge("Digest", "r", "hush", "hush"),
            DigestCredentials("u", "r", "hush", "*", "hush", cnonce="hush", opaque="hush"),
            BasicCredentials("u", "hush"),
        ]
    )
    assert "hush" not in shown


def test_what_cannot_be_sent():
    with pytest.raises(LocalProtocolError):
        quoted("a\r\nb")
    with pytest.raises(LocalProtocolError):
        BasicCredentials("a:b", "c").format()
    with pytest.raises(LocalProtocolError):
        DigestCredentials("u", "r", "n", "*", "0", algorithm="a b").format()


# RFC 2617 3.5 and RFC 7616 3.9.1
@pytest.mark.parametrize(
    ("expected", "arguments"),
    [
        (
            "6629fae49393a05397450978507c4ef1",
            {
                "algorithm": Algorithm.MD5,
                "user": "Mufasa",
                "realm": "testrealm@host.com",
                "password": "Circle Of Life",
                "method": "GET",
                "uri": "/dir/index.html",
                "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
                "qop": "auth",
                "nc": "00000001",
                "cnonce": "0a4f113b",
            },
        ),
        (
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            {
                "algorithm": Algorithm.SHA_256,
                "user": "Mufasa",
                "realm": "http-auth@example.org",
                "password": "Circle of Life",
                "method": "GET",
                "uri": "/dir/index.html",
                "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                "qop": "auth",
                "nc": "00000001",
                "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            },
        ),
    ],
)
def test_examples_of_the_rfcs(expected, arguments):
    assert response(**arguments) == expected


# The expected values were computed with md5sum and sha256sum.
BASE = {"user": "viewer", "realm": "ONB", "password": "p\u00e4ss", "method": "PLAY", "uri": "*", "nonce": "n"}


@pytest.mark.parametrize(
    ("expected", "arguments"),
    [
        ("d2196537bf7104d71e5fa1a3f19d9973", {"algorithm": Algorithm.MD5}),
        ("2ae1ee9e66ad33b03b91aa905f882987", {"algorithm": Algorithm.MD5, "encoding": "latin-1"}),
        (
            "425710ca8eaa546da025eb83a44c6333",
            {"algorithm": Algorithm.MD5_SESS, "qop": "auth", "nc": "00000002", "cnonce": "c"},
        ),
        (
            "ee46a7de9423534538969c5483ca22f86b661c01bf97f78a45795a4fb9e01160",
            {"algorithm": Algorithm.SHA_256_SESS, "qop": "auth", "nc": "00000002", "cnonce": "c"},
        ),
    ],
)
def test_other_forms(expected, arguments):
    assert response(**BASE, **arguments) == expected


def test_algorithm_names():
    assert Algorithm.named("") is Algorithm.MD5
    assert Algorithm.named("md5") is Algorithm.MD5
    assert Algorithm.named("sha-256-SESS") is Algorithm.SHA_256_SESS
    assert Algorithm.named("SHA-512-256") is None
    assert Algorithm.SHA_256_SESS.base is Algorithm.SHA_256


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)
TOKENS = st.text("abcXYZ019-", min_size=1, max_size=10)


@settings(max_examples=100)
@given(
    st.builds(
        Challenge,
        scheme=st.just("Digest"),
        realm=TEXTS,
        nonce=TEXTS,
        opaque=st.none() | TEXTS,
        algorithm=st.just("") | TOKENS,
        qop=st.sampled_from([(), ("auth",), ("auth", "auth-int")]),
        stale=st.booleans(),
    )
)
def test_parse_of_format_is_the_same_challenge(challenge):
    assert parse_challenges([challenge.format()]) == [challenge]


@settings(max_examples=100)
@given(
    st.builds(DigestCredentials, user=TEXTS, realm=TEXTS, nonce=TEXTS, uri=TEXTS, response=TEXTS, cnonce=TEXTS)
    | st.builds(BasicCredentials, user=TEXTS.filter(lambda text: ":" not in text), password=TEXTS)
)
def test_parse_of_format_is_the_same_credentials(credentials):
    assert parse_authorization(credentials.format()) == credentials


@settings(max_examples=150)
@given(st.text(max_size=80) | st.text('Digest Basic,=" \\abc', max_size=60))
def test_any_text_gives_values_or_a_refusal(text):
    for parse in (parse_authorization, lambda value: parse_challenges([value])):
        with suppress(RemoteProtocolError):
            parse(text)
