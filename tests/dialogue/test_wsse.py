import pytest

from bridge.base.time import NS_PER_S, UtcNs, format_utc, parse_utc
from bridge.dialogue.wsse import RepeatedTokens, TokenChecker, TokenOutcome
from bridge.wire.wsse import UsernameToken, password_digest

NOW = parse_utc("2026-11-21T09:00:00Z")
SECRETS = {"viewer": "geheim", "ümit": "pässwörd"}


def token(
    user: str = "viewer", password: str = "geheim", nonce: bytes = b"n", at_ns: int = NOW, created: str = ""
) -> UsernameToken:
    created = created or format_utc(at_ns)
    return UsernameToken(user, password_digest(nonce, created, password), nonce, created)


def check(checker: TokenChecker, one: UsernameToken, now: int = NOW) -> TokenOutcome:
    return checker.check(one, SECRETS.get, UtcNs(now)).outcome


def test_the_right_password() -> None:
    verdict = TokenChecker().check(token(), SECRETS.get, NOW)
    assert (verdict.ok, verdict.user, verdict.skew_ns) == (True, "viewer", 0)
    assert check(TokenChecker(), token("ümit", "pässwörd")) is TokenOutcome.OK


@pytest.mark.parametrize(
    "one", [token(password="wrong"), token(user="nobody"), token(user="nobody", password="no such user")]
)
def test_wrong_password_and_unknown_user_look_alike(one: UsernameToken) -> None:
    assert check(TokenChecker(), one) is TokenOutcome.WRONG


@pytest.mark.parametrize(
    ("skew_s", "outcome"),
    [
        (0, TokenOutcome.OK),
        (300, TokenOutcome.OK),
        (-300, TokenOutcome.OK),
        (301, TokenOutcome.SKEWED),
        (-301, TokenOutcome.SKEWED),
        (-(10**9), TokenOutcome.SKEWED),
    ],
)
def test_the_clock(skew_s: int, outcome: TokenOutcome) -> None:
    verdict = TokenChecker().check(token(at_ns=NOW + skew_s * NS_PER_S), SECRETS.get, NOW)
    assert verdict.outcome is outcome
    assert verdict.skew_ns == skew_s * NS_PER_S


def test_a_wrong_password_does_not_learn_about_the_clock() -> None:
    verdict = TokenChecker().check(token(password="x", at_ns=NOW - 10**15), SECRETS.get, NOW)
    assert (verdict.outcome, verdict.skew_ns) == (TokenOutcome.WRONG, 0)


def test_unreadable_times() -> None:
    assert check(TokenChecker(), token(created="yesterday")) is TokenOutcome.SKEWED


def test_a_token_works_once() -> None:
    checker = TokenChecker()
    assert check(checker, token()) is TokenOutcome.OK
    assert check(checker, token(), NOW + 299 * NS_PER_S) is TokenOutcome.REPLAYED
    assert check(checker, token(nonce=b"m")) is TokenOutcome.OK
    # When its memory ends, its time has ended as well.
    assert check(checker, token(), NOW + 301 * NS_PER_S) is TokenOutcome.SKEWED


def test_a_token_of_the_future_is_remembered_for_as_long_as_it_could_be_used() -> None:
    checker = TokenChecker()
    ahead = token(at_ns=NOW + 300 * NS_PER_S)
    assert check(checker, ahead) is TokenOutcome.OK
    assert check(checker, ahead, NOW + 600 * NS_PER_S) is TokenOutcome.REPLAYED
    assert check(checker, ahead, NOW + 601 * NS_PER_S) is TokenOutcome.SKEWED


def test_clients_that_repeat_one_token() -> None:
    checker = TokenChecker(repeated=RepeatedTokens.ACCEPT)
    assert [check(checker, token()) for _ in range(3)] == [TokenOutcome.OK] * 3


def test_wrong_tokens_push_nothing_out() -> None:
    checker = TokenChecker(cache_size=2)
    assert check(checker, token()) is TokenOutcome.OK
    for number in range(10):
        check(checker, token(password="wrong", nonce=bytes([number])))
    assert checker.forgotten == 0
    assert check(checker, token()) is TokenOutcome.REPLAYED


def test_the_oldest_goes_when_the_memory_is_full() -> None:
    checker = TokenChecker(cache_size=3)
    for number in range(4):
        assert check(checker, token(nonce=bytes([number]))) is TokenOutcome.OK
    assert checker.forgotten == 1
    assert check(checker, token(nonce=b"\3")) is TokenOutcome.REPLAYED
    assert check(checker, token(nonce=b"\0")) is TokenOutcome.OK  # forgotten: the price of a bound


def test_parts_of_tokens_are_not_mixed_up() -> None:
    """Nonce and Created are hashed without a border between them, so the same digest can be cut in two ways."""
    checker = TokenChecker()
    assert check(checker, token(nonce=b"n")) is TokenOutcome.OK
    assert check(checker, token("ümit", "pässwörd", nonce=b"n")) is TokenOutcome.OK
