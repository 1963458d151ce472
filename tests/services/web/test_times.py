from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from bridge.base.time import NS_PER_MS, NS_PER_S
from bridge.services.web.problems import ProblemError
from bridge.services.web.times import Instant, check_range

INSTANT: TypeAdapter[int] = TypeAdapter(Instant)


@pytest.mark.parametrize(
    ("given", "expected_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2027-01-15T08:00:00.250Z", 1_800_000_000_250),
        ("2027-01-15T09:00:00+01:00", 1_800_000_000_000),
        ("2027-01-15T09:00:00 01:00", 1_800_000_000_000),  # + in a query that was not escaped
        ("1800000000250", 1_800_000_000_250),
        (1_800_000_000_250, 1_800_000_000_250),
    ],
)
def test_what_is_taken(given: Any, expected_ms: int) -> None:
    assert INSTANT.validate_python(given) == expected_ms * NS_PER_MS


@pytest.mark.parametrize(
    "given",
    ["", "now", "-1", -1, True, None, 1.5, "2027-01-15", "0001-01-01T00:00:00Z", "9" * 16, 10**30, "9" * 5000, [], "²"],
)
def test_what_is_not(given: Any) -> None:
    with pytest.raises(ValidationError, match="expected a time from 1970 until 2200"):
        INSTANT.validate_python(given)


def test_ranges_name_the_field() -> None:
    check_range(0, 1)
    for until_ns in (5, 4):
        with pytest.raises(ProblemError, match="until: expected a time after from"):
            check_range(5, until_ns)
    with pytest.raises(ProblemError, match="at most a minute after from"):
        check_range(0, 61 * NS_PER_S, 60 * NS_PER_S, "a minute")
