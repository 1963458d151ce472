"""A storage's folder in memory that fails when a test wants it to, and recordings to write to it."""

import errno
import uuid
from pathlib import Path

from bridge.recorder.cutter import Cutter
from bridge.recorder.lane import Lane, LiveSegment, RecordedStream
from bridge.recorder.retention import Removed
from bridge.store.format import SegmentHeader
from bridge.store.sample_index import SampleIndex
from tests.recorder.streams import LiveStream


def os_error(number: int) -> OSError:
    return OSError(number, errno.errorcode[number])


class FakeSegment:
    def __init__(self, disk, stream, serial, run, fragment):
        self.disk, self.serial, self.run, self.fragments, self.synced = disk, serial, run, [], 0
        header = SegmentHeader(stream.recording, uuid.UUID(int=9), serial, run, (0,), fragment.starts_with_key)
        self.live = LiveSegment(Path(f"/{serial}"), fragment.start_utc_ns, header, fragment.tracks, SampleIndex(1))
        self.state, self.failed = "open", False

    def append(self, fragment):
        assert self.state == "open"
        assert not self.failed
        self.failed = True
        self.disk.call("append")
        self.failed = False
        self.fragments.append(fragment)
        return fragment.size_bytes

    def sync(self):
        self.disk.call("sync")
        assert self.state == "open"
        self.synced = len(self.fragments)

    def finish(self, clock):
        self.disk.call("finish")
        assert self.state == "open"
        self.state = "finished"
        return self

    def abandon(self):
        self.state = "abandoned"

    def add(self):
        self.disk.call("index")
        self.state = "indexed"


class FakeDisk:
    """`fails`: call -> the errors that its next calls raise; an error that is not in a list comes every time."""

    path = Path("/cctv")

    def __init__(self):
        self.fails, self.calls, self.segments, self.ended = {}, [], [], []
        self.removes = []

    def call(self, name):
        self.calls.append(name)
        error = self.fails.get(name)
        if isinstance(error, list):
            error = error.pop(0) if error else None
        if error is not None:
            raise error

    def open(self):
        self.call("open")
        for segment in self.segments:
            assert segment.state != "open", "recovery beside a writer"

    def prepare(self, stream):
        self.call("prepare")
        return 1 + max(
            (one.serial for one in self.segments if one.live.header.recording == stream.recording), default=0
        )

    def check(self):
        self.call("check")

    def create(self, stream, serial, run, fragment):
        self.call("create")
        self.segments.append(FakeSegment(self, stream, serial, run, fragment))
        return self.segments[-1]

    def end(self, stream, utc_ns):
        self.call("end")
        self.ended.append((stream.recording, utc_ns))

    def retain(self, *, urgent):
        self.call("retain urgently" if urgent else "retain")
        return self.removes.pop(0) if self.removes else Removed()

    def close(self):
        self.call("close")

    def runs(self, stream):
        """(serial, run, pictures) of each segment of a recording."""
        return [
            (one.serial, one.run, sum(len(fragment.units) for fragment in one.fragments))
            for one in self.segments
            if one.live.header.recording == stream.recording
        ]


class Recorded:
    """A live stream on a lane of a storage."""

    def __init__(self, storage, number=1, *, segment_ns=60_000_000_000, clock=None, on_ready=None, **stream):
        self.live = LiveStream(**stream)
        if clock is not None:
            self.live.clock = self.live.hub._clock = clock
        self.stream = RecordedStream(number, uuid.UUID(int=number), f"cam-{number}", "main", 0)
        self.lane = Lane(self.stream, segment_ns, storage.queue)
        self.cutter = None
        storage.add(self.lane, on_ready or self.begin)

    def begin(self):
        self.cutter = Cutter(self.live.hub, self.lane)
