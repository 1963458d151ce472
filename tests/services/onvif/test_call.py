from typing import Any

import pytest

from bridge.base.time import UtcNs
from bridge.services.onvif.call import Call, handlers_of, is_static, static_answer
from bridge.services.onvif.faces import Face
from tests.services.onvif.door import IDENTITY

CALL = Call(None, "[2001:db8::1]", "http", 580, 554, "192.0.2.1:4", "192.0.2.9", UtcNs(0), Face(IDENTITY, ()))


def test_addresses() -> None:
    assert CALL.base_url("device") == "http://[2001:db8::1]:580/onvif/device_service"
    assert CALL.http_url("/snapshot/a.jpg") == "http://[2001:db8::1]:580/snapshot/a.jpg"
    assert CALL.rtsp_url("/live/a") == "rtsp://[2001:db8::1]:554/live/a"


@pytest.mark.parametrize(
    ("scheme", "ports", "udp", "url"),
    [
        ("http", (554, 322), False, "rtsp://cams:554/a"),
        ("https", (554, 322), False, "rtsps://cams:322/a"),
        ("https", (554, 322), True, "rtsp://cams:554/a"),
        ("https", (554, 0), False, "rtsp://cams:554/a"),
        ("http", (0, 322), False, "rtsps://cams:322/a"),
        ("http", (0, 322), True, ""),
        ("https", (0, 0), False, ""),
    ],
)
def test_whether_it_plays_over_tls(scheme: str, ports: tuple[int, int], udp: bool, url: str) -> None:
    call = Call(None, "cams", scheme, 580, ports[0], "", "", UtcNs(0), Face(IDENTITY, ()), rtsps_port=ports[1])
    assert call.rtsp_url("/a", udp=udp) == url


class Some:
    Constant = 3

    class Inner:
        pass

    def GetThis(self, call: Call, request: Any) -> dict[str, Any]:
        return {}

    @static_answer
    def GetThat(self, call: Call, request: Any) -> dict[str, Any]:
        return {}

    def helper(self) -> None:
        pass


def test_handlers_are_what_is_called_like_operations() -> None:
    found = handlers_of(Some())
    assert sorted(found) == ["GetThat", "GetThis"]
    assert [is_static(found[name]) for name in sorted(found)] == [True, False]
