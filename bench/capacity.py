"""How much one process holds: cameras that are only configured, SOAP, viewers in thousands, and some who never read."""

import contextlib
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import measure, service, viewers
from bench.fanout import camera
from bench.watched import missed_by_viewers
from bridge.dialogue.digest import DigestClient

CAMERAS = 100
MANY, BESIDE, STUCK = 2000, 100, 20
_SETTLE_S = 4
_COUNTED_S = 10
_SOAP_CLIENTS = 4
_ASKED = {
    "GetSystemDateAndTime": ("device_service", "http://www.onvif.org/ver10/device/wsdl", False),
    "GetDeviceInformation": ("device_service", "http://www.onvif.org/ver10/device/wsdl", True),
    "GetProfiles": ("media_service", "http://www.onvif.org/ver10/media/wsdl", True),
}
"""Requests of a client that polls: the path below /onvif/, the namespace, whether it has to log in."""


def run(*, seconds: float, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """All four, one after the other."""
    result: dict[str, Any] = {"startup": startup(say), "soap": soap(seconds, say)}
    result["crowd"] = crowd(200 if quick else MANY, seconds, say)
    result["stuck"] = stuck(seconds, say)
    return result


def startup(say: Callable[[str], None]) -> dict[str, Any]:
    """A hundred cameras that do not answer: what the service itself takes, from its call to `ready`."""
    (nobody,) = measure.free_ports(1)
    cameras = {f"c{number}": f"rtsp://127.0.0.1:{nobody}/{number}" for number in range(CAMERAS)}
    with tempfile.TemporaryDirectory() as folder:
        path = service.configuration(Path(folder), cameras)
        first = _start(path)  # keys and certificates are made, once in the life of an installation
        again = _start(path)
    say(f"capacity, {CAMERAS} cameras: first start {first}, later ones {again}")
    return {"cameras": CAMERAS, "first": first, "again": again}


def _start(path: Path) -> dict[str, float]:
    began = time.monotonic()
    with service.serve(path) as served:
        ready_s, cpu_s = time.monotonic() - began, measure.cpu_s(served.pid)
        time.sleep(_COUNTED_S)
        return {"ready_s": ready_s, "cpu_s": cpu_s, "rss_mb": measure.rss_mb(served.pid)}


def soap(seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Requests by core second of the service, HTTP Digest where it is due, over connections that stay open."""
    found = {}
    with _one_camera() as served:
        for name, (place, namespace, log_in) in _ASKED.items():
            clients = [_SoapClient(served.onvif, place, name, namespace, log_in) for _ in range(_SOAP_CLIENTS)]
            for client in clients:
                client.ask()
            asked, cpu, until = 0, measure.cpu_s(served.pid), time.monotonic() + seconds
            while time.monotonic() < until:
                for client in clients:
                    client.send()
                for client in clients:
                    client.receive()
                asked += len(clients)
            found[name] = asked / (measure.cpu_s(served.pid) - cpu)
            for client in clients:
                client.close()
    say(f"capacity, SOAP requests a core second: { ({name: round(rate) for name, rate in found.items()}) }")
    return found


class _SoapClient:
    """One connection that asks the same again and again."""

    def __init__(self, port: int, place: str, name: str, namespace: str, log_in: bool) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._path = f"/onvif/{place}"
        envelope = "http://www.w3.org/2003/05/soap-envelope"
        self._body = f'<s:Envelope xmlns:s="{envelope}"><s:Body><{name} xmlns="{namespace}"/></s:Body></s:Envelope>'
        self._digest = DigestClient(service.USER, service.PASSWORD)
        if log_in:
            self.send()
            status, head = self.receive()
            lines = head.split("\r\n")
            challenges = [
                line.partition(":")[2].strip() for line in lines if line.lower().startswith("www-authenticate")
            ]
            if status != 401 or self._digest.authorize(challenges, "POST", self._path, "bench-cnonce") is None:
                raise RuntimeError(f"{name} without a log-in: {status}")

    def ask(self) -> None:
        """One request and its answer. Raises RuntimeError when it is no good one."""
        self.send()
        status, _ = self.receive()
        if status != 200:
            raise RuntimeError(f"{self._path}: {status}")

    def send(self) -> None:
        """The request."""
        answer = self._digest.header("POST", self._path)
        log_in = f"Authorization: {answer}\r\n" if answer else ""
        self._connection.sendall(
            f"POST {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/soap+xml\r\n{log_in}"
            f"Content-Length: {len(self._body)}\r\n\r\n{self._body}".encode()
        )

    def receive(self) -> tuple[int, str]:
        """Status and head of the answer."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._connection.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        text = head.decode()
        length = next(int(line[15:]) for line in text.split("\r\n") if line.lower().startswith("content-length:"))
        while len(body) < length:
            body += self._connection.recv(65536)
        return int(text.split()[1]), text

    def close(self) -> None:
        """Hangs up."""
        self._connection.close()


def crowd(count: int, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """So many viewers of one camera over TCP: what each gets, what one more takes."""
    with _one_camera() as served, viewers.sink() as sink:
        viewers.open_many(served.live("loop"), BESIDE, "tcp", sink)
        time.sleep(_SETTLE_S)
        few_mb = measure.rss_mb(served.pid)
        viewers.open_many(served.live("loop"), count - BESIDE, "tcp", sink)
        time.sleep(_SETTLE_S)
        cpu, idle = measure.cpu_s(served.pid), measure.idle_s()
        seen = sink.measure(seconds)
        result = {
            "viewers": count,
            "alive": seen["alive"],
            "missed_units": missed_by_viewers(seen),
            "latency_ms_p50": seen["latency_ms_p50"],
            "latency_ms_p99": seen["latency_ms_p99"],
            "cpu_percent": 100 * (measure.cpu_s(served.pid) - cpu) / seen["window_s"],
            "idle_percent": 100 * (measure.idle_s() - idle) / seen["window_s"],
            "kb_per_viewer": 1000 * (measure.rss_mb(served.pid) - few_mb) / (count - BESIDE),
        }
    say(f"capacity, {count} viewers: {result}")
    return result


def stuck(seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """A hundred viewers alone, then with others beside them who ask for the same and never read."""
    with _one_camera() as served, viewers.sink() as sink:
        viewers.open_many(served.live("loop"), BESIDE, "tcp", sink)
        time.sleep(_SETTLE_S)
        alone, before_mb = sink.measure(seconds), measure.rss_mb(served.pid)
        blocked = []
        for _ in range(STUCK):
            session = viewers.Session(served.live("loop"), "tcp")
            session.connection.sendall(session.play("Range: npt=0.000-\r\n"))
            blocked.append(session.connection)
        # Within the time that they are given before they are cut off.
        beside, most_mb = sink.measure(min(seconds, 8)), measure.rss_mb(served.pid)
        for connection in blocked:
            connection.close()
    result = {
        "viewers": BESIDE,
        "stuck": STUCK,
        "missed_units": missed_by_viewers(beside),
        "lost_packets": beside["lost"],
        "p99_ratio": beside["latency_ms_p99"] / alone["latency_ms_p99"],
        "alone_ms_p99": alone["latency_ms_p99"],
        "beside_ms_p99": beside["latency_ms_p99"],
        "more_mb": most_mb - before_mb,
    }
    say(f"capacity, {STUCK} who never read beside {BESIDE}: {result}")
    return result


@contextlib.contextmanager
def _one_camera() -> Iterator[service.Service]:
    limits = "\n".join(f"rtsp_{name} = {2 * MANY}" for name in ("connections", "connections_per_address", "sessions"))
    settings = f"[limits]\n{limits}\nrtsp_sessions_per_user = {2 * MANY}"
    with camera() as url, tempfile.TemporaryDirectory() as folder:
        path = service.configuration(Path(folder), {"loop": url}, settings=settings, of_camera='record = "never"')
        with service.serve(path) as served:
            time.sleep(_SETTLE_S)  # the camera is up and the hub holds a GOP
            yield served
