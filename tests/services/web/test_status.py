"""Health and metrics."""

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.web.test.requesthelper import DummyRequest

from bridge.services.web.status import Health, Metrics, MetricsAccess


@pytest.mark.parametrize(
    ("access", "peer", "allowed"),
    [
        (MetricsAccess.LOOPBACK, "127.0.0.1", True),
        (MetricsAccess.LOOPBACK, "::1", True),
        (MetricsAccess.LOOPBACK, "::ffff:127.0.0.1", True),
        (MetricsAccess.LOOPBACK, "192.0.2.1", False),
        (MetricsAccess.LOOPBACK, "fe80::1%eth0", False),
        (MetricsAccess.NOBODY, "127.0.0.1", False),
        (MetricsAccess.EVERYBODY, "192.0.2.1", True),
    ],
)
def test_who_may_read_the_metrics(access: MetricsAccess, peer: str, allowed: bool) -> None:
    request = DummyRequest([b""])
    request.client = (IPv6Address if ":" in peer else IPv4Address)("TCP", peer, 1)
    page = Metrics(lambda: (b"page", "text/plain"), access).render_GET(request)
    assert (page == b"page") is allowed
    assert (request.responseCode == 404) is not allowed


def test_health_says_nothing_but_ok() -> None:
    assert Health().render_GET(DummyRequest([b""])) == b"ok\n"
