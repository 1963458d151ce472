"""Topic expressions of both dialects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.wire.topic_filter import CONCRETE, CONCRETE_SET, MAX_TOPICS, TOPICS, Topic, parse_topics

DECLARED = {"tns1": TOPICS, "t": TOPICS, "own": "urn:own", None: "urn:default"}
TRACK = ("RecordingHistory", "Track", "State")


@pytest.mark.parametrize(
    ("text", "dialect", "topics"),
    [
        ("tns1:RecordingHistory/Track/State", CONCRETE, (Topic(TOPICS, TRACK),)),
        (" t:RecordingHistory/Track/State\n", CONCRETE_SET, (Topic(TOPICS, TRACK),)),
        ("tns1:RecordingHistory//.", CONCRETE_SET, (Topic(TOPICS, ("RecordingHistory",), below=True),)),
        (
            "tns1:RecordingHistory/Track//. | own:A/B",
            CONCRETE_SET,
            (Topic(TOPICS, ("RecordingHistory", "Track"), below=True), Topic("urn:own", ("A", "B"))),
        ),
        ("RecordingHistory", CONCRETE, (Topic("", ("RecordingHistory",)),)),
    ],
)
def test_read(text, dialect, topics):
    assert parse_topics(text, dialect, DECLARED) == topics


@pytest.mark.parametrize(
    ("text", "dialect", "named"),
    [
        ("a", "urn:x", "topic dialect 'urn:x'"),
        ("", CONCRETE, "'' is no name"),
        ("tns1:A//.", CONCRETE, "'' is no name"),
        ("tns1:A|tns1:B", CONCRETE, "'A|tns1:B'|no name"),
        ("tns1:A/tns1:B", CONCRETE_SET, "'tns1:B' is no name"),
        ("tns1:A//B", CONCRETE_SET, "'' is no name"),
        ("zz:A", CONCRETE_SET, "the prefix 'zz' is not declared"),
        ("tns1:A|", CONCRETE_SET, "'' is no name"),
        ("|".join(["tns1:A"] * (MAX_TOPICS + 1)), CONCRETE_SET, "65 topics"),
        ("a" * 4097, CONCRETE, "4097 characters"),
    ],
)
def test_refused(text, dialect, named):
    with pytest.raises(RemoteProtocolError, match=named):
        parse_topics(text, dialect, DECLARED)


@pytest.mark.parametrize(
    ("topic", "taken"),
    [
        (Topic(TOPICS, TRACK), True),
        (Topic(TOPICS, TRACK[:2]), False),
        (Topic(TOPICS, TRACK[:2], below=True), True),
        (Topic(TOPICS, TRACK, below=True), True),
        (Topic(TOPICS, ("RecordingHistory", "Recording"), below=True), False),
        (Topic("urn:own", TRACK), False),
    ],
)
def test_what_is_meant(topic, taken):
    assert topic.takes_in(TOPICS, TRACK) is taken


@given(st.text(max_size=60), st.sampled_from([CONCRETE, CONCRETE_SET]))
def test_any_text_is_topics_or_an_error(text, dialect):
    try:
        topics = parse_topics(text, dialect, DECLARED)
    except RemoteProtocolError:
        return
    assert topics
    assert all(topic.steps for topic in topics)
