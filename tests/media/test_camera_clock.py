from bridge.base.time import NS_PER_MS, NS_PER_S
from bridge.media.camera_clock import CameraClock, ClockQuality


def test_quality():
    clock = CameraClock()
    assert clock.quality is ClockQuality.UNKNOWN
    clock.report(1000 * NS_PER_S + 30 * NS_PER_MS, 1000 * NS_PER_S)
    clock.report(1005 * NS_PER_S + 50 * NS_PER_MS, 1005 * NS_PER_S)
    assert clock.quality is ClockQuality.SYNCHRONOUS
    assert clock.offset_ns == 50 * NS_PER_MS


def test_a_camera_in_1970_is_offset_and_one_that_is_set_is_unsteady():
    clock = CameraClock()
    clock.report(5 * NS_PER_S, 1_800_000_000 * NS_PER_S)
    assert clock.quality is ClockQuality.OFFSET
    clock.report(1_800_000_005 * NS_PER_S, 1_800_000_005 * NS_PER_S)
    assert clock.quality is ClockQuality.UNSTEADY
    assert clock.steps == 1
