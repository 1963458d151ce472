"""The HTTP door over transports in memory: Twisted's clock, no port."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock as TwistedClock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from bridge.dialogue.digest import DigestClient
from bridge.services.onvif.admission import HttpLimits
from bridge.services.onvif.call import Call
from bridge.services.onvif.server import OnvifServer
from bridge.services.onvif.service import Reply
from tests import feeder
from tests.services.onvif.door import GET_PROFILES, GET_TIME, Door, soap

PATH = "/onvif/device_service"


class Transport(StringTransport):
    """A connection whose closing can be seen."""

    half_closed = False
    aborted = False

    def __init__(self, peer: str = "192.0.2.1") -> None:
        super().__init__(hostAddress=IPv4Address("TCP", "192.0.2.9", 580), peerAddress=IPv4Address("TCP", peer, 40000))

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def abortConnection(self) -> None:
        self.aborted = True

    @property
    def closed(self) -> bool:
        return self.half_closed or self.aborted or self.disconnecting


class Connection:
    """One client."""

    def __init__(self, server: OnvifServer, peer: str = "192.0.2.1") -> None:
        self.transport = Transport(peer)
        self.channel: Any = server.factory.buildProtocol(self.transport.getPeer())
        if self.channel is not None:
            self.channel.makeConnection(self.transport)

    def send(self, *data: bytes) -> "Connection":
        for each in data:
            self.channel.dataReceived(each)
        return self

    def replies(self) -> list[tuple[int, dict[str, str], bytes]]:
        """Status, headers and body of every response so far."""
        data, found = self.transport.value(), []
        while data:
            head, _, data = data.partition(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            size = int(headers.get("content-length", 0))
            found.append((int(first.split()[1]), headers, data[:size]))
            data = data[size:]
        return found

    def statuses(self) -> list[int]:
        return [status for status, _, _ in self.replies()]

    def lose(self) -> None:
        self.channel.connectionLost(Failure(ConnectionDone()))


class Setting:
    def __init__(self, limits: HttpLimits | None = None) -> None:
        self.door = Door()
        self.reactor = TwistedClock()
        self.server = OnvifServer(self.reactor, self.door.service, self.door.login, self.door.clock, limits)

    def connect(self, peer: str = "192.0.2.1") -> Connection:
        return Connection(self.server, peer)

    def authorization(self, method: str, target: str, user: str = "viewer", password: str = "geheim") -> str:
        client = DigestClient(user, password)
        return f"Authorization: {client.authorize(self.door.login.challenge().challenges, method, target, 'c' * 16)}"


@pytest.fixture
def setting() -> Iterator[Setting]:
    made = Setting()
    yield made
    assert made.reactor.getDelayedCalls() == [] or made.server._channels


def request(
    *headers: str,
    body: bytes = b"",
    method: str = "POST",
    target: str = PATH,
    version: str = "1.1",
    length: bool = True,
) -> bytes:
    lines = [f"{method} {target} HTTP/{version}", "Host: cams.example:580", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


SOAP = "Content-Type: application/soap+xml; charset=utf-8"


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
    setting.reactor.pump([10] * 6)
    assert connection.statuses() == [200]
    assert connection.transport.closed


def test_nobody_connects_for_ever_without_speaking(setting: Setting) -> None:
    connection = setting.connect()
    setting.reactor.advance(60)
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


# --- Number ----------------------------------------------------------------------------------------------------------


def test_connections_are_counted() -> None:
    setting = Setting(HttpLimits(connections=3, connections_per_address=2))
    first = [setting.connect() for _ in range(2)]
    assert setting.connect().channel is None
    assert setting.connect("192.0.2.2").channel is not None
    assert setting.connect("192.0.2.3").channel is None
    assert setting.server.turned_away == 2
    first[0].lose()
    assert setting.connect("192.0.2.3").channel is not None


def test_hanging_up(setting: Setting) -> None:
    connection = setting.connect()
    setting.server.hang_up()
    assert connection.transport.aborted


# --- Plain resources -------------------------------------------------------------------------------------------------


def picture(call: Call, path: str) -> Reply:
    assert call.principal is not None
    return Reply(200, f"{call.principal.name} {path} {call.http_url('/')}".encode(), "image/jpeg")


def test_plain_resources_need_a_digest(setting: Setting) -> None:
    setting.server.add_resource("/snapshot/", picture)
    target = "/snapshot/gate.jpg?t=1"
    ((status, headers, _),) = setting.connect().send(request(method="GET", target=target)).replies()
    assert status == 401
    assert headers["www-authenticate"].startswith("Digest ")
    authorized = setting.authorization("GET", target)
    ((status, headers, body),) = setting.connect().send(request(authorized, method="GET", target=target)).replies()
    assert (status, headers["content-type"]) == (200, "image/jpeg")
    assert body == b"viewer /snapshot/gate.jpg http://cams.example:580/"


def test_plain_resources_are_read_only(setting: Setting) -> None:
    setting.server.add_resource("/snapshot/", picture)
    assert setting.connect().send(request(target="/snapshot/gate.jpg")).statuses() == [405]
    assert setting.connect().send(request(method="GET", target="/snapshot/a.jpg", body=b"x")).statuses() == [413]
    head = request(setting.authorization("HEAD", "/snapshot/a.jpg"), method="HEAD", target="/snapshot/a.jpg")
    sent = setting.connect().send(head).transport.value()
    assert sent.startswith(b"HTTP/1.1 200")
    assert sent.endswith(b"\r\n\r\n")


def test_a_resource_that_fails(setting: Setting) -> None:
    def broken(call: Call, path: str) -> Reply:
        raise RuntimeError("a secret")

    setting.server.add_resource("/broken", broken)
    with structlog.testing.capture_logs() as logs:
        setting.server._log = structlog.get_logger()
        data = request(setting.authorization("GET", "/broken"), method="GET", target="/broken")
        ((status, _, body),) = setting.connect().send(data).replies()
    assert status == 500
    assert b"secret" not in body
    assert len(logs) == 1
