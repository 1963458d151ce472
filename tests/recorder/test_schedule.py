from zoneinfo import ZoneInfo

import pytest

from bridge.base.time import format_utc, parse_utc
from bridge.recorder.schedule import Schedule, parse_window

BERLIN = ZoneInfo("Europe/Berlin")  # clocks change at 01:00 UTC: 2026-03-29 forward, 2026-10-25 back
UTC = ZoneInfo("UTC")


def windows(schedule: Schedule, since: str, until: str) -> list[tuple[str, str]]:
    """Every stretch of activity, found by following the changes."""
    at, end, found, began = parse_utc(since), parse_utc(until), [], None
    while at < end:
        active, change = schedule.state(at)
        if active and began is None:
            began = at
        nxt = min(change or end, end)
        assert nxt > at
        if active:
            found.append((format_utc(at, digits=0)[5:16], format_utc(nxt, digits=0)[5:16]))
        at = nxt
    return found


@pytest.mark.parametrize(
    ("text", "days", "start", "end"),
    [
        ("mon-fri 08:00-18:00", {0, 1, 2, 3, 4}, 480, 1080),
        ("sat 00:00-24:00", {5}, 0, 1440),
        ("fri-mon 22:00-06:00", {4, 5, 6, 0}, 1320, 1800),
        ("sun 08:00-08:00", {6}, 480, 1920),
        ("mon-sun 00:00-24:00", set(range(7)), 0, 1440),
        ("tue-mon 00:00-24:00", set(range(7)), 0, 1440),
    ],
)
def test_entries_as_the_configuration_writes_them(text, days, start, end):
    assert parse_window(text) == (frozenset(days), start, end)


@pytest.mark.parametrize("text", ["", "mon", "xyz 08:00-09:00", "mon-xyz 08:00-09:00", "mon 8:00-9:00"])
def test_an_entry_that_is_none_is_named(text):
    with pytest.raises(ValueError, match="time of the week"):
        parse_window(text)


def test_without_entries_always():
    assert Schedule((), BERLIN).state(parse_utc("2026-11-24T12:00:00Z")) == (True, None)


def test_all_of_the_week_never_changes():
    assert Schedule(("mon-sun 00:00-24:00",), BERLIN).state(parse_utc("2026-11-24T12:00:00Z")) == (True, None)
    assert Schedule(("mon-fri 00:00-24:00", "sat-sun 00:00-24:00"), BERLIN).state(0) == (True, None)


def test_a_week_in_a_zone():
    schedule = Schedule(("mon-tue 08:00-18:00", "sat 22:00-06:00"), BERLIN)
    # 2026-11-23 is a Monday; winter: UTC+1
    assert windows(schedule, "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z") == [
        ("11-23T07:00", "11-23T17:00"),
        ("11-24T07:00", "11-24T17:00"),
        ("11-28T21:00", "11-29T05:00"),
    ]


def test_edges_belong_to_the_start_and_not_to_the_end():
    schedule = Schedule(("mon 08:00-18:00",), UTC)
    start, end = parse_utc("2026-11-23T08:00:00Z"), parse_utc("2026-11-23T18:00:00Z")
    assert [schedule.active(at) for at in (start - 1, start, end - 1, end)] == [False, True, True, False]


def test_windows_that_touch_or_overlap_are_one():
    schedule = Schedule(("mon 08:00-12:00", "mon 12:00-14:00", "mon 13:00-15:00", "mon 09:00-10:00"), UTC)
    assert windows(schedule, "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z") == [("11-23T08:00", "11-23T15:00")]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("sat 22:00-06:00", ("10-24T20:00", "10-25T05:00")),  # nine hours
        ("sun 01:00-02:30", ("10-24T23:00", "10-25T01:30")),  # to the second 02:30, without a break between
        ("sun 02:30-04:00", ("10-25T00:30", "10-25T03:00")),  # from the first 02:30
        ("sun 02:10-02:40", ("10-25T00:10", "10-25T01:40")),  # half an hour and an hour
        ("sun 03:00-04:00", ("10-25T02:00", "10-25T03:00")),
    ],
)
def test_the_doubled_hour_makes_a_window_longer(entry, expected):
    assert windows(Schedule((entry,), BERLIN), "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z") == [expected]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("sat 22:00-06:00", [("03-28T21:00", "03-29T04:00")]),  # seven hours
        ("sun 02:10-02:50", []),
        ("sun 02:00-03:00", []),
        ("sun 01:00-02:30", [("03-29T00:00", "03-29T01:00")]),
        ("sun 02:30-04:00", [("03-29T01:00", "03-29T02:00")]),
    ],
)
def test_the_skipped_hour_takes_its_window_with_it(entry, expected):
    assert windows(Schedule((entry,), BERLIN), "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z") == expected


def test_a_zone_whose_clocks_change_by_half_an_hour():
    schedule = Schedule(("sun 01:00-03:00",), ZoneInfo("Australia/Lord_Howe"))
    # 2026-04-05 02:00 +11 becomes 01:30 +10:30
    assert windows(schedule, "2026-04-04T12:00:00Z", "2026-04-05T12:00:00Z") == [("04-04T14:00", "04-04T16:30")]
