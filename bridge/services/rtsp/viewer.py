"""A viewer of live video: what a session holds of this machine from its first PLAY to its end."""

from collections.abc import Callable

from bridge.base.time import MonotonicNs
from bridge.dialogue.rtsp_server_events import PlayRequested
from bridge.dialogue.rtsp_session import Session
from bridge.media.multicast import Member, Multicast
from bridge.media.routes import Datagrams, MediaWriter, Route
from bridge.media.rtp_stream import Playback, RtpStream
from bridge.services.rtsp.served import PlayRefusedError, PlayStart, Served, by_multicast, routes_of
from bridge.services.rtsp.udp import UdpPorts


class LiveViewer:
    """See the module, and `bridge.services.rtsp.served.Viewer`."""

    def __init__(
        self,
        session: Session,
        presentation: Served,
        rtp: RtpStream,
        multicast: Multicast,
        *,
        peer: str,
        fast_start: bool,
    ) -> None:
        self.session = session
        self.presentation = presentation
        self.peer = peer
        self.started = False
        self.played = False
        self.ports: dict[int, UdpPorts] = {}
        self._rtp = rtp
        self._multicast = multicast
        self._fast_start = fast_start
        self._playback: Playback | Member | None = None
        self._paused: Playback | Member | None = None

    async def play(
        self, asked: PlayRequested, writer: MediaWriter, on_end: Callable[[str], object], now: MonotonicNs
    ) -> PlayStart:
        """The start points of a new playback, or of the one that is on its way. Never waits.

        A session that only talks has none: nothing is sent to it.
        """
        routes = routes_of(self.session, self.ports, writer)
        if not routes:
            return PlayStart({})
        if self._playback is None:
            try:
                self._playback = self._started(routes, on_end, now)
            except LookupError:
                # The camera has its tracks no more.
                raise PlayRefusedError(404) from None
            self._paused = None
        return PlayStart({track: (start.sequence, start.rtp_time) for track, start in self._playback.start.items()})

    def _started(
        self, routes: dict[int, Route], on_end: Callable[[str], object], now: MonotonicNs
    ) -> Playback | Member:
        if by_multicast(self.session):
            groups = {track: route for track, route in routes.items() if isinstance(route, Datagrams)}
            return self._multicast.join(groups, now=now, on_end=on_end)
        continues = self._paused if isinstance(self._paused, Playback) else None
        return self._rtp.play(routes, fast_start=self._fast_start, now=now, on_end=on_end, continues=continues)

    def begin(self, now: MonotonicNs) -> None:
        """The PLAY reply is on the writer. A playback that has begun is not disturbed."""
        if self._playback is not None and not self.started:
            self.started = self.played = True
            self._playback.begin(now)

    def pause(self, now: MonotonicNs) -> None:
        """No more media until the next `play`."""
        if self._playback is not None:
            self._playback.pause(now)
            self._playback, self._paused, self.started = None, self._playback, False

    def pause_at(self, at_ns: int, now: MonotonicNs) -> None:
        """The dialogue asks for it of recorded media only."""

    def stop_track(self, track: int, now: MonotonicNs) -> None:
        """One track of several is not wanted any more."""
        for playback in (self._playback, self._paused):
            if playback is not None:
                playback.stop_track(track, now)

    def stop(self, now: MonotonicNs) -> None:
        """The end."""
        for playback in (self._playback, self._paused):
            if playback is not None:
                playback.stop(now)
        self._playback = self._paused = None
        self.ports.clear()
