"""Footage as rows: what the tests of the index fill it with."""

import uuid

from bridge.base.time import NS_PER_S
from bridge.store.rows import SegmentRow

BEGIN = 1_800_000_000 * NS_PER_S
INTERVAL_NS = 40_000_000


def storage(index, name="default"):
    return index.storage(uuid.uuid5(uuid.NAMESPACE_OID, name), name, f"/video/{name}").id


def recording(index, camera="gate"):
    return index.ensure_recording(uuid.uuid5(uuid.NAMESPACE_OID, camera), camera, "main", BEGIN).id


def segment(of, serial, start_s, end_s, *, run=1, on=1, size_bytes=1000):
    """start_s, end_s: seconds after BEGIN, also fractions."""
    start, end = (BEGIN + round(second * NS_PER_S) for second in (start_s, end_s))
    return SegmentRow(of, serial, run, on, start, end, size_bytes, starts_with_key=True)


def at(second):
    return BEGIN + round(second * NS_PER_S)


def minutes(of, count, *, first=1, run=None, start_s=0, on=1):
    """`count` segments of a minute each, back to back, in one run."""
    return [
        segment(of, first + i, start_s + 60 * i, start_s + 60 * (i + 1), run=run or first, on=on) for i in range(count)
    ]


def add(index, rows, interval_ns=INTERVAL_NS):
    """All of them, in the order given; one commit for many."""
    for done in [index.submit_segment(row, interval_ns) for row in rows]:
        done.result(30)


def ask_everything(index, of, on):
    """Each question and change that time makes more rows for, once."""
    index.delete_segments(of, [7, 8, 20])
    index.segments_between(of, at(100), at(500), 10)
    index.segment_at(of, at(100))
    index.next_segment(of, at(100))
    index.previous_segment(of, at(100))
    index.segment(of, 9)
    index.runs(of, at(100), at(500))
    index.totals(of)
    index.totals_of_storage(on)
    index.highest_serial(of)
    index.highest_serial(of, on)
    index.chain_head(of, on)
    index.recordings_on(on)
    index.totals(of, on)
    index.oldest_of_recording(of, on, 5, [(at(0), at(300))])
    index.oldest_of_storage(on, 5, {of: [(at(0), at(300))]})
