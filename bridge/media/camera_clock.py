"""What a camera claims the time to be: its sender reports (RFC 3550 6.4.1) kept beside our own time line, per run.

We do not date by them: cameras without NTP report 1970 or the year of their firmware. They tell users which clock is
wrong.
"""

import enum
from dataclasses import dataclass

from bridge.base.time import NS_PER_MS, NS_PER_S

#: Reports that differ by more than this from what the one before promised: the camera's clock was set.
STEP_NS = 200 * NS_PER_MS

#: A camera this near to us is as good as synchronised: its delay of encoding and sending is in the figure, too.
NEAR_NS = 1 * NS_PER_S


class ClockQuality(enum.StrEnum):
    """How far a camera's wall clock can be trusted."""

    UNKNOWN = "unknown"
    """It sent no report."""
    SYNCHRONOUS = "synchronous"
    """Within a second of ours and steady."""
    OFFSET = "offset"
    """Steady, but set to another time."""
    UNSTEADY = "unsteady"
    """It was set during this run."""


@dataclass(slots=True)
class CameraClock:
    """The reports of one run.

    offset_ns: camera's wall clock minus ours at the same capture; the latest
    steps:     how often it was set
    """

    reports: int = 0
    offset_ns: int = 0
    steps: int = 0

    def report(self, claimed_utc_ns: int, our_utc_ns: int) -> None:
        """The camera says `claimed_utc_ns` of the capture that we date `our_utc_ns`."""
        offset_ns = claimed_utc_ns - our_utc_ns
        if self.reports and abs(offset_ns - self.offset_ns) > STEP_NS:
            self.steps += 1
        self.offset_ns = offset_ns
        self.reports += 1

    @property
    def quality(self) -> ClockQuality:
        """What the reports so far amount to."""
        if not self.reports:
            return ClockQuality.UNKNOWN
        if self.steps:
            return ClockQuality.UNSTEADY
        return ClockQuality.SYNCHRONOUS if abs(self.offset_ns) <= NEAR_NS else ClockQuality.OFFSET
