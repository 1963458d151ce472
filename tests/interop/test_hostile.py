"""Strangers at the doors: what they send costs them their connection, and nobody else anything."""

import concurrent.futures
import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

from tests.interop.conftest import Service, eventually, running, write_config
from tests.interop.rtsp_viewer import RtspViewer

pytestmark = pytest.mark.interop

PASSWORD = "hostile-test"
GROWTH_BYTES = 50_000_000
REQUEST_TIMEOUT_S = 2
SOAP = {"Content-Type": "application/soap+xml"}
ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "ha">{ENTITIES}]><x>&e9;</x>'


@pytest.fixture(scope="module")
def bridge(demo: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("hostile")
    config = write_config(
        folder,
        f'[limits]\nrequest_timeout = "{REQUEST_TIMEOUT_S}s"\nrtsp_connections_per_address = 60\n'
        f'[[user]]\nname = "chief"\npassword = "{PASSWORD}"\n'
        f'[[camera]]\nid = "gate"\nurl = "{demo.rtsp_url("/live/entrance")}"\n',
    )
    with running(["serve", "--config", str(config)], folder) as service:
        service.wait_until_up()
        yield service


@pytest.fixture
def viewer(bridge: Service) -> Iterator[RtspViewer]:
    """One who watches while it happens, and must not notice."""
    with RtspViewer(f"{bridge.ready['rtsp']}/live/gate", "chief", PASSWORD).play() as viewer:
        eventually(lambda: viewer.packets > 10, what="media")
        rss_bytes = bridge.rss_bytes()
        yield viewer
        seen = viewer.packets
        eventually(lambda: viewer.packets > seen + 10, what="media afterwards")
        assert viewer.gaps == 0
        assert not viewer.closed.is_set()
        assert bridge.rss_bytes() - rss_bytes < GROWTH_BYTES
        assert bridge.process.poll() is None
        assert "Traceback" not in bridge.log.read_text()


def door(bridge: Service, name: str) -> tuple[str, int]:
    parts = urlsplit(bridge.ready[name])
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


def answer_to(address: tuple[str, int], *pieces: bytes, within_s: float = 20) -> bytes | None:
    """What comes back until the other side closes; None: it did not close. A reset is a close."""
    received = bytearray()
    with socket.create_connection(address, within_s) as connection:
        connection.settimeout(within_s)
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
        try:
            while more := connection.recv(65536):
                received += more
        except ConnectionError:
            pass
        except TimeoutError:
            return None
    return bytes(received)


HEAD = b"OPTIONS rtsp://127.0.0.1/ RTSP/1.0\r\nCSeq: 1\r\n"


@pytest.mark.parametrize(
    ("sent", "begins"),
    [
        pytest.param([bytes(range(256)) * 64], b"", id="garbage"),
        pytest.param([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)], b"", id="TLS"),
        pytest.param([b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], b"RTSP/1.0 ", id="HTTP"),
        pytest.param([HEAD], b"RTSP/1.0 408 ", id="half a request"),
        pytest.param([HEAD, b"X: " + b"a" * 1000 + b"\r\n"] * 300, b"", id="endless headers"),
        pytest.param([HEAD + b"X: " + b"a" * 2_000_000], b"", id="endless line"),
        pytest.param([HEAD + b"Content-Length: 99999999999\r\n\r\n" + bytes(100_000)], b"RTSP/1.0 4", id="huge body"),
        pytest.param([b"$\x00\xff\xff" + bytes(65535)] * 1000, b"", id="flood of $ frames"),
    ],
)
def test_rtsp_connections_that_are_closed(
    bridge: Service, viewer: RtspViewer, sent: list[bytes], begins: bytes
) -> None:
    before = len(bridge.log.read_text())
    answer = answer_to(door(bridge, "rtsp"), *sent)
    assert answer is not None, "the connection was not closed"
    assert answer.startswith(begins)

    def lines() -> list[str]:
        return [line for line in bridge.log.read_text()[before:].splitlines() if "RTSP" in line]

    eventually(lines, what="a line in the log")
    assert len(lines()) == 1
    assert len(lines()[0]) < 500


def test_two_hundred_connections_at_once(bridge: Service, viewer: RtspViewer) -> None:
    """Beyond the limit for one address (60 here) they are closed, below it they are served; then all is as before."""
    address = door(bridge, "rtsp")

    def ask(_: int) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(address, 20) as connection:
            connection.settimeout(20)
            connection.sendall(HEAD + b"\r\n")
            served = connection.recv(4096).startswith(b"RTSP/1.0 200")
            if served:
                held.wait(20)
            return served
        return False

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        held = threading.Event()
        asked = [pool.submit(ask, number) for number in range(200)]
        eventually(lambda: sum(one.done() for one in asked) >= 141, what="those beyond the limit closed")
        held.set()
        assert sum(one.result() for one in asked) == 59
    eventually(lambda: "onb_rtsp_connections 1.0" in bridge.metrics(), what="the connections gone")
    assert answer_to(address, HEAD + b"\r\n", b"nonsense\r\n\r\n") is not None


def test_half_connections_by_the_hundred(bridge: Service, viewer: RtspViewer) -> None:
    """Two hundred that say nothing, or half of something, at the ONVIF door."""
    with contextlib.ExitStack() as all_of_them:
        for number in range(200):
            connection = all_of_them.enter_context(socket.create_connection(door(bridge, "onvif"), 20))
            with contextlib.suppress(OSError):
                connection.sendall(b"POST /onvif/device_service HTTP/1.1\r\nHost: x\r\n"[: number % 40])

    def served() -> bool:
        # Until those that have hung up are noticed, this address has too many.
        with contextlib.suppress(requests.ConnectionError):
            return time_of_day(bridge) == 200
        return False

    eventually(served, what="the door open again")


def time_of_day(bridge: Service) -> int:
    body = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
        '<GetSystemDateAndTime xmlns="http://www.onvif.org/ver10/device/wsdl"/></s:Body></s:Envelope>'
    )
    return requests.post(bridge.ready["onvif"], body, headers=SOAP, timeout=20).status_code


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        pytest.param(b"Content-Length: 2097152", b"<" * 2_097_152, b"413", id="2 MiB"),
        pytest.param(b"Transfer-Encoding: chunked", b"80000\r\n" + b"a" * 0x80000, b"413", id="2 MiB in chunks"),
        pytest.param(b"Content-Length: 100", b"<a>", b"408", id="slow body"),
        pytest.param(b"X: " + b"a" * 100_000, b"", b"", id="endless header"),
        pytest.param(b"Connection: close\r\nContent-Length: %d" % len(BOMB), BOMB.encode(), b"400", id="XML bomb"),
        pytest.param(b"Connection: close\r\nContent-Length: 40000", b"<a>" * 13333 + b" ", b"400", id="deep XML"),
        pytest.param(b"Connection: close\r\nContent-Length: 4", b"\xff\xfe\x00\x00", b"400", id="no XML"),
    ],
)
def test_http_requests_that_are_refused(
    bridge: Service, viewer: RtspViewer, head: bytes, body: bytes, status: bytes
) -> None:
    start = b"POST /onvif/device_service HTTP/1.1\r\nHost: x\r\nContent-Type: application/soap+xml\r\n"
    answer = answer_to(door(bridge, "onvif"), start + head + b"\r\n\r\n", body)
    assert answer is not None, "the connection was not closed"
    # Closing with unread bytes resets the connection, and may take the answer with it.
    assert answer.startswith(b"HTTP/1.1 " + status if status else b"")
    assert time_of_day(bridge) == 200


@pytest.mark.parametrize(
    "sent", [b"\x00" * 100_000 + b"\r\n\r\n", b"GET /" + b"a" * 100_000, b"GET /metrics HTTP/1.1\r\n"]
)
def test_the_web_door_stands_it_too(bridge: Service, viewer: RtspViewer, sent: bytes) -> None:
    with socket.create_connection(door(bridge, "http"), 20) as connection:
        connection.sendall(sent)
        assert requests.get(f"{bridge.ready['http']}/healthz", timeout=20).text == "ok\n"


def test_the_web_door_keeps_no_bodies(bridge: Service, viewer: RtspViewer) -> None:
    head = b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
    assert answer_to(door(bridge, "http"), head, *[bytes(100_000)] * 100) is not None
    assert requests.get(f"{bridge.ready['http']}/healthz", timeout=20).text == "ok\n"
