"""The queue in front of the one thread that compares passwords: hashing takes a core for tens of milliseconds."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from bridge.services.web.problems import ProblemError

QUEUE = 8
"""So many wait beside the one in work; the rest is told to come again."""

PER_ADDRESS = 4
"""So many of one address, so that one alone does not keep everybody else out."""

T = TypeVar("T")


class PasswordQueue:
    """Who comes while QUEUE wait is refused, and counted in `refused`."""

    def __init__(self, in_worker: Callable[[Callable[[], bool]], "Deferred[bool]"]) -> None:
        """in_worker: runs its argument in the thread that has nothing else to do, one after the other."""
        self._in_worker = in_worker
        self._addresses: list[str] = []
        self.refused = 0

    async def check(self, address: str, work: Callable[[], bool]) -> bool:
        """What `work` says. Raises ProblemError."""
        if len(self._addresses) > QUEUE or self._addresses.count(address) >= PER_ADDRESS:
            self.refused += 1
            raise ProblemError(
                429, "busy", "too many log-ins at the same time: try again in a second", headers=(("Retry-After", "1"),)
            )
        self._addresses.append(address)
        try:
            return await self._in_worker(work)
        finally:
            self._addresses.remove(address)


def finished(work: Coroutine[Any, Any, T]) -> "Deferred[T]":
    """What `work` comes to; it goes on to its end when nobody waits any more: a client who hangs up."""
    outside: Deferred[T] = Deferred()

    def tell(result: T | Failure) -> None:
        if not outside.called:
            outside.callback(result)

    Deferred.fromCoroutine(work).addBoth(tell)
    return outside
