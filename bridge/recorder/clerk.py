"""One thread for what must not block the reactor, is asked seldom, and in its order: questions to the index."""

import queue
import threading
from collections.abc import Callable

MAX_WAITING = 1_000


class Clerk:
    """Runs what it is given, one after the other. While the database hangs, MAX_WAITING wait; more are refused."""

    def __init__(self) -> None:
        self._work: queue.Queue[Callable[[], object] | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="recorder clerk", daemon=True)
        self._thread.start()

    def ask(self, work: Callable[[], object]) -> bool:
        """work: must not raise. False: refused."""
        try:
            self._work.put_nowait(work)
        except queue.Full:
            return False
        return True

    def stop(self, timeout_s: float) -> bool:
        """After what waits. Blocks for `timeout_s` at most; False: it hangs, and is left behind."""
        try:
            self._work.put(None, timeout=timeout_s)
        except queue.Full:
            return False
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
