"""A recording with five gaps that a test knows to the nanosecond, written with the recorder's own storage code.

Real pictures (x264, with B-frames), G.711 and metadata beside them. Sections: between two gaps; one has a change of
segments inside it, one a short break of the connection, which is no gap.
"""

import random
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_MS, NS_PER_S
from bridge.store.chain import ChainWriter, What
from bridge.store.rows import SegmentRow
from bridge.system import schema
from bridge.system.database import open_database
from bridge.system.secrets import open_vault
from bridge.wire.mp4.decode_times import begin_run
from bridge.wire.payload import complete_track
from tests.store.archive import Archive
from tests.store.segments import RECORDER, SIGNER, START_NS, cut, finish, pictures

CAMERA = "yard"
PICTURE_NS = 40 * NS_PER_MS
SOUND_NS = 20 * NS_PER_MS
DOCUMENT_NS = 500 * NS_PER_MS
GOP = 10
B_FRAMES = 2

#: (start of a run in ms after START_NS, whether it is two segments). Gaps of 1.5 s, 7 s, a minute, an hour and 2.2 s.
RUNS = (
    (0, False),
    (3_500, False),
    (12_500, True),
    (74_500, False),
    (76_900, False),  # 0.4 s after the one before: no gap
    (3_678_900, False),
    (3_683_100, False),
)


@dataclass(frozen=True)
class Filmed:
    """A unit as it was written. order: where it stands in decoding order, in ns after START_NS."""

    unit: AccessUnit
    section: int
    gop: int
    order_ns: int
    reference: bool

    @property
    def utc_ns(self) -> int:
        return self.unit.utc_ns


@dataclass
class Known:
    """All that was written, in decoding order."""

    filmed: list[Filmed] = field(default_factory=list)

    @property
    def video(self) -> list[Filmed]:
        return [one for one in self.filmed if one.unit.track == 0]

    @property
    def sound(self) -> list[Filmed]:
        return [one for one in self.filmed if one.unit.track == 1]

    @property
    def metadata(self) -> list[Filmed]:
        return [one for one in self.filmed if one.unit.track == 2]


def write_known_footage(folder: Path) -> Known:
    """Into `folder`/data, as a recorder that ran there would have left it."""
    archive, known = Archive(folder, "data/recordings"), Known()
    database, vault = open_database(archive.data), open_vault(archive.data)
    identity = {"recorder_uuid": str(RECORDER), "signing_key": bytes(range(32)).hex()}
    rows = [{"name": name, "value": vault.seal(text)} for name, text in identity.items()]
    database.write(lambda connection: connection.execute(sa.insert(schema.identity), rows).close())
    database.close()
    section, end_ns, gops = -1, -NS_PER_S * 100, 0
    for number, (start_ms, halved) in enumerate(RUNS):
        # Not on a millisecond, as no camera's pictures are.
        start_ns = start_ms * NS_PER_MS + 123_457 * (number + 1)
        section += start_ns - end_ns > NS_PER_S
        units = _run(start_ns, section, gops)
        gops = units[-1].gop + 1
        end_ns = max(one.order_ns for one in units) + PICTURE_NS
        known.filmed += units
        _write(archive, units, halved=halved)
    archive.close()
    return known


def _run(start_ns: int, section: int, gops: int) -> list[Filmed]:
    shown = pictures("libx264", B_FRAMES, 50, GOP)
    dice = random.Random(start_ns)
    filmed: list[Filmed] = []
    gop = gops - 1
    for order, (parts, place, key) in enumerate(shown):
        gop += bool(key)
        jitter_ns = dice.randrange(9 * NS_PER_MS)
        utc_ns = START_NS + start_ns + place * PICTURE_NS + jitter_ns
        unit = AccessUnit(0, 90_000 * 1000 + place * 3600, utc_ns, 0, bool(key), parts)
        slices = [part for part in parts if part[0] & 0x1F in (1, 5)]
        reference = any(part[0] & 0x60 for part in slices)
        filmed.append(Filmed(unit, section, gop, start_ns + order * PICTURE_NS, reference))
    for number in range(100):
        at_ns = start_ns + number * SOUND_NS
        frame = random.Random(at_ns).randbytes(160)
        unit = AccessUnit(1, 8000 * 1000 + number * 160, START_NS + at_ns, 0, True, (frame,))
        filmed.append(Filmed(unit, section, gop, at_ns, reference=True))
    for number in range(4):
        at_ns = start_ns + number * DOCUMENT_NS
        # Longer than a packet.
        document = f'<tt:MetadataStream at="{at_ns}">{"<!-- -->" * 300}</tt:MetadataStream>'.encode()
        unit = AccessUnit(2, 90_000 * 1000 + number * 45_000, START_NS + at_ns, 0, True, (document,))
        filmed.append(Filmed(unit, section, gop, at_ns, reference=True))
    return sorted(filmed, key=lambda one: (one.order_ns, one.unit.track))


def _write(archive: Archive, filmed: list[Filmed], *, halved: bool) -> None:
    sets = tuple(part for part in filmed[0].unit.parts if part[0] & 0x1F in (7, 8))
    video = complete_track(Track(Codec.H264, 90_000), sets)
    tracks = (video, Track(Codec.PCMU, 8000), Track(Codec.ONVIF_METADATA, 90_000))
    fragments = cut([one.unit for one in filmed], 12)
    middle = next(
        number for number, one in enumerate(fragments) if number > 1 and one.units[0].key and one.units[0].track == 0
    )
    times = begin_run(tracks)
    row, on = archive.row(camera=CAMERA), archive.storage_id()
    folder = archive.folder(camera=CAMERA)
    chain = ChainWriter(folder, SIGNER)
    run = None
    for part in (fragments[:middle], fragments[middle:]) if halved else (fragments,):
        serial = archive.index.highest_serial(row.id) + 1
        run = run or serial
        _, segment = finish(folder, part, serial, run=run, tracks=tracks, times=times)
        head = chain.append(What.WRITTEN, serial, START_NS, digest=segment.digest)
        stored = SegmentRow(
            *(row.id, serial, segment.run, on, segment.start_utc_ns, segment.end_utc_ns),
            *(segment.size_bytes, segment.starts_with_key),
        )
        archive.index.submit_segment(stored, segment.interval_ns, head).result(30)
