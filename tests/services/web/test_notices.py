"""Who is told of what, how often, and who is let go."""

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.task import Clock

from bridge.services.web.notices import (
    COALESCED_S,
    MAX_PER_USER,
    SLOW_S,
    UNREAD_TIMES,
    Kind,
    Notices,
    notice_sockets,
)
from bridge.system.access import Principal
from tests.services.web.resources_setting import ANNA, OTTO, VERA, problem
from tests.services.web.web_setting import asked


class FakeSocket:
    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.closed: list[int] = []
        self.writer = SimpleNamespace(clear=True)

    def send(self, value: Any) -> None:
        self.sent.append(value["changed"])

    def close(self, code: int) -> None:
        self.closed.append(code)


class Scene:
    def __init__(self) -> None:
        self.reactor = Clock()
        self.notices = Notices(self.reactor)

    def listen(self, principal: Principal) -> tuple[Any, Any]:
        (row,) = notice_sockets(self.notices)
        listener: Any = row.handler(asked(principal))
        socket: Any = FakeSocket()
        listener.opened(socket)
        return listener, socket


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_changes_of_a_kind_are_one_message(scene: Scene) -> None:
    _, socket = scene.listen(VERA)
    for _ in range(100):
        scene.notices.changed(Kind.CAMERAS)
        scene.notices.changed(Kind.VIEWS)
    assert socket.sent == []
    scene.reactor.advance(COALESCED_S)
    assert socket.sent == ["cameras", "views"]
    scene.reactor.advance(10)
    assert socket.sent == ["cameras", "views"]
    scene.notices.changed(Kind.CAMERAS)
    scene.reactor.advance(COALESCED_S)
    assert socket.sent == ["cameras", "views", "cameras"]


@pytest.mark.parametrize(
    ("kind", "only", "told"),
    [
        (Kind.CAMERAS, None, ["anna", "otto", "vera"]),
        (Kind.VIEWS, "vera", ["anna", "vera"]),
        (Kind.EXPORTS, "otto", ["anna", "otto"]),
        (Kind.USERS, None, ["anna"]),
        (Kind.SYSTEM, None, ["anna", "otto", "vera"]),
    ],
)
def test_who_is_told(scene: Scene, kind: Kind, only: str | None, told: list[str]) -> None:
    sockets = {principal.name: scene.listen(principal)[1] for principal in (ANNA, OTTO, VERA)}
    scene.notices.changed(kind, only)
    scene.reactor.advance(COALESCED_S)
    assert [name for name, socket in sockets.items() if socket.sent] == told


def test_who_does_not_read_gets_one_of_each_and_is_let_go_at_last(scene: Scene) -> None:
    listener, socket = scene.listen(VERA)
    socket.writer.clear = False
    scene.notices.changed(Kind.CAMERAS)
    scene.reactor.advance(COALESCED_S)
    scene.notices.changed(Kind.CAMERAS)
    scene.reactor.advance(SLOW_S)
    assert socket.sent == []
    socket.writer.clear = True
    scene.reactor.advance(SLOW_S)
    assert socket.sent == ["cameras"]
    socket.writer.clear = False
    scene.notices.changed(Kind.VIEWS)
    scene.reactor.pump([COALESCED_S, *[SLOW_S] * UNREAD_TIMES])
    assert socket.closed == [1001]
    listener.gone()
    assert (scene.notices.open, scene.reactor.getDelayedCalls()) == (0, [])


def test_who_is_gone_is_told_nothing(scene: Scene) -> None:
    listener, socket = scene.listen(VERA)
    scene.notices.changed(Kind.CAMERAS)
    listener.gone()
    scene.reactor.advance(1)
    scene.notices.changed(Kind.CAMERAS)
    assert (socket.sent, scene.reactor.getDelayedCalls()) == ([], [])


def test_bounds(scene: Scene) -> None:
    for _ in range(MAX_PER_USER):
        listener, _ = scene.listen(VERA)
    error = problem(lambda: scene.listen(VERA))
    assert (error.status, error.name) == (429, "busy")
    scene.listen(OTTO)
    listener.gone()
    listener.gone()
    scene.listen(VERA)


def test_rights_are_looked_at_again(scene: Scene) -> None:
    _, of_vera = scene.listen(VERA)
    _, of_otto = scene.listen(OTTO)
    promoted = Principal.with_role("otto", ANNA.role)
    scene.notices.recheck(lambda name: promoted if name == "otto" else None)
    assert (of_vera.closed, of_otto.closed) == ([1001], [])
    scene.notices.changed(Kind.USERS)
    scene.reactor.advance(COALESCED_S)
    assert of_otto.sent == ["users"]
