from bridge.base.media import AccessUnit
from bridge.base.time import NS_PER_MS, NS_PER_S
from bridge.media.fanout import DatagramLane
from bridge.media.routes import Datagrams
from bridge.media.rtp_reports import goodbye, sender_report
from bridge.media.rtp_track import RtpTrack
from bridge.wire import rtcp
from tests.live_viewers import VIDEO, FakeSender

UTC_NS = 1_800_000_000 * NS_PER_S


def made():
    track = RtpTrack(VIDEO, payload_type=96, ssrc=5, sequence=0, time_offset=2**32 - 90_000, packet_bytes=1400)
    return track, DatagramLane(Datagrams(FakeSender(None), ("a", 1), ("a", 2)))


def test_nothing_to_report_before_the_first_packet():
    track, lane = made()
    assert sender_report(track, lane, "me", UTC_NS) is None
    lane.settled.add(1, 2, 3)
    assert goodbye(track, lane, "me", UTC_NS) is None


def test_a_report_maps_this_moment():
    track, lane = made()
    track.observe(AccessUnit(0, 90_000, UTC_NS, 0, True, (b"\x65",)))
    lane.settled.add(1, 2, 300)
    report, name = rtcp.parse(sender_report(track, lane, "me@onb", UTC_NS + 100 * NS_PER_MS))
    assert report == rtcp.SenderReport(5, rtcp.utc_ns_to_ntp(UTC_NS + 100 * NS_PER_MS), 9000, 2, 300)
    assert name == rtcp.Sdes(5, "me@onb")
    assert rtcp.parse(goodbye(track, lane, "me@onb", UTC_NS))[2] == rtcp.Bye((5,))
