"""Sample entries both ways, with the parameter sets of real encoders."""

import pytest

from bridge.base.errors import DamagedError
from bridge.base.media import Codec, Track
from bridge.wire import payload
from bridge.wire.mp4 import boxes
from bridge.wire.mp4.entries import parse_sample_entry, sample_entry
from tests.wire.encoded import video

H264 = payload.complete_track(Track(Codec.H264, 90000), video("libx264", frames=1)[0])
H265 = payload.complete_track(Track(Codec.H265, 90000), video("libx265", frames=1)[0])
TRACKS = {
    "H.264": H264,
    "H.265": H265,
    "AAC": Track(Codec.AAC, 16000, 1, config=b"\x14\x08"),
    "mu-law": Track(Codec.PCMU, 8000),
    "A-law in stereo": Track(Codec.PCMA, 16000, 2),
}


def read_back(track: Track) -> Track:
    data = b"before" + sample_entry(track) + b"behind"
    return parse_sample_entry(memoryview(data), next(boxes.read_boxes(data, 6, len(data) - 6)), track.clock_rate)


@pytest.mark.parametrize("track", TRACKS.values(), ids=TRACKS.keys())
def test_a_complete_track_is_read_back_equal(track):
    assert read_back(track) == track


def test_an_entry_of_another_kind_is_damage():
    data = boxes.box(b"avc3", bytes(100))
    with pytest.raises(DamagedError, match="one of avc1, hvc1, mp4a, ulaw, alaw expected"):
        parse_sample_entry(data, boxes.whole_box(data, b"avc3"), 90000)
