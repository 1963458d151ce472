"""The watch over the reactor."""

import signal
import sys
import time

from structlog.testing import capture_logs
from twisted.internet.task import Clock as TwistedClock

from bridge.base.time import NS_PER_MS, NS_PER_S, ManualClock, SystemClock
from bridge.services.metrics.watchdog import HEARTBEAT_NS, Watchdog


class Setting:
    def __init__(self) -> None:
        self.reactor, self.clock, self.wound = TwistedClock(), ManualClock(), []
        self.watchdog = Watchdog(self.reactor, self.clock, wind=self.wound.append)
        self.watchdog._schedule()  # without the signal

    def beat(self, late_ns: int) -> None:
        self.clock.advance(HEARTBEAT_NS + late_ns)
        self.reactor.advance(HEARTBEAT_NS / NS_PER_S)


def test_lag_is_measured_and_small_lag_is_silent() -> None:
    setting = Setting()
    with capture_logs() as logs:
        setting.beat(30 * NS_PER_MS)
        setting.beat(10 * NS_PER_MS)
    watchdog = setting.watchdog
    assert (watchdog.lag_ns, watchdog.worst_lag_ns, watchdog.held) == (10 * NS_PER_MS, 30 * NS_PER_MS, 0)
    assert (watchdog.take_worst_ns(), watchdog.take_worst_ns()) == (30 * NS_PER_MS, 0)
    assert logs == []
    assert setting.wound == [0.2, 0.2, 0.2], "each heartbeat winds the alarm up anew"


def test_what_held_the_reactor_is_named() -> None:
    setting = Setting()
    setting.watchdog.on_alarm(signal.SIGALRM, sys._getframe())
    with capture_logs() as logs:
        setting.beat(180 * NS_PER_MS)
    (entry,) = logs
    assert entry["event"] == "the reactor was held"
    assert entry["for_ms"] == 180
    assert "test_what_held_the_reactor_is_named" in entry["by"]
    assert setting.watchdog.held == 1


def test_the_alarm_is_a_real_one() -> None:
    before = signal.getsignal(signal.SIGALRM)
    watchdog = Watchdog(TwistedClock(), SystemClock())
    try:
        watchdog.start()
        deadline = time.monotonic() + 10
        while not watchdog._seen_at and time.monotonic() < deadline:
            pass  # the heartbeat cannot come while this holds the thread
        assert "test_the_alarm_is_a_real_one" in watchdog._seen_at
    finally:
        watchdog.stop()
        signal.signal(signal.SIGALRM, before)
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
