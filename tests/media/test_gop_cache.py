import pytest

from bridge.base.media import AccessUnit
from bridge.base.time import NS_PER_S
from bridge.media.gop_cache import GopCache


def unit(number, size=100, arrived_ns=None):
    arrived_ns = number * NS_PER_S if arrived_ns is None else arrived_ns
    return AccessUnit(0, number, 0, arrived_ns, number == 0, (bytes(size),))


def test_holds_from_the_key_frame_on():
    cache = GopCache()
    cache.push(unit(1), starts=False)
    assert cache.units() == ()
    assert cache.first is None
    for number in range(3):
        cache.push(unit(number), starts=number == 0)
    assert [held.media_time for held in cache.units()] == [0, 1, 2]
    cache.push(unit(7), starts=True)
    assert [held.media_time for held in cache.units()] == [7]
    assert cache.size_bytes == 100


@pytest.mark.parametrize("limits", [{"max_bytes": 450}, {"max_units": 4}, {"max_ns": 3 * NS_PER_S}])
def test_a_gop_beyond_a_limit_is_let_go_until_the_next_key_frame(limits):
    cache = GopCache(**limits)
    for number in range(5):
        cache.push(unit(number), starts=number == 0)
    assert cache.units() == ()
    assert cache.size_bytes == 0
    assert cache.overflows == 1
    cache.push(unit(6), starts=False)
    assert cache.first is None
    cache.push(unit(7), starts=True)
    assert len(cache.units()) == 1
