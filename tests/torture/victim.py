"""The process that is killed: `python -m tests.torture.victim CONFIG MARKS`.

The product's own parts as `onb serve` puts them together (ingest, hubs, recorder, index), without the doors, which cost
a second at each start. A subscriber of each hub marks the last access unit of each track of video that was received, in
a file that is mapped into memory and so outlives the process.
"""

import mmap
import struct
import sys
from pathlib import Path
from typing import Any

from bridge.app.fleet import Fleet
from bridge.app.reactor import install
from bridge.app.recording import Recording
from bridge.app.service import camera_settings
from bridge.app.store import open_store
from bridge.base.media import AccessUnit, Track
from bridge.base.time import SystemClock
from bridge.media.hub import Hub
from bridge.recorder.settings import RecordingState
from bridge.system import logs
from bridge.system.catalogue import Catalogue
from bridge.system.config_load import load

MARK = struct.Struct("<qqq")
"""Of a camera: capture of its first and its last picture since the start, how many; 0: none yet."""


class Marker:
    """Marks what a hub hands out. The last picture is the one that is shown last: B-frames do not set it back."""

    def __init__(self, marks: mmap.mmap, number: int) -> None:
        self._marks, self._at = marks, number * MARK.size
        self._first = self._last = self._count = 0

    def on_access_unit(self, unit: AccessUnit) -> None:
        if unit.track == 0:
            self._first = self._first or unit.utc_ns
            self._last = max(self._last, unit.utc_ns)
            self._count += 1
            MARK.pack_into(self._marks, self._at, self._first, self._last, self._count)

    def on_tracks(self, tracks: tuple[Track, ...]) -> None:
        """Nothing to mark."""


def main() -> None:
    """Until it is killed."""
    config_path, marks_path = Path(sys.argv[1]), Path(sys.argv[2])
    logs.set_up(log_format="text", level="info", clock=SystemClock())
    reactor: Any = install()
    clock, config = SystemClock(), load(config_path)
    store = open_store(config)
    cameras = store.all_cameras(config).cameras
    with marks_path.open("r+b") as file:
        marks = mmap.mmap(file.fileno(), 0)
    hubs: list[Hub] = []

    def make_hub(name: str) -> Hub:
        hub = Hub(name, clock)
        hub.subscribe(Marker(marks, len(hubs)))
        hubs.append(hub)
        return hub

    catalogue = Catalogue()
    fleet = Fleet(reactor, clock, catalogue, make_hub, store.trust)
    recording = Recording(reactor, clock, store, catalogue)

    def say_ready() -> None:
        recorder = recording.recorder
        if recorder and all(one.state is RecordingState.RECORDING for one in recorder.recordings):
            sys.stdout.write("ready\n")
            sys.stdout.flush()
        else:
            reactor.callLater(0.02, say_ready)

    def start() -> None:
        fleet.apply(map(camera_settings, cameras))
        recording.apply(config, cameras)
        say_ready()

    reactor.callWhenRunning(start)
    reactor.run()


if __name__ == "__main__":
    main()
