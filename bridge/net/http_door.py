"""An HTTP port: its connections, their limits, and the other doors that share it. What it answers its subclass says."""

from abc import ABC, abstractmethod
from collections import Counter
from typing import Any

import structlog
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web import http

from bridge.base.time import Clock
from bridge.net.addresses import Place, bracketed
from bridge.net.http import Head, HttpLimits, Reply
from bridge.net.http_channel import DoorChannel, DoorRequest
from bridge.net.takeover import OtherDoor


class HttpDoor(ABC):
    """See the module. `factory` makes a protocol for each connection."""

    def __init__(self, reactor: Any, clock: Clock, limits: HttpLimits) -> None:
        self.clock = clock
        self._reactor = reactor
        self._limits = limits
        self._others: list[OtherDoor] = []
        self._channels: dict[DoorChannel, str] = {}
        self._per_address: Counter[str] = Counter()
        self.turned_away = 0
        """Connections closed because there were too many."""
        self.factory: http.HTTPFactory = _Factory(self, limits, reactor)
        """For whoever opens the ports himself."""
        self._log = structlog.get_logger()

    @abstractmethod
    def screen(self, head: Head, channel: DoorChannel) -> Reply | int:
        """What is decided before the body: a refusal, or how many bytes it may have."""

    @abstractmethod
    async def answer(self, request: DoorRequest) -> Reply | None:
        """The answer to a complete request; None: it has been written. Cancelled when the client hangs up."""

    def add_door(self, door: OtherDoor) -> None:
        """Requests that `door` wants are its own, and so are their connections from then on."""
        self._others.append(door)

    def other_door(self, head: Head) -> OtherDoor | None:
        """Whose request that is; None: it is ours."""
        return next((door for door in self._others if door.wants(head)), None)

    def hang_up(self, place: Place | None = None) -> None:
        """Ends every connection, or those that came in there, but for those that other doors took over."""
        for channel in list(self._channels):
            if place is None or place in _places(channel):
                channel.transport.abortConnection()

    def accept(self, address: str) -> DoorChannel | None:
        """The protocol of a new connection; None closes it at once."""
        limits = self._limits
        if len(self._channels) >= limits.connections or self._per_address[address] >= limits.connections_per_address:
            self.turned_away += 1
            return None
        channel = DoorChannel(self, limits)
        channel.on_lost = self._forget
        self._channels[channel] = address
        self._per_address[address] += 1
        return channel

    def serve(self, request: DoorRequest) -> None:
        """Answers a complete request."""
        answering = Deferred.fromCoroutine(self.answer(request))
        request.notifyFinish().addErrback(lambda _: answering.cancel())
        answering.addCallbacks(lambda reply: request.send(reply) if reply is not None else None, self._lost)

    def _forget(self, channel: DoorChannel) -> None:
        address = self._channels.pop(channel, None)
        if address is not None:
            self._per_address[address] -= 1
            self._per_address += Counter()  # drops the zeros

    def _lost(self, failure: Failure) -> None:
        """Only a client that hung up gets here: everything else became a reply."""
        if failure.check(CancelledError) is None:
            self._log.error("a request was not answered", why=repr(failure.value))


class _Factory(http.HTTPFactory):
    """twisted.web's factory without its log of requests."""

    noisy = False

    def __init__(self, door: HttpDoor, limits: HttpLimits, reactor: Any) -> None:
        super().__init__(timeout=limits.idle_s, reactor=reactor)
        self._door = door
        self._first_s = min(limits.first_request_s, limits.idle_s)

    def buildProtocol(self, addr: Any) -> Any:
        channel = self._door.accept(addr.host)
        if channel is None:
            return None
        channel.factory = self
        channel.callLater = self.reactor.callLater
        channel.timeOut = self._first_s
        return channel

    def log(self, request: Any) -> None:
        """Nothing: what matters is in the audit and the metrics."""


def _places(channel: DoorChannel) -> tuple[Place, Place]:
    """Where it came in, as `Place` has it."""
    local = channel.getHost()
    return (bracketed(local.host), local.port), ("", local.port)
