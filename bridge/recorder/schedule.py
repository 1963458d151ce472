"""Weekly schedules of the configuration: `mon-fri 08:00-18:00`, in the host's time zone, as intervals of UTC.

An end that is not behind its start lies on the next day. Where a zone changes its clocks (docs/design/time.md): a
window over the doubled hour lasts an hour longer, and one inside the skipped hour does not happen.
"""

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bridge.base.time import NS_PER_S

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ENTRY = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? (\d\d):(\d\d)-(\d\d):(\d\d)", re.ASCII)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SECOND = dt.timedelta(seconds=1)

#: Windows repeat after a week; the day more is for those that began before.
_HORIZON_DAYS = 8


class Window(NamedTuple):
    """One time of the week, on each of `days` (0: Monday), from minute to minute of its first day."""

    days: frozenset[int]
    from_minute: int
    until_minute: int


def parse_window(text: str) -> Window:
    """`fri-mon 22:00-06:00`. Raises ValueError that names the text."""
    match = _ENTRY.fullmatch(text)
    if match is None or match[1] not in _DAYS or (match[2] or match[1]) not in _DAYS:
        raise ValueError(f"{text!r} is not a time of the week such as mon-fri 08:00-18:00")
    first = _DAYS.index(match[1])
    count = (_DAYS.index(match[2] or match[1]) - first) % 7 + 1
    start = int(match[3]) * 60 + int(match[4])
    end = int(match[5]) * 60 + int(match[6])
    return Window(frozenset((first + day) % 7 for day in range(count)), start, end if end > start else end + 1440)


class Schedule:
    """See the module. Without entries it is active at all times."""

    def __init__(self, entries: Sequence[str], zone: dt.tzinfo) -> None:
        self._windows = tuple(parse_window(entry) for entry in entries)
        self._zone = zone

    def active(self, utc_ns: int) -> bool:
        """Whether the moment lies in a window; its end does not."""
        return self.state(utc_ns)[0]

    def state(self, utc_ns: int) -> tuple[bool, int | None]:
        """Whether the moment lies in a window, and the UTC nanosecond of the next change; None: it never changes."""
        if not self._windows:
            return True, None
        now_s = utc_ns // NS_PER_S
        until_s = now_s
        for start_s, end_s in sorted(self._around(now_s)):
            if start_s <= until_s < end_s:
                until_s = end_s
            elif start_s > until_s:
                # Sorted by start: nothing that comes now reaches back.
                break
        if until_s > now_s:
            return True, until_s * NS_PER_S if until_s < now_s + 7 * 86_400 else None
        later = [start_s for start_s, _ in self._around(now_s) if start_s > now_s]
        return False, min(later) * NS_PER_S if later else None

    def _around(self, now_s: int) -> Iterator[tuple[int, int]]:
        """The windows from a day before to a week behind, as seconds of UTC, those that do not happen left out."""
        today = dt.datetime.fromtimestamp(now_s, self._zone).date()
        for offset in range(-2, _HORIZON_DAYS + 1):
            date = today + dt.timedelta(days=offset)
            for window in self._windows:
                if date.weekday() in window.days:
                    start_s = self._utc_s(date, window.from_minute, last=False)
                    end_s = self._utc_s(date, window.until_minute, last=True)
                    if start_s < end_s:
                        yield start_s, end_s

    def _utc_s(self, date: dt.date, minute: int, *, last: bool) -> int:
        """A wall time -> seconds of UTC: of a doubled one the first or last, of a skipped one when clocks change."""
        wall = dt.datetime.combine(date, dt.time(), self._zone) + dt.timedelta(minutes=minute)
        early, late = sorted(_seconds(wall.replace(fold=fold)) for fold in (0, 1))
        if early == late:
            return early
        if self._minute_at(early) == (wall.hour, wall.minute):
            return late if last else early
        # PEP 495: around a skipped time `early` lies before the change, `late` behind it.
        before = self._offset(early)
        while late - early > 1:
            middle = (early + late) // 2
            if self._offset(middle) == before:
                early = middle
            else:
                late = middle
        return late

    def _minute_at(self, utc_s: int) -> tuple[int, int]:
        local = dt.datetime.fromtimestamp(utc_s, self._zone)
        return local.hour, local.minute

    def _offset(self, utc_s: int) -> dt.timedelta | None:
        return dt.datetime.fromtimestamp(utc_s, self._zone).utcoffset()


def _seconds(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // _SECOND
