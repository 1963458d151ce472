import os

import pytest

from bridge.base.time import NS_PER_S, UtcNs
from bridge.system.api_tokens import DAY_NS, PER_USER, PREFIX, USED_TO_NS, ApiTokens, TokensError
from bridge.system.database import CONFIG

NOW = UtcNs(1_800_000_000 * NS_PER_S)


def tokens(database, *, gone=()):
    return ApiTokens(database, lambda name: name not in gone, os.urandom)


class TestApiTokens:
    """On any database."""

    @pytest.fixture
    def database(self, opened):
        return opened(CONFIG)

    def test_made_found_revoked_and_kept(self, tmp_path, database):
        one = tokens(database)
        made, secret = one.make("vera", "wall", None, NOW)
        assert secret.startswith(PREFIX)
        again = tokens(database)
        for kept in (one, again):
            found = kept.find(secret, NOW)
            assert (found.id, found.user, found.name) == (made.id, "vera", "wall")
            assert kept.get(made.id, NOW) is not None
        assert not any(secret.encode() in path.read_bytes() for path in tmp_path.iterdir())
        assert again.revoke("anna", made.id) is False
        assert again.revoke("vera", made.id) is True
        assert again.find(secret, NOW) is None
        assert len(tokens(database)) == 0

    def test_it_expires(self, database):
        one = tokens(database)
        made, secret = one.make("vera", "wall", 2, NOW)
        assert one.find(secret, UtcNs(NOW + 2 * DAY_NS - 1)) is not None
        later = UtcNs(NOW + 2 * DAY_NS)
        assert (one.find(secret, later), one.get(made.id, later)) == (None, None)
        one.make("vera", "next", None, later)
        assert [token.name for token in tokens(database).of("vera")] == ["next"]

    def test_the_last_use_is_known_to_the_hour(self, database):
        one = tokens(database)
        _, secret = one.make("vera", "wall", None, NOW)
        for after in (0, 1, USED_TO_NS - 1):
            assert one.find(secret, UtcNs(NOW + after)) is not None
            assert one.of("vera")[0].used_utc_ns == NOW
        one.find(secret, UtcNs(NOW + USED_TO_NS))
        database.write(lambda connection: None)
        assert tokens(database).of("vera")[0].used_utc_ns == NOW + USED_TO_NS

    def test_so_many_of_one_user(self, database):
        one = tokens(database)
        for number in range(PER_USER):
            one.make("vera", str(number), None, NOW)
        with pytest.raises(TokensError, match="32 tokens are there already"):
            one.make("vera", "more", None, NOW)
        one.make("anna", "hers", None, NOW)

    def test_those_of_users_who_are_gone_go(self, database):
        gone = set()
        one = tokens(database, gone=gone)
        _, secret = one.make("vera", "wall", None, NOW)
        one.make("anna", "hers", None, NOW)
        gone.add("vera")
        one.recheck()
        assert one.find(secret, NOW) is None
        database.write(lambda connection: None)
        assert [token.user for token in tokens(database).of("anna")] == ["anna"]
        assert tokens(database).of("vera") == ()

    @pytest.mark.parametrize("text", ["", "onb_", "onb_" + "a" * 43, "x" * 10_000, "onb_ä", "onb_" + "\0" * 43])
    def test_garbage_is_nobody(self, database, text):
        one = tokens(database)
        one.make("vera", "wall", None, NOW)
        assert one.find(text, NOW) is None

    def test_no_digest_in_a_repr(self, database):
        made, secret = tokens(database).make("vera", "wall", None, NOW)
        assert "sha256" not in repr(made)
        assert secret not in repr(made)
