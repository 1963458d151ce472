import pytest

from bridge.store.check_rows import row_faults
from bridge.store.index import INDEX
from bridge.store.read_only import open_read_only
from tests.store import footage
from tests.store.archive import Archive


@pytest.fixture
def archive(tmp_path):
    """Rows alone: a run of 5 segments, one of 3, and one whose middle was deleted."""
    archive = Archive(tmp_path)
    archive.storage_id()
    row = archive.row()
    for first, count in ((1, 5), (6, 3), (9, 5)):
        footage.add(archive.index, footage.minutes(row.id, count, first=first, start_s=first * 100))
    archive.index.delete_segments(row.id, [11])
    yield archive
    archive.close()


def found(archive):
    row = archive.row()
    archive.close()
    reader = open_read_only(archive.data, INDEX)
    try:
        return reader.read(lambda connection: row_faults(connection, row))
    finally:
        reader.close()


def test_rows_that_agree(archive):
    assert found(archive) == []


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "UPDATE holding SET segments = segments + 1",
            ["storage 1 is said to hold 13 segments of 12000 bytes; there are 12 of 12000"],
        ),
        (
            "UPDATE holding SET size_bytes = 5",
            ["storage 1 is said to hold 12 segments of 5 bytes; there are 12 of 12000"],
        ),
        ("UPDATE holding SET last_serial = 7", ["the highest serial on storage 1 is said to be 7; there is 13"]),
        ("DELETE FROM holding", ["12 segments on storage 1, which is not said to hold any"]),
        ("DELETE FROM run WHERE first_serial = 6", [f"segment {serial} lies in no run" for serial in (6, 7, 8)]),
        (
            "UPDATE run SET last_serial = 4 WHERE first_serial = 1",
            ["run 1 (segments 1 to 4) ends at 1800000400000000000; its last segment at 1800000340000000000",
             "segment 5 lies in no run"],
        ),
        (
            "UPDATE run SET last_serial = 6 WHERE first_serial = 1",
            ["segment 6 of run 6 lies in run 1 (segments 1 to 6)",
             "segment 6 begins 260000000000 ns after the one before; up to 60000000000 expected",
             "run 1 (segments 1 to 6) ends at 1800000400000000000; its last segment at 1800000660000000000",
             "run 6 (segments 6 to 8) overlaps run 1 (segments 1 to 6)",
             "run 6 (segments 6 to 8) has 2 segments; 3 expected"],
        ),
        ("UPDATE run SET run = 2 WHERE first_serial = 9",
         ["segment 9 of run 9 lies in run 2 (segments 9 to 10)",
          "segment 10 of run 9 lies in run 2 (segments 9 to 10)"]),
        ("UPDATE run SET start_utc_ns = 5 WHERE first_serial = 9",
         ["run 9 (segments 9 to 10) begins at 5; its first segment at 1800000900000000000"]),
        ("UPDATE run SET first_serial = 14, last_serial = 15 WHERE first_serial = 12",
         ["segment 12 lies in no run", "segment 13 lies in no run",
          "run 9 (segments 14 to 15) has 0 segments; 2 expected"]),
        ("UPDATE recording SET longest_ns = 59999999999",
         [f"segment {number} lasts 60000000000 ns; 0 to 59999999999 expected" if not later else
          f"segment {number} begins 60000000000 ns after the one before; up to 59999999999 expected"
          for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13) for later in (False, True)
          if not later or number not in (1, 6, 9, 12)]),
        ("UPDATE segment SET end_utc_ns = start_utc_ns - 1 WHERE serial = 7",
         ["segment 7 lasts -1 ns; 0 to 60000000000 expected"]),
    ],
)  # fmt: skip
def test_each_contradiction_is_named(archive, statement, expected):
    archive.sql(statement)
    assert found(archive) == expected
