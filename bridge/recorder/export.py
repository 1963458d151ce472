"""A stretch of a recording as one MP4, without re-encoding. Blocking, on the caller's thread.

The presentation starts and ends at the asked instants, to a picture: what decoders need before the start is in the file
and not shown (an edit list). Parameter sets and sizes may change in the middle: the track gets a sample entry more.

Two time lines: `export_plain` leaves gaps out, and a pause that is no gap lasts as long as it did; `export_evidence`
puts every unit where it was captured, gaps and all, and adds the evidence of the ONVIF Export File Format but for the
signature, which `bridge/recorder/sealing.py` makes (docs/design/export.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from bridge.base.time import NS_PER_S, format_utc, ticks_to_ns
from bridge.base.tokens import track_tokens
from bridge.recorder.export_samples import Exported, ExportError, SampleFile, digest_of
from bridge.recorder.export_times import AsCaptured, WithoutGaps
from bridge.store.gaps import is_gap
from bridge.store.reader import Gap, Item
from bridge.wire.mp4 import plain
from bridge.wire.mp4.digests import Contents, Part, Stretch, digests_box
from bridge.wire.mp4.evidence import ExportUnit, Seal, Source, TrackStart, meta, parse_meta

_GAPS_IN_WORDS = 20


@dataclass(frozen=True, slots=True)
class Origin:
    """Who exports, and what from. Whatever is not known is empty.

    recording:   token
    camera_name, camera_url, line: of the source; the address without a log-in; line: the stream's name
    software:    in words
    certificate: DER, of whoever signs; signature_bytes: how long his signatures are
    """

    recording: str
    camera_name: str
    camera_url: str
    line: str
    unit_name: str
    operator: str
    utc_ns: int
    software: str
    certificate: bytes
    signature_bytes: int


def export_plain(items: Iterator[Item], file: BinaryIO, from_ns: int) -> Exported:
    """Writes what a reading hands out (`Reading.forward(from_ns, until_ns)`) as one MP4.

    file: empty, and seekable. Raises ExportError when there is nothing, or when codec or tracks change.
    """
    samples = SampleFile(file, plain.FTYP, WithoutGaps(from_ns), digests=False)
    samples.take(items)
    samples.finish(None)
    return samples.exported


def export_evidence(items: Iterator[Item], file: BinaryIO, from_ns: int, until_ns: int, origin: Origin) -> Exported:
    """The same as an ONVIF export, whose signature is zeros yet.

    Raises ExportError also for a gap that is longer than a sample can last (13 hours of video).
    """
    timeline = AsCaptured(from_ns)
    samples = SampleFile(file, plain.EXPORT_FTYP, timeline, until_ns)
    samples.take(items)
    shown = samples.finish(until_ns - timeline.zero_ns)
    exported = samples.exported
    exported.gaps = _with_edges(exported, from_ns, until_ns, samples.usual_ns)
    starts = tuple(
        TrackStart(one.number, timeline.zero_ns + ticks_to_ns(one.decode_times[0], one.track.clock_rate))
        for one in shown
    )
    asked = Stretch(format_utc(from_ns), format_utc(until_ns))
    sources = tuple(Source(one.number, origin.camera_name, origin.camera_url, "", origin.line) for one in shown)
    unit = ExportUnit(origin.unit_name, "", "", origin.utc_ns // NS_PER_S, origin.operator, sources)
    words = _in_words(exported, asked, origin)
    evidence = meta(unit, Seal(bytes(origin.signature_bytes), origin.certificate, starts, words))
    parts, signature_at = _parts_of(evidence)
    tokens = track_tokens(track.medium for track in timeline.tracks)
    contents = Contents(
        origin.recording,
        asked,
        Stretch(format_utc(exported.from_ns), format_utc(exported.until_ns)),
        exported.size_bytes,
        [Stretch(format_utc(gap.from_ns), format_utc(gap.until_ns)) for gap in exported.gaps],
        [(broken.serial, broken.reason) for broken in exported.broken],
        [(one.number, tokens[one.number - 1], one.track.codec.name) for one in shown],
        samples.parts,
        samples.chunks,
        parts,
    )
    try:
        digests = digests_box(contents)
    except ValueError as error:
        raise ExportError(f"the stretch is too long for one file: {error}") from None
    file.seek(exported.size_bytes)
    file.write(digests + evidence)
    exported.signature_at = exported.size_bytes + len(digests) + signature_at
    exported.size_bytes += len(digests) + len(evidence)
    return exported


def _with_edges(exported: Exported, from_ns: int, until_ns: int, usual_ns: int) -> list[Gap]:
    """The gaps, and what is missing at the ends of the stretch that was asked for."""
    gaps = exported.gaps
    if is_gap(exported.from_ns - from_ns, usual_ns):
        gaps = [Gap(from_ns, exported.from_ns), *gaps]
    if is_gap(until_ns - exported.until_ns, usual_ns):
        gaps = [*gaps, Gap(exported.until_ns, until_ns)]
    return gaps


def _parts_of(evidence: bytes) -> tuple[list[Part], int]:
    """(the boxes of `meta` that say something, but for the signature, which nobody knows yet; where that lies)."""
    found = parse_meta(evidence)
    if found is None:
        raise ExportError("the evidence cannot be read back")
    parts = [
        Part(one.kind.decode("latin-1"), one.start, one.end - one.start, digest_of(evidence[one.start : one.end]))
        for one in found.named
        if one.kind != b"sibo"
    ]
    return parts, found.seals[0].signature_at


def _in_words(exported: Exported, asked: Stretch, origin: Origin) -> str:
    """For whoever opens the file with a tool that shows the specification's `auib`."""
    gaps = [f"{format_utc(gap.from_ns)} to {format_utc(gap.until_ns)}" for gap in exported.gaps]
    listed = "; ".join(gaps[:_GAPS_IN_WORDS]) or "none"
    if len(gaps) > _GAPS_IN_WORDS:
        listed += f"; {len(gaps) - _GAPS_IN_WORDS} more, listed with the digests"
    return (
        f"Recording {origin.recording}, exported by {origin.software} without re-encoding."
        f" Asked for: {asked.since} to {asked.until}. Captured from {format_utc(exported.from_ns)}"
        f" to {format_utc(exported.until_ns)}. Nothing was recorded: {listed}."
        f" Segments that could not be read: {len(exported.broken) or 'none'}."
        " All times are UTC. Media times are capture times: the picture stands still where nothing was recorded."
    )
