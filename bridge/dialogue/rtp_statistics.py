"""What an RTP receiver counts, and the report block that it makes of it (RFC 3550 6.4.1, A.1, A.3, A.8)."""

from bridge.base.time import NS_PER_S, MonotonicNs
from bridge.wire import rtcp
from bridge.wire.rtp import TIMESTAMP_BITS, difference


class ReceptionStatistics:
    """Of one source, from its first packet to the change to another. Plain numbers, for metrics to read.

    ssrc:    -1 before the first packet
    packets: taken in sequence
    skipped: sequence numbers given up
    late:    duplicates, and packets that came after they were given up
    """

    def __init__(self, clock_rate: int, ssrc: int = -1, first_sequence: int = 0) -> None:
        self.ssrc = ssrc
        self.packets = 0
        self.skipped = 0
        self.late = 0
        self._first = first_sequence
        self._clock_rate = clock_rate
        self._jitter_16 = 0
        self._arrived_ns: MonotonicNs | None = None
        self._timestamp = 0
        self._expected_prior = 0
        self._received_prior = 0
        self._last_sr = 0
        self._last_sr_ns: MonotonicNs | None = None

    @property
    def expected(self) -> int:
        """Packets that the source has sent since the first that we saw: each was taken or given up."""
        return self.packets + self.skipped

    @property
    def highest(self) -> int:
        """The highest sequence number taken, its wraps counted in the upper bits."""
        return self._first + self.expected - 1

    @property
    def lost(self) -> int:
        """Packets that never came; negative when duplicates outweigh them."""
        return self.skipped - self.late

    @property
    def jitter(self) -> int:
        """In units of the media time."""
        return self._jitter_16 >> 4

    def on_timestamp(self, timestamp: int, now: MonotonicNs) -> None:
        """A packet with a new timestamp arrived: a term of the jitter.

        Only these count: the packets of one picture share a timestamp and are sent over some time on purpose.
        """
        if self._arrived_ns is not None:
            waited = (now - self._arrived_ns) * self._clock_rate // NS_PER_S
            deviation = abs(waited - difference(timestamp, self._timestamp, TIMESTAMP_BITS))
            self._jitter_16 += deviation - (self._jitter_16 + 8 >> 4)
        self._arrived_ns = now
        self._timestamp = timestamp

    def on_sender_report(self, report: rtcp.SenderReport, now: MonotonicNs) -> None:
        """Kept for the next report block."""
        self._last_sr = report.ntp >> 16 & 0xFFFFFFFF
        self._last_sr_ns = now

    def report_block(self, now: MonotonicNs) -> rtcp.ReportBlock:
        """The state now; the fraction lost counts since the call before."""
        expected, received = self.expected, self.packets + self.late
        expected_now, received_now = expected - self._expected_prior, received - self._received_prior
        self._expected_prior, self._received_prior = expected, received
        lost_now = expected_now - received_now
        delay = 0 if self._last_sr_ns is None else (now - self._last_sr_ns) * 65536 // NS_PER_S
        return rtcp.ReportBlock(
            ssrc=self.ssrc,
            fraction_lost=min(lost_now * 256 // expected_now, 255) if lost_now > 0 else 0,
            cumulative_lost=self.lost,
            highest_sequence=self.highest & 0xFFFFFFFF,
            jitter=min(self.jitter, 0xFFFFFFFF),
            last_sr=self._last_sr,
            delay_since_last_sr=min(delay, 0xFFFFFFFF),
        )
