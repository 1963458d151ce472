"""Batches: how large they are, where they end, what happens to the source."""

import pytest
from twisted.internet.defer import Deferred, succeed

from bridge.base.media import AccessUnit, Codec, Track
from bridge.recorder.replay import ReplayUnit
from bridge.services.rtsp.replay_reading import (
    BATCH_BYTES,
    BATCH_UNITS,
    FIRST_BYTES,
    GOP_BYTES,
    After,
    ReplayReading,
)
from bridge.store.reader import Begin, Edge

BEGIN = Begin((Track(Codec.H264, 90_000),), 0, 1)


def unit(number, size=1000, *, discontinuity=False):
    made = AccessUnit(0, number, number, 0, discontinuity, (bytes(size),))
    return ReplayUnit(made, discontinuity, False, discontinuity, False)


class Source:
    def __init__(self, items):
        self.given = items
        self.closed = 0

    def items(self):
        yield from self.given

    def close(self):
        self.closed += 1


def in_pool(work):
    return succeed(work())


def reading(items, *, reverse=False):
    source = Source(items)
    return ReplayReading(lambda: source, in_pool, reverse=reverse), source


def read(made):
    """The next batch."""
    results = []
    Deferred.fromCoroutine(made.next()).addCallback(results.append)
    return results[0]


def numbers(batch):
    return [item.unit.media_time for item in batch.items if isinstance(item, ReplayUnit)]


def test_the_first_batch_is_small_and_nothing_is_lost_between_them():
    made, _ = reading([BEGIN, *(unit(n) for n in range(2_000))])
    batches = []
    while not batches or batches[-1].after is After.MORE:
        batches.append(read(made))
    assert len(batches[0].items) == 1 + -(-FIRST_BYTES // 1000)
    assert len(batches[1].items) == -(-BATCH_BYTES // 1000)
    assert [number for batch in batches for number in numbers(batch)] == list(range(2_000))
    assert batches[-1].after is After.OVER


def test_small_units_are_counted():
    made, _ = reading([unit(n, 1) for n in range(3 * BATCH_UNITS)])
    assert [len(read(made).items) for _ in range(3)] == [BATCH_UNITS] * 3


@pytest.mark.parametrize("gop", [10, 700])
def test_in_reverse_a_batch_ends_with_a_gop(gop):
    made, _ = reading([unit(n, discontinuity=n % gop == 0) for n in range(2_100)], reverse=True)
    first = read(made)
    assert len(first.items) % gop == 0
    assert numbers(read(made))[0] == len(first.items)


def test_in_reverse_a_gop_that_is_too_large_is_cut():
    size = 100_000
    made, _ = reading([unit(n, size, discontinuity=n == 0) for n in range(200)], reverse=True)
    assert len(read(made).items) == -(-GOP_BYTES // size)


def test_at_the_edge_it_is_asked_again():
    made, _ = reading([BEGIN, unit(0), Edge(1), Edge(1), unit(1)])
    batches = [read(made) for _ in range(3)]
    assert [batch.after for batch in batches] == [After.EDGE, After.EDGE, After.OVER]
    assert [numbers(batch) for batch in batches] == [[0], [], [1]]


def test_it_is_closed_once_and_gives_nothing_then():
    made, source = reading([unit(0), unit(1)])
    read(made)
    for _ in range(2):
        Deferred.fromCoroutine(made.close())
    assert source.closed == 1
    assert read(made).items == []


def test_one_that_was_never_read_has_nothing_to_close():
    made, source = reading([unit(0)])
    Deferred.fromCoroutine(made.close())
    assert source.closed == 0
