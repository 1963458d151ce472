"""Opens viewers' sessions and hands their sockets to the sink, which sends PLAY and measures."""

import contextlib
import hashlib
import json
import re
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bench.measure import compiled

RECEIVE_BYTES = 4 << 20
PLAYERS_RECEIVE_BYTES = 384 * 1024
"""What FFmpeg asks for as the receive buffer of a UDP socket; GStreamer's rtspsrc asks for a little more."""


@dataclass(frozen=True)
class Target:
    """What is watched.

    url:  rtsp://…, or floor://127.0.0.1:PORT for the floor's own one-line protocol
    play: headers of PLAY, each with its line end
    """

    url: str
    user: str = ""
    password: str = ""
    play: str = "Range: npt=0.000-\r\n"


class Sink:
    """The C program at the other end of a Unix socket."""

    def __init__(self, control: socket.socket, child: "subprocess.Popen[str]") -> None:
        self._control, self._child = control, child

    def take(self, kind: bytes, play: bytes, report: bytes, sockets: list[socket.socket]) -> None:
        """A session: the sink gets copies of the descriptors, ours are closed."""
        message = kind + struct.pack("=HH", len(play), len(report)) + play + report
        socket.send_fds(self._control, [message], [each.fileno() for each in sockets])
        for each in sockets:
            each.close()

    def measure(self, seconds: float) -> dict[str, Any]:
        """What arrives in the next seconds."""
        self._control.send(b"m" + struct.pack("=I", int(seconds * 1000)))
        output = self._child.stdout
        if output is None:
            raise RuntimeError("the sink has no output")
        result: dict[str, Any] = json.loads(output.readline())
        return result


@contextlib.contextmanager
def sink() -> Iterator[Sink]:
    """A sink that lives as long as the block."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [str(compiled("sink")), str(theirs.fileno())]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, pass_fds=[theirs.fileno()])
    theirs.close()
    try:
        yield Sink(ours, child)
    finally:
        with contextlib.suppress(OSError):
            ours.send(b"q")
        ours.close()
        child.wait(10)


def open_many(
    target: Target,
    count: int,
    transport: str,
    into: Sink,
    *,
    per_second: float = 200,
    receive_bytes: int = RECEIVE_BYTES,
) -> None:
    """Opens `count` sessions at an even rate. transport: tcp or udp; receive_bytes: buffer of each UDP socket."""
    begin = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, begin + number / per_second - time.monotonic()))
        if target.url.startswith("floor:"):
            _open_floor(target, transport, into, receive_bytes)
        else:
            Session(target, transport, receive_bytes).hand_over(into)


def _receiving_pair(receive_bytes: int) -> list[socket.socket]:
    while True:
        pair = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        with contextlib.suppress(OSError):
            pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            pair[0].bind(("127.0.0.1", 0))
            port = pair[0].getsockname()[1]
            if port % 2 == 0:
                pair[1].bind(("127.0.0.1", port + 1))
                return pair
        for each in pair:
            each.close()


def _open_floor(target: Target, transport: str, into: Sink, receive_bytes: int) -> None:
    parts = urlsplit(target.url)
    connection = socket.create_connection((parts.hostname, parts.port))
    if transport == "tcp":
        into.take(b"t", b"t\n", b"", [connection])
        return
    pair = _receiving_pair(receive_bytes)
    into.take(b"u", b"u %d\n" % pair[0].getsockname()[1], b"", [connection, *pair])


class Session:
    """One viewer's way to a PLAY that is ready to be sent."""

    def __init__(self, target: Target, transport: str, receive_bytes: int = RECEIVE_BYTES) -> None:
        self._target = target
        parts = urlsplit(target.url)
        self.connection = self._connect((parts.hostname or "", parts.port or 554))
        self._cseq, self._challenge = 0, {}
        self._pair: list[socket.socket] = []
        head, body = self._ask("DESCRIBE", target.url, "Accept: application/sdp\r\n")
        if head.startswith("RTSP/1.0 401"):
            # The first of the challenges is MD5, as every client knows it.
            offered = re.search(r"(?im)^www-authenticate: *digest +(.*)$", head)
            self._challenge = dict(re.findall(r'(\w+)="?([^",]+)"?', offered[1] if offered else ""))
            head, body = self._ask("DESCRIBE", target.url, "Accept: application/sdp\r\n")
        base = re.search(r"(?im)^content-base: *(\S+)", head)
        video = body.partition("m=video")[2].partition("\nm=")[0]
        control = re.search(r"(?m)^a=control:(\S+)", video)
        if not head.startswith("RTSP/1.0 200") or not control:
            raise RuntimeError(f"DESCRIBE of {target.url}: {head.splitlines()[0]}")
        self._url = (base[1] if base else target.url).rstrip("/")
        track = control[1] if "://" in control[1] else f"{self._url}/{control[1]}"
        if transport == "udp":
            self._pair = _receiving_pair(receive_bytes)
            port = self._pair[0].getsockname()[1]
            wanted = f"RTP/AVP;unicast;client_port={port}-{port + 1}"
        else:
            wanted = "RTP/AVP/TCP;unicast;interleaved=0-1"
        head, _ = self._ask("SETUP", track, f"Transport: {wanted}\r\n")
        session = re.search(r"(?im)^session: *([^;\s]+)", head)
        if not session:
            raise RuntimeError(f"SETUP of {track}: {head.splitlines()[0]}")
        self._session = session[1]
        if self._pair:
            ports = re.search(r"server_port=(\d+)-(\d+)", head)
            if ports:
                host = self.connection.getpeername()[0]
                self._pair[1].connect((host, int(ports[2])))

    def _connect(self, address: tuple[str, int]) -> socket.socket:
        connection = socket.create_connection(address, timeout=20)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def _receive(self) -> bytes:
        return self.connection.recv(65536)

    def hand_over(self, into: Sink) -> None:
        """The sink sends PLAY and takes what comes."""
        play = self.play(self._target.play)
        report = struct.pack(">BBHI", 0x80, 201, 1, 0x5EED)  # a receiver report without blocks keeps the session alive
        framed = report if self._pair else b"$\1" + struct.pack(">H", len(report)) + report
        self.connection.settimeout(None)
        into.take(b"u" if self._pair else b"t", play, framed, [self.connection, *self._pair])

    def play(self, headers: str) -> bytes:
        """A PLAY with these headers, to be sent."""
        return self._request("PLAY", self._url, f"Session: {self._session}\r\n{headers}")

    def _ask(self, method: str, url: str, headers: str) -> tuple[str, str]:
        self._send(self._request(method, url, headers))
        data = b""
        while b"\r\n\r\n" not in data:
            got = self._receive()
            if not got:
                raise RuntimeError(f"{method} {url}: connection closed")
            data += got
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        while len(body) < (int(length[1]) if length else 0):
            body += self._receive()
        return head.decode(), body.decode()

    def _request(self, method: str, url: str, headers: str) -> bytes:
        self._cseq += 1
        if self._challenge:
            headers += f"Authorization: {self._authorization(method, url)}\r\n"
        return f"{method} {url} RTSP/1.0\r\nCSeq: {self._cseq}\r\nUser-Agent: bench\r\n{headers}\r\n".encode()

    def _authorization(self, method: str, url: str) -> str:
        target, challenge = self._target, self._challenge
        secret = _md5(f"{target.user}:{challenge['realm']}:{target.password}")
        response = _md5(f"{secret}:{challenge['nonce']}:{_md5(f'{method}:{url}')}")  # RFC 2069: without qop
        return (
            f'Digest username="{target.user}", realm="{challenge["realm"]}", nonce="{challenge["nonce"]}", '
            f'uri="{url}", response="{response}"'
        )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
