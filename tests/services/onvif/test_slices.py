"""One slice a turn for all requests together: how long it lasts, who waits, who goes on."""

import pytest
from twisted.internet.defer import CancelledError, Deferred

from bridge.base.time import NS_PER_MS, ManualClock
from bridge.services.onvif.slices import SLICE_NS, Slice, Slices
from tests.services.onvif.bridge_setting import Turns, run

STEP_NS = NS_PER_MS * 3 // 10  # no divisor of a slice


class Setting:
    """A clock that only steps move, and how long each turn of the reactor was held by them."""

    def __init__(self):
        self.clock, self.turns = ManualClock(), Turns()
        self.slices = Slices(self.clock, self.turns.later)
        self.log = []

    def steps(self, name, count, step_ns=STEP_NS):
        for number in range(count):
            self.clock.advance(step_ns)
            self.log.append(name)
            yield f"{name}{number}"

    def gather(self, *steps):
        return Deferred.fromCoroutine(self.slices.gather(self.steps(*steps)))

    def turn(self):
        """What was done in the next one, and how long it took; None when there was nothing left to do."""
        began_ns = self.clock.monotonic_ns()
        self.log.clear()
        return ("".join(self.log), self.clock.monotonic_ns() - began_ns) if self.turns.next() else None


@pytest.fixture
def setting():
    return Setting()


def test_a_slice():
    clock = ManualClock(monotonic_ns=7)
    begun = Slice(clock)
    clock.advance(SLICE_NS - 1)
    assert not begun.over
    clock.advance(1)
    assert begun.over


def test_what_is_quick_waits_for_nothing(setting):
    assert run(setting.slices.gather(iter([1, None, 0, None, 2]))) == [1, 0, 2]
    assert run(setting.slices.gather([])) == []


def test_no_slice_is_longer_than_the_bound_and_one_step(setting):
    began_ns = setting.clock.monotonic_ns()
    gathering = setting.gather("a", 100)
    held_ns = [setting.clock.monotonic_ns() - began_ns]
    while not gathering.called:
        held_ns.append(setting.turn()[1])
    assert gathering.result == [f"a{number}" for number in range(100)]
    assert sum(held_ns) == 100 * STEP_NS
    assert len(held_ns) == 8
    assert all(SLICE_NS <= each < SLICE_NS + STEP_NS for each in held_ns[:-1])
    assert held_ns[-1] < SLICE_NS


def test_a_step_that_finds_nothing_counts(setting):
    def nothing():
        for _ in setting.steps("n", 50):
            yield None

    gathering = Deferred.fromCoroutine(setting.slices.gather(nothing()))
    assert len(setting.log) == 14
    while not gathering.called:
        assert setting.turn()[1] < SLICE_NS + STEP_NS
    assert gathering.result == []


def test_many_requests_share_the_slice_of_a_turn(setting):
    began_ns = setting.clock.monotonic_ns()
    gathering = [setting.gather(name, 30) for name in "abcd"]
    assert setting.log == ["a"] * 14
    assert setting.clock.monotonic_ns() - began_ns < SLICE_NS + STEP_NS
    turns = []
    while not all(each.called for each in gathering):
        turns.append(setting.turn())
    assert all(held_ns < SLICE_NS + STEP_NS for _, held_ns in turns)
    # In their order, and what one leaves of his slice is the next one's.
    assert [done for done, _ in turns] == [
        *("a" * 14, "b" * 14, "c" * 14, "d" * 14),
        *("a" * 2 + "b" * 12, "c" * 14, "d" * 14, "bbbbccdd"),
    ]
    assert [each.result[-1] for each in gathering] == ["a29", "b29", "c29", "d29"]


def test_a_newcomer_waits_behind_those_who_wait(setting):
    setting.gather("a", 20)
    new = setting.gather("n", 1)
    assert not new.called
    assert setting.turn()[0] == "aaaaaan"
    assert new.result == ["n0"]


def test_two_lists_of_one_request_share_the_slice(setting):
    async def request():
        return await setting.slices.gather(setting.steps("x", 10)) + await setting.slices.gather(setting.steps("y", 10))

    answering = Deferred.fromCoroutine(request())
    assert setting.log == ["x"] * 10 + ["y"] * 4
    assert setting.turn()[0] == "y" * 6
    assert len(answering.result) == 20


def test_a_turn_without_work_ends_the_slice(setting):
    """The next request has a slice of its own, however long ago the last one was."""
    setting.gather("a", 13)
    assert setting.turn() == ("", 0)
    assert setting.turn() is None
    setting.gather("b", 13)
    assert setting.log == ["b"] * 13


def test_cancelled_it_does_no_more_and_holds_up_nobody(setting):
    first, second = setting.gather("a", 40), setting.gather("b", 5)
    first.addErrback(lambda failure: failure.trap(CancelledError))
    first.cancel()
    assert first.called
    assert len(setting.slices._waiting) == 1
    assert setting.turn()[0] == "bbbbb"
    assert second.called
    assert setting.turn() == ("", 0)
    assert setting.turn() is None


def test_an_error_is_its_own_requests(setting):
    def broken():
        yield from setting.steps("a", 20)
        raise ValueError("a defect")

    failing = Deferred.fromCoroutine(setting.slices.gather(broken()))
    failed = []
    failing.addErrback(failed.append)
    other = setting.gather("b", 2)
    assert setting.turn()[0] == "aaaaaabb"
    assert failed[0].check(ValueError)
    assert other.called
