"""Handlers of the search service (`tse`): what there is, and sessions that find recordings and their events.

Follows the ONVIF Recording Search Specification. A session looks for results in the reader pool while its client waits
for them, a page and one more and no further; pages are rendered in slices.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred

from bridge.base.errors import RemoteProtocolError
from bridge.base.time import NS_PER_S, Clock, MonotonicNs
from bridge.dialogue.searches import (
    MAX_RESULTS,
    Page,
    Searches,
    TooManySearchesError,
    UnknownSearchError,
    ask,
)
from bridge.dialogue.searches import Search as Session
from bridge.recorder.library import Library
from bridge.services.onvif.answers import TT, Render
from bridge.services.onvif.call import Answer, Call, Request
from bridge.services.onvif.recorded import Recorded, Seen
from bridge.services.onvif.recording_events import RecordingEvent, Wanted, event_result, find_events, wanted_of
from bridge.services.onvif.recording_parts import information, moment, node_of, track_attributes, utc_ns_of
from bridge.services.onvif.slices import Slices
from bridge.store.pieces import FOREVER_NS
from bridge.wire.search_filter import SearchFilter, TimeHint, parse_filter
from bridge.wire.soap.faults import SoapFault, action_failed, invalid_value

RECORDINGS, EVENTS = "recordings", "events"
"""Kinds of searches."""

LOOKED_AT = 250
"""Recordings or events between two looks at whether anybody still wants to know."""

CallLater = Callable[[float, Callable[[], None]], Any]
"""Seconds and what is called then -> what cancels it: `reactor.callLater`."""

Result = Seen | RecordingEvent


@dataclass(slots=True)
class Sought:
    """What a session looks through. None among the results: something was looked at and is not wanted.

    reached_ns: UTC time up to which it has come; end_ns: where it ends
    """

    results: Callable[[Library], Iterator[Result | None]]
    most: int | None
    reached_ns: int
    end_ns: int
    begun: Iterator[Result | None] | None = None
    found: int = 0

    def look(self, library: Library) -> tuple[list[Result], bool]:
        """The next results, a page and one at most, and whether those are all. Blocks."""
        if self.begun is None:
            self.begun = self.results(library)
        results: list[Result] = []
        for _ in range(LOOKED_AT):
            if len(results) > MAX_RESULTS or self.most == self.found:
                break
            try:
                one = next(self.begun)
            except StopIteration:
                return results, True
            if one is not None:
                results.append(one)
                self.found += 1
        return results, self.most == self.found


class Search:
    """The search service over `recorded`."""

    def __init__(
        self,
        recorded: Recorded,
        render: Render,
        slices: Slices,
        clock: Clock,
        later: CallLater,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._recorded = recorded
        self._render, self._slices = render, slices
        self._clock, self._later = clock, later
        self._random_bytes = random_bytes
        self._searches: Searches[Sought, Result] = Searches(random_bytes)
        self._waiting: dict[str, list[Deferred[None]]] = {}
        self._expiry: Any = None

    @property
    def open(self) -> int:
        """Searches now."""
        return len(self._searches)

    @property
    def pushed_out(self) -> int:
        """Searches that gave way to newer ones of their users."""
        return self._searches.pushed_out

    def capabilities(self, _call: Call) -> Answer:
        """`tse:Capabilities`: what is built."""
        return {"MetadataSearch": False, "GeneralStartEvents": False, "NLSearch": False, "ImageSearch": False}

    def summary(self, _call: Call) -> Answer:
        """`tt:SearchCapabilities` of the older tds GetCapabilities."""
        return {"MetadataSearch": False}

    def GetServiceCapabilities(self, call: Call, _request: Request) -> Answer:
        """5.17"""
        return {"Capabilities": self.capabilities(call)}

    # --- What there is -----------------------------------------------------------------------------------------------

    async def GetRecordingSummary(self, call: Call, _request: Request) -> Answer:
        """Of what he may play back; the dates of nothing are now."""
        seen = await self._recorded.all(call.principal)
        begins = [one.held.from_ns for one in seen if one.held.from_ns is not None]
        ends = [one.held.until_ns for one in seen if one.held.until_ns is not None]
        return {
            "Summary": {
                "DataFrom": moment(min(begins, default=call.utc_ns)),
                "DataUntil": moment(max(ends, default=call.utc_ns)),
                "NumberRecordings": len(seen),
            }
        }

    async def GetRecordingInformation(self, call: Call, request: Request) -> Answer:
        """InvalidToken for an unknown one."""
        seen = await self._recorded.find(call.principal, request["RecordingToken"])
        if seen is None:
            raise SoapFault(invalid_value("InvalidToken"))
        return {"RecordingInformation": information((await self._recorded.with_tracks([seen]))[0])}

    async def GetMediaAttributes(self, call: Call, request: Request) -> Answer:
        """At one instant, of those recordings that have footage then."""
        tokens = dict.fromkeys(request.get("RecordingTokens") or ())
        seen: Sequence[Seen] = await self._recorded.all(call.principal)
        if tokens:
            seen = self._named(seen, tokens)
        at_ns = utc_ns_of(request["Time"])

        def look(library: Library) -> list[tuple[Seen, Answer]]:
            return [(one, made) for one in seen if (made := _attributes(library, one, at_ns))]

        type_name = f"{TT}MediaAttributes"
        found = await self._recorded.ask(look)
        texts = (self._render("search", type_name, made) for _, made in found)
        return {"MediaAttributes": await self._slices.gather(texts)}

    # --- Searches ----------------------------------------------------------------------------------------------------

    async def FindRecordings(self, call: Call, request: Request) -> Answer:
        """Recordings of the scope; those with footage at a hinted time first."""
        recordings, condition = await self._scope(call, request)
        if condition is not None and condition.hint is not None:
            recordings = _nearest_first(recordings, condition.hint)

        def results(library: Library) -> Iterator[Seen | None]:
            return _matching(library, recordings, condition)

        return self._begin(call, request, RECORDINGS, results, call.utc_ns, call.utc_ns)

    async def GetRecordingSearchResults(self, call: Call, request: Request) -> Answer:
        """`tt:RecordingInformation` of each."""
        return await self._results(call, request, RECORDINGS)

    async def FindEvents(self, call: Call, request: Request) -> Answer:
        """Events of the recordings of the scope, from StartPoint to EndPoint whichever is later."""
        try:
            wanted: Wanted = wanted_of(request["SearchFilter"]["_value_1"])
        except RemoteProtocolError as error:
            raise SoapFault(invalid_value("InvalidFilterFault", str(error))) from None
        recordings, condition = await self._scope(call, request)
        start_ns = utc_ns_of(request["StartPoint"])
        end = request.get("EndPoint")
        end_ns = FOREVER_NS if end is None else utc_ns_of(end)
        start_states = request["IncludeStartState"]

        def results(library: Library) -> Iterator[RecordingEvent | None]:
            scope: Sequence[Seen] = recordings
            if condition is not None:
                scope = [one for one in _matching(library, recordings, condition) if one is not None]
            return find_events(library, scope, wanted, start_ns, end_ns, start_states=start_states)

        # Without an end it goes to that of the data, which is told when the search is over.
        return self._begin(call, request, EVENTS, results, start_ns, call.utc_ns if end is None else end_ns)

    async def GetEventSearchResults(self, call: Call, request: Request) -> Answer:
        """`tt:FindEventResult` of each."""
        return await self._results(call, request, EVENTS)

    def GetSearchState(self, call: Call, request: Request) -> Answer:
        """Completed as soon as everything was found: who asks for this fetches the results afterwards."""
        session = self._session(call, request)
        self._look(session)
        return {"State": "Completed" if session.all_found else "Searching"}

    def EndSearch(self, call: Call, request: Request) -> Answer:
        """How far it had come."""
        try:
            session = self._searches.end(request["SearchToken"], _owner(call), self._clock.monotonic_ns())
        except UnknownSearchError:
            raise SoapFault(invalid_value("InvalidToken")) from None
        self._tell(session.token)
        about = session.about
        return {"Endpoint": moment(about.end_ns if session.all_found else about.reached_ns)}

    def forget(self) -> None:
        """Ends all searches: rights have changed, and what was found under the old ones is not handed out."""
        self._recorded.forget()
        for token in self._searches.clear():
            self._tell(token)

    def close(self) -> None:
        """No more timers."""
        self.forget()
        if self._expiry is not None and self._expiry.active():
            self._expiry.cancel()

    # --- A session ---------------------------------------------------------------------------------------------------

    def _begin(
        self,
        call: Call,
        request: Request,
        kind: str,
        results: Callable[[Library], Iterator[Result | None]],
        start_ns: int,
        end_ns: int,
    ) -> Answer:
        most = request.get("MaxMatches")
        about = Sought(results, most if most is not None and most > 0 else None, start_ns, end_ns)
        keep_alive_ns = _nanoseconds(request["KeepAliveTime"])
        now = self._clock.monotonic_ns()
        try:
            session = self._searches.begin(_owner(call), kind, keep_alive_ns, about, now)
        except TooManySearchesError as error:
            raise SoapFault(action_failed("ResourceProblem", str(error))) from None
        if self._expiry is None:
            self._expire()
        return {"SearchToken": session.token}

    async def _results(self, call: Call, request: Request, kind: str) -> Answer:
        page = await self._page(call, request, kind)
        if kind == RECORDINGS:
            name, type_name = "RecordingInformation", f"{TT}RecordingInformation"
        else:
            name, type_name = "Result", f"{TT}FindEventResult"
        texts = (self._render("search", type_name, _answer_of(one)) for one in page.results)
        state = "Completed" if page.completed else "Searching"
        return {"ResultList": {"SearchState": state, name: await self._slices.gather(texts)}}

    async def _page(self, call: Call, request: Request, kind: str) -> Page[Result]:
        session = self._session(call, request, kind)
        wait = request.get("WaitTime")
        wait_ns = None if wait is None else _nanoseconds(wait)
        now = self._clock.monotonic_ns()
        asked = ask(request.get("MinResults"), request.get("MaxResults"), wait_ns, now)
        session.begin_request()
        try:
            while True:
                self._look(session)
                if session.failure is not None:
                    session.end()
                    raise session.failure
                page = session.page(asked, self._clock.monotonic_ns())
                if page is not None:
                    return page
                await self._news(session, asked.until_ns)
        finally:
            session.end_request(self._clock.monotonic_ns())

    def _session(self, call: Call, request: Request, kind: str = "") -> Session[Sought, Result]:
        try:
            return self._searches.find(request["SearchToken"], _owner(call), self._clock.monotonic_ns(), kind)
        except UnknownSearchError:
            raise SoapFault(invalid_value("InvalidToken")) from None

    def _look(self, session: Session[Sought, Result]) -> None:
        """Has more results looked for, unless somebody does or there are enough."""
        if session.hungry and not session.working:
            session.working = True
            Deferred.fromCoroutine(self._work(session))

    async def _work(self, session: Session[Sought, Result]) -> None:
        try:
            wanted = True
            while wanted:
                results, all_found = await self._recorded.ask(session.about.look)
                if results and isinstance(results[-1], RecordingEvent):
                    session.about.reached_ns = results[-1].utc_ns
                session.add(results, all_found=all_found)
                self._tell(session.token)
                # Whoever was told has his page by now, or waits for more.
                wanted = session.hungry and session.waited_for
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised to whoever waits for the results
            session.fail(error)
        finally:
            session.working = False
            self._tell(session.token)

    async def _news(self, session: Session[Sought, Result], until_ns: MonotonicNs) -> None:
        """Waits until something was found, the search has ended, or the time is over."""
        news: Deferred[None] = Deferred()
        self._waiting.setdefault(session.token, []).append(news)

        def over() -> None:
            if not news.called:
                news.callback(None)

        left_ns = max(0, until_ns - self._clock.monotonic_ns())
        timer = self._later(left_ns / NS_PER_S, over)
        try:
            await news
        finally:
            if timer.active():
                timer.cancel()
            waiting = self._waiting.get(session.token)
            if waiting is not None and news in waiting:
                waiting.remove(news)
                if not waiting:
                    del self._waiting[session.token]

    def _tell(self, token: str) -> None:
        """Whoever waits looks again."""
        for news in self._waiting.pop(token, ()):
            if not news.called:
                news.callback(None)

    def _expire(self) -> None:
        """Forgets what is over, now and as long as there is any."""
        now = self._clock.monotonic_ns()
        self._searches.on_timeout(now)
        due = self._searches.next_timeout()
        self._expiry = None if due is None else self._later(max(1.0, (due - now) / NS_PER_S), self._expire)

    # --- Scope -------------------------------------------------------------------------------------------------------

    async def _scope(self, call: Call, request: Request) -> tuple[Sequence[Seen], SearchFilter | None]:
        """The recordings that are named, or all; and the filter that they are to be held against.

        Raises InvalidToken, InvalidSource, InvalidFilterFault.
        """
        scope = request["Scope"]
        condition = _condition(scope.get("RecordingInformationFilter"))
        seen = await self._recorded.all(call.principal)
        sources = dict.fromkeys(one["Token"] for one in scope.get("IncludedSources") or ())
        tokens = dict.fromkeys(scope.get("IncludedRecordings") or ())
        if not sources and not tokens:
            return seen, condition
        named = {one.held.token for one in self._named(seen, tokens)}
        known = {token for one in seen for token in (one.camera, one.profile_token)}
        for token in sources:
            if token not in known and not self._recorded.is_source(call.principal, token):
                raise SoapFault(invalid_value("InvalidSource"))
        return [
            one for one in seen
            if one.held.token in named or one.camera in sources or one.profile_token in sources
        ], condition  # fmt: skip

    def _named(self, seen: Sequence[Seen], tokens: dict[str, None]) -> list[Seen]:
        """Those of the tokens. Raises InvalidToken."""
        by_token = {one.held.token: one for one in seen}
        if not tokens.keys() <= by_token.keys():
            raise SoapFault(invalid_value("InvalidToken"))
        return [by_token[token] for token in tokens]


def _condition(text: str | None) -> SearchFilter | None:
    """None: there is none."""
    if text is None or not text.strip():
        return None
    try:
        return parse_filter(text)
    except RemoteProtocolError as error:
        raise SoapFault(invalid_value("InvalidFilterFault", str(error))) from None


def _matching(library: Library, recordings: Sequence[Seen], condition: SearchFilter | None) -> Iterator[Seen | None]:
    """With their tracks; None for one that does not match. Blocks."""
    for one in recordings:
        seen = one.with_tracks(library)
        matches = condition is None or condition.matches(node_of("RecordingInformation", information(seen)))
        yield seen if matches else None


def _nearest_first(recordings: Sequence[Seen], hint: TimeHint) -> list[Seen]:
    """By how far their footage is from the hinted stretch; those that hold some of it first, in their own order."""
    from_ns, until_ns = hint.at_ns - hint.before_ns, hint.at_ns + hint.after_ns

    def distance(one: Seen) -> int:
        if one.held.from_ns is None or one.held.until_ns is None:
            return FOREVER_NS
        return max(0, one.held.from_ns - until_ns, from_ns - one.held.until_ns)

    return sorted(recordings, key=distance)


def _attributes(library: Library, seen: Seen, at_ns: int) -> Answer | None:
    """`tt:MediaAttributes`; None when there is no footage then. Blocks."""
    held = seen.held
    # Both ends as we tell them, in microseconds: clients ask with the times that they were told.
    if held.from_ns is None or held.until_ns is None or not held.from_ns - 1000 < at_ns <= held.until_ns:
        return None
    inside_ns = min(max(at_ns, held.from_ns), held.until_ns - 1)
    tracks = seen.only(library.tracks_at(held, inside_ns))
    if not tracks:
        return None
    return {
        "RecordingToken": held.token,
        "TrackAttributes": [track_attributes(seen, track) for track in tracks],
        "From": moment(at_ns),
        "Until": moment(at_ns),
    }


def _answer_of(result: Result) -> Answer:
    return information(result) if isinstance(result, Seen) else event_result(result)


def _owner(call: Call) -> str:
    """Searches are a user's, on each device for itself: a recorder with a hundred devices asks as one user."""
    return f"{call.principal.name}/{call.face.camera}" if call.principal is not None else ""


def _nanoseconds(length: dt.timedelta) -> int:
    return length // dt.timedelta(microseconds=1) * 1000
