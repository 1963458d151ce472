"""The recorder: storages and recordings, kept in step with the settings (docs/design/store.md).

Everything here happens on the reactor's thread; threads answer through `call_in_reactor`. A recording that does not
change is not interrupted: it goes on while others come and go, and while its own schedule or rolls change.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from bridge.base.errors import BridgeError
from bridge.base.time import NS_PER_S, Clock, MonotonicNs
from bridge.recorder.clerk import Clerk
from bridge.recorder.clock_watch import ClockWatch
from bridge.recorder.cutter import Cutter
from bridge.recorder.gate import Gate, Mode
from bridge.recorder.lane import Lane, LiveSegment, RecordedStream, Serials
from bridge.recorder.retention import RetentionRule
from bridge.recorder.schedule import Schedule
from bridge.recorder.settings import (
    RecorderSettings,
    RecordingSettings,
    RecordingState,
    RecordingStatus,
    StorageNumbers,
    StorageSettings,
)
from bridge.recorder.storage import Disk, StorageStatus, StorageWriter
from bridge.recorder.storage_state import StorageState
from bridge.store.index import MediaIndex

#: How often schedules, storages and losses are looked at.
_LOOK_NS = 1 * NS_PER_S
#: How often an index that did not answer is asked again.
_ASK_NS = 10 * NS_PER_S
#: Recordings are looked up when all storages were looked at, as they may hold one that a lost index does not know.
#: A disk that hangs is not waited for longer than this.
_STORAGES_WITHIN_NS = 10 * NS_PER_S

RECORDING_STATE = "tns1:RecordingHistory/Recording/State"
STORAGE_FAILURE = "tns1:Device/HardwareFailure/StorageFailure"
LOST = "onb:Recording/Lost"
CLOCK_SET = "onb:Clock/Set"

Tell = Callable[[str, str, str, dict[str, str | int | bool], int], object]
"""(topic, source, operation, data, UTC ns): an event."""


class RetainingDisk(Disk, Protocol):
    """A disk whose rules can change while it is used."""

    def rule(self, settings: StorageSettings, rules: Mapping[int, RetentionRule]) -> None:
        """From now on. rules: by the index's number of the recording."""

    @property
    def room(self) -> tuple[int, int, int | None]:
        """Bytes held, bytes free, oldest footage (UTC ns; None: none): as the last look found them."""


@dataclass(slots=True, eq=False)
class _Storage:
    settings: StorageSettings
    disk: RetainingDisk
    writer: StorageWriter
    told: StorageState = StorageState.OPENING
    failed: bool = False


@dataclass(slots=True, eq=False)
class _Recording:
    """stream: None until the index answered. gate, cutter: they come with a lane that is ready."""

    settings: RecordingSettings
    stream: RecordedStream | None = None
    serials: Serials = field(default_factory=Serials)
    storage: _Storage | None = None
    lane: Lane | None = None
    gate: Gate | None = None
    cutter: Cutter | None = None
    asked_ns: int | None = None
    lost: int = 0
    written: int = 0
    losing: bool = False
    recording: bool = False


class Recorder:
    """`apply` makes what is recorded what the settings say; `on_timeout` is called every 100 ms."""

    def __init__(
        self,
        clock: Clock,
        zone: dt.tzinfo,
        index: MediaIndex,
        make_disk: Callable[[StorageSettings], RetainingDisk],
        tell: Tell,
        call_in_reactor: Callable[[Callable[[], object]], object],
    ) -> None:
        """
        zone:            schedules are of this time zone
        tell:            of what users and other systems should know
        call_in_reactor: runs something on the reactor's thread, soon
        """
        self._clock, self._zone, self._index = clock, zone, index
        self._make_disk, self._tell, self._call_in_reactor = make_disk, tell, call_in_reactor
        self._log = structlog.get_logger()
        self._settings = RecorderSettings((), ())
        self._storages: dict[str, _Storage] = {}
        self._leaving: list[_Storage] = []
        self._recordings: dict[tuple[str, str], _Recording] = {}
        self._clerk = Clerk()
        self._watch = ClockWatch(clock)
        self._look_due_ns = 0
        self._unasked: list[_Recording] = []
        self._others_due = True
        self._applied_ns = 0
        self._stopping = False

    # -- settings

    def apply(self, settings: RecorderSettings) -> None:
        """What differs from the settings before is changed, nothing else is touched."""
        self._settings = settings
        storages = {one.name: one for one in settings.storages}
        wanted = {one.key: one for one in settings.recordings}
        moved = {
            name
            for name, storage in self._storages.items()
            if name not in storages or storages[name].path != storage.settings.path
        }
        for key, entry in list(self._recordings.items()):
            settled = wanted.get(key)
            if settled is None or entry.settings.storage in moved:
                self._stop_recording(entry, for_good=settled is None)
                del self._recordings[key]
        for name in moved:
            storage = self._storages.pop(name)
            storage.writer.begin_stop()
            self._leaving.append(storage)
        for one in settings.storages:
            self._apply_storage(one)
        for key, one_wanted in wanted.items():
            self._apply_recording(key, one_wanted)
        self._rule()
        self._others_due = True
        self._applied_ns = self._clock.monotonic_ns()
        self._ask_all(self._applied_ns)

    def _apply_storage(self, settings: StorageSettings) -> None:
        storage = self._storages.get(settings.name)
        if storage is None:
            disk = self._make_disk(settings)
            writer = StorageWriter(settings.name, disk, self._clock, sync_interval_ns=self._settings.sync_interval_ns)
            self._storages[settings.name] = _Storage(settings, disk, writer)
            writer.start()
        else:
            storage.settings = settings
            storage.writer.sync_interval_ns = self._settings.sync_interval_ns

    def _apply_recording(self, key: tuple[str, str], settings: RecordingSettings) -> None:
        entry = self._recordings.get(key)
        if entry is None:
            entry = self._recordings[key] = _Recording(settings)
            self._unasked.append(entry)
            return
        if entry.lane is not None:
            entry.lane.rule.segment_ns = self._settings.segment_ns
        before, entry.settings = entry.settings, settings
        if before == settings:
            return
        if before.storage != settings.storage or before.hub is not settings.hub or settings.mode is Mode.NEVER:
            self._stop_recording(entry, for_good=False)
        if entry.lane is None:
            self._lay(entry)
        elif entry.gate is not None:
            self._set_gate(entry.gate, settings)

    def _rule(self) -> None:
        """Everywhere: a recording that was moved to another storage has footage on the one before."""
        rules = {
            entry.stream.id: entry.settings.retention for entry in self._recordings.values() if entry.stream is not None
        }
        for storage in self._storages.values():
            storage.disk.rule(storage.settings, rules)

    # -- from the settings to a recording that runs

    def _ask_all(self, now: MonotonicNs) -> None:
        """Once the storages were looked at."""
        if self._stopping or not (self._unasked or self._others_due):
            return
        opening = any(one.writer.status(now).state is StorageState.OPENING for one in self._storages.values())
        if opening and now - self._applied_ns < _STORAGES_WITHIN_NS:
            return
        unasked, self._unasked, self._others_due = self._unasked, [], False
        keys = frozenset(self._recordings)
        self._clerk.ask(lambda: self._end_others(keys))
        for entry in unasked:
            if self._recordings.get(entry.settings.key) is entry:
                self._ask(entry)

    def _end_others(self, keys: frozenset[tuple[str, str]]) -> None:
        """On the clerk's thread: recordings of streams that are gone end; should they come back, they have new ones."""
        try:
            for row in self._index.recordings():
                if row.ended_utc_ns is None and (row.camera, row.stream) not in keys:
                    self._index.end_recording(row.id, self._clock.utc_ns())
        except BridgeError as error:
            self._log.warning("recordings of removed streams are not ended", reason=str(error))

    def _ask(self, entry: _Recording) -> None:
        """Which recording it is: looked up, and made, on the clerk's thread."""
        entry.asked_ns = self._clock.monotonic_ns()
        camera, stream = entry.settings.key

        def look_up() -> None:
            try:
                current = self._index.current_recordings(camera, stream)
                for other in current[1:]:
                    self._index.end_recording(other.id, self._clock.utc_ns())
                row = (
                    current[0]
                    if current
                    else self._index.ensure_recording(uuid.uuid4(), camera, stream, self._clock.utc_ns())
                )
            except BridgeError as error:
                self._log.warning("a recording cannot be looked up", camera=camera, stream=stream, reason=str(error))
                return
            found = RecordedStream(row.id, row.uuid, row.camera, row.stream, row.created_utc_ns)
            self._call_in_reactor(lambda: self._found(entry, found))

        self._clerk.ask(look_up)

    def _found(self, entry: _Recording, stream: RecordedStream) -> None:
        if self._recordings.get(entry.settings.key) is entry and entry.stream is None:
            entry.stream = stream
            self._rule()
            self._lay(entry)

    def _lay(self, entry: _Recording) -> None:
        """A lane on its storage, which begins when the storage is ready."""
        storage = self._storages.get(entry.settings.storage)
        if entry.stream is None or storage is None or entry.settings.mode is Mode.NEVER or self._stopping:
            return
        lane = entry.lane = Lane(entry.stream, self._settings.segment_ns, storage.writer.queue, entry.serials)
        entry.storage, entry.lost, entry.written = storage, 0, 0
        storage.writer.add(lane, lambda: self._call_in_reactor(lambda: self._begin(entry, lane)))

    def _begin(self, entry: _Recording, lane: Lane) -> None:
        if entry.lane is not lane or self._stopping:
            return
        settings = entry.settings
        entry.gate = Gate(lane)
        self._set_gate(entry.gate, settings)
        entry.cutter = Cutter(settings.hub, entry.gate)
        self._log.info(
            "recording", camera=settings.camera, stream=settings.stream, recording=str(lane.stream.recording)
        )

    def _set_gate(self, gate: Gate, settings: RecordingSettings) -> None:
        gate.change(
            mode=settings.mode,
            schedule=Schedule(settings.schedule, self._zone) if settings.schedule else None,
            pre_roll_ns=settings.pre_roll_ns,
            post_roll_ns=settings.post_roll_ns,
        )
        gate.on_time(self._clock.utc_ns())

    def _stop_recording(self, entry: _Recording, *, for_good: bool) -> None:
        lane, entry.lane = entry.lane, None
        if entry.cutter is not None:
            entry.cutter.end()
        entry.cutter = entry.gate = None
        if lane is not None and entry.storage is not None:
            entry.storage.writer.remove(lane, ended_utc_ns=self._clock.utc_ns() if for_good else None)
        self._tell_recording(entry, recording=False)

    # -- while it runs

    def trigger(self, camera: str, stream: str, *, active: bool, reason: str) -> None:
        """Motion, or whatever else shall begin a recording, began or ended. What is not recorded is left alone."""
        entry = self._recordings.get((camera, stream))
        if entry is not None and entry.gate is not None:
            entry.gate.trigger(active, self._clock.utc_ns(), reason)

    def on_timeout(self, now: MonotonicNs) -> None:
        """Closes what no unit closes; every second looks at schedules, storages and losses."""
        for entry in self._recordings.values():
            if entry.cutter is not None:
                entry.cutter.on_timeout(now)
        self._ask_all(now)
        if now >= self._look_due_ns:
            self._look_due_ns = now + _LOOK_NS
            self._look(now)

    def _look(self, now: MonotonicNs) -> None:
        utc_ns = self._clock.utc_ns()
        self._tell_clock(self._watch.look(), utc_ns)
        for storage in self._storages.values():
            self._tell_storage(storage, storage.writer.status(now), utc_ns)
        for entry in self._recordings.values():
            if entry.stream is None and entry.asked_ns is not None and now - entry.asked_ns > _ASK_NS:
                self._ask(entry)
            if entry.gate is not None:
                entry.gate.on_time(utc_ns)
            if entry.lane is not None:
                self._tell_losses(entry, entry.lane, utc_ns)
            self._tell_recording(entry, recording=self._status(entry).state is RecordingState.RECORDING)

    def _tell_clock(self, forward_ns: int, utc_ns: int) -> None:
        if forward_ns:
            self._tell(CLOCK_SET, "", "", {"ForwardSeconds": forward_ns // NS_PER_S}, utc_ns)
            self._log.warning(
                "the clock was set forward: nothing is deleted for its age in the next hour",
                seconds=forward_ns // NS_PER_S,
            )

    def _tell_storage(self, storage: _Storage, status: StorageStatus, utc_ns: int) -> None:
        before, storage.told = storage.told, status.state
        if before is status.state or status.state is StorageState.OPENING:
            return
        if storage.failed == status.state.writable:
            storage.failed = not status.state.writable
            data: dict[str, str | int | bool] = {"Token": storage.settings.name, "Failed": storage.failed}
            self._tell(STORAGE_FAILURE, "", "Changed", {**data, "Reason": status.sentence}, utc_ns)
        self._log.info("storage", name=storage.settings.name, state=status.state.value, reason=status.sentence)

    def _tell_losses(self, entry: _Recording, lane: Lane, utc_ns: int) -> None:
        """At the first of several, and with how many there were once something is written again."""
        lost, written = lane.lost_units > entry.lost, lane.written_units > entry.written
        entry.lost, entry.written = lane.lost_units, lane.written_units
        losing = lost or (entry.losing and not written)
        if losing == entry.losing:
            return
        settings = entry.settings
        self._tell(LOST, settings.camera, "", {"Stream": settings.stream, "Units": lane.lost_units}, utc_ns)
        self._log.warning(
            "units are lost" if losing else "no more units are lost",
            camera=settings.camera, stream=settings.stream, units=lane.lost_units,
        )  # fmt: skip
        entry.losing = losing

    def _tell_recording(self, entry: _Recording, *, recording: bool) -> None:
        if recording == entry.recording:
            return
        entry.recording = recording
        data: dict[str, str | int | bool] = {"Stream": entry.settings.stream, "IsRecording": recording}
        self._tell(RECORDING_STATE, entry.settings.camera, "Changed", data, self._clock.utc_ns())

    # -- what others ask

    def live(self, recording: uuid.UUID) -> tuple[LiveSegment, ...]:
        """Segments that the index does not know yet, oldest first: seldom more than one. Safe on any thread."""
        for entry in tuple(self._recordings.values()):
            lane = entry.lane
            if lane is not None and lane.stream.recording == recording:
                return lane.live
        return ()

    @property
    def recordings(self) -> tuple[RecordingStatus, ...]:
        """How each of them is."""
        return tuple(self._status(entry) for entry in self._recordings.values())

    @property
    def storages(self) -> tuple[StorageNumbers, ...]:
        """How each of them is, for metrics."""
        now = self._clock.monotonic_ns()
        return tuple(_numbers(storage, now) for storage in self._storages.values())

    def _status(self, entry: _Recording) -> RecordingStatus:
        settings, lane = entry.settings, entry.lane
        state, reason = self._state(entry)
        status = RecordingStatus(
            settings.camera,
            settings.stream,
            settings.storage,
            entry.stream.recording if entry.stream else None,
            state,
            reason,
        )
        if lane is None:
            return status
        held = (entry.gate.held_bytes if entry.gate else 0) + (entry.cutter.held_bytes if entry.cutter else 0)
        return replace(
            status,
            written_bytes=lane.written_bytes,
            written_units=lane.written_units,
            lost_units=lane.lost_units,
            held_bytes=held,
        )

    def _state(self, entry: _Recording) -> tuple[RecordingState, str]:
        if entry.settings.mode is Mode.NEVER:
            return RecordingState.OFF, "not to be recorded"
        storage = self._storages.get(entry.settings.storage)
        if storage is None:
            return RecordingState.FAILED, f"there is no storage {entry.settings.storage}"
        status = storage.writer.status(self._clock.monotonic_ns())
        if status.state is not StorageState.OPENING and not status.state.writable:
            return RecordingState.FAILED, status.sentence
        if entry.gate is None:
            return RecordingState.STARTING, "waits for its storage" if entry.stream else "waits for the index"
        if not entry.gate.open:
            return RecordingState.WAITING, entry.gate.reason
        if not entry.settings.hub.running:
            return RecordingState.NO_SIGNAL, "the camera sends nothing"
        if entry.losing:
            return RecordingState.FAILED, status.sentence or f"{storage.settings.path} does not keep up"
        return RecordingState.RECORDING, entry.gate.reason

    # -- the end

    def begin_stop(self) -> None:
        """Hands over what is open; nothing is recorded after it."""
        self._stopping = True
        for entry in self._recordings.values():
            self._stop_recording(entry, for_good=False)
        for storage in self._storages.values():
            storage.writer.begin_stop()

    def join(self, timeout_s: float) -> bool:
        """Waits until all is written, `timeout_s` at most: not on the reactor's thread. False: something hangs."""
        deadline = self._clock.monotonic_ns() + int(timeout_s * NS_PER_S)
        ended = [
            storage.writer.join(max(0, deadline - self._clock.monotonic_ns()) / NS_PER_S)
            for storage in (*self._storages.values(), *self._leaving)
        ]
        ended.append(self._clerk.stop(max(0, deadline - self._clock.monotonic_ns()) / NS_PER_S))
        return all(ended)


def _numbers(storage: _Storage, now: MonotonicNs) -> StorageNumbers:
    writer = storage.writer
    size_bytes, free_bytes, oldest_utc_ns = storage.disk.room
    return StorageNumbers(
        writer.name,
        storage.settings.path,
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
    )
