"""What is being written, as rows."""

import uuid
from pathlib import Path

import pytest

from bridge.base.media import Codec, Track
from bridge.recorder.lane import LiveSegment
from bridge.recorder.lending import lend, live_runs
from bridge.store.format import SegmentHeader
from bridge.store.pieces import FOREVER_NS
from bridge.store.rows import RunRow, SegmentRow
from bridge.store.sample_index import KEY, SampleIndex

TRACKS = (Track(Codec.PCMU, 8000),)


def live(serial: int, captures: list[int]) -> LiveSegment:
    index = SampleIndex(1)
    count = len(captures)
    index.tracks[0].extend(
        captures, range(count), range(count), range(100, 100 + 10 * count, 10), [10] * count, [KEY] * count
    )
    header = SegmentHeader(uuid.UUID(int=1), uuid.UUID(int=2), serial, 3, (0,), True)
    return LiveSegment(Path("gone.mp4"), captures[0] if captures else 0, header, TRACKS, index)


def test_more_may_come_to_the_last_one_alone():
    finished, growing = live(3, [1000, 1020, 1040]), live(4, [1060, 1080])
    rows = [lent.row for lent in lend(9, [finished, growing])]
    assert rows == [
        SegmentRow(9, 3, 3, 0, 1000, 1060, 0, True),
        SegmentRow(9, 4, 3, 0, 1060, FOREVER_NS, 0, True),
    ]
    assert [lent.being_written for lent in lend(9, [finished, growing])] == [False, True]
    with pytest.raises(FileNotFoundError):
        lend(9, [finished])[0].open()


def test_runs_for_listings():
    assert live_runs(9, [live(3, [1000, 1020, 1040])]) == [RunRow(9, 3, 3, 3, 1000, 1060, 20)]


def test_what_has_no_sample_yet_is_not_there():
    assert lend(9, [live(3, [])]) == []
    assert live_runs(9, [live(3, [])]) == []
