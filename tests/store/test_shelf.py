"""One recording: rows of the index, and what is lent before it knows them."""

import uuid

import pytest

from bridge.store.index import MediaIndex, open_index
from bridge.store.pieces import FOREVER_NS
from bridge.store.rows import SegmentRow
from bridge.store.shelf import LentSegment, RecordingShelf
from tests.store.footage import add, at, minutes, recording, segment, storage

UUID = uuid.uuid5(uuid.NAMESPACE_OID, "gate")


def lent(serial, start_s, end_s=None):
    row = segment(1, serial, start_s, end_s or 0)
    if end_s is None:
        row = SegmentRow(1, serial, 1, 0, row.start_utc_ns, FOREVER_NS, 0, True)
    return LentSegment(row, lambda: f"reader of {serial}")


def shelf_of(index, of, *more, path=None):
    return RecordingShelf(index, of, UUID, lambda *_: path, lambda: more)


def test_rows_of_both_in_their_order(tmp_path):
    database = open_index(tmp_path)
    index = MediaIndex(database)
    of, on = recording(index), storage(index)
    add(index, minutes(of, 3, on=on))
    shelf = shelf_of(index, of, lent(3, 120, 180), lent(4, 180, 240), lent(5, 240))
    assert [row.serial for row in shelf.between(at(0), FOREVER_NS, 64)] == [1, 2, 3, 4, 5]
    assert [row.serial for row in shelf.between(at(0), FOREVER_NS, 2)] == [1, 2]
    assert [row.serial for row in shelf.between(at(200), at(240), 64)] == [4]
    assert [row.serial for row in shelf.between(at(1000), at(2000), 64)] == [5]
    assert shelf.before(at(1000)).serial == 5
    assert shelf.before(at(240)).serial == 4
    assert shelf.before(at(0)) is None
    assert (shelf.segment(3).size_bytes, shelf.segment(4).serial, shelf.segment(9)) == (1000, 4, None)
    assert [shelf.being_written(serial) for serial in (3, 4, 5, 9)] == [False, False, True, False]
    assert shelf.open(shelf.segment(4)) == "reader of 4"
    with pytest.raises(FileNotFoundError, match="segment 1 is gone"):
        shelf.open(shelf.segment(1))
    database.close()
