"""Events of the past: when recordings and their tracks began and ended, found by FindEvents.

ONVIF Recording Search, "Recording Event Descriptions". They are told from the footage itself, so that they are true
also of what a crash or retention took; nothing is stored for them. A track has data while its recording has footage.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from xml.sax.saxutils import escape

from bridge.base.errors import RemoteProtocolError
from bridge.base.events import Topic as RecordedTopic
from bridge.base.time import format_utc
from bridge.recorder.history import NEIGHBOURHOOD_NS, edges, present
from bridge.recorder.library import Held, Library
from bridge.services.onvif.call import Answer
from bridge.services.onvif.recorded import Seen
from bridge.services.onvif.recording_parts import moment
from bridge.wire.search_filter import Node, SearchFilter, parse_filter
from bridge.wire.soap.encoder import Rendered
from bridge.wire.soap.envelope import Element
from bridge.wire.topic_filter import CONCRETE, TOPICS, Topic, parse_topics

ITEM_FILTER = "http://www.onvif.org/ver10/tev/messageContentFilter/ItemFilter"
SEARCH_FILTER = "http://www.onvif.org/ver10/tse/searchFilter"
MAX_FILTERS = 16

TOLD_NS = 999
"""Times are told in microseconds, cut off: what is told as the end of a search may be so much later."""

_WSNT = "{http://docs.oasis-open.org/wsn/b-2}"


@dataclass(frozen=True, slots=True)
class RecordingEvent:
    """One event.

    track: its token; of events of the whole recording that of its first track, "" when it has none
    start: it did not happen then: it tells the state at the beginning of the search
    """

    topic: RecordedTopic
    utc_ns: int
    recording: str
    track: str
    value: bool
    start: bool = False

    @property
    def source(self) -> tuple[tuple[str, str], ...]:
        """Names and values of what it is about."""
        recording = ("RecordingToken", self.recording)
        return (recording, ("Track", self.track)) if self.topic is RecordedTopic.TRACK_STATE else (recording,)

    @property
    def data(self) -> tuple[str, str]:
        """Name and value of what it says."""
        name = "IsDataPresent" if self.topic is RecordedTopic.TRACK_STATE else "IsRecording"
        return name, "true" if self.value else "false"


# --- What is wanted --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """Topics, of which one must be an event's (none: any is); and what each message must hold."""

    topics: tuple[Topic, ...] = ()
    contents: tuple[SearchFilter, ...] = ()

    def wants(self, topic: RecordedTopic) -> bool:
        """Whether events of the topic may be wanted."""
        steps = tuple(topic.value.partition(":")[2].split("/"))
        return not self.topics or any(one.takes_in(TOPICS, steps) for one in self.topics)

    def takes(self, event: RecordingEvent) -> bool:
        """Whether the message holds what it must."""
        return not self.contents or all(content.matches(_message(event)) for content in self.contents)


def wanted_of(elements: Sequence[Element]) -> Wanted:
    """The children of a wsnt:FilterType. Raises RemoteProtocolError for what is not understood."""
    if len(elements) > MAX_FILTERS:
        raise RemoteProtocolError(f"{len(elements)} filters; expected at most {MAX_FILTERS}")
    topics: tuple[Topic, ...] = ()
    contents: tuple[SearchFilter, ...] = ()
    for element in elements:
        text, dialect = "".join(map(str, element.itertext())).strip(), element.get("Dialect", "")
        if element.tag == f"{_WSNT}TopicExpression":
            topics += parse_topics(text, dialect, element.nsmap)
        elif element.tag == f"{_WSNT}MessageContent":
            if dialect not in (ITEM_FILTER, SEARCH_FILTER):
                raise RemoteProtocolError(f"message content dialect {dialect[:200]!r}; expected {ITEM_FILTER}")
            contents += (parse_filter(text),)
        else:
            raise RemoteProtocolError(f"filter {str(element.tag)[:200]}; expected TopicExpression or MessageContent")
    return Wanted(topics, contents)


def _message(event: RecordingEvent) -> Node:
    """`tt:Message` as a filter sees it."""
    source = tuple(_item(*item) for item in event.source)
    data = (_item(*event.data),)
    return Node("Message", children=(Node("Source", children=source), Node("Data", children=data)))


def _item(name: str, value: str) -> Node:
    return Node("SimpleItem", attributes={"Name": name, "Value": value})


# --- What is found ---------------------------------------------------------------------------------------------------


def find_events(
    library: Library, recordings: Sequence[Seen], wanted: Wanted, start_ns: int, end_ns: int, *, start_states: bool
) -> Iterator[RecordingEvent | None]:
    """By time from `start_ns` to `end_ns`, whichever comes first; None: one was looked at and is not wanted.

    Blocks for the index. Recordings are looked up when their turn has come, and their edges as they are pulled.
    start_states: first the state of each at `start_ns`; backwards, last, that at `end_ns`, too
    """
    backward = end_ns < start_ns
    sign = -1 if backward else 1
    if not any(map(wanted.wants, (RecordedTopic.RECORDING_STATE, RecordedTopic.TRACK_STATE))):
        return
    queue: list[tuple[int, int, RecordingEvent | None, Iterator[RecordingEvent]]] = []
    for number, seen in enumerate(recordings):
        first_ns = start_ns if start_states else _first_ns(seen.held, start_ns, backward=backward)
        if first_ns is not None:
            history = _History(library, seen, wanted, start_ns, end_ns)
            queue.append((sign * first_ns, number, None, history.events(start_states=start_states)))
    heapq.heapify(queue)
    while queue:
        _, number, event, rest = heapq.heappop(queue)
        # A recording whose turn has come was looked up, which takes its time, too.
        yield event if event is not None and wanted.takes(event) else None
        following = next(rest, None)
        if following is not None:
            heapq.heappush(queue, (sign * following.utc_ns, number, following, rest))


def _first_ns(held: Held, start_ns: int, *, backward: bool) -> int | None:
    """No event of it comes before this, in the direction of the search; None: there is none."""
    if held.from_ns is None or held.until_ns is None:
        return None
    if backward:
        return start_ns if held.growing else min(start_ns + TOLD_NS, held.until_ns)
    return max(start_ns, held.from_ns)


class _History:
    """The events of one recording."""

    def __init__(self, library: Library, seen: Seen, wanted: Wanted, start_ns: int, end_ns: int) -> None:
        self._library, self._seen, self._wanted = library, seen, wanted
        self._start_ns, self._end_ns = start_ns, end_ns
        self._backward = end_ns < start_ns
        held = seen.held
        self._covers = partial(library.coverage, held)
        self._open_from_ns = held.until_ns if held.growing else None

    def events(self, *, start_states: bool) -> Iterator[RecordingEvent]:
        held = self._seen.held
        tell = self._teller()
        from_ns, until_ns = sorted((self._start_ns, self._end_ns))
        until_ns += TOLD_NS
        if start_states and self._backward:
            yield from tell(self._start_ns, self._state(until_ns, before=False), True)
        elif start_states:
            yield from tell(self._start_ns, self._state(from_ns, before=True), True)
        if held.from_ns is not None and held.until_ns is not None:
            found = edges(
                self._covers,
                # What is far outside of the footage need not be looked through.
                max(from_ns, held.from_ns - NEIGHBOURHOOD_NS),
                min(until_ns, held.until_ns + NEIGHBOURHOOD_NS),
                backward=self._backward,
                open_from_ns=self._open_from_ns,
            )
            for edge in found:
                yield from tell(edge.utc_ns, edge.present, False)
        if start_states and self._backward:
            yield from tell(self._end_ns, self._state(from_ns, before=True), True)

    def _state(self, at_ns: int, *, before: bool) -> bool:
        if self._seen.held.from_ns is None:
            return False
        return present(self._covers, at_ns, before=before, open_from_ns=self._open_from_ns)

    def _teller(self) -> Callable[[int, bool, bool], Iterator[RecordingEvent]]:
        """(time, value, start) -> an event of the recording and one of each track, of those topics that are wanted."""
        token = self._seen.held.token
        tracks = [track.token for track in self._seen.with_tracks(self._library).tracks]
        told = []
        if self._wanted.wants(RecordedTopic.RECORDING_STATE):
            told.append((RecordedTopic.RECORDING_STATE, tracks[0] if tracks else ""))
        if self._wanted.wants(RecordedTopic.TRACK_STATE):
            told += [(RecordedTopic.TRACK_STATE, track) for track in tracks]

        def tell(utc_ns: int, value: bool, start: bool) -> Iterator[RecordingEvent]:
            for topic, track in told:
                yield RecordingEvent(topic, utc_ns, token, track, value, start)

        return tell


# --- As an answer ----------------------------------------------------------------------------------------------------


def event_result(event: RecordingEvent) -> Answer:
    """`tt:FindEventResult`."""
    return {
        "RecordingToken": event.recording,
        "TrackToken": event.track,
        "Time": moment(event.utc_ns),
        "Event": _notification(event),
        "StartStateEvent": event.start,
    }


def _notification(event: RecordingEvent) -> Rendered:
    """`wsnt:NotificationMessageHolderType`: its Topic has text beside a wildcard, which the encoder does not write."""
    source = "".join(map(_item_text, event.source))
    operation = "Initialized" if event.start else "Changed"
    return Rendered(
        f'><wsnt:Topic Dialect="{CONCRETE}" xmlns:tns1="{TOPICS}">{event.topic.value}</wsnt:Topic>'
        f'<wsnt:Message><tt:Message UtcTime="{format_utc(event.utc_ns, digits=6)}" PropertyOperation="{operation}">'
        f"<tt:Source>{source}</tt:Source><tt:Data>{_item_text(event.data)}</tt:Data></tt:Message></wsnt:Message>"
    )


def _item_text(item: tuple[str, str]) -> str:
    return f'<tt:SimpleItem Name="{item[0]}" Value="{escape(item[1])}"/>'
