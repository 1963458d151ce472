"""`GET /api/v1/recordings`: when there is footage and when there is none, for time lines."""

from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from bridge.base.time import format_utc
from bridge.recorder.library import Held, Library
from bridge.services.web.problems import ProblemError
from bridge.services.web.routes import Asked, Route, Who
from bridge.services.web.stills import InThread, no_recording
from bridge.services.web.times import LATEST_MS, Instant, check_range
from bridge.store.gaps import Stretch, is_gap
from bridge.system.access import Action, Gatekeeper, Principal

RECORDINGS = "/api/v1/recordings"
MAX_SPANS = 50_000
"""In one answer: about 5 MB. A camera that loses its connection every minute has as many in a month."""

_LATEST_NS = LATEST_MS * 1_000_000


class RecordingsQuery(BaseModel):
    """All three may be left out. camera: its id."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    camera: str | None = None
    from_ns: Instant = Field(default=0, alias="from")
    until_ns: Instant = Field(default=_LATEST_NS, alias="until")


Stretches = Annotated[
    list[dict[str, str]],
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {key: {"type": "string", "format": "date-time"} for key in ("from", "until")},
                "required": ["from", "until"],
            },
        }
    ),
]
"""`until` is not in it. Plain dictionaries: there may be thousands, and a model of each costs ten times as much."""


class RecordingShown(BaseModel):
    """A recording that has footage.

    from, until: of all of it; spans, gaps: of the range that was asked for, cut at its ends
    growing: more is being written to it; ended: its camera or stream was removed
    """

    recording: str
    camera: str
    stream: str
    since: str = Field(alias="from")
    until: str
    growing: bool
    ended: bool
    spans: Stretches
    gaps: Stretches


def recording_routes(library: Library | None, gatekeeper: Gatekeeper, in_thread: InThread) -> list[Route]:
    """library: None while the index cannot be used."""

    async def answer(asked: Asked) -> list[RecordingShown]:
        query = asked.query
        check_range(query.from_ns, query.until_ns)
        if library is None:
            raise no_recording()
        found: list[RecordingShown] = await in_thread(lambda: _shown(library, gatekeeper, asked.principal, query))
        return found

    return [
        Route(
            "GET",
            RECORDINGS,
            answer,
            Who.USER,
            "When there is footage, and gaps in it",
            query=RecordingsQuery,
            answer=list[RecordingShown],
            problems=("no-recording", "too-large"),
        )
    ]


def _shown(
    library: Library, gatekeeper: Gatekeeper, principal: Principal, query: RecordingsQuery
) -> list[RecordingShown]:
    """Blocks for the database."""
    shown: list[RecordingShown] = []
    spans = 0
    for held in library.recordings(tracks=False):
        row = held.row
        if held.from_ns is None or held.until_ns is None or query.camera not in (None, row.camera):
            continue
        if not gatekeeper.may(principal, Action.PLAYBACK, row.camera):
            continue
        covered = clipped(library.coverage(held, query.from_ns, query.until_ns), query.from_ns, query.until_ns)
        texts = _Texts()
        spans += len(covered)
        if spans > MAX_SPANS:
            raise ProblemError(
                422, "too-large", f"more than {MAX_SPANS} stretches of footage: ask for one camera, or a shorter range"
            )
        shown.append(
            RecordingShown.model_construct(
                recording=held.token,
                camera=row.camera,
                stream=row.stream,
                since=format_utc(held.from_ns),
                until=format_utc(held.until_ns),
                growing=held.growing,
                ended=row.ended_utc_ns is not None,
                spans=_stretches(covered, texts),
                gaps=_stretches(gaps_between(held, covered, query.from_ns, query.until_ns), texts),
            )
        )
    return shown


def clipped(stretches: list[Stretch], from_ns: int, until_ns: int) -> list[Stretch]:
    """Those parts of them that lie in the range."""
    cut = (Stretch(max(one.from_utc_ns, from_ns), min(one.until_utc_ns, until_ns)) for one in stretches)
    return [one for one in cut if one.from_utc_ns < one.until_utc_ns]


def gaps_between(held: Held, covered: list[Stretch], from_ns: int, until_ns: int) -> list[Stretch]:
    """What lacks between the beginning of the recording and its end, as far as it lies in the range."""
    if held.from_ns is None or held.until_ns is None:
        return []
    begins, ends = max(from_ns, held.from_ns), min(until_ns, held.until_ns)
    edges = [Stretch(begins, begins), *covered, Stretch(ends, ends)]
    between = [Stretch(one.until_utc_ns, other.from_utc_ns) for one, other in pairwise(edges)]
    # Stretches have gaps between them; at the ends of the range it may be a pause that is none.
    return [one for one in between if is_gap(one.until_utc_ns - one.from_utc_ns, 0)]


def _stretches(found: list[Stretch], texts: "_Texts") -> list[dict[str, str]]:
    return [{"from": texts[one.from_utc_ns], "until": texts[one.until_utc_ns]} for one in found]


class _Texts(dict[int, str]):
    """Times as texts: where a span ends a gap begins."""

    def __missing__(self, utc_ns: int) -> str:
        text = self[utc_ns] = format_utc(utc_ns)
        return text
