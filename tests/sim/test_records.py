"""Records between a worker and the service."""

import pytest

from bridge.base.media import Codec, Track
from bridge.sim.records import EncodedUnit, RecordReader, StreamTracks, encode_tracks, encode_unit

TRACKS = (Track(Codec.H264, 90000, parameter_sets=(b"\x67a", b"\x68b")), Track(Codec.AAC, 48000, 2, config=b"\x11\x90"))
VALUES: list[tuple[bytes, StreamTracks | EncodedUnit]] = [
    (encode_tracks(1, TRACKS), StreamTracks(1, TRACKS)),
    (encode_unit(unit := EncodedUnit(0, 1, True, -5, (b"abc", b"", b"d"))), unit),
    (encode_unit(empty := EncodedUnit(1, 0, False, 1 << 40, ())), empty),
]


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_values_survive_any_split(step: int) -> None:
    data, reader = b"".join(encoded for encoded, _ in VALUES), RecordReader()
    got = [value for at in range(0, len(data), step) for value in reader.feed(data[at : at + step])]
    assert got == [value for _, value in VALUES]


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff\1\0", b"\0\0\0\0", b"\0\0\0\2\x09\0"])
def test_what_our_worker_never_writes_is_a_defect(data: bytes) -> None:
    with pytest.raises(ValueError, match="a record of"):
        list(RecordReader().feed(data))
