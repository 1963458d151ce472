"""Search: what there is, sessions page by page, and the faults of each argument."""

import pytest
from twisted.internet.defer import CancelledError, Deferred

from bridge.base.time import format_utc
from bridge.dialogue.searches import MAX_OF_ONE_USER
from bridge.services.onvif.search import LOOKED_AT
from bridge.store.backend import DatabaseUnusableError
from tests.services.onvif.bridge_setting import ADMIN, DEAF, GATE_ONLY, H264_MAIN, YARD_ONLY, Bridge, texts
from tests.services.onvif.past_setting import FakeLibrary, before

INVALID_TOKEN = "Sender/InvalidArgVal/InvalidToken"
INVALID_FILTER = "Sender/InvalidArgVal/InvalidFilterFault"
OLD_GATE, BARN = "rec-gate.main.00000004", "rec-barn.main.00000005"
ALL = ["rec-gate.main", "rec-yard.main", "rec-roof.main", OLD_GATE, BARN]
VIDEO_FILTER = 'boolean(//Track[TrackType = "Video"])'


@pytest.fixture
def bridge():
    return Bridge()


def many(count):
    library = FakeLibrary()
    for number in range(count):
        library.add(f"c{number}", "main", (H264_MAIN,), (2, 1))
    return Bridge(library=library)


def hours(number):
    return format_utc(before(number))


def told(number):
    """The same as answers tell it."""
    return format_utc(before(number), digits=0)


def scope(*parts, sources=(), recordings=(), condition=None):
    made = "".join(f"<tt:IncludedSources><tt:Token>{token}</tt:Token></tt:IncludedSources>" for token in sources)
    made += "".join(f"<tt:IncludedRecordings>{token}</tt:IncludedRecordings>" for token in recordings)
    if condition is not None:
        condition = condition.replace("&", "&amp;").replace("<", "&lt;")
        made += f"<tt:RecordingInformationFilter>{condition}</tt:RecordingInformationFilter>"
    return f"<Scope>{made}</Scope>"


def find(bridge, made=None, *, most=None, keep_alive="PT10S", **more):
    """A search for recordings; its token."""
    most = "" if most is None else f"<MaxMatches>{most}</MaxMatches>"
    arguments = f"{made or scope()}{most}<KeepAliveTime>{keep_alive}</KeepAliveTime>"
    return bridge.ask("search", "FindRecordings", arguments, **more)[0].text


def page_arguments(token, least=None, most=None, wait=None):
    made = f"<SearchToken>{token}</SearchToken>"
    for name, value in (("MinResults", least), ("MaxResults", most), ("WaitTime", wait)):
        made += "" if value is None else f"<{name}>{value}</{name}>"
    return made


def page(bridge, token, least=None, most=None, wait=None, *, kind="Recording", **more):
    """State and results."""
    (listed,) = bridge.ask("search", f"Get{kind}SearchResults", page_arguments(token, least, most, wait), **more)
    return listed[0].text, list(listed[1:])


def found(bridge, made=None, **more):
    """All recordings that a search finds."""
    state, results = page(bridge, find(bridge, made, **more), **more)
    assert state == "Completed"
    return [texts(one, "RecordingToken")[0] for one in results]


def fault_of_find(bridge, made, **more):
    return bridge.fault("search", "FindRecordings", f"{made}<KeepAliveTime>PT10S</KeepAliveTime>", **more)


# --- What there is ---------------------------------------------------------------------------------------------------


def test_summary(bridge):
    answer = bridge.ask("search", "GetRecordingSummary")
    assert [each.text for each in answer[0]] == [told(30), told(0), "5"]
    answer = bridge.ask("search", "GetRecordingSummary", user=YARD_ONLY)
    assert [each.text for each in answer[0]] == [told(9), told(7), "1"]
    answer = bridge.ask("search", "GetRecordingSummary", user=DEAF)
    assert [each.text for each in answer[0]] == [told(0), told(0), "0"]


def test_information(bridge):
    def ask(token):
        return bridge.ask("search", "GetRecordingInformation", f"<RecordingToken>{token}</RecordingToken>")

    growing = ask("rec-gate.main")
    assert texts(growing, "EarliestRecording") == [told(10)]
    assert texts(growing, "LatestRecording") == [told(0)]
    assert texts(growing, "DataFrom") == [told(10)] * 2
    assert texts(growing, "RecordingStatus") == ["Recording"]
    assert texts(ask("rec-yard.main"), "RecordingStatus") == ["Stopped"]
    empty = ask("rec-roof.main")
    assert texts(empty, "RecordingStatus") == ["Initiated"]
    assert texts(empty, "TrackToken") == texts(empty, "EarliestRecording") == []


@pytest.mark.parametrize(("token", "user"), [("rec-x.main", ADMIN), ("", ADMIN), ("rec-gate.main", YARD_ONLY)])
def test_information_of_unknown_recordings(bridge, token, user):
    arguments = f"<RecordingToken>{token}</RecordingToken>"
    assert bridge.fault("search", "GetRecordingInformation", arguments, user=user) == INVALID_TOKEN


def attributes(bridge, at, *tokens, **more):
    named = "".join(f"<RecordingTokens>{token}</RecordingTokens>" for token in tokens)
    return bridge.ask("search", "GetMediaAttributes", f"{named}<Time>{at}</Time>", **more)


def test_media_attributes_at_an_instant(bridge):
    answer = attributes(bridge, hours(1))
    assert texts(answer, "RecordingToken") == ["rec-gate.main"]
    assert texts(answer, "Encoding") == ["H264", "mpeg4-generic"]
    assert texts(answer, "Width") == ["1920"]
    assert texts(answer, "Framerate") == ["25.0"]
    assert texts(answer, "Samplerate") == ["16"]
    assert texts(answer, "From") == texts(answer, "Until") == [told(1)]
    # The measured rate of a stream whose parameter sets tell none.
    assert texts(attributes(bridge, hours(8), "rec-yard.main"), "Framerate") == ["25.0"]


@pytest.mark.parametrize(
    ("at", "tokens", "recordings"),
    [
        (hours(8.5), (), ["rec-gate.main", "rec-yard.main"]),
        (hours(8.5), ("rec-yard.main",), ["rec-yard.main"]),
        (hours(8.5), ("rec-yard.main", "rec-yard.main"), ["rec-yard.main"]),
        (hours(7.5), ("rec-gate.main",), []),  # a gap
        (hours(9), ("rec-yard.main",), ["rec-yard.main"]),
        (hours(7), ("rec-yard.main",), ["rec-yard.main"]),  # its end, as it was told
        (hours(6.99), ("rec-yard.main",), []),
        (hours(9.01), ("rec-yard.main",), []),
        ("0001-01-01T00:00:00Z", (), []),
        ("9999-01-01T00:00:00Z", (), []),
    ],
)
def test_media_attributes_of_what_has_footage(bridge, at, tokens, recordings):
    assert texts(attributes(bridge, at, *tokens), "RecordingToken") == recordings


def test_media_attributes_of_unknown_recordings(bridge):
    arguments = f"<RecordingTokens>rec-gate.main</RecordingTokens><Time>{hours(1)}</Time>"
    assert bridge.fault("search", "GetMediaAttributes", arguments, user=YARD_ONLY) == INVALID_TOKEN


# --- Which recordings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (scope(), ALL),
        (scope(sources=["gate"]), ["rec-gate.main", OLD_GATE]),
        (scope(sources=["yard.main"]), ["rec-yard.main"]),
        (scope(sources=["yard.sub"]), []),
        (scope(sources=["new"]), []),
        (scope(recordings=[BARN, "rec-yard.main"]), ["rec-yard.main", BARN]),
        (scope(sources=["gate"], recordings=[BARN, "rec-gate.main"]), ["rec-gate.main", OLD_GATE, BARN]),
        (scope(condition=VIDEO_FILTER), ["rec-gate.main", "rec-yard.main", OLD_GATE, BARN]),
        (scope(condition=""), ALL),
        (scope(condition='boolean(//Track[TrackType = "Audio"])'), ["rec-gate.main", BARN]),
        (scope(condition='boolean(//Source[Name = "Yard"])'), ["rec-yard.main"]),
        (scope(condition='contains(//SourceId, "ar")'), ["rec-yard.main", BARN]),
        (scope(condition='boolean(//RecordingInformation[RecordingStatus = "Recording"])'), ["rec-gate.main"]),
        (scope(condition=f'boolean(//Track[DataTo < "{hours(8)}"])'), [OLD_GATE, BARN]),
        (scope(condition=f'boolean(//Track[DataFrom = "{told(9)}"])'), ["rec-yard.main"]),
        (scope(sources=["yard"], condition='boolean(//Track[TrackType = "Audio"])'), []),
        (
            scope(condition=f"{VIDEO_FILTER},{hours(11.5)},60000,1,60000,1"),
            [BARN, "rec-gate.main", "rec-yard.main", OLD_GATE],
        ),
        (
            scope(condition=f"{VIDEO_FILTER},{hours(19)},36000000,1,0,1"),
            [OLD_GATE, BARN, "rec-gate.main", "rec-yard.main"],
        ),
    ],
)
def test_which_are_found(bridge, made, expected):
    assert found(bridge, made) == expected


def test_everybody_finds_his_own(bridge):
    assert found(bridge, user=GATE_ONLY) == ["rec-gate.main", OLD_GATE]
    assert found(bridge, user=DEAF) == []
    assert fault_of_find(bridge, scope(sources=["yard"]), user=GATE_ONLY) == "Sender/InvalidArgVal/InvalidSource"
    assert fault_of_find(bridge, scope(recordings=["rec-yard.main"]), user=GATE_ONLY) == INVALID_TOKEN


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        (scope(recordings=["rec-x.main"]), INVALID_TOKEN),
        (scope(recordings=["rec-gate.main", "rec-barn.sub.00000006"]), INVALID_TOKEN),
        (scope(sources=["x"]), "Sender/InvalidArgVal/InvalidSource"),
        (scope(sources=["gate.x"]), "Sender/InvalidArgVal/InvalidSource"),
        (scope(condition="//Track"), INVALID_FILTER),
        (scope(condition="boolean(//Track[TrackType = 'Video'"), INVALID_FILTER),
        (scope(condition=f"{VIDEO_FILTER},soon"), INVALID_FILTER),
        (scope(condition="count(//Track) > 0"), INVALID_FILTER),
    ],
)
def test_scopes_that_are_refused(bridge, made, fault):
    assert fault_of_find(bridge, made) == fault
    events = (
        f"<StartPoint>{hours(9)}</StartPoint>{made}<SearchFilter/><IncludeStartState>true</IncludeStartState>"
        "<KeepAliveTime>PT10S</KeepAliveTime>"
    )
    assert bridge.fault("search", "FindEvents", events) == fault


def test_a_refused_filter_says_why(bridge):
    reply = bridge.post("search", "FindRecordings", scope(condition="//Track") + "<KeepAliveTime>PT10S</KeepAliveTime>")
    assert "'//Track' stands at character 1; expected boolean(" in "".join(reply.body.itertext())


# --- Page by page ----------------------------------------------------------------------------------------------------


def test_pages_until_completed():
    bridge = many(230)
    token = find(bridge)
    seen = []
    for most, expected_state, expected in ((None, "Searching", 100), (50, "Searching", 50), (500, "Completed", 80)):
        state, results = page(bridge, token, least=most, most=most)
        assert (state, len(results)) == (expected_state, expected)
        seen += [texts(one, "RecordingToken")[0] for one in results]
    assert seen == [f"rec-c{number}.main" for number in range(230)]
    for operation in ("GetRecordingSearchResults", "GetSearchState", "EndSearch"):
        assert bridge.fault("search", operation, f"<SearchToken>{token}</SearchToken>") == INVALID_TOKEN


@pytest.mark.parametrize("count", [0, 100, 101])
def test_the_last_page_is_known_to_be_the_last(count):
    bridge = many(count)
    token = find(bridge)
    state, results = page(bridge, token)
    assert (state, len(results)) == (("Completed", count) if count <= 100 else ("Searching", 100))


@pytest.mark.parametrize(("most", "expected"), [(3, 3), (100, 100), (150, 150), (0, 230), (-1, 230)])
def test_max_matches_completes(most, expected):
    bridge = many(230)
    token, count, state = find(bridge, most=most), 0, "Searching"
    while state == "Searching":
        state, results = page(bridge, token)
        count += len(results)
    assert count == expected


def test_a_filter_that_takes_few_of_many_is_looked_through_in_steps():
    bridge = many(LOOKED_AT * 2 + 10)
    condition = f'boolean(//Source[SourceId = "c{LOOKED_AT * 2 + 5}"])'
    assert found(bridge, scope(condition=condition)) == [f"rec-c{LOOKED_AT * 2 + 5}.main"]


def answering(bridge, token, *arguments):
    """A request for results that is at work, and what it is answered with."""
    request = bridge.answering("search", "GetRecordingSearchResults", page_arguments(token, *arguments))
    return Deferred.fromCoroutine(request)


def answer_of(bridge, asked):
    """State and number of results, once it has nothing to wait for but the reactor's turns."""
    while not asked.called:
        assert bridge.turns.next(), "it waits"
    body = asked.result.body.decode()
    return "Completed" if "Completed" in body else "Searching", body.count("<tt:RecordingToken>")


def test_it_waits_for_what_is_looked_for(bridge):
    token = find(bridge)
    bridge.pool.held = True
    asked = answering(bridge, token)
    assert not asked.called
    bridge.pool.go_on()
    assert answer_of(bridge, asked) == ("Completed", 5)


def test_it_waits_no_longer_than_wait_time(bridge):
    token = find(bridge)
    bridge.pool.held = True
    asked = answering(bridge, token, 1, 100, "PT3S")
    bridge.timers.advance(2.9)
    assert not asked.called
    bridge.timers.advance(0.1)
    assert answer_of(bridge, asked) == ("Searching", 0)
    # What was looked for meanwhile is there the next time.
    bridge.pool.go_on()
    assert answer_of(bridge, answering(bridge, token)) == ("Completed", 5)


@pytest.mark.parametrize(
    ("arguments", "seconds"), [((None, None, None), 5), ((None, None, "P1D"), 60), ((3, 9, "PT0S"), 0)]
)
def test_wait_time_is_adapted(bridge, arguments, seconds):
    token = find(bridge, keep_alive="PT300S")
    bridge.pool.held = True
    asked = answering(bridge, token, *arguments)
    bridge.timers.advance(seconds - 0.01 if seconds else 0)
    assert asked.called == (not seconds)
    bridge.timers.advance(0.01)
    assert answer_of(bridge, asked) == ("Searching", 0)


def test_no_results_are_asked_for_and_none_are_waited_for(bridge):
    token = find(bridge)
    bridge.pool.held = True
    assert answer_of(bridge, answering(bridge, token, 0)) == ("Searching", 0)
    bridge.pool.go_on()
    assert answer_of(bridge, answering(bridge, token, 0)) == ("Completed", 5)


def test_two_requests_share_what_is_found():
    bridge = many(30)
    token = find(bridge)
    bridge.pool.held = True
    first, second = answering(bridge, token, 10, 10), answering(bridge, token, 10, 10)
    bridge.pool.go_on()
    assert answer_of(bridge, first) == answer_of(bridge, second) == ("Searching", 10)
    assert not set(texts_of(first)) & set(texts_of(second))


def texts_of(deferred):
    return [line.partition("<")[0] for line in deferred.result.body.decode().split("<tt:RecordingToken>")[1:]]


def test_end_search_answers_who_waits(bridge):
    token = find(bridge)
    bridge.pool.held = True
    asked = answering(bridge, token)
    answer = bridge.ask("search", "EndSearch", f"<SearchToken>{token}</SearchToken>")
    assert texts(answer, "Endpoint") == [told(0)]
    assert answer_of(bridge, asked) == ("Completed", 0)
    bridge.pool.go_on()
    assert bridge.fault("search", "EndSearch", f"<SearchToken>{token}</SearchToken>") == INVALID_TOKEN


def test_a_client_that_hangs_up_leaves_nothing_behind(bridge):
    token = find(bridge)
    bridge.pool.held = True
    asked = answering(bridge, token)
    timers = len(bridge.timers.calls)
    asked.cancel()
    asked.addErrback(lambda failure: failure.trap(CancelledError))
    assert len(bridge.timers.calls) == timers - 1
    bridge.pool.go_on()
    assert answer_of(bridge, answering(bridge, token)) == ("Completed", 5)


def test_state_is_told_without_results(bridge):
    token = find(bridge)
    bridge.pool.held = True
    arguments = f"<SearchToken>{token}</SearchToken>"
    assert texts(bridge.ask("search", "GetSearchState", arguments), "State") == ["Searching"]
    bridge.pool.go_on()
    assert texts(bridge.ask("search", "GetSearchState", arguments), "State") == ["Completed"]
    assert page(bridge, token)[0] == "Completed"


def test_it_is_over_after_keep_alive_time(bridge):
    token = find(bridge)
    bridge.timers.advance(9)
    assert page(bridge, token, 0, 1)[0] == "Searching"
    bridge.timers.advance(9.9)
    assert page(bridge, token, 0, 1)[0] == "Searching"
    bridge.timers.advance(10)
    for operation in ("GetRecordingSearchResults", "GetSearchState", "EndSearch"):
        assert bridge.fault("search", operation, f"<SearchToken>{token}</SearchToken>") == INVALID_TOKEN


def test_what_is_over_is_forgotten_though_nobody_asks(bridge):
    search = bridge.served.search
    for _ in range(3):
        find(bridge)
    assert search.open == 3
    bridge.timers.advance(11)
    assert search.open == 0
    assert bridge.timers.calls == []
    find(bridge)
    assert len(bridge.timers.calls) == 1
    search.close()
    assert bridge.timers.calls == []


def test_ten_thousand_searches(bridge):
    last = ""
    for _ in range(300):  # each as the next: the bound is what counts
        last = find(bridge)
    assert bridge.served.search.open == MAX_OF_ONE_USER
    assert bridge.served.search.pushed_out == 300 - MAX_OF_ONE_USER
    assert page(bridge, last)[0] == "Completed"


def test_no_room_is_a_resource_problem(bridge):
    bridge.pool.held = False
    tokens = [find(bridge) for _ in range(MAX_OF_ONE_USER)]
    bridge.pool.held = True
    waiting = [answering(bridge, token) for token in tokens]
    assert fault_of_find(bridge, scope()) == "Receiver/Action/ResourceProblem"
    bridge.pool.go_on()
    assert all(asked.called or bridge.turns.next() for asked in waiting)


def test_tokens_of_others_and_of_other_kinds(bridge):
    token = find(bridge)
    arguments = f"<SearchToken>{token}</SearchToken>"
    for operation in ("GetRecordingSearchResults", "GetSearchState", "EndSearch"):
        assert bridge.fault("search", operation, arguments, user=GATE_ONLY) == INVALID_TOKEN
    assert bridge.fault("search", "GetEventSearchResults", arguments) == INVALID_TOKEN
    assert bridge.fault("search", "GetEventSearchResults", "<SearchToken/>") == INVALID_TOKEN
    assert page(bridge, token)[0] == "Completed"


def test_when_rights_change_searches_end(bridge):
    token = find(bridge)
    bridge.pool.held = True
    asked = answering(bridge, token)
    bridge.served.search.forget()
    assert answer_of(bridge, asked) == ("Completed", 0)
    bridge.pool.go_on()
    assert bridge.fault("search", "GetRecordingSearchResults", f"<SearchToken>{token}</SearchToken>") == INVALID_TOKEN


def test_an_index_that_fails_while_it_is_looked_for(bridge):
    token = find(bridge)
    bridge.library.error = DatabaseUnusableError("index.db is gone")
    arguments = page_arguments(token)
    assert bridge.fault("search", "GetRecordingSearchResults", arguments) == "Receiver/Action"
    bridge.library.error = None
    assert bridge.fault("search", "GetRecordingSearchResults", arguments) == INVALID_TOKEN


# --- Events ----------------------------------------------------------------------------------------------------------


def find_events(bridge, start, end=None, made=None, *, topics="", start_state=False, most=None, **more):
    """All of a search for events, as (time, recording, track, topic's last two steps, value, start state)."""
    end = "" if end is None else f"<EndPoint>{end}</EndPoint>"
    most = "" if most is None else f"<MaxMatches>{most}</MaxMatches>"
    arguments = (
        f"<StartPoint>{start}</StartPoint>{end}{made or scope()}<SearchFilter>{topics}</SearchFilter>"
        f"<IncludeStartState>{str(start_state).lower()}</IncludeStartState>{most}<KeepAliveTime>PT10S</KeepAliveTime>"
    )
    token, events, state = bridge.ask("search", "FindEvents", arguments, **more)[0].text, [], "Searching"
    while state == "Searching":
        state, results = page(bridge, token, kind="Event", **more)
        events += [event_of(one) for one in results]
    return events


def event_of(one):
    (message,) = one.findall(".//{http://www.onvif.org/ver10/schema}Message")
    assert message.get("UtcTime").replace(".000000", "") == texts(one, "Time")[0].replace(".000000", "")
    items = {item.get("Name"): item.get("Value") for item in message.iter("{*}SimpleItem")}
    topic = texts(one, "Topic")[0]
    value = items.pop("IsDataPresent" if topic.endswith("Track/State") else "IsRecording")
    recording, track = texts(one, "RecordingToken")[0], texts(one, "TrackToken")[0]
    assert items["RecordingToken"] == recording
    assert items.get("Track", track) == track
    start = texts(one, "StartStateEvent")[0] == "true"
    assert message.get("PropertyOperation") == ("Initialized" if start else "Changed")
    return texts(one, "Time")[0], recording, track or "", topic.split("/", 1)[1], value, start


TOPICS = 'xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:tns1="http://www.onvif.org/ver10/topics"'
CONCRETE = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete"
CONCRETE_SET = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
ITEM_FILTER = "http://www.onvif.org/ver10/tev/messageContentFilter/ItemFilter"


def topic(text, dialect=CONCRETE_SET):
    return f'<wsnt:TopicExpression {TOPICS} Dialect="{dialect}">{text}</wsnt:TopicExpression>'


def content(text, dialect=ITEM_FILTER):
    return f'<wsnt:MessageContent {TOPICS} Dialect="{dialect}">{text}</wsnt:MessageContent>'


TRACKS = topic("tns1:RecordingHistory/Track/State")
GATE = scope(recordings=["rec-gate.main"])


def track_events(*edges, recording="rec-gate.main", tracks=("VIDEO001", "AUDIO001")):
    """(hours, value, start) -> as found."""
    return [
        (told(number), recording, track, "Track/State", value, start)
        for number, value, start in edges
        for track in tracks
    ]


def test_events_of_a_recording(bridge):
    expected = [(10, "true"), (8, "false"), (6, "true"), (5, "false"), (2, "true")]  # the last stretch goes on
    events = find_events(bridge, hours(50), made=GATE, topics=TRACKS)
    assert events == track_events(*((number, value, False) for number, value in expected))
    backward = find_events(bridge, hours(0), hours(50), made=GATE, topics=TRACKS)
    assert backward == track_events(*((number, value, False) for number, value in expected[::-1]))


def test_both_topics_by_default(bridge):
    events = find_events(bridge, hours(50), made=scope(recordings=["rec-yard.main"]))
    assert [event[3:5] for event in events] == [
        ("Recording/State", "true"),
        ("Track/State", "true"),
        ("Recording/State", "false"),
        ("Track/State", "false"),
    ]
    assert {event[2] for event in events} == {"VIDEO001"}


def test_start_states_forward(bridge):
    assert find_events(bridge, hours(9), hours(7), made=GATE, topics=TRACKS, start_state=True) == track_events(
        (9, "true", True), (8, "false", False)
    )
    # An edge at the very beginning has not happened yet in the state before it: values alternate strictly.
    assert find_events(bridge, hours(10), hours(9), made=GATE, topics=TRACKS, start_state=True) == track_events(
        (10, "false", True), (10, "true", False)
    )
    assert find_events(bridge, hours(8), hours(7), made=GATE, topics=TRACKS, start_state=True) == track_events(
        (8, "true", True), (8, "false", False)
    )


def test_start_states_backward_stand_at_both_ends(bridge):
    assert find_events(bridge, hours(7), hours(9), made=GATE, topics=TRACKS, start_state=True) == track_events(
        (7, "false", True), (8, "false", False), (9, "true", True)
    )
    assert find_events(bridge, hours(1), hours(1.5), made=GATE, topics=TRACKS, start_state=True) == track_events(
        (1, "true", True), (1.5, "true", True)
    )


def test_what_has_no_footage_has_a_state_all_the_same(bridge):
    roof = scope(recordings=["rec-roof.main"])
    assert find_events(bridge, hours(9), hours(7), made=roof) == []
    events = find_events(bridge, hours(9), hours(7), made=roof, start_state=True)
    # Its track is that of the live stream.
    assert [event[1:] for event in events] == [
        ("rec-roof.main", "VIDEO001", "Recording/State", "false", True),
        ("rec-roof.main", "VIDEO001", "Track/State", "false", True),
    ]


def test_events_of_all_recordings_come_by_time(bridge):
    for start, end, newest_first in ((50, 0, False), (0, 50, True)):
        events = find_events(bridge, hours(start), hours(end), topics=TRACKS)
        times = [event[0] for event in events]
        assert times == sorted(times, reverse=newest_first)
        assert {event[1] for event in events} == {"rec-gate.main", "rec-yard.main", OLD_GATE, BARN}


def test_a_year_page_by_page():
    library = FakeLibrary()
    for number in range(3):
        stretches = [(24 * day + 20 - number / 10, 24 * day + 1) for day in range(364, -1, -1)]
        library.add(f"c{number}", "main", (H264_MAIN,), *stretches)
    bridge = Bridge(library=library)
    events = find_events(bridge, hours(24 * 400), topics=TRACKS)
    assert len(events) == 3 * 365 * 2
    assert len({event[:5] for event in events}) == len(events)
    newest = find_events(bridge, hours(0), hours(24 * 400), topics=TRACKS, most=1)
    assert newest == [next(event for event in events if event[0] == events[-1][0])]


def test_nothing_is_looked_up_before_its_turn(bridge):
    assert len(find_events(bridge, hours(50), topics=TRACKS, most=2)) == 2
    first = bridge.library.covered
    find_events(bridge, hours(50), topics=TRACKS)
    assert first < bridge.library.covered - first


@pytest.mark.parametrize(
    ("topics", "kinds"),
    [
        (topic("tns1:RecordingHistory//."), {"Recording/State", "Track/State"}),
        (topic("tns1:RecordingHistory/Recording//."), {"Recording/State"}),
        (topic("tns1:RecordingHistory/Recording/State", CONCRETE), {"Recording/State"}),
        (topic("tns1:VideoSource/MotionAlarm|tns1:RecordingHistory/Track/State"), {"Track/State"}),
        (topic("tns1:VideoSource/MotionAlarm"), set()),
        (topic("tns1:RecordingHistory", CONCRETE), set()),
        (
            topic("tns1:RecordingHistory/Recording/State") + topic("tns1:RecordingHistory/Track/State"),
            {"Recording/State", "Track/State"},
        ),
        (content('boolean(//tt:SimpleItem[@Name="Track" and @Value="AUDIO001"])'), {"Track/State"}),
        (content('boolean(//tt:SimpleItem[@Name="IsRecording" and @Value="true"])'), {"Recording/State"}),
        (content('boolean(//tt:SimpleItem[@Name="IsRecording" and @Value="maybe"])'), set()),
        (TRACKS + content('boolean(//tt:SimpleItem[@Name="IsRecording"])'), set()),
    ],
)
def test_filters_of_events(bridge, topics, kinds):
    assert {event[3] for event in find_events(bridge, hours(50), topics=topics)} == kinds


def test_a_recording_filter_in_the_scope(bridge):
    events = find_events(bridge, hours(50), made=scope(condition='boolean(//Track[TrackType = "Audio"])'))
    assert {event[1] for event in events} == {"rec-gate.main", BARN}


@pytest.mark.parametrize(
    "topics",
    [
        topic("tns1:RecordingHistory//.", "urn:other"),
        topic("tns1:RecordingHistory//"),
        topic("nope:RecordingHistory//."),
        topic(""),
        content("//SimpleItem"),
        content('boolean(//SimpleItem[@Name="a"])', "urn:other"),
        f'<wsnt:ProducerProperties {TOPICS} Dialect="urn:x">x</wsnt:ProducerProperties>',
        TRACKS * 17,
    ],
)
def test_filters_of_events_that_are_refused(bridge, topics):
    arguments = (
        f"<StartPoint>{hours(9)}</StartPoint>{scope()}<SearchFilter>{topics}</SearchFilter>"
        "<IncludeStartState>true</IncludeStartState><KeepAliveTime>PT10S</KeepAliveTime>"
    )
    assert bridge.fault("search", "FindEvents", arguments) == INVALID_FILTER


def test_everybody_finds_events_of_his_own(bridge):
    events = find_events(bridge, hours(50), start_state=True, user=YARD_ONLY)
    assert {event[1] for event in events} == {"rec-yard.main"}


def test_how_far_a_search_of_events_had_come(bridge):
    def begin(end=""):
        arguments = (
            f"<StartPoint>{hours(50)}</StartPoint>{end}{scope()}<SearchFilter>{TRACKS}</SearchFilter>"
            "<IncludeStartState>false</IncludeStartState><KeepAliveTime>PT10S</KeepAliveTime>"
        )
        return f"<SearchToken>{bridge.ask('search', 'FindEvents', arguments)[0].text}</SearchToken>"

    assert texts(bridge.ask("search", "EndSearch", begin()), "Endpoint") == [told(50)]
    token = begin(f"<EndPoint>{hours(7)}</EndPoint>")
    bridge.ask("search", "GetEventSearchResults", token + "<MaxResults>1</MaxResults>")
    assert texts(bridge.ask("search", "EndSearch", token), "Endpoint") == [told(7)]


def test_capabilities(bridge):
    (answer,) = bridge.ask("search", "GetServiceCapabilities")
    assert set(answer.attrib.values()) == {"false"}
