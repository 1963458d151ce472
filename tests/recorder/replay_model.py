"""What a replay must hand out, written from ONVIF's Streaming Specification with lists and loops.

It knows nothing of readers, segments' bytes or the order in which things become known. What is told apart:

- a piece: what can be decoded without a break: segments of one run, none of them broken, from the first key frame on
- a section: pieces without a gap between them (`bridge/store/gaps.py` says what a gap is: more than a second here)
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from bridge.base.time import NS_PER_MS, NS_PER_S
from bridge.recorder.replay import Frames
from tests.recorder.replay_footage import B, Shot

_EVER = 1 << 70


class Given(NamedTuple):
    """One unit as it must be handed out."""

    unit: object
    clean: bool
    end: bool
    discontinuity: bool
    terminal: bool


@dataclass
class Piece:
    gops: list[list[Shot]]
    sound: list[Shot]
    end_ns: int
    section: int = 0
    hole_behind: bool = False
    """Whether what follows in time, broken or not, begins so late that it is a gap."""

    @property
    def start_ns(self):
        return self.gops[0][0].utc_ns


@dataclass
class Sent:
    """A shot in its place in the order of sending."""

    shot: Shot
    section: int
    gop: int
    wanted_in_range: bool = field(default=False)


def pieces_of(footage):
    """In the order of time."""
    groups, walls, before = [], set(), None  # walls: groups that stand behind something broken
    for row in footage.rows:
        if row.serial not in footage.broken:
            if before is None or before.serial in footage.broken or before.run != row.run:
                groups.append([])
            groups[-1].append(row)
        else:
            walls.add(len(groups))
        before = row
    pieces, wall = [], False
    for number, group in enumerate(groups):
        wall = wall or number in walls
        shots = [shot for shot in footage.shots if shot.segment in {row.serial for row in group}]
        gops = []
        for shot in shots:
            if shot.unit.track == 0 and shot.unit.key:
                gops.append([])
            if shot.unit.track == 0 and gops:
                gops[-1].append(shot)
        if gops:
            since_ns = gops[0][0].utc_ns
            sound = [shot for shot in shots if shot.unit.track == 1 and shot.utc_ns >= since_ns]
            ends_ns = max(row.end_utc_ns for row in group)
            starts = [row.start_utc_ns for row in footage.rows if row.serial > group[-1].serial]
            piece = Piece(gops, sound, ends_ns, hole_behind=bool(starts) and starts[0] - ends_ns > NS_PER_S)
            if pieces:
                breaks = wall or piece.start_ns - pieces[-1].end_ns > NS_PER_S
                piece.section = pieces[-1].section + breaks
            pieces.append(piece)
            wall = False
    return pieces


def model(footage, order):
    """[Given] in the order of sending, or None where there is nothing."""
    if order.from_ns is not None and order.until_ns is not None:
        if order.reverse and order.until_ns > order.from_ns:
            return None
        if not order.reverse and order.until_ns <= order.from_ns:
            return None
    pieces = pieces_of(footage)
    sent = _backwards(pieces, order) if order.reverse else _forwards(pieces, order)
    sent = _picked(sent, order)
    if not order.reverse:
        _up_to(sent, order)
    if not any(one.wanted_in_range for one in sent):
        return None
    return _flagged(sent, order)


def _forwards(pieces, order):
    start = _EVER
    for piece in pieces:
        keys = [gop[0].utc_ns for gop in piece.gops]
        if order.from_ns is None or order.from_ns < piece.start_ns:
            start = piece.start_ns
        elif order.from_ns < piece.end_ns:
            start = max(key for key in keys if key <= order.from_ns)
        else:
            continue
        break
    sent = []
    number = 0
    for piece in pieces:
        for gop in piece.gops:
            number += 1
            sent += [Sent(shot, piece.section, number) for shot in gop if gop[0].utc_ns >= start]
        sent += [Sent(shot, piece.section, number) for shot in piece.sound if shot.utc_ns >= start]
    sent.sort(key=lambda one: (one.shot.decode_ns, one.shot.unit.track))
    return sent


def _up_to(sent, order):
    """Pictures behind the end are sent where one before it needs them."""
    until = _EVER if order.until_ns is None else order.until_ns
    wanted = False
    for one in reversed(sent):
        if one.shot.unit.track == 0:
            wanted = wanted or one.shot.utc_ns < until
            one.wanted_in_range = wanted
        else:
            one.wanted_in_range = one.shot.utc_ns < until


def _backwards(pieces, order):
    gops = [(gop, piece) for piece in pieces for gop in piece.gops]
    asked = _EVER if order.from_ns is None else order.from_ns
    until = 0 if order.until_ns is None else order.until_ns
    intra = order.frames is Frames.INTRA
    sent = []
    for number in range(len(gops) - 1, -1, -1):
        gop, piece = gops[number]
        key_ns = gop[0].utc_ns
        if key_ns > asked:
            continue
        # A GOP lasts until the next one, or until the gap behind it.
        behind = gops[number + 1] if number + 1 < len(gops) else None
        if behind is None or (behind[1] is not piece and (not sent or piece.hole_behind)):
            ends_ns = piece.end_ns
        else:
            ends_ns = behind[0][0].utc_ns
        in_range = key_ns >= until if intra and sent else ends_ns > until
        if not sent:
            # Cut behind the last that is not later than what was asked for; always there: the clean point before it.
            last = max(place for place, shot in enumerate(gop) if shot.utc_ns <= asked)
            gop = gop[: last + 1]
        sent += [Sent(shot, piece.section, number, in_range) for shot in gop]
    return sent


def _picked(sent, order):
    found, last_key_ns = [], None
    video = order.tracks is None or 0 in order.tracks
    for one in sent:
        unit = one.shot.unit
        if order.tracks is not None and unit.track not in order.tracks:
            continue
        if order.frames is Frames.INTRA and video:
            if not unit.key or unit.track != 0:
                continue
            if last_key_ns is not None and abs(unit.utc_ns - last_key_ns) < order.intra_ms * NS_PER_MS:
                continue
            last_key_ns = unit.utc_ns
        if order.frames is Frames.PREDICTED and unit.track == 0 and unit.parts[0][:1] == B:
            continue
        found.append(one)
    return found


def _flagged(sent, order):
    given = []
    for one in sent:
        if not one.wanted_in_range:
            continue
        mine = [other for other in sent if other.shot.unit.track == one.shot.unit.track]
        at = mine.index(one)
        before = mine[at - 1] if at else None
        behind = mine[at + 1] if at + 1 < len(mine) else None
        ends = behind is None or behind.section != one.section
        jumps = before is None or before.section != one.section or (order.reverse and before.gop != one.gop)
        given.append(Given(one.shot.unit, one.shot.unit.key, ends, jumps, behind is None))
    return given
