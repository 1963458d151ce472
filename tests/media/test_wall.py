from bridge.base.time import NS_PER_MS, ManualClock
from bridge.media.wall import WallOffset


class Interrupted(ManualClock):
    """A clock that is read by a process which is put aside between the first two reads."""

    def __init__(self):
        super().__init__()
        self.pauses = [20 * NS_PER_MS, 0]

    def utc_ns(self):
        if self.pauses:
            self.advance(self.pauses.pop(0))
        return super().utc_ns()


def test_is_the_difference_of_the_clocks():
    clock = ManualClock(monotonic_ns=5, utc_ns=1_000_000)
    offset = WallOffset(clock)
    assert offset.ns == 999_995
    clock.advance(77)
    clock.step_utc(3)
    offset.measure()
    assert offset.ns == 999_998


def test_a_slow_reading_does_not_count():
    clock = Interrupted()
    assert WallOffset(clock).ns == clock.utc_ns() - clock.monotonic_ns()
