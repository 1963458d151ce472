"""One stream's RTP as all viewers share it: packets made once, playbacks, sender reports. One per hub, for all doors.

Packets are made only of tracks that somebody watches. A viewer's start is taken once, at `play`, so that RTP-Info is
true; what flows before `Playback.begin` is held for him. Waiting is exposed: `next_timeout` and `on_timeout`.
"""

import heapq
from collections.abc import Callable, Mapping
from itertools import count

from bridge.base.media import AccessUnit, Track
from bridge.base.time import Clock, MonotonicNs
from bridge.media.fanout import lane_for
from bridge.media.hub import Hub
from bridge.media.playback import Leg, Playback, PlaybackState, PlaybackStatistics, StartPoint, flow_for
from bridge.media.routes import Route
from bridge.media.rtp_reports import FIRST_REPORT_NS, REPORT_GRID_NS, REPORT_PERIOD_NS, goodbye, sender_report
from bridge.media.rtp_track import RtpTrack, same_format
from bridge.wire.payload import static_payload_type

__all__ = ["Playback", "PlaybackStatistics", "RtpStream", "StartPoint"]

DEFAULT_PACKET_BYTES = 1400
FIRST_DYNAMIC_PAYLOAD_TYPE = 96


class _Watched:
    """A track and the legs of those who watch it; held and waiting ones apart from those in the fan-out."""

    __slots__ = ("legs", "pending", "rtp")

    def __init__(self, rtp: RtpTrack) -> None:
        self.rtp = rtp
        self.legs: dict[Leg, Playback] = {}
        self.pending: dict[Leg, Playback] = {}


class RtpStream:
    """See the module."""

    def __init__(
        self,
        hub: Hub,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        packet_bytes: int = DEFAULT_PACKET_BYTES,
        *,
        wake: Callable[[], object] = lambda: None,
    ) -> None:
        """
        packet_bytes: largest RTP packet, header included
        wake:         called when `next_timeout` has become earlier
        """
        self.wake = wake
        self._hub = hub
        self._clock = clock
        self._random_bytes = random_bytes
        self._packet_bytes = packet_bytes
        self._cname = f"{random_bytes(8).hex()}@onb"
        self._watched: list[_Watched] = []
        self._due: list[tuple[MonotonicNs, int, Playback, bool]] = []
        self._ticket = count()
        self.on_tracks(hub.tracks)
        hub.subscribe(self)

    @property
    def playbacks(self) -> tuple[Playback, ...]:
        """Those that are neither paused nor at their end."""
        return tuple(dict.fromkeys(playback for watched in self._watched for playback in watched.legs.values()))

    def payload_type(self, track: int) -> int:
        """The RTP payload type of a track, for SDP. LookupError when there is no such track."""
        return self._rtp(track).payload_type

    def ssrc(self, track: int) -> int:
        """The synchronisation source of a track, for the Transport header. LookupError when there is no such track."""
        return self._rtp(track).ssrc

    def _rtp(self, track: int) -> RtpTrack:
        if not 0 <= track < len(self._watched):
            raise LookupError(f"{self._hub.name} has no track {track}")
        return self._watched[track].rtp

    def on_tracks(self, tracks: tuple[Track, ...]) -> None:
        """From the hub. New parameter sets go in band; a track that became another one ends who watches it."""
        before = self._watched
        self._watched = []
        ended: list[Playback] = []
        for index, track in enumerate(tracks):
            watched = before[index] if index < len(before) else None
            if watched is not None and same_format(watched.rtp.track, track):
                watched.rtp.track = track
            else:
                if watched is not None:
                    ended += watched.legs.values()
                watched = _Watched(self._make(index, track))
            self._watched.append(watched)
        for watched in before[len(tracks) :]:
            ended += watched.legs.values()
        now = self._clock.monotonic_ns()
        for playback in dict.fromkeys(ended):
            playback.stop(now)
            if playback.on_end is not None:
                playback.on_end("the camera's tracks changed")

    def _make(self, index: int, track: Track) -> RtpTrack:
        # RFC 3550 5.1: SSRC, first sequence number and first time are random. Half the circle is left before the first
        # wrap of the sequence number: RFC 3711 3.3.1 asks for that, and weak receivers are glad of it.
        taken = {watched.rtp.ssrc for watched in self._watched}
        ssrc = int.from_bytes(self._random_bytes(4))
        while ssrc in taken or ssrc == 0:
            ssrc = ssrc + 1 & 0xFFFFFFFF
        payload_type = static_payload_type(track.codec)
        return RtpTrack(
            track,
            payload_type=FIRST_DYNAMIC_PAYLOAD_TYPE + index if payload_type is None else payload_type,
            ssrc=ssrc,
            sequence=int.from_bytes(self._random_bytes(2)) & 0x7FFF,
            time_offset=int.from_bytes(self._random_bytes(4)),
            packet_bytes=self._packet_bytes,
        )

    def on_access_unit(self, unit: AccessUnit) -> None:
        """From the hub."""
        watched = self._watched[unit.track]
        watched.rtp.observe(unit)
        if not watched.legs:
            return
        packets = watched.rtp.take(unit)
        if packets is None:
            return
        for leg, playback in tuple(watched.pending.items()):
            if playback.held:
                playback.hold(leg, packets)
            elif not leg.waiting:
                # It went live since the unit before.
                del watched.pending[leg]
            elif packets.key:
                del watched.pending[leg]
                playback.admit(leg)
            else:
                playback.skip(leg)
        watched.rtp.fanout.send(packets)

    def play(
        self,
        routes: Mapping[int, Route],
        *,
        fast_start: bool,
        now: MonotonicNs,
        on_end: Callable[[str], object] | None = None,
        continues: Playback | None = None,
    ) -> Playback:
        """A new playback; its start is taken now, its media flow from `Playback.begin` on.

        routes:    by track; LookupError when there is no such track
        on_end:    called with a reason when the stream ends it (its tracks changed beyond what the SDP said)
        continues: a paused playback of the same viewer, whose counts go on
        """
        if not routes:
            raise ValueError("play: no routes; a playback has one track at least")
        tracks = {index: self._rtp(index) for index in routes}
        resumes = next((index for index, rtp in tracks.items() if rtp.video), next(iter(routes)))
        flow = flow_for(tracks[resumes].allowance, continues)
        legs: dict[int, Leg] = {}
        start: dict[int, StartPoint] = {}
        playback = Playback(self, legs, flow, start, on_end)
        for index, route in routes.items():
            rtp = tracks[index]
            lane = lane_for(route, flow, resumes=index == resumes)
            if continues is not None and index in continues.legs:
                tally = continues.legs[index].lane.tally
                lane.settled.add(tally.units, tally.packets, tally.octets)
            leg = Leg(rtp, lane, waiting=False)
            watched = self._watched[index]
            if not watched.legs:
                cached = index == self._hub.lead and rtp.video
                rtp.open(tuple(unit for unit in self._hub.gop() if unit.track == index) if cached else ())
            watched.legs[leg] = watched.pending[leg] = playback
            playback.legs[index] = leg
            playback.start[index] = self._start(playback, leg, fast_start)
        if continues is not None:
            continues.retire()
        return playback

    def _start(self, playback: Playback, leg: Leg, fast_start: bool) -> StartPoint:
        rtp = leg.track
        if not rtp.video:
            return StartPoint(rtp.ssrc, rtp.next_sequence & 0xFFFF, None)
        burst = rtp.burst(self._hub.gop_start()) if fast_start else ()
        if not burst:
            leg.waiting = True
            return StartPoint(rtp.ssrc, None, None)
        for unit in burst:
            playback.hold(leg, unit)
        return StartPoint(rtp.ssrc, burst[0].sequence & 0xFFFF, burst[0].rtp_time)

    def on_begun(self, playback: Playback, now: MonotonicNs) -> None:
        """From a playback."""
        for leg in playback.legs.values():
            leg.report_due_ns = now + FIRST_REPORT_NS
        self._schedule(MonotonicNs(now + FIRST_REPORT_NS), playback, paced=False)
        if playback.next_paced_ns is not None:
            self._schedule(playback.next_paced_ns, playback, paced=True)
        self.wake()

    def on_parted(self, playback: Playback, track: int, now: MonotonicNs, *, bye: bool) -> None:
        """From a playback."""
        leg = playback.legs[track]
        watched = next((watched for watched in self._watched if watched.rtp is leg.track), None)
        if watched is not None:
            watched.legs.pop(leg, None)
            watched.pending.pop(leg, None)
            if not watched.legs:
                watched.rtp.close()
        if bye:
            data = goodbye(leg.track, leg.lane, self._cname, self._clock.utc_ns())
            if data is not None:
                leg.lane.send_rtcp(data)

    def _schedule(self, due: MonotonicNs, playback: Playback, *, paced: bool) -> None:
        if not paced:
            due = MonotonicNs(-(-due // REPORT_GRID_NS) * REPORT_GRID_NS)
        heapq.heappush(self._due, (due, next(self._ticket), playback, paced))

    def next_timeout(self) -> MonotonicNs | None:
        """When `on_timeout` wants to be called; None: not before something else happens."""
        due = self._due
        while due and due[0][2].state in (PlaybackState.PAUSED, PlaybackState.ENDED):
            heapq.heappop(due)
        return due[0][0] if due else None

    def on_timeout(self, now: MonotonicNs) -> None:
        """Sends what is due: sender reports, paced datagrams."""
        while (due := self.next_timeout()) is not None and due <= now:
            _, _, playback, paced = heapq.heappop(self._due)
            if paced:
                playback.on_paced(now)
                if playback.next_paced_ns is not None:
                    # Later than now, or a late timer would be spun on here.
                    self._schedule(MonotonicNs(max(playback.next_paced_ns, now + 1)), playback, paced=True)
            else:
                self._schedule(self._report(playback, now), playback, paced=False)

    def _report(self, playback: Playback, now: MonotonicNs) -> MonotonicNs:
        """Reports on those tracks whose turn it is; returns when the next turn is."""
        utc_ns = self._clock.utc_ns()
        for leg in playback.legs.values():
            if leg.report_due_ns <= now:
                data = sender_report(leg.track, leg.lane, self._cname, utc_ns)
                if data is not None:
                    leg.lane.send_rtcp(data)
                # A track that waits for its key frame is asked again soon, so that its first report is early, too.
                leg.report_due_ns = now + (FIRST_REPORT_NS if data is None else REPORT_PERIOD_NS)
        return MonotonicNs(min((leg.report_due_ns for leg in playback.legs.values()), default=now + REPORT_PERIOD_NS))

    def close(self, now: MonotonicNs) -> None:
        """Ends every playback and leaves the hub."""
        self._hub.unsubscribe(self)
        for playback in self.playbacks:
            playback.stop(now)
            if playback.on_end is not None:
                playback.on_end("the stream was closed")
