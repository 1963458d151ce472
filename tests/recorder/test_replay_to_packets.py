"""From footage to packets: at every rate, what the model says is what stands in each packet's header and extension.

Packets are read by the interop checker, which shares no code with the bridge.
"""

import itertools
from fractions import Fraction

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bridge.base.time import NS_PER_MS, NS_PER_S, ManualClock, ns_to_ticks
from bridge.media.fanout import lane_for
from bridge.media.outbox import MAX_MEDIA_BYTES, Allowance, Flow
from bridge.media.replay_sender import EARLY_NS, Described, ReplayLeg, ReplaySender
from bridge.media.replay_track import ReplayTrack
from bridge.media.routes import Interleaved
from bridge.recorder.replay import Frames, Replay, ReplayOrder
from bridge.store.reader import Begin, Edge
from tests.interop.replay_checker import Packet, assemble
from tests.recorder.replay_footage import PICTURE_NS, SOUND, VIDEO, footages, instants
from tests.recorder.replay_model import model

SCALES = [Fraction(1), Fraction(2), Fraction(1, 2), Fraction(-1), Fraction(-2)]

#: What is behind a gap is shown so long after what is before it.
STEP_NS = 40 * NS_PER_MS

#: RTP times are rounded to the tick, those of the recording and those of the line.
ROUNDED = 2


class Connection:
    """Takes everything at once; keeps (nanoseconds, channel, packet)."""

    direct = None
    frame = None
    clear = True

    def __init__(self, clock):
        self.clock = clock
        self.packets = []

    def push(self, flow, tally, data, key, packets, octets):
        while data:
            size = int.from_bytes(data[2:4])
            self.packets.append((self.clock.monotonic_ns(), data[1], bytes(data[4 : 4 + size])))
            data = data[4 + size :]

    def write(self, data):
        """Reports."""


def sent(footage, order, scale, *, controlled, cseq):
    """[(nanoseconds at which it went out, unit)] of each track."""
    clock = ManualClock(monotonic_ns=1000 * NS_PER_S)
    connection, flow = Connection(clock), Flow(Allowance(MAX_MEDIA_BYTES))
    legs = {
        number: ReplayLeg(
            ReplayTrack(track, payload_type=96, ssrc=number, sequence=65_530, time_offset=2**32 - 5, packet_bytes=60),
            lane_for(Interleaved(connection, 2 * number, 2 * number + 1), flow, resumes=True),
        )
        for number, track in enumerate((VIDEO, SOUND))
    }
    sender = ReplaySender(legs, clock, "c@onb")
    items = itertools.takewhile(lambda item: not isinstance(item, Edge), Replay(footage, footage.held, order).items())
    sender.begin(scale, controlled=controlled, cseq=cseq, anew=True, now=clock.monotonic_ns())
    sender.feed([Described(one.tracks, one.run) if isinstance(one, Begin) else one for one in items])
    sender.run()
    while not sender.hungry and (due := sender.next_timeout(clock.monotonic_ns())) is not None:
        clock.advance(max(0, due - clock.monotonic_ns()))
        sender.on_timeout(clock.monotonic_ns())
    tracks = []
    for channel in (0, 2):
        packets = [Packet(at_ns, data) for at_ns, on, data in connection.packets if on == channel]
        tracks.append([(unit.came_s, unit) for unit in assemble(packets, split=channel == 0)])
    return tracks


def ticks(later, earlier):
    return (later.rtp_time - earlier.rtp_time + 2**31) % 2**32 - 2**31


@st.composite
def orders(draw, footage, reverse):
    ends = draw(instants(footage)), draw(instants(footage))
    if None not in ends:
        ends = sorted(ends, reverse=reverse)
    frames = draw(st.sampled_from(Frames))
    return ReplayOrder(*ends, reverse=reverse, frames=frames, intra_ms=300 if frames is Frames.INTRA else 0)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(SCALES), st.booleans(), st.integers(0, 1000))
def test_every_packet_says_what_the_model_says(data, scale, controlled, cseq):
    footage = data.draw(footages())
    order = data.draw(orders(footage, scale < 0))
    expected = model(footage, order)
    assume(expected is not None)
    by_track = sent(footage, order, scale, controlled=controlled, cseq=cseq)
    for number, rate in ((0, 90_000), (1, 8000)):
        mine = [one for one in expected if one.unit.track == number and not (order.reverse and number)]
        came = [unit for _, unit in by_track[number]]
        assert [unit.parts for unit in came] == [one.unit.parts for one in mine]
        assert [(unit.utc_ns, unit.clean, unit.end, unit.discontinuity, unit.terminal) for unit in came] == [
            (one.unit.utc_ns, *one[1:]) for one in mine
        ]
        assert {unit.cseq for unit in came} <= {cseq & 0xFF}
        if not controlled:
            # As it was recorded, whichever way it is sent.
            for unit in came:
                recorded = ns_to_ticks(unit.utc_ns - came[0].utc_ns, rate)
                assert abs((ticks(unit, came[0]) - recorded + 2**31) % 2**32 - 2**31) <= ROUNDED
    if controlled:
        _check_times(by_track[0], scale, keys_alone=order.frames is Frames.INTRA)


def _check_times(came, scale, *, keys_alone):
    """In time: RTP times say when to show, and units are sent when, or for a GOP before, they are shown.

    keys_alone: they may be further apart than a gap without one; what ends at a gap says so itself
    """
    in_order = sorted((unit for _, unit in came), key=lambda unit: unit.utc_ns, reverse=scale < 0)
    told = any(unit.end for unit in in_order)
    for before, unit in itertools.pairwise(in_order):
        apart_ns = abs(unit.utc_ns - before.utc_ns) / abs(scale)
        shown = ticks(unit, before)
        assert shown > 0
        # Gaps are skipped, and so is what cannot be read: what is behind comes right behind what is before.
        skipped = shown <= ns_to_ticks(STEP_NS + round(3 * PICTURE_NS / abs(scale)), 90_000)
        gap = abs(unit.utc_ns - before.utc_ns) > NS_PER_S and told
        if gap and (before.end or not keys_alone):
            assert skipped
        else:
            as_recorded = abs(shown - ns_to_ticks(round(apart_ns), 90_000)) <= ROUNDED
            assert as_recorded or (skipped and told and apart_ns * abs(scale) > PICTURE_NS)
    first_ns, first = came[0]
    latest_shown_ns = 0
    for at_ns, unit in came:
        shown_ns = ticks(unit, first) * NS_PER_S // 90_000
        # Nothing is sent long before it is to be shown, but what others need.
        latest_shown_ns = max(latest_shown_ns, shown_ns)
        assert at_ns - first_ns >= min(shown_ns, latest_shown_ns) - EARLY_NS - NS_PER_MS or scale < 0
    assert [at_ns for at_ns, _ in came] == sorted(at_ns for at_ns, _ in came)
