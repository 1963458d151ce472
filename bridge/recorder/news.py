"""What the recorder tells users and other systems, as events and log lines: what changed, once."""

from collections.abc import Callable

import structlog

from bridge.base.events import Operation, Topic
from bridge.base.time import NS_PER_S
from bridge.base.tokens import recording_token
from bridge.recorder.lane import Lane
from bridge.recorder.running import RunningRecording, RunningStorage
from bridge.recorder.storage import StorageStatus
from bridge.recorder.storage_state import StorageState

Tell = Callable[[Topic, str, Operation, dict[str, str | int | bool], int], object]
"""(topic, source, operation, data, UTC ns): an event."""


class News:
    """See the module. What was told of a storage or a recording stands with it."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._log = structlog.get_logger()

    def clock(self, forward_ns: int, utc_ns: int) -> None:
        """The host's clock was set far forward, or (0) was not."""
        if forward_ns:
            seconds = forward_ns // NS_PER_S
            self._tell(Topic.CLOCK_SET, "", Operation.NONE, {"ForwardSeconds": seconds}, utc_ns)
            self._log.warning(
                "the clock was set forward: ages rest for an hour, nothing goes for them", seconds=seconds
            )

    def storage(self, storage: RunningStorage, status: StorageStatus, utc_ns: int) -> None:
        """How it is now."""
        before, storage.told = storage.told, status.state
        if before is status.state or status.state is StorageState.OPENING:
            return
        if storage.failed == status.state.writable:
            storage.failed = not status.state.writable
            data: dict[str, str | int | bool] = {"Failed": storage.failed, "Reason": status.sentence}
            self._tell(Topic.STORAGE_FAILURE, storage.settings.name, Operation.CHANGED, data, utc_ns)
        self._log.info("storage", name=storage.settings.name, state=status.state.value, reason=status.sentence)

    def losses(self, entry: RunningRecording, lane: Lane, utc_ns: int) -> None:
        """At the first of several, and with how many there were once something is written again."""
        lost, written = lane.lost_units > entry.lost, lane.written_units > entry.written
        entry.lost, entry.written = lane.lost_units, lane.written_units
        losing = lost or (entry.losing and not written)
        if losing == entry.losing:
            return
        settings = entry.settings
        token = recording_token(settings.camera, settings.stream)
        self._tell(Topic.FOOTAGE_LOST, token, Operation.NONE, {"Units": lane.lost_units}, utc_ns)
        self._log.warning(
            "units are lost" if losing else "no more units are lost",
            camera=settings.camera, stream=settings.stream, units=lane.lost_units,
        )  # fmt: skip
        entry.losing = losing

    def recording(self, entry: RunningRecording, recording: bool, utc_ns: int) -> None:
        """Whether it is written."""
        if recording == entry.recording:
            return
        entry.recording = recording
        token = recording_token(entry.settings.camera, entry.settings.stream)
        self._tell(Topic.RECORDING_STATE, token, Operation.CHANGED, {"IsRecording": recording}, utc_ns)
