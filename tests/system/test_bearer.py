import os

import pytest

from bridge.system.bearer import is_token, new_id, new_token


def test_made() -> None:
    token = new_token(os.urandom)
    assert (len(token), len(new_id(os.urandom))) == (43, 16)
    assert is_token(token)
    assert token != new_token(os.urandom)


@pytest.mark.parametrize("text", ["", "short", "a" * 129, "ä" * 43, "a" * 42 + "\n", "a" * 42 + "=", "a" * 42 + "\0"])
def test_what_is_none(text: str) -> None:
    assert not is_token(text)
