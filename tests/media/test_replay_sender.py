"""What is sent of a recording when: pace, flags, back pressure, reports. No socket, no waiting."""

from dataclasses import dataclass
from fractions import Fraction

import pytest

from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_MS, NS_PER_S, ManualClock
from bridge.media.fanout import lane_for
from bridge.media.outbox import MAX_MEDIA_BYTES, Allowance, Flow
from bridge.media.replay_sender import DATAGRAM_BYTES_PER_S, TURN_BYTES, TURN_UNITS, Described, ReplayLeg, ReplaySender
from bridge.media.replay_track import ReplayTrack
from bridge.media.routes import Datagrams, Interleaved
from bridge.wire import rtcp
from bridge.wire.replay_header import ReplayHeader
from bridge.wire.rtp import parse_extension, parse_header

VIDEO = Track(Codec.H264, 90_000)
SOUND = Track(Codec.PCMA, 8_000)
DAY = 1_800_000_000 * NS_PER_S
FRAME = 40 * NS_PER_MS
HOUR = 3600 * NS_PER_S


@dataclass
class Unit:
    unit: AccessUnit
    clean: bool = False
    end: bool = False
    discontinuity: bool = False
    terminal: bool = False


def picture(at_ns, *, key=False, size=100, track=0, media_time=None, **flags):
    kind = b"\x65" if key else b"\x41"
    ticks = at_ns * 90_000 // NS_PER_S if media_time is None else media_time
    return Unit(AccessUnit(track, ticks, DAY + at_ns, 0, key, (kind + bytes(size),)), clean=key, **flags)


def sound(at_ns, **flags):
    return Unit(AccessUnit(1, at_ns * 8_000 // NS_PER_S, DAY + at_ns, 0, True, (bytes(160),)), clean=True, **flags)


class FakeWriter:
    """A connection that takes everything while it is clear."""

    direct = None
    frame = None

    def __init__(self, clock):
        self.clock = clock
        self.clear = True
        self.sent = []
        self.rtcp = []

    def push(self, flow, tally, data, key, packets, octets):
        assert self.clear
        tally.add(1, packets, octets)
        self.sent.append((self.clock.monotonic_ns(), data))

    def write(self, data):
        self.rtcp.append(rtcp.parse(data[4:]))


class FakePorts:
    def __init__(self, clock):
        self.clock = clock
        self.sent = []

    def send(self, runs, to):
        self.sent.append((self.clock.monotonic_ns(), sum(len(data) for _, data in runs)))

    def send_rtcp(self, data, to):
        pass


class Setting:
    def __init__(self, route=None):
        self.clock = ManualClock(monotonic_ns=1_000 * NS_PER_S)
        self.writer = FakeWriter(self.clock)
        self.ports = FakePorts(self.clock)
        flow = Flow(Allowance(MAX_MEDIA_BYTES))
        legs = {}
        for number, track in enumerate((VIDEO, SOUND)):
            way = Datagrams(self.ports, ("h", 1), ("h", 2)) if route else Interleaved(self.writer, number * 2, 1)
            made = ReplayTrack(track, payload_type=96, ssrc=number + 1, sequence=100, time_offset=0, packet_bytes=1400)
            legs[number] = ReplayLeg(made, lane_for(way, flow, resumes=True))
        self.sender = ReplaySender(legs, self.clock, "c@onb")

    @property
    def now(self):
        return self.clock.monotonic_ns()

    def play(self, *items, scale=1, controlled=True, cseq=7, anew=True, tracks=(VIDEO, SOUND), run=1):
        self.sender.begin(Fraction(scale), controlled=controlled, cseq=cseq, anew=anew, now=self.now)
        self.sender.feed([*([Described(tracks, run)] if anew else []), *items])
        self.sender.run()

    def go(self, *, for_ns=10 * NS_PER_S):
        """Does what the shell does, until nothing is due within `for_ns`."""
        end_ns = self.now + for_ns
        while (due := self.sender.next_timeout(self.now)) is not None and due <= end_ns:
            self.clock.advance(max(0, due - self.now))
            self.sender.on_timeout(self.now)

    @property
    def units(self):
        """(sent at, channel, sequence, RTP time, header) of each unit."""
        found = []
        for at, data in self.writer.sent:
            packet = data[4 : 4 + int.from_bytes(data[2:4])]
            _, _, sequence, rtp_time, _, _, _ = parse_header(packet)
            found.append((at, data[1], sequence, rtp_time, ReplayHeader.parse(*parse_extension(packet))))
        return found


def times(setting, of=0):
    return [(unit[of] - setting.units[0][of]) // (NS_PER_MS if of == 0 else 1) for unit in setting.units]


def test_in_time_units_go_out_when_they_are_due_with_their_own_distances():
    setting = Setting()
    setting.play(picture(0, key=True, discontinuity=True), *(picture(FRAME * n) for n in range(1, 5)))
    setting.go()
    assert times(setting) == [0, 40, 80, 120, 160]
    assert times(setting, of=3) == [0, 3600, 7200, 10800, 14400]
    assert [unit[2] for unit in setting.units] == [100, 101, 102, 103, 104]
    assert [unit[4].utc_ns for unit in setting.units] == [pytest.approx(DAY + FRAME * n, abs=1) for n in range(5)]
    assert setting.units[0][4].discontinuity
    assert setting.units[0][4].clean
    assert not any(unit[4].discontinuity for unit in setting.units[1:])
    assert {unit[4].cseq for unit in setting.units} == {7}


@pytest.mark.parametrize(("scale", "step", "sent"), [(4, 10, [0, 0, 0, 30]), (Fraction(1, 2), 80, [0, 80, 160, 240])])
def test_scale(scale, step, sent):
    setting = Setting()
    setting.play(picture(0, key=True), *(picture(FRAME * n) for n in range(1, 4)), scale=scale)
    setting.go()
    assert times(setting) == sent
    assert times(setting, of=3) == [step * 90 * n for n in range(4)]


def test_as_fast_as_it_is_read_with_original_times_and_no_reports():
    setting = Setting()
    setting.play(picture(0, key=True), sound(FRAME), picture(HOUR, key=True, discontinuity=True), controlled=False)
    setting.go(for_ns=60 * NS_PER_S)
    assert times(setting) == [0, 0, 0]
    assert [unit[1] for unit in setting.units] == [0, 2, 0]
    assert (setting.units[2][3] - setting.units[0][3]) & 0xFFFFFFFF == 3600 * 90_000 & 0xFFFFFFFF
    assert setting.writer.rtcp == []


def test_a_gop_in_reverse_goes_out_whole_and_is_shown_backwards():
    setting = Setting()
    gops = [
        picture(2 * FRAME, key=True, discontinuity=True),
        picture(3 * FRAME),
        picture(0, key=True, discontinuity=True),
        picture(FRAME, end=True, terminal=True),
    ]
    setting.play(*gops, scale=-1)
    setting.go()
    assert times(setting) == [0, 0, 80, 80]
    assert times(setting, of=3) == [0, -3600, 7200, 3600]
    assert (setting.units[3][4].end, setting.units[3][4].terminal) == (True, True)


def test_gaps_are_skipped_at_once():
    setting = Setting()
    setting.play(picture(0, key=True), picture(FRAME, end=True), picture(HOUR, key=True, discontinuity=True))
    setting.go()
    assert times(setting) == [0, 40, 80]
    assert times(setting, of=3) == [0, 3600, 7200]


def test_what_is_due_waits_for_the_connection_and_at_most_one_unit_waits_there():
    setting = Setting()
    setting.play(*(picture(0, size=1000) for _ in range(3)), controlled=False)
    setting.writer.clear = False
    assert setting.sender.blocked
    assert setting.sender.next_timeout(setting.now) is None
    setting.sender.on_timeout(setting.now)
    assert setting.writer.sent == []
    setting.writer.clear = True
    setting.go()
    assert len(setting.writer.sent) == 3
    assert setting.sender.hungry


def test_a_turn_ends_after_so_many_bytes():
    setting = Setting()
    setting.play(*(picture(0, size=TURN_BYTES // 3) for _ in range(10)), controlled=False)
    setting.sender.on_timeout(setting.now)
    assert len(setting.writer.sent) == 3
    assert setting.sender.next_timeout(setting.now) == setting.now


def test_a_turn_ends_after_so_many_units():
    setting = Setting()
    setting.play(*(sound(n) for n in range(TURN_UNITS + 5)), controlled=False)
    setting.sender.on_timeout(setting.now)
    assert len(setting.writer.sent) == TURN_UNITS


def test_by_udp_no_more_goes_out_than_the_way_can_bear():
    setting = Setting(route="udp")
    setting.play(*(picture(0, size=100_000) for _ in range(50)), controlled=False)
    setting.go(for_ns=60 * NS_PER_S)
    sent = setting.ports.sent
    took_s = (sent[-1][0] - sent[0][0]) / NS_PER_S
    assert sum(size for _, size in sent[:-1]) / took_s == pytest.approx(DATAGRAM_BYTES_PER_S, rel=0.01)


def test_reports_say_which_time_is_shown_now():
    setting = Setting()
    setting.play(picture(0, key=True), *(picture(FRAME * n) for n in range(1, 200)))
    setting.go(for_ns=6 * NS_PER_S)
    reports = [packet for compound in setting.writer.rtcp for packet in compound if hasattr(packet, "ntp")]
    assert [report.ssrc for report in reports] == [1, 1]
    first_sent_ns, _, _, rtp_time, _ = setting.units[0]
    for report in reports:
        since_ns = report.utc_ns - (setting.clock.utc_ns() - setting.now) - first_sent_ns
        assert report.rtp_timestamp == pytest.approx(rtp_time + since_ns * 9 // 100_000, abs=2)
    setting.sender.stop()
    assert setting.writer.rtcp[-1][-1] == rtcp.Bye((1,))


def test_a_play_that_takes_the_place_of_another_begins_with_the_next_packet():
    setting = Setting()
    setting.play(picture(0, key=True), picture(FRAME), cseq=7)
    setting.sender.on_timeout(setting.now)
    setting.play(picture(HOUR, key=True, discontinuity=True), cseq=264)
    setting.go()
    assert [unit[4].cseq for unit in setting.units] == [7, 264 & 0xFF]
    assert [unit[2] for unit in setting.units] == [100, 101]
    assert setting.units[1][4].discontinuity
    assert setting.units[1][3] > setting.units[0][3]


def test_a_pause_keeps_what_is_in_hand_and_the_next_play_goes_on_with_it():
    setting = Setting()
    setting.play(picture(0, key=True), picture(FRAME), picture(2 * FRAME))
    setting.go(for_ns=FRAME)
    setting.sender.halt()
    assert setting.sender.position_ns == DAY + 2 * FRAME
    assert setting.sender.next_timeout(setting.now) is None
    setting.clock.advance(10 * NS_PER_S)
    setting.sender.on_timeout(setting.now)
    assert len(setting.units) == 2
    setting.play(anew=False, cseq=8)
    setting.go()
    assert times(setting) == [0, 40, 10040]
    assert [unit[4].cseq for unit in setting.units] == [7, 7, 8]
    assert times(setting, of=3)[2] == 10_040 * 90
    assert setting.sender.position_ns == DAY + 2 * FRAME


@pytest.mark.parametrize(
    ("scale", "units", "at_ns", "sent"),
    [
        (1, [picture(0, key=True), picture(FRAME), picture(2 * FRAME)], FRAME, 1),
        (-1, [picture(FRAME, key=True, discontinuity=True), picture(0, key=True, discontinuity=True)], 0, 1),
        (-1, [picture(FRAME, key=True, discontinuity=True), picture(0, key=True, discontinuity=True)], 2 * FRAME, 0),
    ],
)
def test_a_pause_at_an_instant(scale, units, at_ns, sent):
    setting = Setting()
    setting.play(*units, scale=scale)
    assert not setting.sender.pause_reached
    setting.sender.pause_at_ns = DAY + at_ns
    setting.go()
    assert len(setting.units) == sent
    assert setting.sender.pause_reached


def test_what_the_sdp_does_not_say_is_passed_over_and_what_follows_does_not_follow_on():
    setting = Setting()
    setting.play(picture(0, key=True))
    other = Described((Track(Codec.H265, 90_000), SOUND), 2)
    setting.sender.feed([other, picture(FRAME), sound(2 * FRAME), Described((VIDEO, SOUND), 3)])
    setting.sender.feed([picture(HOUR, key=True)])
    setting.go()
    assert [(unit[1], unit[4].discontinuity) for unit in setting.units] == [(0, False), (2, False), (0, True)]
    assert times(setting) == [0, 80, 120]


def test_the_starts_are_those_of_the_packets_that_follow():
    setting = Setting()
    setting.sender.begin(Fraction(1), controlled=True, cseq=7, anew=True, now=setting.now)
    setting.sender.feed([Described((VIDEO, SOUND), 1), picture(0, key=True, discontinuity=True)])
    setting.sender.feed([picture(FRAME), sound(FRAME + 1, discontinuity=True)])
    starts = setting.sender.starts(setting.now)
    setting.sender.run()
    setting.go()
    firsts = {unit[1] // 2: unit for unit in reversed(setting.units)}
    assert {number: (start.sequence, start.rtp_time) for number, start in starts.items()} == {
        0: (100, firsts[0][3]),
        1: (100, firsts[1][3]),
    }


def test_starts_that_are_not_in_hand_are_not_told():
    setting = Setting()
    setting.play(picture(0, key=True, discontinuity=True))
    starts = setting.sender.starts(setting.now)
    assert starts[1].rtp_time is None
    assert starts[1].sequence == 100


def test_at_the_live_edge_what_comes_late_does_not_come_in_a_rush():
    setting = Setting()
    setting.play(picture(0, key=True))
    setting.go()
    setting.clock.advance(NS_PER_S // 2)
    setting.sender.feed([picture(FRAME), picture(2 * FRAME)], starved=True)
    setting.go()
    first, second, third = (unit[0] for unit in setting.units)
    assert (third - second) == FRAME
    assert second - first > FRAME


def test_a_track_that_was_torn_down_is_not_sent():
    setting = Setting()
    setting.play(picture(0, key=True), sound(1), sound(2))
    setting.sender.part(1)
    setting.sender.part(1)
    setting.go()
    assert [unit[1] for unit in setting.units] == [0]
