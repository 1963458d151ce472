"""Any bytes as MP4: values or DamagedError; what was read of a fragment or a key frame table is written as it was."""

import contextlib
import itertools

from bridge.base.errors import DamagedError
from bridge.base.media import Codec, Track
from bridge.wire.mp4 import boxes, fragment, init, random_access
from bridge.wire.mp4.fragment import DAMAGED, DELTA_FLAGS, KEY_FLAGS, TrackRun
from bridge.wire.payload import complete_track

# What x264 and x265 write for 320x240.
_H264_SETS = (bytes.fromhex("6742c00dda0507e840000003004000000ca3c50aa8"), bytes.fromhex("68ce0fc8"))
_H265_SETS = (
    bytes.fromhex("40010c01ffff01600000030090000003000003003cba0240"),
    bytes.fromhex("42010101600000030090000003000003003ca00a080f165ba4a4c2e68080000003008000000c84"),
    bytes.fromhex("4401c0718312"),
)
_TRACKS = (
    complete_track(Track(Codec.H264, 90000), _H264_SETS),
    complete_track(Track(Codec.H265, 90000), _H265_SETS),
    Track(Codec.AAC, 48000, 2, config=b"\x11\x90"),
    Track(Codec.PCMU, 8000),
    Track(Codec.PCMA, 8000, 2),
)
_RUNS = [
    TrackRun(1, 5, (3600, 3600), (5, 3), (KEY_FLAGS, DELTA_FLAGS | DAMAGED), (3600, -3600), boxes.uuid_box(bytes(16))),
    TrackRun(2, 1 << 40, (1024, 1023, 1024), (9, 8, 7), (KEY_FLAGS,) * 3, (0, 0, 0)),
]
SEEDS = [
    b"".join(init.init(_TRACKS)),
    *(init.init([track])[1] for track in _TRACKS),
    fragment.prft(1, 10**18, 7) + fragment.moof(9, _RUNS) + fragment.mdat_header(32) + bytes(32),
    fragment.moof(9, _RUNS[:1]),
    random_access.mfra([(1, [random_access.RandomAccess(5, 6, 7, 8)] * 3), (2, [])]),
]

#: The most boxes that are looked into; a walk over the input itself ends by its length.
_LOOKED_INTO = 100


def run(data: bytes) -> None:
    """Walks over the boxes as one reads a file, and reads what it finds."""
    view = memoryview(data)
    for found in itertools.islice(_walk(view), _LOOKED_INTO):
        header = boxes.read_header(data[found.start : found.start + boxes.MAX_HEADER_BYTES])
        assert header == (found.kind, found.content - found.start, found.end - found.start)
        with contextlib.suppress(DamagedError):
            _read(view, found)


def _walk(view: memoryview):
    walk = boxes.read_boxes(view)
    while True:
        try:
            yield next(walk)
        except (StopIteration, DamagedError):
            return


def _read(view: memoryview, found: boxes.Box) -> None:
    if found.kind == b"moov":
        for track in init.parse_moov(view[found.start :]):
            assert init.parse_moov(init.init([track])[1]) == (track,)
    elif found.kind == b"moof":
        sequence, runs = fragment.parse_moof(view, found.start)
        assert fragment.parse_moof(fragment.moof(sequence, runs)) == (sequence, runs)
    elif found.kind == b"prft":
        track_id, utc_ns, media_time = fragment.parse_prft(view, found.start)
        read = fragment.parse_prft(fragment.prft(track_id, utc_ns, media_time))
        assert (read[0], read[2]) == (track_id, media_time)
        assert abs(read[1] - utc_ns) <= 1
    elif found.kind == b"mfra":
        tables = random_access.parse_mfra(view, found.start)
        assert random_access.parse_mfra(random_access.mfra(tables)) == tables
