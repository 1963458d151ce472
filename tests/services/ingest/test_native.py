import socket
from itertools import pairwise

import pytest
from twisted.internet import error as errors
from twisted.python.failure import Failure

from bridge.base.media import Codec
from bridge.dialogue.rtsp_client_events import Fault, Lower
from bridge.media.talk import TalkLine
from bridge.services.ingest.udp import UdpPair
from bridge.wire import rtcp
from bridge.wire.jpeg.rtp import packetize
from bridge.wire.rtp import parse_header
from bridge.wire.rtsp.headers import parse_transports
from bridge.wire.rtsp.message import Headers, Response
from tests.fake_camera import AUDIO, SESSION, VIDEO, FakeCamera, frame, picture, rtp
from tests.services.ingest.ingest_setting import Stage
from tests.wire.encoded import JPEG_420, jpeg_pixels


@pytest.fixture
def stage():
    stage = Stage()
    stage.driver().start()
    stage.answer()
    return stage


def pictures(stage, count, channel=0, first=0):
    for number in range(first, first + count):
        stage.say(frame(channel, picture(number, 3600 * number)))


def test_frames_reach_the_hub(stage):
    assert [[track.codec for track in run] for run in stage.hub.runs] == [[Codec.H264, Codec.PCMU]]
    pictures(stage, 3)
    stage.say(frame(2, rtp(9, bytes(160), payload_type=0)))
    stage.say(frame(77, b"nobody's channel"))
    assert [(unit.track, unit.key) for unit in stage.hub.units] == [(0, True)] * 3 + [(1, True)]
    assert [unit.media_time for unit in stage.hub.units[:3]] == [0, 3600, 7200]
    assert stage.owner.told == ["up"]


def test_jpeg_and_metadata_reach_the_hub():
    jpeg = "m=video 0 RTP/AVP 26\r\na=control:trackID=0\r\n"
    metadata = "m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:trackID=1\r\n"
    stage = Stage(FakeCamera(SESSION + jpeg + metadata))
    stage.driver().start()
    stage.answer()
    for number, payload in enumerate(packetize([JPEG_420], 1388)):
        stage.say(frame(0, rtp(number, payload, payload_type=26)))
    for number, payload in enumerate((b"<tt:MetadataStream>", b"</tt:MetadataStream>")):
        stage.say(frame(2, rtp(number, payload, payload_type=107, marker=number == 1)))
    assert [(unit.track, unit.key) for unit in stage.hub.units] == [(0, True), (1, True)]
    assert jpeg_pixels(stage.hub.units[0].parts[0]) == jpeg_pixels(JPEG_420)
    assert stage.hub.units[1].parts == (b"<tt:MetadataStream></tt:MetadataStream>",)
    assert stage.owner.told == ["up"]


def test_frames_between_setup_and_the_answer_of_play_are_kept():
    camera = FakeCamera(SESSION + VIDEO)
    answer = Response(200, "OK", Headers([("CSeq", "4"), ("Session", "1")])).encode()
    camera.answers["PLAY"] = [lambda request: frame(0, picture(0, 0)) + answer]
    stage = Stage(camera)
    stage.driver().start()
    stage.answer()
    assert len(stage.hub.units) == 1


def test_one_chunk_with_all_of_it_and_byte_by_byte(stage):
    data = b"".join(frame(0, picture(number, 3600 * number)) for number in range(20))
    stage.say(data)
    assert len(stage.hub.units) == 20
    for number in range(20, 22):
        for byte in frame(0, picture(number, 3600 * number)):
            stage.say(bytes([byte]))
    assert len(stage.hub.units) == 22
    assert stage.statistics.bytes > len(data)


def test_sender_reports_reach_the_hub_and_ours_reach_the_camera(stage):
    pictures(stage, 2)
    stage.say(frame(1, rtcp.encode([rtcp.SenderReport(7, rtcp.utc_ns_to_ntp(10**18), 7200)])))
    assert stage.hub.reports == [(0, pytest.approx(10**18, abs=2), 7200)]
    stage.wait(5)
    channel, report = stage.camera.reports[-2]
    receiver_report, sdes = rtcp.parse(report)
    assert (channel, receiver_report.blocks[0].ssrc) == (1, 7)
    assert sdes.ssrc == receiver_report.ssrc
    assert stage.statistics.packets == 2
    stage.say(frame(1, b"not RTCP"))


def test_losses_are_counted(stage):
    pictures(stage, 2)
    pictures(stage, 2, first=5)
    stage.wait(5)
    assert (stage.statistics.packets, stage.statistics.lost) == (4, 3)


def test_keepalives_go_out_while_pictures_come(stage):
    for second in range(31):
        pictures(stage, 1, first=second)
        stage.wait(1)
    assert "GET_PARAMETER" in stage.camera.methods


def test_no_picture_any_more(stage):
    for second in range(15):
        pictures(stage, 1, first=second)
        stage.wait(1)
    stage.wait(8.5)
    assert stage.owner.told == ["up"]
    stage.wait(1)
    assert stage.owner.told == ["up", "no video: no picture came for 10 s over TCP"]


def test_no_picture(stage):
    stage.wait(10.5)
    assert stage.owner.told == ["no video: no picture came for 10 s over TCP"]
    assert stage.hub.ended == 1
    assert stage.reactor.getDelayedCalls() == []


def test_a_lost_connection(stage):
    pictures(stage, 1)
    stage.wire.abortConnection()
    assert stage.owner.told == ["up", "closed: the camera closed the connection"]
    assert stage.reactor.getDelayedCalls() == []


def test_unreadable_bytes_close_it(stage):
    pictures(stage, 1)
    stage.say(b"\0\0garbage" * 20_000)
    assert stage.owner.told[1].startswith("protocol: ")
    assert stage.wire.disconnecting


def test_stop_tears_down_and_frees_everything():
    stage = Stage()
    driver = stage.driver()
    driver.start()
    stage.answer()
    done = []
    driver.stop().addCallback(done.append)
    assert not done
    stage.answer()
    assert stage.camera.methods[-1] == "TEARDOWN"
    assert (done, stage.owner.told, stage.hub.ended) == ([None], [], 1)
    assert stage.reactor.getDelayedCalls() == []


def test_stop_of_a_camera_that_neither_answers_nor_closes():
    stage = Stage(FakeCamera(teardown=[None]))
    driver = stage.driver()
    driver.start()
    stage.answer()
    stage.wire.deaf = True
    done = []
    driver.stop().addCallback(done.append)
    stage.wait(2.5)
    assert done == [None]
    assert stage.reactor.getDelayedCalls() == []


def test_stop_while_connecting():
    stage = Stage()
    driver = stage.driver()
    driver.start()
    done = []
    driver.stop().addCallback(done.append)
    stage.reactor.advance(1)
    assert (done, stage.owner.told) == ([None], [])


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (errors.ConnectionRefusedError(), "refused: cam.example:554 does not accept connections"),
        (errors.DNSLookupError(), "DNS: no address for cam.example"),
    ],
)
def test_no_connection(error, text):
    stage = Stage()
    stage.driver().start()
    factory = stage.reactor.tcpClients[0][2]
    factory.clientConnectionFailed(None, Failure(error))
    assert stage.owner.told == []
    stage.reactor.advance(0)
    assert stage.owner.told == [text]


def test_redirects_are_followed_on_a_new_connection():
    moved = Response(302, "", Headers([("Location", "rtsp://elsewhere.example:8554/x")]))
    stage = Stage(FakeCamera(describe=[moved]), FakeCamera())
    stage.driver().start()
    stage.answer()
    assert [(host, port) for host, port, *_ in stage.reactor.tcpClients] == [
        ("cam.example", 554),
        ("elsewhere.example", 8554),
    ]
    assert stage.camera.methods[-1] == "PLAY"


def test_rtsps_is_said_not_to_be_supported():
    stage = Stage(url="rtsps://cam.example/live")
    stage.driver().start()
    stage.reactor.advance(0)
    assert stage.owner.told == ["protocol: rtsps is not supported, only rtsp"]


def test_a_camera_that_does_not_read_costs_no_memory(stage):
    stage.wire.producer.pauseProducing()
    stage.wire.clear()
    for second in range(40):
        pictures(stage, 1, first=second)
        stage.reactor.advance(1)
    assert stage.wire.value() == b""
    stage.wire.producer.resumeProducing()
    stage.wait(6)
    assert stage.camera.reports


# Over UDP: the loopback interface and ports of the system's choice; nothing waits for them.


def test_udp_datagrams_reach_the_hub_and_the_way_back_is_opened():
    camera = FakeCamera(SESSION + VIDEO + AUDIO)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(2)
        port = server.getsockname()[1]
        camera._next_port = port
        stage = Stage(camera, transport=Lower.UDP)
        stage.driver().start()
        stage.answer()
        rtp_port, rtcp_port = parse_transports(camera.requests[2].headers.get("Transport"))[0].client_port
        assert (rtp_port % 2, rtcp_port) == (0, rtp_port + 1)
        (rtp_reader,) = (reader for reader in stage.reactor.readers if reader._socket.getsockname()[1] == rtp_port)
        punch, sender = server.recvfrom(100)
        assert (punch[0], sender) == (0x80, ("127.0.0.1", rtp_port))
        for number in (0, 2, 1, 3):
            server.sendto(picture(number, 3600 * number), ("127.0.0.1", rtp_port))
        rtp_reader.doRead()
        assert [unit.media_time for unit in stage.hub.units] == [0, 3600, 7200, 10800]
        server.sendto(picture(5, 18000), ("127.0.0.1", rtp_port))
        rtp_reader.doRead()
        assert len(stage.hub.units) == 4
        stage.wait(1)
        assert len(stage.hub.units) == 5
        stage.wire.abortConnection()
    assert stage.reactor.readers == set()
    assert rtp_reader.fileno() == -1


# The way to the camera's loudspeaker

BACK = "m=audio 0 RTP/AVP 8\r\na=control:trackID=9\r\na=sendonly\r\n"


def talked_to(camera, **options):
    stage = Stage(camera, talk=TalkLine(), **options)
    stage.driver().start()
    stage.answer()
    assert stage.errand.talk.take("ann", print)
    return stage


def said(stage, number, payload=b"hello"):
    packet = rtp(number, payload, timestamp=160 * number, payload_type=8, marker=False)
    return stage.errand.talk.push("ann", memoryview(packet), stage.clock.monotonic_ns())


def test_talk_goes_to_the_camera_and_never_to_the_hub():
    camera = FakeCamera(SESSION + VIDEO + BACK + AUDIO)
    stage = talked_to(camera)
    assert [[track.codec for track in run] for run in stage.hub.runs] == [[Codec.H264, Codec.PCMU]]
    assert stage.errand.talk.track.codec is Codec.PCMA
    for number in range(3):
        assert said(stage, number)
    stage.answer()
    packets = [packet for channel, packet in camera.reports if channel == 4]
    assert [packet[12:] for packet in packets] == [b"hello"] * 3
    headers = [parse_header(packet) for packet in packets]
    assert [header[:2] for header in headers] == [(True, 8), (False, 8), (False, 8)]
    assert len({header[4] for header in headers}) == 1
    assert [(after[2] - before[2]) % 65536 for before, after in pairwise(headers)] == [1, 1]
    assert [(after[3] - before[3]) % 2**32 for before, after in pairwise(headers)] == [160, 160]
    stage.say(frame(5, b"its reports") + frame(4, rtp(9, bytes(160), payload_type=8)))
    assert (stage.statistics.foreign, stage.hub.units) == (0, [])


def test_over_udp_it_goes_to_the_port_that_the_camera_named(monkeypatch):
    sent = []
    monkeypatch.setattr(UdpPair, "send_rtp", lambda pair, data, host, port: sent.append((data[12:], host, port)))
    stage = talked_to(FakeCamera(SESSION + VIDEO + BACK), transport=Lower.UDP)
    sent.clear()
    assert said(stage, 1)
    assert sent == [(b"hello", "127.0.0.1", 6972)]
    stage.wire.abortConnection()
    assert not said(stage, 2)


def test_the_line_is_open_from_play_to_the_end():
    camera = FakeCamera(SESSION + VIDEO + BACK, play=[None])
    stage = talked_to(camera)
    assert stage.errand.talk.track.codec is Codec.PCMA
    assert not said(stage, 1)
    stage.say(Response(200, "OK", Headers([("CSeq", str(len(camera.requests)))])).encode())
    assert said(stage, 2)
    stage.wire.abortConnection()
    assert not said(stage, 3)
    assert stage.errand.talk.track.codec is Codec.PCMA


@pytest.mark.parametrize("method", ["describe", "play"])
def test_a_camera_that_refuses_talk_is_seen(method):
    stage = talked_to(FakeCamera(SESSION + VIDEO + BACK, **{method: [551]}))
    assert stage.errand.talk.track is None
    pictures(stage, 1)
    assert stage.owner.told == ["up"]
    assert stage.statistics.faults == {Fault.NO_LOUDSPEAKER: 1}
    assert not said(stage, 1)


def test_a_camera_that_hangs_up_on_the_question_is_asked_again_without_it():
    def hang_up(request):
        stage.wire.abortConnection()

    camera = FakeCamera(SESSION + VIDEO + BACK, describe=[hang_up])
    stage = Stage(camera, talk=TalkLine())
    stage.driver().start()
    stage.answer()
    stage.answer()
    pictures(stage, 1)
    assert stage.owner.told == ["up"]
    assert [request.headers.get("Require") for request in camera.requests if request.method == "DESCRIBE"] == [
        "www.onvif.org/ver20/backchannel",
        None,
    ]
    assert stage.statistics.faults == {Fault.NO_LOUDSPEAKER: 1}
