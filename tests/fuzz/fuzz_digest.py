"""Challenges and credentials from any text, and both sides of the conversation about them."""

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.dialogue.digest import DigestAuthenticator, DigestClient, Outcome
from bridge.wire.digest import parse_authorization, parse_challenges

AUTHENTICATOR = DigestAuthenticator("ONB", b"s" * 32)
CHALLENGE = AUTHENTICATOR.challenges(0, b"r" * 8)

SEEDS = [
    CHALLENGE[0].encode(),
    b'Digest realm="a \\"b\\", c", nonce="n", opaque="", stale=TRUE, qop="auth,auth-int", Basic realm="x"',
    b"Digest realm=a nonce=b algorithm=SHA-256-sess, Negotiate abc==",
    b"Basic dTpw",
    b'Digest username*=UTF-8\'\'J%C3%A4s, realm="ONB", nonce="n", uri="*", response="' + b"0" * 32 + b'"',
    (DigestClient("viewer", "secret").authorize(CHALLENGE, "PLAY", "rtsp://h/a", "12345678") or "").encode(),
]


def run(data: bytes) -> None:
    """Values or refusals; what is formatted reads as the same; nobody gets in with a wrong password."""
    text = data.decode("utf-8", "replace")
    try:
        challenges = parse_challenges([text])
    except RemoteProtocolError:
        challenges = []
    for challenge in challenges:
        try:
            again = parse_challenges([challenge.format()])
        except LocalProtocolError:
            continue
        if challenge.is_digest:
            assert (again[0].realm, again[0].nonce, again[0].opaque) == (
                challenge.realm,
                challenge.nonce,
                challenge.opaque,
            )
    try:
        credentials = parse_authorization(text)
        assert parse_authorization(credentials.format()) == credentials
    except (RemoteProtocolError, LocalProtocolError):
        pass
    verdict = AUTHENTICATOR.check(text, "PLAY", lambda user: "another secret", 1)
    assert verdict.outcome is not Outcome.OK
    client = DigestClient("u", "p")
    answer = client.authorize([text], "PLAY", "rtsp://h/", "12345678")
    if answer is not None:
        parse_authorization(answer)
        assert client.header("PLAY", "rtsp://h/") is not None
