from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bridge.base.time import UtcNs
from bridge.system.database import CONFIG, open_database
from bridge.system.session_rows import SessionRow, SessionRows

NOW = UtcNs(1_800_000_000_000_000_000)
ROW = SessionRow("s1", "vera", b"r" * 32, None, NOW, NOW, UtcNs(NOW + 1), "192.0.2.1:4711")


class TestSessionRows:
    """On any database."""

    @pytest.fixture
    def database(self, opened):
        return opened(CONFIG)

    def test_what_is_put_comes_back(self, database):
        rows = SessionRows(database)
        other = replace(ROW, id="s2", created_utc_ns=UtcNs(NOW - 1))
        rows.put(ROW)
        rows.put(other)
        refreshed = ROW.refreshed(b"n" * 32, UtcNs(NOW + 5), UtcNs(NOW + 9))
        rows.put(refreshed)
        database.write(lambda connection: None)  # behind the others
        assert rows.read() == (other, refreshed)
        assert refreshed.previous_sha256 == b"r" * 32
        rows.remove("s2")
        rows.remove("none")
        database.write(lambda connection: None)
        assert rows.read() == (refreshed,)
        assert rows.lost == 0

    def test_a_failing_write_is_counted_too(self, database):
        rows = SessionRows(database)
        with capture_logs():
            rows.put(replace(ROW, user=None))  # type: ignore[arg-type]  # what the database refuses
            database.write(lambda connection: None)
        assert rows.lost == 1


def test_what_cannot_be_written_is_said_and_stops_nobody(tmp_path):
    database = open_database(tmp_path)
    rows = SessionRows(database)
    database.close()
    with capture_logs() as logs:
        rows.put(ROW)
    assert rows.lost == 1
    assert [line["event"] for line in logs] == ["a session could not be kept"]


def test_no_digest_in_a_repr():
    assert "rrr" not in repr(ROW)
