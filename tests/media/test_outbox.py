from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.time import NS_PER_S
from bridge.media.outbox import MAX_MEDIA_BYTES, MIN_ALLOWANCE_BYTES, Allowance, Flow, Outbox, Tally


class Viewer:
    """An outbox with one flow; what it is given has its number in its bytes."""

    def __init__(self, allowance=1000, **limits):
        self.outbox = Outbox(**limits)
        self.flow, self.tally = Flow(Allowance(allowance)), Tally()
        self.now = 0

    def media(self, text, size=100, *, key=False, sent=0):
        data = text.encode().ljust(size, b".")
        return self.outbox.put_media(self.flow, self.tally, data, key, 1, size, self.now, sent=sent)

    def control(self, text):
        self.outbox.put(text.encode(), self.now)

    def drain(self):
        out = b""
        while (head := self.outbox.head()) is not None:
            out += head
            self.outbox.sent(len(head), self.now)
        return out.replace(b".", b"").decode()


def test_replies_and_media_keep_their_order_and_are_counted_when_they_went_out():
    viewer = Viewer()
    viewer.control("<r1>")
    viewer.media("K", key=True)
    viewer.control("<r2>")
    viewer.media("p")
    assert viewer.tally.units == 0
    assert viewer.flow.queued_bytes == 200
    assert viewer.outbox.size_bytes == 208
    assert viewer.drain() == "<r1>K<r2>p"
    assert (viewer.tally.units, viewer.tally.packets, viewer.tally.octets) == (2, 2, 200)
    assert viewer.flow.queued_bytes == viewer.outbox.size_bytes == 0
    assert not viewer.outbox


def test_over_the_allowance_the_oldest_whole_gops_go_and_replies_stay():
    viewer = Viewer(allowance=600)
    for name in "KabLcd":
        viewer.media(name, key=name.isupper())
        viewer.control("<r>")
    viewer.media("e")
    assert viewer.flow.dropped_units == 3
    assert viewer.flow.dropped_gops == 1
    assert viewer.drain() == "<r><r><r>L<r>c<r>d<r>e"


def test_a_head_that_is_partly_sent_is_completed():
    viewer = Viewer(allowance=300)
    viewer.media("K", key=True, sent=30)
    viewer.media("a")
    viewer.media("b")
    viewer.media("L", key=True)
    assert viewer.outbox.head().tobytes() == b"." * 70
    assert viewer.drain() == "L"
    assert viewer.tally.units == 2
    assert (viewer.flow.dropped_units, viewer.flow.dropped_gops) == (2, 1)


def test_one_gop_beyond_the_allowance_is_cut_at_its_end_until_a_key_frame():
    viewer = Viewer(allowance=300)
    taken = [viewer.media(name, key=name == "K") for name in "Kabcd"]
    assert taken == [True, True, True, False, False]
    assert viewer.flow.waits_for_key
    assert (viewer.flow.dropped_units, viewer.flow.dropped_gops) == (2, 1)
    viewer.media("L", key=True)
    assert not viewer.flow.waits_for_key
    viewer.media("e")
    assert viewer.drain() == "Le"
    assert (viewer.flow.dropped_units, viewer.flow.dropped_gops) == (5, 2)


def test_a_key_frame_larger_than_the_allowance_goes_when_nothing_waits():
    viewer = Viewer(allowance=300)
    assert viewer.media("K", size=5000, key=True)
    assert not viewer.media("a")
    assert viewer.drain() == "K"
    assert not viewer.media("b")
    assert viewer.media("L", key=True)


def test_flows_do_not_cost_each_other_anything():
    viewer = Viewer(allowance=300)
    other, tally = Flow(Allowance(10_000)), Tally()
    for name in "KabcLd":
        viewer.outbox.put_media(other, tally, b"o", False, 1, 1, 0)
        viewer.media(name, key=name.isupper())
    assert other.dropped_units == 0
    viewer.drain()
    assert tally.units == 6


def test_the_absolute_cap_holds_over_all_flows():
    viewer = Viewer(allowance=10_000, max_media_bytes=500)
    other = Flow(Allowance(10_000))
    for number in range(20):
        viewer.media(str(number), key=True)
        viewer.outbox.put_media(other, Tally(), bytes(100), True, 1, 1, 0)
        assert viewer.outbox.size_bytes <= 500


def test_controls_beyond_their_limit_are_an_overrun():
    viewer = Viewer(max_control_bytes=10)
    viewer.control("0123456789")
    assert not viewer.outbox.overrun
    viewer.control("!")
    assert viewer.outbox.overrun


def test_stalls_are_counted_from_the_last_progress():
    viewer = Viewer()
    assert viewer.outbox.next_timeout() is None
    viewer.now = 5 * NS_PER_S
    viewer.media("K", key=True)
    assert viewer.outbox.next_timeout() == 15 * NS_PER_S
    viewer.outbox.sent(1, 8 * NS_PER_S)
    viewer.outbox.sent(0, 9 * NS_PER_S)
    viewer.now = 12 * NS_PER_S
    viewer.media("a")
    assert not viewer.outbox.stalled(18 * NS_PER_S - 1)
    assert viewer.outbox.stalled(18 * NS_PER_S)


def test_a_flow_may_wait_for_longer_than_replies():
    viewer = Viewer()
    viewer.flow.stall_ns = 60 * NS_PER_S
    viewer.media("K", key=True)
    viewer.control("<r>")
    assert viewer.outbox.next_timeout() == 60 * NS_PER_S
    viewer.outbox.sent(len(viewer.outbox.head()), 20 * NS_PER_S)
    assert viewer.outbox.next_timeout() == 30 * NS_PER_S


def test_forgetting_leaves_replies_and_the_partial_head():
    viewer = Viewer()
    viewer.media("K", key=True, sent=1)
    viewer.media("a")
    viewer.control("<r>")
    viewer.outbox.forget_media()
    assert viewer.drain() == "<r>"
    assert viewer.tally.units == 1
    assert viewer.flow.dropped_units == 0
    viewer.media("b")
    viewer.outbox.clear()
    assert viewer.flow.queued_bytes == 0
    assert viewer.outbox.head() is None


def test_the_allowance_is_counted_in_gops():
    allowance = Allowance()
    assert allowance.size_bytes == MIN_ALLOWANCE_BYTES
    allowance.adjust(5_000_000)
    assert allowance.size_bytes == 12_500_000
    allowance.adjust(50_000_000)
    assert allowance.size_bytes == MAX_MEDIA_BYTES
    allowance.adjust(0)
    assert allowance.size_bytes == MIN_ALLOWANCE_BYTES


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from(["unit", "unit", "unit", "reply", "read", "read a bit"]), max_size=80), st.integers(1, 9)
)
def test_whatever_is_read_when_the_wire_is_whole_bounded_and_decodable(steps, gop):
    viewer = Viewer(allowance=450)
    wire, replies, number = b"", 0, 0
    for step in steps:
        if step == "unit":
            head = b"K" if number % gop == 0 else b"p"
            data = head + number.to_bytes(4) + bytes(95)
            viewer.outbox.put_media(viewer.flow, viewer.tally, data, head == b"K", 1, 100, 0)
            number += 1
        elif step == "reply":
            viewer.outbox.put(b"R" + bytes(99), 0)
            replies += 1
        elif (data := viewer.outbox.head()) is not None:
            size = len(data) if step == "read" else min(7, len(data))
            wire += data[:size]
            viewer.outbox.sent(size, 0)
        assert viewer.flow.queued_bytes <= 450
    while (data := viewer.outbox.head()) is not None:
        wire += data
        viewer.outbox.sent(len(data), 0)
    entries = [wire[at : at + 100] for at in range(0, len(wire), 100)]
    numbers = [int.from_bytes(entry[1:5]) for entry in entries if entry[:1] != b"R"]
    assert len(entries) - len(numbers) == replies
    assert len(numbers) + viewer.flow.dropped_units == number
    before = -1
    for current in numbers:
        assert current == before + 1 or (current > before and current % gop == 0)
        before = current
