from zoneinfo import ZoneInfo

import pytest

from bridge.base.time import NS_PER_S, parse_utc
from bridge.recorder.cutter import Cutter
from bridge.recorder.gate import Gate, Mode
from bridge.recorder.schedule import Schedule
from tests.recorder.streams import LiveStream, Sink


class Setting:
    """A stream, its cutter, a gate and what passes it; the gate is asked every second."""

    def __init__(self, *, gop=25, size=1000, **settings):
        self.stream, self.sink = LiveStream(gop=gop, size=size), Sink()
        self.gate = Gate(self.sink, **settings)
        self.gate.on_time(self.now)
        self.cutter = Cutter(self.stream.hub, self.gate)

    @property
    def now(self):
        return self.stream.clock.utc_ns()

    def seconds(self, count):
        for _ in range(count):
            self.stream.frames(25)
            self.gate.on_time(self.now)

    def passed_s(self):
        """Seconds of what passed: since the beginning, in stretches without a break."""
        zero = self.stream.units[0].utc_ns
        stretches, last = [], None
        for fragment in self.sink.fragments:
            if last is None or fragment.sequence != last + 1:
                stretches.append([round((fragment.start_utc_ns - zero) / NS_PER_S, 1), 0])
            last = fragment.sequence
            stretches[-1][1] = round((fragment.end_utc_ns - zero) / NS_PER_S, 1)
        return stretches


def test_always():
    setting = Setting()
    setting.seconds(3)
    assert setting.gate.reason == "always"
    assert setting.passed_s() == [[0, 2.5]]
    assert setting.gate.held_bytes == 0


def test_never_keeps_nothing():
    setting = Setting(mode=Mode.NEVER)
    setting.seconds(3)
    setting.gate.trigger(True, setting.now, "motion")
    setting.seconds(1)
    assert (setting.sink.all, setting.gate.held_bytes, setting.gate.open) == ([], 0, False)
    assert setting.gate.reason == "not to be recorded"


def test_motion_with_the_time_before_and_behind_it():
    setting = Setting(mode=Mode.MOTION, pre_roll_ns=3 * NS_PER_S, post_roll_ns=2 * NS_PER_S)
    setting.seconds(10)
    assert (setting.sink.all, setting.gate.reason) == ([], "waits for motion")
    setting.gate.trigger(True, setting.now, "motion")
    assert setting.gate.reason == "motion"
    setting.seconds(4)
    setting.gate.trigger(False, setting.now, "motion")
    setting.seconds(6)
    # Motion from 10 to 14 s: whole GOPs from 3 s before it, until the fragment of 2 s behind it.
    assert setting.passed_s() == [[6, 16.0]]
    assert setting.sink.all[-1] is None
    assert setting.sink.fragments[0].starts_with_key
    assert setting.gate.held_bytes > 0


def test_motion_again_before_what_is_held_is_gone_leaves_no_break():
    setting = Setting(mode=Mode.MOTION, pre_roll_ns=10 * NS_PER_S, post_roll_ns=0, gop=5)
    setting.seconds(5)
    for active in (True, False):
        setting.gate.trigger(active, setting.now, "motion")
        setting.seconds(3)
    setting.gate.trigger(True, setting.now, "motion")
    setting.seconds(1)
    first, *rest = setting.passed_s()
    assert first[0] == 0
    assert len(rest) <= 1
    assert all(later[0] - earlier[1] < 0.5 for earlier, later in zip(setting.passed_s(), rest, strict=False))


def test_several_reasons_each_keep_it_open():
    setting = Setting(mode=Mode.MOTION)
    setting.seconds(1)
    setting.gate.trigger(True, setting.now, "motion")
    setting.gate.trigger(True, setting.now, "input")
    setting.gate.trigger(True, setting.now, "input")
    setting.gate.trigger(False, setting.now, "motion")
    assert setting.gate.open
    setting.gate.trigger(False, setting.now, "input")
    assert not setting.gate.open
    setting.gate.trigger(False, setting.now, "input")
    assert not setting.gate.open


def test_the_time_behind_ends_also_when_the_clock_is_set_back():
    setting = Setting(mode=Mode.MOTION, post_roll_ns=5 * NS_PER_S)
    setting.seconds(1)
    setting.gate.trigger(True, setting.now, "motion")
    setting.gate.trigger(False, setting.now, "motion")
    assert setting.gate.open
    setting.stream.clock.step_utc(-3600 * NS_PER_S)
    setting.seconds(1)
    assert not setting.gate.open


def test_motion_without_time_before_still_begins_with_a_key_frame():
    setting = Setting(mode=Mode.MOTION, gop=75)
    setting.seconds(5)
    setting.gate.trigger(True, setting.now, "motion")
    assert setting.passed_s() == [[3, 4.5]]


def test_what_is_held_is_bounded_and_goes_in_whole_gops():
    setting = Setting(mode=Mode.MOTION, pre_roll_ns=60 * NS_PER_S, max_bytes=80_000)
    for _ in range(30):
        setting.seconds(1)
        assert setting.gate.held_bytes <= 80_000
    assert setting.gate.held_bytes > 40_000
    setting.gate.trigger(True, setting.now, "motion")
    assert setting.sink.fragments[0].starts_with_key
    assert setting.gate.overflows == 0


def test_a_gop_that_is_larger_than_allowed_is_let_go_as_a_whole():
    setting = Setting(mode=Mode.MOTION, max_bytes=80_000, gop=250)
    setting.seconds(9)
    assert (setting.gate.overflows, setting.gate.held_bytes) == (1, 0)
    setting.seconds(3)
    setting.gate.trigger(True, setting.now, "motion")
    assert setting.sink.fragments[0].starts_with_key
    assert setting.passed_s()[0][0] == 10


def test_a_camera_that_went_away_leaves_nothing_before_the_next_motion():
    setting = Setting(mode=Mode.MOTION, pre_roll_ns=5 * NS_PER_S)
    setting.seconds(5)
    setting.stream.run.end()
    for _ in range(2):
        setting.cutter.on_timeout(setting.stream.clock.monotonic_ns())
    setting.gate.trigger(True, setting.now, "motion")
    assert setting.sink.all == []


def test_a_schedule_opens_and_shuts():
    setting = Setting(schedule=Schedule(("fri 08:10-08:11",), ZoneInfo("UTC")))
    assert setting.gate.reason == "outside its schedule"
    start = parse_utc("2027-01-15T08:10:00Z")
    setting.stream.clock.step_utc(start - setting.now - 2 * NS_PER_S)
    setting.seconds(3)
    assert (setting.gate.open, setting.gate.reason) == (True, "inside its schedule")
    setting.seconds(60)
    assert not setting.gate.open
    setting.seconds(1)
    assert setting.sink.all[-1] is None


def test_a_clock_that_is_set_asks_the_schedule_again():
    setting = Setting(schedule=Schedule(("fri 08:00-09:00",), ZoneInfo("UTC")))
    at = parse_utc("2027-01-15T08:30:00Z")
    for there, expected in ((at, True), (at - 3600 * NS_PER_S, False), (at, True), (at + 3600 * NS_PER_S, False)):
        setting.stream.clock.step_utc(there - setting.now)
        setting.gate.on_time(setting.now)
        assert setting.gate.open is expected


@pytest.mark.parametrize(("mode", "is_open"), [(Mode.ALWAYS, True), (Mode.NEVER, False), (Mode.MOTION, False)])
def test_other_settings_count_from_the_next_look_at_the_clock(mode, is_open):
    setting = Setting()
    setting.seconds(1)
    setting.gate.change(mode=mode, schedule=None, pre_roll_ns=0, post_roll_ns=0)
    setting.gate.on_time(setting.now)
    assert setting.gate.open is is_open
    setting.seconds(1)
    assert (None in setting.sink.all) is not is_open
