"""What a worker writes to its standard output: records, each a length, a head and a body; big endian.

u32  length of what follows
u8   kind: TRACKS or UNIT
u8   stream: 0 main, 1 sub
TRACKS: JSON, a list of tracks
UNIT:   u8 track, u8 key, i64 media time, then for every part u32 length and the bytes
"""

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bridge.base.media import Codec, Track

_LENGTH = struct.Struct(">I")
_HEAD = struct.Struct(">BB")
_UNIT = struct.Struct(">BBq")
_TRACKS_KIND, _UNIT_KIND = 1, 2

MAX_RECORD_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class StreamTracks:
    """The tracks of a stream; comes before its first unit."""

    stream: int
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class EncodedUnit:
    """One access unit of a stream; media_time in the track's clock rate."""

    stream: int
    track: int
    key: bool
    media_time: int
    parts: tuple[bytes, ...]


def encode_tracks(stream: int, tracks: Sequence[Track]) -> bytes:
    """`StreamTracks` as a record."""
    body = json.dumps(
        [
            {
                "codec": track.codec,
                "clock_rate": track.clock_rate,
                "channels": track.channels,
                "parameter_sets": [x.hex() for x in track.parameter_sets],
                "config": track.config.hex(),
            }
            for track in tracks
        ]
    ).encode()
    return _LENGTH.pack(_HEAD.size + len(body)) + _HEAD.pack(_TRACKS_KIND, stream) + body


def encode_unit(unit: EncodedUnit) -> bytes:
    """`EncodedUnit` as a record."""
    head = _HEAD.pack(_UNIT_KIND, unit.stream) + _UNIT.pack(unit.track, unit.key, unit.media_time)
    body = b"".join(x for part in unit.parts for x in (_LENGTH.pack(len(part)), part))
    return _LENGTH.pack(len(head) + len(body)) + head + body


class RecordReader:
    """Bytes in, records out; the other end is our own worker, so what does not parse is a defect: ValueError."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[StreamTracks | EncodedUnit]:
        """The records that `data` completes. At most MAX_RECORD_BYTES are kept."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._buffer)
            if not _HEAD.size <= size <= MAX_RECORD_BYTES:
                raise ValueError(f"a record of {size} bytes; {_HEAD.size} to {MAX_RECORD_BYTES} are possible")
            if len(self._buffer) < _LENGTH.size + size:
                return
            record = bytes(self._buffer[_LENGTH.size : _LENGTH.size + size])
            del self._buffer[: _LENGTH.size + size]
            kind, stream = _HEAD.unpack_from(record)
            if kind == _TRACKS_KIND:
                yield StreamTracks(stream, _decode_tracks(record[_HEAD.size :]))
            elif kind == _UNIT_KIND:
                yield _decode_unit(stream, record[_HEAD.size :])
            else:
                raise ValueError(f"a record of kind {kind}; {_TRACKS_KIND} and {_UNIT_KIND} are known")


def _decode_tracks(body: bytes) -> tuple[Track, ...]:
    return tuple(
        Track(
            Codec(entry["codec"]),
            entry["clock_rate"],
            entry["channels"],
            tuple(map(bytes.fromhex, entry["parameter_sets"])),
            bytes.fromhex(entry["config"]),
        )
        for entry in json.loads(body)
    )


def _decode_unit(stream: int, body: bytes) -> EncodedUnit:
    track, key, media_time = _UNIT.unpack_from(body)
    parts, at = [], _UNIT.size
    while at < len(body):
        (size,) = _LENGTH.unpack_from(body, at)
        parts.append(body[at + _LENGTH.size : at + _LENGTH.size + size])
        at += _LENGTH.size + size
    return EncodedUnit(stream, track, bool(key), media_time, tuple(parts))
