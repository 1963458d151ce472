"""Any XML as a wsse:Security block: a token, none, or a refusal; and nobody gets in without the password."""

import contextlib

from lxml import etree

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import UtcNs
from bridge.dialogue.wsse import TokenChecker, TokenOutcome
from bridge.wire.wsse import UsernameToken, format_username_token, parse_created, parse_username_token, password_digest

NOW = UtcNs(1_800_000_000 * 10**9)
CREATED = "2027-01-15T08:00:00Z"
SEEDS = [
    format_username_token(UsernameToken("viewer", password_digest(b"n", CREATED, "wrong"), b"n", CREATED)).encode(),
    format_username_token(UsernameToken("ü", b"0" * 20, b"n" * 16, "2027-01-15T08:00:00.123+01:00")).encode(),
]
CHECKER = TokenChecker(cache_size=16)


def run(data: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        parse_created(data.decode("utf-8", "replace"))
    try:
        element = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return
    try:
        token = parse_username_token(element)
    except RemoteProtocolError:
        return
    if token is None:
        return
    assert parse_username_token(etree.fromstring(format_username_token(token))) == token
    verdict = CHECKER.check(token, lambda name: "the password", NOW)
    assert verdict.outcome is TokenOutcome.WRONG
