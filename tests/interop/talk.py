"""Pulls a camera's stream, on the reactor of production, and talks to its loudspeaker; prints one JSON line.

usage: talk.py URL TRANSPORT PACKETS        the sound of packet n is 160 bytes of n, 20 ms of G.711
"""

import asyncio
import json
import random
import struct
import sys

import structlog
import uvloop
from twisted.internet import asyncioreactor

loop = uvloop.new_event_loop()
asyncio.set_event_loop(loop)
asyncioreactor.install(loop)

from twisted.internet import reactor  # noqa: E402 - after it was installed
from twisted.internet.task import LoopingCall  # noqa: E402 - the same

from bridge.base.time import SystemClock  # noqa: E402
from bridge.media.hub import Hub  # noqa: E402
from bridge.media.talk import TalkLine  # noqa: E402
from bridge.services.ingest.source import CameraSource, StreamSettings  # noqa: E402


def main(url, transport, packets):
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    clock, line, pushed = SystemClock(), TalkLine(), []
    source = CameraSource(
        StreamSettings("cam", "main", url, transport, talk=True),
        Hub("cam/main", clock),
        reactor,
        clock,
        random.SystemRandom(),
        lambda state, reason: None,
        structlog.get_logger(),
        talk=line,
    )
    line.take("us", print)

    def say():
        count = len(pushed)
        if not line.listens:
            return
        if count == int(packets):
            talking.stop()
            reactor.callLater(0.3, end)
            return
        head = struct.pack("!BBHII", 0x80, 0, count, 160 * count, 0x5EED)
        if line.push("us", memoryview(head + bytes([count % 256]) * 160), clock.monotonic_ns()):
            pushed.append(count)

    def end():
        source.stop().addCallback(lambda _: reactor.stop())

    talking = LoopingCall(say)
    reactor.callWhenRunning(source.start)
    reactor.callWhenRunning(talking.start, 0.02)
    reactor.callLater(30, reactor.stop)
    reactor.run()
    print(json.dumps({"pushed": len(pushed), "faults": [fault.value for fault in source.statistics.faults]}))


main(*sys.argv[1:])
