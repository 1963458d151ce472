"""What the recorder is writing, as readers and listings take it: before the index knows it."""

from collections.abc import Sequence
from functools import partial

from bridge.recorder.lane import LiveSegment
from bridge.store.format import lead_of
from bridge.store.pieces import FOREVER_NS
from bridge.store.rows import RunRow, SegmentRow
from bridge.store.segment_reader import SegmentReader
from bridge.store.shelf import LentSegment

_NO_STORAGE = 0
"""Nobody looks a lent segment up by its storage: it brings its path."""


def lend(recording_id: int, live: Sequence[LiveSegment]) -> list[LentSegment]:
    """live: as `Recorder.live` has them; more may come to the last one alone."""
    lent = []
    for number, one in enumerate(live, 1):
        if not len(one.index):
            continue
        row = SegmentRow(
            recording_id,
            one.header.serial,
            one.header.run,
            _NO_STORAGE,
            one.start_utc_ns,
            FOREVER_NS if number == len(live) else _end_of(one),
            0,
            one.header.starts_with_key,
        )
        lent.append(LentSegment(row, partial(SegmentReader.live, one.path, one.header, one.tracks, one.index)))
    return lent


def live_runs(recording_id: int, live: Sequence[LiveSegment]) -> list[RunRow]:
    """Each as a run of its own, which listings put together with those of the index."""
    return [
        RunRow(
            recording_id,
            one.header.serial,
            one.header.serial,
            one.header.run,
            one.start_utc_ns,
            _end_of(one),
            one.index.tracks[lead_of(one.tracks)].interval_ns(),
        )
        for one in live
        if len(one.index)
    ]


def _end_of(one: LiveSegment) -> int:
    return one.index.span(lead_of(one.tracks)).end_utc_ns
