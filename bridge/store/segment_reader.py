"""Gives the samples of one segment back as they came: bit for bit, dated, in decoding order.

Blocking, on the caller's thread. A segment that was deleted meanwhile can be read until it is closed.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bridge.base.errors import DamagedError
from bridge.base.media import AccessUnit, Track
from bridge.store.format import ClockFacts, Footer, Head, SegmentHeader, lead_of
from bridge.store.sample_index import DAMAGED, KEY, SampleIndex
from bridge.store.walk import add_to_index, read_at, read_footer, read_head, walk

#: Samples that lie one behind the other come with one read, up to so many bytes.
MAX_READ_BYTES = 4 << 20

_LENGTH_BYTES = 4


class _Stretch(NamedTuple):
    """Samples that lie one behind the other. end: behind the last byte."""

    first: int
    until: int
    at: int
    end: int


class SegmentReader:
    """One file. Not for two threads at once."""

    def __init__(
        self,
        path: Path,
        descriptor: int,
        header: SegmentHeader,
        tracks: tuple[Track, ...],
        index: SampleIndex,
        footer: Footer | None = None,
    ) -> None:
        """Use `open` or `live`."""
        self.path = path
        self.header = header
        self.tracks = tracks
        self.lead = lead_of(tracks)
        self.index = index
        self.clock: ClockFacts | None = footer.clock if footer else None
        """What the camera claimed its clock to be; None: the segment has no footer (yet)."""
        self._descriptor = descriptor

    @classmethod
    def open(cls, path: Path) -> "SegmentReader":
        """A segment with its footer; without one, the whole fragments that it begins with.

        Raises OSError (FileNotFoundError: it was deleted), DamagedError: the head cannot be read.
        """
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(descriptor).st_size
            head = read_head(descriptor)
            footer = _footer(descriptor, head, size)
            index = footer.index if footer else _walked(descriptor, head, size)
        except DamagedError as error:
            os.close(descriptor)
            raise DamagedError(f"{path}: {error}") from None
        except OSError:
            os.close(descriptor)
            raise
        return cls(path, descriptor, head.header, head.tracks, index, footer)

    @classmethod
    def live(cls, path: Path, header: SegmentHeader, tracks: tuple[Track, ...], index: SampleIndex) -> "SegmentReader":
        """A segment that is being written. index: lent by its writer; it goes on growing. Raises OSError."""
        return cls(path, os.open(path, os.O_RDONLY | os.O_CLOEXEC), header, tracks, index)

    @property
    def end_utc_ns(self) -> int:
        """Where the last sample of any track ends. Raises ValueError without samples."""
        return self.index.span(self.lead).end_utc_ns

    def read(self, track: int, first: int, until: int, *, whole: bool = False) -> list[AccessUnit]:
        """Samples first <= number < until of a track, in decoding order; `arrived_ns` is 0.

        whole: each as one part, its NAL units behind their lengths as the file has them
        Raises IndexError for samples that are not there, OSError, DamagedError: the file is not what its index says.
        """
        samples = self.index.tracks[track]
        if not 0 <= first <= until <= len(samples):
            raise IndexError(f"{self.path}: samples {first} to {until} of track {track}, which has {len(samples)}")
        split = self.tracks[track].codec.of_nal_units and not whole
        units = []
        for stretch in _stretches(samples.at, samples.size, first, until):
            data = read_at(self._descriptor, stretch.end - stretch.at, stretch.at)
            if len(data) < stretch.end - stretch.at:
                raise DamagedError(f"{self.path}: ends inside a sample", offset=stretch.at + len(data))
            for number in range(stretch.first, stretch.until):
                start = samples.at[number] - stretch.at
                end = start + samples.size[number]
                flags = samples.flags[number]
                units.append(
                    AccessUnit(
                        track,
                        samples.media_time[number],
                        samples.utc_ns[number],
                        0,
                        bool(flags & KEY),
                        self._nal_units(data, start, end, stretch.at) if split else (data[start:end],),
                        bool(flags & DAMAGED),
                    )
                )
        return units

    def close(self) -> None:
        """No more calls."""
        os.close(self._descriptor)

    def _nal_units(self, data: bytes, at: int, end: int, data_at: int) -> tuple[bytes, ...]:
        parts = []
        while at < end:
            start = at + _LENGTH_BYTES
            at = start + int.from_bytes(data[at:start], "big")
            if at > end or start > end:
                raise DamagedError(f"{self.path}: a NAL unit is longer than its sample", offset=data_at + start)
            parts.append(data[start:at])
        return tuple(parts)


def _stretches(at: Sequence[int], size: Sequence[int], first: int, until: int) -> list[_Stretch]:
    """What to read, in order."""
    found = []
    start = end = None
    begins = first
    for number in range(first, until):
        place, following = at[number], at[number] + size[number]
        if start is None or place != end or following - start > MAX_READ_BYTES:
            if start is not None and end is not None:
                found.append(_Stretch(begins, number, start, end))
            begins, start = number, place
        end = following
    if start is not None and end is not None:
        found.append(_Stretch(begins, until, start, end))
    return found


def _footer(descriptor: int, head: Head, size: int) -> Footer | None:
    try:
        stored = read_footer(descriptor, head, size)
    except DamagedError:
        # Footage needs no footer; that it is damaged is for `verify` to say.
        return None
    return stored.footer if stored else None


def _walked(descriptor: int, head: Head, size: int) -> SampleIndex:
    """Of the whole fragments that the file begins with."""
    index = SampleIndex(len(head.tracks))
    try:
        for fragment in walk(descriptor, head, size):
            add_to_index(index, head, fragment)
    except DamagedError:
        pass  # a torn end, or the one that is just being written
    return index
