"""What browsers cost: a viewer of live over WebSocket, plain and over TLS; fragments made; a seek in a recording.

The sink counts the bytes of WebSocket viewers as it does of other carriers. A seek is what a player does: a request for
footage on a connection that is open, until its first fragment is there.
"""

import http.client
import json
import os
import random
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import measure, service, viewers
from bench.fanout import camera
from bench.transports import _bare, _head, _unverified
from bridge.base.media import AccessUnit, Codec, Track
from bridge.media.fragment_track import FragmentTrack
from bridge.wire import websocket

VIEWERS = 100
SEEKS = 60
_SETTLE_S = 3
_RECORDED_S = 20
_FRAGMENTS = 20_000


def run(*, runs: int, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Per cent of a core a viewer; microseconds a fragment; milliseconds of a seek, median and 95th of a hundred."""
    results: list[dict[str, float]] = []
    with camera() as url, tempfile.TemporaryDirectory() as folder:
        path = service.configuration(Path(folder), {"loop": url}, https=True)
        with service.serve(path) as served:
            token = _log_in(served)
            time.sleep(_RECORDED_S)
            for number in range(runs):
                one = {
                    "plain": _cost(served.pid, lambda: _watch(served.http, token, tls=False), seconds),
                    "tls": _cost(served.pid, lambda: _watch(served.https, token, tls=True), seconds),
                }
                results.append(one)
                say(f"web, run {number + 1}: { ({name: round(value, 3) for name, value in one.items()}) }")
            seeks = sorted(_seek(served, token, number) for number in range(SEEKS))
    return {
        "viewers": VIEWERS,
        "plain_percent": measure.median([one["plain"] for one in results]),
        "tls_percent": measure.median([one["tls"] for one in results]),
        "fragment_us": fragment_us(),
        "seek_ms": seeks[len(seeks) // 2],
        "seek_p95_ms": seeks[len(seeks) * 95 // 100],
        "runs": results,
    }


def _log_in(served: service.Service) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", served.http, timeout=20)
    body = json.dumps({"user": service.USER, "password": service.PASSWORD})
    connection.request("POST", "/api/v1/session", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    token = json.loads(answer.read())["token"]
    connection.close()
    return str(token)


def _watch(port: int, token: str, *, tls: bool) -> socket.socket:
    """A connection whose handshake is answered; with TLS the socket below."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, viewers.RECEIVE_BYTES)
    if tls:
        connection = _unverified().wrap_socket(connection)
    connection.sendall(
        f"GET /live/loop HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {websocket.make_key(os.urandom(16))}\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    _head(connection)
    return _bare(connection) if tls else connection


def _cost(pid: int, open_one: Callable[[], socket.socket], seconds: float) -> float:
    """Per cent of a core a viewer."""
    with viewers.sink() as sink:
        for _ in range(VIEWERS):
            sink.take(b"r", b"", b"", [open_one()])
            time.sleep(0.005)
        time.sleep(_SETTLE_S)
        before = measure.cpu_s(pid)
        seen = sink.measure(seconds)
        cost = 100 * (measure.cpu_s(pid) - before) / VIEWERS / seen["window_s"]
    time.sleep(_SETTLE_S)
    if seen["alive"] < VIEWERS:
        raise RuntimeError(f"{seen['alive']} of {VIEWERS} viewers are left")
    return cost


def _seek(served: service.Service, token: str, number: int) -> float:
    """Milliseconds from the request to the first fragment of footage, somewhere in what was recorded."""
    connection = http.client.HTTPConnection("127.0.0.1", served.http, timeout=20)
    connection.connect()
    wanted_ms = time.time_ns() // 1_000_000 - 5000 - random.Random(number).randrange(1000 * (_RECORDED_S - 8))
    begin = time.perf_counter()
    query = f"from={wanted_ms}&until={wanted_ms + 2000}"
    connection.request("GET", f"/api/v1/footage/loop/main?{query}", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    data = b""
    while b"mdat" not in data and (more := answer.read(8192)):
        data += more
    took_ms = 1000 * (time.perf_counter() - begin)
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"footage: {answer.status} {data[:200]!r}")
    return took_ms


def fragment_us() -> float:
    """Microseconds of one picture of 20 kB in four NAL units: its times, `moof`, `mdat` and the frame of WebSocket."""
    track = Track(Codec.H264, 90_000, parameter_sets=(bytes.fromhex("67640029ac2b6033c8078022"), b"\x68\xee"))
    parts = tuple(bytes((0x41,)) * 5000 for _ in range(4))
    units = [AccessUnit(0, number * 3600, number * 40_000_000, 0, False, parts) for number in range(_FRAGMENTS)]
    line = FragmentTrack(track, 1)
    begin = time.process_time()
    for number, unit in enumerate(units):
        data = line.take(unit, number, (0, 0)).for_channel(0)
        websocket.header(websocket.Opcode.BINARY, len(data)) + data
    return 1e6 * (time.process_time() - begin) / _FRAGMENTS
