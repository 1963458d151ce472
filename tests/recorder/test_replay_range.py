"""The end of a range among pictures in decoding order."""

from bridge.base.media import AccessUnit
from bridge.base.time import NS_PER_S
from bridge.recorder.replay_range import FURTHEST_NS, Beyond

UNTIL = 100 * NS_PER_S


def unit(second, track=0):
    return AccessUnit(track, 0, round(second * NS_PER_S), 0, True, (b"",))


def test_a_picture_of_the_range_brings_those_before_it():
    beyond = Beyond(UNTIL, 2)
    inside, late, sound, early, sound_behind = unit(99), unit(100), unit(99.2, 1), unit(99.5), unit(100.1, 1)
    assert beyond.add(inside) == [inside]
    assert beyond.add(late) == []
    assert beyond.add(sound) == []  # the order stays
    assert beyond.add(sound_behind) == []
    assert beyond.add(early) == [late, sound, early]
    assert not beyond.is_all(0, 101 * NS_PER_S)
    more = [unit(101), unit(102), unit(99.9, 2), unit(103)]
    for one in more:
        assert beyond.add(one) == []
    assert beyond.is_all(0, 103 * NS_PER_S)
    assert not beyond.is_all(1, 103 * NS_PER_S)
    sent, tracks = beyond.settle()
    assert (sent, sorted(tracks)) == ([more[2]], [0, 1])
    assert beyond.settle() == ([], [])


def test_without_reordering_one_behind_the_end_is_enough():
    beyond = Beyond(UNTIL, 0)
    assert not beyond.is_all(None, UNTIL)
    beyond.add(unit(100, 1))
    assert beyond.is_all(None, UNTIL)
    assert not beyond.is_all(0, UNTIL)


def test_it_looks_no_further_than_that():
    beyond = Beyond(UNTIL, 2)
    beyond.add(unit(100))
    assert not beyond.is_all(0, UNTIL + FURTHEST_NS)
    assert beyond.is_all(0, UNTIL + FURTHEST_NS + 1)
