"""Starts the workers of the simulated cameras and fills hubs with what they encode."""

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import structlog
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from bridge.base.media import Track
from bridge.base.time import NS_PER_S, Clock
from bridge.media.hub import Hub, Run
from bridge.sim.loudspeaker import Loudspeaker
from bridge.sim.records import RecordReader, StreamTracks
from bridge.sim.scenes import SILENCE_S, Scene
from bridge.system.catalogue import Camera, Catalogue, LiveStream, StreamState

STREAM_NAMES = ("main", "sub")
_RESTART_S = 2.0


class SimulatedCameras:
    """The cameras as a catalogue, which an RTSP server then serves like any other.

    loudspeakers: of the cameras that have one, by id
    """

    def __init__(self, reactor: Any, clock: Clock, scenes: Sequence[Scene]) -> None:
        """reactor: Twisted's, for spawnProcess and callLater."""
        self.catalogue = Catalogue()
        self.loudspeakers = {scene.camera_id: Loudspeaker(clock) for scene in scenes if scene.loudspeaker}
        self._reactor = reactor
        self._workers: list[_Worker] = []
        cameras = []
        for scene in scenes:
            camera_id = scene.camera_id
            hubs = tuple(Hub(f"sim-{camera_id}/{name}", clock, on_failure=_tell) for name in STREAM_NAMES)
            streams = tuple(LiveStream(name, hub, StreamState.UP) for name, hub in zip(STREAM_NAMES, hubs, strict=True))
            loudspeaker = self.loudspeakers.get(camera_id)
            cameras.append(Camera(camera_id, scene.name, streams, loudspeaker.line if loudspeaker else None))
            self._workers.append(_Worker(reactor, clock, scene, hubs))
        self.catalogue.replace(cameras)

    def start(self) -> None:
        """Spawns one process per camera; a worker that dies is started again."""
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        """Ends the processes, and tells what was talked."""
        for camera_id, speaker in self.loudspeakers.items():
            log = structlog.get_logger().bind(camera=camera_id)
            log.info("simulated loudspeaker", packets=speaker.packets, played_crc32=speaker.played_crc32)
        for worker in self._workers:
            worker.stop()


def _tell(subscriber: object, error: BaseException) -> None:
    structlog.get_logger().error("a viewer of a simulated camera failed", error=repr(error))


class _Worker(ProcessProtocol):
    """One camera's process. Streams are told apart by the byte before each record."""

    def __init__(self, reactor: Any, clock: Clock, scene: Scene, hubs: Sequence[Hub]) -> None:
        self._reactor, self._clock, self._scene, self._hubs = reactor, clock, scene, hubs
        self._log = structlog.get_logger().bind(simulated_camera=scene.name)
        self._stopping = False
        self._process: Any = None
        at_s = scene.silent_at_s
        self._silent_from_ns = self._clock.monotonic_ns() + at_s * NS_PER_S if at_s else 0
        self._silent_until_ns = self._silent_from_ns + SILENCE_S * NS_PER_S if at_s else 0
        self._reset()

    def _reset(self) -> None:
        self._reader = RecordReader()
        self._runs: dict[int, Run] = {}
        self._tracks: dict[int, tuple[Track, ...]] = {}

    def start(self) -> None:
        """Spawns the process."""
        self._reset()
        command = [sys.executable, "-m", "bridge.sim.worker", self._scene.to_json()]
        self._process = self._reactor.spawnProcess(
            self, sys.executable, command, env=dict(os.environ), childFDs={0: "w", 1: "r", 2: 2}
        )

    def stop(self) -> None:
        """Ends the process: its standard input closes, and it is told so by a signal as well."""
        self._stopping = True
        if self._process is not None:
            with contextlib.suppress(ProcessExitedAlready):
                self._process.signalProcess("TERM")

    def outReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """What the worker encoded, into the hubs."""
        now = self._clock.monotonic_ns()
        for record in self._reader.feed(data):
            if isinstance(record, StreamTracks):
                self._tracks[record.stream] = record.tracks
                self._runs[record.stream] = self._hubs[record.stream].begin_run(record.tracks)
            elif self._silent_from_ns <= now < self._silent_until_ns:
                if (run := self._runs.pop(record.stream, None)) is not None:
                    run.end()
            else:
                # A run waits for its first key frame by itself.
                run = self._runs.get(record.stream)
                if run is None:
                    run = self._runs[record.stream] = self._hubs[record.stream].begin_run(self._tracks[record.stream])
                run.push(record.track, record.media_time, record.parts, record.key, False, now)

    def processEnded(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """Starts it again, unless it was stopped."""
        self._process = None
        for run in self._runs.values():
            run.end()
        if not self._stopping:
            self._log.warning("the simulated camera's encoder ended, it is started again", reason=str(reason.value))
            self._reactor.callLater(_RESTART_S, self.start)
