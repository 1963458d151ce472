from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_MS, NS_PER_S
from bridge.media.outbox import Allowance
from bridge.media.playback import PACE_NS
from bridge.media.routes import Datagrams
from bridge.wire import rtcp
from tests.live_viewers import AUDIO, FRAME_NS, PPS, SPS, Camera, FakeSender, FakeWriter, Received, reassemble, route


def join(camera, stream, writer, *, fast_start=True, channel=0, begin=True, **more):
    playback = stream.play({0: route(writer, channel)}, fast_start=fast_start, now=camera.now, **more)
    writer.write(b"RTSP/1.0 200 OK\r\n\r\n")
    if begin:
        playback.begin(camera.now)
    return playback


def test_a_viewer_starts_at_once_with_the_whole_gop_as_rtp_info_says():
    camera = Camera(gop=10)
    camera.next(15)
    stream, writer = camera.stream(), FakeWriter(camera.clock)
    playback = join(camera, stream, writer)
    camera.next(3)

    received = Received(writer.wire)
    sequence, timestamp, ssrc, kind = received.rtp()[0]
    assert received.replies
    assert bytes(writer.wire).startswith(b"RTSP/1.0")
    assert (playback.start[0].sequence, playback.start[0].rtp_time, playback.start[0].ssrc) == (
        sequence,
        timestamp,
        ssrc,
    )
    assert (ssrc, kind) == (stream.ssrc(0), stream.payload_type(0))
    units = received.units()
    assert [unit[2] for unit in units] == [True] + [False] * 7
    assert units[0][1] == (SPS, PPS, *camera.parts[10])
    assert [unit[1] for unit in units[1:]] == camera.parts[11:]
    times = [unit[0] for unit in units]
    assert times[:5] == [times[4] - 4 + index for index in range(5)]
    assert times[4:] == [times[4] + 3600 * index for index in range(4)]


def test_the_reply_comes_first_even_when_units_arrive_between_play_and_begin():
    camera = Camera(gop=10)
    camera.next(5)
    stream, writer = camera.stream(), FakeWriter(camera.clock)
    playback = stream.play({0: route(writer)}, fast_start=True, now=camera.now)
    camera.next(2)
    assert not writer.wire
    writer.write(b"RTSP/1.0 200 OK\r\n\r\n")
    playback.begin(camera.now)
    playback.begin(camera.now)
    camera.next(1)
    received = Received(writer.wire)
    assert received.rtp()[0][:2] == (playback.start[0].sequence, playback.start[0].rtp_time)
    times = [unit[0] for unit in received.units()]
    assert len(times) == 8
    assert times == sorted(set(times))
    assert [number for number, *_ in received.rtp()] == list(range(received.rtp()[0][0], received.rtp()[-1][0] + 1))


def test_without_a_gop_or_without_fast_start_a_viewer_waits_for_the_next_key_frame():
    camera = Camera(gop=4)
    early, stream = FakeWriter(camera.clock), camera.stream()
    first = join(camera, stream, early)
    camera.next(2)
    late = FakeWriter(camera.clock)
    second = join(camera, stream, late, fast_start=False)
    assert first.start[0].sequence is None
    assert second.start[0].rtp_time is None
    camera.next(4)
    assert [unit[2] for unit in Received(early.wire).units()] == [True, False, False, False, True, False]
    assert [unit[2] for unit in Received(late.wire).units()] == [True, False]


def test_numbers_and_times_run_on_over_reconnects_and_times_without_viewers():
    camera = Camera(gop=5)
    stream, writer = camera.stream(), FakeWriter(camera.clock)
    camera.next(3)
    playback = join(camera, stream, writer)
    camera.next(4)
    camera.clock.advance(7 * NS_PER_S)
    camera.connect(raw=0x1_0000_0000)
    camera.next(6)
    headers = Received(writer.wire).rtp()
    numbers = [number for number, *_ in headers]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len({ssrc for _, _, ssrc, _ in headers}) == 1
    times = [unit[0] for unit in Received(writer.wire).units()]
    gaps = [later - earlier for earlier, later in pairwise(times[2:])]
    assert gaps.count(3600) == len(gaps) - 1
    assert max(gaps) == (7 * NS_PER_S + FRAME_NS) * 90 // NS_PER_MS
    playback.stop(camera.now)
    camera.next(20)

    again = FakeWriter(camera.clock)
    second = join(camera, stream, again)
    assert second.start[0].sequence == numbers[-1] + 1
    later = Received(again.wire).units()
    assert later[-1][0] == times[-1] + 20 * 3600


def test_a_dead_camera_gives_no_start_from_the_past():
    camera = Camera(gop=5)
    stream = camera.stream()
    camera.next(3)
    watching = FakeWriter(camera.clock)
    join(camera, stream, watching)
    camera.run.end()
    writer = FakeWriter(camera.clock)
    assert join(camera, stream, writer).start[0].sequence is None
    assert not Received(writer.wire).packets


def test_b_frames_keep_their_order_over_the_seam():
    camera = Camera()
    stream, writer = camera.stream(), FakeWriter(camera.clock)
    # I0 P3 B1 B2 P6 B4 B5 P9 B7 B8, presentation numbers
    order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 12, 10, 11]
    playback = None
    for position, shown in enumerate(order):
        if position == 8:
            playback = join(camera, stream, writer)
        camera.clock.advance(FRAME_NS)
        camera.push(0, 90_000 + 3600 * shown, (bytes((0x65 if shown == 0 else 0x41, shown)) * 700,), key=shown == 0)
    assert playback is not None
    units = Received(writer.wire).units()
    times = [unit[0] for unit in units]
    assert len(times) == len(order)
    assert sorted(range(len(order)), key=times.__getitem__) == sorted(range(len(order)), key=order.__getitem__)
    assert len(set(times)) == len(times)
    # 9 and 6 were cached but have B-frames between them to come; 5 and those before lie right before 6.
    assert times[order.index(9)] - times[order.index(6)] == 3 * 3600
    assert times[order.index(6)] - times[order.index(5)] == 1


def test_joiners_of_the_same_moment_share_their_retimed_packets():
    camera = Camera(gop=50)
    camera.next(20)
    stream = camera.stream()
    writers = [FakeWriter(camera.clock, room=0) for _ in range(3)]
    for writer in writers:
        join(camera, stream, writer)
    heads = [[entry.data for entry in writer.outbox._entries][1:] for writer in writers]
    assert len(heads[0]) == 20
    assert all(one is other for one, other in zip(heads[0], heads[2], strict=True))


def test_every_channel_gets_the_same_packets_in_one_send_a_unit():
    camera = Camera(gop=5)
    stream = camera.stream()
    writers = {channel: FakeWriter(camera.clock) for channel in (0, 2, 7)}
    for channel, writer in writers.items():
        join(camera, stream, writer, fast_start=False, channel=channel)
    camera.next(10)
    first = [data for _, data in Received(writers[0].wire).packets]
    for channel, writer in writers.items():
        received = Received(writer.wire)
        assert [number for number, _ in received.packets] == [channel] * len(first)
        assert [data for _, data in received.packets] == first
        assert writer.calls == 1 + 10


def test_audio_starts_live_and_both_tracks_have_their_own_source():
    camera = Camera(gop=10, audio=True)
    camera.next(7)
    stream, writer = camera.stream(), FakeWriter(camera.clock)
    playback = stream.play({0: route(writer, 0), 1: route(writer, 2)}, fast_start=True, now=camera.now)
    playback.begin(camera.now)
    camera.next(2)
    received = Received(writer.wire)
    assert len(received.units()) == 9
    audio = received.rtp(channel=2)
    assert len(audio) == 2
    assert audio[0][0] == playback.start[1].sequence
    assert playback.start[1].rtp_time is None
    assert stream.payload_type(1) == 0
    assert audio[0][2] == stream.ssrc(1) != stream.ssrc(0)


def test_sender_reports_are_true_early_and_every_five_seconds_and_bye_ends():
    camera = Camera(gop=50)
    camera.next(30)
    stream, writer = camera.stream(), FakeWriter(camera.clock)
    playback = join(camera, stream, writer)
    for _ in range(25 * 12):
        camera.next()
        due = stream.next_timeout()
        if due is not None and due <= camera.now:
            stream.on_timeout(camera.now)
    reports = [packet for packet in Received(writer.wire).rtcp() if isinstance(packet, rtcp.SenderReport)]
    assert len(reports) == 3
    units = camera.hub.gop()
    last = Received(writer.wire).rtp()[-1]
    for report in reports:
        # The moment of the report, on the RTP line: the last picture's, less the time since.
        elapsed_ns = units[-1].utc_ns - rtcp.ntp_to_utc_ns(report.ntp)
        assert abs(last[1] - report.rtp_timestamp - elapsed_ns * 90 // NS_PER_MS) <= 1
    before = [data for number, data in Received(writer.wire).packets if number == 0]
    playback.stop(camera.now)
    playback.stop(camera.now)
    camera.next(3)
    ended = Received(writer.wire).rtcp()
    final = [packet for packet in ended if isinstance(packet, rtcp.SenderReport)][-1]
    assert isinstance(ended[-1], rtcp.Bye)
    assert sum(isinstance(packet, rtcp.Bye) for packet in ended) == 1
    assert final.packets == len(before) == playback.statistics.packets
    assert final.octets == sum(len(data) - 12 for data in before)
    assert len({packet.cname for packet in ended if isinstance(packet, rtcp.Sdes)}) == 1
    assert stream.next_timeout() is None


def test_the_first_report_of_a_viewer_who_waits_comes_soon_after_his_key_frame():
    camera = Camera(gop=50)
    stream, writer = camera.stream(), FakeWriter(camera.clock)
    camera.next(10)
    join(camera, stream, writer, fast_start=False)
    for _ in range(70):
        camera.next()
        if stream.next_timeout() <= camera.now:
            stream.on_timeout(camera.now)
    packets = Received(writer.wire).packets
    first = next(index for index, (channel, _) in enumerate(packets) if channel == 1)
    before = reassemble([data for _, data in packets[:first]])
    assert 1 <= len(before) <= 25


def test_pause_stops_at_once_and_play_goes_on_with_the_counts():
    camera = Camera(gop=5)
    stream, writer = camera.stream(), FakeWriter(camera.clock)
    camera.next(2)
    first = join(camera, stream, writer)
    camera.next(2)
    first.pause(camera.now)
    seen = len(writer.wire)
    camera.next(6)
    stream.on_timeout(camera.now)
    assert len(writer.wire) == seen
    sent = first.statistics.packets
    second = join(camera, stream, writer, continues=first)
    first.stop(camera.now)
    camera.next(1)
    assert second.statistics.packets > sent
    assert second.statistics.packets == len(Received(writer.wire).rtp())
    second.stop(camera.now)
    assert sum(isinstance(packet, rtcp.Bye) for packet in Received(writer.wire).rtcp()) == 1


def test_one_track_of_two_can_end():
    camera = Camera(gop=10, audio=True)
    camera.next(3)
    stream, writer = camera.stream(), FakeWriter(camera.clock)
    playback = stream.play({0: route(writer, 0), 1: route(writer, 2)}, fast_start=True, now=camera.now)
    playback.begin(camera.now)
    camera.next(1)
    total = playback.statistics
    playback.stop_track(1, camera.now)
    playback.stop_track(1, camera.now)
    assert playback.statistics == total
    assert isinstance(Received(writer.wire).rtcp(channel=3)[-1], rtcp.Bye)
    camera.next(2)
    received = Received(writer.wire)
    assert len(received.rtp(channel=2)) == 1
    assert len(received.units()) == 6
    playback.stop_track(0, camera.now)
    assert not stream.playbacks


def test_a_slow_viewer_gets_whole_units_and_goes_on_at_a_key_frame():
    camera = Camera(gop=10, size=60_000)
    stream = camera.stream()
    healthy, slow = FakeWriter(camera.clock), FakeWriter(camera.clock)
    join(camera, stream, healthy, fast_start=False)
    playback = join(camera, stream, slow, fast_start=False)
    camera.next(12)
    slow.room = 100_000
    camera.next(80)
    assert slow.outbox.size_bytes < 3 * 10 * 62_000
    slow.drain()
    camera.next(15)
    statistics = playback.statistics
    assert statistics.dropped_gops > 3
    assert statistics.queue_bytes == 0
    units = Received(slow.wire).units()
    pushed = {parts[-1]: number for number, parts in enumerate(camera.parts)}
    numbers = [pushed[unit[1][-1]] for unit in units]
    assert all(later == earlier + 1 or later % 10 == 0 for earlier, later in pairwise(numbers))
    assert len(units) + statistics.dropped_units == 107
    assert statistics.units == len(units)
    assert len(Received(healthy.wire).units()) == 107
    assert healthy.calls == 108


def test_memory_of_viewers_who_never_read_is_bounded_and_shared():
    camera = Camera(gop=10, size=60_000)
    stream = camera.stream()
    writers = [FakeWriter(camera.clock, room=0) for _ in range(4)]
    playbacks = [join(camera, stream, writer) for writer in writers]
    camera.next(200)
    assert all(writer.outbox.size_bytes <= 2.6 * 10 * 62_000 for writer in writers)
    kept = {id(entry.data) for writer in writers for entry in writer.outbox._entries if entry.flow}
    assert len(kept) == len([entry for entry in writers[0].outbox._entries if entry.flow])
    for playback, writer in zip(playbacks, writers, strict=True):
        playback.stop(camera.now)
        assert not [entry for entry in writer.outbox._entries if entry.flow]


def test_a_broken_connection_is_left_alone():
    camera = Camera(gop=5)
    stream = camera.stream()
    broken, healthy = FakeWriter(camera.clock), FakeWriter(camera.clock)
    join(camera, stream, broken, fast_start=False)
    join(camera, stream, healthy, fast_start=False)
    camera.next(2)
    broken.take = None
    broken.closed = True
    camera.next(5)
    assert len(Received(healthy.wire).units()) == 7


def test_datagrams_catch_up_in_a_pace_and_live_units_wait_behind():
    camera = Camera(gop=50)
    camera.next(30)
    stream, sender = camera.stream(), FakeSender(camera.clock)
    to = ("192.0.2.7", 5000)
    playback = stream.play({0: Datagrams(sender, to, ("192.0.2.7", 5001))}, fast_start=True, now=camera.now)
    assert not sender.sent
    playback.begin(camera.now)
    assert len(sender.sent) == 1
    for millisecond in range(1, 1201):
        camera.clock.advance(NS_PER_MS)
        if millisecond % 40 == 0:
            camera.next(step_ns=0)
        due = stream.next_timeout()
        if due is not None and due <= camera.now:
            stream.on_timeout(camera.now)
    moments = [at for at, _, _ in sender.sent]
    assert min(later - earlier for earlier, later in pairwise(moments[:26])) >= PACE_NS
    packets = [packet for _, _, some in sender.sent for packet in some]
    units = reassemble(packets)
    assert [unit[1][-1] for unit in units] == [parts[-1] for parts in camera.parts]
    assert not any(damaged for *_, damaged in units)
    times = [unit[0] for unit in units]
    assert times == sorted(set(times))
    assert times[0] == playback.start[0].rtp_time, "what RTP-Info said"
    # How late each picture is against its time. A player takes its clock from the latest one; the last ones, live and
    # with their true times, tell what is no delay at all. Nothing of the catch-up may be later than one picture.
    ends = [at for at, last in ((at, some[-1]) for at, _, some in sender.sent) if last[1] & 0x80]
    late_ns = [at - time * NS_PER_S // 90_000 for at, time in zip(ends, times, strict=True)]
    assert max(late_ns) - late_ns[-1] <= 40 * NS_PER_MS
    live = times[-10:]
    assert live == [live[0] + 3600 * index for index in range(10)]
    playback.stop(camera.now)
    assert sender.rtcp[-1][0] == ("192.0.2.7", 5001)
    assert isinstance(rtcp.parse(sender.rtcp[-1][1])[-1], rtcp.Bye)


def test_a_track_that_becomes_another_one_ends_its_viewers_and_new_parameter_sets_do_not():
    camera = Camera(gop=5)
    stream, writer = camera.stream(), FakeWriter(camera.clock)
    reasons = []
    join(camera, stream, writer, on_end=reasons.append)
    camera.next(3)
    ssrc = stream.ssrc(0)
    camera.hub.begin_run((Track(Codec.H264, 90_000, parameter_sets=(SPS, PPS + b"\x01")),))
    assert not reasons
    assert stream.ssrc(0) == ssrc
    camera.hub.begin_run((Track(Codec.H265, 90_000),))
    assert reasons == ["the camera's tracks changed"]
    assert stream.ssrc(0) != ssrc
    assert isinstance(Received(writer.wire).rtcp()[-1], rtcp.Bye)


def test_nothing_is_packetised_without_viewers():
    camera = Camera(gop=5)
    stream = camera.stream()
    camera.next(20)
    rtp = stream._rtp(0)
    assert rtp._gop == []
    writer = FakeWriter(camera.clock)
    playback = join(camera, stream, writer)
    assert rtp._gop
    playback.stop(camera.now)
    assert rtp._gop == []
    with pytest.raises(LookupError, match="track 3"):
        stream.ssrc(3)
    with pytest.raises(ValueError, match="no routes"):
        stream.play({}, fast_start=True, now=camera.now)


def test_closing_ends_everything():
    camera = Camera(gop=5)
    stream, writer = camera.stream(), FakeWriter(camera.clock)
    camera.next(2)
    reasons = []
    join(camera, stream, writer, on_end=reasons.append)
    stream.close(camera.now)
    camera.next(2)
    assert reasons
    assert len(Received(writer.wire).units()) == 2


def test_two_playbacks_on_one_connection_stay_in_order_when_it_fills_up():
    camera = Camera(gop=5)
    stream, writer = camera.stream(), FakeWriter(camera.clock)
    join(camera, stream, writer, fast_start=False, channel=0)
    join(camera, stream, writer, fast_start=False, channel=2)
    camera.next(3)
    writer.room = 1000
    camera.next(2)
    writer.drain()
    camera.next(3)
    received = Received(writer.wire)
    assert len(received.units(channel=0)) == len(received.units(channel=2)) == 8


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 90_000)), min_size=1, max_size=20), st.booleans())
def test_whatever_a_client_reads_is_whole_and_decodable(steps, audio):
    camera = Camera(gop=4, audio=audio, size=9000)
    camera.next(2)
    stream, writer = camera.stream(), FakeWriter(camera.clock, room=20_000)
    routes = {0: route(writer, 0), 1: route(writer, 2)} if audio else {0: route(writer, 0)}
    playback = stream.play(routes, fast_start=True, now=camera.now)
    playback._flow.allowance = Allowance(40_000)
    playback.begin(camera.now)
    for frames, room in steps:
        camera.next(frames)
        stream.on_timeout(camera.now)
        writer.drain(room)
    writer.drain()
    received = Received(writer.wire)
    pushed = {parts[-1]: number for number, parts in enumerate(camera.parts)}
    numbers = [pushed[unit[1][-1]] for unit in received.units()]
    assert numbers[0] == 0
    assert all(later == earlier + 1 or later % 4 == 0 for earlier, later in pairwise(numbers))
    heard = len(received.units(AUDIO, 2)) if audio else 0
    statistics = playback.statistics
    assert statistics.units == len(numbers) + heard
    assert statistics.packets == len(received.rtp(0)) + (len(received.rtp(2)) if audio else 0)
