"""Names of events."""

import re

from bridge.base.events import Operation, Topic


def test_topics_are_onvif_s_or_ours() -> None:
    for topic in Topic:
        assert re.fullmatch(r"(tns1|onb):[A-Z]\w*(/[A-Z]\w*)+", topic)


def test_operations_are_property_operations() -> None:
    # Core 9.4.3; what has no state has none.
    assert {operation.value for operation in Operation} == {"", "Initialized", "Changed", "Deleted"}
