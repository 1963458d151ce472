"""The recorder: storages and recordings, kept in step with the settings (docs/design/store.md).

Everything here happens on the reactor's thread; threads answer through `call_in_reactor`. A recording that does not
change is not interrupted: it goes on while others come and go, and while its own schedule or rolls change.
"""

import datetime as dt
import uuid
from collections.abc import Callable

import structlog

from bridge.base.errors import BridgeError
from bridge.base.time import NS_PER_S, Clock, MonotonicNs
from bridge.recorder.clerk import Clerk
from bridge.recorder.clock_watch import ClockWatch
from bridge.recorder.cutter import Cutter
from bridge.recorder.gate import Gate, Mode
from bridge.recorder.lane import Lane, LiveSegment, RecordedStream
from bridge.recorder.news import News, Tell
from bridge.recorder.prelude import Prelude
from bridge.recorder.running import RetainingDisk, RunningRecording, RunningStorage
from bridge.recorder.schedule import Schedule
from bridge.recorder.settings import (
    RecorderSettings,
    RecordingSettings,
    RecordingState,
    RecordingStatus,
    StorageNumbers,
    StorageSettings,
)
from bridge.recorder.storage import StorageWriter
from bridge.recorder.storage_state import StorageState
from bridge.store.index import MediaIndex

#: How often schedules, storages and losses are looked at.
_LOOK_NS = 1 * NS_PER_S
#: How often an index that did not answer is asked again.
_ASK_NS = 10 * NS_PER_S
#: Recordings are looked up when all storages were looked at, as they may hold one that a lost index does not know.
#: A disk that hangs is not waited for longer than this.
_STORAGES_WITHIN_NS = 10 * NS_PER_S


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
        self._make_disk, self._call_in_reactor = make_disk, call_in_reactor
        self._news = News(tell)
        self._log = structlog.get_logger()
        self._settings = RecorderSettings((), ())
        self._storages: dict[str, RunningStorage] = {}
        self._leaving: list[RunningStorage] = []
        self._recordings: dict[tuple[str, str], RunningRecording] = {}
        self._clerk = Clerk()
        self._watch = ClockWatch(clock)
        self._look_due_ns = 0
        self._unasked: list[RunningRecording] = []
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
            self._storages[settings.name] = RunningStorage(settings, disk, writer)
            writer.start()
        else:
            storage.settings = settings
            storage.writer.sync_interval_ns = self._settings.sync_interval_ns

    def _apply_recording(self, key: tuple[str, str], settings: RecordingSettings) -> None:
        entry = self._recordings.get(key)
        if entry is None:
            entry = self._recordings[key] = RunningRecording(settings)
            if settings.mode is not Mode.NEVER:
                entry.prelude = Prelude(settings.hub, self._clock.monotonic_ns())
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

    def _ask(self, entry: RunningRecording) -> None:
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

    def _found(self, entry: RunningRecording, stream: RecordedStream) -> None:
        if self._recordings.get(entry.settings.key) is entry and entry.stream is None:
            entry.stream = stream
            self._rule()
            self._lay(entry)

    def _lay(self, entry: RunningRecording) -> None:
        """A lane on its storage, which begins when the storage is ready."""
        storage = self._storages.get(entry.settings.storage)
        if entry.stream is None or storage is None or entry.settings.mode is Mode.NEVER or self._stopping:
            return
        lane = entry.lane = Lane(entry.stream, self._settings.segment_ns, storage.writer.queue, entry.serials)
        entry.storage, entry.lost, entry.written = storage, 0, 0
        storage.writer.add(lane, lambda: self._call_in_reactor(lambda: self._begin(entry, lane)))

    def _begin(self, entry: RunningRecording, lane: Lane) -> None:
        if entry.lane is not lane or self._stopping:
            return
        settings = entry.settings
        entry.gate = Gate(lane)
        self._set_gate(entry.gate, settings)
        prelude, entry.prelude = entry.prelude, None
        if prelude is None or prelude.ended:
            entry.cutter = Cutter(settings.hub, entry.gate)
        else:
            entry.cutter = prelude.hand_over(entry.gate)
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

    def _stop_recording(self, entry: RunningRecording, *, for_good: bool) -> None:
        lane, entry.lane = entry.lane, None
        if entry.cutter is not None:
            entry.cutter.end()
        if entry.prelude is not None:
            entry.prelude.end()
        entry.cutter = entry.gate = entry.prelude = None
        if lane is not None and entry.storage is not None:
            entry.storage.writer.remove(lane, ended_utc_ns=self._clock.utc_ns() if for_good else None)
        self._news.recording(entry, False, self._clock.utc_ns())

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
            elif entry.prelude is not None:
                entry.prelude.on_timeout(now)
        self._ask_all(now)
        if now >= self._look_due_ns:
            self._look_due_ns = now + _LOOK_NS
            self._look(now)

    def _look(self, now: MonotonicNs) -> None:
        utc_ns = self._clock.utc_ns()
        self._news.clock(self._watch.look(), utc_ns)
        for storage in self._storages.values():
            self._news.storage(storage, storage.writer.status(now), utc_ns)
        for entry in self._recordings.values():
            if entry.stream is None and entry.asked_ns is not None and now - entry.asked_ns > _ASK_NS:
                self._ask(entry)
            if entry.gate is not None:
                entry.gate.on_time(utc_ns)
            if entry.lane is not None:
                self._news.losses(entry, entry.lane, utc_ns)
            self._news.recording(entry, self._status(entry).state is RecordingState.RECORDING, utc_ns)

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

    def state(self, camera: str, stream: str) -> RecordingState | None:
        """How that stream's recording is; None: it has none."""
        entry = self._recordings.get((camera, stream))
        return None if entry is None else self._status(entry).state

    @property
    def storages(self) -> tuple[StorageNumbers, ...]:
        """How each of them is, for metrics."""
        now = self._clock.monotonic_ns()
        return tuple(storage.numbers(now) for storage in self._storages.values())

    def _status(self, entry: RunningRecording) -> RecordingStatus:
        storage = self._storages.get(entry.settings.storage)
        return entry.status(storage.writer.status(self._clock.monotonic_ns()) if storage else None)

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
