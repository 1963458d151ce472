"""Watches the reactor: measures its lag, and says what held it for longer than 100 ms.

A heartbeat runs on the reactor, and each one winds up the process's alarm clock (SIGALRM) anew. When a heartbeat does
not come the alarm goes off in the middle of what holds the reactor, so the log line names it. A thread would see the
same, but would wake up as often as the heartbeat; this costs one system call each.
"""

import signal
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

import structlog

from bridge.base.time import NS_PER_MS, NS_PER_S, Clock, MonotonicNs

HEARTBEAT_NS = 100 * NS_PER_MS
HELD_NS = 100 * NS_PER_MS
_FRAMES_SHOWN = 4

Wind = Callable[[float], object]


class Watchdog:
    """`lag_ns` is the latest heartbeat's delay, `worst_lag_ns` the worst of the last minute."""

    def __init__(self, reactor: Any, clock: Clock, *, wind: Wind | None = None) -> None:
        """
        reactor: for callLater
        wind:    seconds until the alarm goes off, 0 for never; an argument for tests
        """
        self._reactor, self._clock = reactor, clock
        self._wind: Wind = wind or (lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds))
        self._log = structlog.get_logger()
        self._call: Any = None
        self._due_ns = clock.monotonic_ns()
        self._seen_at = ""
        self._minute_ends_ns = 0
        self.lag_ns = 0
        self.worst_lag_ns = 0
        self._untaken_ns = 0
        self.held = 0

    def start(self) -> None:
        """Begins; called on the reactor's thread, which must be the main one: signals are handled there."""
        signal.signal(signal.SIGALRM, self.on_alarm)
        self._schedule()

    def stop(self) -> None:
        """No more heartbeats, no alarm."""
        self._wind(0)
        if self._call is not None and self._call.active():
            self._call.cancel()

    def take_worst_ns(self) -> int:
        """The worst lag since this was asked last."""
        worst, self._untaken_ns = self._untaken_ns, 0
        return worst

    def on_alarm(self, _number: int, frame: FrameType | None) -> None:
        """The heartbeat is overdue: notes what runs instead."""
        if frame is not None:
            stack = traceback.extract_stack(frame)[-_FRAMES_SHOWN:]
            self._seen_at = " < ".join(f"{entry.name} ({entry.filename}:{entry.lineno})" for entry in reversed(stack))

    def _schedule(self) -> None:
        self._due_ns = MonotonicNs(self._clock.monotonic_ns() + HEARTBEAT_NS)
        self._call = self._reactor.callLater(HEARTBEAT_NS / NS_PER_S, self._beat)
        self._wind((HEARTBEAT_NS + HELD_NS) / NS_PER_S)

    def _beat(self) -> None:
        now = self._clock.monotonic_ns()
        self.lag_ns = max(0, now - self._due_ns)
        if now >= self._minute_ends_ns:
            self._minute_ends_ns, self.worst_lag_ns = now + 60 * NS_PER_S, 0
        self.worst_lag_ns = max(self.worst_lag_ns, self.lag_ns)
        self._untaken_ns = max(self._untaken_ns, self.lag_ns)
        if self.lag_ns > HELD_NS:
            self.held += 1
            where = self._seen_at or "not seen: the host may have been busy"
            self._log.warning("the reactor was held", for_ms=self.lag_ns // NS_PER_MS, by=where)
        self._seen_at = ""
        self._schedule()
