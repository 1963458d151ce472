"""The evidence of an exported file: who exported what, when each track begins, and signatures over the whole file.

ONVIF Export File Format Specification 26.06, 5.2 to 5.6: `meta` at file level with `suep` (who exported what) and
`ipro`, which holds a `sinf` for each signing: `cstb` (when tracks begin), `schm`, `schi` with `sibo` (the signature),
`cert`, and `auib` (words for people).

A signature is over all bytes of the file, its own bytes being zero. Who signs a file again adds a `sinf` at the end of
`ipro` and corrects the sizes of `ipro` and `meta`: `changes_before` takes that back. Making and checking the signature
itself is left to bridge/recorder/sealing.py.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.base.errors import DamagedError
from bridge.base.time import NS_PER_S
from bridge.wire.mp4.boxes import Box, box, child, full_box, read_boxes, read_fields, read_full, whole_box

#: `scheme_type` of a `sinf` of this specification, and the one version there is (5.6.3.3).
SCHEME = b"oeff"
SCHEME_VERSION = 0x00010000

_FROM_1601_S = 11_644_473_600
_FROM_1904_S = 2_082_844_800
_STEP_NS = 100

_HANDLER = struct.Struct("!4x4s12x")
#: The box only carries others (ISO/IEC 14496-12 8.4.3).
_NO_HANDLER = b"null"
_COUNT_16, _COUNT = struct.Struct("!H"), struct.Struct("!I")
_TIME = struct.Struct("!Q")
_START = struct.Struct("!IQ")
_SCHEME = struct.Struct("!4sI")
_SIZE, _LARGE_SIZE = struct.Struct("!I"), struct.Struct("!Q")
_PROTECTIONS = 1
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Source:
    """Where a track comes from; what does not apply is empty. line: which input of the device."""

    track_id: int
    name: str = ""
    url: str = ""
    mac: str = ""
    line: str = ""


@dataclass(frozen=True, slots=True)
class ExportUnit:
    """Who exported, and from what. utc_s: when the export began, in seconds since 1970."""

    name: str
    url: str
    mac: str
    utc_s: int
    operator: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class TrackStart:
    """When media time 0 of a track was, in UTC nanoseconds; the file has it in steps of 100 ns."""

    track_id: int
    utc_ns: int


@dataclass(frozen=True, slots=True)
class Seal:
    """One signing.

    starts:      () where they are not said
    certificate: DER
    algorithm:   `sigC`, an AlgorithmIdentifier in DER; empty: RSASSA-PSS with SHA-256 and a salt of 20 bytes
    words:       for people; "" where none are there
    """

    signature: bytes
    certificate: bytes
    starts: tuple[TrackStart, ...] = ()
    words: str = ""
    algorithm: bytes = b""


@dataclass(frozen=True, slots=True)
class Placed:
    """A seal, and where in the bytes that were read its `sinf` and its signature lie."""

    seal: Seal
    sinf: Box
    signature_at: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A `meta` of this kind.

    unit:    None where `suep` is missing or of another version
    starts:  of `cstb` directly in `meta`
    named:   the boxes in it that say something, for whoever has to name one
    """

    unit: ExportUnit | None
    starts: tuple[TrackStart, ...]
    seals: tuple[Placed, ...]
    meta: Box
    ipro: Box
    named: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """`size` bytes at `at` stand for these others."""

    at: int
    size: int
    instead: bytes


def meta(unit: ExportUnit, seal: Seal) -> bytes:
    """`meta` with one seal, whose signature is to be written over later: zeros, as long as it will be."""
    starts = b"".join(
        _START.pack(one.track_id, (one.utc_ns + _STEP_NS // 2) // _STEP_NS + _FROM_1601_S * (NS_PER_S // _STEP_NS))
        for one in seal.starts
    )
    inside = [box(b"sibo", seal.signature), box(b"cert", seal.certificate)]
    if seal.algorithm:
        inside.append(box(b"sigC", seal.algorithm))
    if seal.words:
        inside.append(box(b"auib", _string(seal.words)))
    sinf = box(
        b"sinf",
        box(b"cstb", _COUNT.pack(len(seal.starts)), starts),
        full_box(b"schm", 0, 0, _SCHEME.pack(SCHEME, SCHEME_VERSION)),
        box(b"schi", *inside),
    )
    handler = full_box(b"hdlr", 0, 0, _HANDLER.pack(_NO_HANDLER), b"\0")
    return full_box(b"meta", 0, 0, handler, _suep(unit), full_box(b"ipro", 0, 0, _COUNT_16.pack(_PROTECTIONS), sinf))


def _suep(unit: ExportUnit) -> bytes:
    parts = [_string(unit.name), _string(unit.url), _string(unit.mac), _TIME.pack(unit.utc_s + _FROM_1904_S)]
    parts += [_string(unit.operator), _COUNT.pack(len(unit.sources))]
    for source in unit.sources:
        parts.append(_COUNT_16.pack(source.track_id))
        parts += map(_string, (source.name, source.url, source.mac, source.line))
    return full_box(b"suep", _VERSION, 0, *parts)


def _string(text: str) -> bytes:
    """With its zero; one inside would end it."""
    return text.replace("\0", " ").encode("utf-8", "replace") + b"\0"


def parse_meta(data: bytes | memoryview, start: int = 0) -> Evidence | None:
    """The `meta` at `start`; None: it is of another kind, without a signature of this scheme. Raises DamagedError."""
    whole = whole_box(data, b"meta", start)
    _, _, at = read_full(data, whole)
    unit, ipro = None, None
    starts: tuple[TrackStart, ...] = ()
    named: list[Box] = []
    for found in read_boxes(data, at, whole.end):
        match found.kind:
            case b"suep":
                unit = _read_suep(data, found)
            case b"cstb":
                starts = _read_starts(data, found)
            case b"ipro":
                if ipro is not None:
                    raise DamagedError("meta: a second ipro; one expected", offset=found.start)
                ipro = found
                continue
        named.append(found)
    if ipro is None:
        return None
    seals: list[Placed] = []
    _, _, at = read_full(data, ipro)
    (count,) = read_fields(_COUNT_16, data, at, ipro)
    if count != _PROTECTIONS:
        # The specification's repeated signing leaves the count at 1; other protections count up.
        return None
    for found in read_boxes(data, at + _COUNT_16.size, ipro.end):
        if found.kind != b"sinf":
            raise DamagedError(f"ipro: {found.kind!r}; 'sinf' expected", offset=found.start)
        placed, inside = _read_sinf(data, found)
        if placed is None:
            return None
        seals.append(placed)
        named += inside
    if not seals:
        raise DamagedError("ipro without a sinf", offset=ipro.start)
    return Evidence(unit, starts, tuple(seals), whole, ipro, tuple(named))


def _read_sinf(data: bytes | memoryview, sinf: Box) -> tuple[Placed | None, list[Box]]:
    """(the seal, its boxes); None: of another scheme."""
    scheme = child(data, sinf, b"schm")
    _, _, at = read_full(data, scheme)
    if at + _SCHEME.size > scheme.end:
        raise DamagedError(f"schm of {scheme.end - scheme.start} bytes", offset=scheme.start)
    kind, version = _SCHEME.unpack_from(data, at)
    if kind != SCHEME:
        return None, []
    if version != SCHEME_VERSION:
        raise DamagedError(f"schm: scheme_version {version:#x}; {SCHEME_VERSION:#x} expected", offset=at)
    information = child(data, sinf, b"schi")
    inside = {found.kind: found for found in read_boxes(data, information.content, information.end)}
    outside = {found.kind: found for found in read_boxes(data, sinf.content, sinf.end)}
    signature, certificate = child(data, information, b"sibo"), child(data, information, b"cert")
    # Beside `schi` (5.3), or in it (5.6.3.4): the specification says both.
    starts = outside.get(b"cstb") or inside.get(b"cstb")
    words, algorithm = inside.get(b"auib"), inside.get(b"sigC")
    seal = Seal(
        bytes(data[signature.content : signature.end]),
        bytes(data[certificate.content : certificate.end]),
        _read_starts(data, starts) if starts else (),
        _read_string(bytes(data[: words.end]), words.content, words)[0] if words else "",
        bytes(data[algorithm.content : algorithm.end]) if algorithm else b"",
    )
    named = [found for found in (*outside.values(), *inside.values()) if found.kind != b"schi"]
    return Placed(seal, sinf, signature.content), named


def _read_starts(data: bytes | memoryview, found: Box) -> tuple[TrackStart, ...]:
    (count,) = read_fields(_COUNT, data, found.content, found)
    at = found.content + _COUNT.size
    if count * _START.size != found.end - at:
        raise DamagedError(f"cstb: {count} entries in {found.end - at} bytes", offset=found.start)
    rows = _START.iter_unpack(data[at : found.end])
    return tuple(TrackStart(track, steps * _STEP_NS - _FROM_1601_S * NS_PER_S) for track, steps in rows)


def _read_suep(data: bytes | memoryview, found: Box) -> ExportUnit | None:
    version, _, at = read_full(data, found)
    if version != _VERSION:
        return None
    content = bytes(data[: found.end])
    name, at = _read_string(content, at, found)
    url, at = _read_string(content, at, found)
    mac, at = _read_string(content, at, found)
    (seconds,) = read_fields(_TIME, content, at, found)
    operator, at = _read_string(content, at + _TIME.size, found)
    (count,) = read_fields(_COUNT, content, at, found)
    at += _COUNT.size
    sources = []
    for _ in range(count):
        (track,) = read_fields(_COUNT_16, content, at, found)
        at += _COUNT_16.size
        texts = []
        for _ in range(4):
            text, at = _read_string(content, at, found)
            texts.append(text)
        sources.append(Source(track, *texts))
    return ExportUnit(name, url, mac, seconds - _FROM_1904_S, operator, tuple(sources))


def _read_string(data: bytes, at: int, inside: Box) -> tuple[str, int]:
    """(what stands before the zero, offset behind it)."""
    end = data.find(b"\0", at, inside.end)
    if end < 0:
        raise DamagedError(f"box {inside.kind!r}: a string without an end", offset=at)
    return data[at:end].decode("utf-8", "replace"), end + 1


def changes_before(evidence: Evidence, number: int, data: bytes | memoryview, shift: int = 0) -> Sequence[Change]:
    """How the file was when its seal `number` was made: without the later seals, and that signature zero (5.7.1).

    data: what `parse_meta` was given; shift: where its byte 0 lies in the file. The changes are in the file's order
    """
    placed = evidence.seals[number]
    size = len(placed.seal.signature)
    changes = [Change(placed.signature_at, size, bytes(size))]
    removed = evidence.ipro.end - placed.sinf.end
    if removed:
        changes = [
            _smaller(data, evidence.meta, removed),
            _smaller(data, evidence.ipro, removed),
            *changes,
            Change(placed.sinf.end, removed, b""),
        ]
    return [Change(one.at + shift, one.size, one.instead) for one in changes]


def _smaller(data: bytes | memoryview, found: Box, by: int) -> Change:
    """The header of a box that loses so many bytes."""
    size = found.end - found.start - by
    if _SIZE.unpack_from(data, found.start)[0] == 1:
        return Change(found.start + 8, 8, _LARGE_SIZE.pack(size))
    return Change(found.start, 4, _SIZE.pack(size))
