"""What is to be recorded, how, and where: the configuration as the recorder needs it, and what came of it."""

import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bridge.base.time import NS_PER_S
from bridge.media.hub import Hub
from bridge.recorder.gate import Mode
from bridge.recorder.latency import Latency
from bridge.recorder.retention import Kept, RetentionRule, StorageLimits
from bridge.recorder.storage import StorageStatus


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """make: the folder is made with its parents when it is not there, as that of the default storage is."""

    name: str
    path: Path
    limits: StorageLimits = field(default_factory=StorageLimits)
    make: bool = False


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """A stream that has a recording, also when its mode is NEVER; one that is left out has its recording ended."""

    camera: str
    stream: str
    hub: Hub
    storage: str = "default"
    mode: Mode = Mode.ALWAYS
    schedule: tuple[str, ...] = ()
    pre_roll_ns: int = 0
    post_roll_ns: int = 0
    retention: RetentionRule = field(default_factory=RetentionRule)

    @property
    def key(self) -> tuple[str, str]:
        """Camera and stream: once in the settings."""
        return self.camera, self.stream


@dataclass(frozen=True, slots=True)
class RecorderSettings:
    """storages: those that recordings name, with others that keep what they have."""

    storages: tuple[StorageSettings, ...]
    recordings: tuple[RecordingSettings, ...]
    sync_interval_ns: int = 2 * NS_PER_S
    segment_ns: int = 60 * NS_PER_S


class RecordingState(enum.StrEnum):
    """Of one recording."""

    OFF = "off"
    STARTING = "starting"
    WAITING = "waiting"
    """For motion, or for its time."""
    NO_SIGNAL = "no signal"
    RECORDING = "recording"
    FAILED = "failed"
    """Something should be written and is not."""


@dataclass(frozen=True, slots=True)
class RecordingStatus:
    """recording: None while it is looked up. Counts are since the recording began to run."""

    camera: str
    stream: str
    storage: str
    recording: uuid.UUID | None
    state: RecordingState
    reason: str
    written_bytes: int = 0
    written_units: int = 0
    lost_units: int = 0
    held_bytes: int = 0


@dataclass(frozen=True, slots=True)
class StorageNumbers:
    """waiting_ns: of the oldest job in the queue. oldest_utc_ns: of what lies there; None: nothing, or not known.

    kept: of each recording, by camera and stream
    """

    name: str
    path: Path
    status: StorageStatus
    queue_jobs: int
    queue_bytes: int
    waiting_ns: int
    write_latency: Latency
    sync_latency: Latency
    removed_segments: int
    removed_bytes: int
    size_bytes: int
    free_bytes: int
    oldest_utc_ns: int | None
    kept: Mapping[tuple[str, str], Kept]
