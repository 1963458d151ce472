"""Every fuzz target over its seeds, its corpus and a few seeded mutations: a taste of `make fuzz` in each test run."""

import time

import pytest

from tests.fuzz import mutate, targets

MUTATIONS = 2000
SECONDS = 1.5


@pytest.mark.parametrize("name", targets.names())
def test_target_keeps_its_promise(name):
    target = targets.load(name)
    known = [*target.seeds, *targets.corpus(name)]
    assert target.seeds, f"fuzz_{name}.py has no SEEDS"
    for data in known:
        target.run(data)
    inputs = mutate.Inputs(known, seed=20261121)
    deadline = time.monotonic() + SECONDS
    for _ in range(MUTATIONS):
        data = inputs.next()
        try:
            target.run(data)
        except Exception:
            print(f"kept as {targets.save(name, data)}")
            raise
        if time.monotonic() > deadline:
            break


def test_the_same_seed_gives_the_same_inputs():
    first, second = mutate.Inputs([b"abc 12"], 7), mutate.Inputs([b"abc 12"], 7)
    assert [first.next() for _ in range(200)] == [second.next() for _ in range(200)]


def test_inputs_begin_with_the_seeds_and_stay_bounded():
    inputs = mutate.Inputs([b"a" * 60_000], 1)
    assert [inputs.next(), inputs.next()] == [b"", b"a" * 60_000]
    assert all(len(inputs.next()) <= mutate.MAX_BYTES for _ in range(300))
