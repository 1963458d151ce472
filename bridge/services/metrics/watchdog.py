"""Watches the reactor: measures its lag, and says what held it for longer than 100 ms.

A heartbeat runs on the reactor; a thread looks at it. While the heartbeat is overdue the thread notes where the
reactor's thread stands, so that the log line names the code that held it.
"""

import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

import structlog

from bridge.base.time import NS_PER_MS, NS_PER_S, Clock, MonotonicNs

HEARTBEAT_NS = 50 * NS_PER_MS
HELD_NS = 100 * NS_PER_MS
_FRAMES_SHOWN = 4


class Watchdog:
    """`lag_ns` is the latest heartbeat's delay, `worst_lag_ns` the worst of the last minute."""

    def __init__(
        self,
        reactor: Any,
        clock: Clock,
        *,
        frame_of: Callable[[int], FrameType | None] = lambda thread: sys._current_frames().get(thread),  # noqa: SLF001 - the documented way
    ) -> None:
        """reactor: for callLater; frame_of: where a thread stands, an argument for tests."""
        self._reactor, self._clock, self._frame_of = reactor, clock, frame_of
        self._log = structlog.get_logger()
        self._call: Any = None
        self._due_ns = clock.monotonic_ns()
        self._stopped = threading.Event()
        self._thread_id = threading.get_ident()
        self._seen_at = ""
        self._minute_ends_ns = 0
        self.lag_ns = 0
        self.worst_lag_ns = 0
        self.held = 0

    def start(self) -> None:
        """Begins; called on the reactor's thread."""
        self._thread_id = threading.get_ident()
        self._schedule()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Ends both halves."""
        self._stopped.set()
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _schedule(self) -> None:
        self._due_ns = MonotonicNs(self._clock.monotonic_ns() + HEARTBEAT_NS)
        self._call = self._reactor.callLater(HEARTBEAT_NS / NS_PER_S, self._beat)

    def _beat(self) -> None:
        now = self._clock.monotonic_ns()
        self.lag_ns = max(0, now - self._due_ns)
        if now >= self._minute_ends_ns:
            self._minute_ends_ns, self.worst_lag_ns = now + 60 * NS_PER_S, 0
        self.worst_lag_ns = max(self.worst_lag_ns, self.lag_ns)
        if self.lag_ns > HELD_NS:
            self.held += 1
            where = self._seen_at or "not seen: the host may have been busy"
            self._log.warning("the reactor was held", for_ms=self.lag_ns // NS_PER_MS, by=where)
        self._seen_at = ""
        self._schedule()

    def _watch(self) -> None:
        while not self._stopped.wait(HEARTBEAT_NS / NS_PER_S):
            self.look()

    def look(self) -> None:
        """One look by the thread: notes where the reactor stands when its heartbeat is overdue."""
        if self._seen_at or self._clock.monotonic_ns() - self._due_ns <= HELD_NS // 2:
            return
        frame = self._frame_of(self._thread_id)
        if frame is not None:
            stack = traceback.extract_stack(frame)[-_FRAMES_SHOWN:]
            self._seen_at = " < ".join(f"{entry.name} ({entry.filename}:{entry.lineno})" for entry in reversed(stack))
