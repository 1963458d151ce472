"""What cameras do wrong, through the native driver and a real hub: nothing is lost, and it is counted and said."""

import random
import socket
from itertools import pairwise

import pytest
import structlog
from structlog.testing import capture_logs

from bridge.base.media import Track
from bridge.base.time import NS_PER_MS
from bridge.dialogue.rtsp_client_events import Fault, Lower
from bridge.media.hub import Hub
from bridge.services.ingest.native import NativeDriver, SilentUdp
from bridge.services.ingest.source import CameraSource, StreamSettings
from bridge.system.catalogue import StreamState
from bridge.wire import rtcp
from bridge.wire.h264.rtp import packetize
from bridge.wire.rtsp.headers import parse_transports
from bridge.wire.rtsp.message import Headers, Response
from tests.fake_camera import AUDIO, SESSION, URL, VIDEO, FakeCamera, frame, rtp
from tests.services.ingest.ingest_setting import Stage
from tests.wire.encoded import video

FRAME_TICKS = 3600
FRAME_S = 0.04


class Viewer:
    """A subscriber that keeps everything."""

    def __init__(self):
        self.units = []
        self.tracks: list[tuple[Track, ...]] = []

    def on_access_unit(self, unit):
        self.units.append(unit)

    def on_tracks(self, tracks):
        self.tracks.append(tracks)


class Scene(Stage):
    """A camera on the stage whose pictures go through a real hub."""

    def __init__(self, *cameras, **options):
        super().__init__(*cameras, hub=lambda clock: Hub("gate/main", clock), **options)
        self.viewer = Viewer()
        self.hub.subscribe(self.viewer)
        self.sequence = self.ticks = 0

    def begin(self):
        self.driver().start()
        self.answer()
        return self

    def packets(self, parts, *, marker=lambda last: last, ssrc=7):
        """The packets of the next picture."""
        payloads = packetize(parts, 1000)
        packets = []
        for payload in payloads:
            last = payload is payloads[-1]
            packets.append(
                rtp(self.sequence & 0xFFFF, payload, timestamp=self.ticks & 0xFFFFFFFF, marker=marker(last), ssrc=ssrc)
            )
            self.sequence += 1
        return packets

    def show(self, *pictures, channel=0, step=FRAME_TICKS, **options):
        """Pictures at 25 a second, whatever the camera's clock says of it."""
        for parts in pictures:
            self.say(b"".join(frame(channel, packet) for packet in self.packets(parts, **options)))
            self.ticks += step
            self.reactor.advance(FRAME_S)
            self.answer()

    @property
    def faults(self):
        return set(self.statistics.faults)

    @property
    def captured_ms(self):
        first = self.viewer.units[0].utc_ns
        return [(unit.utc_ns - first) / NS_PER_MS for unit in self.viewer.units]


PICTURES = video("libx264", 64, 64, frames=20)


def undamaged(scene):
    return [unit.parts for unit in scene.viewer.units if not unit.damaged]


def test_a_camera_without_fault():
    scene = Scene().begin()
    scene.show(*PICTURES)
    scene.wait(5)
    assert undamaged(scene) == list(PICTURES)
    assert (scene.faults, scene.statistics.foreign) == (set(), 0)


# Packets


def test_channels_that_nobody_asked_for_are_dropped_counted_and_said_once():
    scene = Scene(FakeCamera(SESSION + VIDEO)).begin()
    with capture_logs() as lines:
        for parts in PICTURES:
            scene.say(frame(4, rtp(1, b"\x65" + bytes(20), ssrc=99)) + frame(200, b"x"))
            scene.show(parts)
    assert undamaged(scene) == list(PICTURES)
    assert (scene.statistics.foreign, scene.statistics.faults) == (40, {Fault.UNASKED_CHANNEL: 40})
    assert [line["fault"] for line in lines if line["event"] == "camera fault tolerated"] == [
        "channel that nobody asked for"
    ]


def test_media_before_the_answer_of_play_is_kept_and_before_that_of_setup_dropped():
    camera = FakeCamera(SESSION + VIDEO)
    scene = Scene(camera)
    early, soon = (b"".join(frame(0, packet) for packet in scene.packets(parts)) for parts in PICTURES[:2])
    scene.ticks += FRAME_TICKS
    camera.answers["SETUP"] = [lambda request: early + response_to(request, camera.set_up(request))]
    camera.answers["PLAY"] = [lambda request: soon + response_to(request, Response(200, "OK"))]
    scene.begin()
    assert (scene.statistics.foreign > 0, len(scene.hub.tracks), scene.owner.told) == (True, 1, ["up"])


def test_bytes_between_frames_cost_a_picture_and_no_connection():
    scene = Scene(FakeCamera(SESSION + VIDEO)).begin()
    scene.show(*PICTURES[:5])
    damaged = bytearray(b"".join(frame(0, packet) for packet in scene.packets(PICTURES[5])))
    damaged[3] -= 9
    scene.say(bytes(damaged))
    scene.ticks += FRAME_TICKS
    scene.show(*PICTURES[6:])
    scene.wait(5)
    assert scene.owner.told == ["up"]
    assert scene.faults == {Fault.LOST_PLACE}
    assert undamaged(scene)[:5] == list(PICTURES[:5])
    assert undamaged(scene)[-5:] == list(PICTURES[-5:])


def response_to(request, response):
    response.headers.add("CSeq", request.headers.get("CSeq"))
    return response.encode()


@pytest.mark.parametrize(
    ("marker", "fault"),
    [(lambda last: False, Fault.NO_MARKERS), (lambda last: True, None)],
    ids=["never", "always"],
)
def test_wrong_marker_bits(marker, fault):
    """On parameter sets and SEI, as `always` has them, they end nothing; without any the next picture ends one."""
    scene = Scene(FakeCamera(SESSION + VIDEO)).begin()
    scene.show(*PICTURES, marker=marker)
    scene.wait(5)
    seen = len(PICTURES) - (fault is not None)
    assert undamaged(scene)[:seen] == list(PICTURES)[:seen]
    assert scene.faults == ({fault} if fault else set())


def test_markers_on_every_slice():
    scene = Scene(FakeCamera(SESSION + VIDEO)).begin()
    slices = (b"\x65\x88first", b"\x65\x10second", b"\x65\x0athird")
    scene.show(*[slices] * 10, marker=lambda last: True)
    scene.wait(5)
    assert undamaged(scene)[-8:] == [slices] * 8
    assert scene.faults == {Fault.WRONG_MARKERS}


def test_an_ssrc_other_than_the_announced():
    camera = FakeCamera(SESSION + VIDEO)
    camera.answers["SETUP"] = [
        lambda request: camera.set_up(request, "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00000063")
    ]
    scene = Scene(camera).begin()
    scene.show(*PICTURES, ssrc=7)
    scene.wait(5)
    assert undamaged(scene) == list(PICTURES)
    assert scene.faults == {Fault.OTHER_SSRC}


def test_after_bye_the_next_source_goes_on_at_once():
    scene = Scene(FakeCamera(SESSION + VIDEO)).begin()
    scene.show(*PICTURES)
    scene.say(frame(1, rtcp.encode([rtcp.Bye((7,))])))
    scene.sequence, scene.ticks = 50_000, 7
    scene.show(*PICTURES, ssrc=8)
    assert undamaged(scene) == [*PICTURES, *PICTURES]
    assert scene.owner.told == ["up"]
    captured = scene.captured_ms
    assert [round(b - a) for a, b in pairwise(captured)] == [40] * 39


# Clocks


def test_a_frozen_clock_is_dated_by_arrival():
    scene = Scene(FakeCamera(SESSION + VIDEO)).begin()
    scene.show(*PICTURES, step=0)
    assert undamaged(scene) == list(PICTURES)
    assert [round(moment) for moment in scene.captured_ms] == [40 * n for n in range(20)]
    assert scene.hub.discontinuities == 19


@pytest.mark.parametrize("jump", [90_000 * 3600, -90_000 * 3600, 1 << 31])
def test_a_clock_that_jumps_leaves_no_gap(jump):
    scene = Scene(FakeCamera(SESSION + VIDEO)).begin()
    scene.ticks = 1 << 31
    scene.show(*PICTURES)
    scene.ticks += jump
    scene.show(*PICTURES)
    assert [round(moment) for moment in scene.captured_ms] == [40 * n for n in range(40)]
    media = [unit.media_time for unit in scene.viewer.units]
    assert {b - a for a, b in pairwise(media)} <= {FRAME_TICKS, FRAME_TICKS + 1}
    assert scene.hub.discontinuities == 1
    assert scene.owner.told == ["up"]


def test_four_seconds_of_silence_every_minute_are_gaps_there_and_nowhere_else():
    scene = Scene(FakeCamera(SESSION + VIDEO)).begin()
    pauses = []
    for _ in range(3):
        scene.show(*PICTURES * 10)
        pauses.append(len(scene.viewer.units))
        scene.wait(4)
        scene.ticks += 4 * 90_000
    scene.show(*PICTURES)
    captured = scene.captured_ms
    gaps = [number for number in range(1, len(captured)) if captured[number] - captured[number - 1] > 100]
    assert gaps == pauses
    assert (scene.owner.told, scene.hub.discontinuities, scene.statistics.reconnects) == (["up"], 0, 0)
    assert not any(unit.damaged for unit in scene.viewer.units)


def test_a_clock_that_stands_still_in_the_silence_is_found_out_in_a_second():
    scene = Scene(FakeCamera(SESSION + VIDEO)).begin()
    scene.show(*PICTURES * 5)
    scene.wait(4)
    scene.show(*PICTURES * 5)
    captured = scene.captured_ms
    gaps = [number for number in range(1, len(captured)) if captured[number] - captured[number - 1] > 100]
    assert gaps in ([125], [126])
    assert round(captured[-1]) == 199 * 40 + 4000
    assert scene.hub.discontinuities == 1


# Parameter sets


def test_other_parameter_sets_in_the_middle_are_news_for_everybody():
    scene = Scene(FakeCamera(SESSION + VIDEO)).begin()
    scene.show(*PICTURES)
    scene.show(*video("libx264", 128, 96, frames=20))
    sizes = [(tracks[0].width, tracks[0].height) for tracks in scene.viewer.tracks]
    assert sizes[-2:] == [(64, 64), (128, 96)]
    news = scene.viewer.tracks[-1][0].parameter_sets
    assert set(news) <= set(scene.viewer.units[20].parts)
    assert len(scene.viewer.units) == 40
    assert scene.owner.told == ["up"]


def test_a_key_frame_of_12_megabytes_in_fragments():
    scene = Scene(FakeCamera(SESSION + VIDEO)).begin()
    huge = (*PICTURES[0][:2], b"\x65\x88" + bytes(range(1, 241)) * (12_000_000 // 240))
    scene.show(huge, PICTURES[1])
    assert [(unit.key, unit.damaged, unit.parts == huge) for unit in scene.viewer.units] == [
        (True, False, True),
        (False, False, False),
    ]


# Messages


def faulty_sdp(text):
    """An answer to DESCRIBE, as it stands."""
    return lambda request: text.replace("<cseq>", request.headers.get("CSeq")).encode()


HEAD = "RTSP/1.0 200 OK\r\nCSeq: <cseq>\r\nContent-Type: application/sdp\r\n"
SDP = SESSION + AUDIO + VIDEO


@pytest.mark.parametrize(
    ("answer", "seconds", "fault"),
    [
        pytest.param(f"{HEAD}Content-Length: {len(SDP)}\r\n\r\n{SDP}", 0, None, id="right"),
        pytest.param(f"{HEAD}Content-Length: {len(SDP) - 30}\r\n\r\n{SDP}", 0, Fault.WRONG_LENGTH, id="too short"),
        pytest.param(f"{HEAD}Content-Length: {len(SDP) + 30}\r\n\r\n{SDP}", 1.25, Fault.WRONG_LENGTH, id="too long"),
        pytest.param(f"{HEAD}\r\n{SDP}", 1.25, Fault.WRONG_LENGTH, id="missing"),
        pytest.param(f"{HEAD}Content-Length: {len(SDP)}\r\n\r\n{SDP}\0\0", 0, Fault.WRONG_LENGTH, id="NULs behind"),
        pytest.param(f"{HEAD}Content-\r\nContent-Length:\r\n {len(SDP)}\r\n\r\n{SDP}", 0, None, id="folded"),
        pytest.param(
            f"{HEAD}Content-Length: {len(SDP.replace(chr(13), ''))}\r\n\r\n{SDP}".replace("\r", ""),
            0,
            None,
            id="LF only",
        ),
    ],
)
def test_answers_to_describe(answer, seconds, fault):
    scene = Scene(FakeCamera(describe=[faulty_sdp(answer)])).begin()
    scene.wait(seconds)
    assert [track.codec.value for track in scene.hub.tracks] == ["PCMU", "H264"]
    scene.show(*PICTURES, channel=2)
    assert undamaged(scene) == list(PICTURES)
    assert scene.faults == ({fault} if fault else set())


def test_a_body_that_comes_slowly_is_waited_for():
    scene = Scene(FakeCamera(describe=[faulty_sdp(f"{HEAD}\r\n")])).begin()
    for line in SDP.splitlines(keepends=True):
        scene.wait(0.5)
        scene.say(line.encode())
    scene.wait(1.25)
    assert len(scene.hub.tracks) == 2


# Ends, and coming back


def test_a_camera_that_has_no_room_for_a_while_and_closes_when_others_leave():
    """Hikvision, Dahua and others answer 453 or 503 while too many watch; some close all connections with one."""
    cameras = [FakeCamera(setup=[453]), FakeCamera(describe=[503]), FakeCamera(), FakeCamera()]
    scene = Scene(*cameras)
    states = []
    source = CameraSource(
        StreamSettings("gate", "main", URL),
        scene.hub,
        scene.reactor,
        scene.clock,
        random.Random(1),
        lambda state, reason: states.append((state, reason)),
        structlog.get_logger(),
        drivers={"native": lambda errand, owner: NativeDriver(errand, owner, endpoint=scene.endpoint)},
    )
    source.start()
    scene.wait(3)
    scene.show(*PICTURES)
    scene.wire.abortConnection()
    scene.wait(5)
    scene.show(*PICTURES)
    assert states == [
        (StreamState.CONNECTING, ""),
        (StreamState.DOWN, "busy: the camera has no room for another viewer (SETUP: 453)"),
        (StreamState.DOWN, "busy: the camera has no room for another viewer (DESCRIBE: 503)"),
        (StreamState.UP, ""),
        (StreamState.DOWN, "closed: the camera closed the connection"),
        (StreamState.UP, ""),
    ]
    assert len(scene.viewer.units) == 40


def test_a_redirect_in_the_middle_goes_on_elsewhere():
    moved = Response(302, "", Headers([("Location", "rtsp://elsewhere.example/x")]))
    scene = Scene(FakeCamera(get_parameter=[moved]), FakeCamera()).begin()
    for _ in range(40):
        scene.show(*PICTURES)
        scene.wait(0.25)
    assert [host for host, *_ in scene.reactor.tcpClients] == ["cam.example", "elsewhere.example"]
    assert scene.owner.told == ["up", "up"]
    assert len(scene.viewer.units) > 700


# Over UDP


def test_two_cameras_behind_one_address_do_not_mix():
    """The other one was not told of its session's end, and our port was its viewer's."""
    camera = FakeCamera(SESSION + VIDEO)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        for opened in (ours, other):
            opened.bind(("127.0.0.1", 0))
        announced = f"RTP/AVP;unicast;server_port={ours.getsockname()[1]};ssrc=00000007"
        camera.answers["SETUP"] = [lambda request: camera.set_up(request, announced)]
        scene = Scene(camera, transport=Lower.UDP).begin()
        port = parse_transports(camera.requests[2].headers.get("Transport"))[0].client_port[0]
        (reader,) = (reader for reader in scene.reactor.readers if reader._socket.getsockname()[1] == port)
        for number, parts in enumerate(PICTURES):
            other.sendto(rtp(9000 + number, b"\x65\x88stranger", timestamp=number, ssrc=99), ("127.0.0.1", port))
            for packet in scene.packets(parts):
                ours.sendto(packet, ("127.0.0.1", port))
            scene.ticks += FRAME_TICKS
            reader.doRead()
            scene.reactor.advance(FRAME_S)
        scene.wire.abortConnection()
    # The stranger's first came before anybody was heard whose port was announced.
    assert undamaged(scene)[1:] == list(PICTURES)
    assert scene.statistics.foreign == len(PICTURES) - 1


def test_udp_that_nothing_comes_over_is_given_up_for_tcp():
    scene = Scene(FakeCamera(), FakeCamera(), transport=Lower.UDP).begin()
    scene.wait(10.5)
    assert type_of(scene.camera) is Lower.TCP
    scene.show(*PICTURES)
    assert scene.owner.told == ["up"]
    assert scene.faults == {Fault.UDP_SILENT}
    scene.wire.abortConnection()
    scene.begin()
    assert type_of(scene.camera) is Lower.TCP
    assert scene.owner.told == ["up", "closed: the camera closed the connection"]


def test_a_camera_that_sends_nothing_at_all_is_asked_over_udp_again():
    scene = Scene(FakeCamera(), FakeCamera(), FakeCamera(), transport=Lower.UDP).begin()
    scene.wait(21)
    assert scene.owner.told == ["no video: no picture came for 10 s over TCP"]
    scene.begin()
    assert (type_of(scene.camera), scene.faults) == (Lower.UDP, set())
    scene.wire.abortConnection()


def test_udp_that_falls_silent_later_is_down():
    stage = Stage(transport=Lower.UDP)
    driver = NativeDriver(stage.errand, stage.owner, endpoint=stage.endpoint, silent_udp=SilentUdp.FAIL)
    driver.start()
    stage.answer()
    stage.wait(10.5)
    assert stage.owner.told == ["no video: no picture came for 10 s over UDP; a firewall may hold the packets back"]


def type_of(camera):
    """The transport that the latest SETUP asked for."""
    asked = next(request for request in reversed(camera.requests) if request.method == "SETUP")
    return Lower(parse_transports(asked.headers.get("Transport"))[0].lower.lower())
