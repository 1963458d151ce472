import pytest
import structlog

from bridge.base.media import Codec, Track
from bridge.dialogue.rtsp_client_events import Fault, ReadyTrack
from bridge.services.ingest.reception import IngestStatistics, Reception
from bridge.wire import rtcp
from tests.fake_camera import picture, rtp
from tests.services.ingest.ingest_setting import RecordingHub

VIDEO = ReadyTrack(Track(Codec.H264, 90000), 96)
AUDIO = ReadyTrack(Track(Codec.PCMU, 8000), 0)


class Scene:
    def __init__(self, *tracks, reorder=False):
        self.hub = RecordingHub()
        self.statistics = IngestStatistics()
        self.ups = []
        self.reception = Reception(
            tracks,
            self.hub,
            self.statistics,
            structlog.get_logger(),
            on_up=lambda: self.ups.append(len(self.hub.units)),
            ssrc=0xABC,
            reorder=reorder,
        )

    def push(self, index, packet, now=0):
        self.reception.receivers[index].push(memoryview(packet), now)


@pytest.mark.parametrize(("tracks", "main"), [((AUDIO, VIDEO), 1), ((VIDEO, AUDIO), 0), ((AUDIO,), 0)])
def test_the_main_medium_is_video_where_there_is_any(tracks, main):
    scene = Scene(*tracks)
    for index, ready in enumerate(tracks):
        packet = picture(1, 0) if ready is VIDEO else rtp(1, bytes(160), payload_type=0)
        scene.push(index, packet, now=index + 5)
    assert scene.reception.media_at == main + 5
    assert len(scene.hub.units) == len(tracks)


def test_up_is_told_once_and_media_go_on():
    scene = Scene(VIDEO)
    assert scene.reception.media_at is None
    for number in range(3):
        scene.push(0, picture(number, 3600 * number), now=number + 7)
    assert scene.ups == [1]
    assert scene.reception.media_at == 9


def test_a_new_source_is_a_new_run_and_counts_go_on():
    scene = Scene(VIDEO)
    for sequence in range(3):
        scene.push(0, picture(sequence, 3600 * sequence))
    for sequence in range(20):
        scene.push(0, rtp(9000 + sequence, b"\x65" + bytes(9), timestamp=7, ssrc=99))
    scene.reception.count()
    assert len(scene.hub.runs) == 2
    assert scene.statistics.packets + scene.statistics.foreign == 23
    before = scene.statistics.packets
    scene.reception.end()
    assert scene.statistics.packets == before
    assert scene.hub.ended == 2


def test_reports_of_others_and_without_a_clock_are_not_passed_on():
    scene = Scene(VIDEO)
    scene.push(0, picture(1, 0))
    for report in (rtcp.SenderReport(8, 1 << 63, 0), rtcp.SenderReport(7, 0, 0), rtcp.SenderReport(7, 1 << 63, 0)):
        scene.reception.on_rtcp(0, rtcp.encode([report]), 1)
    scene.reception.on_rtcp(0, b"rubbish", 1)
    assert len(scene.hub.reports) == 1
    scene.reception.on_rtcp(0, rtcp.encode([rtcp.Bye((7,))]), 1)


def test_our_report_before_any_packet_has_no_block():
    report, sdes = rtcp.parse(Scene(VIDEO).reception.report(0, 5))
    assert (report.ssrc, report.blocks, sdes.cname) == (0xABC, (), "00000abc@onb")


def test_what_waits_for_a_missing_packet_is_given_up_in_time():
    scene = Scene(VIDEO, AUDIO, reorder=True)
    assert scene.reception.next_timeout() is None
    scene.push(0, picture(1, 0))
    scene.push(0, picture(3, 7200), now=10)
    due = scene.reception.next_timeout()
    scene.reception.on_timeout(due - 1)
    assert len(scene.hub.units) == 1
    scene.reception.on_timeout(due)
    assert len(scene.hub.units) == 2


def test_rubbish_is_counted():
    scene = Scene(VIDEO)
    scene.push(0, b"x")
    scene.reception.count()
    scene.reception.count()
    assert scene.statistics.foreign == 1


def test_faults_that_packets_show_are_counted_once_a_connection():
    for connections in (1, 2):
        scene = Scene(ReadyTrack(Track(Codec.H264, 90000), 96, ssrc=99))
        scene.statistics.faults = {Fault.NO_MARKERS: connections - 1} if connections > 1 else {}
        for number in range(5):
            scene.push(0, rtp(number, b"\x65" + bytes(20), timestamp=number * 3600, marker=False))
        scene.reception.count()
        scene.reception.count()
        assert scene.statistics.faults == {Fault.NO_MARKERS: connections, Fault.OTHER_SSRC: 1}
