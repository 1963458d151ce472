"""The RTSP door: counts connections, and holds what outlives a connection - sessions, viewers, who may do what.

The conversation itself is `dialogue/rtsp_server`; which addresses lead to which camera is `live`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import structlog
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall

from bridge.base.time import NS_PER_S, Clock, MonotonicNs
from bridge.dialogue.digest import DigestAuthenticator
from bridge.dialogue.rtsp_login import Login
from bridge.dialogue.rtsp_presentation import LOUDSPEAKER, MulticastRoute, Presentation
from bridge.dialogue.rtsp_server import Connection
from bridge.dialogue.rtsp_server_events import PlayRequested, PortsWanted
from bridge.dialogue.rtsp_server_side import ServerSide
from bridge.dialogue.rtsp_session import MAX_REPLAYS, Session, Sessions
from bridge.dialogue.rtsp_states import State
from bridge.media.hub import Hub
from bridge.media.rtp_stream import RtpStream
from bridge.services.rtsp.connection import RtspConnection
from bridge.services.rtsp.live import LiveStreams
from bridge.services.rtsp.multicast import WaysOut
from bridge.services.rtsp.recorded import RecordedStreams
from bridge.services.rtsp.served import PlayStart, Served, Viewer, by_multicast, hears
from bridge.services.rtsp.talk import Talks
from bridge.services.rtsp.udp import UdpPorts, UdpSender
from bridge.system.access import Gatekeeper, Principal
from bridge.system.audit import Audit
from bridge.system.catalogue import Catalogue
from bridge.system.lockout import Lockout
from bridge.system.multicast_groups import MulticastGroups
from bridge.wire.digest import Algorithm

DOOR = "rtsp"
REALM = "Open Network Bridge"
CLOSE_GRACE_S = 1.0
TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class RtspLimits:
    """Bounds of the door. What is beyond `connections` is closed at once, beyond `sessions` answered 453.

    sessions_per_user:       of all sessions
    replays:                 sessions of recordings, of all sessions
    first_request_timeout_s: from connecting to the end of the first request
    idle_timeout_s:          of a connection without a session
    """

    connections: int = 1000
    connections_per_address: int = 500
    sessions: int = 1000
    sessions_per_user: int = 1000
    replays: int = MAX_REPLAYS
    sessions_per_connection: int = 8
    session_timeout_s: int = 60
    first_request_timeout_s: int = 10
    request_timeout_s: int = 10
    idle_timeout_s: int = 60
    tracks_wait_s: int = 5
    packet_bytes: int = 1400


@dataclass(slots=True)
class RtspStatistics:
    """What the door has counted since it was made; the first ones, above connections_accepted, are those of now.

    replays:           sessions of recordings, whether they play or not
    multicast_viewers: viewers that media go to by multicast
    multicast_tracks:  tracks that go to a group
    talks:             sessions that have a camera's loudspeaker, whether they talk or not
    talks_refused:     SETUPs of a loudspeaker that another one had
    lost_sends:        by UDP and multicast, refused by the kernel: each a run of packets to one address
    """

    connections: int = 0
    sessions: int = 0
    viewers: int = 0
    replays: int = 0
    multicast_viewers: int = 0
    multicast_tracks: int = 0
    talks: int = 0
    connections_accepted: int = 0
    connections_refused: int = 0
    sessions_made: int = 0
    sessions_timed_out: int = 0
    plays: int = 0
    login_failures: int = 0
    protocol_errors: int = 0
    lost_sends: int = 0
    talks_refused: int = 0


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who may log in. principal_of, secret_of: by name; None: nobody, or not at this door.

    anonymous: when given, nobody is asked for a password and all act as this one (simulated cameras)
    vouched:   (address, now) -> the user whom a client without credentials is taken for; None: it must log in
    digest:    algorithms that are offered, in order
    """

    principal_of: Callable[[str], Principal | None]
    secret_of: Callable[[str], str | None]
    lockout: Lockout
    anonymous: Principal | None = None
    vouched: Callable[[str, MonotonicNs], str | None] = lambda address, now: None
    digest: Sequence[Algorithm] = (Algorithm.MD5,)


class RtspServer(Factory):
    """See the module. One instance serves one catalogue on any number of addresses and ports."""

    noisy = False

    def __init__(
        self,
        reactor: Any,  # provides IReactorTime and IReactorSocket; test reactors provide parts of it
        clock: Clock,
        catalogue: Catalogue,
        gatekeeper: Gatekeeper,
        accounts: Accounts,
        audit: Audit,
        random_bytes: Callable[[int], bytes],
        *,
        hosts: Sequence[str] = ("0.0.0.0", "::"),  # noqa: S104 - the configuration's default
        limits: RtspLimits = RtspLimits(),
        udp: UdpSender | None = None,
        make_rtp: Callable[[Hub, Callable[[], object]], RtpStream] | None = None,
        recorded: RecordedStreams | None = None,
        groups: MulticastGroups | None = None,
        ways_out: WaysOut | None = None,
    ) -> None:
        """
        udp, make_rtp: for tests; usually made here
        hosts:         addresses of ours that media go out from by UDP
        recorded:      None: there are no recordings
        groups, ways_out: of multicast; None: there is none
        """
        self.reactor = reactor
        self.clock = clock
        self.limits = limits
        self.counts = RtspStatistics()
        self._accounts = accounts
        self._audit = audit
        self._hosts = tuple(hosts)
        self._udp = udp
        self._ways_out = ways_out
        self._log = structlog.get_logger()
        self._connections: set[RtspConnection] = set()
        self._addresses: Counter[str] = Counter()
        self._viewers: dict[str, Viewer] = {}
        self._ticker = LoopingCall(self.tick)
        self._ticker.clock = reactor
        self._closed: Deferred[None] | None = None
        self.live = LiveStreams(
            reactor,
            clock,
            catalogue,
            gatekeeper,
            make_rtp or (lambda hub, wake: RtpStream(hub, clock, random_bytes, limits.packet_bytes, wake=wake)),
            limits.tracks_wait_s,
            groups,
        )
        self.recorded = recorded
        self.talks = Talks(lambda session, now: sessions.touch(session, now), self._end, self._note_of)
        sessions = Sessions(
            random_bytes,
            timeout_s=limits.session_timeout_s,
            max_sessions=limits.sessions,
            max_of_user=limits.sessions_per_user,
            max_replays=limits.replays,
        )
        login = None
        if accounts.anonymous is None:
            login = Login(
                DigestAuthenticator(REALM, random_bytes(32), algorithms=accounts.digest),
                self._secret_of,
                random_bytes,
                self._is_locked_out,
                self._vouched,
            )
        self.side = ServerSide(
            sessions,
            self._find,
            login,
            listener=self.talks,
            sessions_per_connection=limits.sessions_per_connection,
            first_ns=limits.first_request_timeout_s * NS_PER_S,
            idle_ns=limits.idle_timeout_s * NS_PER_S,
            request_ns=limits.request_timeout_s * NS_PER_S,
        )
        catalogue.watch(self.recheck)

    @property
    def statistics(self) -> RtspStatistics:
        """As of now."""
        counts = self.counts
        counts.connections = len(self._connections)
        counts.sessions, counts.sessions_made = len(self.side.sessions), self.side.sessions.made
        counts.replays = self.side.sessions.replays
        started = [viewer.session for viewer in self._viewers.values() if viewer.started]
        counts.viewers = len(started)
        counts.multicast_viewers = sum(by_multicast(session) for session in started)
        counts.multicast_tracks = self.live.multicast_tracks
        counts.talks, counts.talks_refused = len(self.talks), self.talks.refused
        counts.lost_sends = sum(sender.lost_sends for sender in (self._udp, self._ways_out) if sender is not None)
        return counts

    # Start and end

    def start(self) -> None:
        """Opens the UDP ports and begins to watch sessions; connections may come."""
        if self._udp is None:
            self._udp = UdpSender(self.reactor, self._hosts, on_report=self.heard, on_rtp=self.heard_rtp)
        if not self._ticker.running:
            self._ticker.start(TICK_S, now=False)

    def close(self) -> Deferred[None]:
        """No new connections, every session ends, connections are closed; fires when all of them are gone."""
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        for session in self.side.sessions:
            self._end(session, "shutdown")
        self.live.close()
        for connection in tuple(self._connections):
            connection.writer.lose()
        if self._connections:
            self._closed = Deferred()
            grace = self.reactor.callLater(CLOSE_GRACE_S, self._abort_connections)
            await self._closed
            if grace.active():
                grace.cancel()
        if self._ticker.running:
            self._ticker.stop()
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        if self._ways_out is not None:
            self._ways_out.close()

    def buildProtocol(self, addr: IAddress | None) -> RtspConnection | None:  # noqa: N802 - Twisted's name
        """A connection, or None beyond the limits: Twisted closes it then."""
        host = str(getattr(addr, "host", ""))
        limits = self.limits
        if len(self._connections) >= limits.connections or self._addresses[host] >= limits.connections_per_address:
            self.counts.connections_refused += 1
            return None
        return RtspConnection(self)

    def connected(self, connection: RtspConnection) -> None:
        """It has a transport."""
        self._connections.add(connection)
        self._addresses[connection.peer_host] += 1
        self.counts.connections_accepted += 1

    def disconnected(self, connection: RtspConnection) -> None:
        """It is gone."""
        self._connections.discard(connection)
        self._addresses[connection.peer_host] -= 1
        self._addresses += Counter()  # drops what stands at zero
        if self._closed is not None and not self._connections and not self._closed.called:
            self._closed.callback(None)

    # Rights

    def recheck(self) -> None:
        """Cameras or rights have changed: ends the sessions that would not be allowed any more."""
        for session in self.side.sessions:
            allowed = self._find(session.user, session.presentation.path)
            if not self.served(session.presentation).stays(allowed, session.legs.keys()):
                self._end(session, "no longer allowed or no longer there")
        self.live.prune()

    def logged_in(self, user: str, connection: RtspConnection) -> None:
        """A user has proven himself."""
        self._accounts.lockout.succeeded(connection.peer_host, user, self.clock.monotonic_ns())

    def login_failed(self, user: str, connection: RtspConnection) -> None:
        """A wrong password, or a user who is not there."""
        self.counts.login_failures += 1
        self._accounts.lockout.failed(connection.peer_host, user, self.clock.monotonic_ns())
        self._note(user, "login", DOOR, "refused", connection.peer)

    def not_found(self, user: str, path: str, connection: RtspConnection) -> None:
        """A camera that is there, but not for him, goes into the audit."""
        camera_id = self.live.knows(path)
        if camera_id:
            self._note(user, "live.play", camera_id, "refused", connection.peer)
        elif self.recorded is not None and (camera_id := self.recorded.knows(path)):
            self._note(user, "playback.play", camera_id, "refused", connection.peer)

    def _principal_of(self, user: str) -> Principal | None:
        if self._accounts.anonymous is not None:
            return self._accounts.anonymous
        principal = self._accounts.principal_of(user)
        return principal if principal and (not principal.doors or DOOR in principal.doors) else None

    def _secret_of(self, user: str) -> str | None:
        return self._accounts.secret_of(user) if self._principal_of(user) else None

    def _vouched(self, address: str, now: MonotonicNs) -> str | None:
        user = self._accounts.vouched(address, now)
        return user if user is not None and self._principal_of(user) else None

    def _is_locked_out(self, address: str, user: str) -> bool:
        return self._accounts.lockout.locked(address, user, self.clock.monotonic_ns())

    def _find(self, user: str, path: str) -> Served | None:
        principal = self._principal_of(user)
        if principal is None:
            return None
        return self.live.find(principal, path) or (self.recorded.find(principal, path) if self.recorded else None)

    def served(self, presentation: Presentation) -> Served:
        """All presentations of our dialogues come from `_find`."""
        return cast("Served", presentation)

    # Viewers

    def give_ports(self, event: PortsWanted, connection: RtspConnection) -> tuple[int, int] | None:
        """A pair of ours for a track by UDP or multicast; None: there is none of that family."""
        ports: UdpPorts | None = None
        if isinstance(event.route, MulticastRoute):
            ports = self._ways_out.ports_for(connection.local_host) if self._ways_out else None
        elif self._udp is not None:
            ports = self._udp.ports_for(connection.local_host, connection.peer_host)
        if ports is None:
            return None
        self._viewer(event.session, connection).ports[event.track] = ports
        return ports.ports

    async def play(self, asked: PlayRequested, connection: RtspConnection) -> PlayStart:
        """The start points of its playback. Raises PlayRefusedError."""
        session = asked.session
        viewer = self._viewer(session, connection)
        return await viewer.play(
            asked, connection.writer, lambda reason: self._end(session, reason), self.clock.monotonic_ns()
        )

    def begin(self, session: Session, now: MonotonicNs) -> None:
        """Its PLAY was answered."""
        viewer = self._viewers.get(session.id)
        if viewer is None:
            return
        started = viewer.started
        viewer.begin(now)
        if viewer.started and not started:
            self.counts.plays += 1
            shown = viewer.presentation
            self._note(session.user, f"{shown.deed}.play", shown.camera_id, "ok", viewer.peer)

    def pause(self, session: Session, now: MonotonicNs) -> None:
        """No media until the next PLAY."""
        if (viewer := self._viewers.get(session.id)) is not None:
            viewer.pause(now)

    def pause_at(self, session: Session, at_ns: int, now: MonotonicNs) -> None:
        """No media from that instant (UTC) of the recording on."""
        if (viewer := self._viewers.get(session.id)) is not None:
            viewer.pause_at(at_ns, now)

    def stop_track(self, session: Session, track: int, now: MonotonicNs) -> None:
        """One of its tracks was torn down or set up anew."""
        if track == LOUDSPEAKER:
            self.talks.leave(session, "teardown")
        elif (viewer := self._viewers.get(session.id)) is not None:
            viewer.stop_track(track, now)

    def session_ended(self, session: Session, reason: str) -> None:
        """It is out of the table."""
        self.talks.leave(session, reason)
        viewer = self._viewers.pop(session.id, None)
        if viewer is not None:
            viewer.stop(self.clock.monotonic_ns())
            if viewer.played:
                shown = viewer.presentation
                self._note(session.user, f"{shown.deed}.stop", shown.camera_id, reason, viewer.peer)

    def plays(self, dialogue: Connection) -> bool:
        """Whether media flow on that connection."""
        return any(session.interleaved and session.state is State.PLAYING for session in dialogue.sessions())

    def heard(self, host: str, port: int) -> None:
        """A client's RTCP came by UDP: a sign of life of the session that it belongs to."""
        for viewer in self._viewers.values():
            if hears(viewer.session, host, port):
                self.side.sessions.touch(viewer.session, self.clock.monotonic_ns())

    def heard_rtp(self, host: str, port: int, packet: memoryview) -> None:
        """Something came by UDP where RTP is: talk, perhaps."""
        self.talks.hear_datagram(host, port, packet, self.clock.monotonic_ns())

    def _viewer(self, session: Session, connection: RtspConnection) -> Viewer:
        viewer = self._viewers.get(session.id)
        if viewer is None:
            principal = self._principal_of(session.user)
            viewer = self.served(session.presentation).viewer(session, connection.peer, principal)
            self._viewers[session.id] = viewer
        return viewer

    def _end(self, session: Session, reason: str) -> None:
        """Ends a session from our side; a connection that its media travelled in has no use any more."""
        self.side.sessions.end(session)
        self.session_ended(session, reason)
        if session.interleaved:
            for connection in tuple(self._connections):
                if connection.dialogue is session.connection:
                    connection.writer.lose()

    def tick(self) -> None:
        """Once a second: what timed out."""
        now = self.clock.monotonic_ns()
        for session in self.side.sessions.on_timeout(now):
            self.counts.sessions_timed_out += 1
            self.session_ended(session, "timeout")
        for connection in tuple(self._connections):
            connection.tick(now)

    def _abort_connections(self) -> None:
        for connection in tuple(self._connections):
            connection.abort()

    def _note_of(self, session: Session, action: str, subject: str, outcome: str) -> None:
        viewer = self._viewers.get(session.id)
        self._note(session.user, action, subject, outcome, viewer.peer if viewer is not None else "")

    def _note(self, user: str, action: str, subject: str, outcome: str, peer: str) -> None:
        self._audit(user, action, subject, outcome, peer, self.clock.utc_ns())
