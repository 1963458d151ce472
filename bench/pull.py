"""Pulls cameras in one process and measures itself: `python -m bench.pull native|aiortsp COUNT SECONDS URL...`.

The URLs are taken in turn. `native` is the way of the product: CameraSource over TCP, depacketising, a hub for each
camera, receiver reports. `aiortsp` is that library's own RTSPReader as its users run it, on the same uvloop, without
depacketising; its queue of packets, which costs more, is replaced by a counter.

When every camera has delivered it lets two seconds pass, measures, prints one JSON line, and runs on until it is ended.
"""

import asyncio
import gc
import json
import logging
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import structlog
import uvloop

_SETTLE_S = 2.0
_RAMP_S = 0.01
_UP_WITHIN_S = 30.0


class Meter:
    """Waits until all cameras deliver, then measures once. units: access units of each camera so far."""

    def __init__(self, units: Callable[[], list[int]], lost: Callable[[], int], seconds: float) -> None:
        self._units, self._lost, self._seconds = units, lost, seconds

    async def run(self) -> None:
        """Prints the result."""
        deadline = time.monotonic() + _UP_WITHIN_S
        while not all(self._units()) and time.monotonic() < deadline:  # noqa: ASYNC110 - hubs and readers have no event to wait for
            await asyncio.sleep(0.1)
        await asyncio.sleep(_SETTLE_S)
        units, began, cpu_s = self._units(), time.monotonic(), time.process_time()
        await asyncio.sleep(self._seconds)
        cpu_s, window_s = time.process_time() - cpu_s, time.monotonic() - began
        arrived = [now - before for now, before in zip(self._units(), units, strict=True)]
        result = {
            "window_s": window_s,
            "cpu_percent_per_camera": 100 * cpu_s / window_s / len(arrived),
            "units_per_s": sum(arrived) / window_s / len(arrived),
            "units_least": min(arrived),
            "units_most": max(arrived),
            "lost_packets": self._lost(),
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        }
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


def native(urls: list[str], seconds: float) -> None:
    """The product's way, on the reactor that it installs."""
    from bridge.app.reactor import install

    reactor = install()
    # After the reactor: Twisted would install another one.
    from bridge.base.time import SystemClock
    from bridge.media.hub import Hub
    from bridge.services.ingest.source import CameraSource, StreamSettings

    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )
    clock, source_random, log = SystemClock(), random.SystemRandom(), structlog.get_logger()
    hubs, sources = [], []
    for number, url in enumerate(urls):
        hub = Hub(f"c{number}/main", clock)
        settings = StreamSettings(f"c{number}", "main", url)
        source = CameraSource(settings, hub, reactor, clock, source_random, lambda *_: None, log)
        hubs.append(hub)
        sources.append(source)
        reactor.callLater(number * _RAMP_S, source.start)
    meter = Meter(
        lambda: [hub.statistics.units for hub in hubs], lambda: sum(each.statistics.lost for each in sources), seconds
    )
    gc.collect()
    gc.freeze()  # as the service does when it has started
    kept: list[Any] = []
    reactor.callWhenRunning(lambda: kept.append(asyncio.ensure_future(meter.run())))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # ended, not stopped: no farewells, no log lines
    reactor.run(installSignalHandlers=False)


def aiortsp(urls: list[str], seconds: float) -> None:
    """The library's way."""
    from aiortsp.rtsp.reader import RTSPReader

    class Reader(RTSPReader):
        units = 0

        def handle_rtp(self, rtp: Any) -> None:
            self.units += rtp.m

    readers: list[Reader] = []

    async def run() -> None:
        tasks = []
        for url in urls:
            reader = Reader(url, log_level=logging.ERROR)
            readers.append(reader)
            tasks.append(asyncio.ensure_future(reader.run_stream()))
            await asyncio.sleep(_RAMP_S)
        await Meter(lambda: [each.units for each in readers], lambda: 0, seconds).run()
        await asyncio.gather(*tasks)

    uvloop.run(run())


def main(kind: str, count: str, seconds: str, *urls: str) -> None:
    wanted = [urls[number % len(urls)] for number in range(int(count))]
    {"native": native, "aiortsp": aiortsp}[kind](wanted, float(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
