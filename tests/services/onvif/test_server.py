"""Which request goes where: connections counted, plain resources beside SOAP."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from twisted.internet.task import Clock as TwistedClock
from twisted.logger import globalLogPublisher

from bridge.net.http import HttpLimits
from bridge.services.onvif.call import Call
from bridge.services.onvif.server import OnvifServer
from bridge.services.onvif.service import Reply
from bridge.services.onvif.slices import SLICE_NS
from tests.services.onvif.bridge_setting import AnybodyIn, Bridge
from tests.services.onvif.connection import PATH, SOAP, Connection, Setting, request
from tests.services.onvif.door import GET_PROFILES, GET_TIME, soap


@pytest.fixture
def setting() -> Iterator[Setting]:
    made = Setting()
    yield made
    assert made.reactor.getDelayedCalls() == [] or made.server._channels


def test_service_paths_take_soap(setting: Setting) -> None:
    assert setting.connect().send(request(SOAP, body=soap(GET_TIME))).statuses() == [200]
    assert setting.connect().send(request(SOAP, body=soap(GET_TIME), target=f"{PATH}?wsdl")).statuses() == [200]
    assert setting.connect().send(request(SOAP, body=soap(GET_TIME), target="/onvif/")).statuses() == [404]


def test_a_client_who_goes_while_his_answer_is_made_costs_nobody_anything() -> None:
    bridge = Bridge(render_ns=SLICE_NS)
    login: Any = AnybodyIn()
    events: list[Any] = []
    globalLogPublisher.addObserver(events.append)
    try:
        with structlog.testing.capture_logs() as logs:
            server = OnvifServer(TwistedClock(), bridge.service, login, bridge.clock)
            gone, stays = Connection(server), Connection(server)
            for connection in (gone, stays):
                connection.send(request(SOAP, "Authorization: admin", body=soap(GET_PROFILES)))
            assert bridge.turns.next()
            assert gone.statuses() == stays.statuses() == []
            gone.lose()
            while bridge.turns.next():
                pass
            gc.collect()  # an error that nobody took would be told now
    finally:
        globalLogPublisher.removeObserver(events.append)
    assert stays.statuses() == [200]
    assert gone.statuses() == []
    assert logs == []
    assert events == []


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
