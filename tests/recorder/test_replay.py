"""What a PLAY asks for, and what it is given: against a model written from the specification, and case by case."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_MS, NS_PER_S
from bridge.recorder.library import Library
from bridge.recorder.replay import Frames, NothingThereError, Replay, ReplayOrder, ReplayUnit
from bridge.store.reader import Begin, Edge
from tests.recorder import streams
from tests.recorder.replay_footage import (
    BEGIN,
    KEY_PICTURE,
    PICTURE_NS,
    SOUND,
    VIDEO,
    B,
    Footage,
    P,
    footages,
    instants,
    ms,
)
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
    frames, reverse = draw(st.sampled_from(Frames)), draw(st.booleans())
    ends = draw(instants(footage)), draw(instants(footage))
    if None not in ends and draw(st.integers(0, 9)):
        ends = sorted(ends, reverse=reverse)
    return ReplayOrder(
        *ends,
        reverse=reverse,
        frames=frames,
        intra_ms=draw(st.sampled_from((0, 100, 300, 2000))) if frames is Frames.INTRA else 0,
        tracks=draw(st.sampled_from((None, None, frozenset({0}), frozenset({0, 1}), frozenset({1})))),
    )


@settings(max_examples=150, deadline=None)
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


GOP = [KEY_PICTURE, P, P, P]
GOP_NS = len(GOP) * PICTURE_NS


def at(second):
    return BEGIN + round(second * NS_PER_S)


def order(**asked):
    return ReplayOrder(asked.pop("from_ns", None), asked.pop("until_ns", None), **asked)


def flags(items):
    return ["".join(name for name, flag in zip("CEDT", one[1:], strict=True) if flag) for one in items]


def two_sections():
    """A GOP at 0 s and at 10 s, pictures alone."""
    footage = Footage()
    footage.write(at(0), GOP, sound=False)
    footage.write(at(10), GOP, sound=False)
    return footage


def test_flags_forwards_and_in_reverse():
    footage = two_sections()
    assert flags(played(footage, order())) == ["CD", "", "", "E", "CD", "", "", "ET"]
    back = played(footage, order(reverse=True))
    assert [ms(one.unit.utc_ns) for one in back] == [10_000, 10_040, 10_080, 10_120, 0, 40, 80, 120]
    assert flags(back) == ["CD", "", "", "E", "CD", "", "", "ET"]


def test_nothing_on_that_side():
    footage = two_sections()
    for asked in (
        order(from_ns=at(20)),
        order(from_ns=at(-1), reverse=True),
        order(from_ns=at(2), until_ns=at(3)),
        order(from_ns=at(3), until_ns=at(2), reverse=True),
        order(from_ns=at(11), until_ns=at(0)),
        order(from_ns=at(0), until_ns=at(11), reverse=True),
        order(tracks=frozenset({1}), reverse=True),
    ):
        with pytest.raises(NothingThereError):
            next(Replay(footage, footage.held, asked).items())
    empty = Footage()
    with pytest.raises(NothingThereError, match="no footage from the end"):
        next(Replay(empty, empty.held, order()).items())


def test_what_has_not_come_yet_is_not_there_but_this_moment_is():
    footage = Footage()
    footage.write(at(0), GOP, sound=False, grows=True)
    for seconds in (1, 9.9):
        assert [ms(one.unit.utc_ns) for one in played(footage, order(from_ns=at(seconds)))] == [0, 40, 80, 120]
    for until_ns in (None, at(90)):
        with pytest.raises(NothingThereError, match="has not come yet"):
            next(Replay(footage, footage.held, order(from_ns=at(11), until_ns=until_ns)).items())
    assert played(footage, order(from_ns=at(60), reverse=True))


def test_a_long_segment_without_what_is_wanted():
    footage = Footage()
    footage.write(at(0), GOP * 500, sound=False, claimed_bytes=1 << 20)
    assert played(footage, order(tracks=frozenset({1}))) is None


def test_a_recording_that_grows_is_followed_and_its_newest_unit_is_not_its_end():
    footage = Footage()
    footage.write(at(0), GOP, sound=False, grows=True)
    replay = Replay(footage, footage.held, order())
    items = replay.items()
    found = list(itertools.islice(items, 6))
    assert [type(one) for one in found] == [Begin, *[ReplayUnit] * 4, Edge]
    assert not any(one.end or one.terminal for one in found[1:5])
    assert isinstance(next(items), Edge)
    more = footage.append([KEY_PICTURE, P])
    found = list(itertools.islice(items, 3))
    assert [one.unit for one in found[:2]] == more
    assert not found[0].discontinuity
    # What is written before it stops is still handed out, and is the end.
    last = footage.append([P])
    footage.stop()
    found = list(itertools.islice(items, 3))
    assert [found[0].unit] == last
    assert (found[0].end, found[0].terminal) == (True, True)
    assert isinstance(found[1], Edge)
    assert isinstance(found[2], Edge)
    # It is resumed: after a gap.
    footage.write(at(30), GOP, sound=False, grows=True)
    found = list(itertools.islice(items, 6))
    assert found[1].discontinuity
    assert isinstance(found[5], Edge)
    replay.close()


def test_a_range_behind_the_live_edge_waits_for_it_and_ends():
    footage = Footage()
    footage.write(at(0), GOP, sound=False, grows=True)
    items = Replay(footage, footage.held, order(from_ns=at(0), until_ns=at(0.2))).items()
    assert [type(one) for one in itertools.islice(items, 6)] == [Begin, *[ReplayUnit] * 4, Edge]
    footage.append([KEY_PICTURE, P, P])
    assert ms(next(items).unit.utc_ns) == 160
    assert isinstance(next(items), Edge)  # a picture of the range might follow in decoding order
    footage.append([P] * 32)
    assert next(items, None) is None
    stopped = Footage()
    stopped.write(at(0), GOP, sound=False)
    assert flags(played(stopped, order(until_ns=at(5)))) == ["CD", "", "", "ET"]


def test_reverse_from_the_live_edge():
    footage = Footage()
    footage.write(at(0), GOP, sound=False)
    footage.write(at(0) + GOP_NS, GOP, sound=False, run=1, grows=True)
    back = played(footage, order(reverse=True))
    assert [ms(one.unit.utc_ns) for one in back] == [160, 200, 240, 280, 0, 40, 80, 120]
    assert flags(back) == ["CD", "", "", "", "CD", "", "", "ET"]


def test_an_ended_recording_ends():
    footage = two_sections()
    footage.ended_ns = at(20)
    assert sum(isinstance(one, ReplayUnit) for one in Replay(footage, footage.held, order()).items()) == 8


def test_a_segment_that_goes_while_it_is_replayed_is_stepped_over():
    footage = Footage()
    for number in range(3):
        footage.write(at(0) + number * GOP_NS, GOP, sound=False, run=1)
    items = Replay(footage, footage.held, order()).items()
    found = list(itertools.islice(items, 2))
    footage.broken.add(2)  # retention was here
    found += itertools.takewhile(lambda item: not isinstance(item, Edge), items)
    units = found[1:]
    assert [ms(one.unit.utc_ns) for one in units] == [0, 40, 80, 120, 320, 360, 400, 440]
    assert [one.end for one in units] == [False, False, False, True, False, False, False, True]
    assert [one.discontinuity for one in units] == [True, False, False, False, True, False, False, False]


def test_tracks_stand_where_the_newest_footage_has_them():
    footage = Footage()
    other = Track(Codec.PCMA, 8000)
    footage.write(at(0), GOP, tracks=(other, VIDEO))
    footage.write(at(10), GOP, tracks=(VIDEO,))
    footage.write(at(20), GOP)
    replay = Replay(footage, footage.held, order(tracks=frozenset({0, 1})))
    items = list(itertools.takewhile(lambda item: not isinstance(item, Edge), replay.items()))
    assert [one for one in items if isinstance(one, Begin)] == [
        Begin((VIDEO, other), 0, 1),
        Begin((VIDEO, SOUND), 0, 2),
        Begin((VIDEO, SOUND), 0, 3),
    ]
    units = [one for one in items if isinstance(one, ReplayUnit)]
    assert all(one.unit.parts[0].startswith(b"s") == (one.unit.track == 1) for one in units)
    assert [one.unit.track for one in units].count(0) == 12
    last = [one for one in units if one.unit.track == 1 and one.unit.utc_ns < at(10)][-1]
    assert last.end
    only = Replay(footage, footage.held, order(tracks=frozenset({1})))
    heard = list(itertools.takewhile(lambda item: not isinstance(item, Edge), only.items()))
    assert {one.unit.track for one in heard if isinstance(one, ReplayUnit)} == {1}


def test_what_a_recording_is_of_need_not_be_known():
    footage = two_sections()
    footage.held_tracks = ()
    assert len(played(footage, order())) == 8
    assert len(played(footage, order(frames=Frames.INTRA, reverse=True))) == 2


def test_with_key_frames_alone_sound_is_sent_only_where_no_video_was_set_up():
    footage = Footage()
    footage.write(at(0), GOP * 2)
    assert [ms(one.unit.utc_ns) for one in played(footage, order(frames=Frames.INTRA))] == [0, 160]
    sound = played(footage, order(frames=Frames.INTRA, tracks=frozenset({1})))
    assert len(sound) == 10
    assert {one.unit.track for one in sound} == {1}


def test_key_frames_no_nearer_than_asked_are_not_even_read():
    footage = Footage()
    footage.write(at(0), GOP * 20, sound=False)
    asked = order(frames=Frames.INTRA, intra_ms=600)
    assert [ms(one.unit.utc_ns) for one in played(footage, asked)] == [0, 640, 1280, 1920, 2560]
    assert footage.read_units == 5
    asked = order(frames=Frames.INTRA, intra_ms=600, reverse=True)
    assert [ms(one.unit.utc_ns) for one in played(footage, asked)] == [3040, 2400, 1760, 1120, 480]
    absurd = order(frames=Frames.INTRA, intra_ms=1 << 60)
    assert len(played(footage, absurd)) == 1


def test_predicted_leaves_out_what_none_refers_to():
    footage = Footage()
    hevc = Track(Codec.H265, 90_000)
    footage.write(at(0), [KEY_PICTURE, P, B, B, P], sound=False)
    assert [one.unit.parts[0][:1] for one in played(footage, order(frames=Frames.PREDICTED))] == [KEY_PICTURE, P, P]
    footage.write(at(10), [KEY_PICTURE, P, B], sound=False, tracks=(hevc,))
    shots = {one.unit.parts[0][:1]: one for one in footage.shots if one.segment == 2}
    # As H.265 has it: TRAIL_R and TRAIL_N.
    shots[P].unit.parts = (b"\x02\x01\x80",)
    shots[B].unit.parts = (b"\x00\x01\x80",)
    later = played(footage, order(from_ns=at(10), frames=Frames.PREDICTED))
    assert [one.unit for one in later] == [shots[KEY_PICTURE].unit, shots[P].unit]


def test_it_closes_what_it_opened():
    footage = two_sections()
    replay = Replay(footage, footage.held, order())
    replay.close()
    items = replay.items()
    next(items)
    replay.close()
    assert footage.closed == 1


def test_times_before_our_epoch_and_behind_our_time():
    footage = two_sections()
    assert len(played(footage, order(from_ns=-(10**20)))) == 8
    assert len(played(footage, order(from_ns=10**20, reverse=True))) == 8
    assert len(played(footage, order(until_ns=10**20))) == 8
    assert len(played(footage, order(until_ns=-5 * NS_PER_MS, reverse=True))) == 8


def test_of_a_recording_that_is_being_written(setting):
    """By the recorder, on disk: ten seconds, of which the last wait in memory or lie in an open segment."""
    one = setting(tracks=(streams.VIDEO, streams.AUDIO))
    one.run(10)
    live = {each.stream.recording: each.lane for each in one.recordings}
    library = Library(one.index, lambda recording: live[recording].live)
    (held,) = library.recordings()
    replay = Replay(library, held, order())
    begin, *rest = itertools.takewhile(lambda item: not isinstance(item, Edge), replay.items())
    replay.close()
    ahead = [item for item in rest if isinstance(item, ReplayUnit)]
    assert [track.codec for track in begin.tracks] == [streams.VIDEO.codec, streams.AUDIO.codec]
    filmed = [unit for unit in one.one.live.units if unit.track == 0]
    seen = [item.unit for item in ahead if item.unit.track == 0]
    assert [unit.utc_ns for unit in seen] == [unit.utc_ns for unit in filmed[: len(seen)]]
    assert len(filmed) - len(seen) < 25
    assert [item.discontinuity for item in ahead] == [True, True] + [False] * (len(ahead) - 2)
    assert not any(item.end or item.terminal for item in ahead)
    replay = Replay(library, held, order(reverse=True, until_ns=held.from_ns + 3 * NS_PER_S))
    back = [item for item in replay.items() if isinstance(item, ReplayUnit)]
    replay.close()
    gops = [
        list(gop) for _, gop in itertools.groupby(seen, key=lambda unit: (unit.utc_ns - seen[0].utc_ns) // NS_PER_S)
    ]
    assert [item.unit for item in back] == [unit for gop in reversed(gops[3:]) for unit in gop]
    assert not any(item.end or item.terminal for item in back)
