"""Any text as a topic expression: topics, or a refusal."""

from bridge.base.errors import RemoteProtocolError
from bridge.wire.topic_filter import CONCRETE, CONCRETE_SET, MAX_TOPICS, TOPICS, parse_topics

SEEDS = [
    b"tns1:RecordingHistory/Track/State",
    b"tns1:RecordingHistory//.|tns1:VideoSource/MotionAlarm",
]


def run(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for dialect in (CONCRETE, CONCRETE_SET):
        try:
            topics = parse_topics(text, dialect, {"tns1": TOPICS})
        except RemoteProtocolError:
            continue
        assert 0 < len(topics) <= MAX_TOPICS
        assert all(topic.steps and topic.namespace in ("", TOPICS) for topic in topics)
