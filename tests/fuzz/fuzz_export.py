"""Any bytes as an export: a verdict or NotAnExportError, and never that it is intact."""

import contextlib
import io

from bridge.base.errors import DamagedError
from bridge.recorder.verify import NotAnExportError, verify
from bridge.wire.mp4 import plain
from bridge.wire.mp4.boxes import box
from bridge.wire.mp4.digests import Chunk, Contents, Part, Stretch, digests_box
from bridge.wire.mp4.evidence import ExportUnit, Seal, Source, TrackStart, meta, parse_meta

# The beginning of a certificate: no signature fits it, so nothing here is ever intact.
_CERTIFICATE = bytes.fromhex(
    "308201263081cea003020102020101300a06082a8648ce3d040302300c310a300806035504030c01663020170d3236303130313030303030305a"
)
_UNIT = ExportUnit("NVR", "http://n", "0800", 5, "ann", (Source(1, "Gate", "rtsp://g", "", "main"),))
_SEAL = Seal(bytes(256), _CERTIFICATE, (TrackStart(1, 10**18),), "words", b"\x30\x00")
_TIMES = Stretch("2027-01-15T08:00:00.000Z", "2027-01-15T09:00:00.000Z")
_CONTENTS = Contents(
    *("rec-gate.main", _TIMES, _TIMES, 200, [_TIMES], [(1, "gone")], [(1, "VIDEO001", "H264")]),
    [Part("ftyp", 0, 28, bytes(32))],
    [Chunk(1, *_TIMES, 44, 100, bytes(32))],
    [Part("suep", 4, 40, bytes(32))],
)
_MEDIA = box(b"mdat", bytes(100)) + box(b"moov")
SEEDS = [
    plain.EXPORT_FTYP + _MEDIA + digests_box(_CONTENTS) + meta(_UNIT, _SEAL),
    plain.EXPORT_FTYP + _MEDIA + meta(_UNIT, _SEAL) + digests_box(_CONTENTS),
    plain.EXPORT_FTYP + meta(_UNIT, Seal(b"", b"")) + _MEDIA,
    plain.EXPORT_FTYP + digests_box(_CONTENTS),
    meta(_UNIT, _SEAL),
]


def run(data: bytes) -> None:
    """The whole check, and the parser alone."""
    with contextlib.suppress(NotAnExportError):
        assert verify(io.BytesIO(data)).changed
    with contextlib.suppress(DamagedError):
        found = parse_meta(memoryview(data))
        if found is not None:
            assert all(found.meta.start <= one.start <= one.end <= found.meta.end for one in found.named)
            if found.unit is not None:
                _same(found.unit)


def _same(unit: ExportUnit) -> None:
    """What was read can be written, and is read as the same again, unless it holds what UTF-8 has no room for."""
    with contextlib.suppress(OverflowError, ValueError):
        again = parse_meta(meta(unit, _SEAL))
        assert again is not None
        assert again.unit == unit
