"""A viewer of recordings: the PLAYs of a session and what is read, waits and is sent for them.

At most one piece of work of a session is in the reader pool at a time, and at most two batches are in memory: the one
that is sent and the next. A PLAY that replaces another one leaves behind a read that is thrown away.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from bridge.base.time import NS_PER_S, Clock, MonotonicNs
from bridge.dialogue.rtsp_replay import Begins, ReplayTerms, ReplayWish
from bridge.dialogue.rtsp_server_events import PlayRequested
from bridge.dialogue.rtsp_session import SESSION_TIMEOUT_S, Session
from bridge.media.fanout import lane_for
from bridge.media.outbox import MAX_MEDIA_BYTES, Allowance, Flow
from bridge.media.replay_sender import ReplayLeg, ReplaySender
from bridge.media.replay_track import ReplayTrack
from bridge.media.routes import MediaWriter
from bridge.recorder.replay import Frames, NothingThereError, ReplayOrder
from bridge.services.rtsp.replay_reading import After, Batch, InPool, ReplayReading, Source
from bridge.services.rtsp.served import PlayRefusedError, PlayStart, Served, routes_of
from bridge.services.rtsp.udp import UdpPorts
from bridge.store.backend import DatabaseUnusableError
from bridge.wire.rtsp.replay_headers import FramesKind

#: At the live edge it is looked for more so often.
EDGE_POLL_S = 0.3

#: PLAYs that wait for the one that plays (RFC 2326 10.5); more are refused.
MAX_QUEUED = 8

_FRAMES = {FramesKind.ALL: Frames.ALL, FramesKind.PREDICTED: Frames.PREDICTED, FramesKind.INTRA: Frames.INTRA}


@dataclass(frozen=True, slots=True)
class ReplayMeans:
    """What viewers of recordings are given.

    open_source: (order, latest) -> what is pulled; blocking. latest: from where the footage ends now
    make_track:  number of a track -> its RTP
    in_pool:     runs blocking work of this session, one piece at a time
    """

    reactor: Any  # provides IReactorTime
    clock: Clock
    open_source: Callable[[ReplayOrder, bool], Source]
    make_track: Callable[[int], ReplayTrack]
    in_pool: InPool
    cname: str


@dataclass(frozen=True, slots=True)
class _Play:
    """A PLAY as it is played. until_ns: as asked; None: open."""

    wish: ReplayWish
    terms: ReplayTerms
    from_ns: int | None
    until_ns: int | None

    def order(self, tracks: frozenset[int]) -> ReplayOrder:
        frames = self.terms.frames
        return ReplayOrder(
            self.from_ns,
            self.until_ns,
            self.terms.reverse,
            _FRAMES[frames.kind],
            frames.interval_ms,
            tracks,
        )


class ReplayViewer:
    """See the module, and `bridge.services.rtsp.served.Viewer`."""

    def __init__(self, session: Session, presentation: Served, means: ReplayMeans, *, peer: str) -> None:
        self.session = session
        self.presentation = presentation
        self.peer = peer
        self.started = False
        self.played = False
        self.ports: dict[int, UdpPorts] = {}
        self._means = means
        self._sender: ReplaySender | None = None
        self._play: _Play | None = None
        self._reading: ReplayReading | None = None
        self._ahead: Batch | None = None
        self._after = After.MORE
        self._pulling = False
        self._poll: IDelayedCall | None = None
        self._timer: IDelayedCall | None = None
        self._queue: deque[_Play] = deque()
        self._on_end: Callable[[str], object] = lambda reason: None
        self._advancing = False
        self._stopped = False
        self._log = structlog.get_logger()

    # What the session asks

    async def play(
        self, asked: PlayRequested, writer: MediaWriter, on_end: Callable[[str], object], now: MonotonicNs
    ) -> PlayStart:
        """Reads the first batch before it answers: so that the reply can say where play begins."""
        wish = asked.replay
        if wish is None:
            raise PlayRefusedError(455)
        self._on_end = on_end
        before = self._play
        terms = wish.terms(before.terms if before else None)
        more = self._sender is not None and self._add_legs(self._sender, writer)
        if before is not None and wish.begins is Begins.RESUMED and terms == before.terms and not more:
            if self.started and not self._played_out:
                return self._started(wish, before)
            if not self._played_out:
                return self._resumed(wish, before, now)
        play = self._as_play(wish, terms)
        if self.started and not wish.immediate and wish.begins is not Begins.RESUMED and not self._played_out:
            if len(self._queue) >= MAX_QUEUED:
                raise PlayRefusedError(453)
            self._queue.append(play)
            return self._started(wish, play)
        self._queue.clear()
        await self._open(play, writer)
        return self._started(wish, play, first=True)

    def _as_play(self, wish: ReplayWish, terms: ReplayTerms) -> _Play:
        from_ns, until_ns = wish.from_ns, wish.until_ns
        before = self._play
        if wish.begins is Begins.RESUMED and before is not None:
            from_ns = self._sender.position_ns if self._sender else None
            if terms.reverse is before.terms.reverse:
                until_ns = before.until_ns if not self._played_out else None
        return _Play(wish, terms, from_ns, until_ns)

    @property
    def _played_out(self) -> bool:
        """Whether nothing of what was ordered is left."""
        sender = self._sender
        return self._after is After.OVER and self._ahead is None and (sender is None or sender.hungry)

    def _resumed(self, wish: ReplayWish, play: _Play, now: MonotonicNs) -> PlayStart:
        """From the next unit that was not sent, nothing twice."""
        if self._sender is not None:
            scale = play.terms.scale
            self._sender.begin(scale, controlled=play.terms.controlled, cseq=wish.cseq, anew=False, now=now)
        return self._started(wish, play, first=True)

    async def _open(self, play: _Play, writer: MediaWriter | None) -> None:
        """Reads the first batch of a PLAY; then it takes the place of what played. Raises PlayRefusedError."""
        means = self._means
        order = play.order(frozenset(self.session.legs))
        latest = play.wish.begins is Begins.LATEST
        reading = ReplayReading(lambda: means.open_source(order, latest), means.in_pool, reverse=order.reverse)
        try:
            batch = await reading.next()
        except NothingThereError:
            self._close(reading)
            raise PlayRefusedError(457) from None
        except (DatabaseUnusableError, OSError) as error:
            self._close(reading)
            self._log.error("a recording cannot be read", path=self.presentation.path, error=str(error))
            raise PlayRefusedError(503) from None
        if self._stopped:
            self._close(reading)
            raise PlayRefusedError(454)
        self._drop_reading()
        now = means.clock.monotonic_ns()
        if self._sender is None:
            if writer is None:
                raise PlayRefusedError(455)
            self._sender = ReplaySender({}, means.clock, means.cname)
            self._add_legs(self._sender, writer)
        sender = self._sender
        scale, controlled = play.terms.scale, play.terms.controlled
        sender.begin(scale, controlled=controlled, cseq=play.wish.cseq, anew=True, now=now)
        self._play, self._reading = play, reading
        self._take(batch)

    def _add_legs(self, sender: ReplaySender, writer: MediaWriter) -> bool:
        """Tracks that were set up since the last PLAY, whether there are any."""
        new = self.session.legs.keys() - sender.legs.keys()
        if new:
            # Nothing is dropped: a unit is given to the writer when nothing waits there. A client that has enough may
            # stop reading for a while (`Rate-Control: no`); what it holds up is bounded.
            flow = Flow(Allowance(MAX_MEDIA_BYTES), stall_ns=SESSION_TIMEOUT_S * NS_PER_S)
            routes = routes_of(self.session, self.ports, writer)
            for number in new:
                lane = lane_for(routes[number], flow, resumes=True)
                sender.add(number, ReplayLeg(self._means.make_track(number), lane))
        return bool(new)

    def _started(self, wish: ReplayWish, play: _Play, *, first: bool = False) -> PlayStart:
        sender = self._sender
        if sender is None:
            raise PlayRefusedError(455)
        starts: dict[int, tuple[int | None, int | None]] = dict.fromkeys(sender.legs, (None, None))
        from_ns = sender.begins_ns
        if first:
            points = sender.starts(self._means.clock.monotonic_ns())
            starts = {number: (point.sequence, point.rtp_time) for number, point in points.items()}
        elif play.from_ns is not None:
            from_ns = play.from_ns
        headers = wish.reply_headers(play.terms, from_ns or 0, play.until_ns)
        return PlayStart(starts, tuple(headers))

    def begin(self, now: MonotonicNs) -> None:
        """The PLAY reply is on the writer."""
        if self._sender is not None and not self._stopped:
            self.started = self.played = True
            self._sender.run()
            self._go_on()

    def pause(self, now: MonotonicNs) -> None:
        """At once. What is in hand stays for the PLAY that goes on from here; PLAYs that wait are forgotten."""
        self._queue.clear()
        self.started = False
        if self._sender is not None:
            self._sender.halt()
        self._cancel_timers()

    def pause_at(self, at_ns: int, now: MonotonicNs) -> None:
        """When play comes to that instant."""
        if self._sender is not None:
            self._sender.pause_at_ns = at_ns
            self._go_on()

    def stop_track(self, track: int, now: MonotonicNs) -> None:
        """It is not sent any more."""
        if self._sender is not None:
            self._sender.part(track)

    def stop(self, now: MonotonicNs) -> None:
        """The end."""
        self._stopped = True
        self.pause(now)
        if self._sender is not None:
            self._sender.stop()
        self._drop_reading()
        self.ports.clear()

    # What is read

    def _take(self, batch: Batch, *, starved: bool = False) -> None:
        """A batch goes to the sender, and the next is read ahead. starved: the sender has waited for it."""
        if self._sender is not None:
            self._sender.feed(batch.items, starved=starved)
        self._after = batch.after
        self._read_on()

    def _read_on(self) -> None:
        reading = self._reading
        if reading is None or self._pulling or self._ahead is not None or self._after is After.OVER:
            return
        if self._after is After.EDGE:
            if self._poll is None and self.started:
                self._poll = self._means.reactor.callLater(EDGE_POLL_S, self._pull)
            return
        self._pull()

    def _pull(self) -> None:
        self._poll = None
        if self._reading is not None and not self._pulling:
            self._pulling = True
            Deferred.fromCoroutine(self._pull_from(self._reading)).addErrback(self._failed)

    async def _pull_from(self, reading: ReplayReading) -> None:
        try:
            batch = await reading.next()
        finally:
            if reading is self._reading:
                self._pulling = False
        if reading is not self._reading or self._sender is None:
            return
        if not self._sender.hungry:
            self._ahead = batch
            return
        self._take(batch, starved=self._after is After.EDGE)
        if self.started:
            self._go_on()

    def _failed(self, failure: Failure) -> None:
        if not self._stopped:
            self._log.error("a recording cannot be read", path=self.presentation.path, error=failure.getErrorMessage())
            self._on_end("the recording cannot be read")

    def _drop_reading(self) -> None:
        reading, self._reading = self._reading, None
        self._ahead, self._after, self._pulling = None, After.MORE, False
        self._cancel_timers()
        if reading is not None:
            self._close(reading)

    def _close(self, reading: ReplayReading) -> None:
        Deferred.fromCoroutine(reading.close()).addErrback(
            lambda failure: self._log.warning("a recording's file was not closed", error=failure.getErrorMessage())
        )

    # What is sent

    def _go_on(self) -> None:
        """Sends what is due, and looks when to go on."""
        self._cancel(self._timer)
        self._timer = None
        sender = self._sender
        if sender is None or not self.started:
            return
        now = self._means.clock.monotonic_ns()
        sender.on_timeout(now)
        while sender.hungry and self._ahead is not None:
            ahead, self._ahead = self._ahead, None
            self._take(ahead)
        if sender.pause_reached:
            self.pause(now)
            self.session.reach_pause()
            return
        self._read_on()
        if sender.hungry and self._after is not After.MORE and self._queue and not self._advancing:
            self._advancing = True
            Deferred.fromCoroutine(self._play_next()).addErrback(self._failed)
            return
        due = sender.next_timeout(now)
        if sender.blocked:
            for writer in sender.writers:
                writer.when_clear(self._go_on)
        if due is not None:
            self._timer = self._means.reactor.callLater(max(0, due - now) / NS_PER_S, self._go_on)

    async def _play_next(self) -> None:
        """The next of the PLAYs that waited; those that find nothing are passed over."""
        try:
            while self._queue:
                try:
                    await self._open(self._queue.popleft(), None)
                except PlayRefusedError:
                    continue
                break
        finally:
            self._advancing = False
        if self.started:
            self._go_on()

    def _cancel_timers(self) -> None:
        self._cancel(self._timer)
        self._cancel(self._poll)
        self._timer = self._poll = None

    @staticmethod
    def _cancel(call: IDelayedCall | None) -> None:
        if call is not None and call.active():
            call.cancel()
