"""Search sessions: a client asks to find something, and fetches what was found by the page (ONVIF Recording Search).

Whoever looks for results (a service) hands them in with `add`, as long as the search is `hungry`; nothing is looked for
ahead of what a page can hold, so a search over years holds no more than that. What it looks in is his, `about`.

A search ends when its last results are handed out as Completed, by EndSearch, or when nobody asked for KeepAliveTime;
after that its token is unknown, and a token never comes again.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import NS_PER_S, MonotonicNs

MAX_RESULTS = 100
"""Of a page: the default, and the most."""

SHORTEST_KEEP_ALIVE_NS = 1 * NS_PER_S
LONGEST_KEEP_ALIVE_NS = 300 * NS_PER_S
"""Ten seconds must be possible; longer ones than this are made shorter, as the standard allows."""

DEFAULT_WAIT_NS = 5 * NS_PER_S
LONGEST_WAIT_NS = 60 * NS_PER_S

MAX_SEARCHES = 256
MAX_OF_ONE_USER = 32

_TOKEN_BYTES = 16

AboutT = TypeVar("AboutT")
ResultT = TypeVar("ResultT")


class UnknownSearchError(RemoteProtocolError):
    """No such search: it never was, has ended, is over, is of another kind or another user's. All look alike."""

    def __init__(self) -> None:
        super().__init__("no such search", clause="ONVIF Recording Search, Search Session")


class TooManySearchesError(RemoteProtocolError):
    """There is no room for another one."""

    def __init__(self) -> None:
        super().__init__(f"{MAX_SEARCHES} searches are open", clause="ONVIF Recording Search, ResourceProblem")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for results: from `least` on they are handed out, `most` at once; at `until_ns` however many."""

    least: int
    most: int
    until_ns: MonotonicNs


@dataclass(frozen=True, slots=True)
class Page(Generic[ResultT]):
    """What a request is answered with. completed: there is nothing more, and the search has ended."""

    results: list[ResultT]
    completed: bool


class Search(Generic[AboutT, ResultT]):
    """One session. Made by `Searches.begin`.

    about:   what it looks in and for; this file does not care
    working: somebody looks for more results just now; his to set
    """

    def __init__(self, token: str, owner: str, kind: str, keep_alive_ns: int, about: AboutT) -> None:
        self.token, self.owner, self.kind = token, owner, kind
        self.about = about
        self.working = False
        self.failure: Exception | None = None
        self._keep_alive_ns = keep_alive_ns
        self._found: deque[ResultT] = deque()
        self._all_found = False
        self._ended = False
        self._requests = 0  # that are waiting for results
        self.idle_since_ns = MonotonicNs(0)

    @property
    def ended(self) -> bool:
        """Its token is unknown from now on."""
        return self._ended

    @property
    def all_found(self) -> bool:
        """Nothing more comes to what is held."""
        return self._all_found

    @property
    def waited_for(self) -> bool:
        """A request is waiting for results."""
        return self._requests > 0

    @property
    def expires_ns(self) -> int:
        """When it is over, unless somebody asks before."""
        return self.idle_since_ns + self._keep_alive_ns

    @property
    def hungry(self) -> bool:
        """Whether more results should be looked for: a page and one more, which tells that the page is not the last."""
        return not (self._ended or self._all_found or self.failure) and len(self._found) <= MAX_RESULTS

    def add(self, results: Iterable[ResultT], *, all_found: bool) -> None:
        """Hands in what was found next, MAX_RESULTS + 1 at most. all_found: there is nothing more."""
        if not self._ended:
            self._found.extend(results)
            self._all_found = all_found

    def fail(self, error: Exception) -> None:
        """Nothing more can be looked for; whoever asks next is told, and ends it."""
        self.failure = error

    def page(self, asked: Asked, now: MonotonicNs) -> Page[ResultT] | None:
        """What the request is answered with; None: it waits. Results that were handed out do not come again."""
        ready = len(self._found)
        if ready < asked.least and now < asked.until_ns and not (self._all_found or self._ended):
            return None
        results = [self._found.popleft() for _ in range(min(ready, asked.most))]
        completed = self._ended or (self._all_found and not self._found)
        self._ended = completed
        return Page(results, completed)

    def end(self) -> None:
        """Whoever waits is answered now; what is held is forgotten."""
        self._ended = True
        self._found.clear()

    def begin_request(self) -> None:
        """A request waits from now on: the search does not grow old."""
        self._requests += 1

    def end_request(self, now: MonotonicNs) -> None:
        """It was answered, or its client has gone."""
        self._requests -= 1
        self.idle_since_ns = now


def ask(least: int | None, most: int | None, wait_ns: int | None, now: MonotonicNs) -> Asked:
    """MinResults, MaxResults and WaitTime as they came, None where they were left out; what is too much is adapted."""
    most = MAX_RESULTS if most is None or most < 0 else min(most, MAX_RESULTS)
    least = min(1 if least is None else max(least, 0), most)
    wait_ns = DEFAULT_WAIT_NS if wait_ns is None else max(0, min(wait_ns, LONGEST_WAIT_NS))
    return Asked(least, most, MonotonicNs(now + wait_ns))


class Searches(Generic[AboutT, ResultT]):
    """All sessions, MAX_SEARCHES at most.

    A user who has MAX_OF_ONE_USER loses his own that was idle for longest: clients that never end theirs go on working.
    When all together are too many, the new one is refused instead: nobody ends another user's search.
    """

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._open: OrderedDict[str, Search[AboutT, ResultT]] = OrderedDict()
        self.pushed_out = 0
        """Searches that gave way to newer ones of their users."""

    def __len__(self) -> int:
        return len(self._open)

    def begin(
        self, owner: str, kind: str, keep_alive_ns: int, about: AboutT, now: MonotonicNs
    ) -> Search[AboutT, ResultT]:
        """A new one. Raises TooManySearchesError."""
        self._forget(now)
        own = [search for search in self._open.values() if search.owner == owner]
        if len(own) >= MAX_OF_ONE_USER:
            idle = [search for search in own if not search.waited_for]
            if not idle:
                raise TooManySearchesError
            self._remove(min(idle, key=lambda search: search.idle_since_ns))
            self.pushed_out += 1
        elif len(self._open) >= MAX_SEARCHES:
            raise TooManySearchesError
        keep_alive_ns = max(SHORTEST_KEEP_ALIVE_NS, min(keep_alive_ns, LONGEST_KEEP_ALIVE_NS))
        search: Search[AboutT, ResultT] = Search(
            self._random_bytes(_TOKEN_BYTES).hex(), owner, kind, keep_alive_ns, about
        )
        search.idle_since_ns = now
        self._open[search.token] = search
        return search

    def find(self, token: str, owner: str, now: MonotonicNs, kind: str = "") -> Search[AboutT, ResultT]:
        """The search of that token, for another KeepAliveTime. Raises UnknownSearchError."""
        self._forget(now)
        search = self._open.get(token)
        if search is None or search.owner != owner or (kind and search.kind != kind):
            raise UnknownSearchError
        search.idle_since_ns = now
        return search

    def end(self, token: str, owner: str, now: MonotonicNs) -> Search[AboutT, ResultT]:
        """Ends it. Raises UnknownSearchError."""
        search = self.find(token, owner, now)
        self._remove(search)
        return search

    def clear(self) -> list[str]:
        """Ends all of them; their tokens."""
        tokens = list(self._open)
        for search in list(self._open.values()):
            self._remove(search)
        return tokens

    def next_timeout(self) -> int | None:
        """When the next of them is over, if nobody asks for it before; None: there is none."""
        return min((search.expires_ns for search in self._open.values()), default=None)

    def on_timeout(self, now: MonotonicNs) -> None:
        """What is over is forgotten; so it is at every call, and this is for times without any."""
        self._forget(now)

    def _forget(self, now: MonotonicNs) -> None:
        """What has ended, and what nobody asked for in time."""
        over = [
            search
            for search in self._open.values()
            if search.ended or (now >= search.expires_ns and not search.waited_for)
        ]
        for search in over:
            self._remove(search)

    def _remove(self, search: Search[AboutT, ResultT]) -> None:
        search.end()
        del self._open[search.token]
