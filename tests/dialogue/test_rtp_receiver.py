"""RTP reception: order, loss, sources, reports; packets in, access units out."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_MS, NS_PER_S, MonotonicNs
from bridge.dialogue.rtp_receiver import FOLLOW_SSRC_PACKETS, REORDER_NS, REORDER_PACKETS, RtpReceiver, UnknownSsrc
from bridge.wire import rtcp, rtp
from bridge.wire.h264.rtp import packetize
from bridge.wire.h265.rtp import packetize as h265_packetize
from bridge.wire.jpeg.image import parse_header
from bridge.wire.rtsp.message import Reader
from tests.wire.encoded import JPEG_GREY, jpeg_pixels, video

TRACK = Track(Codec.H264, 90000)
SSRC = 0x1234
FRAME_TICKS, FRAME_NS = 3600, 40 * NS_PER_MS
P = b"\x41\x9aslice"


class Camera:
    """A receiver and what comes out of it; sends it one small picture after another."""

    def __init__(self, sequence=100, timestamp=0, **options):
        self.units = []
        self.resets = []
        self.receiver = RtpReceiver(options.pop("track", TRACK), self._on_unit, on_reset=self.resets.append, **options)
        self.sequence, self.timestamp, self.now = sequence, timestamp, 0

    def _on_unit(self, media_time, parts, key, damaged, arrived_ns):
        self.units.append((media_time, parts, key, damaged, arrived_ns))

    def packet(self, payload=P, *, marker=True, ssrc=SSRC, payload_type=96):
        """The next packet in sequence, not sent yet."""
        packet = rtp.pack_header(payload_type, self.sequence, self.timestamp, ssrc, marker=marker) + payload
        self.sequence += 1
        if marker:
            self.timestamp += FRAME_TICKS
        return packet

    def push(self, *packets, wait_ns=FRAME_NS):
        for packet in packets:
            self.receiver.push(memoryview(packet), MonotonicNs(self.now))
            self.now += wait_ns

    @property
    def times(self):
        return [unit[0] for unit in self.units]

    @property
    def damaged(self):
        return [unit[3] for unit in self.units]


def test_units_in_order_with_the_time_of_their_last_packet():
    camera = Camera()
    camera.push(camera.packet(marker=False), camera.packet(), camera.packet())
    assert camera.units == [(0, (P, P), False, False, FRAME_NS), (FRAME_TICKS, (P,), False, False, 2 * FRAME_NS)]


def test_a_unit_ended_by_the_next_timestamp_arrived_before():
    camera = Camera()
    camera.push(camera.packet(marker=False))
    camera.timestamp += 9
    camera.push(camera.packet())
    assert [(unit[0], unit[4]) for unit in camera.units] == [(0, 0), (9, FRAME_NS)]


@pytest.mark.parametrize("reorder", [False, True])
def test_wraps_of_sequence_and_timestamp(reorder):
    camera = Camera(sequence=65530, timestamp=(1 << 32) - 5 * FRAME_TICKS, reorder=reorder)
    camera.push(*[camera.packet() for _ in range(20)])
    assert camera.times == [(1 << 32) + (n - 5) * FRAME_TICKS for n in range(20)]
    assert not any(camera.damaged)
    assert camera.receiver.statistics.lost == 0
    assert camera.receiver.report_block(MonotonicNs(0)).highest_sequence == 65549


def test_many_wraps():
    camera = Camera(sequence=0)
    packets = [camera.packet() for _ in range(200_000)]
    camera.push(*packets, wait_ns=0)
    assert camera.times[-1] == 199_999 * FRAME_TICKS
    assert camera.receiver.report_block(MonotonicNs(0)).highest_sequence == 199_999


def test_over_tcp_a_hole_is_a_loss_at_once():
    camera = Camera()
    first, *_, last = [camera.packet() for _ in range(5)]
    camera.push(first, last, camera.packet())
    assert camera.damaged == [False, True, False]
    assert camera.receiver.statistics.lost == 3
    assert camera.receiver.next_timeout() is None


def test_over_udp_the_missing_packet_is_waited_for():
    camera = Camera(reorder=True)
    a, b, c, d = [camera.packet() for _ in range(4)]
    camera.push(a, c, d, wait_ns=NS_PER_MS)
    assert camera.receiver.next_timeout() == NS_PER_MS + REORDER_NS
    camera.push(b, camera.packet(), wait_ns=NS_PER_MS)
    assert camera.times == [n * FRAME_TICKS for n in range(5)]
    assert not any(camera.damaged)
    # Those that waited are dated by the packet that they waited for.
    assert [unit[4] // NS_PER_MS for unit in camera.units] == [0, 3, 3, 3, 4]
    assert camera.receiver.next_timeout() is None


def test_the_wait_ends_by_time():
    camera = Camera(reorder=True)
    a, b, c = [camera.packet() for _ in range(3)]
    camera.push(a, c, wait_ns=NS_PER_MS)
    camera.receiver.on_timeout(MonotonicNs(REORDER_NS))
    assert len(camera.units) == 1
    camera.receiver.on_timeout(camera.receiver.next_timeout())
    assert camera.damaged == [False, True]
    assert camera.receiver.next_timeout() is None
    camera.push(b)  # too late
    assert len(camera.units) == 2
    assert (camera.receiver.statistics.late, camera.receiver.statistics.lost) == (1, 0)


def test_the_wait_ends_by_time_even_if_no_timer_comes():
    camera = Camera(reorder=True)
    a, _, c, d = [camera.packet() for _ in range(4)]
    camera.push(a, c, wait_ns=REORDER_NS)
    camera.push(d)
    assert len(camera.units) == 3


def test_the_wait_ends_by_count():
    camera = Camera(reorder=True)
    packets = [camera.packet() for _ in range(REORDER_PACKETS + 2)]
    camera.push(packets[0], *packets[2:-1], wait_ns=0)
    assert len(camera.units) == 1
    camera.push(packets[-1], wait_ns=0)
    assert len(camera.units) == REORDER_PACKETS + 1
    assert camera.receiver.statistics.lost == 1


def test_two_holes_are_given_up_one_after_the_other():
    camera = Camera(reorder=True)
    packets = [camera.packet() for _ in range(6)]
    camera.push(packets[0], packets[2], wait_ns=NS_PER_MS * 10)
    camera.push(packets[4], packets[5], wait_ns=NS_PER_MS * 10)
    first = camera.receiver.next_timeout()
    camera.receiver.on_timeout(first)
    assert len(camera.units) == 2
    assert camera.receiver.next_timeout() == first + 10 * NS_PER_MS
    camera.receiver.end()
    assert camera.damaged == [False, True, True, False]


@pytest.mark.parametrize("reorder", [False, True])
def test_duplicates_are_counted_and_dropped(reorder):
    camera = Camera(reorder=reorder)
    a, b, c, d = [camera.packet() for _ in range(4)]
    camera.push(a, a, b, a, c, d, d)
    assert camera.times == [n * FRAME_TICKS for n in range(4)]
    assert camera.receiver.statistics.late == 3
    assert camera.receiver.statistics.lost == -3


def test_duplicates_of_waiting_packets_are_counted_and_dropped():
    camera = Camera(reorder=True)
    a, b, c = [camera.packet() for _ in range(3)]
    camera.push(a, c, c, b, wait_ns=0)
    assert len(camera.units) == 3
    assert camera.receiver.statistics.late == 1


@pytest.mark.parametrize("reorder", [False, True])
@pytest.mark.parametrize("jump", [3002, 30_000, 65_000, -200])
def test_a_jump_of_the_sequence_is_a_restart_after_two_packets(reorder, jump):
    camera = Camera(sequence=1000, reorder=reorder)
    camera.push(camera.packet(), camera.packet())
    camera.sequence += jump
    camera.timestamp = 77
    camera.push(*[camera.packet() for _ in range(3)])
    assert camera.times == [0, FRAME_TICKS, 77 + FRAME_TICKS, 77 + 2 * FRAME_TICKS]
    assert len(camera.resets) == 1
    assert "sequence goes on at" in camera.resets[0]
    assert camera.receiver.statistics.lost == 0


@pytest.mark.parametrize("reorder", [False, True])
def test_a_stray_packet_is_no_restart(reorder):
    camera = Camera(reorder=reorder)
    stray = rtp.pack_header(96, 40_000, 0, SSRC) + P
    camera.push(camera.packet(), stray, camera.packet())
    assert (camera.times, camera.resets, camera.receiver.foreign) == ([0, FRAME_TICKS], [], 1)


def test_a_reset_delivers_what_is_held():
    camera = Camera(reorder=True)
    camera.push(camera.packet(marker=False))
    camera.sequence += 1
    camera.push(camera.packet(marker=False), wait_ns=0)
    camera.sequence += 10_000
    camera.push(camera.packet(), camera.packet(), wait_ns=0)
    assert [(unit[1], unit[3]) for unit in camera.units] == [((P, P), True), ((P,), False)]


def test_a_new_ssrc_is_followed_after_some_packets():
    camera = Camera()
    camera.push(camera.packet())
    camera.timestamp = camera.sequence = 5
    camera.push(*[camera.packet(ssrc=7) for _ in range(FOLLOW_SSRC_PACKETS + 1)])
    assert len(camera.units) == 3
    assert camera.resets == ["SSRC 00000007 follows 00001234"]
    assert camera.receiver.foreign == FOLLOW_SSRC_PACKETS - 1
    assert camera.receiver.report_block(MonotonicNs(0)).ssrc == 7


def test_a_source_among_ours_is_not_followed():
    camera = Camera()
    for _ in range(3 * FOLLOW_SSRC_PACKETS):
        camera.push(camera.packet(), rtp.pack_header(96, 1, 1, 7) + P)
    assert camera.resets == []


def test_after_bye_the_next_source_is_followed_at_once():
    camera = Camera()
    camera.push(camera.packet())
    camera.receiver.on_bye(rtcp.Bye((9,)))
    camera.push(camera.packet(ssrc=7))
    assert camera.resets == []
    camera.receiver.on_bye(rtcp.Bye((SSRC,)))
    camera.push(camera.packet(ssrc=7), camera.packet(ssrc=7))
    assert len(camera.units) == 3


def test_policy_drop_keeps_to_its_source():
    camera = Camera(unknown_ssrc=UnknownSsrc.DROP)
    camera.push(camera.packet(), *[camera.packet(ssrc=7) for _ in range(50)])
    assert (len(camera.units), camera.receiver.foreign) == (1, 50)
    announced = Camera(unknown_ssrc=UnknownSsrc.DROP, ssrc=SSRC)
    announced.push(announced.packet(ssrc=7), announced.packet())
    assert (len(announced.units), announced.receiver.foreign) == (1, 1)


def test_a_wrongly_announced_ssrc_does_not_matter_when_following():
    camera = Camera(ssrc=7)
    camera.push(camera.packet(), camera.packet())
    assert (len(camera.units), camera.resets) == (2, [])


def test_the_announced_source_is_followed_at_once_whoever_came_before():
    """Another camera behind the address, or the session before on an old live555, goes on sending where we listen."""
    camera = Camera(ssrc=SSRC)
    stranger = iter(rtp.pack_header(96, n, n * 3600, 7, marker=True) + P for n in range(500, 600))
    camera.push(next(stranger), next(stranger))
    for _ in range(3 * FOLLOW_SSRC_PACKETS):
        camera.push(camera.packet(), next(stranger))
    assert camera.times[2:] == [n * FRAME_TICKS for n in range(3 * FOLLOW_SSRC_PACKETS)]
    assert camera.resets == ["SSRC 00001234 follows 00000007"]
    assert camera.receiver.foreign == 3 * FOLLOW_SSRC_PACKETS
    assert camera.receiver.statistics.lost == 0


def test_the_announced_source_is_preferred_only_once():
    camera = Camera(ssrc=SSRC)
    camera.push(camera.packet())
    camera.push(*[camera.packet(ssrc=7) for _ in range(FOLLOW_SSRC_PACKETS)])
    stray = rtp.pack_header(96, 9, 0, SSRC) + P
    camera.push(stray, camera.packet(ssrc=7))
    assert camera.resets == ["SSRC 00000007 follows 00001234"]


@pytest.mark.parametrize("kind", [200, 201, 202, 203, 204, 207])
def test_reports_on_the_channel_of_the_media_are_not_taken_for_it(kind):
    camera = Camera()
    report = bytes([0x80, kind, 0, 6]) + SSRC.to_bytes(4, "big") + bytes(20)
    camera.push(report, camera.packet(), report, camera.packet())
    assert (camera.times, camera.damaged, camera.receiver.foreign) == ([0, FRAME_TICKS], [False] * 2, 2)


def test_a_key_frame_of_2000_fragments_and_one_of_12_megabytes():
    """Both within the bounds of a unit, whole, by frames in runs as they come over TCP."""
    for fragments, size in ((2_000, 1_400), (12 * 1024, 1024)):
        camera = Camera()
        nal = b"\x65\x88" + bytes(range(1, 251)) * (fragments * (size - 2) // 250)
        payloads = packetize([nal], size)
        assert len(payloads) >= fragments - 20
        stream = framed([camera.packet(payload, marker=payload is payloads[-1]) for payload in payloads])
        reader = Reader(
            lambda message: None,
            lambda channel, packet, camera=camera: camera.receiver.push(packet, MonotonicNs(0)),
            take_run=lambda channel, frames, at, camera=camera: camera.receiver.take_run(frames, at, MonotonicNs(0)),
        )
        for at in range(0, len(stream), 65_536):
            reader.feed(stream[at : at + 65_536])
        ((_, parts, key, damaged, _),) = camera.units
        assert (parts == (nal,), key, damaged) == (True, True, False)


@pytest.mark.parametrize("step", [0, 1, -3600, 90_000 * 3600, (1 << 31) + 5])
def test_a_clock_that_stands_or_jumps_costs_no_unit(step):
    """What it means for time is the hub's; here every marker ends a unit, whatever its timestamp is."""
    camera = Camera(timestamp=1_000_000)
    for _ in range(10):
        packet = camera.packet()
        camera.timestamp = (camera.timestamp - FRAME_TICKS + step) & 0xFFFFFFFF
        camera.push(packet)
    assert len(camera.units) == 10
    assert not any(camera.damaged)
    assert camera.receiver.resets == 0


def test_other_payload_types_are_dropped():
    camera = Camera(payload_type=96)
    camera.push(camera.packet(payload_type=97), camera.packet(payload_type=0))
    assert (camera.units, camera.receiver.foreign) == ([], 2)
    first_decides = Camera()
    first_decides.push(first_decides.packet(payload_type=97), first_decides.packet())
    assert (len(first_decides.units), first_decides.receiver.foreign) == (1, 1)


def test_malformed_packets_are_counted():
    camera = Camera()
    camera.push(b"", b"\x80" * 11, b"\x40" * 20, b"\xbf" * 20)
    assert (camera.units, camera.receiver.malformed) == ([], 4)


def test_header_extension_csrc_and_padding_are_passed_over():
    camera = Camera()
    packet = rtp.pack_header(96, 1, 0, SSRC, marker=True, extension=(0xABAC, bytes(12))) + P + b"\0\0\3"
    camera.push(bytes((packet[0] | 0x20,)) + packet[1:])
    assert camera.units == [(0, (P,), False, False, 0)]


def test_a_camera_without_markers_is_flushed_by_silence():
    camera = Camera()
    for _ in range(5):
        camera.push(camera.packet(marker=False))
        camera.timestamp += FRAME_TICKS
    assert len(camera.units) == 4
    deadline = camera.receiver.next_timeout()
    assert deadline == 4 * FRAME_NS + 2 * FRAME_NS
    camera.receiver.on_timeout(MonotonicNs(deadline - 1))
    assert len(camera.units) == 4
    camera.receiver.on_timeout(deadline)
    assert camera.units[4] == (4 * FRAME_TICKS, (P,), False, False, 4 * FRAME_NS)
    assert camera.receiver.next_timeout() is None


def test_end_delivers_what_is_held():
    camera = Camera()
    camera.push(camera.packet(marker=False))
    camera.receiver.end()
    assert camera.units == [(0, (P,), False, False, 0)]


def test_audio_times_of_one_packet():
    camera = Camera(track=Track(Codec.AAC, 16000, 1, config=b"\x14\x08"), payload_type=97)
    two_frames = bytes.fromhex("0020 0008 0008") + b"ab"
    camera.timestamp = (1 << 32) - 1024
    camera.push(camera.packet(two_frames, payload_type=97))
    assert camera.units == [
        ((1 << 32) - 1024, (b"a",), True, False, 0),
        (1 << 32, (b"b",), True, False, 0),
    ]


def test_sender_reports():
    camera = Camera(timestamp=(1 << 32) - FRAME_TICKS)
    report = rtcp.SenderReport(SSRC, 0x1111_2222_3333_4444, 900)
    assert camera.receiver.on_sender_report(report, MonotonicNs(0)) is None
    assert camera.receiver.report_block(MonotonicNs(0)) is None
    camera.push(camera.packet())
    assert camera.receiver.on_sender_report(report, MonotonicNs(NS_PER_S)) == (1 << 32) + 900
    assert camera.receiver.on_sender_report(rtcp.SenderReport(7, 1, 1), MonotonicNs(0)) is None
    block = camera.receiver.report_block(MonotonicNs(3 * NS_PER_S))
    assert (block.last_sr, block.delay_since_last_sr) == (0x2222_3333, 2 * 65536)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    sequence=st.sampled_from([0, 65_500, 65_535, 32_700]),
    timestamp=st.sampled_from([0, (1 << 32) - 20_000, 1 << 31]),
    loss=st.sampled_from([0, 0.02, 0.2]),
    reorder=st.sampled_from([0, 0.05, 0.5]),
    duplicate=st.sampled_from([0, 0.1]),
)
def test_a_bad_network(seed, sequence, timestamp, loss, reorder, duplicate):
    """Whatever is not lost comes out bit for bit and in order; every unit that is not whole is marked."""
    dice = random.Random(seed)
    stream = video("libx264", 64, 64)
    camera = Camera(sequence=sequence, timestamp=timestamp, reorder=True)
    sent, wire = {}, []
    for parts in stream * 3:
        payloads = packetize(parts, 300)
        sent[camera.timestamp & 0xFFFFFFFF] = parts
        packets = [camera.packet(payload, marker=payload is payloads[-1]) for payload in payloads]
        wire += packets
    lost = {index for index in range(1, len(wire)) if dice.random() < loss}
    arrivals = []
    for index in range(len(wire)):
        if index not in lost:
            place = index + (dice.uniform(0, 20) if index and dice.random() < reorder else 0)
            arrivals += [(place, index)] + [(place + dice.uniform(0, 20), index)] * (
                index and dice.random() < duplicate
            )
    camera.push(*[wire[index] for _, index in sorted(arrivals)], wait_ns=NS_PER_MS // 10)
    camera.receiver.end()
    assert camera.times == sorted(set(camera.times))
    assert camera.resets == []
    for media_time, parts, key, damaged, _ in camera.units:
        if not damaged:
            assert parts == sent[media_time & 0xFFFFFFFF]
            assert key == (parts[0][0] & 31 == 7)
        else:
            assert set(parts) <= set(sent[media_time & 0xFFFFFFFF])
    if not lost:
        assert [unit[1] for unit in camera.units] == list(sent.values())
        assert not any(camera.damaged)
    statistics = camera.receiver.statistics
    assert statistics.packets == len(wire) - len(lost)
    assert statistics.skipped <= len(lost)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.binary(max_size=30), st.integers(0, 200)), max_size=30), st.booleans())
def test_no_bytes_raise(packets, reorder):
    camera = Camera(reorder=reorder)
    for packet, wait_ms in packets:
        camera.push(b"\x80\x60\0" + packet, packet, wait_ns=wait_ms * NS_PER_MS)
        timeout = camera.receiver.next_timeout()
        if timeout is not None:
            camera.receiver.on_timeout(timeout)
        camera.receiver.report_block(MonotonicNs(camera.now))
    camera.receiver.end()


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265, Codec.JPEG])
@settings(max_examples=60)
@given(data=st.data())
def test_runs_of_fragments_are_what_single_packets_are(codec, data):
    """Frames taken in runs give the units and counts that the same packets give one by one; lost, spoilt, cut."""
    head = {Codec.H264: b"\x65", Codec.H265: b"\x26\x01", Codec.JPEG: b""}[codec]
    sizes = data.draw(st.lists(st.integers(1, 400), min_size=1, max_size=6))
    pieces = packetize_of(codec)
    packets, sequence = [], 65_530
    for number, size in enumerate(sizes):
        payloads = pieces([head + b"\x80" + bytes([number + 1]) * size], 24)
        for at, payload in enumerate(payloads):
            marker = at == len(payloads) - 1
            packets.append(rtp.pack_header(96, sequence & 0xFFFF, number * 3600, SSRC, marker=marker) + payload)
            sequence += 1
    lost = data.draw(st.sets(st.integers(0, len(packets) - 1), max_size=3))
    kept = [bytearray(packet) for number, packet in enumerate(packets) if number not in lost]
    for number in data.draw(st.sets(st.integers(0, max(0, len(kept) - 1)), max_size=3)) if kept else ():
        # Any byte of the headers, the fragment's as well.
        kept[number][data.draw(st.integers(0, 22)) % len(kept[number])] ^= data.draw(st.integers(1, 255))
    stream = framed(kept)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=4)) | {0, len(stream)})

    singly, in_runs = Camera(track=Track(codec, 90000)), Camera(track=Track(codec, 90000))
    for packet in kept:
        singly.push(bytes(packet), wait_ns=0)
    reader = Reader(
        lambda message: None,
        lambda channel, packet: in_runs.receiver.push(packet, MonotonicNs(0)),
        take_run=lambda channel, frames, at: in_runs.receiver.take_run(frames, at, MonotonicNs(0)),
    )
    for begin, end in pairwise(cuts):
        reader.feed(stream[begin:end])
    for camera in (singly, in_runs):
        camera.receiver.end()
    assert in_runs.units == singly.units
    assert vars_of(in_runs.receiver.statistics) == vars_of(singly.receiver.statistics)


def packetize_of(codec):
    return {Codec.H264: packetize, Codec.H265: h265_packetize, Codec.JPEG: jpeg_packetize}[codec]


def jpeg_packetize(parts, max_payload_bytes):
    """Pieces smaller than ours, of a scan without a picture; with restart markers where its length is odd."""
    (scan,) = parts
    kind, between = (b"\x41", b"\0\5\xff\xff") if len(scan) % 2 else (b"\1", b"")
    step = max_payload_bytes - 8 - len(between)
    return [
        at.to_bytes(4, "big") + kind + b"\x32\x08\x08" + between + scan[at : at + step]
        for at in range(0, len(scan), step)
    ]


def vars_of(statistics):
    return statistics.packets, statistics.lost, statistics.late


def framed(packets):
    return b"".join(b"$\2" + len(packet).to_bytes(2, "big") + packet for packet in packets)


def test_a_run_ends_with_the_receiver():
    """Whoever is told of a unit may close the connection; what follows in the same chunk is nobody's."""
    units = []

    def sink(*unit):
        units.append(unit)
        receiver.end()

    receiver = RtpReceiver(TRACK, sink)
    camera = Camera()
    receiver.push(memoryview(camera.packet(marker=False)), MonotonicNs(0))
    frames = framed([camera.packet() for _ in range(3)])
    assert receiver.take_run(memoryview(frames), 0, MonotonicNs(0)) == len(frames) // 3
    assert len(units) == 1


def test_a_run_of_pieces_ends_at_the_bound_of_a_picture():
    camera = Camera(track=Track(Codec.JPEG, 90000))
    camera.receiver.depacketizer._max_unit_bytes = 5_000
    payloads = jpeg_packetize([bytes(20_000)], 1_000)
    stream = framed([camera.packet(payload, marker=False) for payload in payloads])
    reader = Reader(
        lambda message: None,
        lambda channel, packet: camera.receiver.push(packet, MonotonicNs(0)),
        take_run=lambda channel, frames, at: camera.receiver.take_run(frames, at, MonotonicNs(0)),
    )
    reader.feed(stream)
    assert camera.receiver.depacketizer.oversized_units == 1
    assert camera.units == []


def test_the_header_extension_of_onvif_reaches_the_pictures():
    """Of a picture in grey, which RFC 2435 cannot tell; packets that come early keep theirs."""
    at = parse_header(JPEG_GREY).scan_at
    segments = JPEG_GREY[2:at]
    sos = segments.rindex(b"\xff\xda")
    extension = segments[:sos] + b"\xff" * (-len(segments) % 4) + segments[sos:]
    camera = Camera(track=Track(Codec.JPEG, 90000), reorder=True)
    scan = bytes.fromhex("00000000 01 32 09 05") + JPEG_GREY[at:]
    for _ in range(2):
        plain = camera.packet(scan)
        extended = rtp.pack_header(
            96, int.from_bytes(plain[2:4]), int.from_bytes(plain[4:8]), SSRC, marker=True, extension=(0xFFD8, extension)
        )
        if camera.units:
            camera.push(camera.packet(b"", marker=False))  # early: the picture before it is still to come
        camera.push(extended + scan)
    assert [jpeg_pixels(parts[0]) for _, parts, *_ in camera.units] == [jpeg_pixels(JPEG_GREY)] * 2


def test_a_run_ends_at_the_bound_of_a_unit():
    """A NAL unit without end is given up at the depacketiser's bound, however its fragments come."""
    camera = Camera()
    camera.receiver.depacketizer.room_bytes = camera.receiver.depacketizer._max_unit_bytes = 5_000
    payloads = packetize([b"\x65" + bytes(20_000)], 1_000)
    stream = b""
    for payload in payloads:
        packet = camera.packet(payload, marker=False)
        stream += b"$\0" + len(packet).to_bytes(2, "big") + packet
    reader = Reader(
        lambda message: None,
        lambda channel, packet: camera.receiver.push(packet, MonotonicNs(0)),
        take_run=lambda channel, frames, at: camera.receiver.take_run(frames, at, MonotonicNs(0)),
    )
    reader.feed(stream)
    assert camera.receiver.depacketizer.oversized_units == 1
    assert camera.units == []
