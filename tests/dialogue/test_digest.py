"""Both sides of Digest authentication."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.errors import LocalProtocolError
from bridge.base.time import NS_PER_S
from bridge.dialogue.digest import BasicPolicy, DigestAuthenticator, DigestClient, Outcome
from bridge.wire.digest import Algorithm, DigestCredentials, parse_authorization, parse_challenges, response

SECRET = b"0123456789abcdef"
URI = "rtsp://h/live/gate/main"
PASSWORDS = {"viewer": "hush", "jörg": 'p"ä\\ß', "日本": "秘密", "empty": ""}


def authenticator(**options):
    return DigestAuthenticator("ONB", SECRET, **options)


def secret_of(user):
    return PASSWORDS.get(user)


def answer(server, user="viewer", password="hush", method="PLAY", now=0):
    client = DigestClient(user, password)
    header = client.authorize(server.challenges(now, b"8 random"), method, URI, "a cnonce")
    assert header is not None
    return header


def test_the_header_of_the_challenge():
    (value,) = authenticator().challenges(1, b"8 random bytes and more")
    (challenge,) = parse_challenges([value])
    assert value.startswith('Digest realm="ONB", nonce="')  # some clients scan for just this order
    assert (challenge.algorithm, challenge.qop, challenge.stale) == ("MD5", ("auth",), False)
    (challenge,) = parse_challenges(authenticator(offer_qop=False).challenges(1, b"8 random", stale=True))
    assert (challenge.qop, challenge.stale) == ((), True)


def test_two_algorithms_are_two_headers_in_order():
    server = authenticator(algorithms=(Algorithm.MD5, Algorithm.SHA_256))
    values = server.challenges(0, b"8 random")
    assert [challenge.algorithm for challenge in parse_challenges(values)] == ["MD5", "SHA-256"]
    header = DigestClient("viewer", "hush").authorize(values, "PLAY", URI, "c")
    assert "algorithm=SHA-256" in header
    assert server.check(header, "PLAY", secret_of, 1).ok
    assert authenticator().check(header, "PLAY", secret_of, 1).outcome is Outcome.WRONG


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("offer_qop", [True, False])
@pytest.mark.parametrize("user", sorted(PASSWORDS))
def test_right_password(algorithm, offer_qop, user):
    server = authenticator(algorithms=(algorithm,), offer_qop=offer_qop)
    verdict = server.check(answer(server, user, PASSWORDS[user]), "PLAY", secret_of, 5)
    assert verdict.ok
    assert (verdict.user, verdict.uri) == (user, URI)


@pytest.mark.parametrize(
    ("user", "password", "method"),
    [
        ("viewer", "Hush", "PLAY"),
        ("viewer", "", "PLAY"),
        ("nobody", "hush", "PLAY"),
        ("nobody", "no such user", "PLAY"),
        ("nobody", "", "PLAY"),
        ("viewer", "hush", "DESCRIBE"),
        ("日本", "??", "PLAY"),
    ],
)
def test_wrong(user, password, method):
    server = authenticator()
    verdict = server.check(answer(server, user, password, method), "PLAY", secret_of, 5)
    assert verdict.outcome is Outcome.WRONG
    assert not verdict.ok
    assert verdict.user == user


def test_a_name_in_latin_1_hashed_in_latin_1():
    server = authenticator(offer_qop=False)
    (challenge,) = parse_challenges(server.challenges(0, b"8 random"))
    digest = response(
        algorithm=Algorithm.MD5,
        user="jörg",
        realm="ONB",
        password=PASSWORDS["jörg"],
        method="PLAY",
        uri=URI,
        nonce=challenge.nonce,
        encoding="latin-1",
    )
    header = DigestCredentials("jörg", "ONB", challenge.nonce, URI, digest.upper()).format()
    assert server.check(header, "PLAY", secret_of, 5).ok


def test_answers_in_the_form_of_rfc_2069_though_qop_was_offered():
    server = authenticator()
    (challenge,) = parse_challenges(server.challenges(0, b"8 random"))
    ha1 = hashlib.md5(b"viewer:ONB:hush").hexdigest()
    ha2 = hashlib.md5(b"PLAY:*").hexdigest()
    digest = hashlib.md5(f"{ha1}:{challenge.nonce}:{ha2}".encode()).hexdigest()
    header = f'Digest username="viewer", realm="ONB", nonce="{challenge.nonce}", uri="*", response="{digest}"'
    verdict = server.check(header, "PLAY", secret_of, 5)
    assert verdict.ok
    assert verdict.uri == "*"


def test_nonces_grow_stale_and_live_five_minutes_at_least():
    server = authenticator(nonce_lifetime_s=300)
    header = answer(server, now=NS_PER_S)
    assert server.check(header, "PLAY", secret_of, 301 * NS_PER_S).ok
    late = server.check(header, "PLAY", secret_of, 301 * NS_PER_S + 1)
    assert (late.outcome, late.user) == (Outcome.STALE, "viewer")
    assert server.check(header, "PLAY", secret_of, 0).outcome is Outcome.STALE  # from the future
    wrong = answer(server, password="x", now=NS_PER_S)
    assert server.check(wrong, "PLAY", secret_of, 900 * NS_PER_S).outcome is Outcome.WRONG


def test_nonces_of_others_are_stale():
    header = answer(DigestAuthenticator("ONB", b"another secret!!"))
    assert authenticator().check(header, "PLAY", secret_of, 0).outcome is Outcome.STALE
    server = authenticator()
    for nonce in ("", "n", "0" * 64, "g" * 64):
        header = DigestClient("viewer", "hush").authorize([f'Digest realm="ONB", nonce="{nonce}"'], "PLAY", URI, "c")
        assert server.check(header, "PLAY", secret_of, 0).outcome is Outcome.STALE


def test_another_realm_is_wrong():
    header = answer(DigestAuthenticator("other", SECRET))
    assert authenticator().check(header, "PLAY", secret_of, 0).outcome is Outcome.WRONG


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (lambda text: "", Outcome.MALFORMED),
        (lambda text: "Bearer x", Outcome.MALFORMED),
        (lambda text: "Basic dmlld2VyOmh1c2g=", Outcome.WRONG),
        (lambda text: text.replace("nonce=", "once="), Outcome.MALFORMED),
        (lambda text: text.replace('response="', 'response="0'), Outcome.MALFORMED),
        (lambda text: text.replace('response="', 'response="ä'), Outcome.MALFORMED),
        (lambda text: text.replace("qop=auth", "qop=auth-int"), Outcome.MALFORMED),
        (lambda text: text.replace("nc=00000001", "nc=zz"), Outcome.MALFORMED),
        (lambda text: text.replace("nc=00000001, ", ""), Outcome.MALFORMED),
        (lambda text: text.replace('cnonce="a cnonce"', "x=y"), Outcome.MALFORMED),
        (lambda text: text.replace("algorithm=MD5", "algorithm=SHA-512-256"), Outcome.WRONG),
        (lambda text: text.replace("nc=00000001", "nc=00000002"), Outcome.WRONG),
        (lambda text: text.replace("gate", "yard"), Outcome.WRONG),
    ],
)
def test_changed_credentials(change, outcome):
    server = authenticator()
    assert server.check(change(answer(server)), "PLAY", secret_of, 0).outcome is outcome


def test_wrong_calls():
    with pytest.raises(LocalProtocolError):
        DigestAuthenticator("ONB", b"short")
    with pytest.raises(LocalProtocolError):
        authenticator(nonce_lifetime_s=299)
    with pytest.raises(LocalProtocolError):
        authenticator(algorithms=())
    with pytest.raises(LocalProtocolError):
        authenticator().challenges(0, b"short")


def test_unknown_users_take_the_same_work(monkeypatch):
    from bridge.dialogue import digest as module

    calls: list[str] = []
    real = module.wire.response

    def counted(**arguments):
        calls.append(arguments["user"])
        return real(**arguments)

    monkeypatch.setattr(module.wire, "response", counted)
    server = authenticator()
    known, unknown = answer(server), answer(server, "nobody")
    counts = []
    for header in (known, unknown, answer(server, password="x")):
        calls.clear()
        server.check(header, "PLAY", secret_of, 0)
        counts.append(len(calls))
    assert len(set(counts)) == 1


# ---- the client ----


def digest_header(nonce="n", more=""):
    return f'Digest realm="r", nonce="{nonce}"{more}'


def test_client_counts_and_keeps_the_nonce():
    client = DigestClient("u", "p")
    assert client.header("OPTIONS", URI) is None
    headers = [client.authorize([digest_header(more=', qop="auth"')], "DESCRIBE", URI, "c1")]
    headers += [client.header("SETUP", URI), client.header("PLAY", URI)]
    credentials = [parse_authorization(header) for header in headers]
    assert [found.nc for found in credentials] == ["00000001", "00000002", "00000003"]
    assert {found.cnonce for found in credentials} == {"c1"}
    assert len({found.response for found in credentials}) == 3


def test_client_without_qop_echoes_what_was_said():
    client = DigestClient("u", "p")
    found = parse_authorization(client.authorize([digest_header(more=', opaque="o", algorithm=md5')], "PLAY", URI, "c"))
    assert (found.qop, found.nc, found.cnonce, found.opaque, found.algorithm) == ("", "", "", "o", "md5")


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (['Basic realm="x"', digest_header()], "Digest"),
        ([digest_header() + ', Basic realm="x"'], "Digest"),
        ([digest_header(), digest_header(more=", algorithm=SHA-256")], "SHA-256"),
        ([digest_header(more=", algorithm=SHA-256"), digest_header()], "SHA-256"),
        ([digest_header(more=", algorithm=SHA-512-256"), digest_header()], "Digest"),
        ([digest_header(more=', qop="auth-int"'), "Basic"], "Basic"),
        (['"broken', "Basic"], "Basic"),
        (["Negotiate"], None),
        ([], None),
    ],
)
def test_client_takes_the_best(offered, chosen):
    header = DigestClient("u", "p").authorize(offered, "PLAY", URI, "c")
    assert header is None if chosen is None else chosen in header


def test_basic_policy():
    assert DigestClient("u", "p", BasicPolicy.NEVER).authorize(["Basic"], "PLAY", URI, "c") is None
    assert DigestClient("a:b", "p").authorize(["Basic"], "PLAY", URI, "c") is None
    client = DigestClient("u", "p")
    assert client.authorize(['Basic realm="x"'], "PLAY", URI, "c") == "Basic dTpw"
    assert client.header("PLAY", URI) == "Basic dTpw"


def test_client_gives_up_when_the_same_nonce_was_refused_twice():
    client = DigestClient("u", "wrong")
    assert client.authorize([digest_header()], "PLAY", URI, "c")
    assert client.authorize([digest_header()], "PLAY", URI, "c") is None
    assert client.header("PLAY", URI) is None
    basic = DigestClient("u", "wrong")
    assert basic.authorize(["Basic"], "PLAY", URI, "c")
    assert basic.authorize(["Basic"], "PLAY", URI, "c") is None


def test_client_gives_up_when_new_nonces_are_refused_as_well():
    client = DigestClient("u", "wrong")
    tries = [client.authorize([digest_header(f"n{count}")], "PLAY", URI, "c") is not None for count in range(3)]
    assert tries == [True, True, False]


def test_client_answers_stale_nonces_but_not_for_ever():
    client = DigestClient("u", "p")
    tries = [client.authorize([digest_header(f"n{n}", ", stale=true")], "PLAY", URI, "c") for n in range(6)]
    assert [found is not None for found in tries] == [True, True, True, True, False, True]
    assert tries[5]  # a new beginning, should somebody ask again


def test_client_survives_a_nonce_that_ended_without_stale():
    client = DigestClient("u", "p")
    assert client.authorize([digest_header("n0")], "DESCRIBE", URI, "c")
    for count in range(1, 6):
        assert client.header("GET_PARAMETER", URI)
        assert client.authorize([digest_header(f"n{count}")], "GET_PARAMETER", URI, "c")
    assert client.header("GET_PARAMETER", URI)
    assert client.authorize([digest_header("n5")], "GET_PARAMETER", URI, "c")  # asked the first time for this request
    assert client.authorize([digest_header("n5")], "GET_PARAMETER", URI, "c") is None


def test_client_and_server_over_a_long_time():
    server = authenticator(nonce_lifetime_s=300)
    client = DigestClient("viewer", "hush")
    now = 0
    header = client.authorize(server.challenges(now, b"8 random"), "DESCRIBE", URI, "c")
    outcomes = []
    for _ in range(40):
        verdict = server.check(header, "DESCRIBE", secret_of, now)
        outcomes.append(verdict.outcome)
        if verdict.outcome is Outcome.STALE:
            header = client.authorize(server.challenges(now, b"8 random", stale=True), "DESCRIBE", URI, "c")
        else:
            now += 60 * NS_PER_S
            header = client.header("DESCRIBE", URI)
    assert set(outcomes) == {Outcome.OK, Outcome.STALE}
    assert outcomes.count(Outcome.STALE) == 5


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=16)


@settings(max_examples=100)
@given(user=TEXTS, password=TEXTS, wrong=TEXTS, algorithm=st.sampled_from(Algorithm), qop=st.booleans())
def test_right_passwords_only(user, password, wrong, algorithm, qop):
    server = authenticator(algorithms=(algorithm,), offer_qop=qop)
    header = answer(server, user, password)
    assert server.check(header, "PLAY", lambda name: password if name == user else None, 0).ok
    if wrong != password:
        assert server.check(header, "PLAY", lambda name: wrong, 0).outcome is Outcome.WRONG


@settings(max_examples=100)
@given(st.text(max_size=60) | st.text('Digest Basic,=" \\abcnouri', max_size=60))
def test_any_text_is_a_verdict_or_no_answer(text):
    assert not authenticator().check(text, "PLAY", lambda user: "x", 0).ok
    DigestClient("u", "p").authorize([text], "PLAY", URI, "c")


def test_an_algorithm_of_an_odd_name_is_answered_by_its_right_one():
    client = DigestClient("u", "p")
    answer = client.authorize(["Digest realm=IP Camera, nonce='n', algorithm=\"SHA 256\""], "PLAY", "*", "c" * 8)
    assert answer is not None
    assert "algorithm=SHA-256" in answer
    assert 'realm="IP Camera"' in answer
