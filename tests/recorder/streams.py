"""A camera whose capture times the tests choose, and a sink that keeps its fragments: what tests/recorder shares."""

from bridge.base.media import AccessUnit, Codec, Track
from bridge.base.time import NS_PER_S, ManualClock, ns_to_ticks
from bridge.media.hub import Hub

VIDEO = Track(Codec.H264, 90_000, parameter_sets=(b"\x67\x64", b"\x68\xee"))
AUDIO = Track(Codec.PCMU, 8000)
FRAME_NS = NS_PER_S // 25


class Sink:
    """Fragments as they came; None where the cutter paused."""

    def __init__(self):
        self.all = []

    def push(self, fragment):
        self.all.append(fragment)

    def pause(self):
        self.all.append(None)

    @property
    def fragments(self):
        return [one for one in self.all if one is not None]


class LiveStream:
    """A hub fed with pictures (and sound) whose network has no delay: captured when they arrive."""

    def __init__(self, *, tracks=(VIDEO,), gop=25, frame_ns=FRAME_NS, size=1000):
        self.clock = ManualClock()
        self.hub = Hub("gate/main", self.clock)
        self.tracks, self.gop, self.frame_ns, self.size = tracks, gop, frame_ns, size
        self.number = 0
        self.units: list[AccessUnit] = []
        self.hub.subscribe(self)
        self.connect()

    def on_access_unit(self, unit):
        self.units.append(unit)

    def on_tracks(self, tracks):
        pass

    def connect(self):
        """A new connection; it begins with a key frame."""
        self.number += -self.number % self.gop
        self.run = self.hub.begin_run(self.tracks)
        self.raw_zero_ns = self.clock.monotonic_ns()

    def frames(self, count, *, step_ns=None):
        """So many units of track 0, and a frame of sound with each where there is a second track."""
        for _ in range(count):
            self.clock.advance(self.frame_ns if step_ns is None else step_ns)
            self.push(0, key=self.number % self.gop == 0)
            if len(self.tracks) > 1:
                self.push(1)
            self.number += 1

    def push(self, track, *, key=True, back_ns=0, size=None):
        """One unit that arrives now, presented `back_ns` before now."""
        rate = self.tracks[track].clock_rate
        raw = ns_to_ticks(self.clock.monotonic_ns() - self.raw_zero_ns - back_ns, rate)
        head = bytes((0x65 if key else 0x41, 0x88)) if self.tracks[track].codec is Codec.H264 else b""
        parts = (head + bytes(size or self.size),)
        self.run.push(track, raw, parts, key, False, self.clock.monotonic_ns())
