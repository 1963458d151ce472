"""Reception of one RTP track (RFC 3550): order, loss, SSRC, report statistics. Packets in, access units out."""

import enum
from collections.abc import Callable

from bridge.base.media import Track
from bridge.base.time import MonotonicNs
from bridge.wire import rtcp

#: sink(media_time, parts, key, damaged, arrived_ns); media_time is the RTP time unwrapped to 64 bits.
MediaSink = Callable[[int, tuple[bytes, ...], bool, bool, MonotonicNs], object]


class UnknownSsrc(enum.Enum):
    """What happens to packets of another SSRC than the one that the track is locked on."""

    DROP = "drop"
    FOLLOW = "follow"


class RtpReceiver:
    """See the module.

    ssrc:     as SETUP's reply announced; None: that of the first packet
    reorder:  True over UDP: packets that come early wait for the missing one; False over TCP
    on_reset: called with a reason before packets of a new source or sequence are taken; media_time jumps there
    """

    def __init__(
        self,
        track: Track,
        sink: MediaSink,
        *,
        payload_type: int | None = None,
        ssrc: int | None = None,
        reorder: bool = False,
        unknown_ssrc: UnknownSsrc = UnknownSsrc.FOLLOW,
        on_reset: Callable[[str], object] | None = None,
    ) -> None:
        raise NotImplementedError

    def push(self, packet: memoryview, now: MonotonicNs) -> None:
        """One RTP packet. What is not RTP of this track is counted and dropped, never raised."""
        raise NotImplementedError

    def on_sender_report(self, report: rtcp.SenderReport, now: MonotonicNs) -> int | None:
        """Books the report for `report_block`; its RTP time unwrapped like the media's, None when it is not our source's."""
        raise NotImplementedError

    def on_bye(self, bye: rtcp.Bye, now: MonotonicNs) -> None:
        """The source stops: a following SSRC is taken at once."""
        raise NotImplementedError

    def report_block(self, now: MonotonicNs) -> rtcp.ReportBlock | None:
        """What our receiver report says of this source, and the start of the next interval; None before any packet."""
        raise NotImplementedError

    def next_timeout(self) -> MonotonicNs | None:
        """When `on_timeout` wants to be called; None: not before another packet."""
        raise NotImplementedError

    def on_timeout(self, now: MonotonicNs) -> None:
        """Gives up waiting for what is overdue."""
        raise NotImplementedError

    def end(self) -> None:
        """The connection is over: delivers what is held."""
        raise NotImplementedError
