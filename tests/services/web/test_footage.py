"""Footage over HTTP: what is asked, for whom, what the headers say. What is in it: tests/recorder/test_footage.py."""

import json

import pytest
from twisted.internet.defer import Deferred, succeed

from bridge.base.time import NS_PER_S, format_utc
from bridge.recorder.library import Library
from bridge.services.web.footage import FootageDoor
from bridge.store.index import MediaIndex, open_index
from bridge.system.access import Action, Gatekeeper, Grant, Principal, Role
from tests.recorder.test_footage import Recorded, packets
from tests.services.web.test_live import gone
from tests.services.web.web_setting import PRINCIPALS, Setting

ANNA, VERA = "Authorization: Bearer anna", "Authorization: Bearer vera"


def in_thread(work):
    return succeed(work())


class Door(Setting):
    def __init__(self, library, *, at_once=4, run=in_thread):
        setting = Setting()
        self.footage = FootageDoor(setting.reactor, Gatekeeper(), library, run, at_once=at_once)
        super().__init__(self.footage.routes())

    def get(self, target, *headers):
        status, found, body = self.ask("GET", "/api/v1/footage/" + target, *(headers or (ANNA,)))
        if found.get("transfer-encoding") == "chunked":
            body = unchunked(body)
        return status, found, body

    def problem(self, target, *headers):
        status, _, body = self.get(target, *headers)
        return status, json.loads(body)


def unchunked(body):
    found = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        found, body = found + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return found


def request(made):
    target = f"/api/v1/footage/gate/main?from={format_utc(made.begin)}"
    return f"GET {target} HTTP/1.1\r\nHost: bridge.example\r\n{ANNA}\r\n\r\n".encode()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("footage")
    database = open_index(folder)
    recorded = Recorded(MediaIndex(database), folder)
    yield recorded
    database.close()


def test_a_piece_and_what_its_headers_say(made):
    begin, until = format_utc(made.begin), made.begin // 10**6 + 2000
    status, headers, body = Door(made.library).get(f"gate/main?from={begin}&until={until}")
    assert (status, headers["content-type"]) == (200, "video/mp4")
    assert headers["x-footage-from"] == format_utc(made.of(0)[0].utc_ns)
    assert headers["x-footage-until"][:23] == headers["x-footage-next"][:23] == format_utc(until * 10**6)[:23]
    assert headers["x-footage-mime"].startswith('video/mp4; codecs="avc1.')
    assert headers["cache-control"] == "no-store"
    found = packets(body)
    assert sorted(found) == ["audio", "video"]
    assert len(found["video"]) == len(made.of(0, made.begin, until * 10**6))


def test_key_frames_without_sound_and_without_an_end(made):
    status, headers, body = Door(made.library).get(f"gate/main?from={format_utc(made.begin)}&frames=key")
    assert (status, "x-footage-next" in headers) == (200, False)
    assert len(packets(body)["video"]) == sum(unit.key for unit in made.of(0))
    _, _, body = Door(made.library).get(f"gate/main?from={format_utc(made.begin)}&audio=0")
    assert sorted(packets(body)) == ["video"]


def test_the_head_alone(made):
    status, headers, body = Door(made.library).ask(
        "HEAD", f"/api/v1/footage/gate/main?from={format_utc(made.begin)}", ANNA
    )
    assert (status, body) == (200, b"")
    assert "x-footage-from" in headers


def test_where_nothing_is_the_answer_says_where_it_goes_on(made):
    door = Door(made.library)
    gap = made.begin + 4 * NS_PER_S
    status, problem = door.problem(f"gate/main?from={format_utc(gap)}&until={format_utc(gap + NS_PER_S)}")
    assert (status, problem["type"]) == (404, "/api/v1/problems#no-footage")
    assert format_utc(made.begin + 7 * NS_PER_S) < problem["next"] < format_utc(made.begin + 9 * NS_PER_S)
    status, problem = door.problem(f"gate/main?from={format_utc(made.end + NS_PER_S)}")
    assert (status, "next" in problem) == (404, False)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "from"),
        ("from=yesterday", "from"),
        ("from=2026-01-01T00:00:00Z&until=soon", "until"),
        ("from=2026-01-01T00:00:00Z&until=2025-01-01T00:00:00Z", "until"),
        ("from=2026-01-01T00:00:00Z&frames=some", "frames"),
        ("from=0001-01-01T00:00:00Z", "from"),
    ],
)
def test_what_cannot_be_asked(made, query, field):
    status, problem = Door(made.library).problem(f"gate/main?{query}")
    assert (status, problem["errors"][0]["field"]) == (422, field)


def test_who_may_not_is_told_that_there_is_nothing(made):
    query = f"?from={format_utc(made.begin)}"
    assert Door(made.library).problem("gate/main" + query, VERA)[0] == 404
    assert Door(made.library).problem("gate/sub" + query)[0] == 404
    assert Door(None).problem("gate/main" + query)[0] == 404
    assert Door(made.library).problem("gate/main" + query, "X-None: 1")[0] == 401


def test_who_may_not_listen_gets_pictures(made, monkeypatch):
    deaf = Principal("vera", Role.VIEWER, (Grant(("gate",), frozenset({Action.PLAYBACK})),))
    monkeypatch.setitem(PRINCIPALS, "vera", deaf)
    _, _, body = Door(made.library).get(f"gate/main?from={format_utc(made.begin)}", VERA)
    assert sorted(packets(body)) == ["video"]


def test_so_many_at_once_and_who_hangs_up_makes_room(made):
    waiting = []

    def later(work):
        done = Deferred()
        waiting.append((work, done))
        return done

    door = Door(made.library, at_once=1, run=later)
    channel, _ = door.connect()
    channel.dataReceived(request(made))
    assert door.footage.open == 1
    status, problem = door.problem(f"gate/main?from={format_utc(made.begin)}")
    assert (status, problem["type"]) == (503, "/api/v1/problems#busy")
    channel.connectionLost(gone())
    assert door.footage.open == 0


def test_the_files_are_closed_when_the_client_goes(made):
    waiting = []

    def run(work):
        done = Deferred()
        waiting.append((work, done))
        return done

    door = Door(made.library, run=run)
    channel, _ = door.connect()
    channel.dataReceived(request(made))
    for _ in range(3):  # found, opened, its first fragment
        work, done = waiting.pop(0)
        done.callback(work())
    assert door.footage.open == 1
    channel.connectionLost(gone())
    assert door.footage.open == 0
    (pull, _), (close, _) = waiting
    close()
    assert pull() == b""


def test_a_library_of_nothing(tmp_path):
    database = open_index(tmp_path)
    assert Door(Library(MediaIndex(database))).problem("gate/main?from=0")[0] == 404
    database.close()
