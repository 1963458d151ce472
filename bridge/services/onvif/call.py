"""One call of an operation as its handler sees it, and what a handler is.

A handler is a plain function named like its operation: typed values in, plain values out. Envelope, log-in, rights by
access class, validation and faults come before and after it (service.py). A service is an object whose methods are
its handlers:

    class Media:
        def GetProfile(self, call: Call, request: Request) -> Answer: ...

    onvif.register("media", handlers_of(media))
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from bridge.base.time import UtcNs
from bridge.services.onvif.faces import Face
from bridge.services.onvif.schemas import SERVICES
from bridge.system.access import Principal

# Any: what stands in a request or an answer follows the schema of its operation, which libxml2 and the encoder check,
# not mypy. Values: dict, list (maxOccurs > 1), str, int, bool, float, Decimal, datetime, timedelta, bytes.
# A repeated element that was left out is [], any other one is None: read with `.get()`.
Request = Mapping[str, Any]
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, from where, and under which address he knows us.

    principal:     who logged in, as far as the device reaches that he sees; None for operations of the class PRE_AUTH,
                   which never look at credentials
    host:          the host the client called us by, or the configured public one; IPv6 in brackets
    scheme, port:  of our HTTP door as the client knows it
    rtsp_port:     of our RTSP door as the client knows it; 0: closed
    rtsps_port:    the same of RTSP over TLS
    peer:          address and port of the other side, for logs and audit
    local_address: the address of ours that the connection came in on, without port or brackets
    utc_ns:        when the request was read
    face:          the device that he sees
    """

    principal: Principal | None
    host: str
    scheme: str
    port: int
    rtsp_port: int
    peer: str
    local_address: str
    utc_ns: UtcNs
    face: Face
    rtsps_port: int = 0

    def base_url(self, service: str) -> str:
        """XAddr of a service of ours: `http://host:580/onvif/media_service` for "media"."""
        return self.http_url(SERVICES[service].path)

    def http_url(self, path: str, *, host: str = "") -> str:
        """URL on the port of the ONVIF door; `path` begins with /. host: see rtsp_url."""
        return f"{self.scheme}://{host or self.host}:{self.port}{path}"

    def rtsp_url(self, path: str, *, host: str = "", udp: bool = False) -> str:
        """URL on the RTSP door; `path` begins with /. "" when no door of ours can serve it.

        Who called over TLS is sent to RTSP over TLS, where media travel in the connection; RTP over UDP would be in
        clear there, which is what `udp` asks for (SRTP is not there).

        host: instead of the one that the client knows us by
        """
        host = host or self.host
        if self.rtsps_port and not udp and (self.scheme == "https" or not self.rtsp_port):
            return f"rtsps://{host}:{self.rtsps_port}{path}"
        return f"rtsp://{host}:{self.rtsp_port}{path}" if self.rtsp_port else ""


Handler = Callable[[Call, Request], Answer | Awaitable[Answer]]
_HandlerT = TypeVar("_HandlerT", bound=Callable[..., Any])  # Any: methods are marked before they are bound

_STATIC = "onvif_static_answer"


def static_answer(handler: _HandlerT) -> _HandlerT:
    """Marks a handler whose answer depends on nothing but its arguments and the address that the client called.

    Its rendered answer is kept until `OnvifService.forget_answers()`. Only for operations of the class PRE_AUTH:
    another principal's answer must never be found.
    """
    setattr(handler, _STATIC, True)
    return handler


def is_static(handler: Handler) -> bool:
    """Whether `static_answer` marked it."""
    return getattr(handler, _STATIC, False) is True


def handlers_of(service: object) -> dict[str, Handler]:
    """The handlers of an object (or module): its callables whose names begin with a capital, as operations' do.

    Classes do not count, so a module of handlers may import them.
    """
    found = {name: getattr(service, name) for name in dir(service) if name[:1].isupper()}
    return {name: value for name, value in found.items() if callable(value) and not isinstance(value, type)}
