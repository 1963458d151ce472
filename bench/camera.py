"""A synthetic RTSP camera that sends the loop, paced: `python -m bench.camera [--port P] [--gop 50]`.

RTSP over TCP and UDP, no log-in, any path; sends sender reports. Prints its URL when it listens. It is deliberately
little: a real camera's quirks are the tests' business, this one only has to cost little beside what is measured.
"""

import argparse
import asyncio
import base64
import re
import secrets
import socket
import struct
import sys
import time
from typing import Any

from bench.loop import CLOCK_RATE, STAMP_DIGITS, Setting, Unit, load

_BEHIND_BYTES = 4 << 20  # a client further behind is cut off
_NTP_EPOCH_S = 2_208_988_800


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, camera: "Camera") -> None:
        self._camera, self._data = camera, b""
        self._session = secrets.token_hex(8)
        self._channel: int | None = None
        self._udp: tuple[Any, Any] | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        self._camera.playing.discard(self)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while self._data:
            if self._data[0] == 0x24:
                size = 4 + int.from_bytes(self._data[2:4], "big")
                if len(self._data) < size:
                    return
                self._data = self._data[size:]
                continue
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if not end:
                return
            self._data = rest
            self._answer(head.decode())

    def _answer(self, head: str) -> None:
        method, url = head.split()[:2]
        cseq = re.search(r"(?i)cseq: *(\d+)", head)
        headers, body, status = "", "", "200 OK"
        if method == "OPTIONS":
            headers = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n"
        elif method == "DESCRIBE":
            body = self._camera.sdp
            headers = (
                f"Content-Base: {url.rstrip('/')}/\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
            )
        elif method == "SETUP":
            transport = self._setup(head)
            status = "200 OK" if transport else "461 Unsupported Transport"
            headers = f"Session: {self._session};timeout=60\r\n" + (f"Transport: {transport}\r\n" if transport else "")
        else:
            headers = f"Session: {self._session}\r\n"
        self._transport.write(f"RTSP/1.0 {status}\r\nCSeq: {cseq[1] if cseq else 0}\r\n{headers}\r\n{body}".encode())
        if method == "PLAY":
            self._camera.playing.add(self)
        elif method == "TEARDOWN":
            self._transport.close()

    def _setup(self, head: str) -> str:
        if ports := re.search(r"client_port=(\d+)-(\d+)", head):
            host = self._transport.get_extra_info("peername")[0]
            self._udp = (host, int(ports[1])), (host, int(ports[2]))
            server = "-".join(str(x.getsockname()[1]) for x in self._camera.sockets)
            return f"RTP/AVP;unicast;client_port={ports[1]}-{ports[2]};server_port={server}"
        channel = re.search(r"interleaved=(\d+)", head)
        if "RTP/AVP/TCP" not in head:
            return ""
        self._channel = int(channel[1]) if channel else 0
        return f"RTP/AVP/TCP;unicast;interleaved={self._channel}-{self._channel + 1}"

    def send(self, unit: Unit, report: bytes) -> None:
        if self._udp:
            for at, size in unit.spans:
                self._camera.sockets[0].sendto(unit.framed[at : at + size], self._udp[0])
            if report:
                self._camera.sockets[1].sendto(report, self._udp[1])
            return
        if self._transport.get_write_buffer_size() > _BEHIND_BYTES:
            self._transport.abort()
            return
        data = bytearray(unit.framed)
        if self._channel:
            for at, _ in unit.spans:
                data[at - 3] = self._channel
        if report:
            data += struct.pack(">BBH", 0x24, (self._channel or 0) + 1, len(report)) + report
        self._transport.write(bytes(data))


class Camera:
    """The loop and its clients."""

    def __init__(self, setting: Setting) -> None:
        self._setting, self._units = setting, load(setting)
        self.playing: set[Client] = set()
        self.sockets = _socket_pair()
        first = self._units[0]
        nals = {first.framed[at + 12] & 31: bytes(first.framed[at + 12 : at + size]) for at, size in first.spans}
        sets = ",".join(base64.b64encode(nals[kind]).decode() for kind in (7, 8))
        self.sdp = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=bench\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n"
            "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
            f"a=fmtp:96 packetization-mode=1;profile-level-id={nals[7][1:4].hex()};sprop-parameter-sets={sets}\r\n"
            "a=control:track0\r\n"
        )

    async def run(self) -> None:
        """Sends for ever."""
        begin, sequence, number, packets, octets = time.monotonic(), 0, 0, 0, 0
        while True:
            await asyncio.sleep(max(0, begin + number / self._setting.frame_rate - time.monotonic()))
            unit = self._units[number % len(self._units)]
            timestamp = number * CLOCK_RATE // self._setting.frame_rate & 0xFFFFFFFF
            for at, size in unit.spans:
                struct.pack_into(">HI", unit.framed, at + 2, sequence & 0xFFFF, timestamp)
                sequence, packets, octets = sequence + 1, packets + 1, octets + size - 12
            unit.framed[unit.stamp : unit.stamp + STAMP_DIGITS] = b"%016x" % time.monotonic_ns()
            report = b""
            if number % (5 * self._setting.frame_rate) == 0:
                ntp = time.time() + _NTP_EPOCH_S
                words = 0x0B5EC0DE, int(ntp), int(ntp % 1 * 2**32), timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF
                report = struct.pack(">BBH6I", 0x80, 200, 6, *words)
            for client in list(self.playing):
                client.send(unit, report)
            number += 1


def _socket_pair() -> tuple[socket.socket, socket.socket]:
    while True:
        first, second = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        first.bind(("127.0.0.1", 0))
        port = first.getsockname()[1]
        try:
            if port % 2 == 0:
                second.bind(("127.0.0.1", port + 1))
                for each in (first, second):
                    each.setblocking(False)
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
                return first, second
        except OSError:
            pass
        first.close()
        second.close()


async def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--gop", type=int, default=Setting.gop)
    options = parser.parse_args(arguments)
    camera = Camera(Setting(gop=options.gop))
    server = await asyncio.get_running_loop().create_server(
        lambda: Client(camera), "127.0.0.1", options.port, backlog=1024
    )
    print(f"rtsp://127.0.0.1:{server.sockets[0].getsockname()[1]}/loop", flush=True)
    await camera.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
