"""One PLAY of one viewer: from its start point through the catch-up to live, and to its end."""

import enum
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from bridge.base.errors import LocalProtocolError
from bridge.base.time import NS_PER_MS, MonotonicNs
from bridge.media.fanout import InterleavedLane, Lane
from bridge.media.outbox import Allowance, Flow, Tally
from bridge.media.packets import PacketizedUnit
from bridge.media.routes import MediaWriter
from bridge.media.rtp_track import RtpTrack

#: Pace of a catch-up by UDP: a GOP at once would overrun the buffers on the way.
PACE_NS = 4 * NS_PER_MS

#: What is sent of it in one go when the timer came late.
MAX_PACED_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class StartPoint:
    """Where a playback begins on one track: what RTP-Info says. None: not known yet, leave it out."""

    ssrc: int
    sequence: int | None
    rtp_time: int | None


@dataclass(frozen=True, slots=True)
class PlaybackStatistics:
    """What one viewer got so far, over all its tracks."""

    units: int = 0
    packets: int = 0
    octets: int = 0
    dropped_units: int = 0
    dropped_gops: int = 0
    queue_bytes: int = 0


class PlaybackState(enum.Enum):
    """READY: the start is taken, nothing flows yet. CATCHING_UP: behind live, paced."""

    READY = "ready"
    CATCHING_UP = "catching up"
    LIVE = "live"
    PAUSED = "paused"
    ENDED = "ended"


class Host(Protocol):
    """What a playback asks of its stream."""

    def on_begun(self, playback: "Playback", now: MonotonicNs) -> None:
        """Reports are due from now on, and paced units if it is catching up."""

    def on_parted(self, playback: "Playback", track: int, now: MonotonicNs, *, bye: bool) -> None:
        """It lets a track go."""


@dataclass(slots=True, eq=False)
class Leg:
    """One track of a playback.

    waiting:       for a key frame
    lost:          it waits because what it had was dropped: what it misses counts
    report_due_ns: when its next sender report goes out, once the playback has begun
    """

    track: RtpTrack
    lane: Lane
    waiting: bool
    lost: bool = False
    report_due_ns: int = 0


class Playback:
    """See the module. Made by `RtpStream.play`. Nothing flows before `begin`, nor after `pause` or `stop`.

    Units that come before `begin`, or while datagrams catch up, wait in a backlog within the stream's allowance; over
    it they are dropped and the viewer begins at the next key frame.
    """

    def __init__(
        self,
        host: Host,
        legs: Mapping[int, Leg],
        flow: Flow,
        start: Mapping[int, StartPoint],
        on_end: Callable[[str], object] | None,
    ) -> None:
        self.start = dict(start)
        self.state = PlaybackState.READY
        self.legs = dict(legs)
        self.on_end = on_end
        self._host = host
        self._flow = flow
        self._parted = Tally()
        self._backlog: deque[tuple[Leg, PacketizedUnit]] = deque()
        self._backlog_bytes = 0
        self._newest: PacketizedUnit | None = None
        self._pace_ns: MonotonicNs | None = None
        self._writers: set[MediaWriter] = set()

    @property
    def statistics(self) -> PlaybackStatistics:
        """As of now."""
        total = Tally(self._parted.units, self._parted.packets, self._parted.octets)
        for leg in self.legs.values():
            tally = leg.lane.tally
            total.add(tally.units, tally.packets, tally.octets)
        flow = self._flow
        return PlaybackStatistics(
            total.units,
            total.packets,
            total.octets,
            flow.dropped_units,
            flow.dropped_gops,
            flow.queued_bytes + self._backlog_bytes,
        )

    @property
    def held(self) -> bool:
        """Whether units go to the backlog instead of the fan-out."""
        return self.state in (PlaybackState.READY, PlaybackState.CATCHING_UP)

    @property
    def next_paced_ns(self) -> MonotonicNs | None:
        """When the next unit of a catch-up is due."""
        return self._pace_ns

    def hold(self, leg: Leg, unit: PacketizedUnit) -> None:
        """A unit that must wait for its turn."""
        if leg.waiting:
            if not unit.key:
                self.skip(leg)
                return
            self._end_wait(leg)
        if self.state is PlaybackState.CATCHING_UP and not leg.track.video:
            # Sound has nothing to catch up with; behind the pictures it would come late, and hold the player back.
            leg.lane.deliver(unit)
            return
        size = len(unit.interleaved)
        if self._backlog_bytes + size > self._flow.allowance.size_bytes and self._backlog:
            self._overflow()
            self._flow.drop(unit.key)
            return
        self._backlog.append((leg, unit))
        self._backlog_bytes += size
        if leg.track.video:
            self._newest = unit

    def _overflow(self) -> None:
        """Nobody called `begin` for two GOPs, or the pace of the catch-up is below that of the stream."""
        for _, unit in self._backlog:
            self._flow.drop(unit.key)
        self._clear_backlog()
        for leg in self.legs.values():
            leg.waiting = leg.lost = leg.track.video

    def skip(self, leg: Leg) -> None:
        """A unit that is of no use to a leg that waits."""
        if leg.lost:
            self._flow.drop(key=False)

    def _end_wait(self, leg: Leg) -> None:
        leg.waiting = False
        if leg.lost:
            leg.lost = False
            self._flow.resume()

    def _clear_backlog(self) -> None:
        self._newest = None
        self._backlog.clear()
        self._backlog_bytes = 0

    def begin(self, now: MonotonicNs) -> None:
        """The PLAY reply is queued on the writer: media may follow it. A second call does nothing."""
        if self.state is not PlaybackState.READY:
            return
        self._writers = {leg.lane.writer for leg in self.legs.values() if isinstance(leg.lane, InterleavedLane)}
        for writer in self._writers:
            writer.attach(self._on_blocked)
        if self._writers or not self._backlog:
            # TCP paces itself.
            while self._backlog:
                self._deliver_next()
            if self.state is PlaybackState.READY:
                self._go_live()
        else:
            self.state = PlaybackState.CATCHING_UP
            self._pace_ns = now
            self.on_paced(now)
        self._host.on_begun(self, now)

    def on_paced(self, now: MonotonicNs) -> None:
        """Sends what is due of a catch-up."""
        due = self._pace_ns
        if self.state is not PlaybackState.CATCHING_UP or due is None:
            return
        for _ in range(MAX_PACED_AT_ONCE):
            if not self._backlog:
                self._go_live()
                return
            if due > now:
                break
            self._deliver_paced()
            due = MonotonicNs(due + PACE_NS)
        self._pace_ns = max(due, now)

    def _deliver_next(self) -> None:
        leg, unit = self._backlog.popleft()
        self._backlog_bytes -= len(unit.interleaved)
        leg.lane.deliver(unit)

    def _deliver_paced(self) -> None:
        """The next of a catch-up by UDP, one tick before the one behind it: the newest alone has its true time.

        What comes live meanwhile waits its turn. Under true times a player would take its clock from pictures that came
        late, and stay behind by as much as the catch-up took.
        """
        leg, unit = self._backlog.popleft()
        self._backlog_bytes -= len(unit.interleaved)
        newest = self._newest
        first = leg.lane.tally.units == 0  # its time was told in RTP-Info
        if not first and newest is not None and leg.track.video and not leg.track.reorders:
            behind = sum(1 for other, _ in self._backlog if other is leg)
            rtp_time = leg.track.rtp_time(newest.media_time - behind)
            if rtp_time != unit.rtp_time:
                unit = unit.retimed(rtp_time)
        leg.lane.deliver(unit)

    def _go_live(self) -> None:
        self._clear_backlog()
        self._pace_ns = None
        self.state = PlaybackState.LIVE
        for leg in self.legs.values():
            if not leg.waiting:
                leg.track.fanout.add(leg.lane)

    def admit(self, leg: Leg) -> None:
        """The key frame that a live leg waited for is about to be sent."""
        self._end_wait(leg)
        leg.track.fanout.add(leg.lane)

    def _on_blocked(self) -> None:
        for leg in self.legs.values():
            if isinstance(leg.lane, InterleavedLane):
                leg.track.fanout.block(leg.lane)

    def pause(self, now: MonotonicNs) -> None:
        """No more media; play on with `RtpStream.play(..., continues=this)`."""
        if self.state is not PlaybackState.ENDED:
            self._leave(PlaybackState.PAUSED, now, bye=False)

    def stop(self, now: MonotonicNs) -> None:
        """The end: BYE on every track. May be called again."""
        if self.state is not PlaybackState.ENDED:
            self._leave(PlaybackState.ENDED, now, bye=True)

    def stop_track(self, track: int, now: MonotonicNs) -> None:
        """One track of several was torn down: its BYE, and no more of it."""
        leg = self.legs.get(track)
        if leg is None:
            return
        if len(self.legs) == 1:
            self.stop(now)
            return
        self._backlog = deque(entry for entry in self._backlog if entry[0] is not leg)
        self._backlog_bytes = sum(len(unit.interleaved) for _, unit in self._backlog)
        self._part(track, now, bye=True)

    def retire(self) -> None:
        """Another playback continues this paused one: no BYE of it any more."""
        if self.state is not PlaybackState.PAUSED:
            raise LocalProtocolError(f"a playback that is {self.state.value} cannot be continued; pause it first")
        self.state = PlaybackState.ENDED

    def _leave(self, state: PlaybackState, now: MonotonicNs, *, bye: bool) -> None:
        self.state = state
        self._clear_backlog()
        self._pace_ns = None
        for writer in self._writers:
            writer.detach(self._on_blocked)
            writer.forget(self._flow)
        self._writers = set()
        for track in tuple(self.legs):
            self._part(track, now, bye=bye)

    def _part(self, track: int, now: MonotonicNs, *, bye: bool) -> None:
        self.legs[track].track.fanout.remove(self.legs[track].lane)
        self._host.on_parted(self, track, now, bye=bye)
        if bye:
            tally = self.legs.pop(track).lane.tally
            self._parted.add(tally.units, tally.packets, tally.octets)


def flow_for(allowance: Allowance, continues: Playback | None) -> Flow:
    """The flow of a new playback, the drops of the one that it continues counted on."""
    flow = Flow(allowance)
    if continues is not None:
        statistics = continues.statistics
        flow.dropped_units, flow.dropped_gops = statistics.dropped_units, statistics.dropped_gops
    return flow
