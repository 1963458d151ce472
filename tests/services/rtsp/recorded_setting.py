"""The RTSP door with recordings: a library in memory, and a pool whose work is done when the test says so."""

import uuid
from dataclasses import dataclass, field, replace

from twisted.internet.defer import Deferred

from bridge.base.media import AccessUnit
from bridge.base.time import NS_PER_MS, NS_PER_S
from bridge.recorder.library import Held
from bridge.recorder.listing import token_of
from bridge.recorder.replay import NothingThereError, ReplayUnit
from bridge.services.rtsp.recorded import RecordedStreams
from bridge.store.reader import Begin, Edge
from bridge.store.rows import RecordingRow
from bridge.system.access import Action, Gatekeeper, Grant, Principal, Role
from bridge.wire.replay_header import ReplayHeader
from bridge.wire.rtp import parse_extension, parse_header
from tests.services.rtsp.server_setting import AUDIO, PPS, SPS, VIDEO, Door

START = 1_800_000_000 * NS_PER_S
FRAME = 40 * NS_PER_MS
GOP = 10


def held(camera="door", stream="main", *, number=1, ended=None, **changes):
    row = RecordingRow(number, uuid.UUID(int=number), camera, stream, START, ended)
    made = Held(row, token_of(row), START, START + 8 * NS_PER_S, False, (VIDEO, AUDIO))
    return replace(made, **changes)


@dataclass
class FakeLibrary:
    """What a test says is recorded. looks: how often it was asked."""

    all: list = field(default_factory=list)
    looks: int = 0
    broken: Exception | None = None

    def recordings(self):
        self.looks += 1
        if self.broken:
            raise self.broken
        return self.all

    def find(self, token):
        return next((each for each in self.recordings() if each.token == token), None)


class FakeReplay:
    """Pictures every 40 ms, a key frame every ten, from START on; sound beside every fifth."""

    def __init__(self, recordings, order, footage):
        self.recordings, self.order, self.footage = recordings, order, footage
        self.closed = False
        self.given = 0

    def items(self):
        order = self.order
        until_ns = START + self.footage.frames * FRAME
        from_ns = order.from_ns
        if from_ns is not None and (from_ns >= until_ns if not order.reverse else from_ns < START):
            raise NothingThereError("nothing")
        yield Begin((VIDEO, AUDIO), 0, 1)
        if order.reverse:
            yield from self.backwards(until_ns)
            return
        first = max(0, ((from_ns or START) - START) // FRAME // GOP * GOP)
        number, fresh = first, True
        while True:
            while number < self.footage.frames and (order.until_ns is None or START + number * FRAME < order.until_ns):
                if self.footage.broken:
                    raise self.footage.broken
                self.given += 1
                yield from self.units(number, fresh)
                fresh = False
                number += 1
            if order.until_ns is not None or not self.footage.grows:
                return
            yield Edge(START + number * FRAME)

    def units(self, number, discontinuity):
        key = number % GOP == 0
        utc_ns = START + number * FRAME
        parts = (SPS, PPS, b"\x65" + bytes(self.footage.key_bytes)) if key else (b"\x41" + bytes(500),)
        unit = AccessUnit(0, number * 3_600, utc_ns, 0, key, parts)
        yield ReplayUnit(unit, key, False, discontinuity, False)
        if number % 5 == 0 and (self.order.tracks is None or 1 in self.order.tracks):
            yield ReplayUnit(AccessUnit(1, number * 320, utc_ns + 1, 0, True, (bytes(160),)), True, False, False, False)

    def backwards(self, until_ns):
        last = (min(self.order.from_ns or until_ns, until_ns - 1) - START) // FRAME // GOP
        for gop in range(last, -1, -1):
            for number in range(gop * GOP, min(gop * GOP + GOP, self.footage.frames)):
                self.given += 1
                yield next(self.units(number, number % GOP == 0))

    def close(self):
        self.closed = True


@dataclass
class Footage:
    frames: int = 200
    grows: bool = False
    key_bytes: int = 3000
    broken: Exception | None = None


class Recorded:
    """The door. `at_once`: work is done when it is given to the pool; else by `work`."""

    def __init__(self, *recordings, at_once=True, **limits):
        self.library = FakeLibrary(list(recordings or [held()]))
        self.footage = Footage()
        self.replays = []
        self.at_once = at_once
        self.jobs = []
        self.most_jobs = 0
        self.door = Door(recorded=self.make, **limits)
        self.door.principals["eve"] = Principal("eve", Role.VIEWER, (Grant(("door",), frozenset({Action.PLAYBACK})),))
        self.door.principals["liv"] = Principal("liv", Role.VIEWER, (Grant(("door",), frozenset({Action.LIVE})),))
        self.door.secrets |= {"eve": "e", "liv": "l"}

    def make(self, door):
        return RecordedStreams(
            door.reactor,
            door.clock,
            door.catalogue,
            Gatekeeper(),
            self.library,
            self.in_pool,
            door.random,
            1400,
            make_replay=self.replay,
        )

    def replay(self, library, found, order):
        self.replays.append(FakeReplay(found, order, self.footage))
        return self.replays[-1]

    def in_pool(self, work):
        fired = Deferred()

        def do():
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - as a thread pool does
                fired.errback(error)
            else:
                fired.callback(result)

        if self.at_once:
            do()
        else:
            self.jobs.append(do)
            self.most_jobs = max(self.most_jobs, len(self.jobs))
        return fired

    def work(self, count=100):
        """Does what waits in the pool, and what comes of it."""
        for _ in range(count):
            if not self.jobs:
                return
            self.jobs.pop(0)()

    def advance(self, seconds, *, step=0.01):
        """Time passes, and the reactor runs."""
        for _ in range(round(seconds / step)):
            self.door.advance(step)

    def viewer(self, user="ann", name="rec-door.main", tracks=(0,), transport=""):
        """A client that has set tracks up."""
        client = self.door.connect(user)
        for number in tracks:
            way = transport or f"RTP/AVP/TCP;unicast;interleaved={number * 2}-{number * 2 + 1}"
            assert client.setup(f"/recordings/{name}/trackID={number}", way).status == 200
        client.path = f"/recordings/{name}"
        return client


@dataclass
class Seen:
    """An access unit as a client sees its first packet."""

    channel: int
    sequence: int
    rtp_time: int
    header: ReplayHeader

    @property
    def frame(self):
        return round((self.header.utc_ns - START) / FRAME)


def units(client):
    """The access units that have come."""
    client.read()
    found = []
    for channel, packet in client.frames:
        if channel % 2 == 0 and (extension := parse_extension(packet)):
            _, _, sequence, rtp_time, _, _, _ = parse_header(packet)
            found.append(Seen(channel, sequence, rtp_time, ReplayHeader.parse(*extension)))
    return found
