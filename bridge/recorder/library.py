"""The library: which recordings there are, what is in them, and readings of them. Every door to the past asks here.

Everything blocks for the database or the disk: in the reader pool, never on the reactor. Rights are the doors' to ask.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from bridge.base.errors import DamagedError
from bridge.base.media import Track
from bridge.recorder.lane import LiveSegment
from bridge.recorder.lending import lend, live_runs
from bridge.recorder.listing import token_of
from bridge.store.gaps import Stretch, coverage
from bridge.store.index import MediaIndex
from bridge.store.layout import StorageFolder
from bridge.store.pieces import FOREVER_NS
from bridge.store.reader import Choice, Reading
from bridge.store.rows import RecordingRow, RunRow, SegmentRow, SpanRow
from bridge.store.segment_reader import SegmentReader
from bridge.store.shelf import RecordingShelf

_PAGE = 1000

Live = Callable[[UUID], Sequence[LiveSegment]]
"""What the recorder is writing of a recording; `Recorder.live`. Safe on any thread."""


def nothing_live(recording: UUID) -> Sequence[LiveSegment]:
    """No recorder runs in this process."""
    return ()


@dataclass(frozen=True, slots=True)
class Held:
    """A recording as it is now. Times are UTC nanoseconds.

    from_ns, until_ns: where its footage begins and ends; None: it has none
    growing: more is being written to it
    tracks:  as its newest footage has them; () when that is not known, or was not asked
    newest_serial: of the newest segment that the index knows; 0 for none
    """

    row: RecordingRow
    token: str
    from_ns: int | None
    until_ns: int | None
    growing: bool
    tracks: tuple[Track, ...] = ()
    newest_serial: int = 0


class Library:
    """See the module. Safe on any thread."""

    def __init__(self, index: MediaIndex, live: Live = nothing_live) -> None:
        self._index = index
        self._live = live
        self._tracks: dict[UUID, tuple[int, tuple[Track, ...]]] = {}
        """Of each recording those of the run that is named. Bounded by the number of recordings."""
        self._folders: dict[int, StorageFolder] = {}

    def recordings(self, *, tracks: bool = True) -> list[Held]:
        """All of them, in the order of their making. Raises DatabaseUnusableError.

        tracks: False leaves them out: for who needs those of a few, `with_tracks`, as a file may have to be opened
        """
        # Live ones first: one that is finished between the two questions is then seen twice, not never.
        rows = self._index.recordings()
        live = {row.uuid: self._live(row.uuid) for row in rows}
        spans = self._index.spans()
        return [self._held(row, spans.get(row.id), live[row.uuid], tracks=tracks) for row in rows]

    def find(self, token: str) -> Held | None:
        """The recording of that token. Raises DatabaseUnusableError."""
        row = next((row for row in self._index.recordings() if token_of(row) == token), None)
        if row is None:
            return None
        # As in `recordings`: what is live first.
        live = self._live(row.uuid)
        return self._held(row, self._index.span(row.id), live, tracks=True)

    def with_tracks(self, held: Held) -> Held:
        """The same, its tracks filled in. Raises DatabaseUnusableError."""
        return replace(held, tracks=self._newest_tracks(held.row, held.newest_serial, self._live(held.row.uuid)))

    def tracks_at(self, held: Held, utc_ns: int) -> tuple[Track, ...]:
        """Those of the footage at that instant; () where there is none. Raises DatabaseUnusableError."""
        live = [one for one in self._live(held.row.uuid) if len(one.index)]
        runs = live_runs(held.row.id, live)
        for one, run in zip(reversed(live), reversed(runs), strict=True):
            if run.start_utc_ns <= utc_ns < run.end_utc_ns:
                return one.tracks
        segment = self._index.segment_at(held.row.id, utc_ns)
        return () if segment is None else self._read_tracks(held.row, segment)

    def growing(self, held: Held) -> bool:
        """Whether more is being written to it now. Asks nobody but the recorder."""
        return any(len(one.index) for one in self._live(held.row.uuid))

    def edge_ns(self, held: Held) -> int | None:
        """Until when there is footage of what is being written now; None: nothing is. Looks at all of its samples."""
        live = live_runs(held.row.id, self._live(held.row.uuid))
        return max((run.end_utc_ns for run in live), default=None)

    def coverage(self, held: Held, from_ns: int = 0, until_ns: int = FOREVER_NS) -> list[Stretch]:
        """When there is footage of [from, until), without the pauses that are no gap; ends may lie outside."""
        live = live_runs(held.row.id, self._live(held.row.uuid))
        runs: list[RunRow] = [*self._index.runs(held.row.id, from_ns, until_ns)]
        runs += [run for run in live if run.start_utc_ns < until_ns and run.end_utc_ns > from_ns]
        return coverage(runs)

    def size_between(self, held: Held, from_ns: int, until_ns: int) -> int:
        """About how many bytes the footage of [from, until) has on disk, what is being written left out."""
        size_bytes, at = 0, from_ns
        seen: set[int] = set()
        while page := self._index.segments_between(held.row.id, at, until_ns, _PAGE):
            new = [row for row in page if row.serial not in seen]
            for row in new:
                within_ns = min(row.end_utc_ns, until_ns) - max(row.start_utc_ns, from_ns)
                size_bytes += row.size_bytes * max(0, within_ns) // max(1, row.end_utc_ns - row.start_utc_ns)
            if not new or len(page) < _PAGE:
                break
            seen, at = {row.serial for row in page}, page[-1].start_utc_ns
        return size_bytes

    def reading(
        self,
        held: Held,
        *,
        tracks: frozenset[int] | Choice | None = None,
        keys_only: bool = False,
        apart_ns: int = 0,
        follow: bool = False,
        whole: bool = False,
    ) -> Reading:
        """A reading of it; its arguments are `Reading`'s. To be closed."""
        row = held.row
        shelf = RecordingShelf(self._index, row.id, row.uuid, self._path_of, lambda: lend(row.id, self._live(row.uuid)))
        return Reading(shelf, tracks=tracks, keys_only=keys_only, apart_ns=apart_ns, follow=follow, whole=whole)

    def _held(self, row: RecordingRow, span: SpanRow | None, live: Sequence[LiveSegment], *, tracks: bool) -> Held:
        runs = live_runs(row.id, live)
        starts = [run.start_utc_ns for run in runs] + ([span.start_utc_ns] if span else [])
        ends = [run.end_utc_ns for run in runs] + ([span.end_utc_ns] if span else [])
        newest = span.newest_serial if span else 0
        return Held(
            row,
            token_of(row),
            min(starts, default=None),
            max(ends, default=None),
            any(len(one.index) for one in live),
            self._newest_tracks(row, newest, live) if tracks else (),
            newest,
        )

    def _newest_tracks(self, row: RecordingRow, newest: int, live: Sequence[LiveSegment]) -> tuple[Track, ...]:
        """Of what is being written, else of the newest segment that the index knows; asked of its file once."""
        writing = next((one for one in reversed(live) if len(one.index)), None)
        if writing is not None:
            return writing.tracks
        known = self._tracks.get(row.uuid)
        if known is not None and known[0] == newest:
            return known[1]
        segment = self._index.segment(row.id, newest) if newest else None
        if segment is None:
            return ()
        tracks = self._read_tracks(row, segment)
        if tracks:
            self._tracks[row.uuid] = newest, tracks
        return tracks

    def _read_tracks(self, row: RecordingRow, segment: SegmentRow) -> tuple[Track, ...]:
        """() when its file cannot be read."""
        try:
            reader = self._open(row, segment)
        except (OSError, DamagedError):
            return ()
        try:
            return reader.tracks
        finally:
            reader.close()

    def _open(self, row: RecordingRow, segment: SegmentRow) -> SegmentReader:
        path = self._path_of(segment.storage_id, row.uuid, segment.serial, segment.start_utc_ns)
        if path is None:
            raise FileNotFoundError(f"segment {segment.serial} is gone")
        return SegmentReader.open(path)

    def _path_of(self, storage_id: int, recording: UUID, serial: int, start_utc_ns: int) -> Path | None:
        folder = self._folders.get(storage_id)
        if folder is None:
            # A storage keeps its number; it is asked again when it is a new one.
            self._folders = {row.id: StorageFolder(Path(row.path)) for row in self._index.storages()}
            folder = self._folders.get(storage_id)
        return folder.recording(recording).find(serial, start_utc_ns) if folder else None
