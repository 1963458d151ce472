"""Times as the API takes them: RFC 3339, or milliseconds since 1970. It gives RFC 3339 UTC with milliseconds."""

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from bridge.base.time import NS_PER_MS, parse_utc
from bridge.services.web.problems import ProblemError

LATEST_MS = 7_258_118_400_000
"""The year 2200: a later time is a mistake, and databases end in 2261."""

EXPECTED = "expected a time from 1970 until 2200: RFC 3339 such as 2026-11-24T18:00:00Z, or milliseconds since 1970"


def _instant(value: Any) -> int:  # Any: whatever JSON or a query holds
    utc_ns = None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 16:
        utc_ns = int(value) * NS_PER_MS
    elif isinstance(value, str) and len(value) <= 64:
        try:
            # In a query + stands for a space.
            utc_ns = parse_utc(value.replace(" ", "+") if value[10:11] in ("T", "t") else value)
        except ValueError:
            utc_ns = None
    elif isinstance(value, int) and not isinstance(value, bool):
        utc_ns = value * NS_PER_MS
    if utc_ns is None or not 0 <= utc_ns <= LATEST_MS * NS_PER_MS:
        raise PydanticCustomError("instant", EXPECTED)
    return utc_ns


Instant = Annotated[
    int,
    BeforeValidator(_instant),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "integer", "minimum": 0, "maximum": LATEST_MS},
            ],
            "description": "RFC 3339, or milliseconds since 1970",
            "examples": ["2026-11-24T18:00:00.000Z", 1795543200000],
        }
    ),
]
"""A time in a query or a body -> UTC nanoseconds."""


def check_range(from_ns: int, until_ns: int, longest_ns: int | None = None, longest: str = "") -> None:
    """Raises ProblemError of `until`. longest: in words, `31 days`."""
    if until_ns <= from_ns:
        raise bad_input("until", "a time after from")
    if longest_ns is not None and until_ns - from_ns > longest_ns:
        raise bad_input("until", f"at most {longest} after from")


def bad_input(field: str, expected: str) -> ProblemError:
    """A value that is of the right kind and cannot be taken."""
    expected = f"expected {expected}"
    return ProblemError(422, "input", f"{field}: {expected}", errors=[{"field": field, "expected": expected}])
