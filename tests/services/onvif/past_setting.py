"""What was recorded, for tests of the ONVIF handlers: a library without disk, a pool and timers that tests move."""

import uuid
from dataclasses import replace
from types import SimpleNamespace

from twisted.internet.defer import Deferred

from bridge.base.time import NS_PER_S, ManualClock
from bridge.recorder.library import Held
from bridge.recorder.listing import token_of
from bridge.recorder.settings import RecordingState
from bridge.store.gaps import Stretch
from bridge.store.rows import RecordingRow

NOW_NS = ManualClock().utc_ns()
HOUR_NS = 3600 * NS_PER_S
RETENTION_NS = 7 * 24 * HOUR_NS


def before(hours):
    """So many hours before now."""
    return NOW_NS - round(hours * HOUR_NS)


class FakeLibrary:
    """As `Library` answers; stretches and tracks by token. Counts what is asked."""

    def __init__(self):
        self.rows = []
        self.stretches = {}
        self.tracks = {}
        self.growing = set()
        self.listed = 0
        self.covered = 0
        self.error = None

    def add(self, camera, stream, tracks, *stretches, ended=False, growing=False):
        """stretches: hours before now."""
        number = len(self.rows) + 1
        row = RecordingRow(number, uuid.UUID(int=number << 96), camera, stream, before(100), NOW_NS if ended else None)
        self.rows.append(row)
        token = token_of(row)
        self.stretches[token] = [Stretch(before(begin), before(end)) for begin, end in stretches]
        self.tracks[token] = tracks
        if growing:
            self.growing.add(token)
        return token

    def recordings(self, *, tracks=True):
        self._may_fail()
        self.listed += 1
        return [self._held(row, tracks) for row in self.rows]

    def _held(self, row, tracks):
        token = token_of(row)
        stretches = self.stretches[token]
        ends = (stretches[0].from_utc_ns, stretches[-1].until_utc_ns) if stretches else (None, None)
        return Held(row, token, *ends, token in self.growing, self.tracks[token] if tracks else ())

    def with_tracks(self, held):
        self._may_fail()
        return replace(held, tracks=self.tracks[held.token])

    def tracks_at(self, held, utc_ns):
        covered = any(one.from_utc_ns <= utc_ns < one.until_utc_ns for one in self.stretches[held.token])
        return self.tracks[held.token] if covered else ()

    def coverage(self, held, from_ns, until_ns):
        self._may_fail()
        self.covered += 1
        found = self.stretches[held.token]
        return [one for one in found if one.from_utc_ns < until_ns and one.until_utc_ns > from_ns]

    def _may_fail(self):
        if self.error is not None:
            raise self.error


class Pool:
    """Does it at once; while it is held, when a test says so."""

    def __init__(self):
        self.held = False
        self.waiting = []

    async def __call__(self, work):
        if self.held:
            turn = Deferred()
            self.waiting.append(turn)
            await turn
        return work()

    def go_on(self):
        waiting, self.waiting = self.waiting, []
        for turn in waiting:
            turn.callback(None)


class Timers:
    """`callLater` on a clock that tests move by `advance`."""

    def __init__(self, clock):
        self.clock = clock
        self.calls = []

    def later(self, seconds, call):
        one = SimpleNamespace(due_ns=self.clock.monotonic_ns() + round(seconds * NS_PER_S), call=call)
        one.active = lambda: one in self.calls
        one.cancel = lambda: self.calls.remove(one)
        self.calls.append(one)
        return one

    def advance(self, seconds):
        self.clock.advance(round(seconds * NS_PER_S))
        for one in [each for each in self.calls if each.due_ns <= self.clock.monotonic_ns()]:
            if one.active():
                self.calls.remove(one)
                one.call()


class Numbers:
    """Random bytes, none twice."""

    def __init__(self):
        self.count = 0

    def __call__(self, length):
        self.count += 1
        return self.count.to_bytes(length, "big")


STATES = {
    ("gate", "main"): RecordingState.RECORDING,
    ("yard", "main"): RecordingState.NO_SIGNAL,
    ("roof", "main"): RecordingState.OFF,
}


def state_of(camera, stream):
    return STATES.get((camera, stream))


def retention_of(camera):
    return RETENTION_NS if camera == "gate" else None
