"""The HTTP site, without a port."""

from twisted.internet.testing import StringTransport

from bridge.services.web.server import WebServer
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
