"""What the server asks of presentations and their viewers, live or recorded: `live` and `recorded` implement it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from bridge.base.time import MonotonicNs
from bridge.dialogue.rtsp_presentation import LOUDSPEAKER, MulticastRoute, Presentation
from bridge.dialogue.rtsp_server_events import PlayRequested
from bridge.dialogue.rtsp_session import InterleavedRoute, Session, UdpRoute
from bridge.media.routes import Datagrams, Interleaved, MediaWriter, Route
from bridge.services.rtsp.udp import UdpPorts, UdpSender
from bridge.system.access import Principal


class PlayRefusedError(Exception):
    """A PLAY cannot be done; status: of the reply."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class PlayStart:
    """What the reply to a PLAY says.

    starts:  by track: sequence number and RTP time of its first packet; None: not known yet
    headers: what is said beside
    """

    starts: Mapping[int, tuple[int | None, int | None]]
    headers: tuple[tuple[str, str], ...] = ()


class Viewer(Protocol):
    """What a session holds of this machine from its first SETUP or PLAY to its end.

    peer:    address and port of the RTSP connection that set it up, for the audit
    started: media flow now
    played:  they have flowed at all
    """

    session: Session
    presentation: "Served"
    peer: str
    started: bool
    played: bool
    ports: dict[int, UdpPorts]
    """Of each track by UDP those of ours that it is sent from."""

    async def play(
        self, asked: PlayRequested, writer: MediaWriter, on_end: Callable[[str], object], now: MonotonicNs
    ) -> PlayStart:
        """Chooses the start. Raises PlayRefusedError.

        writer: that of the connection which asks; interleaved media go through it
        on_end: called with a reason when it cannot go on
        """

    def begin(self, now: MonotonicNs) -> None:
        """The PLAY reply is on the writer. A playback that has begun is not disturbed."""

    def pause(self, now: MonotonicNs) -> None:
        """No more media until the next `play`."""

    def pause_at(self, at_ns: int, now: MonotonicNs) -> None:
        """The same when play comes to that instant (UTC); of recorded media only."""

    def stop_track(self, track: int, now: MonotonicNs) -> None:
        """One track of several is not wanted any more."""

    def stop(self, now: MonotonicNs) -> None:
        """The end."""


class Served(Presentation, Protocol):
    """A presentation as the server has it."""

    @property
    def camera_id(self) -> str:
        """Whose pictures they are."""

    @property
    def deed(self) -> str:
        """What the audit calls watching it: `live`, `playback`."""

    def stays(self, allowed: "Served | None", tracks: Collection[int]) -> bool:
        """Whether a session of these tracks may go on, when its user would be given `allowed` now."""

    def when_known(self, done: Callable[[int], object]) -> Callable[[], object]:
        """Calls `done` once, later, when its tracks are known or will not be; returns what cancels that.

        done is called with 0, or with the status of the reply when there is nothing to describe.
        """

    def viewer(self, session: Session, peer: str, principal: Principal | None) -> Viewer:
        """For a session of it."""


def routes_of(session: Session, ports: Mapping[int, UdpPorts], writer: MediaWriter) -> dict[int, Route]:
    """Where each track of a session goes; what its client talks comes, and is not among them."""
    routes: dict[int, Route] = {}
    for track, leg in session.legs.items():
        route = leg.route
        if track == LOUDSPEAKER:
            continue
        if isinstance(route, InterleavedRoute):
            routes[track] = Interleaved(writer, route.rtp_channel, route.rtcp_channel)
        elif isinstance(route, MulticastRoute):
            routes[track] = group_of(route, ports[track])
        else:
            rtp_port, rtcp_port = route.client_ports
            address = UdpSender.address
            routes[track] = Datagrams(ports[track], address(route.host, rtp_port), address(route.host, rtcp_port))
    return routes


def group_of(route: MulticastRoute, ports: UdpPorts) -> Datagrams:
    """The way to a group."""
    rtp_port, rtcp_port = route.ports
    return Datagrams(ports, UdpSender.address(route.host, rtp_port), UdpSender.address(route.host, rtcp_port))


def by_multicast(session: Session) -> bool:
    """Whether its media go to groups; all tracks of a session go by one kind of way."""
    return any(isinstance(leg.route, MulticastRoute) for leg in session.legs.values())


def hears(session: Session, host: str, port: int) -> bool:
    """Whether a report that came by UDP from there is of this session."""
    return any(
        isinstance(leg.route, UdpRoute) and port in leg.route.client_ports and host == leg.route.host
        for leg in session.legs.values()
    )
