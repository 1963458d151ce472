"""What the recorder has in hand: each storage and each recording as it runs, and how it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from bridge.base.time import MonotonicNs
from bridge.recorder.cutter import Cutter
from bridge.recorder.gate import Gate, Mode
from bridge.recorder.lane import Lane, RecordedStream, Serials
from bridge.recorder.prelude import Prelude
from bridge.recorder.retention import Kept, RetentionRule
from bridge.recorder.settings import RecordingSettings, RecordingState, RecordingStatus, StorageNumbers, StorageSettings
from bridge.recorder.storage import Disk, StorageStatus, StorageWriter
from bridge.recorder.storage_state import StorageState


class RetainingDisk(Disk, Protocol):
    """A disk whose rules can change while it is used."""

    def rule(self, settings: StorageSettings, rules: Mapping[int, RetentionRule]) -> None:
        """From now on. rules: by the index's number of the recording."""

    @property
    def room(self) -> tuple[int, int, int | None]:
        """Bytes held, bytes free, oldest footage (UTC ns; None: none): as the last look found them."""

    @property
    def kept(self) -> Mapping[tuple[str, str], Kept]:
        """By camera and stream, as the last look found it."""


@dataclass(slots=True, eq=False)
class RunningStorage:
    """told, failed: what was last told of it (bridge/recorder/news.py)."""

    settings: StorageSettings
    disk: RetainingDisk
    writer: StorageWriter
    told: StorageState = StorageState.OPENING
    failed: bool = False

    def numbers(self, now: MonotonicNs) -> StorageNumbers:
        """For metrics."""
        writer = self.writer
        size_bytes, free_bytes, oldest_utc_ns = self.disk.room
        return StorageNumbers(
            writer.name,
            self.settings.path,
            writer.status(now),
            len(writer.queue),
            writer.queue.size_bytes,
            writer.queue.waiting_ns(now),
            writer.write_latency,
            writer.sync_latency,
            writer.removed_segments,
            writer.removed_bytes,
            size_bytes,
            free_bytes,
            oldest_utc_ns,
            self.disk.kept,
        )


@dataclass(slots=True, eq=False)
class RunningRecording:
    """stream: None until the index answered. gate, cutter: they come with a lane that is ready.

    prelude:  what comes before that, from the first moment on
    asked_ns: when the index was asked
    lost, written, losing, recording: what was last told of it (bridge/recorder/news.py)
    """

    settings: RecordingSettings
    stream: RecordedStream | None = None
    serials: Serials = field(default_factory=Serials)
    storage: RunningStorage | None = None
    lane: Lane | None = None
    gate: Gate | None = None
    cutter: Cutter | None = None
    prelude: Prelude | None = None
    asked_ns: int | None = None
    lost: int = 0
    written: int = 0
    losing: bool = False
    recording: bool = False

    def status(self, storage: StorageStatus | None) -> RecordingStatus:
        """How it is. storage: how the one of its settings is; None: there is none of that name."""
        settings, lane = self.settings, self.lane
        status = RecordingStatus(
            settings.camera,
            settings.stream,
            settings.storage,
            self.stream.recording if self.stream else None,
            *self._state(storage),
        )
        if lane is None:
            return status
        held = (self.gate.held_bytes if self.gate else 0) + (self.cutter.held_bytes if self.cutter else 0)
        return replace(
            status,
            written_bytes=lane.written_bytes,
            written_units=lane.written_units,
            lost_units=lane.lost_units,
            held_bytes=held,
        )

    def _state(self, storage: StorageStatus | None) -> tuple[RecordingState, str]:
        if self.settings.mode is Mode.NEVER:
            return RecordingState.OFF, "not to be recorded"
        if storage is None:
            return RecordingState.FAILED, f"there is no storage {self.settings.storage}"
        if storage.state is not StorageState.OPENING and not storage.state.writable:
            return RecordingState.FAILED, storage.sentence
        if self.gate is None:
            return RecordingState.STARTING, "waits for its storage" if self.stream else "waits for the index"
        if not self.gate.open:
            return RecordingState.WAITING, self.gate.reason
        if not self.settings.hub.running:
            return RecordingState.NO_SIGNAL, "the camera sends nothing"
        if self.losing:
            return RecordingState.FAILED, storage.sentence or f"the storage {self.settings.storage} does not keep up"
        return RecordingState.RECORDING, self.gate.reason
