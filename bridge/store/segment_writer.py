"""Writes one segment: its head, fragments with one write each, its footer (docs/design/store.md, "Create").

Blocking, on the caller's thread. `append` and `finish` belong to one thread, `sync` and `close` may be another's, as a
disk that hangs in a sync must not stop the appends.
"""

import contextlib
import copy
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import sub
from pathlib import Path

from bridge.base.errors import LocalProtocolError
from bridge.base.media import AccessUnit, Track
from bridge.base.time import NS_PER_S, ns_to_ticks, ticks_to_ns
from bridge.store.format import (
    SEAL_HEAD,
    TRUN_FLAGS,
    ClockFacts,
    KeyTable,
    SegmentHeader,
    captures_box,
    encode_head,
    encode_index,
    lead_of,
)
from bridge.store.layout import RecordingFolder, sync_folder
from bridge.store.sample_index import DAMAGED, KEY, SampleIndex
from bridge.wire.mp4.decode_times import DecodeTimes, begin_run
from bridge.wire.mp4.fragment import MDAT_HEADER_BYTES, TrackRun, mdat_header, moof, prft

_LENGTH_BYTES = 4
#: As many the kernel takes with one call (IOV_MAX).
_MAX_PIECES = 1024

#: A track of a fragment: its units, what `trun` says, media times, decode times on the stream's time line.
_Columns = tuple[Sequence[AccessUnit], TrackRun, list[int], list[int]]


@dataclass(frozen=True, slots=True)
class FragmentUnits:
    """What one write brings to disk.

    units:           of all tracks, in the order of arrival; at least one
    next_media_time: of tracks whose next unit is known already, its media time
    """

    units: Sequence[AccessUnit]
    next_media_time: Mapping[int, int] = field(default_factory=dict)

    def media_times(self) -> dict[int, list[int]]:
        """Of each track that has units, in their order."""
        times: dict[int, list[int]] = {}
        for unit in self.units:
            times.setdefault(unit.track, []).append(unit.media_time)
        return times


@dataclass(frozen=True, slots=True)
class FinishedSegment:
    """A segment to which nothing is added any more.

    start_utc_ns: the first capture of any track
    end_utc_ns:   where the last sample of any track ends
    size_bytes:   of the file
    digest:       SHA-256 over its head and the seals of its fragments
    interval_ns:  usual time between two samples of the leading track; 0: not known
    """

    serial: int
    run: int
    start_utc_ns: int
    end_utc_ns: int
    size_bytes: int
    digest: bytes
    interval_ns: int
    starts_with_key: bool


def segment_origins(tracks: Sequence[Track], times: Sequence[DecodeTimes], fragment: FragmentUnits) -> tuple[int, ...]:
    """The media time of each track that becomes decode time 0 of a segment: one moment of capture for all, to a tick.

    Media times of two tracks may be apart by what the network did to their first packets; capture times are not, and
    players of the bare file know no others. The moment is the earliest at which a track begins, so that decode times
    start near zero and none is negative.

    fragment: the segment's first one. A track that has no units in it takes the earliest media time of the others.
    """
    firsts, captured = {}, {}
    for index, media_times in fragment.media_times().items():
        rate = tracks[index].clock_rate
        first = copy.deepcopy(times[index]).assign(media_times, fragment.next_media_time.get(index))[0][0]
        firsts[index] = first
        # Of several units the one that was delayed least tells best when the first was taken.
        captured[index] = min(
            unit.utc_ns - ticks_to_ns(unit.media_time - first, rate) for unit in fragment.units if unit.track == index
        )
    moment_ns = min(captured.values())
    earliest_ns = min(first * NS_PER_S // tracks[index].clock_rate for index, first in firsts.items())
    return tuple(
        firsts[index] - ns_to_ticks(captured[index] - moment_ns, track.clock_rate)
        if index in firsts
        else earliest_ns * track.clock_rate // NS_PER_S
        for index, track in enumerate(tracks)
    )


class SegmentWriter:
    """One segment that is being written. After an OSError of `append` it takes `finish` and `close` only."""

    def __init__(
        self,
        path: Path,
        descriptor: int,
        header: SegmentHeader,
        tracks: tuple[Track, ...],
        times: Sequence[DecodeTimes],
    ) -> None:
        """Use `create`."""
        self.path = path
        self.header = header
        self.tracks = tracks
        self.times = tuple(times)
        self.lead = lead_of(tracks)
        self.index = SampleIndex(len(tracks))
        """Of what is written; others may read it while this goes on."""
        self.size_bytes = 0
        """Whole writes; what lies behind it is being written, or failed."""
        self._descriptor = descriptor
        self._of_nal_units = tuple(track.codec.of_nal_units for track in tracks)
        self._keys = KeyTable(tracks)
        self._seals: list[bytes] = []
        self._digest = hashlib.sha256()
        self._failed = self._finished = self._named = False

    @classmethod
    def create(
        cls,
        folder: RecordingFolder,
        header: SegmentHeader,
        tracks: Sequence[Track],
        start_utc_ns: int,
        times: Sequence[DecodeTimes] | None = None,
    ) -> "SegmentWriter":
        """A new file with its head. Nothing is synced yet.

        start_utc_ns: for the file's name: the first capture of its first fragment
        times:        those of the segment before, where the run goes on with the same tracks; None: `begin_run`
        Raises OSError; no file is left then, unless the disk refuses that as well.
        """
        tracks = tuple(tracks)
        head = encode_head(header, tracks)
        folder.make_thousand(header.serial)
        path = folder.segment_path(header.serial, start_utc_ns)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        writer = cls(path, descriptor, header, tracks, begin_run(tracks) if times is None else times)
        try:
            writer._write([head])
        except OSError:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        writer._digest.update(head)
        return writer

    def append(self, fragment: FragmentUnits) -> int:
        """Writes a fragment and lends its samples to readers. Returns how many bytes it has.

        Raises OSError: the file ends behind the fragment before, as far as the disk lets it. Raises LocalProtocolError
        when times jump too far for one run; nothing is written then.
        """
        if self._failed or self._finished:
            raise LocalProtocolError(f"{self.path}: append after {'a failed write' if self._failed else 'finish'}")
        units: list[list[AccessUnit]] = [[] for _ in self.tracks]
        for unit in fragment.units:
            units[unit.track].append(unit)
        runs: list[TrackRun] = []
        columns: list[_Columns] = []
        pieces: list[bytes] = []
        for index, of_track in enumerate(units):
            if of_track:
                run, media_times, dts = self._run(index, of_track, fragment.next_media_time.get(index))
                runs.append(run)
                columns.append((of_track, run, media_times, dts))
                add_samples(pieces, of_track, nal_units=self._of_nal_units[index])
        first = units[self.lead][0] if units[self.lead] else fragment.units[0]
        clock = prft(first.track + 1, first.utc_ns, max(0, first.media_time - self.header.origins[first.track]))
        description = moof(len(self._seals) + 1, runs)
        pieces.insert(0, b"".join((clock, description, mdat_header(sum(sum(run.sizes) for run in runs)))))
        # Piece by piece, and written as they are: putting them together costs as much as half the hash.
        sealed = hashlib.sha256()
        for piece in pieces:
            sealed.update(piece)
        seal = sealed.digest()
        pieces.append(SEAL_HEAD + seal)
        start = self.size_bytes
        moof_at = start + len(clock)
        self._write(pieces)
        self._seals.append(seal)
        self._digest.update(seal)
        self._keys.add(runs, moof_at)
        self._lend(columns, moof_at + len(description) + MDAT_HEADER_BYTES)
        return self.size_bytes - start

    def finish(self, clock: ClockFacts) -> FinishedSegment | None:
        """Writes the footer. It is on disk after the next `sync`. None: the segment is empty; `remove` it.

        Raises OSError: the file has no footer then. It may be tried again; else recovery makes it at the next start.
        """
        if self._finished:
            raise LocalProtocolError(f"{self.path}: finish after finish")
        if self._seals:
            self._write([encode_index(self.index, self._seals, clock), self._keys.box()])
        self._finished = True
        if not self._seals:
            return None
        return finished(self.header, self.index, self.lead, self.size_bytes, self._digest.digest())

    def sync(self) -> None:
        """What was written before is on disk afterwards, and the file's name with the first call. Raises OSError."""
        os.fdatasync(self._descriptor)
        if not self._named:
            sync_folder(self.path.parent)
            self._named = True

    def close(self) -> None:
        """No more calls. Syncs nothing."""
        os.close(self._descriptor)

    def remove(self) -> None:
        """Closes and deletes a segment without fragments."""
        if self._seals:
            raise LocalProtocolError(f"{self.path}: has {len(self._seals)} fragments")
        self.close()
        self.path.unlink()

    def _run(
        self, index: int, units: Sequence[AccessUnit], following: int | None
    ) -> tuple[TrackRun, list[int], list[int]]:
        """(what `trun` says, media times, decode times on the stream's time line)"""
        origin = self.header.origins[index]
        media_times = [unit.media_time for unit in units]
        dts, durations = self.times[index].assign(media_times, following, not_before=origin)
        if self._of_nal_units[index]:
            sizes = [unit.size_bytes + _LENGTH_BYTES * len(unit.parts) for unit in units]
        else:
            sizes = [unit.size_bytes for unit in units]
        flags = [TRUN_FLAGS[unit.key | unit.damaged << 1] for unit in units]
        captures = captures_box([unit.utc_ns for unit in units])
        offsets = list(map(sub, media_times, dts))
        return TrackRun(index + 1, dts[0] - origin, durations, sizes, flags, offsets, captures), media_times, dts

    def _lend(self, columns: Sequence[_Columns], at: int) -> None:
        for units, run, media_times, dts in columns:
            ends = list(accumulate(run.sizes, initial=at))
            flags = [unit.key * KEY | unit.damaged * DAMAGED for unit in units]
            times = [unit.utc_ns for unit in units]
            self.index.tracks[run.track_id - 1].extend(times, media_times, dts, ends[:-1], run.sizes, flags)
            at = ends[-1]

    def _write(self, pieces: Sequence[bytes]) -> None:
        """All of them behind what is there, with one call of the kernel, or nothing."""
        if len(pieces) > _MAX_PIECES:
            pieces = [b"".join(pieces)]
        start = at = self.size_bytes
        end = start + sum(map(len, pieces))
        try:
            at += os.pwritev(self._descriptor, pieces, at)
            while at < end:  # a disk that is nearly full takes a part, and tells why with the next one
                at += os.pwrite(self._descriptor, b"".join(pieces)[at - start :], at)
        except OSError:
            self._failed = True
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, start)
            raise
        self.size_bytes = at


def add_samples(pieces: list[bytes], units: Sequence[AccessUnit], *, nal_units: bool) -> None:
    """Appends what lies in `mdat` of these units: NAL units behind their length each, all else as it is."""
    if not nal_units:
        for unit in units:
            (frame,) = unit.parts
            pieces.append(frame)
        return
    add = pieces.append
    for unit in units:
        for part in unit.parts:
            add(len(part).to_bytes(_LENGTH_BYTES, "big"))
            add(part)


def finished(header: SegmentHeader, index: SampleIndex, lead: int, size_bytes: int, digest: bytes) -> FinishedSegment:
    """What a finished segment is, from what its file says."""
    span = index.span(lead)
    return FinishedSegment(
        *(header.serial, header.run, span.start_utc_ns, span.end_utc_ns, size_bytes, digest),
        *(span.interval_ns, header.starts_with_key),
    )
