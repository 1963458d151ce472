import json

import pytest

from bridge.services.web.problems import NAMES, ProblemError, not_found


def test_a_document() -> None:
    problem = ProblemError(
        422, "input", "url: expected rtsp://", errors=[{"field": "url", "expected": "rtsp://"}], more={"next": 1}
    )
    reply = problem.reply()
    assert (reply.status, reply.content_type) == (422, "application/problem+json")
    assert json.loads(reply.body) == {
        "type": "/api/v1/problems#input",
        "title": NAMES["input"],
        "status": 422,
        "detail": "url: expected rtsp://",
        "next": 1,
        "errors": [{"field": "url", "expected": "rtsp://"}],
    }
    assert ("Cache-Control", "no-store") in reply.headers


def test_a_kind_without_a_title_is_a_defect() -> None:
    with pytest.raises(ValueError, match="without a title: nonsense"):
        ProblemError(400, "nonsense", "")


def test_not_found() -> None:
    assert not_found().reply().status == 404
