"""Disks that fill up, turn read-only, hang or go away, by real file systems: needs root, and loop devices for some."""

import contextlib
import os
import shutil
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bridge.base.events import Topic
from bridge.base.time import NS_PER_S, SystemClock
from bridge.recorder.disk import StorageDisk
from bridge.recorder.keeper import Keeper
from bridge.recorder.recorder import Recorder
from bridge.recorder.retention import StorageLimits
from bridge.recorder.settings import RecorderSettings, RecordingSettings, StorageSettings
from bridge.recorder.storage_state import StorageState
from bridge.store.chain import KeySigner, verify_chain
from bridge.store.index import MediaIndex, open_index
from bridge.store.layout import SPARE, StorageFolder
from bridge.store.verify import verify
from tests.recorder.streams import LiveStream

pytestmark = pytest.mark.interop

_LOCK = 1 << 60

#: Between two megabytes of video.
_PAUSE_S = 0.04


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=30)


@contextlib.contextmanager
def mounted(where: Path, *, size_mb: int, kind: str):
    """A file system of its own at `where`. kind: tmpfs, or ext4 in a file."""
    where.mkdir(exist_ok=True)
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    try:
        if kind == "tmpfs":
            run("mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(where))
        else:
            image = where.with_name(where.name + ".img")
            with image.open("wb") as file:
                file.truncate(size_mb << 20)
            run("mkfs.ext4", "-q", "-m", "0", str(image))
            run("mount", "-o", "loop", str(image), str(where))
            (where / "lost+found").rmdir()
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"{kind} cannot be mounted here: {getattr(error, 'stderr', error)!r:.200}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(where)], check=False, capture_output=True, timeout=30)


@dataclass
class Recorders:
    """A recorder with two cameras, each on a storage of its own; the first one's is the one that fails."""

    path: Path
    limits: StorageLimits = field(default_factory=StorageLimits)
    locks: list = field(default_factory=list)

    def __post_init__(self):
        self.clock = SystemClock()
        self.database = open_index(self.path)
        self.index = MediaIndex(self.database)
        self.signer = KeySigner(bytes(32))
        keeper = Keeper(uuid.UUID(int=77), self.signer, self.index, lambda recording: self.locks)
        self.calls, self.told = [], []
        self.recorder = Recorder(
            self.clock,
            ZoneInfo("UTC"),
            self.index,
            lambda settings: StorageDisk(settings, keeper, self.clock),
            lambda topic, source, operation, data, utc_ns: self.told.append((topic, data)),
            self.calls.append,
        )
        self.streams = {name: LiveStream(gop=25, size=40_000) for name in ("gate", "yard")}
        self.recorder.apply(
            RecorderSettings(
                (
                    StorageSettings("default", self.path / "cctv", self.limits),
                    StorageSettings("well", self.path / "well", make=True),
                ),
                tuple(
                    RecordingSettings(name, "main", stream.hub, storage)
                    for (name, stream), storage in zip(self.streams.items(), ("default", "well"), strict=True)
                ),
                sync_interval_ns=NS_PER_S // 5,
                segment_ns=2 * NS_PER_S,
            )
        )

    @property
    def state(self):
        return self.recorder.storages[0].status.state

    def recording(self, name):
        return next(one for one in self.recorder.recordings if one.camera == name)

    def until(self, what, *, frames=0, within_s=30, pause_s=0.01):
        deadline = time.monotonic() + within_s
        while not what():
            assert time.monotonic() < deadline, (
                [one.status for one in self.recorder.storages],
                self.recorder.recordings,
            )
            if frames:
                for stream in self.streams.values():
                    stream.frames(frames)
            while self.calls:
                self.calls.pop(0)()
            self.recorder._look_due_ns = 0
            self.recorder.on_timeout(self.clock.monotonic_ns())
            time.sleep(pause_s)

    def begin(self):
        self.until(lambda: all(entry.cutter for entry in self.recorder._recordings.values()))
        self.until(lambda: self.recording("gate").written_units > 100, frames=25)

    def stop(self, timeout_s=10):
        self.recorder.begin_stop()
        return self.recorder.join(timeout_s)

    def check(self, name, storage="cctv"):
        """Nothing on disk is damaged; the rows of the recording."""
        (row,) = self.index.current_recordings(name, "main")
        folder = StorageFolder(self.path / storage).recording(row.uuid)
        rows = self.index.segments_between(row.id, 0, 1 << 62, 10_000)
        assert [str(fault) for one in rows for fault in verify(folder.find(one.serial))] == []
        assert {one.serial for one in rows} == {file.serial for file in folder.segments()}
        assert verify_chain(folder, self.signer.public_key) == []
        return rows


@pytest.fixture
def recorders(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.recorder.storage.RETRY_NS", NS_PER_S // 5)
    monkeypatch.setattr("bridge.recorder.storage.RETAIN_NS", 3600 * NS_PER_S)
    made = []

    def make(**settings):
        made.append(Recorders(tmp_path, **settings))
        return made[-1]

    with contextlib.ExitStack() as mounts:
        make.mount = lambda **how: mounts.enter_context(mounted(tmp_path / "cctv", **how))
        yield make
        for one in made:
            one.stop()
            one.database.close()


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_a_full_disk_makes_room_and_records_on(recorders, kind):
    recorders.mount(size_mb=48, kind=kind)
    one = recorders()
    one.begin()
    # Several times what it holds; only the full disk itself asks for room. A disk of seconds, not of days: it must not
    # be filled anew between two looks.
    one.until(lambda: one.recording("gate").written_bytes > 150 << 20, frames=25, within_s=90, pause_s=_PAUSE_S)
    assert one.recorder.storages[0].removed_segments > 10
    assert one.recording("gate").lost_units == 0
    # Pictures came as fast as this machine makes them: a slow disk is behind, and catches up.
    one.until(lambda: one.state is StorageState.OK)
    assert one.stop()
    rows = one.check("gate")
    assert rows[0].serial > 10
    assert len(one.check("yard", "well")) > 10


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_a_disk_that_others_fill_to_the_last_block_makes_room_and_records_on(recorders, tmp_path, kind):
    recorders.mount(size_mb=48, kind=kind)
    one = recorders()
    one.begin()
    one.until(lambda: one.recording("gate").written_bytes > 20 << 20, frames=25)
    one.until(lambda: (tmp_path / "cctv" / SPARE).exists())
    with (tmp_path / "cctv" / "others").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    one.until(lambda: one.recorder.storages[0].removed_segments > 10, frames=25, pause_s=_PAUSE_S)
    one.until(lambda: one.state is StorageState.OK)
    assert one.recording("gate").lost_units == 0
    assert one.stop()
    one.check("gate")


def test_a_full_disk_where_all_is_locked_stops_and_goes_on_when_it_may(recorders):
    recorders.mount(size_mb=48, kind="ext4")
    one = recorders(locks=[(0, _LOCK << 2)])
    one.begin()
    one.until(lambda: one.state is StorageState.FULL, frames=25)
    lost = one.recording("gate").lost_units
    one.until(lambda: one.recording("gate").lost_units > lost + 100, frames=25)
    assert one.recording("yard").lost_units == 0
    assert "nothing may be deleted" in one.recording("gate").reason
    one.locks.clear()
    one.until(lambda: one.state is StorageState.OK)
    written = one.recording("gate").written_units
    one.until(lambda: one.recording("gate").written_units > written + 100, frames=25)
    assert [data["Failed"] for topic, data in one.told if topic == Topic.STORAGE_FAILURE][:2] == [True, False]
    assert one.stop()
    one.check("gate")


def test_a_disk_that_turns_read_only_and_back(recorders, tmp_path):
    recorders.mount(size_mb=300, kind="ext4")
    one = recorders()
    one.begin()
    # What open files keep an administrator from doing, the kernel does after an error of the disk.
    device = next(
        line.split()[0] for line in Path("/proc/mounts").read_text().splitlines() if f"{tmp_path}/cctv " in line
    )
    name = Path(device).name
    shutdown = Path(f"/sys/fs/ext4/{name}/trigger_fs_error")
    if not shutdown.exists():
        pytest.skip("this kernel has no trigger_fs_error of ext4")
    run("mount", "-o", "remount,errors=remount-ro", str(tmp_path / "cctv"))
    shutdown.write_text("test")
    one.until(lambda: one.state is StorageState.READ_ONLY, frames=25)
    assert "read-only" in one.recording("gate").reason
    lost = one.recording("gate").lost_units
    one.until(lambda: one.recording("gate").lost_units > lost + 100, frames=25)
    assert one.recording("yard").lost_units == 0


def test_a_hanging_disk_costs_its_own_recordings_alone(recorders, tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.recorder.storage.HUNG_NS", NS_PER_S)
    recorders.mount(size_mb=300, kind="ext4")
    if shutil.which("fsfreeze") is None:
        pytest.skip("fsfreeze is not installed")
    one = recorders()
    one.begin()
    run("fsfreeze", "-f", str(tmp_path / "cctv"))
    try:
        one.until(lambda: one.state is StorageState.FAILING, frames=5)
        assert "has not answered for" in one.recording("gate").reason
        before = one.recording("yard").written_units
        one.until(lambda: one.recording("yard").written_units > before + 500, frames=25)
        assert one.recording("yard").lost_units == 0
        assert one.recorder.storages[0].queue_bytes <= 128 << 20
        began = time.monotonic()
        assert not one.stop(timeout_s=1)
        assert time.monotonic() - began < 2
    finally:
        run("fsfreeze", "-u", str(tmp_path / "cctv"))
    assert one.recorder.join(20)
    one.check("gate")
    one.check("yard", "well")


def test_a_disk_that_is_unmounted_is_not_written_to_and_comes_back(recorders, tmp_path):
    recorders.mount(size_mb=300, kind="tmpfs")
    one = recorders()
    one.begin()
    (tmp_path / "kept").mkdir()
    run("mount", "--bind", str(tmp_path / "cctv"), str(tmp_path / "kept"))
    run("umount", "-l", str(tmp_path / "cctv"))
    one.until(lambda: one.state is StorageState.MISSING, frames=25)
    lost = one.recording("gate").lost_units
    one.until(lambda: one.recording("gate").lost_units > lost + 100, frames=25)
    assert list((tmp_path / "cctv").iterdir()) == []
    run("mount", "--bind", str(tmp_path / "kept"), str(tmp_path / "cctv"))
    one.until(lambda: one.state is StorageState.OK)
    written = one.recording("gate").written_units
    one.until(lambda: one.recording("gate").written_units > written + 100, frames=25)
    assert one.stop()
    one.check("gate")
    run("umount", "-l", str(tmp_path / "kept"))
