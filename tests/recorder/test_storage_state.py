import errno
from pathlib import Path

import pytest

from bridge.recorder.storage_state import StorageProblemError, StorageState, is_full, problem_of
from tests.recorder.fake_disk import os_error

PATH = Path("/cctv")


@pytest.mark.parametrize(
    ("number", "state", "sentence"),
    [
        (errno.ENOSPC, StorageState.FULL, "/cctv is full"),
        (errno.EDQUOT, StorageState.FULL, "/cctv is full"),
        (errno.EROFS, StorageState.READ_ONLY, "/cctv is mounted read-only"),
        (errno.ENOENT, StorageState.MISSING, "/cctv is gone"),
        (errno.ESTALE, StorageState.MISSING, "/cctv is gone"),
        (errno.EIO, StorageState.FAILING, "/cctv fails"),
        (errno.EACCES, StorageState.FAILING, "/cctv fails"),
    ],
)
def test_what_an_error_means(number, state, sentence):
    problem = problem_of(os_error(number), PATH)
    assert problem.state is state
    assert str(problem).startswith(sentence)
    assert is_full(os_error(number)) is (state is StorageState.FULL)


def test_a_problem_stays_what_it_is_and_other_errors_are_failures():
    problem = StorageProblemError(StorageState.MISSING, "x")
    assert problem_of(problem, PATH) is problem
    assert str(problem_of(ValueError("odd"), PATH)) == "/cctv cannot be used: odd"
    assert str(problem_of(ValueError(), PATH)) == "/cctv cannot be used: ValueError"


def test_which_states_take_fragments():
    assert [state for state in StorageState if state.writable] == [StorageState.OK, StorageState.SLOW]
