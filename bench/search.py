"""Search over a year of a thousand recordings: GetRecordingSummary, FindRecordings, FindEvents, and the whole lists.

The ONVIF side is built as the service builds it, over a real index and library; only HTTP and the socket are left out.
The rows are synthetic, but for the newest segment of each recording, whose file is opened for its tracks. What a
request has done in the reader pool counts for its time and not for how long it held the reactor. Nothing is kept of the
list of recordings from one request to the next, as when they come a second apart.
"""

import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lxml import etree
from twisted.internet.defer import Deferred

from bench import footage, profiles, stored
from bench.loop import Setting
from bench.profiles import Door, Took
from bench.record import RECORDER
from bridge.base.time import NS_PER_S, format_utc
from bridge.recorder.library import Library
from bridge.services.onvif import recorded
from bridge.services.onvif.service import Reply
from bridge.store.index import MediaIndex, open_index
from bridge.store.layout import StorageFacts, StorageFolder
from bridge.store.rows import ChainHead, SegmentRow
from bridge.system.catalogue import Catalogue

RECORDINGS = 1000
SEGMENTS_A_DAY = 4
SEGMENT_NS = 86_400 * NS_PER_S // SEGMENTS_A_DAY
RECONNECT_NS = 5 * NS_PER_S
"""Once a day, a gap before it."""
BEGAN_NS = 1_700_000_000 * NS_PER_S
STORAGE = uuid.UUID(int=2)

VIDEO = '<tt:RecordingInformationFilter>boolean(//Track[TrackType = "Video"])</tt:RecordingInformationFilter>'
KEEP_ALIVE = "<KeepAliveTime>PT10S</KeepAliveTime>"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Amounts:
    """days: of each recording; questions: of each kind."""

    days: int
    questions: int


FULL = Amounts(days=365, questions=200)
QUICK = Amounts(days=10, questions=20)


class Loop:
    """A reactor with a pool of which a request sees its turns: what it does in them is measured apart from the pool's.

    Timers never ring.
    """

    def __init__(self) -> None:
        self._turns: list[Callable[[], None]] = []
        self._pool: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    def callLater(self, seconds: float, call: Callable[[], None]) -> Any:  # noqa: N802 - Twisted's name
        """A turn, or a timer."""
        if seconds == 0:
            self._turns.append(call)
        return SimpleNamespace(active=lambda: False)

    def in_pool(self, work: Callable[[], Any]) -> Deferred[Any]:
        """Done between two turns."""
        done: Deferred[Any] = Deferred()
        self._pool.append((work, done))
        return done

    def finish(self, request: Coroutine[Any, Any, Reply]) -> tuple[Reply, float]:
        """The reply, and milliseconds of CPU of the longest turn."""
        found: list[Any] = []
        longest = 0.0

        def turn(call: Callable[[], object]) -> None:
            nonlocal longest
            began = time.thread_time()
            call()
            longest = max(longest, time.thread_time() - began)

        turn(lambda: Deferred.fromCoroutine(request).addBoth(found.append))
        while not found:
            if self._turns:
                turn(self._turns.pop(0))
            else:
                work, done = self._pool.pop(0)
                made = work()
                turn(lambda done=done, made=made: done.callback(made))  # type: ignore[misc]  # bound here
        return profiles.result(found), 1000 * longest


def run(*, quick: bool, say: Say) -> dict[str, Any]:
    """Milliseconds of each kind of question."""
    amounts = QUICK if quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        database = open_index(Path(folder))
        index = MediaIndex(database)
        began = time.monotonic()
        rows = _fill(Path(folder), index, database, amounts.days)
        say(f"search: {rows} rows in {time.monotonic() - began:.0f} s")
        try:
            return _measure(index, amounts, rows, say)
        finally:
            database.close()


def _fill(folder: Path, index: MediaIndex, database: Any, days: int) -> int:
    storage = StorageFolder(folder / "storage")
    storage.create(StorageFacts(STORAGE, "bench"))
    on = index.storage(STORAGE, "bench", str(storage.path)).id
    shown = stored.small(footage.pictures(Setting()))
    count = days * SEGMENTS_A_DAY
    newest_ns = BEGAN_NS + (count - 1) * SEGMENT_NS
    made = footage.fragments(shown, Setting.frame_rate, start_utc_ns=newest_ns)
    with stored.unsynced():
        for number in range(RECORDINGS):
            of = stored.stream(index, f"camera-{number:03}", BEGAN_NS)
            rows = [
                SegmentRow(of.id, serial, _run_of(serial), on, *_times(serial), 1, True)
                for serial in range(1, count + 1)
            ]
            stored.insert(database, rows, ChainHead())
            real = storage.recording(of.recording)
            real.path.mkdir()
            footage.write_segment(real, RECORDER, count, _run_of(count), made)
    return count * RECORDINGS


def _run_of(serial: int) -> int:
    return (serial - 1) // SEGMENTS_A_DAY * SEGMENTS_A_DAY + 1


def _times(serial: int) -> tuple[int, int]:
    begins_ns = BEGAN_NS + (serial - 1) * SEGMENT_NS
    return begins_ns, begins_ns + SEGMENT_NS - (RECONNECT_NS if serial % SEGMENTS_A_DAY == 0 else 0)


def _measure(index: MediaIndex, amounts: Amounts, rows: int, say: Say) -> dict[str, Any]:
    recorded.KEPT_NS = 0
    library = Library(index)
    over = SimpleNamespace(library=library, state_of=lambda *_: None, retention_of=lambda _: None)
    catalogue = Catalogue()
    catalogue.replace(profiles.cameras(RECORDINGS))
    loop = Loop()
    result: dict[str, Any] = {"recordings": RECORDINGS, "days": amounts.days, "rows": rows}
    chance = random.Random(3)
    with profiles.door(catalogue, over, loop, loop.in_pool) as asked:
        kinds = {
            "summary": lambda: [_took(asked, "search", "GetRecordingSummary")],
            "find recordings": lambda: _found(asked, "Recording", f"<Scope>{VIDEO}</Scope>{KEEP_ALIVE}"),
            "find events": lambda: _found(asked, "Event", _events(chance, amounts.days)),
            "every recording": lambda: [_took(asked, "recording", "GetRecordings")],
            "every job": lambda: [_took(asked, "recording", "GetRecordingJobs")],
        }
        for kind, ask in kinds.items():
            questions = max(3, amounts.questions // 10) if kind.startswith("every") else amounts.questions
            result[kind] = _figures([ask() for _ in range(questions)])
            say(f"search, {kind}: {result[kind]}")
    return result


def _events(chance: random.Random, days: int) -> str:
    start = format_utc(BEGAN_NS + chance.randrange(days * 86_400) * NS_PER_S)
    start_states = f"<IncludeStartState>true</IncludeStartState>{KEEP_ALIVE}"
    return f"<StartPoint>{start}</StartPoint><Scope/><SearchFilter/>{start_states}"


def _found(asked: Door, kind: str, arguments: str) -> list[Took]:
    """A search and its first page."""
    reply, began = asked.ask("search", f"Find{kind}s", arguments)
    token = etree.fromstring(reply.body).findtext(".//{*}SearchToken")
    page, got = asked.ask("search", f"Get{kind}SearchResults", f"<SearchToken>{token}</SearchToken>")
    results = page.body.count(b"<tt:RecordingToken>")
    if results != 100:
        raise RuntimeError(f"{results} results of Find{kind}s; 100 expected: {page.body[:500]!r}")
    return [began, got]


def _took(asked: Door, service: str, operation: str) -> Took:
    return asked.took(service, operation)


def _figures(questions: Sequence[list[Took]]) -> dict[str, float]:
    """first_ms: of the very first, which opens files."""
    times = sorted(sum(took.wall_ms for took in each) for each in questions)
    return {
        "ms_p50": statistics.median(times),
        "ms_p95": times[min(len(times) - 1, int(len(times) * 0.95))],
        "first_ms": sum(took.wall_ms for took in questions[0]),
        "held_ms": max(took.held_ms for each in questions for took in each),
    }
