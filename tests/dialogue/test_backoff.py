import random

from bridge.base.time import NS_PER_S
from bridge.dialogue.backoff import Backoff


def test_doubles_up_to_the_cap_and_resets_after_a_healthy_minute():
    backoff = Backoff(random.Random(1), jitter_percent=0)
    waits = [backoff.after(0) / NS_PER_S for _ in range(9)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert backoff.after(59 * NS_PER_S) == 30 * NS_PER_S
    assert backoff.after(60 * NS_PER_S) == NS_PER_S // 2
    assert backoff.after(0) == NS_PER_S


def test_jitter_spreads_both_ways_and_stays_within_a_quarter():
    waits = [Backoff(random.Random(seed)).after(0) for seed in range(200)]
    assert NS_PER_S * 3 // 8 <= min(waits) < NS_PER_S // 2 < max(waits) <= NS_PER_S * 5 // 8
