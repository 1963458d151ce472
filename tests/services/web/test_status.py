import pytest

from bridge.services.web.problems import ProblemError
from bridge.services.web.status import MetricsAccess, status_routes
from tests.services.web.web_setting import ANNA, VERA, asked, handler


@pytest.mark.parametrize(
    ("access", "peer", "allowed"),
    [
        (MetricsAccess.LOOPBACK, "127.0.0.1:1", True),
        (MetricsAccess.LOOPBACK, "[::1]:1", True),
        (MetricsAccess.LOOPBACK, "[::ffff:127.0.0.1]:1", True),
        (MetricsAccess.LOOPBACK, "192.0.2.1:1", False),
        (MetricsAccess.LOOPBACK, "[fe80::1%eth0]:1", False),
        (MetricsAccess.NOBODY, "127.0.0.1:1", False),
        (MetricsAccess.EVERYBODY, "192.0.2.1:1", True),
    ],
)
def test_who_may_read_the_metrics(access: MetricsAccess, peer: str, allowed: bool) -> None:
    metrics = handler(status_routes(lambda: (b"page", "text/x"), access), "/metrics")
    if allowed:
        assert (metrics(asked(peer=peer)).body, metrics(asked(peer=peer)).content_type) == (b"page", "text/x")
    else:
        with pytest.raises(ProblemError, match="no such thing"):
            metrics(asked(peer=peer))


def test_health_says_nothing_but_ok() -> None:
    health = handler(status_routes(lambda: (b"", ""), MetricsAccess.NOBODY), "/healthz")
    assert health(asked()).body == b"ok\n"


def test_administrators_read_the_metrics_from_everywhere() -> None:
    metrics = handler(status_routes(lambda: (b"page", "text/x"), MetricsAccess.NOBODY), "/metrics")
    assert metrics(asked(ANNA)).body == b"page"
    with pytest.raises(ProblemError, match="no such thing"):
        metrics(asked(VERA))
