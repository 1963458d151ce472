"""The head of a fragmented file both ways."""

import pytest

from bridge.base.errors import DamagedError
from bridge.wire.mp4 import boxes
from bridge.wire.mp4.init import init, parse_moov
from tests.wire.mp4.test_entries import TRACKS


@pytest.mark.parametrize("tracks", [(), tuple(TRACKS.values()), (TRACKS["H.264"],)])
def test_tracks_are_read_back(tracks):
    ftyp, moov = init(tracks)
    assert parse_moov(memoryview(moov + b"behind")) == tracks
    assert [found.kind for found in boxes.read_boxes(ftyp + moov)] == [b"ftyp", b"moov"]


def test_a_moov_that_is_cut_is_damage():
    _, moov = init(tuple(TRACKS.values()))
    for size in range(len(moov)):
        with pytest.raises(DamagedError):
            parse_moov(moov[:size])
