"""Topic expressions: which events a client wants by their topics (ONVIF Core, "Topic filter"; WS-Topics 1.3, 8).

Two dialects: a concrete topic, `tns1:VideoSource/MotionAlarm`, and ONVIF's set of them, where `|` joins several and
`//.` at the end takes in all below: `tns1:RecordingHistory//.|tns1:VideoSource/MotionAlarm`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.base.errors import RemoteProtocolError

CONCRETE = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete"
CONCRETE_SET = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"

TOPICS = "http://www.onvif.org/ver10/topics"
"""Namespace of ONVIF's topics, `tns1` by custom."""

MAX_CHARACTERS = 4096
MAX_TOPICS = 64

_CLAUSE = "ONVIF Core, topic filter"
_STEP = re.compile(r"(?:([^\W\d][\w.-]*):)?([^\W\d][\w.-]*)")


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. namespace: of its first step; "" for none. below: all topics under it are meant, too."""

    namespace: str
    steps: tuple[str, ...]
    below: bool = False

    def takes_in(self, namespace: str, steps: tuple[str, ...]) -> bool:
        """Whether that topic is meant."""
        same = steps[: len(self.steps)] == self.steps if self.below else steps == self.steps
        return same and namespace == self.namespace


def parse_topics(text: str, dialect: str, namespaces: Mapping[str | None, str]) -> tuple[Topic, ...]:
    """Those of one expression. namespaces: by prefix, as declared where it stands.

    Raises RemoteProtocolError for an unknown dialect, and for an expression that says what and where.
    """
    if dialect not in (CONCRETE, CONCRETE_SET):
        raise RemoteProtocolError(
            f"topic dialect {dialect[:200]!r}; expected {CONCRETE} or {CONCRETE_SET}", clause=_CLAUSE
        )
    if len(text) > MAX_CHARACTERS:
        raise RemoteProtocolError(f"a topic expression of {len(text)} characters; expected at most {MAX_CHARACTERS}")
    said = text.split("|") if dialect == CONCRETE_SET else [text]
    if len(said) > MAX_TOPICS:
        raise RemoteProtocolError(
            f"{len(said)} topics in one expression; expected at most {MAX_TOPICS}", clause=_CLAUSE
        )
    return tuple(_topic(one.strip(), dialect, namespaces) for one in said)


def _topic(text: str, dialect: str, namespaces: Mapping[str | None, str]) -> Topic:
    below = dialect == CONCRETE_SET and text.endswith("//.")
    steps, namespace = [], ""
    for number, part in enumerate(text.removesuffix("//.").split("/") if below else text.split("/")):
        found = _STEP.fullmatch(part.strip())
        if found is None or (number and found[1]):
            raise RemoteProtocolError(
                f"topic {text[:200]!r}: {part[:60]!r} is no name; expected a topic such as tns1:A/B", clause=_CLAUSE
            )
        if found[1]:
            if found[1] not in namespaces:
                raise RemoteProtocolError(
                    f"topic {text[:200]!r}: the prefix {found[1][:60]!r} is not declared", clause=_CLAUSE
                )
            namespace = namespaces[found[1]]
        steps.append(found[2])
    return Topic(namespace, tuple(steps), below)
