from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from twisted.internet.defer import Deferred

from bridge.net.http import HttpLimits, Reply
from tests import feeder
from tests.services.onvif.connection import PATH, SOAP, Setting, request
from tests.services.onvif.door import GET_PROFILES, GET_TIME, soap


@pytest.fixture
def setting() -> Iterator[Setting]:
    made = Setting()
    yield made
    assert made.reactor.getDelayedCalls() == [] or made.server._channels


def test_a_request_and_its_answer(setting: Setting) -> None:
    ((status, headers, body),) = setting.connect().send(request(SOAP, body=soap(GET_TIME))).replies()
    assert status == 200
    assert headers["content-type"] == "application/soap+xml; charset=utf-8"
    assert headers["date"] == "Fri, 15 Jan 2027 08:00:00 GMT"
    assert "server" not in headers
    assert b"GetSystemDateAndTimeResponse" in body


def test_many_requests_on_one_connection_however_cut(setting: Setting) -> None:
    one, other = request(SOAP, body=soap(GET_TIME)), request(SOAP, body=soap(GET_PROFILES))

    def statuses(pieces: Any) -> list[int]:
        return setting.connect(f"192.0.2.{len(setting.server._channels) % 200}").send(*pieces).statuses()

    setting.server._limits = HttpLimits(connections=10**6, connections_per_address=10**6)
    setting.door.login.challenge = _constant(setting.door.login.challenge())  # type: ignore[method-assign]
    assert feeder.same_however_cut(one + other + one, statuses) == [200, 401, 200]


def _constant(value: Any) -> Any:
    return lambda **_: value


def test_chunks(setting: Setting) -> None:
    body = soap(GET_TIME)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i : i + 7]), body[i : i + 7]) for i in range(0, len(body), 7))
    head = request(SOAP, "Transfer-Encoding: chunked", length=False)
    connection = setting.connect().send(head, chunks, b"0\r\n\r\n", request(SOAP, body=body))
    assert connection.statuses() == [200, 200]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/soap+xml",
        'application/soap+xml; charset=utf-8; action="http://www.onvif.org/ver10/x"',
        "Application/SOAP+XML;charset=UTF-8",
        "text/xml; charset=utf-8",
        "application/xml",
        "",
    ],
)
def test_media_types_that_are_taken(setting: Setting, content_type: str) -> None:
    headers = [f"Content-Type: {content_type}"] if content_type else []
    assert setting.connect().send(request(*headers, body=soap(GET_TIME))).statuses() == [200]


# --- Refusals before the body ----------------------------------------------------------------------------------------

REFUSED = [
    (request(target="/"), 404, {}),
    (request(target="/onvif/unknown_service"), 404, {}),
    (request(method="GET"), 405, {"allow": "POST"}),
    (request(method="DELETE"), 405, {"allow": "POST"}),
    (request("Content-Type: application/json", body=b"{}"), 415, {"accept": "application/soap+xml"}),
    (request(SOAP, "Content-Encoding: gzip", body=b"x"), 415, {"accept-encoding": "identity"}),
    (request(SOAP, length=False), 411, {}),
    (request(SOAP, "Content-Length: 65537", length=False), 413, {}),
    (request(SOAP, "Content-Length: 99999999999999", length=False), 413, {}),
]


@pytest.mark.parametrize(("data", "status", "headers"), REFUSED)
def test_refused_by_its_head(setting: Setting, data: bytes, status: int, headers: dict[str, str]) -> None:
    connection = setting.connect().send(data)
    ((found, found_headers, _),) = connection.replies()
    assert found == status
    assert headers.items() <= found_headers.items()
    assert found_headers["connection"] == "close"
    assert connection.transport.half_closed
    # What still comes is not kept, and not answered again.
    connection.send(b"x" * 100_000, request(SOAP, body=soap(GET_TIME)))
    assert connection.statuses() == [status]
    setting.reactor.advance(2)
    assert connection.transport.aborted


def test_a_refused_client_cannot_pour_for_ever(setting: Setting) -> None:
    connection = setting.connect().send(request(target="/"))
    for _ in range(65):
        connection.send(b"x" * 65_536)
    assert connection.transport.aborted


def test_expect_is_answered_only_to_those_who_may_send(setting: Setting) -> None:
    head = request(SOAP, "Expect: 100-continue", "Content-Length: 10", length=False)
    assert setting.connect().send(head).transport.value() == b"HTTP/1.1 100 Continue\r\n\r\n"
    head = request(SOAP, "Expect: 100-continue", "Content-Length: 100000", length=False)
    assert setting.connect().send(head).statuses() == [413]


def test_more_room_after_the_log_in(setting: Setting) -> None:
    body = soap(GET_PROFILES, f"<!--{'x' * 100_000}-->")
    head = [SOAP, setting.authorization("POST", PATH)]
    assert setting.connect().send(request(*head, body=body)).statuses() == [200]
    assert setting.connect().send(request(SOAP, body=body)).statuses() == [413]
    wrong = setting.authorization("POST", PATH, password="wrong")
    assert setting.connect().send(request(SOAP, wrong, body=body)).statuses() == [413]
    head = [SOAP, setting.authorization("POST", PATH)]
    huge = request(*head, "Content-Length: 1048577", length=False)
    assert setting.connect().send(huge).statuses() == [413]


def test_chunks_that_do_not_end(setting: Setting) -> None:
    connection = setting.connect().send(request(SOAP, "Transfer-Encoding: chunked", length=False))
    for _ in range(17):
        connection.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")
    assert connection.statuses() == [413]


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n",  # TLS at the plain port
        b"rubbish\r\n\r\n",
        b"POST / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 100 + b"\r\n",
        b"POST / HTTP/1.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_http(setting: Setting, data: bytes) -> None:
    connection = setting.connect().send(data)
    assert connection.transport.value().startswith(b"HTTP/1.1 400") or connection.transport.closed
    connection.lose()


# --- Time ------------------------------------------------------------------------------------------------------------


def test_a_body_that_does_not_come(setting: Setting) -> None:
    connection = setting.connect().send(request(SOAP, "Content-Length: 500", length=False))
    for _ in range(14):
        setting.reactor.advance(1)
        connection.send(b"x")  # a drop at a time does not buy more
    assert connection.statuses() == []
    setting.reactor.advance(1)
    assert connection.statuses() == [408]
    assert connection.transport.closed


def test_headers_that_do_not_come(setting: Setting) -> None:
    connection = setting.connect().send(b"POST /onvif/device_service HTTP/1.1\r\n")
    setting.reactor.advance(15)
    assert connection.statuses() == [408]


def test_an_idle_connection_is_closed_without_a_word(setting: Setting) -> None:
    connection = setting.connect().send(request(SOAP, body=soap(GET_TIME)))
    setting.reactor.pump([10] * 5)
    assert not connection.transport.closed
    setting.reactor.advance(10)
    assert connection.statuses() == [200]
    assert connection.transport.closed


def test_nobody_connects_for_ever_without_speaking(setting: Setting) -> None:
    connection = setting.connect()
    setting.reactor.advance(9)
    assert not connection.transport.closed
    setting.reactor.advance(1)
    assert connection.transport.closed
    connection.lose()


def test_a_slow_answer_has_no_deadline(setting: Setting) -> None:
    waiting: Deferred[Any] = Deferred()
    setting.server.add_resource("/slow", lambda call, path: waiting)
    headers = setting.authorization("GET", "/slow")
    connection = setting.connect().send(request(headers, method="GET", target="/slow"))
    setting.reactor.pump([10] * 30)
    assert connection.statuses() == []
    waiting.callback(Reply(200, b"done", "text/plain"))
    assert connection.statuses() == [200]


def test_a_client_that_leaves_cancels_its_answer(setting: Setting) -> None:
    cancelled: list[Any] = []
    waiting: Deferred[Any] = Deferred(cancelled.append)
    setting.server.add_resource("/slow", lambda call, path: waiting)
    with structlog.testing.capture_logs() as logs:
        setting.server._log = structlog.get_logger()
        connection = setting.connect()
        connection.send(request(setting.authorization("GET", "/slow"), method="GET", target="/slow"))
        connection.lose()
    assert cancelled == [waiting]
    assert logs == []
    assert setting.server._channels == {}
