"""What the discoverable devices of a host say to whom (WS-Discovery 2005/04; ONVIF Core, "Device discovery").

A datagram goes in, answers or nothing come out. Nobody is told that his question was bad: a multicast that deserves
no answer gets none. The one fault goes to those who asked us alone for a matching rule that we do not know.
"""

import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator

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
"""That many answers of one device to one address within WINDOW_NS: a tester's burst passes, a forged source is no
amplifier. Each further device adds FURTHER_ANSWERS: two sweeps of the network find all of them."""
FURTHER_ANSWERS = 2
WINDOW_NS = 10 * NS_PER_S


class DiscoverableDevice:
    """One device on the network. Counts its messages."""

    def __init__(
        self,
        endpoint: str,
        device_scopes: tuple[str, ...],
        instance_id: int,
        random_bytes: Callable[[int], bytes],
        xaddrs: Callable[[str], tuple[str, ...]],
    ) -> None:
        """
        endpoint:     `urn:uuid:…`, for ever the same
        instance_id:  seconds since 1970 at our start: does not go down over restarts
        random_bytes: for message ids
        xaddrs:       address of an interface of ours -> URLs of the device service, as seen from there, in clear first
        """
        self._endpoint = endpoint
        self._scopes = device_scopes
        self._instance_id = instance_id
        self._random_bytes = random_bytes
        self._xaddrs = xaddrs
        self._number = 0

    def hello(self, local: str) -> bytes:
        """For everybody, when we start. local: address of the interface that it goes out on."""
        return hello(self._announcement(local), self._sequence(), self._message_id())

    def bye(self) -> bytes:
        """For everybody, when we stop."""
        return bye(self._endpoint, self._sequence(), self._message_id())

    def concerns(self, question: Probe | Resolve, *, unicast: bool) -> bool:
        """Whether the question deserves an answer of this device. unicast: it came to us alone."""
        if isinstance(question, Resolve):
            return question.endpoint.lower() == self._endpoint.lower()
        if any(name not in TYPES for name in question.types):
            return False
        matches = self._scopes_match(question)
        return unicast if matches is None else matches

    def answer(self, question: Probe | Resolve, local: str) -> bytes:
        """The answer to a question that concerns it. local: address of the interface that it came in on."""
        sequence, message_id = self._sequence(), self._message_id()
        if isinstance(question, Resolve):
            return resolve_matches(self._announcement(local), sequence, message_id, question.message_id)
        if self._scopes_match(question) is None:
            return matching_rule_fault(sequence, message_id, question.message_id)
        return probe_matches(self._announcement(local), sequence, message_id, question.message_id)

    def _scopes_match(self, probe: Probe) -> bool | None:
        return scopes.match(probe.scopes, probe.match_by, self._scopes)

    def _announcement(self, local: str) -> Announcement:
        return Announcement(self._endpoint, self._scopes, self._xaddrs(local))

    def _sequence(self) -> Sequence:
        self._number += 1
        return Sequence(self._instance_id, self._number)

    def _message_id(self) -> str:
        return uuid.UUID(bytes=self._random_bytes(16), version=4).urn


class DiscoverableDevices:
    """All devices of this host: a question is read once for all of them, and one limit holds for their answers.

    `refused` counts the answers beyond the limit.
    """

    def __init__(self) -> None:
        self._devices: list[DiscoverableDevice] = []
        self._spent: OrderedDict[str, tuple[int, int]] = OrderedDict()  # address -> start of its window, answers
        self.refused = 0

    def __iter__(self) -> Iterator[DiscoverableDevice]:
        return iter(self._devices)

    def __len__(self) -> int:
        return len(self._devices)

    def add(self, device: DiscoverableDevice) -> None:
        """It answers from now on."""
        self._devices.append(device)

    def remove(self, device: DiscoverableDevice) -> None:
        """It is gone."""
        self._devices.remove(device)

    def answers(self, data: bytes, address: str, local: str, now: int, *, unicast: bool) -> list[bytes]:
        """The answers to a datagram; [] when it deserves none.

        address: the asker's, without port
        local:   address of the interface that the datagram came in on
        now:     monotonic nanoseconds
        unicast: it came to us alone
        """
        try:
            question = parse_message(data)
        except RemoteProtocolError:
            return []
        if question is None:
            return []
        concerned = [device for device in self._devices if device.concerns(question, unicast=unicast)]
        return [device.answer(question, local) for device in concerned[: self._spend(address, len(concerned), now)]]

    def _spend(self, address: str, wanted: int, now: int) -> int:
        """How many of the wanted answers the address gets."""
        if not wanted:
            return 0
        began, answers = self._spent.pop(address, (now, 0))
        if now - began >= WINDOW_NS:
            began, answers = now, 0
        limit = ANSWERS + FURTHER_ANSWERS * (len(self._devices) - 1)
        given = min(wanted, limit - answers) if answers < limit else 0
        self.refused += wanted - given
        self._spent[address] = (began, answers + given)
        if len(self._spent) > MAX_SOURCES:
            self._spent.popitem(last=False)  # whoever was silent longest
        return given
