"""One viewer: what a session holds of this machine from its first PLAY to its end, wherever its requests come from."""

from collections.abc import Callable, Mapping

from bridge.base.time import MonotonicNs
from bridge.dialogue.rtsp_session import InterleavedRoute, Session
from bridge.media.routes import Datagrams, Interleaved, MediaWriter, Route
from bridge.media.rtp_stream import Playback
from bridge.services.rtsp.live import LivePresentation
from bridge.services.rtsp.udp import UdpPorts, UdpSender


class Viewer:
    """See the module.

    peer:    address and port of the RTSP connection that set it up, for the audit
    started: media flow now
    played:  they have flowed at all
    """

    def __init__(self, session: Session, presentation: LivePresentation, *, peer: str, fast_start: bool) -> None:
        self.session = session
        self.presentation = presentation
        self.peer = peer
        self.started = False
        self.played = False
        self._fast_start = fast_start
        self._playback: Playback | None = None
        self._paused: Playback | None = None
        self._ports: dict[int, UdpPorts] = {}

    def give_ports(self, track: int, ports: UdpPorts) -> None:
        """The ports of ours that a track by UDP is sent from."""
        self._ports[track] = ports

    def play(
        self, writer: MediaWriter, on_end: Callable[[str], object], now: MonotonicNs
    ) -> Mapping[int, tuple[int | None, int | None]]:
        """The start points for RTP-Info: of a new playback, or of the one that is on its way.

        writer: that of the connection which asks; interleaved media go through it
        """
        if self._playback is None:
            self._playback = self.presentation.rtp.play(
                self._routes(writer), fast_start=self._fast_start, now=now, on_end=on_end, continues=self._paused
            )
            self._paused = None
        return {track: (start.sequence, start.rtp_time) for track, start in self._playback.start.items()}

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
        self._ports.clear()

    def hears(self, host: str, port: int) -> bool:
        """Whether a report that came by UDP from there is of this viewer."""
        return any(
            not isinstance(leg.route, InterleavedRoute) and port in leg.route.client_ports and host == leg.route.host
            for leg in self.session.legs.values()
        )

    def _routes(self, writer: MediaWriter) -> dict[int, Route]:
        routes: dict[int, Route] = {}
        for track, leg in self.session.legs.items():
            route = leg.route
            if isinstance(route, InterleavedRoute):
                routes[track] = Interleaved(writer, route.rtp_channel, route.rtcp_channel)
            else:
                rtp_port, rtcp_port = route.client_ports
                address = UdpSender.address
                routes[track] = Datagrams(
                    self._ports[track], address(route.host, rtp_port), address(route.host, rtcp_port)
                )
        return routes
