"""The three times and their texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.time import (
    NS_PER_S,
    ManualClock,
    SystemClock,
    UtcNs,
    format_utc,
    ns_to_ticks,
    parse_utc,
    ticks_to_ns,
)

TABLE = [
    ("1970-01-01T00:00:00.000Z", 0),
    ("2026-11-21T09:00:00.250Z", 1795251600_250000000),
    ("2000-02-29T23:59:59.999Z", 951868799_999000000),
]


@pytest.mark.parametrize(("text", "utc_ns"), TABLE)
def test_text_and_number(text: str, utc_ns: int) -> None:
    assert parse_utc(text) == utc_ns
    assert format_utc(utc_ns) == text


def test_offsets_and_leap_second() -> None:
    assert parse_utc("2026-11-21T10:30:00+01:30") == parse_utc("2026-11-21T09:00:00Z")
    assert parse_utc("2026-11-21T03:30:00-05:30") == parse_utc("2026-11-21T09:00:00Z")
    assert parse_utc("2016-12-31T23:59:60Z") == parse_utc("2017-01-01T00:00:00Z")


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-11-21T09:00:00", "2026-11-21"])
def test_what_is_no_time_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        parse_utc(text)


@given(st.integers(0, 4_000_000_000 * NS_PER_S))
def test_round_trip(utc_ns: int) -> None:
    assert parse_utc(format_utc(utc_ns, digits=9)) == utc_ns


def test_digits_are_cut_not_rounded() -> None:
    assert format_utc(999_999_999, digits=0) == "1970-01-01T00:00:00Z"
    assert format_utc(999_999_999, digits=2) == "1970-01-01T00:00:00.99Z"


@given(st.integers(0, 1 << 40), st.sampled_from([8000, 48000, 90000]))
def test_ticks_survive_nanoseconds(ticks: int, clock_rate: int) -> None:
    assert ns_to_ticks(ticks_to_ns(ticks, clock_rate), clock_rate) == ticks


def test_manual_clock_never_goes_back() -> None:
    clock = ManualClock(utc_ns=5)
    clock.advance(10)
    clock.step_utc(-12)
    assert (clock.monotonic_ns(), clock.utc_ns()) == (10, UtcNs(3))
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)


def test_system_clock_moves() -> None:
    clock = SystemClock()
    assert clock.monotonic_ns() <= clock.monotonic_ns()
    assert clock.utc_ns() > parse_utc("2026-01-01T00:00:00Z")
