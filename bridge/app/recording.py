"""Recording: the recorder and its index, built from the configuration, and what the service does with them."""

import datetime as dt
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from twisted.internet.task import LoopingCall

from bridge.app.store import Store
from bridge.base.events import Operation, Topic
from bridge.base.time import Clock, UtcNs
from bridge.recorder.disk import StorageDisk
from bridge.recorder.gate import Mode
from bridge.recorder.keeper import Keeper
from bridge.recorder.lending import live_runs
from bridge.recorder.library import Library
from bridge.recorder.listing import describe, list_recordings
from bridge.recorder.recorder import Recorder
from bridge.recorder.retention import RetentionRule, StorageLimits
from bridge.recorder.settings import RecorderSettings, RecordingSettings, RecordingState, StorageSettings
from bridge.store.chain import KeySigner
from bridge.store.index import MediaIndex
from bridge.store.rows import RunRow
from bridge.system.catalogue import Catalogue
from bridge.system.config import CameraConfig, Config, Storage

TICK_S = 0.1

STOP_WITHIN_S = 3
"""What is open is finished and indexed within it; a disk that hangs is left to the next start's recovery."""


class Recording:
    """The recorder of this process, from `start` to `stop`, and the library of what was recorded.

    Both are None while the index cannot be used.
    """

    def __init__(self, reactor: Any, clock: Clock, store: Store, catalogue: Catalogue) -> None:
        self._reactor = reactor
        self._store = store
        self._catalogue = catalogue
        self._ticks: LoopingCall | None = None
        self._clock = clock
        self._index = store.index
        self._retention_ns: dict[str, int | None] = {}
        self.recorder: Recorder | None = None
        self.library: Library | None = None
        if store.index is not None:
            self.recorder = self._build(store.index)
            self.library = Library(store.index, self.recorder.live)

    def _build(self, index: MediaIndex) -> Recorder:
        identity = self._store.identity
        signer = KeySigner(identity.signing_key)
        keeper = Keeper(identity.recorder_uuid, signer, index, self._locked)
        return Recorder(
            self._clock,
            host_zone(),
            index,
            lambda settings: StorageDisk(settings, keeper, self._clock),
            self._tell,
            self._reactor.callFromThread,
        )

    def _locked(self, recording: UUID) -> Sequence[tuple[int, int]]:
        return self._store.evidence.ranges_of(recording, self._clock.utc_ns())

    def _tell(
        self, topic: Topic, source: str, operation: Operation, data: dict[str, str | int | bool], utc_ns: int
    ) -> None:
        if self._store.events is not None:
            self._store.events.post(topic, source, data, UtcNs(utc_ns), operation)

    def apply(self, config: Config, cameras: Sequence[CameraConfig]) -> None:
        """What is recorded becomes what the configuration says; the catalogue has these cameras already."""
        self._retention_ns = {camera.id: camera.retention_ns for camera in cameras}
        recorder = self.recorder
        if recorder is None:
            return
        recorder.apply(recorder_settings(config, cameras, self._catalogue))
        if self._ticks is None:
            self._ticks = LoopingCall(lambda: recorder.on_timeout(self._clock.monotonic_ns()))
            self._ticks.clock = self._reactor
            self._ticks.start(TICK_S, now=False)

    def begin_stop(self) -> None:
        """Nothing is recorded from here on. To be called while the cameras still send, so that no end is cut off."""
        if self._ticks is not None:
            self._ticks.stop()
            self._ticks = None
        if self.recorder is not None:
            self.recorder.begin_stop()

    def join(self) -> bool:
        """Waits until all is written: not on the reactor. False: a disk hangs."""
        return self.recorder is None or self.recorder.join(STOP_WITHIN_S)

    def states(self) -> dict[tuple[str, str], tuple[str, str]]:
        """Of each stream that has a recording, by camera and stream: how it is, and why."""
        if self.recorder is None:
            return {}
        return {(one.camera, one.stream): (one.state.value, one.reason) for one in self.recorder.recordings}

    def state_of(self, camera: str, stream: str) -> RecordingState | None:
        """How that stream's recording is; None: it has none."""
        return self.recorder.state(camera, stream) if self.recorder else None

    def retention_of(self, camera: str) -> int | None:
        """For how many nanoseconds its footage is kept; None: as long as there is room."""
        return self._retention_ns.get(camera)

    def list(self) -> list[dict[str, object]]:
        """As `onb recordings list --json` prints them. Blocks for the database: not on the reactor."""
        index, recorder = self._index, self.recorder
        if index is None or recorder is None:
            return []

        def live(recording: UUID) -> Sequence[RunRow]:
            return live_runs(0, recorder.live(recording))

        return [describe(one) for one in list_recordings(index, live)]


def host_zone() -> dt.tzinfo:
    """The time zone that this host's clock shows: TZ, else /etc/localtime, else UTC."""
    name = os.environ.get("TZ", "").removeprefix(":")
    try:
        if name:
            return ZoneInfo(name)
        with Path("/etc/localtime").open("rb") as file:
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        return dt.UTC


def recorder_settings(config: Config, cameras: Sequence[CameraConfig], catalogue: Catalogue) -> RecorderSettings:
    """The configuration as the recorder needs it. Push cameras have no streams yet."""
    recordings = []
    for camera in cameras:
        seen = catalogue.camera(camera.id)
        for stream in camera.streams:
            live = seen.stream(stream.name) if seen else None
            if live is None or not stream.record:
                continue
            recordings.append(
                RecordingSettings(
                    camera.id,
                    stream.name,
                    live.hub,
                    camera.storage,
                    Mode(camera.record),
                    tuple(camera.schedule),
                    camera.pre_roll_ns,
                    camera.post_roll_ns,
                    RetentionRule(camera.retention_ns, camera.retention_bytes),
                )
            )
    return RecorderSettings(
        tuple(storage_settings(config, storage) for storage in config.recording.storages),
        tuple(recordings),
        config.recording.sync_interval_ns,
        config.recording.segment_ns,
    )


def storage_settings(config: Config, storage: Storage) -> StorageSettings:
    """A storage as the recorder needs it. Only a folder inside `data` is made: another one may be an unmounted disk."""
    limits = StorageLimits(storage.max_bytes, storage.min_free_bytes)
    return StorageSettings(storage.name, config.folder_of(storage), limits, make=not storage.path)
