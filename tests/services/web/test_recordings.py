"""Time lines."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from bridge.base.time import NS_PER_S
from bridge.services.web.recordings import RECORDINGS, RecordingShown, RecordingsQuery, recording_routes
from bridge.system.access import Principal
from tests.services.web.resources_setting import (
    ANNA,
    BEGIN,
    GATEKEEPER,
    OTTO,
    VERA,
    FakeLibrary,
    at_once,
    problem,
    result,
)
from tests.services.web.web_setting import Setting, asked, handler

WRITTEN = TypeAdapter(list[RecordingShown])


def library() -> FakeLibrary:
    one = FakeLibrary()
    one.add("gate-1", "main", (0, 60), (120, 180), growing=True)
    one.add("yard", "main", (0, 10))
    one.add("gate-1", "sub")
    return one


def ask(principal: Principal, source: Any = None, **query: Any) -> Any:
    rows = recording_routes(source or library(), GATEKEEPER, at_once)
    given = RecordingsQuery.model_validate({key.rstrip("_"): value for key, value in query.items()})
    return handler(rows, RECORDINGS)(asked(principal, query=given))


def shown(*args: Any, **query: Any) -> list[Any]:
    return list(WRITTEN.dump_python(result(ask(*args, **query)), by_alias=True, mode="json"))


def at(seconds: float) -> int:
    return (BEGIN + round(seconds * NS_PER_S)) // 1_000_000


def test_spans_and_gaps() -> None:
    (gate,) = shown(VERA)
    assert (gate["recording"], gate["growing"], gate["ended"]) == ("rec-gate-1.main", True, False)
    assert (gate["from"], gate["until"]) == ("2027-01-15T08:00:00.000Z", "2027-01-15T08:03:00.000Z")
    assert gate["spans"] == [
        {"from": "2027-01-15T08:00:00.000Z", "until": "2027-01-15T08:01:00.000Z"},
        {"from": "2027-01-15T08:02:00.000Z", "until": "2027-01-15T08:03:00.000Z"},
    ]
    assert gate["gaps"] == [{"from": "2027-01-15T08:01:00.000Z", "until": "2027-01-15T08:02:00.000Z"}]


@pytest.mark.parametrize(
    ("since", "until", "spans", "gaps"),
    [
        (30, 150, [(30, 60), (120, 150)], [(60, 120)]),
        (70, 110, [], [(70, 110)]),
        (90, 130, [(120, 130)], [(90, 120)]),
        (-50, 10, [(0, 10)], []),
        (170, 400, [(170, 180)], []),
        (119.5, 130, [(120, 130)], []),  # half a second is no gap that anybody would miss
        (500, 600, [], []),
    ],
)
def test_cut_at_the_ends_of_the_range(since: float, until: float, spans: list[Any], gaps: list[Any]) -> None:
    (gate,) = shown(VERA, from_=at(since), until_=at(until))

    def pairs(found: list[dict[str, str]]) -> list[tuple[float, float]]:
        def seconds(text: str) -> float:
            minute, second = text[14:-1].split(":")
            return int(minute) * 60 + float(second)

        return [(seconds(one["from"]), seconds(one["until"])) for one in found]

    assert pairs(gate["spans"]) == spans
    assert pairs(gate["gaps"]) == gaps


@pytest.mark.parametrize(
    ("principal", "camera", "seen"),
    [
        (ANNA, None, ["gate-1", "yard"]),
        (OTTO, None, ["gate-1", "yard"]),
        (VERA, None, ["gate-1"]),
        (VERA, "yard", []),
        (OTTO, "yard", ["yard"]),
        (OTTO, "attic", []),
    ],
)
def test_rights(principal: Principal, camera: str | None, seen: list[str]) -> None:
    assert [one["camera"] for one in shown(principal, camera=camera)] == seen


def test_faults() -> None:
    error = problem(lambda: ask(VERA, from_=at(5), until_=at(5)))
    assert (error.status, str(error)) == (422, "until: expected a time after from")
    rows = recording_routes(None, GATEKEEPER, at_once)
    assert problem(lambda: handler(rows, RECORDINGS)(asked(VERA, query=RecordingsQuery()))).name == "no-recording"
    flapping = FakeLibrary()
    flapping.add("gate-1", "main", *((2 * n, 2 * n + 0.5) for n in range(50_001)))
    assert problem(lambda: ask(VERA, flapping)).name == "too-large"


def test_the_door_reads_the_query_and_names_the_field() -> None:
    setting = Setting(recording_routes(library(), GATEKEEPER, at_once))  # type: ignore[arg-type]  # as a Library
    bearer = "Authorization: Bearer vera"
    status, answer = setting.ask_json(
        "GET", f"{RECORDINGS}?camera=gate-1&from={at(0)}&until=2027-01-15T09:00:00Z", bearer
    )
    assert (status, len(answer), len(answer[0]["spans"])) == (200, 1, 2)
    status, answer = setting.ask_json("GET", f"{RECORDINGS}?from=yesterday", bearer)
    assert (status, answer["errors"][0]["field"]) == (422, "from")
    assert setting.ask("GET", RECORDINGS)[0] == 401
