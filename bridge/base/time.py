"""The times of the core: integers with their unit in the name, and the one `Clock`.

Three times are never mixed (docs/design/time.md):

- `MonotonicNs`  for waiting and for arrival; its zero means nothing
- `UtcNs`        wall time: our estimate of when a picture was taken, nanoseconds since 1970-01-01 UTC, leap seconds
                 as POSIX counts them
- media time     a track's own clock (RTP), an `int` in units of that track's `clock_rate`

Time zones exist in user interfaces only.
"""

import datetime as dt
import functools
import re
import time as _time
from typing import NewType, Protocol

MonotonicNs = NewType("MonotonicNs", int)
UtcNs = NewType("UtcNs", int)

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
_SECONDS_A_DAY = 86_400

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)


class Clock(Protocol):
    """Where times come from. `app` hands out one; tests pass one that they move themselves."""

    def monotonic_ns(self) -> MonotonicNs:
        """Time for waiting; never steps back."""

    def utc_ns(self) -> UtcNs:
        """Wall time; may step when the host's clock is set."""


class SystemClock:
    """The host's clocks."""

    def monotonic_ns(self) -> MonotonicNs:
        """CLOCK_MONOTONIC in nanoseconds."""
        return MonotonicNs(_time.monotonic_ns())

    def utc_ns(self) -> UtcNs:
        """CLOCK_REALTIME in nanoseconds."""
        return UtcNs(_time.time_ns())


class ManualClock:
    """A clock that stands until it is moved: for tests and for simulations of long times."""

    def __init__(self, *, monotonic_ns: int = 0, utc_ns: int = 1_800_000_000 * NS_PER_S) -> None:
        self._monotonic_ns = monotonic_ns
        self._utc_ns = utc_ns

    def monotonic_ns(self) -> MonotonicNs:
        """The time that `advance` has reached."""
        return MonotonicNs(self._monotonic_ns)

    def utc_ns(self) -> UtcNs:
        """The time that `advance` and `step_utc` have reached."""
        return UtcNs(self._utc_ns)

    def advance(self, ns: int) -> None:
        """Both clocks move on by `ns` >= 0 nanoseconds."""
        if ns < 0:
            raise ValueError(f"advance: {ns} ns; a monotonic clock does not go back")
        self._monotonic_ns += ns
        self._utc_ns += ns

    def step_utc(self, ns: int) -> None:
        """The wall clock is set `ns` nanoseconds forwards (or back); waiting is not touched."""
        self._utc_ns += ns


def format_utc(utc_ns: int, *, digits: int = 3) -> str:
    """RFC 3339 in UTC with `digits` (0 to 9) digits of a second, cut, not rounded: `2026-11-21T09:00:00.250Z`."""
    seconds, fraction = divmod(utc_ns, NS_PER_S)
    day, second = divmod(seconds, _SECONDS_A_DAY)
    minute, second = divmod(second, 60)
    text = f"{_format_day(day)}T{minute // 60:02d}:{minute % 60:02d}:{second:02d}.{fraction:09d}"
    return text[: 20 + digits if digits else 19] + "Z"


@functools.lru_cache(maxsize=64)
def _format_day(day: int) -> str:
    """Days since 1970 -> `2026-11-21`. Time lines format thousands of times of a few days."""
    return (dt.date(1970, 1, 1) + dt.timedelta(days=day)).isoformat()


def parse_utc(text: str) -> UtcNs:
    """RFC 3339 with any offset -> UTC nanoseconds. Raises ValueError that names the text.

    Any year: clients ask for what was recorded since the year 1. Databases hold the years 1678 to 2261 (64 bits).
    """
    match = _RFC3339.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not an RFC 3339 time such as 2026-11-21T09:00:00Z")
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    try:
        # RFC 3339 5.6 allows the leap second :60; POSIX time has no room for it, so it is read as the second after.
        moment = dt.datetime(year, month, day, hour, minute, min(second, 59), tzinfo=dt.UTC)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time: {error}") from None
    seconds = (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(seconds=1) + (1 if second == 60 else 0)
    if match[9]:
        offset = (int(match[10]) * 60 + int(match[11])) * 60
        seconds -= offset if match[9] == "+" else -offset
    return UtcNs(seconds * NS_PER_S + int((match[7] or "").ljust(9, "0")))


def ticks_to_ns(ticks: int, clock_rate: int) -> int:
    """A length in media time -> nanoseconds, rounded to the nearest."""
    return (ticks * NS_PER_S + clock_rate // 2) // clock_rate


def ns_to_ticks(ns: int, clock_rate: int) -> int:
    """A length in nanoseconds -> media time, rounded to the nearest."""
    return (ns * clock_rate + NS_PER_S // 2) // NS_PER_S
