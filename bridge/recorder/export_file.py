"""One export as a signed file with its manifest: tells how far it is, can be given up, and leaves room on the disk.

Blocking, on the caller's thread. What stands in the file is bridge/recorder/export.py's business.
"""

import errno
import io
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from bridge.base.errors import BridgeError
from bridge.base.media import AccessUnit, Medium, Track
from bridge.base.time import format_utc
from bridge.recorder.export import Origin, export_evidence
from bridge.recorder.export_samples import Exported, ExportError
from bridge.recorder.library import Held, Library
from bridge.recorder.sealing import digest_of, sign
from bridge.recorder.trust import fingerprint_of, name_of
from bridge.store.reader import Item

SIGNING_SHARE = 0.1
"""Of the progress: what is written is read again, for the signature and for the digest of the whole."""

_LOOK_BYTES = 8 << 20
"""Room on the disk is looked at each time so much more is written."""

_LOOK_UNITS = 64
_PAUSE_S = 0.002
"""After so many units the interpreter is given away: an export is never in a hurry, live video is."""


_HOW_TO_VERIFY = (
    "Save signer.certificate as signer.pem, and compare its SHA-256 with what the recorder's owner tells you.",
    "onb recordings verify FILE.mp4 --trust signer.pem",
    "The file keeps to the ONVIF Export File Format; a private box in it names what was changed.",
)


class GivenUpError(BridgeError):
    """Nobody wants it any more."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be exported, for whom.

    audio: whether sound is to be in it
    camera_name, camera_url: as the file is to say; the address without a log-in
    """

    held: Held
    from_ns: int
    until_ns: int
    audio: bool
    operator: str
    camera_name: str
    camera_url: str
    utc_ns: int


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose signature it carries."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Room:
    """How much an export may take: max_bytes altogether; min_free_bytes stay free on its disk."""

    max_bytes: int
    min_free_bytes: int
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free

    def check(self, folder: Path, more_bytes: int, so_far_bytes: int = 0) -> None:
        """Raises ExportError."""
        if more_bytes + so_far_bytes > self.max_bytes:
            raise ExportError(
                f"the export needs more than the {_size(self.max_bytes)} that exports may have: ask for less"
            )
        left_bytes = self.free(folder) - self.min_free_bytes
        if more_bytes > left_bytes:
            raise ExportError(
                f"no room for the export: it needs about {_size(more_bytes)} more, and {_size(max(0, left_bytes))} are"
                f" left beside the {_size(self.min_free_bytes)} that are to stay free. Ask for a shorter stretch, or"
                " remove exports that are no longer needed"
            )


Watch = Callable[[float, int], None]
"""watch(progress from 0 to 1, bytes so far); raises GivenUpError when it is to end."""


def make_export(
    library: Library,
    wanted: Wanted,
    path: Path,
    signer: Signer,
    room: Room,
    watch: Watch,
    *,
    unit_name: str,
    software: str,
    pause: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Writes `path`; returns its manifest. Raises ExportError, GivenUpError, DatabaseUnusableError.

    Whatever it raises, the file may be there, unfinished.
    """
    held = wanted.held
    room.check(path.parent, library.size_between(held, wanted.from_ns, wanted.until_ns))
    origin = Origin(
        recording=held.token,
        camera_name=wanted.camera_name,
        camera_url=wanted.camera_url,
        line=held.row.stream,
        unit_name=unit_name,
        operator=wanted.operator,
        utc_ns=wanted.utc_ns,
        software=software,
        certificate=signer.certificate.public_bytes(Encoding.DER),
        signature_bytes=signer.key.key_size // 8,
    )
    reading = library.reading(held, tracks=None if wanted.audio else _without_sound)
    try:
        with _GuardedFile(path, room) as file:
            items = _watched(reading.forward(wanted.from_ns, wanted.until_ns), wanted, file, watch, pause)
            exported = export_evidence(items, file, wanted.from_ns, wanted.until_ns, origin)
            watch(1 - SIGNING_SHARE, exported.size_bytes)
            sign(file, exported.signature_at, signer.key)
            watch(1 - SIGNING_SHARE / 2, exported.size_bytes)
            sha256 = digest_of(file)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ExportError("the disk is full: the export is given up, nothing of it is kept") from None
        raise ExportError(f"the export cannot be written: {error.strerror}") from None
    finally:
        reading.close()
    return _manifest(wanted, exported, signer, sha256, software)


class _GuardedFile(io.BufferedRandom):
    """A new file that leaves room on its disk."""

    def __init__(self, path: Path, room: Room) -> None:
        super().__init__(io.FileIO(path, "x+"))
        self._folder, self._room = path.parent, room
        self.written_bytes = self._looked_bytes = 0

    def write(self, data: Any) -> int:  # Any: whatever has bytes in it
        self.written_bytes += len(data)
        if self.written_bytes - self._looked_bytes >= _LOOK_BYTES:
            self._room.check(self._folder, len(data), self.written_bytes - len(data))
            self._looked_bytes = self.written_bytes
        return super().write(data)


def _watched(
    items: Iterator[Item], wanted: Wanted, file: _GuardedFile, watch: Watch, pause: Callable[[float], None]
) -> Iterator[Item]:
    length_ns = max(1, wanted.until_ns - wanted.from_ns)
    units = 0
    for item in items:
        units += isinstance(item, AccessUnit)
        if isinstance(item, AccessUnit) and units % _LOOK_UNITS == 1:
            done = min(1.0, max(0.0, (item.utc_ns - wanted.from_ns) / length_ns))
            watch(done * (1 - SIGNING_SHARE), file.written_bytes)
            pause(_PAUSE_S)
        yield item


def _without_sound(tracks: tuple[Track, ...]) -> frozenset[int]:
    return frozenset(number for number, track in enumerate(tracks) if track.medium is not Medium.AUDIO)


def _manifest(wanted: Wanted, exported: Exported, signer: Signer, sha256: bytes, software: str) -> dict[str, Any]:
    row = wanted.held.row
    return {
        "format": 1,
        "camera": row.camera,
        "camera_name": wanted.camera_name,
        "stream": row.stream,
        "recording": wanted.held.token,
        "recording_uuid": str(row.uuid),
        "exported_by": wanted.operator,
        "exported": format_utc(wanted.utc_ns),
        "software": software,
        "asked": {"from": format_utc(wanted.from_ns), "until": format_utc(wanted.until_ns)},
        "found": {"from": format_utc(exported.from_ns), "until": format_utc(exported.until_ns)},
        "gaps": [{"from": format_utc(gap.from_ns), "until": format_utc(gap.until_ns)} for gap in exported.gaps],
        "unreadable": [{"segment": one.serial, "reason": one.reason} for one in exported.broken],
        "audio": wanted.audio,
        "units": exported.units,
        "bytes": exported.size_bytes,
        "sha256": sha256.hex(),
        "signer": {
            "name": name_of(signer.certificate),
            "sha256": fingerprint_of(signer.certificate),
            "certificate": signer.certificate.public_bytes(Encoding.PEM).decode("ascii"),
        },
        "verify": list(_HOW_TO_VERIFY),
    }


def _size(size_bytes: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= size:
            return f"{size_bytes / size:.1f} {unit}"
    return f"{size_bytes} bytes"
