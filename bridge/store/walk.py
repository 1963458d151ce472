"""Reads a segment box by box with small reads: what is said about samples, not the samples themselves.

For files without a footer, and for those that check one. A torn end and damage look alike here: DamagedError, whose
`offset` is where the fragment begins that is not whole.
"""

import hashlib
import os
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from bridge.base.errors import DamagedError
from bridge.store.format import (
    MAX_HEAD_BYTES,
    MAX_INDEX_BYTES,
    SEAL_BOX_BYTES,
    SEAL_HEAD,
    Footer,
    Head,
    Summary,
    decode_captures,
    decode_head,
    decode_index,
    head_bytes,
    index_bytes,
    lead_of,
    sample_flags,
    summarize_index,
)
from bridge.store.sample_index import SampleIndex
from bridge.wire.mp4.boxes import MAX_HEADER_BYTES, read_header
from bridge.wire.mp4.fragment import MDAT_HEADER_BYTES, TrackRun, parse_moof, parse_prft

#: A head, or a seal and what describes the fragment behind it, comes with one read.
_WINDOW_BYTES = 8 << 10
_TAIL_BYTES = 64 << 10
_MAX_DESCRIPTION_BYTES = 16 << 20
_HASHED_BYTES = 1 << 20
_MFRO_BYTES = 16
#: The index box ends with its length.
_LENGTH_BYTES = 4
_MAX_DECODE_TIME = 1 << 61


class StoredFragment(NamedTuple):
    """A fragment as it lies in the file.

    at, end:  where `prft` begins, where its seal ends
    moof_at:  where `moof` begins; data offsets count from there
    sealed:   the digest that its seal says; whether it is true is not looked at
    captures: capture times of the samples of each run, UTC ns
    """

    at: int
    end: int
    moof_at: int
    sequence: int
    runs: list[TrackRun]
    captures: list[tuple[int, ...]]
    sealed: bytes

    @property
    def latest_utc_ns(self) -> int:
        """The last capture in it."""
        return max(map(max, self.captures))


def read_at(descriptor: int, size: int, at: int) -> bytes:
    """Up to `size` bytes from there, fewer only where the file ends. Raises OSError."""
    data = os.pread(descriptor, size, at)
    while len(data) < size:
        more = os.pread(descriptor, size - len(data), at + len(data))
        if not more:
            break
        data += more
    return data


def read_head(descriptor: int) -> Head:
    """The boxes before the first fragment. Raises OSError, DamagedError."""
    data = read_at(descriptor, _WINDOW_BYTES, 0)
    size = head_bytes(data)
    if size is None or size > len(data):
        data = read_at(descriptor, MAX_HEAD_BYTES, 0)
        size = head_bytes(data)
    if size is None or size > len(data):
        raise DamagedError(f"the file ends inside its head, after {len(data)} bytes", offset=len(data))
    return decode_head(data[:size])


def walk(descriptor: int, head: Head, size: int) -> Iterator[StoredFragment]:
    """The fragments up to `size`, the end of the file, or up to the index box. Raises OSError, DamagedError."""
    at = len(head.raw)
    window = read_at(descriptor, _WINDOW_BYTES, at)
    while at < size and window[4:8] != b"uuid":
        try:
            fragment, window = _read_fragment(descriptor, window, at, size, len(head.tracks))
        except DamagedError as error:
            raise damaged(f"fragment at byte {at}: {error}", at) from None
        yield fragment
        at = fragment.end


def damaged(text: str, offset: int) -> DamagedError:
    """An error whose text says the place already."""
    error = DamagedError(text)
    error.offset = offset
    return error


def _read_fragment(descriptor: int, window: bytes, at: int, size: int, tracks: int) -> tuple[StoredFragment, bytes]:
    """The fragment at `at`, and what lies behind it as far as it was read. window: what lies at `at`."""
    prft_end = _end_of_box(window, 0, b"prft", size - at)
    moof_end = _end_of_box(window, prft_end, b"moof", size - at)
    if moof_end > _MAX_DESCRIPTION_BYTES:
        raise DamagedError(f"moof of {moof_end - prft_end} bytes; at most {_MAX_DESCRIPTION_BYTES} expected")
    if moof_end + MDAT_HEADER_BYTES > len(window):
        window = read_at(descriptor, moof_end + MDAT_HEADER_BYTES, at)
    parse_prft(window)
    sequence, runs = parse_moof(window, prft_end)
    mdat_end = _end_of_box(window, moof_end, b"mdat", size - at)
    sizes = sum(sum(run.sizes) for run in runs)
    if sizes != mdat_end - moof_end - MDAT_HEADER_BYTES:
        raise DamagedError(
            f"mdat of {mdat_end - moof_end} bytes; {MDAT_HEADER_BYTES + sizes} expected", offset=moof_end
        )
    numbers = [run.track_id for run in runs]
    if not numbers or numbers != sorted(set(numbers)) or not 1 <= numbers[0] <= numbers[-1] <= tracks:
        raise DamagedError(f"track runs {numbers}; of tracks 1 to {tracks} expected, once each", offset=prft_end)
    if any(run.decode_time + sum(run.durations) > _MAX_DECODE_TIME for run in runs):
        raise DamagedError("a decode time beyond 2^61", offset=prft_end)
    captures = [decode_captures(run.extra, len(run.sizes)) for run in runs]
    behind = read_at(descriptor, SEAL_BOX_BYTES + _WINDOW_BYTES, at + mdat_end)
    if behind[: len(SEAL_HEAD)] != SEAL_HEAD or len(behind) < SEAL_BOX_BYTES:
        raise DamagedError("no seal", offset=mdat_end)
    sealed = behind[len(SEAL_HEAD) : SEAL_BOX_BYTES]
    end = at + mdat_end + SEAL_BOX_BYTES
    return StoredFragment(at, end, at + prft_end, sequence, runs, captures, sealed), behind[SEAL_BOX_BYTES:]


def _end_of_box(window: bytes, at: int, kind: bytes, limit: int) -> int:
    found = read_header(window[at : at + MAX_HEADER_BYTES])
    if found is None or found[0] != kind or at + found[2] > limit:
        seen = "nothing" if found is None else f"box {found[0]!r} of {found[2]} bytes"
        raise DamagedError(f"{seen} where {kind!r} is expected and {limit - at} bytes are left", offset=at)
    if kind == b"mdat" and found[1] != MDAT_HEADER_BYTES:
        raise DamagedError(f"mdat with a header of {found[1]} bytes; {MDAT_HEADER_BYTES} expected", offset=at)
    return at + found[2]


def digest_of(descriptor: int, fragment: StoredFragment) -> bytes:
    """What its seal must say: SHA-256 over its `prft`, `moof` and `mdat`. Reads all of it."""
    digest = hashlib.sha256()
    at, end = fragment.at, fragment.end - SEAL_BOX_BYTES
    while at < end:
        data = read_at(descriptor, min(_HASHED_BYTES, end - at), at)
        if not data:
            break
        digest.update(data)
        at += len(data)
    return digest.digest()


def add_to_index(index: SampleIndex, head: Head, fragment: StoredFragment) -> None:
    """The fragment's samples, behind those that are there."""
    for run, utc_ns in zip(fragment.runs, fragment.captures, strict=True):
        track = run.track_id - 1
        first = head.header.origins[track] + run.decode_time
        dts = list(accumulate(run.durations, initial=first))[:-1]
        media_times = [time + offset for time, offset in zip(dts, run.offsets, strict=True)]
        at = list(accumulate(run.sizes, initial=fragment.moof_at + run.data_at))[:-1]
        index.tracks[track].extend(utc_ns, media_times, dts, at, run.sizes, sample_flags(run.flags))


class StoredFooter(NamedTuple):
    """What lies behind the last fragment. at: where the index box begins; mfra_at: where it ends."""

    footer: Footer
    at: int
    mfra_at: int
    mfra: bytes


def read_footer(descriptor: int, head: Head, size: int) -> StoredFooter | None:
    """The footer of a file of that size; None: without. Raises OSError, DamagedError (not readable)."""
    found = _find_index(descriptor, head, size)
    if found is None:
        return None
    data, at, mfra = found
    footer = decode_index(data)
    if len(footer.index.tracks) != len(head.tracks):
        raise DamagedError(f"index of {len(footer.index.tracks)} tracks; moov has {len(head.tracks)}", offset=at)
    return StoredFooter(footer, at, at + len(data), mfra)


def read_summary(descriptor: int, head: Head, size: int) -> Summary | None:
    """The same without its samples. Raises OSError, DamagedError."""
    found = _find_index(descriptor, head, size)
    return summarize_index(found[0], len(head.tracks), lead_of(head.tracks)) if found else None


def _find_index(descriptor: int, head: Head, size: int) -> tuple[bytes, int, bytes] | None:
    """(index box, where it begins, mfra); None: the file does not end with them."""
    start = max(len(head.raw), size - _TAIL_BYTES)
    tail = read_at(descriptor, size - start, start)
    if len(tail) < _MFRO_BYTES or tail[-12:-8] != b"mfro":
        return None
    mfra_at = size - index_bytes(tail)
    if not len(head.raw) + _LENGTH_BYTES <= mfra_at <= size - _MFRO_BYTES:
        raise DamagedError(f"mfro: {size - mfra_at} bytes of mfra in a file of {size}", offset=size - _MFRO_BYTES)
    if mfra_at - _LENGTH_BYTES < start:
        start = max(len(head.raw), mfra_at - _TAIL_BYTES)
        tail = read_at(descriptor, size - start, start)
    at = mfra_at - index_bytes(tail[: mfra_at - start])
    if not len(head.raw) <= at < mfra_at or mfra_at - at > MAX_INDEX_BYTES:
        raise DamagedError(f"index box of {mfra_at - at} bytes in a file of {size}", offset=mfra_at - _LENGTH_BYTES)
    data = tail[at - start : mfra_at - start] if at >= start else read_at(descriptor, mfra_at - at, at)
    return data, at, tail[mfra_at - start :]
