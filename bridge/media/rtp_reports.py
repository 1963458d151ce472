"""The RTCP that a sender owes each viewer (RFC 3550 6.4.1, 6.5, 6.6): sender reports with a true clock, and BYE."""

from bridge.base.time import NS_PER_MS, NS_PER_S, ns_to_ticks
from bridge.media.fanout import Lane
from bridge.media.rtp_track import RtpTrack
from bridge.wire import rtcp

#: ONVIF Streaming 5.1.2.2: players synchronise tracks by the first report, so it comes early.
FIRST_REPORT_NS = 300 * NS_PER_MS
REPORT_PERIOD_NS = 5 * NS_PER_S
REPORT_GRID_NS = 500 * NS_PER_MS
"""Reports fall due on a grid: waking up costs more than a report, and many viewers' reports share one waking."""


def sender_report(track: RtpTrack, lane: Lane, cname: str, utc_ns: int) -> bytes | None:
    """A report of this moment to one viewer, and our name; None while there is nothing to report.

    utc_ns: our wall clock now. The RTP time beside it is where the track is now on its own time line.
    """
    latest, sent = track.latest, lane.tally
    if latest is None or not sent.packets:
        return None
    ticks = ns_to_ticks(utc_ns - latest.utc_ns, track.track.clock_rate)
    report = rtcp.SenderReport(
        track.ssrc,
        rtcp.utc_ns_to_ntp(utc_ns),
        track.rtp_time(latest.media_time + ticks),
        sent.packets,
        sent.octets,
    )
    return rtcp.encode((report, rtcp.Sdes(track.ssrc, cname)))


def goodbye(track: RtpTrack, lane: Lane, cname: str, utc_ns: int) -> bytes | None:
    """The last compound to a viewer; None when he never got a packet."""
    report = sender_report(track, lane, cname, utc_ns)
    return None if report is None else report + rtcp.encode((rtcp.Bye((track.ssrc,)),))
