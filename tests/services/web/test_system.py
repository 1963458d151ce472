"""How the service is, for administrators and for others."""

from bridge.base.time import NS_PER_S, ManualClock
from bridge.services.web.system import (
    HISTORY,
    ROWS,
    SYSTEM,
    History,
    Measured,
    NoticeShown,
    SystemShown,
    system_routes,
)
from tests.services.web import web_setting
from tests.services.web.resources_setting import ANNA, OTTO, VERA
from tests.services.web.web_setting import Setting, asked, handler

NOTICE = NoticeShown(level="error", text="Storage default is full", detail="/srv is full")
ALL = SystemShown(version="1", now="2027-01-15T08:00:00.000Z", notices=[NOTICE], uptime_s=5, storages=[])


class Scene:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.measured = Measured(0, 1000, 2_000_000, 3, 4, 0, {"default": 5})
        self.history = History(self.clock, lambda: self.measured)
        self.rows = system_routes(lambda: ALL, self.history)


def test_others_hear_what_is_in_the_banner_and_no_path() -> None:
    scene = Scene()
    assert handler(scene.rows, SYSTEM)(asked(ANNA)) == ALL
    for principal in (OTTO, VERA):
        seen = handler(scene.rows, SYSTEM)(asked(principal))
        assert seen.model_dump(exclude_none=True) == {
            "version": "1",
            "now": ALL.now,
            "notices": [{"level": "error", "text": "Storage default is full"}],
        }


def test_who_may_ask() -> None:
    setting = Setting(Scene().rows)
    found = {
        (path, name): setting.ask("GET", path, *([f"Authorization: Bearer {name}"] if name else []))[0]
        for path in (SYSTEM, HISTORY)
        for name in ("", "vera", "anna")
    }
    assert list(found.values()) == [401, 200, 200, 401, 403, 200]
    assert web_setting.VERA.role is not web_setting.ANNA.role


def test_the_last_hour() -> None:
    scene = Scene()
    scene.history.sample()
    assert scene.history.rows == []
    for number in range(ROWS + 5):
        scene.clock.advance(10 * NS_PER_S)
        scene.measured = Measured(number * NS_PER_S, 1000, 2_500_000, 3, 4, number * 50, {"default": number})
        scene.history.sample()
    rows = handler(scene.rows, HISTORY)(asked(ANNA)).rows
    assert len(rows) == ROWS
    last = rows[-1]
    assert (last.cpu, last.lag_ms, last.recorded_bytes_per_s) == (0.1, 2.5, 5)
    assert (last.viewers, last.cameras_up, last.storages) == (3, 4, {"default": ROWS + 4})
    assert last.at > rows[0].at


def test_counts_that_begin_anew_and_a_clock_that_stands() -> None:
    scene = Scene()
    scene.measured = Measured(0, 0, 0, 0, 0, 10**9, {})
    scene.history.sample()
    scene.history.sample()
    assert scene.history.rows == []
    scene.clock.advance(NS_PER_S)
    scene.measured = Measured(0, 0, 0, 0, 0, 0, {})
    scene.history.sample()
    assert scene.history.rows[0].recorded_bytes_per_s == 0
