"""Twisted's and the system's errors in words for people: a reason and one sentence, never a traceback."""

import errno
import socket

from OpenSSL import SSL
from twisted.internet import error

from bridge.dialogue.rtsp_client_events import DownReason, Failed
from bridge.services.ingest.tls import CertificateRefusedError
from bridge.wire.rtsp.url import RtspUrl

_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EHOSTDOWN, errno.ENETDOWN}


class CameraRefusedError(Exception):
    """A connection stands, and the camera will not have it so."""

    def __init__(self, reason: DownReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.failed = _failed(reason, detail)


def connect_failure(value: BaseException | None, url: RtspUrl, timeout_s: int) -> Failed:
    """Why no connection to `url` came about."""
    if isinstance(value, CameraRefusedError):
        return value.failed
    peer = url.authority if url.authority.endswith(f":{url.port}") else f"{url.authority}:{url.port}"
    code = getattr(value, "osError", None) or getattr(value, "errno", None)
    if isinstance(value, error.DNSLookupError | error.UnknownHostError | socket.gaierror):
        return _failed(DownReason.DNS, f"no address for {url.host}")
    if isinstance(value, error.ConnectionRefusedError | ConnectionRefusedError) or code == errno.ECONNREFUSED:
        return _failed(DownReason.REFUSED, f"{peer} does not accept connections")
    if isinstance(value, error.NoRouteError) or code in _UNREACHABLE:
        return _failed(DownReason.UNREACHABLE, f"no route to {peer}")
    if isinstance(value, error.TimeoutError | TimeoutError) or code == errno.ETIMEDOUT:
        return _failed(DownReason.TIMEOUT, f"{peer} did not answer in {timeout_s} s")
    if isinstance(value, CertificateRefusedError):
        return _failed(DownReason.CERTIFICATE, str(value))
    if isinstance(value, SSL.Error):
        return _failed(DownReason.TLS, f"no TLS with {peer}: {_said_by_openssl(value)}")
    if isinstance(value, error.ConnectionLost | error.ConnectionDone) and url.scheme == "rtsps":
        return _failed(DownReason.TLS, f"no TLS with {peer}: it hung up")
    return _failed(DownReason.UNREACHABLE, f"{peer}: {type(value).__name__}")


def _said_by_openssl(value: SSL.Error) -> str:
    """`wrong version number`: the last entry of the library's queue of errors; it holds nothing of the peer's."""
    queue = value.args[0] if value.args and isinstance(value.args[0], list) else []
    return str(queue[-1][-1]) if queue else "the handshake failed"


def _failed(reason: DownReason, detail: str) -> Failed:
    return Failed(reason, f"{reason}: {detail}")
