import pytest

from bridge.base.time import NS_PER_S, ManualClock
from bridge.recorder.clock_watch import ClockWatch

HOUR_NS = 3600 * NS_PER_S


def test_a_day_forward_lets_ages_rest_for_an_hour():
    clock = ManualClock()
    watch = ClockWatch(clock)
    clock.advance(1000 * HOUR_NS)
    assert (watch.look(), watch.rests) == (0, False)
    clock.step_utc(24 * HOUR_NS)
    assert watch.rests is False
    assert (watch.look(), watch.rests) == (24 * HOUR_NS, True)
    clock.advance(HOUR_NS - 1)
    assert (watch.look(), watch.rests) == (0, True)
    clock.advance(1)
    assert watch.rests is False


@pytest.mark.parametrize("step_s", [-3600, -86_400, 1, 600])
def test_back_or_a_little_forward_is_nothing(step_s):
    clock = ManualClock()
    watch = ClockWatch(clock)
    clock.step_utc(step_s * NS_PER_S)
    assert (watch.look(), watch.rests) == (0, False)


def test_forward_again_rests_anew():
    clock = ManualClock()
    watch = ClockWatch(clock)
    for _ in range(3):
        clock.step_utc(601 * NS_PER_S)
        assert watch.look() == 601 * NS_PER_S
        clock.advance(HOUR_NS - 1)
        assert watch.rests
