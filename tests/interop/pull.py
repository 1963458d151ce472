"""Pulls one stream into a hub that only counts, on the reactor of production, and prints what came as one JSON line.

usage: pull.py URL TRANSPORT DRIVER SECONDS [UNITS]     ends early when every track has brought UNITS units
"""

import asyncio
import json
import random
import sys
import time
from dataclasses import asdict

import structlog
import uvloop
from twisted.internet import asyncioreactor

loop = uvloop.new_event_loop()
asyncio.set_event_loop(loop)
asyncioreactor.install(loop)

from twisted.internet import reactor  # noqa: E402 - after it was installed

from bridge.base.time import SystemClock  # noqa: E402
from bridge.services.ingest.source import CameraSource, StreamSettings  # noqa: E402


class CountingHub:
    """Stands where the hub stands: runs, units, keys and reports by track."""

    def __init__(self):
        self.runs = 0
        self.tracks = []
        self.units = []
        self.keys = []
        self.damaged = 0
        self.bytes = 0
        self.reports = 0

    def begin_run(self, tracks):
        self.runs += 1
        self.tracks = list(tracks)
        self.units = [0] * len(tracks)
        self.keys = [0] * len(tracks)
        return self

    def push(self, track, media_time, parts, key, damaged, arrived_ns):
        self.units[track] += 1
        self.keys[track] += key
        self.damaged += damaged
        self.bytes += sum(map(len, parts))

    def report(self, track, ntp_utc_ns, media_time, arrived_ns):
        self.reports += 1

    def end(self):
        pass


def main(url, transport, driver, seconds, units="0"):
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    hub, states = CountingHub(), []
    source = CameraSource(
        StreamSettings("cam", "main", url, transport, driver),
        hub,
        reactor,
        SystemClock(),
        random.SystemRandom(),
        lambda state, reason: states.append([state.value, reason]),
        structlog.get_logger(),
    )
    until = time.monotonic() + float(seconds)

    def look():
        enough = int(units) and hub.units and min(hub.units) >= int(units)
        if enough or time.monotonic() >= until:
            source.stop().addCallback(lambda _: reactor.stop())
        else:
            reactor.callLater(0.05, look)

    reactor.callWhenRunning(source.start)
    reactor.callWhenRunning(look)
    started = time.process_time()
    reactor.run()
    tracks = [
        {"codec": track.codec.value, "clock_rate": track.clock_rate, "width": track.width, "units": count, "keys": keys}
        for track, count, keys in zip(hub.tracks, hub.units, hub.keys, strict=True)
    ]
    summary = {
        "states": states,
        "runs": hub.runs,
        "tracks": tracks,
        "damaged": hub.damaged,
        "bytes": hub.bytes,
        "reports": hub.reports,
        "statistics": asdict(source.statistics),
        "cpu_s": round(time.process_time() - started, 3),
    }
    print(json.dumps(summary))


main(*sys.argv[1:])
