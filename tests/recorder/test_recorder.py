import threading
import time
import uuid
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from bridge.base.events import Topic
from bridge.base.time import NS_PER_S, SystemClock
from bridge.recorder.disk import StorageDisk
from bridge.recorder.gate import Mode
from bridge.recorder.keeper import Keeper
from bridge.recorder.recorder import Recorder
from bridge.recorder.retention import RetentionRule
from bridge.recorder.settings import RecorderSettings, RecordingSettings, RecordingState, StorageSettings
from bridge.recorder.storage_state import StorageState
from bridge.store.chain import KeySigner
from bridge.store.index import MediaIndex, open_index
from bridge.store.layout import StorageFolder
from tests.recorder.streams import LiveStream

FOREVER = 1 << 62


class HostClock(SystemClock):
    """The host's, which the test sets."""

    ahead_ns = 0

    def utc_ns(self):
        return super().utc_ns() + self.ahead_ns


class Setting:
    """A recorder with its real threads, index and folders; what they hand to the reactor waits for `until`."""

    def __init__(self, path):
        self.path = path
        self.clock = HostClock()
        self.database = open_index(path)
        self.index = MediaIndex(self.database)
        self.keeper = Keeper(uuid.UUID(int=77), KeySigner(bytes(32)), self.index, lambda recording: ())
        self.calls, self.told = [], []
        self.recorder = Recorder(
            self.clock,
            ZoneInfo("UTC"),
            self.index,
            lambda settings: StorageDisk(settings, self.keeper, self.clock),
            lambda topic, source, operation, data, utc_ns: self.told.append((topic, source, data)),
            self.calls.append,
        )
        self.streams = {}
        self.settings = RecorderSettings(
            (StorageSettings("default", path / "cctv", make=True), StorageSettings("other", path / "other", make=True)),
            (),
            segment_ns=2 * NS_PER_S,
        )

    def recording(self, camera, **settings):
        if camera not in self.streams:
            self.streams[camera] = LiveStream()
        return RecordingSettings(camera, "main", self.streams[camera].hub, **settings)

    def apply(self, *recordings):
        self.settings = replace(self.settings, recordings=recordings)
        self.recorder.apply(self.settings)

    def turn(self):
        while self.calls:
            self.calls.pop(0)()
        self.recorder._look_due_ns = 0
        self.recorder.on_timeout(self.clock.monotonic_ns())

    def until(self, what):
        """The reactor turns until it is so."""
        deadline = time.monotonic() + 20
        while not what():
            assert time.monotonic() < deadline, (self.states(), [one.status for one in self.recorder.storages])
            self.turn()
            time.sleep(0.005)

    def frames(self, count, *cameras):
        for camera in cameras or self.streams:
            self.streams[camera].frames(count)

    def states(self):
        return {one.camera: one.state for one in self.recorder.recordings}

    def status(self, camera):
        return next(one for one in self.recorder.recordings if one.camera == camera)

    def ready(self, *cameras):
        self.until(lambda: all(self.recorder._recordings[camera, "main"].cutter for camera in cameras))
        self.frames(1, *cameras)
        self.turn()

    def stop(self):
        self.recorder.begin_stop()
        return self.recorder.join(10)

    def rows(self, camera):
        return [
            row
            for recording in self.index.recordings()
            if recording.camera == camera
            for row in self.index.segments_between(recording.id, 0, FOREVER, 1000)
        ]


@pytest.fixture
def setting(tmp_path):
    made = Setting(tmp_path)
    yield made
    made.stop()
    made.database.close()


def test_recordings_begin_are_written_and_end_with_the_recorder(setting):
    setting.apply(setting.recording("gate"), setting.recording("yard", mode=Mode.NEVER))
    assert setting.states() == {"gate": RecordingState.STARTING, "yard": RecordingState.OFF}
    setting.ready("gate")
    assert setting.states()["gate"] is RecordingState.RECORDING
    assert setting.recorder.state("gate", "main") is RecordingState.RECORDING
    assert setting.recorder.state("gate", "sub") is None
    assert (Topic.RECORDING_STATE, "rec-gate.main", {"IsRecording": True}) in setting.told
    setting.frames(249, "gate")
    setting.until(lambda: setting.status("gate").written_units > 200)
    (live,) = setting.recorder.live(setting.status("gate").recording)[-1:]
    assert live.path.exists()
    assert setting.stop()
    rows = setting.rows("gate")
    assert [row.serial for row in rows] == [1, 2, 3, 4, 5]
    assert setting.told[-1] == (Topic.RECORDING_STATE, "rec-gate.main", {"IsRecording": False})
    assert setting.rows("yard") == []


def test_what_comes_before_the_storage_is_ready_is_recorded(setting):
    setting.apply(setting.recording("gate"), setting.recording("yard", mode=Mode.NEVER))
    # Several GOPs; the hub has the last one alone.
    setting.frames(120, "gate")
    setting.ready("gate")
    setting.frames(60, "gate")
    assert setting.stop()
    assert setting.status("gate").lost_units == 0
    assert setting.rows("gate")[0].start_utc_ns == setting.streams["gate"].units[0].utc_ns
    assert [row.run for row in setting.rows("gate")] == [1] * len(setting.rows("gate"))


def test_applied_again_nothing_is_interrupted(setting):
    setting.apply(setting.recording("gate"))
    setting.ready("gate")
    setting.frames(60)
    cutter = setting.recorder._recordings["gate", "main"].cutter
    setting.apply(setting.recording("gate"), setting.recording("yard"))
    setting.ready("yard")
    setting.apply(setting.recording("gate", schedule=("mon-sun 00:00-24:00",), pre_roll_ns=NS_PER_S))
    setting.settings = replace(setting.settings, segment_ns=3 * NS_PER_S)
    setting.apply(setting.recording("gate", post_roll_ns=5))
    assert setting.recorder._recordings["gate", "main"].cutter is cutter
    setting.frames(60, "gate")
    assert setting.stop()
    assert {row.run for row in setting.rows("gate")} == {1}


def test_a_removed_camera_ends_its_recording_and_comes_back_with_a_new_one(setting):
    setting.apply(setting.recording("gate"))
    setting.ready("gate")
    setting.frames(30)
    first = setting.status("gate").recording
    setting.apply()
    setting.until(lambda: setting.index.recording(first).ended_utc_ns)
    folder = StorageFolder(setting.path / "cctv").recording(first)
    setting.until(lambda: folder.facts().ended_utc_ns)
    setting.apply(setting.recording("gate"))
    setting.ready("gate")
    second = setting.status("gate").recording
    assert second != first
    assert setting.index.recording(second).ended_utc_ns is None


def test_after_a_restart_the_recording_goes_on_and_what_is_gone_has_ended(setting, tmp_path):
    setting.apply(setting.recording("gate"), setting.recording("yard"))
    setting.ready("gate", "yard")
    setting.frames(60)
    before = {camera: setting.status(camera).recording for camera in ("gate", "yard")}
    assert setting.stop()
    again = Setting(tmp_path)
    again.apply(again.recording("gate"))
    again.ready("gate")
    assert again.status("gate").recording == before["gate"]
    assert again.index.recording(before["yard"]).ended_utc_ns is not None
    again.frames(60)
    assert again.stop()
    assert sorted(row.serial for row in again.rows("gate")) == [1, 2, 3, 4]
    assert len({row.run for row in again.rows("gate")}) == 2
    again.database.close()


def test_a_lost_index_splits_no_recording(setting, tmp_path):
    setting.apply(setting.recording("gate"), setting.recording("yard", storage="other"))
    setting.ready("gate", "yard")
    setting.frames(160)
    before = {camera: setting.status(camera).recording for camera in ("gate", "yard")}
    assert setting.stop()
    serials = {camera: max(row.serial for row in setting.rows(camera)) for camera in before}
    setting.database.close()
    for path in tmp_path.glob("index.db*"):
        path.unlink()
    # A split that an earlier version left: the youngest goes on.
    older = StorageFolder(tmp_path / "other").recording(uuid.UUID(int=1))
    facts = StorageFolder(tmp_path / "cctv").recording(before["gate"]).facts()
    older.create(replace(facts, uuid=older.uuid, created_utc_ns=facts.created_utc_ns - 1))
    again = Setting(tmp_path)
    again.apply(again.recording("gate"), again.recording("yard", storage="other"))
    again.ready("gate", "yard")
    assert {camera: again.status(camera).recording for camera in before} == before
    again.frames(60)
    assert again.stop()
    for camera in before:
        assert min(row.serial for row in again.rows(camera)) == serials[camera] + 1
    assert again.index.recording(older.uuid).ended_utc_ns is not None
    again.database.close()


def test_a_storage_that_hangs_while_it_is_opened_is_not_waited_for_for_ever(setting, monkeypatch):
    hangs = threading.Event()
    opened = StorageDisk.open
    monkeypatch.setattr(
        StorageDisk, "open", lambda disk: (disk.path.name != "other" or hangs.wait(20)) and opened(disk)
    )
    setting.apply(setting.recording("gate"))
    setting.turn()
    setting.until(lambda: setting.recorder.storages[0].status.state is StorageState.OK)
    setting.turn()
    assert setting.status("gate").recording is None
    assert setting.status("gate").reason == "waits for the index"
    monkeypatch.setattr("bridge.recorder.recorder._STORAGES_WITHIN_NS", 0)
    setting.ready("gate")
    assert setting.states()["gate"] is RecordingState.RECORDING
    hangs.set()


def test_on_motion_with_what_was_before_it(setting):
    setting.apply(setting.recording("gate", mode=Mode.MOTION, pre_roll_ns=2 * NS_PER_S))
    setting.ready("gate")
    setting.frames(250)
    assert setting.states()["gate"] is RecordingState.WAITING
    assert setting.status("gate").held_bytes > 0
    setting.recorder.trigger("gate", "main", active=True, reason="motion")
    setting.recorder.trigger("nobody", "main", active=True, reason="motion")
    setting.frames(1)
    setting.turn()
    assert setting.states()["gate"] is RecordingState.RECORDING
    setting.frames(50)
    setting.recorder.trigger("gate", "main", active=False, reason="motion")
    assert setting.stop()
    rows = setting.rows("gate")
    assert 3.5 < (rows[-1].end_utc_ns - rows[0].start_utc_ns) / NS_PER_S < 6


def test_another_storage_goes_on_with_the_serials(setting):
    setting.apply(setting.recording("gate"))
    setting.ready("gate")
    setting.frames(110)
    recording = setting.status("gate").recording
    setting.until(lambda: setting.status("gate").written_units > 90)
    setting.apply(setting.recording("gate", storage="other"))
    setting.ready("gate")
    setting.frames(110)
    assert setting.stop()
    assert setting.status("gate").recording == recording
    rows = setting.rows("gate")
    assert len({row.serial for row in rows}) == len(rows)
    assert {row.storage_id for row in rows} == {1, 2}
    assert (setting.path / "other" / str(recording)).is_dir()


def test_what_a_moved_recording_left_behind_keeps_to_its_rules(setting, monkeypatch):
    monkeypatch.setattr("bridge.recorder.storage.RETAIN_NS", NS_PER_S // 20)
    monkeypatch.setattr("bridge.recorder.storage.RETRY_NS", NS_PER_S // 20)
    setting.apply(setting.recording("gate"))
    setting.ready("gate")
    setting.frames(110)
    setting.until(lambda: setting.rows("gate"))
    folder = StorageFolder(setting.path / "cctv").recording(setting.status("gate").recording)
    assert list(folder.segments())
    # The streams' clock is not the recorder's.
    setting.apply(setting.recording("gate", storage="other", retention=RetentionRule(age_ns=-(1 << 58))))
    setting.until(lambda: list(folder.segments()) == [])
    setting.until(lambda: setting.rows("gate") == [])


def test_a_storage_that_is_away_costs_its_own_recordings_alone_and_is_told(setting, monkeypatch):
    monkeypatch.setattr("bridge.recorder.storage.RETRY_NS", NS_PER_S // 20)
    setting.apply(setting.recording("gate"), setting.recording("yard", storage="other"))
    setting.ready("gate", "yard")
    setting.frames(60)
    setting.until(lambda: setting.status("gate").written_units > 30)
    (setting.path / "cctv").rename(setting.path / "away")
    setting.until(lambda: setting.states()["gate"] is RecordingState.FAILED)
    setting.until(lambda: any(topic == Topic.STORAGE_FAILURE for topic, _, _ in setting.told))
    assert next(source for topic, source, _ in setting.told if topic == Topic.STORAGE_FAILURE) == "default"
    lost = setting.status("gate").lost_units
    for _ in range(6):
        setting.frames(25)
        setting.turn()
    setting.until(lambda: setting.status("gate").lost_units > lost)
    setting.until(lambda: any(topic == Topic.FOOTAGE_LOST for topic, _, _ in setting.told))
    assert setting.states()["yard"] is RecordingState.RECORDING
    assert setting.status("yard").lost_units == 0
    (setting.path / "away").rename(setting.path / "cctv")
    setting.until(lambda: setting.recorder.storages[0].status.state is StorageState.OK)
    setting.turn()
    failures = [data["Failed"] for topic, _, data in setting.told if topic == Topic.STORAGE_FAILURE]
    assert failures == [True, False]
    setting.frames(60)
    assert setting.stop()
    assert len({row.run for row in setting.rows("gate")}) == 2


def test_the_reason_is_told_where_nothing_comes(setting):
    setting.apply(setting.recording("gate"))
    setting.ready("gate")
    setting.streams["gate"].run.end()
    assert setting.status("gate").state is RecordingState.NO_SIGNAL
    assert setting.status("gate").reason == "the camera sends nothing"
    setting.apply(setting.recording("gate", storage="none"))
    assert setting.status("gate").reason == "there is no storage none"


def test_a_clock_that_is_set_far_forward_is_told_once(setting, capsys):
    setting.turn()
    setting.clock.ahead_ns = -3600 * NS_PER_S
    setting.turn()
    assert setting.told == []
    setting.clock.ahead_ns = 86_400 * NS_PER_S
    setting.turn()
    setting.turn()
    ((topic, source, data),) = setting.told
    assert (topic, source) == (Topic.CLOCK_SET, "")
    assert data["ForwardSeconds"] in (89_999, 90_000, 90_001)
    assert capsys.readouterr().out.count("the clock was set forward") == 1


def test_numbers_of_a_storage(setting):
    setting.apply(setting.recording("gate"))
    setting.ready("gate")
    setting.frames(100)
    setting.until(lambda: setting.status("gate").written_units > 80)
    setting.until(lambda: sum(setting.recorder.storages[0].write_latency.counts) >= 7)
    setting.until(lambda: setting.recorder.storages[0].queue_bytes == 0)
    numbers = setting.recorder.storages[0]
    assert (numbers.name, numbers.path, numbers.status.state) == ("default", setting.path / "cctv", StorageState.OK)
    assert numbers.free_bytes > 0
