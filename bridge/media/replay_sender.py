"""What a session plays of a recording, on its way to the viewer: what is sent when, and what the packets say. Pure.

Its shell hands it items as they are read and asks what is due. Over TCP the connection is the brake: a unit goes out
when nothing waits before it, so nothing is ever dropped and at most one unit waits there. By UDP no more than
DATAGRAM_BYTES_PER_S go out. What is read and not sent yet is bounded by the shell, which reads on when `hungry`.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from bridge.base.media import AccessUnit, Track
from bridge.base.time import NS_PER_MS, NS_PER_S, Clock, MonotonicNs, ns_to_ticks
from bridge.media.fanout import InterleavedLane, Lane
from bridge.media.playback import StartPoint
from bridge.media.replay_line import Place, ReplayLine
from bridge.media.replay_track import ReplayTrack
from bridge.media.routes import MediaWriter
from bridge.media.rtp_reports import FIRST_REPORT_NS, REPORT_PERIOD_NS
from bridge.wire import rtcp
from bridge.wire.replay_header import ReplayHeader

#: 50 Mbit/s: what is sent by UDP as fast as the client reads would else be lost on the way.
DATAGRAM_BYTES_PER_S = 50_000_000 // 8

#: Time's worth of them that goes out at once: waking up for each packet costs more than sending it.
DATAGRAM_BURST_NS = 4 * NS_PER_MS

#: Waking up costs more than sending: what is due so soon goes out with what is due now.
EARLY_NS = 20 * NS_PER_MS

#: What one call of `on_timeout` sends at most, so that live viewers do not wait for it.
TURN_BYTES = 256 * 1024
TURN_UNITS = 50


class ReplayUnit(Protocol):
    """An access unit and what its header extension says; `recorder/replay` makes them."""

    unit: AccessUnit
    clean: bool
    end: bool
    discontinuity: bool
    terminal: bool


@dataclass(frozen=True, slots=True)
class Described:
    """What follows is of these tracks and this run."""

    tracks: tuple[Track, ...]
    run: int


Item = Described | ReplayUnit


@dataclass(slots=True, eq=False)
class ReplayLeg:
    """One track on its way.

    latest: RTP time and place of the unit sent last
    passed: units of it were passed over: what follows does not follow on
    """

    track: ReplayTrack
    lane: Lane
    latest: tuple[int, Place] | None = field(default=None)
    passed: bool = field(default=False)


class ReplaySender:
    """See the module. The session's legs stay; `begin` starts each PLAY on them."""

    def __init__(self, legs: Mapping[int, ReplayLeg], clock: Clock, cname: str) -> None:
        """legs: by track of the recording; those over TCP are written to `writers`."""
        self.legs = dict(legs)
        self.writers = writers_of(self.legs.values())
        self.pause_at_ns: int | None = None
        self._sent_utc_ns: int | None = None
        self._clock = clock
        self._cname = cname
        self._line = ReplayLine()
        self._items: deque[Item] = deque()
        self._head: Place | None = None
        self._reverse, self._true_speed = False, True
        self._controlled = True
        self._cseq = 0
        self._run = 0
        self._group_ns = 0
        self._starved = False
        self._free_ns = 0
        self._report_ns: int | None = None
        self._running = False

    # The orders of the shell

    def begin(self, scale: Fraction, *, controlled: bool, cseq: int, anew: bool, now: MonotonicNs) -> None:
        """A PLAY: its first unit is the next one. anew: what is in hand is not of it."""
        if anew:
            self._items.clear()
        self._head = None
        self._reverse, self._true_speed = scale < 0, scale == 1
        self._controlled, self._cseq = controlled, cseq
        self._starved = False
        self._line.begin(scale)
        self.pause_at_ns = None
        self._report_ns = now + FIRST_REPORT_NS if controlled else None

    def feed(self, items: Iterable[Item], *, starved: bool = False) -> None:
        """The next ones. starved: they were waited for, at the live edge."""
        self._items.extend(items)
        self._starved = self._starved or starved

    def run(self) -> None:
        """The PLAY was answered: media may flow."""
        self._running = True

    def halt(self) -> None:
        """No media; what is in hand stays."""
        self._running = False

    def add(self, track: int, leg: ReplayLeg) -> None:
        """One track more, from the next PLAY on."""
        self.legs[track] = leg
        self.writers = writers_of(self.legs.values())

    def part(self, track: int) -> None:
        """One track is not wanted any more."""
        leg = self.legs.pop(track, None)
        if leg is not None:
            self._say_goodbye(leg)
            self.writers = writers_of(self.legs.values())
            self._head = None

    def stop(self) -> None:
        """The end."""
        self._running = False
        self._items.clear()
        for track in tuple(self.legs):
            self.part(track)

    @property
    def hungry(self) -> bool:
        """Whether nothing is in hand."""
        return not self._items

    @property
    def position_ns(self) -> int | None:
        """Capture time of the next unit that was not sent; while none is in hand, of the last one that was."""
        unit = self._next()
        return self._sent_utc_ns if unit is None else unit.unit.utc_ns

    @property
    def begins_ns(self) -> int | None:
        """As `position_ns`, but in reverse of what is shown first."""
        unit = self._next()
        return self._latest_of_group(unit) if unit is not None and self._reverse else self.position_ns

    @property
    def pause_reached(self) -> bool:
        """Whether what comes next lies behind the instant at which play is to pause."""
        unit = self._next()
        at_ns = self.pause_at_ns
        if at_ns is None or unit is None:
            return False
        return self._latest_of_group(unit) <= at_ns if self._reverse else unit.unit.utc_ns >= at_ns

    def starts(self, now: MonotonicNs) -> dict[int, StartPoint]:
        """Of each track the first packet that the PLAY will send, as far as it is in hand."""
        starts: dict[int, StartPoint] = {}
        unit = self._next()
        if unit is not None:
            self._head = self._head or self._place(unit, now)
        for number, leg in self.legs.items():
            rtp_time = None
            if self._head is not None and (first := self._first_of(number)) is not None:
                place = Place(self._line.show_ns(first.unit.utc_ns), self._head.due_ns, self._head.jumps)
                rtp_time = self._rtp_time(leg.track, first.unit, place)
            starts[number] = StartPoint(leg.track.ssrc, leg.track.next_sequence & 0xFFFF, rtp_time)
        return starts

    # Waiting

    def next_timeout(self, now: MonotonicNs) -> MonotonicNs | None:
        """When to call `on_timeout`; None: not before items come or the connection is clear."""
        if not self._running:
            return None
        moments = [] if self._report_ns is None else [self._report_ns]
        unit = self._next()
        if unit is not None and not self.pause_reached and self._clear:
            self._head = self._head or self._place(unit, now)
            free_ns = now if self._free_ns <= now else self._free_ns + DATAGRAM_BURST_NS
            moments.append(max(self._head.due_ns if self._controlled else now, free_ns))
        return MonotonicNs(min(moments)) if moments else None

    def on_timeout(self, now: MonotonicNs) -> None:
        """Sends what is due."""
        if not self._running:
            return
        if self._report_ns is not None and now >= self._report_ns:
            self._report_ns = now + REPORT_PERIOD_NS
            for leg in self.legs.values():
                if (data := self._report(leg)) is not None:
                    leg.lane.send_rtcp(data)
        sent_bytes, sent_units = 0, 0
        while sent_bytes < TURN_BYTES and sent_units < TURN_UNITS and self._may_send and now >= self._free_ns:
            unit = self._next()
            if unit is None or self.pause_reached:
                return
            self._head = self._head or self._place(unit, now)
            if self._controlled and self._head.due_ns > now + EARLY_NS:
                return
            place, self._head = self._head, None
            self._items.popleft()
            sent_bytes += self._send(unit, place, now)
            sent_units += 1

    @property
    def blocked(self) -> bool:
        """Whether a connection has to be waited for."""
        return not self._clear

    @property
    def _may_send(self) -> bool:
        """A connection that breaks while it is written to ends the session."""
        return self._running and self._clear

    @property
    def _clear(self) -> bool:
        for writer in self.writers:  # noqa: SIM110 - a generator costs more than the question
            if not writer.clear:
                return False
        return True

    # Units

    def _next(self) -> ReplayUnit | None:
        """The unit that is to be sent next; what comes before it and is not sent is let go."""
        while self._items:
            item = self._items[0]
            if isinstance(item, Described):
                self._run = item.run
                for number, leg in self.legs.items():
                    leg.track.begin(item.tracks[number] if number < len(item.tracks) else None)
            else:
                leg_of = self.legs.get(item.unit.track)
                if leg_of is not None and leg_of.track.plays:
                    return item
                if leg_of is not None:
                    leg_of.passed = True
            self._items.popleft()
        return None

    def _first_of(self, track: int) -> ReplayUnit | None:
        """The first unit in hand of a track, before the line may be tied anew."""
        for number, item in enumerate(self._items):
            if isinstance(item, Described):
                return None
            if number and item.discontinuity and item.unit.track != track:
                return None
            if item.unit.track == track:
                return item
        return None

    def _latest_of_group(self, unit: ReplayUnit) -> int:
        """In reverse: the latest capture time from here to the end of the GOP, as far as it is in hand."""
        latest_ns = unit.unit.utc_ns
        for number, item in enumerate(self._items):
            if isinstance(item, Described) or (number and item.discontinuity and item.unit.track == unit.unit.track):
                break
            if item.unit.track == unit.unit.track:
                latest_ns = max(latest_ns, item.unit.utc_ns)
        return latest_ns

    def _place(self, unit: ReplayUnit, now: MonotonicNs) -> Place:
        utc_ns = unit.unit.utc_ns
        if not self._controlled:
            # The client does the timing.
            return Place(utc_ns, now, 0)
        if not self._reverse:
            self._group_ns = utc_ns
        elif unit.discontinuity or self._group_ns < utc_ns:
            self._group_ns = self._latest_of_group(unit)
        leg = self.legs[unit.unit.track]
        return self._line.place(
            utc_ns, self._group_ns, discontinuity=unit.discontinuity or leg.passed, end=unit.end, now=now
        )

    def _rtp_time(self, track: ReplayTrack, unit: AccessUnit, place: Place) -> int:
        if self._controlled:
            return track.shown_time(unit, place, self._run, true_speed=self._true_speed)
        return track.original_time(unit, self._run)

    def _send(self, item: ReplayUnit, place: Place, now: MonotonicNs) -> int:
        unit = item.unit
        leg = self.legs[unit.track]
        header = ReplayHeader(
            unit.utc_ns,
            item.clean,
            item.end,
            item.discontinuity or leg.passed,
            item.terminal,
            self._cseq,
        )
        self._sent_utc_ns = unit.utc_ns
        if self._controlled:
            self._line.sent(place, now, starved=self._starved)
            self._starved = False
        rtp_time = self._rtp_time(leg.track, unit, place)
        packets = leg.track.packets(unit, rtp_time, header.encode())
        if packets is None:
            return 0
        leg.passed = False
        leg.latest = (rtp_time, place)
        leg.lane.deliver(packets)
        size = len(packets.interleaved)
        if not isinstance(leg.lane, InterleavedLane):
            self._free_ns = max(self._free_ns, now - DATAGRAM_BURST_NS) + size * NS_PER_S // DATAGRAM_BYTES_PER_S
        return size

    # Reports

    def _report(self, leg: ReplayLeg) -> bytes | None:
        """Of this moment, with the wall clock: what is shown now, not when it was captured."""
        if leg.latest is None or not self._controlled:
            return None
        rtp_time, place = leg.latest
        behind_ns = self._clock.monotonic_ns() - (place.show_ns + self._line.lag_ns)
        sent = leg.lane.tally
        report = rtcp.SenderReport(
            leg.track.ssrc,
            rtcp.utc_ns_to_ntp(self._clock.utc_ns()),
            rtp_time + ns_to_ticks(behind_ns, leg.track.track.clock_rate),
            sent.packets,
            sent.octets,
        )
        return rtcp.encode((report, rtcp.Sdes(leg.track.ssrc, self._cname)))

    def _say_goodbye(self, leg: ReplayLeg) -> None:
        report = self._report(leg)
        if report is not None:
            leg.lane.send_rtcp(report + rtcp.encode((rtcp.Bye((leg.track.ssrc,)),)))


def writers_of(legs: Iterable[ReplayLeg]) -> frozenset[MediaWriter]:
    """The connections that some of these legs go through."""
    return frozenset(leg.lane.writer for leg in legs if isinstance(leg.lane, InterleavedLane))
