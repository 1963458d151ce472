"""A few rounds of `make torture`: the recorder is killed, and cameras; what must hold then stands in tests/torture."""

import pytest

from tests.torture import neighbours
from tests.torture.__main__ import ALLOWED_LOSS_NS, Torture, cameras, histogram, report

pytestmark = pytest.mark.interop

ROUNDS = 6


@pytest.mark.timeout(300)
def test_killed_at_random_moments_it_loses_a_second_at_most(tmp_path):
    with cameras() as port, Torture(tmp_path, port, seed=20261124) as torture:
        rounds = [torture.round(number) for number in range(1, ROUNDS + 1)]
    assert [fault for one in rounds for fault in one.faults] == []
    losses = [loss for one in rounds for loss in one.losses_ns]
    assert len(losses) >= ROUNDS * 4  # an early kill may come before the first picture
    assert max(losses) <= ALLOWED_LOSS_NS
    assert f"{ROUNDS} kills (seed 20261124), 0 with faults" in report(rounds, 20261124)
    assert len(histogram(losses)) == max(losses) // 100_000_000 + 1


@pytest.mark.timeout(300)
def test_viewers_do_not_notice_that_other_cameras_die(tmp_path):
    assert neighbours.run(tmp_path, cameras=4, viewers=10, kills=8, seed=20261127) == []
