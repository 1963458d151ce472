from typing import Any

from bridge.base.time import UtcNs
from bridge.services.onvif.call import Call, handlers_of, is_static, static_answer
from bridge.services.onvif.faces import Face
from tests.services.onvif.door import IDENTITY

CALL = Call(None, "[2001:db8::1]", "http", 580, 554, "192.0.2.1:4", "192.0.2.9", UtcNs(0), Face(IDENTITY, ()))


def test_addresses() -> None:
    assert CALL.base_url("device") == "http://[2001:db8::1]:580/onvif/device_service"
    assert CALL.http_url("/snapshot/a.jpg") == "http://[2001:db8::1]:580/snapshot/a.jpg"
    assert CALL.rtsp_url("/live/a") == "rtsp://[2001:db8::1]:554/live/a"


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
