"""The control socket's listening side, without a socket."""

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock as TwistedClock
from twisted.internet.testing import StringTransport

from bridge.base.errors import ConfigurationError
from bridge.services.control.server import TIMEOUT_S, ControlServer


class FakeReactor(TwistedClock):
    factory: Any = None
    mode = 0

    def listenUNIX(self, address: str, factory: Any, mode: int) -> "FakeReactor":
        self.factory, self.mode = factory, mode
        return self

    def stopListening(self) -> "Deferred[None]":
        self.factory = None
        done: Deferred[None] = Deferred()
        done.callback(None)
        return done


def broken() -> dict[str, object]:
    raise ConfigurationError("camera[0].url: what was expected")


def defective() -> dict[str, object]:
    raise ZeroDivisionError


@pytest.fixture
def reactor(tmp_path: Path) -> FakeReactor:
    reactor = FakeReactor()
    later: Deferred[dict[str, object]] = Deferred()
    reactor.callLater(1, later.callback, {})
    answers = {
        "cameras": lambda: {"cameras": []},
        "reload": broken,
        "users-changed": defective,
        "cameras-changed": lambda: later,
    }
    ControlServer(reactor, tmp_path, answers).listen()
    return reactor


def connect(reactor: FakeReactor) -> tuple[Any, StringTransport]:
    connection, transport = reactor.factory.buildProtocol(None), StringTransport()
    connection.makeConnection(transport)
    return connection, transport


def ask(reactor: FakeReactor, line: bytes) -> dict[str, object]:
    connection, transport = connect(reactor)
    for at in range(len(line)):
        connection.dataReceived(line[at : at + 1])
    reactor.advance(1)
    assert transport.disconnecting
    answer: dict[str, object] = json.loads(transport.value())
    return answer


def test_the_socket_is_its_owners_alone(reactor: FakeReactor) -> None:
    assert reactor.mode == 0o600


def test_answers_now_and_later(reactor: FakeReactor) -> None:
    assert ask(reactor, b'{"do":"cameras"}\n') == {"ok": True, "cameras": []}
    assert ask(reactor, b'{"do":"cameras-changed"}\n') == {"ok": True}


def test_refusals_are_sentences(reactor: FakeReactor) -> None:
    assert ask(reactor, b'{"do":"reload"}\n') == {"ok": False, "error": "camera[0].url: what was expected"}
    assert ask(reactor, b'{"do":"dance"}\n')["ok"] is False
    assert ask(reactor, b"rubbish\n")["ok"] is False
    assert ask(reactor, b"x" * 5000)["ok"] is False


def test_a_defect_is_logged_and_not_told(reactor: FakeReactor) -> None:
    with capture_logs() as logs:
        answer = ask(reactor, b'{"do":"users-changed"}\n')
    assert answer == {"ok": False, "error": "the service failed to do it; its log says why"}
    assert logs[0]["event"] == "a control request failed"


def test_who_says_nothing_is_cut_off(reactor: FakeReactor) -> None:
    _, transport = connect(reactor)
    reactor.advance(TIMEOUT_S)
    assert transport.disconnected
