"""The HTTP site, without a port."""

import pytest
from twisted.internet.testing import StringTransport

from bridge.services.web.server import BODY_BYTES, WebServer
from bridge.services.web.status import Health


def ask(path: str) -> bytes:
    channel = WebServer({"healthz": Health()}).factory.buildProtocol(None)
    transport = StringTransport()
    channel.makeConnection(transport)
    channel.dataReceived(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return transport.value()


def test_pages_and_what_is_no_page() -> None:
    assert ask("/healthz").endswith(b"\r\n\r\nok\n")
    assert b"Open Network Bridge" in ask("/")
    for path in ("/nothing", "/a/b", "/healthz2"):
        reply = ask(path)
        assert reply.startswith(b"HTTP/1.1 404 ")
        assert reply.endswith(b"not found\n")


def connect(server: WebServer) -> tuple:
    channel = server.factory.buildProtocol(None)
    transport = StringTransport()
    channel.makeConnection(transport)
    return channel, transport


@pytest.mark.parametrize(
    "head",
    [b"Content-Length: 1000000", b"Transfer-Encoding: chunked"],
)
def test_large_bodies_are_not_kept(head: bytes) -> None:
    channel, transport = connect(WebServer({"healthz": Health()}))
    channel.dataReceived(b"POST /healthz HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
    chunk = b"1000\r\n" + b"a" * 4096 + b"\r\n" if b"chunked" in head else b"a" * 4096
    for _ in range(BODY_BYTES // 4096 + 2):
        channel.dataReceived(chunk)
    assert transport.value() == b"HTTP/1.1 413 Request Entity Too Large\r\nConnection: close\r\n\r\n"
    assert transport.disconnecting


def test_small_bodies_are_passed_over() -> None:
    channel, transport = connect(WebServer({"healthz": Health()}))
    channel.dataReceived(b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
    assert transport.value().endswith(b"\r\n\r\nok\n")


def test_connections_beyond_the_limit_are_closed() -> None:
    server = WebServer({}, connections=2)
    first, _ = connect(server)
    connect(server)
    assert server.factory.buildProtocol(None) is None
    assert server.factory.refused == 1
    first.connectionLost()
    assert server.factory.buildProtocol(None) is not None


def test_the_library_is_not_named() -> None:
    assert b"Twisted" not in ask("/healthz") + ask("/nothing")
