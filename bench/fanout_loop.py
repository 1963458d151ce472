"""The fan-out loop against plain `send`: CPU of an access unit to N TCP viewers, as a ratio, in one process.

Both send the same bytes over the same loopback connections, in turn; the viewers' ends are emptied between, unmeasured.
`python bench/fanout_loop.py [viewers] [pictures]`.
"""

import secrets
import socket
import sys
import time
from typing import Any

from bridge.base.media import Codec, Track
from bridge.base.time import SystemClock
from bridge.media.hub import Hub
from bridge.media.routes import Interleaved
from bridge.media.rtp_stream import RtpStream
from bridge.net.writer import ConnectionWriter

KEY_BYTES, PICTURE_BYTES, GOP = 110_000, 18_500, 50
TRACK = Track(Codec.H264, 90_000, parameter_sets=(bytes.fromhex("67640029ac2b6033c8078022"), bytes.fromhex("68ee3cb0")))


class Transport:
    """As much of Twisted's as the writer asks for."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end

    def getHandle(self) -> socket.socket:  # noqa: N802 - Twisted's name
        return self.end

    def setTcpNoDelay(self, enabled: bool) -> None:  # noqa: N802 - Twisted's name
        self.end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, enabled)


def connect(count: int) -> list[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0), backlog=count) as listening:
        pairs = []
        for _ in range(count):
            theirs = socket.create_connection(listening.getsockname())
            ours, _ = listening.accept()
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            for end in (ours, theirs):
                end.setblocking(False)
            pairs.append((ours, theirs))
        return pairs


def empty(pairs: list[tuple[socket.socket, socket.socket]], scratch: bytearray) -> None:
    for _, theirs in pairs:
        try:
            while theirs.recv_into(scratch) == len(scratch):
                pass
        except BlockingIOError:
            pass


def main(viewers: int = 200, pictures: int = 500) -> float:
    clock = SystemClock()
    hub = Hub("bench/main", clock)
    run = hub.begin_run((TRACK,))
    stream = RtpStream(hub, clock, secrets.token_bytes)
    pairs = connect(viewers)
    reactor: Any = None  # nothing ever waits here
    for ours, _ in pairs:
        writer = ConnectionWriter(reactor, clock, Transport(ours))
        stream.play({0: Interleaved(writer, 0, 1)}, fast_start=False, now=clock.monotonic_ns()).begin(
            clock.monotonic_ns()
        )
    scratch = bytearray(1 << 20)
    spent = {"bridge": 0, "plain": 0}
    for number in range(pictures):
        key = number % GOP == 0
        parts = (bytes((0x65 if key else 0x41,)) + secrets.token_bytes(KEY_BYTES if key else PICTURE_BYTES),)
        start = time.process_time_ns()
        run.push(0, number * 3600, parts, key, False, clock.monotonic_ns())
        spent["bridge"] += time.process_time_ns() - start
        empty(pairs, scratch)
        packets = stream._watched[0].rtp._gop[-1].interleaved  # noqa: SLF001 - the very bytes that were sent
        start = time.process_time_ns()
        for ours, _ in pairs:
            ours.send(packets)
        spent["plain"] += time.process_time_ns() - start
        empty(pairs, scratch)
    for name, ns in spent.items():
        print(f"{name}: {ns / 1e6 / viewers / (pictures / 25):.4f} ms CPU per viewer and second of 25 pictures")
    ratio = spent["bridge"] / spent["plain"]
    print(f"ratio {ratio:.3f} with {viewers} viewers")
    return ratio


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
