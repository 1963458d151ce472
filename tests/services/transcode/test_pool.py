"""Worker processes without processes: their queue, their time-outs and their deaths."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.task import Clock as TwistedClock
from twisted.python.failure import Failure

from bridge.base.media import Codec
from bridge.services.transcode.jobs import StillJob, encode_reply
from bridge.services.transcode.pool import JOB_TIMEOUT_S, MAX_WAITING, TranscodeError, WorkerPool

JOB = StillJob(Codec.H264, (b"\x65",))


class FakeProcess:
    def __init__(self, protocol: Any) -> None:
        self.protocol, self.written, self.signals = protocol, b"", []

    def write(self, data: bytes) -> None:
        self.written += data

    def signalProcess(self, signal: str) -> None:
        self.signals.append(signal)

    def end(self) -> None:
        self.protocol.processEnded(Failure(ProcessDone(0)))


class FakeReactor(TwistedClock):
    def __init__(self) -> None:
        super().__init__()
        self.processes: list[FakeProcess] = []

    def spawnProcess(self, protocol: Any, *_: Any, **__: Any) -> Any:
        process = FakeProcess(protocol)
        protocol.transport = process
        self.processes.append(process)
        return process


def ask(pool: WorkerPool) -> "Deferred[bytes]":
    return Deferred.fromCoroutine(pool.still(JOB))


def result(deferred: "Deferred[bytes]") -> list[Any]:
    got: list[Any] = []
    deferred.addBoth(lambda value: got.append(value.value if isinstance(value, Failure) else value))
    return got


def test_one_process_does_the_jobs_in_turn() -> None:
    reactor = FakeReactor()
    pool = WorkerPool(reactor)
    first, second = result(ask(pool)), result(ask(pool))
    (process,) = reactor.processes
    reply = encode_reply(b"one")
    process.protocol.outReceived(reply[:3])
    assert first == []
    process.protocol.outReceived(reply[3:])
    assert first == [b"one"]
    process.protocol.outReceived(encode_reply(b"", "no picture: rubbish"))
    assert isinstance(second[0], TranscodeError)
    assert str(second[0]) == "no picture: rubbish"
    assert (pool.jobs, pool.failures) == (2, 1)


def test_a_death_costs_one_job() -> None:
    reactor = FakeReactor()
    pool = WorkerPool(reactor)
    first, second = result(ask(pool)), result(ask(pool))
    reactor.processes[0].end()
    assert isinstance(first[0], TranscodeError)
    reactor.processes[1].protocol.outReceived(encode_reply(b"two"))
    assert second == [b"two"]


def test_a_job_that_takes_too_long_costs_its_process() -> None:
    reactor = FakeReactor()
    pool = WorkerPool(reactor)
    got = result(ask(pool))
    reactor.advance(JOB_TIMEOUT_S + 1)
    assert reactor.processes[0].signals == ["KILL"]
    reactor.processes[0].end()
    assert isinstance(got[0], TranscodeError)


def test_the_queue_is_bounded() -> None:
    pool = WorkerPool(FakeReactor())
    waiting = [result(ask(pool)) for _ in range(MAX_WAITING + 2)]
    assert [len(got) for got in waiting] == [0] * (MAX_WAITING + 1) + [1]
    assert "waiting already" in str(waiting[-1][0])


def test_close_fails_what_waits() -> None:
    reactor = FakeReactor()
    pool = WorkerPool(reactor)
    first, second = result(ask(pool)), result(ask(pool))
    pool.close()
    assert reactor.processes[0].signals == ["TERM"]
    assert isinstance(second[0], TranscodeError)
    reactor.processes[0].end()
    assert isinstance(first[0], TranscodeError)
    with pytest.raises(TranscodeError, match="stopped"):
        pool.still(JOB).send(None)
