from bridge.base.time import NS_PER_MS
from bridge.recorder.latency import BOUNDS_MS, Latency


def test_each_lands_in_the_first_bucket_that_holds_it():
    latency = Latency()
    for ms in (0, 1, 2, 3, 9999, 10_000, 10_001, 60_000):
        latency.add(ms * NS_PER_MS)
    assert latency.counts == [2, 2, 0, 0, 0, 0, 0, 0, 2, 2]
    assert len(latency.counts) == len(BOUNDS_MS) + 1
    assert latency.total_ns == 90_006 * NS_PER_MS
    assert (latency.take_max(), latency.take_max()) == (60_000 * NS_PER_MS, 0)
