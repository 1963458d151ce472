"""What a discoverable device says to whom (WS-Discovery 2005/04 as ONVIF Core, "Device discovery", narrows it).

A datagram goes in, an answer or nothing comes out. Nobody is told that his question was bad: a multicast that deserves
no answer gets none. The one fault goes to those who asked us alone for a matching rule that we do not know.
"""

import uuid
from collections import OrderedDict
from collections.abc import Callable

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import NS_PER_S
from bridge.wire import scopes
from bridge.wire.discovery import (
    TYPES,
    Announcement,
    Probe,
    Resolve,
    Sequence,
    bye,
    hello,
    matching_rule_fault,
    parse_message,
    probe_matches,
    resolve_matches,
)

MAX_SOURCES = 1024
ANSWERS = 20
"""That many answers to one address within WINDOW_NS: a tester's burst passes, a forged source is no amplifier."""
WINDOW_NS = 10 * NS_PER_S


class DiscoverableDevice:
    """One device on the network. Counts its messages; `refused` counts the questions beyond the limit."""

    def __init__(
        self,
        endpoint: str,
        device_scopes: tuple[str, ...],
        instance_id: int,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        """
        endpoint:     `urn:uuid:…`, for ever the same
        instance_id:  seconds since 1970 at our start: does not go down over restarts
        random_bytes: for message ids
        """
        self._endpoint = endpoint
        self._scopes = device_scopes
        self._instance_id = instance_id
        self._random_bytes = random_bytes
        self._number = 0
        self._spent: OrderedDict[str, tuple[int, int]] = OrderedDict()  # address -> start of its window, answers
        self.refused = 0

    def hello(self, xaddrs: tuple[str, ...]) -> bytes:
        """For everybody, when we start."""
        return hello(self._announcement(xaddrs), self._sequence(), self._message_id())

    def bye(self) -> bytes:
        """For everybody, when we stop."""
        return bye(self._endpoint, self._sequence(), self._message_id())

    def answer(self, data: bytes, address: str, xaddrs: tuple[str, ...], now: int, *, unicast: bool) -> bytes | None:
        """The answer to a datagram; None when it deserves none.

        address: the asker's, without port
        xaddrs:  where we are, as seen from the interface that the datagram came in on
        now:     monotonic nanoseconds
        unicast: it came to us alone
        """
        try:
            question = parse_message(data)
        except RemoteProtocolError:
            return None
        if question is None or not self._concerns(question, unicast=unicast):
            return None
        if not self._may_answer(address, now):
            self.refused += 1
            return None
        sequence, message_id = self._sequence(), self._message_id()
        if isinstance(question, Resolve):
            return resolve_matches(self._announcement(xaddrs), sequence, message_id, question.message_id)
        if self._scopes_match(question) is None:
            return matching_rule_fault(sequence, message_id, question.message_id)
        return probe_matches(self._announcement(xaddrs), sequence, message_id, question.message_id)

    def _concerns(self, question: Probe | Resolve, *, unicast: bool) -> bool:
        if isinstance(question, Resolve):
            return question.endpoint.lower() == self._endpoint.lower()
        if any(name not in TYPES for name in question.types):
            return False
        matches = self._scopes_match(question)
        return unicast if matches is None else matches

    def _scopes_match(self, probe: Probe) -> bool | None:
        return scopes.match(probe.scopes, probe.match_by, self._scopes)

    def _may_answer(self, address: str, now: int) -> bool:
        began, answers = self._spent.pop(address, (now, 0))
        if now - began >= WINDOW_NS:
            began, answers = now, 0
        self._spent[address] = (began, answers + 1)
        if len(self._spent) > MAX_SOURCES:
            self._spent.popitem(last=False)  # whoever was silent longest
        return answers < ANSWERS

    def _announcement(self, xaddrs: tuple[str, ...]) -> Announcement:
        return Announcement(self._endpoint, self._scopes, xaddrs)

    def _sequence(self) -> Sequence:
        self._number += 1
        return Sequence(self._instance_id, self._number)

    def _message_id(self) -> str:
        return uuid.UUID(bytes=self._random_bytes(16), version=4).urn
