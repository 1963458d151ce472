"""Whether an export is what was signed, and if not, what was changed. Blocking, on the caller's thread.

Any file of the ONVIF Export File Format can be asked, also one that was signed several times. What was changed is told
by the digests of our own box (bridge/wire/mp4/digests.py); of other exporters' files only that something was. Whoever
changed a file may have changed those digests as well: they name, the signature alone proves.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import BinaryIO

from cryptography import x509

from bridge.base.errors import BridgeError, DamagedError
from bridge.recorder.sealing import digest_of, pieces, read_certificate, signature_fits
from bridge.wire.mp4.boxes import MAX_HEADER_BYTES, Box, read_header
from bridge.wire.mp4.digests import MAX_BYTES, USERTYPE, Chunk, Contents, Part, parse_digests
from bridge.wire.mp4.evidence import Evidence, ExportUnit, Seal, changes_before, parse_meta

#: A longer `meta` is not read: two certificates and their signatures need a thousandth of it.
_MAX_META_BYTES = 4 << 20
_MAX_DIGESTS_BYTES = MAX_BYTES + MAX_HEADER_BYTES + 32

#: More signings are not checked: each costs reading the whole file.
MAX_SEALS = 16

_NAMED_AT_MOST = 50

_NOTHING_NAMED = (
    "the signature does not fit, and all else is as the digests say: the signature itself (box sibo) or a header in box"
    " meta was changed, or somebody made the digests anew"
)

#: The size of a box that ends with the file (ISO/IEC 14496-12 4.2); other exporters may write it.
_TO_THE_END = bytes(4)


class NotAnExportError(BridgeError):
    """The file is no export of this kind: why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found.

    changed:      what was changed, for people, the first thing first; empty: the file is what was signed
    seals:        of each signing its certificate, the first first; empty where they cannot be read
    unit:         who exported what, as the file says; None: it does not
    contents:     of our own box; None: there is none, or it is damaged
    """

    changed: tuple[str, ...]
    seals: tuple[tuple[Seal, x509.Certificate], ...] = ()
    unit: ExportUnit | None = None
    contents: Contents | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """The boxes that count; where the walk over the boxes ended; why it did not reach the file's end."""

    meta: Box | None
    digests: Box | None
    end: int
    fault: str
    is_mp4: bool


def verify(file: BinaryIO) -> Verdict:
    """file: seekable. Raises NotAnExportError, OSError."""
    size = file.seek(0, os.SEEK_END)
    if not size:
        raise NotAnExportError("it is empty")
    found = _walk(file, size)
    problems: list[str] = [found.fault] if found.fault else []
    if found.digests is None and (found.fault or found.meta is None):
        found = _recovered(file, size, found)
    contents, damage = _read_contents(file, found.digests)
    evidence, data = None, b""
    if found.meta is not None:
        try:
            data = _read(file, found.meta, _MAX_META_BYTES)
            evidence = parse_meta(data)
        except DamagedError as error:
            damage.append(f"box meta, {_at(found.meta.start)}: {error}")
    if evidence is None or found.meta is None:
        if contents is None and not damage:
            if not found.is_mp4:
                raise NotAnExportError("it is no MP4 file")
            if not problems:
                raise NotAnExportError("it has no signature (no box meta at file level with ipro in it)")
        differences = _differences(file, found, contents)
        problems += [*damage, *differences, "no signature is left (box meta at file level with ipro in it)"]
        return Verdict(tuple(problems), contents=contents)
    seals, faults = _check_seals(file, evidence, data, found.meta.start)
    if problems or faults:
        differences = [*damage, *_differences(file, found, contents)]
        problems += differences or ([_NOTHING_NAMED] if contents else faults)
    return Verdict(tuple(problems), seals, evidence.unit, contents)


def _walk(file: BinaryIO, size: int) -> _Found:
    """Box by box over the file; holds none of them."""
    meta = digests = None
    at, fault, first = 0, "", b""
    while at < size and not fault:
        file.seek(at)
        head = file.read(MAX_HEADER_BYTES)
        kind = head[4:8]
        first = first or kind
        try:
            header = read_header(head) if head[:4] != _TO_THE_END else (kind, 8, size - at)
        except DamagedError as error:
            fault = f"what stands at byte {at} is no box: {error}"
            break
        if header is None:
            fault = f"{size - at} bytes stand behind the last box, {_at(at)}"
            break
        kind, header_bytes, box_bytes = header
        if box_bytes > size - at:
            fault = f"box {_name(kind)}, {_at(at)}, should have {box_bytes} bytes; the file ends after {size - at}"
            break
        found = Box(kind, b"", at, at + header_bytes, at + box_bytes)
        if kind == b"meta" and meta is not None:
            fault = f"a second box meta stands {_at(at)}"
        elif kind == b"meta":
            meta = found
        elif kind == b"uuid" and header_bytes > len(USERTYPE):
            file.seek(found.content - len(USERTYPE))
            if file.read(len(USERTYPE)) == USERTYPE:
                digests = found
        at += box_bytes
    return _Found(meta, digests, at, fault, first == b"ftyp")


def _recovered(file: BinaryIO, size: int, found: _Found) -> _Found:
    """Where a header is wrong, walking finds nothing behind it: our digests and what follows them are searched."""
    start = max(0, size - _MAX_DIGESTS_BYTES)
    tail = b"".join(pieces(file, start, size))
    place = tail.rfind(b"uuid" + USERTYPE) - 4
    digests = _box_at(tail, place, start) if place >= 0 else None
    if digests is None:
        return found
    meta = _box_at(tail, digests.end - start, start)
    if meta is None or meta.kind != b"meta":
        meta = found.meta
    return _Found(meta, digests, meta.end if meta else digests.end, found.fault, found.is_mp4)


def _box_at(data: bytes, place: int, shift: int) -> Box | None:
    """The whole box there, its places counted from `shift` in front of `data`; None: there is none."""
    try:
        header = read_header(data[place : place + MAX_HEADER_BYTES])
    except DamagedError:
        return None
    if header is None or place + header[2] > len(data):
        return None
    at = shift + place
    return Box(header[0], b"", at, at + header[1], at + header[2])


def _read(file: BinaryIO, found: Box, at_most: int) -> bytes:
    if found.end - found.start > at_most:
        raise DamagedError(f"{found.end - found.start} bytes; at most {at_most} expected")
    return b"".join(pieces(file, found.start, found.end))


def _read_contents(file: BinaryIO, found: Box | None) -> tuple[Contents | None, list[str]]:
    """(what the box says, what is wrong with it)."""
    if found is None:
        return None, []
    try:
        data = _read(file, found, _MAX_DIGESTS_BYTES)
        content = found.content - found.start
        return parse_digests(data, found._replace(start=0, content=content, end=len(data))), []
    except DamagedError as error:
        return None, [f"box uuid with the digests, {_at(found.start)}: {error}"]


def _check_seals(
    file: BinaryIO, evidence: Evidence, data: bytes, shift: int
) -> tuple[tuple[tuple[Seal, x509.Certificate], ...], list[str]]:
    """(seals and certificates as far as they can be read, what is wrong with them)."""
    if len(evidence.seals) > MAX_SEALS:
        return (), [f"{len(evidence.seals)} signatures; at most {MAX_SEALS} are checked"]
    seals: list[tuple[Seal, x509.Certificate]] = []
    faults: list[str] = []
    for number, placed in enumerate(evidence.seals):
        which = f"signature {number + 1} of {len(evidence.seals)}" if len(evidence.seals) > 1 else "the signature"
        try:
            certificate = read_certificate(placed.seal.certificate)
        except DamagedError as error:
            faults.append(f"{which}: {error}")
            continue
        seals.append((placed.seal, certificate))
        if placed.seal.algorithm:
            faults.append(f"{which} is of another algorithm (sigC) than this version can check")
            continue
        digest = digest_of(file, changes_before(evidence, number, data, shift))
        if not signature_fits(certificate, placed.seal.signature, digest):
            faults.append(f"{which} does not fit: the file, the signature (sibo) or the certificate (cert) was changed")
    return tuple(seals), faults


def _differences(file: BinaryIO, found: _Found, contents: Contents | None) -> list[str]:
    """What the digests say of the file, at most _NAMED_AT_MOST lines."""
    if contents is None:
        return []
    lines = list(islice(_compare(file, found, contents), _NAMED_AT_MOST + 1))
    if len(lines) > _NAMED_AT_MOST:
        lines[-1] = "and more"
    return lines


def _compare(file: BinaryIO, found: _Found, contents: Contents) -> Iterator[str]:
    # What stands behind a piece that was removed or put in lies elsewhere, by as much as the box of the digests does.
    shift = found.digests.start - contents.size_bytes if found.digests else 0
    if shift and found.digests:
        yield f"{abs(shift)} bytes were {'added' if shift > 0 else 'removed'} in front of byte {found.digests.start}"
    names = {track: token for track, token, _ in contents.tracks}
    everything: list[Part | Chunk] = [*contents.parts, *contents.chunks]
    everything.sort(key=lambda one: one.at)
    behind = sorted(contents.behind, key=lambda one: one.at)
    if _overlap(everything) or _overlap(behind):
        yield "the digests contradict each other: parts overlap"
        return
    for one in everything:
        if not _is_there(file, one, one.at) and not (shift and _is_there(file, one, one.at + shift)):
            yield _called(one, names)
    if found.digests is None or found.meta is None:
        return
    for part in behind:
        if not _is_there(file, part, found.meta.start + part.at):
            yield f"box {part.name}, {_at(found.meta.start + part.at)}, was changed"
    if found.meta.start != found.digests.end:
        yield f"{found.meta.start - found.digests.end} bytes stand in front of box meta, {_at(found.digests.end)}"
    elif found.meta.end != found.end:
        yield f"{found.end - found.meta.end} bytes were added behind the evidence, {_at(found.meta.end)}"


def _overlap(parts: Sequence[Part | Chunk]) -> bool:
    """Of parts in their order. Whoever made them so would have the file read again and again."""
    return any(one.at + one.size > after.at for one, after in pairwise(parts))


def _is_there(file: BinaryIO, one: Part | Chunk, at: int) -> bool:
    if at < 0 or at + one.size > file.seek(0, os.SEEK_END):
        return False
    digest = hashlib.sha256()
    for piece in pieces(file, at, at + one.size):
        digest.update(piece)
    return digest.digest() == one.digest


def _called(one: Part | Chunk, names: dict[int, str]) -> str:
    where = f"bytes {one.at} to {one.at + one.size - 1}"
    if isinstance(one, Part):
        return f"box {one.name} ({where}) was changed"
    name = names.get(one.track_id)
    track = f"track {one.track_id}{f' ({name})' if name else ''}"
    return f"{track}, captured from {one.since} to {one.until} ({where}), was changed or removed"


def _name(kind: bytes) -> str:
    return kind.decode("latin-1")


def _at(place: int) -> str:
    return f"at byte {place}"
