"""What a viewer costs by the way that he comes: through HTTP, over WebSocket and TLS, beside RTSP over plain TCP.

Of what is encrypted, or in frames of another protocol, the sink counts bytes and reads nothing: a run counts when as
many came as went to the viewers over TCP. The floor of TLS is a C program that writes the same units with SSL_write.
"""

import base64
import contextlib
import os
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench import loop, measure, service, viewers
from bench.fanout import camera
from bench.loop import Setting
from bridge.wire import websocket

VIEWERS = 100
_LEAST = 0.95  # the ends of the window cut units off
_SETTLE_S = 3
_POST_BYTES = 32_767


class _Tunnelled(viewers.Session):
    """RTSP through HTTP: what we say goes on a second connection, in base64."""

    def _connect(self, address: tuple[str, int]) -> socket.socket:
        cookie, path = os.urandom(11).hex(), urlsplit(self._target.url).path
        connection = super()._connect(address)
        connection.sendall(
            f"GET {path} HTTP/1.0\r\nx-sessioncookie: {cookie}\r\nAccept: application/x-rtsp-tunnelled\r\n\r\n".encode()
        )
        _head(connection)
        self._post = super()._connect(address)
        self._post.sendall(
            f"POST {path} HTTP/1.0\r\nx-sessioncookie: {cookie}\r\nContent-Type: application/x-rtsp-tunnelled\r\n"
            f"Content-Length: {_POST_BYTES}\r\n\r\n".encode()
        )
        return connection

    def _send(self, data: bytes) -> None:
        self._post.sendall(base64.b64encode(data))

    def hand_over(self, into: viewers.Sink) -> None:
        """The sink takes what comes; the other connection stays ours, and open."""
        self._send(self.play(self._target.play))
        self.connection.settimeout(None)
        into.take(b"t", b"", b"", [self.connection])
        _KEPT.append(self._post)


class _Framed(viewers.Session):
    """RTSP over WebSocket."""

    def _connect(self, address: tuple[str, int]) -> socket.socket:
        connection = super()._connect(address)
        connection.sendall(
            f"GET /onvif/rtsp_over_websocket HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {websocket.make_key(os.urandom(16))}\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: rtsp.onvif.org\r\n\r\n".encode()
        )
        _head(connection)
        return connection

    def _send(self, data: bytes) -> None:
        self.connection.sendall(websocket.encode(websocket.Opcode.BINARY, data, os.urandom(4)))

    def _receive(self) -> bytes:
        # One frame a reply: what is before its payload is 2 bytes, and 2 more from 126 on.
        head = self._exactly(2)
        size = head[1] & 0x7F
        if size == 126:
            size = int.from_bytes(self._exactly(2))
        return self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        return self.connection.recv(size, socket.MSG_WAITALL)

    def hand_over(self, into: viewers.Sink) -> None:
        """The sink counts."""
        self._send(self.play(self._target.play))
        self.connection.settimeout(None)
        into.take(b"r", b"", b"", [self.connection])


class _Secure(viewers.Session):
    """RTSP over TLS."""

    def _connect(self, address: tuple[str, int]) -> socket.socket:
        return _unverified().wrap_socket(super()._connect(address))

    def hand_over(self, into: viewers.Sink) -> None:
        """The sink counts."""
        self._send(self.play(self._target.play))
        into.take(b"r", b"", b"", [_bare(self.connection)])


_KEPT: list[socket.socket] = []


def _head(connection: socket.socket) -> None:
    """Reads the head of a response, byte by byte: what follows is not HTTP."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        got = connection.recv(1)
        if not got:
            raise RuntimeError(f"the connection was closed: {head!r}")
        head += got
    if head.split()[1] not in (b"200", b"101"):
        raise RuntimeError(head.decode(errors="replace"))


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _bare(connection: socket.socket) -> socket.socket:
    """The socket below TLS, whose records nobody opens any more."""
    bare = socket.socket(fileno=connection.detach())
    bare.setblocking(True)
    return bare


# --- Runs ------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def tls_floor() -> Iterator[tuple[int, int]]:
    """The C program that writes records; its pid and port."""
    program = measure.compiled("tls_floor", "-lssl", "-lcrypto")
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder) / "certificate.pem", Path(folder) / "key.pem"
        make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=floor", "-days", "1"]
        subprocess.run([*make, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        with measure.process([program, loop.loop_file(Setting()), certificate, key]) as (pid, port):
            yield pid, int(port)


def run(*, runs: int, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Milliseconds of CPU a viewer and second by way, in turn; medians of neighbouring ratios."""
    results: list[dict[str, float]] = []
    with camera() as url, tempfile.TemporaryDirectory() as folder:
        path = service.configuration(Path(folder), {"loop": url}, rtsps=True)
        with service.serve(path) as served, tls_floor() as (floor_pid, floor_port):
            time.sleep(_SETTLE_S)
            ways = {
                "tcp": (viewers.Session, served.live("loop")),
                "tunnel": (_Tunnelled, served.live("loop", f"http://127.0.0.1:{served.onvif}")),
                "websocket": (_Framed, served.live("loop", f"rtsp://127.0.0.1:{served.onvif}")),
                "tls": (_Secure, served.live("loop", f"rtsps://127.0.0.1:{served.rtsps}")),
            }
            for number in range(runs):
                one: dict[str, float] = {}
                for name, (session, target) in ways.items():
                    one[name], sent = _cost(served.pid, lambda s=session, t=target: s(t, "tcp").hand_over, seconds)
                    one[f"{name}_mb_s"] = sent / 1e6
                one["tls_floor"], sent = _cost(floor_pid, lambda: _floor_viewer(floor_port), seconds)
                one["tls_floor_mb_s"] = sent / 1e6
                results.append(one)
                say(f"transports, run {number + 1}: { ({name: round(value, 3) for name, value in one.items()}) }")
    complete = all(one[f"{name}_mb_s"] >= _LEAST * one["tcp_mb_s"] for one in results for name in (*ways, "tls_floor"))
    return {
        "viewers": VIEWERS,
        "complete": complete,
        **{f"{name}_ms": measure.median([one[name] for one in results]) for name in (*ways, "tls_floor")},
        "tunnel_to_tcp": measure.median([one["tunnel"] / one["tcp"] for one in results]),
        "websocket_to_tcp": measure.median([one["websocket"] / one["tcp"] for one in results]),
        "tls_to_floor": measure.median([one["tls"] / one["tls_floor"] for one in results]),
        "runs": results,
    }


HandOver = Callable[[viewers.Sink], None]


def _cost(pid: int, open_one: Callable[[], HandOver], seconds: float) -> tuple[float, float]:
    """(ms of CPU a viewer and second, bytes a second that came to all)."""
    with viewers.sink() as sink:
        for _ in range(VIEWERS):
            open_one()(sink)
            time.sleep(0.005)
        time.sleep(_SETTLE_S)
        before = measure.cpu_s(pid)
        seen = sink.measure(seconds)
        cost = 1000 * (measure.cpu_s(pid) - before) / VIEWERS / seen["window_s"]
    while _KEPT:
        _KEPT.pop().close()
    time.sleep(_SETTLE_S)
    if seen["alive"] < VIEWERS:
        raise RuntimeError(f"{seen['alive']} of {VIEWERS} viewers are left")
    return cost, seen["bytes"] / seen["window_s"]


def _floor_viewer(port: int) -> HandOver:
    connection = _unverified().wrap_socket(socket.create_connection(("127.0.0.1", port)))
    return lambda sink: sink.take(b"r", b"", b"", [_bare(connection)])
