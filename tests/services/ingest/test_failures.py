import errno
import socket

import pytest
from twisted.internet import error

from bridge.services.ingest.failures import connect_failure
from bridge.wire.rtsp.url import RtspUrl

URL = RtspUrl.parse("rtsp://admin:secret@192.0.2.1/live")


def os_error(code):
    failure = error.ConnectError("x")
    failure.osError = code
    return failure


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (error.DNSLookupError("x"), "DNS: no address for 192.0.2.1"),
        (socket.gaierror(-2, "x"), "DNS: no address for 192.0.2.1"),
        (error.ConnectionRefusedError("x"), "refused: 192.0.2.1:554 does not accept connections"),
        (OSError(errno.ECONNREFUSED, "x"), "refused: 192.0.2.1:554 does not accept connections"),
        (error.NoRouteError("x"), "unreachable: no route to 192.0.2.1:554"),
        (os_error(errno.EHOSTUNREACH), "unreachable: no route to 192.0.2.1:554"),
        (error.TimeoutError("x"), "timeout: 192.0.2.1:554 did not answer in 10 s"),
        (TimeoutError(), "timeout: 192.0.2.1:554 did not answer in 10 s"),
        (ValueError("admin:secret"), "unreachable: 192.0.2.1:554: ValueError"),
        (None, "unreachable: 192.0.2.1:554: NoneType"),
    ],
)
def test_words_for_people(value, text):
    assert connect_failure(value, URL, 10).text == text


def test_another_port_is_named_once():
    url = RtspUrl.parse("rtsp://[2001:db8::1]:8554/x")
    assert connect_failure(error.NoRouteError(), url, 10).text == "unreachable: no route to [2001:db8::1]:8554"
