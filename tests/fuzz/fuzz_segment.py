"""Any bytes as what lies on a disk: a head, fragments, a footer, a line of the chain. Values or DamagedError.

The bytes are read as each of these by themselves, and as a file behind a head that is whole.
"""

import os
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path

from bridge.base.errors import DamagedError
from bridge.store.chain import Entry, What, parse_entry
from bridge.store.format import (
    captures_box,
    decode_captures,
    decode_head,
    decode_index,
    encode_index,
    head_bytes,
    summarize_index,
)
from bridge.store.layout import RecordingFolder
from bridge.store.sample_index import SampleIndex
from bridge.store.segment_reader import SegmentReader
from bridge.store.verify import verify
from bridge.store.walk import add_to_index, read_footer, read_head, read_summary, walk
from tests.store.segments import TRACKS, finish, small_fragment

with tempfile.TemporaryDirectory() as _place:
    _folder = RecordingFolder(Path(_place) / str(uuid.UUID(int=1)))
    _folder.path.mkdir()
    _WHOLE = finish(_folder, [small_fragment(0), small_fragment(1)])[0].read_bytes()
_HEAD = decode_head(_WHOLE[: head_bytes(_WHOLE)])
_BEHIND = _WHOLE[len(_HEAD.raw) :]
_FILE = os.memfd_create("segment")
_PATH = Path(f"/proc/self/fd/{_FILE}")
_INDEX = _BEHIND.rindex(b"mfra") - 4

SEEDS = [
    _BEHIND,
    _BEHIND[:700],
    _HEAD.raw,
    _BEHIND[_BEHIND.rindex(b"uuid") - 4 : _INDEX],
    captures_box([1, 2, 3]),
    Entry(1, 2, What.WRITTEN, 3, 3, b"d" * 32, "", b"", b"s" * 64).line(),
]


def run(data: bytes) -> None:
    """Nothing but DamagedError, whatever reads it; what is read can be written again."""
    with suppress(DamagedError):
        assert parse_entry(data).line() == data
    with suppress(DamagedError):
        head = decode_head(data)
        assert head_bytes(data) == len(data) == len(head.raw)
    with suppress(DamagedError):
        assert len(decode_captures(data, 3)) == 3
    with suppress(DamagedError):
        footer = decode_index(data)
        again = decode_index(encode_index(footer.index, footer.seals, footer.clock))
        assert (again.seals, again.clock, len(again.index)) == (footer.seals, footer.clock, len(footer.index))
        if footer.index.tracks:
            assert summarize_index(data, len(footer.index.tracks), 0).seals == footer.seals
    with suppress(DamagedError):
        summarize_index(data, len(TRACKS), 0)
    _read(data)


def _read(data: bytes) -> None:
    """As a file: walked, by its footer, verified, and all its samples."""
    whole = _HEAD.raw + data
    os.ftruncate(_FILE, 0)
    os.pwrite(_FILE, whole, 0)
    assert read_head(_FILE) == _HEAD
    index = SampleIndex(len(TRACKS))
    with suppress(DamagedError):
        for fragment in walk(_FILE, _HEAD, len(whole)):
            add_to_index(index, _HEAD, fragment)
            assert fragment.at < fragment.end <= len(whole)
    assert sum(sum(samples.size) for samples in index.tracks) <= len(data)
    with suppress(DamagedError):
        read_footer(_FILE, _HEAD, len(whole))
    with suppress(DamagedError):
        read_summary(_FILE, _HEAD, len(whole))
    if whole != _WHOLE:
        # Spare bits apart, nothing passes for what was written.
        assert verify(_PATH) or len(whole) == len(_WHOLE)
    reader = SegmentReader.open(_PATH)
    try:
        for track, samples in enumerate(reader.index.tracks):
            with suppress(DamagedError):
                assert len(reader.read(track, 0, len(samples))) == len(samples)
    finally:
        reader.close()
