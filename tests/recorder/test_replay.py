"""What a PLAY asks for, and what it is given."""

from bridge.recorder.replay import Frames, ReplayOrder


def test_an_order_asks_for_everything_unless_it_says_otherwise():
    order = ReplayOrder(None, None)
    assert (order.reverse, order.frames, order.intra_ms, order.tracks) == (False, Frames.ALL, 0, None)
