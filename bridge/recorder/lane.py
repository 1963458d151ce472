"""One recording on one storage: fragments go in on the hub's thread, and into segments on the storage's writer thread.

A lane that lost a fragment, wherever that was, takes nothing up to the next one that begins with a key frame: what lies
between could not be decoded. Each attribute has one thread that writes it; others may read it.
"""

import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bridge.base.media import Track
from bridge.media.camera_clock import CameraClock
from bridge.recorder.cutter import Fragment
from bridge.recorder.segment_rule import Begins, SegmentRule
from bridge.store.format import SegmentHeader
from bridge.store.sample_index import SampleIndex


@dataclass(frozen=True, slots=True)
class RecordedStream:
    """Which recording it is, and the index's number of it."""

    id: int
    recording: uuid.UUID
    camera: str
    stream: str
    created_utc_ns: int


@dataclass(frozen=True, slots=True)
class LiveSegment:
    """A segment that the index does not know yet, lent to readers.

    start_utc_ns: its first capture
    index:        grows while the segment does
    """

    path: Path
    start_utc_ns: int
    header: SegmentHeader
    tracks: tuple[Track, ...]
    index: SampleIndex


class OpenSegment(Protocol):
    """A segment that is being written. `append` on the writer's thread; the others on the syncing one."""

    live: LiveSegment

    def append(self, fragment: Fragment) -> int:
        """One write; bytes written. After an OSError it can only be finished.

        Raises LocalProtocolError when times jump too far for one run.
        """

    def sync(self) -> None:
        """What was appended is on disk."""

    def finish(self, clock: CameraClock) -> "IndexEntry":
        """Footer, sync and chain entry. Raises OSError: it may be called again, or the segment `abandon`ed."""

    def abandon(self) -> None:
        """Lets the file go as it is: recovery will finish it."""


class IndexEntry(Protocol):
    """A finished segment on its way into the index."""

    def add(self) -> None:
        """Commits its row. Raises DatabaseUnusableError: to be tried again."""


class SegmentMaker(Protocol):
    """Where a lane's segments are made."""

    def create(self, stream: RecordedStream, serial: int, run: int, fragment: Fragment) -> OpenSegment:
        """A new file; run == serial begins a run. Raises OSError, StorageProblemError."""


class Serials:
    """Numbers the segments of one recording. Its lanes share it: one may still write when the next one begins."""

    def __init__(self) -> None:
        self._next = 1
        self._turn = threading.Lock()

    def take(self) -> int:
        """The next; it is used now."""
        with self._turn:
            self._next += 1
            return self._next - 1

    def not_before(self, serial: int) -> None:
        """Those below are used: recovery found them."""
        with self._turn:
            self._next = max(self._next, serial)


class Offers(Protocol):
    """The queue in front of a storage."""

    def offer(self, lane: "Lane", fragment: Fragment) -> bool:
        """False: there is no room."""

    def pause(self, lane: "Lane") -> None:
        """What is open may be finished."""


class Lane:
    """See the module."""

    def __init__(self, stream: RecordedStream, segment_ns: int, queue: Offers, serials: Serials | None = None) -> None:
        """serials: of the recording; None: no lane was before this one"""
        self.stream = stream
        self.serials = serials or Serials()
        # the hub's thread
        self.skips = False
        """What was offered last found no room."""
        self.refused_units = 0
        self._paused = True
        self.queued = 0
        """Its jobs in the queue; the queue counts them."""
        # the writer's thread
        self.rule = SegmentRule(segment_ns)
        self.segment: OpenSegment | None = None
        self.camera_clock = CameraClock()
        self.written_bytes = 0
        self.written_units = 0
        self.dropped_units = 0
        self.run = 0
        self._waits = True
        self._queue = queue
        # both of the storage's threads
        self._live: tuple[LiveSegment, ...] = ()
        self._lending = threading.Lock()

    @property
    def lost_units(self) -> int:
        """Units that did not reach the disk: no room in the queue, or a storage that does not take them."""
        return self.refused_units + self.dropped_units

    @property
    def live(self) -> tuple[LiveSegment, ...]:
        """Segments that the index does not know yet, oldest first: seldom more than one."""
        return self._live

    def push(self, fragment: Fragment) -> None:
        """From the gate."""
        if self._queue.offer(self, fragment):
            self._paused = False
        else:
            self.refused_units += len(fragment.units)

    def pause(self) -> None:
        """From the gate. Once between two fragments, so that what waits in the queue stays bounded."""
        if not self._paused:
            self._paused = True
            self._queue.pause(self)

    def admits(self, fragment: Fragment) -> bool:
        """Whether the fragment may be written; else it is counted as lost."""
        if self._waits and not fragment.starts_with_key:
            self.dropped_units += len(fragment.units)
            return False
        return True

    def write(self, fragment: Fragment, maker: SegmentMaker) -> None:
        """Into the open segment, which must be the right one (`begins`), or into a new one. Raises OSError."""
        segment = self.segment
        if segment is None:
            serial = self.serials.take()
            segment = maker.create(self.stream, serial, self.run or serial, fragment)
            self.run = self.run or serial
            self.segment = segment
            with self._lending:
                self._live = (*self._live, segment.live)
        size = segment.append(fragment)
        self._waits = False
        self.camera_clock = fragment.camera_clock
        self.written_bytes += size
        self.written_units += len(fragment.units)

    def begins(self, fragment: Fragment) -> Begins:
        """Asked once for every fragment that is admitted."""
        begins = self.rule.begins(fragment)
        if begins is Begins.RUN:
            self.run = 0
        return begins

    def take_segment(self) -> OpenSegment | None:
        """The open segment goes to the syncing thread."""
        segment, self.segment = self.segment, None
        return segment

    def lose(self, fragment: Fragment) -> None:
        """The fragment could not be written: on with the next key frame, and with a new run."""
        self.dropped_units += len(fragment.units)
        self._waits = True
        self.rule.lose()

    def returned(self, live: LiveSegment) -> None:
        """The index knows the segment, or nobody will (the syncing thread)."""
        with self._lending:
            self._live = tuple(one for one in self._live if one is not live)
