import pytest

from bridge.system.storable import TEXT_LIMIT, storable


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ""), ("Tür 🎥", "Tür 🎥"), ("a\0b", "a?b"), ("\udcffa", "?a"), ("x" * 999, "x" * TEXT_LIMIT)],
)
def test_storable(text, expected):
    assert storable(text) == expected


def test_another_limit():
    assert storable("abc", 2) == "ab"
