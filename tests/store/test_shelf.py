"""One recording: rows of the index, and what is lent before it knows them."""

import uuid

import pytest

from bridge.base.time import NS_PER_S
from bridge.store.index import MediaIndex, open_index
from bridge.store.layout import RecordingFolder
from bridge.store.pieces import FOREVER_NS
from bridge.store.rows import SegmentRow
from bridge.store.shelf import LentSegment, RecordingShelf, not_indexed
from tests.store.footage import add, at, minutes, recording, segment, storage
from tests.store.test_reader import BEGIN, Recording
from tests.store.test_reader import UUID as RECORDING

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


def test_what_another_process_is_writing_is_found_on_disk(tmp_path):
    path = tmp_path / str(RECORDING)
    path.mkdir()
    written = Recording(RecordingFolder(path))
    written.write(0, 2, run=1)
    written.write(2, 2, run=1)
    written.write(4, 1, run=1, finish=False)
    (written.folder.thousand(1) / "00000009-20270115T080000.000Z.mp4").write_bytes(b"damaged")
    found = not_indexed([written.folder], 7, 1)
    assert [(one.row.serial, one.row.run, one.being_written) for one in found] == [(2, 1, False), (3, 1, False)]
    assert [one.row.start_utc_ns for one in found] == [BEGIN + 2 * NS_PER_S, BEGIN + 4 * NS_PER_S]
    reader = found[1].open()
    assert len(reader.index.tracks[0]) == 25
    reader.close()
    assert not_indexed([RecordingFolder(tmp_path / str(uuid.uuid4()))], 7, 0) == []
