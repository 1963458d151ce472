"""Events of the past: in the order of time, alternating, and no other than the footage tells."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bridge.base.errors import RemoteProtocolError
from bridge.base.events import Topic
from bridge.services.onvif.recorded import Seen
from bridge.services.onvif.recording_events import MAX_FILTERS, Wanted, event_result, find_events, wanted_of
from tests.services.onvif.bridge_setting import AAC, H264_MAIN
from tests.services.onvif.past_setting import FakeLibrary, before

EVERYTHING = Wanted()
WSNT = "http://docs.oasis-open.org/wsn/b-2"


def search(library, start, end, wanted=EVERYTHING, *, start_states=False):
    """start, end: hours before now."""
    seen = [Seen(held, "name", True) for held in library.recordings(tracks=False)]
    found = find_events(library, seen, wanted, before(start), before(end), start_states=start_states)
    return [event for event in found if event is not None]


def library_of(*recordings):
    """Each: hours before now, from the latest edge back."""
    library = FakeLibrary()
    for number, edges in enumerate(recordings):
        library.add(f"c{number}", "main", (H264_MAIN, AAC), *pairs(edges))
    return library


def pairs(edges):
    ordered = sorted(edges, reverse=True)
    return list(zip(ordered[::2], ordered[1::2], strict=True))


PROPERTIES = [(Topic.TRACK_STATE, "VIDEO001"), (Topic.TRACK_STATE, "AUDIO001"), (Topic.RECORDING_STATE, "VIDEO001")]
HOURS = st.lists(st.integers(0, 400), unique=True, max_size=12).map(lambda hours: hours[: len(hours) // 2 * 2])


@given(st.lists(HOURS, max_size=4), st.integers(0, 400), st.integers(0, 400), st.booleans())
def test_any_search_finds_what_the_footage_tells(recordings, start, end, start_states):
    library = library_of(*recordings)
    events = search(library, start, end, start_states=start_states)
    low, high = min(start, end), max(start, end)
    real = [event for event in events if not event.start]
    expected = sum(low <= hour <= high for edges in recordings for hour in edges) * 3
    assert len(real) == expected == len(set(real))
    times = [event.utc_ns for event in events]
    assert times == sorted(times, reverse=end > start)
    backward = end > start
    for number in range(len(recordings)):
        for key in PROPERTIES:
            own = [one for one in events if (one.recording, one.topic, one.track) == (f"rec-c{number}.main", *key)]
            values = [one.value for one in own]
            starts = [one.start for one in own]
            assert starts.count(True) == (start_states * (1 + backward))
            if backward and start_states:
                assert (starts[0], starts[-1]) == (True, True)
                values = values[1:]  # the state at the start, which its latest event tells again
            assert all(one != after for one, after in itertools.pairwise(values))


def test_nobody_is_asked_for_topics_that_are_not_there():
    library = library_of([2, 1])
    element = expression("tns1:VideoSource/MotionAlarm")
    assert search(library, 10, 0, wanted_of([element])) == []
    assert library.covered == 0


def test_what_is_looked_at_and_not_wanted_is_none():
    library = library_of([2, 1])
    element = etree.Element(f"{{{WSNT}}}MessageContent", Dialect="http://www.onvif.org/ver10/tse/searchFilter")
    element.text = 'boolean(//SimpleItem[@Name = "IsRecording" and @Value = "true"])'
    seen = [Seen(held, "name", True) for held in library.recordings()]
    found = find_events(library, seen, wanted_of([element]), before(10), before(0), start_states=False)
    # First the recording that was looked up, then six events.
    assert [event is None for event in found] == [True, False, True, True, True, True, True]


def expression(text):
    element = etree.Element(f"{{{WSNT}}}TopicExpression", nsmap={"tns1": "http://www.onvif.org/ver10/topics"})
    element.set("Dialect", "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet")
    element.text = text
    return element


def test_as_an_answer():
    (event, *_) = search(library_of([2, 1]), 10, 0, wanted_of([expression("tns1:RecordingHistory/Track//.")]))
    made = event_result(event)
    assert (made["RecordingToken"], made["TrackToken"], made["StartStateEvent"]) == ("rec-c0.main", "VIDEO001", False)
    assert 'Name="Track" Value="VIDEO001"' in made["Event"]


@pytest.mark.parametrize("count", [MAX_FILTERS, MAX_FILTERS + 1])
def test_filters_are_bounded(count):
    elements = [expression("tns1:RecordingHistory//.")] * count
    if count > MAX_FILTERS:
        with pytest.raises(RemoteProtocolError, match="17 filters"):
            wanted_of(elements)
    else:
        assert wanted_of(elements).wants(Topic.TRACK_STATE)
