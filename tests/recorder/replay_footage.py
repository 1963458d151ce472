"""Recordings in memory for replay, from what hypothesis draws: runs of GOPs with pauses and gaps, some of it broken."""

import uuid
from dataclasses import dataclass, field
from types import SimpleNamespace

from hypothesis import strategies as st

from bridge.base.errors import DamagedError
from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_MS, NS_PER_S, ns_to_ticks
from bridge.recorder.library import Held
from bridge.store.pieces import FOREVER_NS
from bridge.store.reader import Reading
from bridge.store.rows import RecordingRow, SegmentRow
from bridge.store.sample_index import DAMAGED, KEY, SampleIndex

BEGIN = 1_800_000_000 * NS_PER_S
PICTURE_NS = 40 * NS_PER_MS
SOUND_NS = 32 * NS_PER_MS
VIDEO = Track(Codec.H264, 90_000)
SOUND = Track(Codec.PCMU, 8000)

KEY_PICTURE, P, B = b"\x65", b"\x41", b"\x01"
"""NAL headers of an IDR slice, of one that others may refer to, of one that none refers to."""


@dataclass(frozen=True)
class Shot:
    """A unit as it was filmed. decode_ns: when a decoder takes it; segment: serial of where it lies."""

    unit: AccessUnit
    decode_ns: int
    segment: int

    @property
    def utc_ns(self):
        return self.unit.utc_ns


@dataclass(repr=False)
class Footage:
    """A shelf, and a library of this one recording. growing: serial of the segment being written."""

    shots: list[Shot] = field(default_factory=list)
    rows: list[SegmentRow] = field(default_factory=list)
    broken: set[int] = field(default_factory=set)
    tracks: dict[int, tuple[Track, ...]] = field(default_factory=dict)
    held_tracks: tuple[Track, ...] = (VIDEO, SOUND)
    grows: int = 0
    ended_ns: int | None = None
    closed: int = 0
    read_units: int = 0

    def __repr__(self):
        """Segment by segment: run, milliseconds, pictures."""
        told = []
        for row in self.rows:
            kinds = [one.unit.parts[0][:1] for one in self.shots if (one.segment, one.unit.track) == (row.serial, 0)]
            letters = "".join({KEY_PICTURE: "I", P: "P", B: "b"}[kind] for kind in kinds)
            state = " broken" if row.serial in self.broken else ""
            told.append(f"{row.serial} of {row.run}{state} {ms(row.start_utc_ns)}-{ms(row.end_utc_ns)} {letters}")
        return "; ".join(told)

    def _repr_pretty_(self, printer, cycle):
        """What hypothesis prints."""
        printer.text(repr(self))

    # --- What is written ---------------------------------------------------------------------------------------------

    def write(self, start_ns, kinds, *, run=None, sound=True, tracks=(VIDEO, SOUND), claimed_bytes=2000, grows=False):
        """A segment. kinds: of pictures in decoding order; a P is shown behind the Bs that follow it."""
        serial = len(self.rows) + 1
        video = [number for number, track in enumerate(tracks) if track.medium is VIDEO.medium]
        audio = [number for number, track in enumerate(tracks) if track.medium is SOUND.medium]
        shots = []
        if video:
            for order, place in enumerate(shown_order(kinds)):
                utc_ns = start_ns + place * PICTURE_NS
                key = kinds[order] == KEY_PICTURE
                parts = (kinds[order] + b"%d.%d" % (serial, order) + bytes(60 if key else 10),)
                media_time = ns_to_ticks(utc_ns - BEGIN, 90_000)
                unit = AccessUnit(video[0], media_time, utc_ns, 0, key, parts)
                shots.append(Shot(unit, start_ns + order * PICTURE_NS, serial))
        end_ns = start_ns + len(kinds) * PICTURE_NS
        if audio and sound:
            first = -(-(start_ns - BEGIN) // SOUND_NS)
            for number in range(first, (end_ns - BEGIN) // SOUND_NS):  # those that end inside it
                utc_ns = BEGIN + number * SOUND_NS
                unit = AccessUnit(audio[0], number * 256, utc_ns, 0, True, (b"s%d" % number,))
                shots.append(Shot(unit, utc_ns, serial))
        self.shots += shots
        self.tracks[serial] = tracks
        self.claimed_bytes = claimed_bytes
        until_ns = FOREVER_NS if grows else self._reader(serial).end_utc_ns
        self.rows.append(SegmentRow(1, serial, run or serial, 1, start_ns, until_ns, 1, kinds[0] == KEY_PICTURE))
        if grows:
            self.grows = serial
            self._live = self._reader(serial)
        return shots

    def append(self, kinds):
        """More pictures to the segment being written, none of which is shown behind a later one; their units."""
        mine = [shot for shot in self.shots if shot.segment == self.grows]
        at_ns = mine[-1].decode_ns + PICTURE_NS
        units = []
        for number, kind in enumerate(kinds):
            utc_ns = at_ns + number * PICTURE_NS
            media_time = ns_to_ticks(utc_ns - BEGIN, 90_000)
            unit = AccessUnit(0, media_time, utc_ns, 0, kind == KEY_PICTURE, (kind + b"+%d" % media_time,))
            shot = Shot(unit, utc_ns, self.grows)
            self.shots.append(shot)
            self._live.append(shot)
            units.append(unit)
        return units

    def stop(self):
        """Nothing is written any more."""
        serial, self.grows = self.grows, 0
        row = self.rows[serial - 1]
        self.rows[serial - 1] = SegmentRow(
            1, serial, row.run, 1, row.start_utc_ns, self._reader(serial).end_utc_ns, 1, row.starts_with_key
        )

    # --- A shelf -----------------------------------------------------------------------------------------------------

    def between(self, from_ns, until_ns, limit):
        found = [row for row in self.rows if row.start_utc_ns < until_ns and row.end_utc_ns > from_ns]
        return sorted(found, key=lambda row: (row.start_utc_ns, row.serial))[:limit]

    def before(self, utc_ns):
        found = [row for row in self.rows if row.start_utc_ns < utc_ns]
        return max(found, key=lambda row: (row.start_utc_ns, row.serial), default=None)

    def segment(self, serial):
        return next((row for row in self.rows if row.serial == serial), None)

    def being_written(self, serial):
        return serial == self.grows

    def open(self, row):
        if row.serial in self.broken:
            raise DamagedError(f"segment {row.serial} is broken on purpose")
        return self._live if row.serial == self.grows else self._reader(row.serial)

    def _reader(self, serial):
        return MemoryReader(self, serial)

    # --- A library ---------------------------------------------------------------------------------------------------

    @property
    def held(self):
        row = RecordingRow(1, uuid.UUID(int=1), "gate", "main", BEGIN, self.ended_ns)
        return Held(row, "rec-gate.main", None, None, bool(self.grows), self.held_tracks)

    def growing(self, held):
        return bool(self.grows)

    def edge_ns(self, held):
        return self._live.end_utc_ns if self.grows else None

    def reading(self, held, *, tracks=None, keys_only=False, apart_ns=0, follow=False):
        return Reading(self, tracks=tracks, keys_only=keys_only, apart_ns=apart_ns, follow=follow)


def ms(utc_ns):
    return (utc_ns - BEGIN) / NS_PER_MS


class MemoryReader:
    """A segment that is read as one on disk is."""

    def __init__(self, footage, serial):
        self._footage = footage
        self.tracks = footage.tracks[serial]
        self.lead = next((n for n, track in enumerate(self.tracks) if track.medium is VIDEO.medium), 0)
        self.header = SimpleNamespace(origins=(0,) * len(self.tracks))
        self._units = [[] for _ in self.tracks]
        self.index = SampleIndex(len(self.tracks))
        for shot in footage.shots:
            if shot.segment == serial:
                self.append(shot)

    def append(self, shot):
        unit = shot.unit
        self._units[unit.track].append(unit)
        flags = (KEY if unit.key else 0) | (DAMAGED if unit.damaged else 0)
        dts = ns_to_ticks(shot.decode_ns - BEGIN, self.tracks[unit.track].clock_rate)
        columns = (unit.utc_ns, unit.media_time, dts, 0, self._footage.claimed_bytes, flags)
        self.index.tracks[unit.track].extend(*([value] for value in columns))

    @property
    def end_utc_ns(self):
        return self.index.span(self.lead).end_utc_ns

    def read(self, track, first, until, *, whole=False):
        self._footage.read_units += until - first
        return self._units[track][first:until]

    def close(self):
        self._footage.closed += 1


def shown_order(kinds):
    """Of each picture in decoding order its number in the order of showing."""
    places, waiting, place = [0] * len(kinds), None, 0
    for order, kind in enumerate(kinds):
        if kind != B:
            if waiting is not None:
                places[waiting] = place
                place += 1
            waiting = order
        else:
            places[order] = place
            place += 1
    if waiting is not None:
        places[waiting] = place
    return places


_GOPS = st.lists(
    st.sampled_from(("", "P", "PP", "PBB", "PBPP", "PPPBPP")).map(
        lambda text: [KEY_PICTURE, *({"P": P, "B": B}[letter] for letter in text)]
    ),
    min_size=1,
    max_size=4,
)
_PAUSES_MS = st.sampled_from((0, 0, 40, 700, 1500, 20_000))


@st.composite
def footages(draw):
    """One to four runs, each of one to a few segments, some of which begin between two key frames; some are broken."""
    footage = Footage()
    at = BEGIN
    for _ in range(draw(st.integers(1, 4))):
        at += draw(_PAUSES_MS) * NS_PER_MS
        first = len(footage.rows) + 1
        for kinds in draw(st.lists(_segments(), min_size=1, max_size=3)):
            if len(footage.rows) >= first or kinds[0] == KEY_PICTURE:
                footage.write(at, kinds, run=first, claimed_bytes=draw(st.sampled_from((2000, 400_000))))
                at += len(kinds) * PICTURE_NS
    if draw(st.booleans()):
        footage.broken |= draw(st.sets(st.integers(1, max(1, len(footage.rows)))))
    return footage


@st.composite
def _segments(draw):
    head = draw(st.sampled_from(([], [], [P], [P, P])))
    kinds = [*head, *(kind for gop in draw(_GOPS) for kind in gop)]
    return kinds if len(kinds) > 1 else [*kinds, P]  # of one picture nobody knows how long it lasts


def instants(footage):
    """Times that are worth asking for."""
    times = {shot.utc_ns for shot in footage.shots} | {row.end_utc_ns for row in footage.rows} | {BEGIN}
    return st.none() | st.builds(
        lambda time, by: time + by,
        st.sampled_from(sorted(times)),
        st.sampled_from((0, -1, 1, 20 * NS_PER_MS, 900 * NS_PER_MS, -3 * NS_PER_S, 3600 * NS_PER_S)),
    )
