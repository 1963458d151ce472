"""One decoding per GOP, whoever asks."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import ManualClock
from bridge.media.hub import Hub
from bridge.services.transcode.jobs import StillJob
from bridge.services.transcode.pool import TranscodeError
from bridge.services.transcode.snapshot import Snapshots


class FakeWorkers:
    def __init__(self) -> None:
        self.jobs: list[tuple[StillJob, Deferred[bytes]]] = []

    async def still(self, job: StillJob) -> bytes:
        done: Deferred[bytes] = Deferred()
        self.jobs.append((job, done))
        return await done


class FakeHub(Hub):
    def __init__(self) -> None:
        super().__init__("x/main", ManualClock())
        self.tracks = (Track(Codec.H264, 90000, parameter_sets=(b"\x67", b"\x68")),)
        self.key: AccessUnit | None = None
        self.present = True

    @property
    def running(self) -> bool:
        return self.present

    def latest_key(self) -> AccessUnit | None:
        return self.key


def ask(snapshots: Snapshots, hub: Hub) -> list[Any]:
    got: list[Any] = []
    done = Deferred.fromCoroutine(snapshots.still(hub))
    done.addBoth(lambda value: got.append(value.value if isinstance(value, Failure) else value))
    return got


def test_a_camera_that_sends_jpeg_has_made_it_already() -> None:
    workers, hub = FakeWorkers(), FakeHub()
    hub.tracks = (Track(Codec.PCMU, 8000), Track(Codec.JPEG, 90000))
    hub.key = AccessUnit(1, 0, 0, 0, True, (b"picture",))
    assert ask(Snapshots(workers), hub) == [b"picture"]
    assert workers.jobs == []
    hub.present = False
    assert ask(Snapshots(workers), hub) == [None]


def test_one_decoding_serves_everybody_until_the_next_key_frame() -> None:
    workers, hub = FakeWorkers(), FakeHub()
    snapshots = Snapshots(workers)
    assert ask(snapshots, hub) == [None]
    hub.key = AccessUnit(0, 0, 0, 0, True, (b"\x65a",))
    first, second = ask(snapshots, hub), ask(snapshots, hub)
    ((job, done),) = workers.jobs
    assert job == StillJob(Codec.H264, (b"\x67", b"\x68", b"\x65a"))
    done.callback(b"jpeg")
    assert (first, second, ask(snapshots, hub)) == ([b"jpeg"], [b"jpeg"], [b"jpeg"])
    hub.key = AccessUnit(0, 9000, 0, 0, True, (b"\x65b",))
    third = ask(snapshots, hub)
    workers.jobs[1][1].callback(b"new")
    assert third == [b"new"]


def test_an_old_picture_does_not_pass_for_a_present_one() -> None:
    workers, hub = FakeWorkers(), FakeHub()
    snapshots = Snapshots(workers)
    hub.key = AccessUnit(0, 0, 0, 0, True, (b"\x65a",))
    got = ask(snapshots, hub)
    workers.jobs[0][1].callback(b"jpeg")
    assert got == [b"jpeg"]
    hub.present = False
    assert ask(snapshots, hub) == [None]


def test_after_a_failure_the_next_one_tries_again() -> None:
    workers, hub = FakeWorkers(), FakeHub()
    snapshots = Snapshots(workers)
    hub.key = AccessUnit(0, 0, 0, 0, True, (b"\x65a",))
    first = ask(snapshots, hub)
    workers.jobs[0][1].errback(TranscodeError("no picture"))
    assert isinstance(first[0], TranscodeError)
    second = ask(snapshots, hub)
    workers.jobs[1][1].callback(b"jpeg")
    assert second == [b"jpeg"]


def test_a_recorded_key_frame_is_decoded_with_its_parameter_sets() -> None:
    workers = FakeWorkers()
    snapshots = Snapshots(workers)
    track = Track(Codec.H264, 90000, parameter_sets=(b"\x67", b"\x68"))
    asked = Deferred.fromCoroutine(snapshots.of_unit(AccessUnit(0, 0, 0, 0, True, (b"\x65a",)), track))
    ((job, done),) = workers.jobs
    assert job == StillJob(Codec.H264, (b"\x67", b"\x68", b"\x65a"))
    done.callback(b"jpeg")
    assert asked.result == b"jpeg"  # type: ignore[attr-defined]  # Twisted sets it
    picture = AccessUnit(0, 0, 0, 0, True, (b"picture",))
    asked = Deferred.fromCoroutine(snapshots.of_unit(picture, Track(Codec.JPEG, 90000)))
    assert asked.result == b"picture"  # type: ignore[attr-defined]  # the same
