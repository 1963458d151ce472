from collections.abc import Callable

import pytest
from twisted.internet.defer import CancelledError, Deferred

from bridge.services.web.passwords import PER_ADDRESS, QUEUE, PasswordQueue, finished
from bridge.services.web.problems import ProblemError


class Worker:
    """A thread that has not got to it yet."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], bool], Deferred[bool]]] = []

    def __call__(self, work: Callable[[], bool]) -> "Deferred[bool]":
        self.waiting.append((work, Deferred()))
        return self.waiting[-1][1]

    def next(self) -> None:
        work, done = self.waiting.pop(0)
        done.callback(work())


def ask(queue: PasswordQueue, address: str) -> "Deferred[bool]":
    return Deferred.fromCoroutine(queue.check(address, lambda: True))


def test_so_many_wait_and_the_rest_comes_again() -> None:
    worker = Worker()
    queue = PasswordQueue(worker)
    taken = [ask(queue, f"192.0.2.{number}") for number in range(QUEUE + 1)]
    refused: list[object] = []
    ask(queue, "192.0.2.99").addErrback(lambda failure: refused.append(failure.value))
    assert isinstance(refused[0], ProblemError)
    assert (refused[0].status, dict(refused[0].reply().headers)["Retry-After"]) == (429, "1")
    assert queue.refused == 1
    worker.next()
    told: list[bool] = []
    taken[0].addCallback(told.append)
    assert told == [True]
    ask(queue, "192.0.2.99")
    assert len(worker.waiting) == QUEUE + 1


def test_one_address_does_not_keep_others_out() -> None:
    worker = Worker()
    queue = PasswordQueue(worker)
    for _ in range(50):
        ask(queue, "192.0.2.1").addErrback(lambda failure: failure.trap(ProblemError))
    assert len(worker.waiting) == PER_ADDRESS
    ask(queue, "192.0.2.2")
    assert len(worker.waiting) == PER_ADDRESS + 1


def test_a_worker_that_fails_frees_its_place() -> None:
    worker = Worker()
    queue = PasswordQueue(worker)
    failed = ask(queue, "192.0.2.1")
    failed.addErrback(lambda failure: failure.trap(ValueError))
    worker.waiting.pop()[1].errback(ValueError())
    for _ in range(PER_ADDRESS):
        ask(queue, "192.0.2.1")
    assert len(worker.waiting) == PER_ADDRESS


def test_what_nobody_waits_for_goes_on_to_its_end() -> None:
    gate: Deferred[int] = Deferred()
    done: list[int] = []

    async def work() -> int:
        done.append(await gate)
        return done[0]

    waiting = finished(work())
    cancelled: list[object] = []
    waiting.addErrback(lambda failure: cancelled.append(failure.check(CancelledError)))
    waiting.cancel()
    gate.callback(5)
    assert (cancelled, done) == ([CancelledError], [5])


def test_what_goes_wrong_is_told() -> None:
    async def work() -> int:
        raise ProblemError(404, "not-found", "gone")

    with pytest.raises(ProblemError):
        finished(work()).result.raiseException()  # type: ignore[attr-defined]  # a Failure
    told = finished(work())
    told.addErrback(lambda failure: failure.trap(ProblemError))
