"""Recordings as `onb recordings list` and, later, the web client show them: since when, until when, gaps. Blocking."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from bridge.base.time import format_utc
from bridge.base.tokens import recording_token
from bridge.store.gaps import Stretch, gaps
from bridge.store.index import MediaIndex
from bridge.store.pieces import FOREVER_NS
from bridge.store.rows import RecordingRow, RunRow

LiveRuns = Callable[[UUID], Sequence[RunRow]]
"""Of a recording: the segments that the index does not know yet, each as a run of its own."""


def nothing_live(recording: UUID) -> Sequence[RunRow]:
    """No recorder runs in this process."""
    return ()


@dataclass(frozen=True, slots=True)
class Listed:
    """A recording with footage. from_ns, until_ns, gaps: UTC nanoseconds; ended: its camera or stream was removed."""

    token: str
    uuid: UUID
    camera: str
    stream: str
    ended: bool
    from_ns: int
    until_ns: int
    size_bytes: int
    segments: int
    gaps: Sequence[Stretch]


def list_recordings(index: MediaIndex, live: LiveRuns = nothing_live) -> Iterator[Listed]:
    """All that have footage, in the order of their making. Raises DatabaseUnusableError."""
    for row in index.recordings():
        # Live ones first: one that is finished between the two questions is then seen twice, not never.
        being_written = live(row.uuid)
        runs = (*index.runs(row.id, 0, FOREVER_NS), *being_written)
        if not runs:
            continue
        totals = index.totals(row.id)
        yield Listed(
            token_of(row),
            row.uuid,
            row.camera,
            row.stream,
            row.ended_utc_ns is not None,
            min(run.start_utc_ns for run in runs),
            max(run.end_utc_ns for run in runs),
            totals.size_bytes,
            totals.segments,
            tuple(gaps(runs)),
        )


def token_of(row: RecordingRow) -> str:
    """The recording's token."""
    return recording_token(row.camera, row.stream, row.uuid if row.ended_utc_ns is not None else None)


def describe(listed: Listed) -> dict[str, object]:
    """An entry of `onb recordings list --json`."""
    return {
        "recording": listed.token,
        "camera": listed.camera,
        "stream": listed.stream,
        "from": format_utc(listed.from_ns),
        "until": format_utc(listed.until_ns),
        "bytes": listed.size_bytes,
        "gaps": [{"from": format_utc(gap.from_utc_ns), "until": format_utc(gap.until_utc_ns)} for gap in listed.gaps],
        "uuid": str(listed.uuid),
        "segments": listed.segments,
        "ended": listed.ended,
    }
