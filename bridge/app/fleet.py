"""The cameras that run: hubs, catalogue entries and sources, kept in step with the configuration.

A stream that does not change is not interrupted: its hub, and with it its viewers, stay when other streams come and go;
even a stream whose address changes keeps its hub, and so its viewers; a camera its line, and so who talks to it.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from twisted.internet.defer import Deferred

from bridge.base.time import Clock
from bridge.media.hub import Hub
from bridge.media.talk import TalkLine
from bridge.services.ingest.source import CameraSource, StreamSettings
from bridge.services.ingest.tls import Trust
from bridge.system.catalogue import Camera, Catalogue, LiveStream, StreamState


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """A camera as it should run; the first stream is the main one."""

    id: str
    name: str
    streams: tuple[StreamSettings, ...]


@dataclass(slots=True)
class _Running:
    settings: StreamSettings
    stream: LiveStream
    source: CameraSource


class Fleet:
    """`apply` makes the running cameras what the settings say."""

    def __init__(
        self, reactor: Any, clock: Clock, catalogue: Catalogue, make_hub: Callable[[str], Hub], trust: Trust
    ) -> None:
        """make_hub: a hub for `<camera>/<stream>`; trust: who remembers cameras' certificates."""
        self._trust = trust
        self._reactor, self._clock, self._catalogue = reactor, clock, catalogue
        self._make_hub = make_hub
        self._log = structlog.get_logger()
        self._random = random.SystemRandom()
        self._running: dict[tuple[str, str], _Running] = {}
        self._lines: dict[str, TalkLine] = {}
        self._stopping: set[Deferred[None]] = set()

    @property
    def sources(self) -> tuple[tuple[LiveStream, CameraSource], ...]:
        """Every stream with its source, for metrics."""
        return tuple((entry.stream, entry.source) for entry in self._running.values())

    def apply(self, cameras: Iterable[CameraSettings]) -> None:
        """Starts, stops and restarts sources until the cameras are these, in this order."""
        cameras = tuple(cameras)
        talked_to = [camera.id for camera in cameras if any(one.talk for one in camera.streams)]
        self._lines = {id_: self._lines.get(id_) or TalkLine() for id_ in talked_to}
        wanted = {(one.camera_id, one.stream_name): one for camera in cameras for one in camera.streams}
        for key in [key for key in self._running if key not in wanted]:
            self._stop(self._running.pop(key))
        for key, settings in wanted.items():
            entry = self._running.get(key)
            if entry is None:
                self._running[key] = self._start(settings, LiveStream(settings.stream_name, self._hub(settings)))
            elif entry.settings != settings:
                self._stop(entry)
                self._running[key] = self._start(settings, entry.stream)
        self._catalogue.replace(
            Camera(
                camera.id,
                camera.name,
                tuple(self._running[camera.id, one.stream_name].stream for one in camera.streams),
                self._lines.get(camera.id),
            )
            for camera in cameras
        )

    def trust_changed(self) -> None:
        """Which certificates cameras are trusted with is another thing now."""
        for entry in self._running.values():
            entry.source.trust_changed()

    async def stop(self) -> None:
        """Takes leave of every camera."""
        for entry in self._running.values():
            self._stop(entry)
        self._running.clear()
        for stopped in list(self._stopping):
            await stopped

    def _hub(self, settings: StreamSettings) -> Hub:
        return self._make_hub(f"{settings.camera_id}/{settings.stream_name}")

    def _start(self, settings: StreamSettings, stream: LiveStream) -> _Running:
        def on_state(state: StreamState, reason: str) -> None:
            stream.state, stream.reason = state, reason

        source = CameraSource(
            settings,
            stream.hub,
            self._reactor,
            self._clock,
            self._random,
            on_state,
            self._log,
            trust=self._trust,
            talk=self._lines.get(settings.camera_id),
        )
        source.start()
        return _Running(settings, stream, source)

    def _stop(self, entry: _Running) -> None:
        stopped = entry.source.stop()
        self._stopping.add(stopped)
        stopped.addBoth(lambda _: self._stopping.discard(stopped))
