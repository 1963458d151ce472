"""What a camera sends before its storage is ready: kept for a few seconds, and then the beginning of its recording.

A storage is opened and, after a crash, recovered; with many recordings that takes a second or two. Pure.
"""

from bridge.base.time import NS_PER_S, MonotonicNs
from bridge.media.hub import Hub
from bridge.recorder.cutter import Cutter, Fragment, FragmentSink

#: A storage that takes longer is not waited for; nor is memory given to one that is not there.
WAIT_NS = 10 * NS_PER_S
MAX_BYTES = 32 << 20


class Prelude:
    """See the module. Over MAX_BYTES, and when it is told to `end`, all of it is let go."""

    def __init__(self, hub: Hub, now: MonotonicNs) -> None:
        self.size_bytes = 0
        self.ended = False
        self._held: list[Fragment | None] = []  # None: a pause, of which there is one between two fragments at most
        self._until_ns = now + WAIT_NS
        self._cutter = Cutter(hub, self)

    def push(self, fragment: Fragment) -> None:
        """From the cutter."""
        if not self.ended:
            self._held.append(fragment)
            self.size_bytes += fragment.size_bytes
            if self.size_bytes > MAX_BYTES:
                self.end()

    def pause(self) -> None:
        """From the cutter."""
        if not self.ended:
            self._held.append(None)

    def on_timeout(self, now: MonotonicNs) -> None:
        """To be called every 100 ms or so."""
        if now >= self._until_ns:
            self.end()
        elif not self.ended:
            self._cutter.on_timeout(now)

    def hand_over(self, sink: FragmentSink) -> Cutter:
        """All goes to `sink`, and so does what the cutter, which is the caller's now, makes from here on."""
        held, self._held = self._held, []
        for fragment in held:
            if fragment is None:
                sink.pause()
            else:
                sink.push(fragment)
        self._cutter.lead_to(sink)
        return self._cutter

    def end(self) -> None:
        """Nothing is kept any more."""
        if not self.ended:
            self.ended = True
            self._cutter.end()
            self._held = []
            self.size_bytes = 0
