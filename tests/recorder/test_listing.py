"""Recordings as they are listed."""

import uuid

import pytest

from bridge.base.time import NS_PER_S
from bridge.recorder.listing import describe, list_recordings
from bridge.store.index import MediaIndex, open_index
from bridge.store.rows import RunRow
from tests.store import footage


@pytest.fixture
def index(tmp_path):
    database = open_index(tmp_path)
    yield MediaIndex(database)
    database.close()


def test_since_when_until_when_and_gaps(index):
    on = footage.storage(index)
    gate, yard = footage.recording(index, "gate"), footage.recording(index, "yard")
    footage.recording(index, "empty")
    footage.add(index, footage.minutes(gate, 2, on=on))
    footage.add(index, footage.minutes(gate, 1, first=3, start_s=180, on=on))
    footage.add(index, footage.minutes(yard, 1, on=on))
    index.end_recording(yard, footage.at(100))
    first, second = map(describe, list_recordings(index))
    assert first == {
        "recording": "rec-gate.main",
        "camera": "gate",
        "stream": "main",
        "from": "2027-01-15T08:00:00.000Z",
        "until": "2027-01-15T08:04:00.000Z",
        "bytes": 3000,
        "gaps": [{"from": "2027-01-15T08:02:00.000Z", "until": "2027-01-15T08:03:00.000Z"}],
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, "gate")),
        "segments": 3,
        "ended": False,
    }
    assert second["recording"] == f"rec-yard.main.{uuid.uuid5(uuid.NAMESPACE_OID, 'yard').hex[:8]}"
    assert second["ended"] is True


def test_what_is_being_written_counts(index):
    on = footage.storage(index)
    gate = footage.recording(index, "gate")
    footage.recording(index, "yard")
    footage.add(index, footage.minutes(gate, 1, on=on))
    names = {uuid.uuid5(uuid.NAMESPACE_OID, name): name for name in ("gate", "yard")}

    def live(recording):
        start = footage.at(60) if names[recording] == "gate" else footage.at(7)
        return [RunRow(0, 2, 2, 1, start, start + 5 * NS_PER_S, 40)]

    first, second = list_recordings(index, live)
    assert (first.from_ns, first.until_ns, first.gaps, first.segments) == (footage.at(0), footage.at(65), (), 1)
    assert (second.from_ns, second.until_ns, second.size_bytes) == (footage.at(7), footage.at(12), 0)
