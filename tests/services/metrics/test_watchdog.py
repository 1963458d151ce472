"""The watch over the reactor."""

import sys
from typing import Any

from structlog.testing import capture_logs
from twisted.internet.task import Clock as TwistedClock

from bridge.base.time import NS_PER_MS, ManualClock
from bridge.services.metrics.watchdog import HEARTBEAT_NS, Watchdog


def beats(reactor: TwistedClock, clock: ManualClock, late_ns: int) -> None:
    clock.advance(HEARTBEAT_NS + late_ns)
    reactor.advance(HEARTBEAT_NS / 1e9)


def make(frame: Any = None) -> tuple[Watchdog, TwistedClock, ManualClock]:
    reactor, clock = TwistedClock(), ManualClock()
    watchdog = Watchdog(reactor, clock, frame_of=lambda _: frame)
    watchdog._schedule()  # without the thread
    return watchdog, reactor, clock


def test_lag_is_measured_and_small_lag_is_silent() -> None:
    watchdog, reactor, clock = make()
    with capture_logs() as logs:
        beats(reactor, clock, 30 * NS_PER_MS)
    assert (watchdog.lag_ns, watchdog.worst_lag_ns, watchdog.held) == (30 * NS_PER_MS, 30 * NS_PER_MS, 0)
    assert logs == []


def test_what_held_the_reactor_is_named() -> None:
    watchdog, reactor, clock = make(sys._getframe())
    clock.advance(HEARTBEAT_NS + 80 * NS_PER_MS)
    watchdog.look()
    with capture_logs() as logs:
        clock.advance(100 * NS_PER_MS)
        reactor.advance(HEARTBEAT_NS / 1e9)
    (entry,) = logs
    assert entry["event"] == "the reactor was held"
    assert entry["for_ms"] == 180
    assert "test_what_held_the_reactor_is_named" in entry["by"]
    assert watchdog.held == 1


def test_start_and_stop_leave_nothing() -> None:
    reactor, clock = TwistedClock(), ManualClock()
    watchdog = Watchdog(reactor, clock)
    watchdog.start()
    watchdog.stop()
    assert reactor.getDelayedCalls() == []
