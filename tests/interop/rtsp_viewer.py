"""A small RTSP client with its media in the RTSP connection: what a viewer loses is counted by RTP sequence numbers.

It shares no code with the bridge. A thread reads, so that the bridge never waits for a test that is busy.
"""

import contextlib
import hashlib
import queue
import re
import socket
import threading
from dataclasses import dataclass, field
from urllib.parse import urlsplit

TIMEOUT_S = 20


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: str


@dataclass
class Tally:
    """What one track has brought. gaps: RTP packets that are missing between others."""

    packets: int = 0
    gaps: int = 0
    ssrcs: set[int] = field(default_factory=set)
    latest: int | None = None

    def count(self, packet: bytes) -> None:
        sequence = int.from_bytes(packet[2:4])
        if self.latest is not None:
            self.gaps += (sequence - self.latest - 1) % 65536
        self.latest = sequence
        self.packets += 1
        self.ssrcs.add(int.from_bytes(packet[8:12]))


class RtspViewer:
    """One connection. `request` answers a 401 once, by Digest with MD5, as FFmpeg does.

    tally: what counts the packets of a track
    """

    tally: type[Tally] = Tally

    def __init__(self, url: str, user: str, password: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        self.url, self.user, self.password = url, user, password
        self.tallies: dict[int, Tally] = {}
        self.closed = threading.Event()
        self._socket = socket.create_connection((parts.hostname, parts.port or 554), TIMEOUT_S)
        self._socket.settimeout(None)
        self._file = self._socket.makefile("rb")
        self._replies: queue.Queue[Reply] = queue.Queue()
        self._session, self._cseq = "", 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "RtspViewer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(TIMEOUT_S)
        self._file.close()
        self._socket.close()

    def request(self, method: str, url: str = "", **headers: str) -> Reply:
        url = url or self.url
        reply = self._ask(method, url, headers)
        if reply.status == 401:
            challenge = dict(re.findall(r'(\w+)="([^"]*)"', reply.headers["www-authenticate"]))
            first = _md5(f"{self.user}:{challenge['realm']}:{self.password}")
            second = _md5(f"{method}:{url}")
            values = {"username": self.user, "realm": challenge["realm"], "nonce": challenge["nonce"], "uri": url}
            if "qop" in challenge:
                answer = _md5(f"{first}:{challenge['nonce']}:00000001:0a4f113b:auth:{second}")
                extra = ', qop=auth, nc=00000001, cnonce="0a4f113b"'
            else:
                answer, extra = _md5(f"{first}:{challenge['nonce']}:{second}"), ""
            fields = ", ".join(f'{name}="{value}"' for name, value in (values | {"response": answer}).items())
            reply = self._ask(method, url, headers | {"Authorization": f"Digest {fields}{extra}"})
        return reply

    def media(self) -> list[str]:
        """DESCRIBE's media, in order: `video`, `audio` …; an assertion fails when it is refused."""
        reply = self.request("DESCRIBE", Accept="application/sdp")
        assert reply.status == 200, reply
        return re.findall(r"^m=(\w+)", reply.body, re.MULTILINE)

    def play(self) -> "RtspViewer":
        """DESCRIBE, SETUP of every track, PLAY."""
        described = self.request("DESCRIBE", Accept="application/sdp")
        assert described.status == 200, described
        base = described.headers.get("content-base", self.url)
        for index, control in enumerate(
            re.findall(r"^a=control:(\S+)", described.body.partition("m=")[2], re.MULTILINE)
        ):
            url = control if control.startswith("rtsp://") else base.rstrip("/") + "/" + control
            self.tallies[2 * index] = self.tally()
            transport = f"RTP/AVP/TCP;unicast;interleaved={2 * index}-{2 * index + 1}"
            reply = self.request("SETUP", url, Transport=transport)
            assert reply.status == 200, reply
            self._session = reply.headers["session"].partition(";")[0]
        reply = self.request("PLAY", base, Range="npt=0.000-")
        assert reply.status == 200, reply
        return self

    @property
    def packets(self) -> int:
        return sum(tally.packets for tally in self.tallies.values())

    @property
    def gaps(self) -> int:
        return sum(tally.gaps for tally in self.tallies.values())

    def _ask(self, method: str, url: str, headers: dict[str, str]) -> Reply:
        self._cseq += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self._cseq}", "User-Agent: interop"]
        lines += [f"Session: {self._session}"] if self._session else []
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        return self._replies.get(timeout=TIMEOUT_S)

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while first := self._file.read(1):
                if first == b"$":
                    head = self._file.read(3)
                    packet = self._file.read(int.from_bytes(head[1:3]))
                    if head[0] in self.tallies:
                        self.tallies[head[0]].count(packet)
                else:
                    self._replies.put(self._read_reply(first + self._file.readline()))
        self.closed.set()

    def _read_reply(self, start: bytes) -> Reply:
        headers: dict[str, str] = {}
        while line := self._file.readline().decode().strip():
            name, _, value = line.partition(":")
            headers.setdefault(name.lower(), value.strip())
        body = self._file.read(int(headers.get("content-length", "0")))
        return Reply(int(start.split()[1]), headers, body.decode())


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
