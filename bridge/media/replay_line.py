"""When recorded units are shown: the line of one session's time, on which everything that it plays has a place.

The line is our monotonic clock, so that RTP times made of it run on over seeks and pauses, and a sender report can say
what time it is there (RFC 2326 Appendix B). Gaps are skipped: what follows one is shown right behind what was before.
"""

from dataclasses import dataclass
from fractions import Fraction

from bridge.base.time import NS_PER_MS, NS_PER_S, MonotonicNs

#: What follows a gap is shown so long after what was before it.
STEP_NS = 40 * NS_PER_MS

#: A discontinuity is a jump on the recording's time line when it goes so far; else pauses last as long as they did.
JUMP_NS = NS_PER_S

#: A sender that is behind by more does not hurry after the line any more: the line waits for it.
LATE_NS = NS_PER_S


@dataclass(frozen=True, slots=True)
class Place:
    """show_ns: on the line; due_ns: when to send it (monotonic); jumps: changes whenever the line was tied anew."""

    show_ns: int
    due_ns: MonotonicNs
    jumps: int


class ReplayLine:
    """See the module. `begin` for each PLAY, then `place` and `sent` for each unit in the order of sending.

    lag_ns: how much later than the line says units go out
    """

    def __init__(self) -> None:
        self.lag_ns = 0
        self._numerator, self._denominator = 1, 1
        self._reverse = False
        self._fresh = True
        self._ended = False
        self._jumps = 0
        self._anchor_utc_ns = 0
        self._anchor_show_ns = 0
        self._latest_show_ns: int | None = None
        self._latest_utc_ns = 0
        self._due_ns = 0

    def begin(self, scale: Fraction) -> None:
        """The next unit is the first of a PLAY. scale: below 0: in reverse."""
        self._numerator, self._denominator = scale.numerator, scale.denominator
        self._reverse = scale < 0
        self._fresh = True
        self._ended = False

    def show_ns(self, utc_ns: int) -> int:
        """Where on the line a capture time is, as the line is tied now."""
        return self._anchor_show_ns + (utc_ns - self._anchor_utc_ns) * self._denominator // self._numerator

    def place(self, utc_ns: int, latest_ns: int, *, discontinuity: bool, end: bool, now: MonotonicNs) -> Place:
        """
        utc_ns:        capture time of the unit
        latest_ns:     in reverse: the latest capture time of its GOP, which is shown first; forwards the same as utc_ns
        discontinuity: it does not follow on what was sent before
        end:           it is the last before a gap, in the direction of play
        """
        reverse = self._reverse
        if self._fresh or (discontinuity and (self._ended if reverse else self._jumped(utc_ns))):
            self._tie(latest_ns, now)
        if discontinuity:
            self._ended = False
        self._ended = self._ended or end
        show_ns = self.show_ns(utc_ns)
        # A GOP that is played backwards is sent whole when its last picture is to be shown.
        due_ns = self.show_ns(latest_ns) if reverse else show_ns
        self._due_ns = max(self._due_ns, due_ns)
        self._latest_utc_ns = utc_ns if discontinuity else max(self._latest_utc_ns, utc_ns)
        return Place(show_ns, MonotonicNs(self._due_ns + self.lag_ns), self._jumps)

    def sent(self, place: Place, now: MonotonicNs, *, starved: bool = False) -> None:
        """A unit goes out now. starved: it could not go earlier, as it was not written yet."""
        latest_ns = self._latest_show_ns
        self._latest_show_ns = place.show_ns if latest_ns is None else max(latest_ns, place.show_ns)
        behind_ns = now - place.due_ns
        if behind_ns > (0 if starved else LATE_NS):
            self.lag_ns += behind_ns

    def _jumped(self, utc_ns: int) -> bool:
        return abs(utc_ns - self._latest_utc_ns) > JUMP_NS

    def _tie(self, utc_ns: int, now: MonotonicNs) -> None:
        """What was captured then is shown now, or right behind what was shown last.

        A new PLAY begins at once, also when more was sent before it than has been shown: then the line runs ahead.
        """
        show_ns = now if self._fresh else now - self.lag_ns
        if self._latest_show_ns is not None:
            show_ns = max(show_ns, self._latest_show_ns + STEP_NS)
        if self._fresh:
            self.lag_ns = now - show_ns
        self._anchor_utc_ns, self._anchor_show_ns = utc_ns, show_ns
        self._due_ns = show_ns
        self._fresh = False
        self._jumps += 1
