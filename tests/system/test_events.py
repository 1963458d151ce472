import random

import pytest
import sqlalchemy as sa

from bridge.base.events import Operation, Topic
from bridge.system.events import ITEM_LIMIT, TRIM_EVERY_ROWS, Event, EventLog
from bridge.system.storable import TEXT_LIMIT


@pytest.fixture
def log(index_database):
    return EventLog(index_database, 100_000)


def flush(database):
    database.write(lambda connection: None)


def times(events):
    return [event.utc_ns for event in events]


class TestEvents:
    def test_an_event_comes_back_as_it_was_posted(self, log, index_database):
        data = {"State": True, "Reason": "DNS: Tür", "Count": 2**60}
        log.post(Topic.SIGNAL_LOSS, "gate", data, 5, Operation.CHANGED)
        log.post("onb:Test", "", {}, 6)
        flush(index_database)
        second, first = log.read()
        assert first == Event(first.id, 5, "gate", "tns1:VideoSource/SignalLoss", Operation.CHANGED, data)
        assert second == Event(first.id + 1, 6, "", "onb:Test", Operation.NONE, {})

    def test_questions(self, log, index_database):
        for utc_ns, topic, source in [
            *((1, "tns1:RecordingConfig/JobState", "gate"), (2, "tns1:RecordingConfig", "gate")),
            *((3, "tns1:RecordingConfigs/JobState", "gate"), (4, "tns1:RecordingConfig/DeleteTrackData", "yard")),
        ]:
            log.post(topic, source, {}, utc_ns)
        flush(index_database)
        assert times(log.read(topic="tns1:RecordingConfig")) == [4, 2, 1]
        assert times(log.read(topic="tns1:RecordingConfig", source="gate", oldest_first=True)) == [1, 2]
        assert times(log.read(topic="tns1:RecordingConfig/JobState")) == [1]
        assert times(log.read(since_utc_ns=2, until_utc_ns=4)) == [3, 2]
        assert times(log.read(source="")) == []

    @pytest.mark.parametrize("oldest_first", [True, False])
    def test_pages_hold_every_event_once_also_those_of_one_moment(self, log, index_database, oldest_first):
        choose = random.Random(1)
        for number in range(100):
            log.post("onb:Test", "", {"number": number}, choose.randrange(10))
        flush(index_database)
        found, page = [], log.read(limit=7, oldest_first=oldest_first)
        while page:
            found += page
            page = log.read(limit=7, oldest_first=oldest_first, after=page[-1])
        expected = sorted(found, key=lambda event: (event.utc_ns, event.id), reverse=not oldest_first)
        assert found == expected
        assert sorted(event.data["number"] for event in found) == list(range(100))

    def test_hostile_texts_are_cut_and_kept(self, log, index_database):
        data = {f"item {number}": "\0\udcff" + "x" * 100_000 for number in range(1000)}
        log.post("\0" * 9999, "\udcff", data, 1)
        flush(index_database)
        (event,) = log.read()
        assert (event.source, event.topic) == ("?", "?" * TEXT_LIMIT)
        assert list(event.data) == [f"item {number}" for number in range(ITEM_LIMIT)]
        assert event.data["item 0"] == "??" + "x" * (TEXT_LIMIT - 2)

    def test_the_oldest_go_by_number(self, index_database):
        log = EventLog(index_database, 50)
        for number in range(2 * TRIM_EVERY_ROWS):
            log.post("onb:Test", "", {}, number)
        flush(index_database)
        kept = times(log.read(limit=10_000))
        assert kept[0] == 2 * TRIM_EVERY_ROWS - 1
        assert 50 <= len(kept) < TRIM_EVERY_ROWS

    def test_and_by_age_also_when_nothing_happens(self, index_database):
        log = EventLog(index_database, 50, keep_ns=10)
        for utc_ns in (1, 5, 6, 9):
            log.post("onb:Test", "", {}, utc_ns)
        log.trim(16)
        flush(index_database)
        assert times(log.read()) == [9, 6]

    def test_a_closed_database_costs_events_and_nothing_else(self, log, index_database):
        index_database.close()
        for number in range(TRIM_EVERY_ROWS + 1):
            log.post("onb:Test", "", {}, number)
        assert log.dropped == TRIM_EVERY_ROWS + 1


@pytest.mark.parametrize("source", [None, "gate"])
@pytest.mark.parametrize("oldest_first", [True, False])
def test_a_page_is_a_look_up(log, index_database, source, oldest_first):
    after = Event(3, 5, "", "", Operation.NONE, {})
    asked = []
    engine = index_database._backend.engine
    sa.event.listen(engine, "before_cursor_execute", lambda _c, _k, text, values, *_: asked.append((text, values)))
    log.read(since_utc_ns=1, until_utc_ns=9, source=source, after=after, oldest_first=oldest_first)
    ((text, values),) = [one for one in asked if one[0].startswith("SELECT")]
    steps = index_database.read(lambda c: c.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all())
    assert [step.detail for step in steps] == [
        "SEARCH event USING INDEX event_by_source (source=? AND utc_ns>? AND utc_ns<?)"
        if source
        else "SEARCH event USING INDEX event_by_time (utc_ns>? AND utc_ns<?)"
    ]
