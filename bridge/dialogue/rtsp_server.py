"""One RTSP connection seen from the server (RFC 2326, ONVIF Streaming specification), without socket, clock or parser.

Requests come in as values and are answered in their order. What the connection can decide alone it answers itself;
for ports, tracks and media it hands an event to the shell and holds the requests behind it back until the answer
(`resume`, `accept_ports`, `accept_play`, `refuse`) has come. Every call returns events, to be performed in order.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.base.time import NS_PER_S, MonotonicNs
from bridge.dialogue.rtsp_frames import ClientFrames
from bridge.dialogue.rtsp_login import Visitor
from bridge.dialogue.rtsp_presentation import (
    BACKCHANNEL_FEATURE,
    LOUDSPEAKER,
    MulticastRoute,
    OfferedTrack,
    Presentation,
    Target,
    control_of,
    describe,
    read_target,
)
from bridge.dialogue.rtsp_refused import RefusedError
from bridge.dialogue.rtsp_replay import read_pause_point, read_wish
from bridge.dialogue.rtsp_server_events import (
    Close,
    Event,
    NotFound,
    Paused,
    PauseWanted,
    PlayRequested,
    PlayStarted,
    PortsWanted,
    Send,
    SessionEnded,
    TrackEnded,
    TracksWanted,
)
from bridge.dialogue.rtsp_server_side import ServerSide
from bridge.dialogue.rtsp_session import InterleavedRoute, Leg, Session, UdpRoute
from bridge.dialogue.rtsp_states import SERVER, State, allowed
from bridge.dialogue.rtsp_transport import choose_route, transport_of
from bridge.wire.rtsp.headers import Range, RangeUnit, RtpInfo, RtpInfoEntry, parse_transports
from bridge.wire.rtsp.message import Headers, Request, Response

PUBLIC = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER")
KEEPALIVES = frozenset({"OPTIONS", "GET_PARAMETER", "SET_PARAMETER"})
NOT_FOR_US = frozenset({"ANNOUNCE", "RECORD", "REDIRECT"})

PENDING_REQUESTS = 64


@dataclass(slots=True)
class _Exchange:
    """A request on its way to its reply, and what was found out about it so far.

    user:    None: nobody in particular (OPTIONS only)
    leg:     SETUP: what `track` of the session is to become
    fresh:   SETUP: the session was made for it
    patient: the shell may still be asked to wait for tracks
    talks:   the backchannel is required
    """

    request: Request
    target: Target
    user: str | None = None
    session: Session | None = None
    track: int = 0
    leg: Leg | None = None
    fresh: bool = False
    patient: bool = True
    talks: bool = False


class Connection:
    """See the module. Holds back at most PENDING_REQUESTS; a client that sends more meanwhile is cut off."""

    def __init__(
        self,
        side: ServerSide,
        *,
        peer_host: str,
        local_host: str,
        local_port: int,
        now: MonotonicNs,
        secure: bool = False,
    ) -> None:
        """
        hosts:  addresses, as the socket names them
        secure: RTSP over TLS; media then travel in the connection alone
        """
        self.peer_host = peer_host
        self.local_host = local_host
        self._secure = secure
        self._side = side
        self._sessions = side.sessions
        self._root = (
            f"{'rtsps' if secure else 'rtsp'}://{f'[{local_host}]' if ':' in local_host else local_host}:{local_port}"
        )
        self._visitor = Visitor(side.login, peer_host)
        self._described_path = ""
        self._pending: deque[Request | RemoteProtocolError] = deque()
        self._waiting: _Exchange | None = None
        self._attached: dict[str, Session] = {}
        self._events: list[Event] = []
        self._closed = False
        self._active_at = now
        self._greeted = False
        self._partial_since: MonotonicNs | None = None
        self._frames = ClientFrames(side.sessions, side.listener, now)

    @property
    def waiting(self) -> bool:
        """Whether a request waits for the shell: reading on would only fill the queue."""
        return self._waiting is not None

    def sessions(self) -> list[Session]:
        """The living sessions that this connection made or took over."""
        for session in [session for session in self._attached.values() if session.ended]:
            del self._attached[session.id]
            # Its next request is to be told 454, so a connection is not idle at once when its session has expired.
            self._active_at = max(self._active_at, session.expires_ns)
        return list(self._attached.values())

    # What the peer does

    def receive(self, item: Request | RemoteProtocolError, now: MonotonicNs) -> list[Event]:
        """The next request; or the error of one that could not be read, after which the connection is over."""
        self._active_at = now
        self._greeted = True
        self._partial_since = None
        if not self._closed:
            if len(self._pending) >= PENDING_REQUESTS:
                self._close(f"more than {PENDING_REQUESTS} requests sent without waiting for their replies")
            else:
                self._pending.append(item)
        return self._advance(now)

    def receive_frame(self, channel: int, payload: memoryview, now: MonotonicNs) -> list[Event]:
        """An interleaved frame of the client: a report, or talk for a loudspeaker; all else is dropped in silence."""
        self._partial_since = None
        if not self._frames.take(self._attached.values(), channel, payload, now) and not self._closed:
            self._close("flood of interleaved frames")
            return self._take_events()
        return []

    def bytes_read(self, now: MonotonicNs, *, partial: bool) -> None:
        """After each read: whether it ended inside a message. Starts or clears the deadline of slow requests."""
        if not partial:
            self._partial_since = None
        elif self._partial_since is None:
            self._partial_since = now

    def lost(self) -> list[Event]:
        """The TCP connection is gone: interleaved sessions end, those over UDP live on until their timeout."""
        self._closed = True
        self._pending.clear()
        exchange, self._waiting = self._waiting, None
        if exchange and exchange.fresh and exchange.session:
            self._sessions.end(exchange.session)
        for session in self.sessions():
            if session.interleaved:
                self._end(session, "connection lost")
        return self._take_events()

    def next_timeout(self) -> MonotonicNs | None:
        """When `on_timeout` should be called."""
        moments = []
        if not self.sessions() and self._waiting is None:
            moments.append(self._active_at + (self._side.idle_ns if self._greeted else self._side.first_ns))
        if self._partial_since is not None:
            moments.append(self._partial_since + self._side.request_ns)
        return MonotonicNs(min(moments)) if moments and not self._closed else None

    def on_timeout(self, now: MonotonicNs) -> list[Event]:
        """A request that does not end is answered 408; a connection without a session and a request is closed."""
        due = self.next_timeout()
        if due is None or now < due:
            return []
        if self._partial_since is not None and now >= self._partial_since + self._side.request_ns:
            self._events.append(Send(Response(408, headers=Headers([("Server", self._side.name)])).encode()))
            self._close(f"request not complete after {self._side.request_ns // NS_PER_S} s")
        else:
            side = self._side
            waited_ns, without = (side.idle_ns, "a session") if self._greeted else (side.first_ns, "a request")
            self._close(f"idle for {waited_ns // NS_PER_S} s without {without}")
        return self._take_events()

    # What the shell answers

    def resume(self, now: MonotonicNs) -> list[Event]:
        """Answer to TracksWanted: they are known now, or will not be (503)."""
        exchange = self._take_waiting()
        exchange.patient = False
        self._perform(exchange, now)
        return self._advance(now)

    def accept_ports(self, server_ports: tuple[int, int], now: MonotonicNs, *, source: str = "") -> list[Event]:
        """Answer to PortsWanted: the pair is bound. source: where packets come from if not from the RTSP address.

        By multicast neither is told: there clients look at the group, and at who has sent to it.
        """
        exchange = self._take_waiting()
        leg = exchange.leg
        if leg is None or isinstance(leg.route, InterleavedRoute):
            raise LocalProtocolError("accept_ports: nobody asked for ports")
        if isinstance(leg.route, UdpRoute):
            exchange.leg = replace(leg, route=replace(leg.route, server_ports=server_ports, source=source))
        self._finish_setup(exchange, now)
        return self._advance(now)

    def accept_play(
        self, starts: Mapping[int, tuple[int | None, int | None]], now: MonotonicNs, *headers: tuple[str, str]
    ) -> list[Event]:
        """Answer to PlayRequested. starts: track -> sequence number and RTP time of its first packet; None: unknown.

        headers: what replay adds (`Scale`, `Range`); live says `Range: npt=now-` by itself.
        """
        exchange = self._take_waiting()
        session = exchange.session
        if session is None or exchange.request.method != "PLAY":
            raise LocalProtocolError("accept_play: nobody asked to play")
        if session.ended:
            self._reply(exchange, 454)
            return self._advance(now)
        session.state = SERVER[session.state, "PLAY"]
        entries = (RtpInfoEntry(leg.url, *starts[track]) for track, leg in session.legs.items() if track in starts)
        mine = [] if any(name.lower() == "range" for name, _ in headers) else [("Range", "npt=now-")]
        info = RtpInfo(tuple(entries)).format()
        self._reply(exchange, 200, *mine, *headers, *([("RTP-Info", info)] if info else []))
        self._events.append(PlayStarted(session))
        return self._advance(now)

    def refuse(self, status: int, now: MonotonicNs, *headers: tuple[str, str]) -> list[Event]:
        """Answer to any event that waits: it cannot be done."""
        exchange = self._take_waiting()
        if exchange.fresh and exchange.session:
            self._sessions.end(exchange.session)
            exchange.session = None
        self._reply(exchange, status, *headers)
        return self._advance(now)

    # Requests, one after the other

    def _advance(self, now: MonotonicNs) -> list[Event]:
        while self._pending and self._waiting is None and not self._closed:
            item = self._pending.popleft()
            if isinstance(item, RemoteProtocolError):
                if item.status:
                    fields = [("CSeq", item.cseq)] if item.cseq else []
                    fields.append(("Server", self._side.name))
                    self._events.append(Send(Response(item.status, headers=Headers(fields)).encode()))
                self._close(str(item))
            else:
                self._perform(_Exchange(item, read_target(item.uri, self._root, self._described_path)), now)
        return self._take_events()

    def _perform(self, exchange: _Exchange, now: MonotonicNs) -> None:
        try:
            self._check_form(exchange.request)
            self._identify(exchange, now)
            self._check_required(exchange)
            match exchange.request.method:
                case "OPTIONS":
                    self._reply(exchange, 200, ("Public", ", ".join(PUBLIC)))
                case "DESCRIBE":
                    self._describe(exchange)
                case "SETUP":
                    self._setup(exchange, now)
                case "PLAY":
                    self._play(exchange)
                case "PAUSE":
                    self._pause(exchange)
                case "TEARDOWN":
                    self._teardown(exchange)
                case "GET_PARAMETER" | "SET_PARAMETER":
                    self._parameter(exchange)
                case _:
                    self._find(exchange)
                    raise RefusedError(405, ("Allow", ", ".join(PUBLIC)))
        except RefusedError as refused:
            self._events += refused.events
            self._reply(exchange, refused.status, *refused.headers)
        except RemoteProtocolError as error:
            self._reply(exchange, error.status or 400)

    @staticmethod
    def _check_form(request: Request) -> None:
        cseq = request.headers.get("CSeq") or ""
        if not (cseq.isascii() and cseq.isdigit()):
            raise RefusedError(400)
        if request.method not in PUBLIC and request.method not in NOT_FOR_US:
            raise RefusedError(501, ("Public", ", ".join(PUBLIC)))

    def _check_required(self, exchange: _Exchange) -> None:
        """Whether there is a loudspeaker is seen where it matters: DESCRIBE, SETUP and PLAY."""
        for header in ("Require", "Proxy-Require"):
            tags = [tag.strip() for line in exchange.request.headers.all(header) for tag in line.split(",")]
            talks = [tag for tag in tags if tag.lower() == BACKCHANNEL_FEATURE]
            unknown = [tag for tag in tags if tag and tag not in self._side.features and tag not in talks]
            if unknown:
                raise RefusedError(551, ("Unsupported", ", ".join(unknown)))
            exchange.talks |= bool(talks)

    def _loudspeaker(self, exchange: _Exchange, presentation: Presentation) -> OfferedTrack | None:
        """The way to it, if there is one; 551 to who requires one that is not there (RFC 2326 11.3.14)."""
        loudspeaker = presentation.loudspeaker() if self._side.listener is not None else None
        if exchange.talks and loudspeaker is None:
            raise RefusedError(551, ("Unsupported", BACKCHANNEL_FEATURE))
        return loudspeaker

    def _identify(self, exchange: _Exchange, now: MonotonicNs) -> None:
        """Who asks, and for which session. Any request of a session is a sign of life (ONVIF Streaming 5.2.2.3)."""
        request = exchange.request
        named = (request.headers.get("Session") or "").partition(";")[0].strip()
        mine = self.sessions()
        own = self._attached.get(named)
        keepalive = request.method in KEEPALIVES
        # UniFi Protect and others send no credentials once they have a session, and keepalives without its right id.
        trusted = own or (mine[-1] if mine and keepalive else None)
        free = request.method == "OPTIONS" and not named
        exchange.user, events = self._visitor.user_of(
            request, exchange.target, trusted=trusted.user if trusted else None, free=free, now=now
        )
        self._events += events
        session = own
        if own is None and named:
            session = self._take_over(named, exchange.user)
            if session is None and not (keepalive and mine):
                raise RefusedError(454)
        elif own is None and mine and request.method in ("PLAY", "PAUSE", "TEARDOWN"):
            raise RefusedError(454)
        exchange.session = session
        for touched in [session] if session else mine if keepalive else []:
            self._sessions.touch(touched, now)

    def _take_over(self, named: str, user: str | None) -> Session | None:
        """The session of that id from another connection, if it may be continued on this one."""
        session = self._sessions.get(named)
        if session is None or session.user != user or session.interleaved or not session.legs:
            return None
        if len(self._attached) < self._side.sessions_per_connection:
            self._attached[named] = session
        return session

    def _find(self, exchange: _Exchange) -> Presentation:
        presentation = self._side.find(exchange.user or "", exchange.target.path)
        if presentation is None:
            refused = self._visitor.unknown(self._active_at)
            if refused.status == 404 and exchange.request.method in ("DESCRIBE", "SETUP"):
                self._events.append(NotFound(exchange.user or "", exchange.target.path))
            raise refused
        return presentation

    def _tracks(self, exchange: _Exchange, presentation: Presentation) -> Sequence[OfferedTrack] | None:
        """The tracks; None when the shell was asked to wait for them."""
        tracks = presentation.tracks()
        if tracks:
            return tracks
        if not exchange.patient:
            raise RefusedError(503, ("Retry-After", "5"))
        self._wait(exchange, TracksWanted(presentation))
        return None

    # The methods

    def _describe(self, exchange: _Exchange) -> None:
        accept = ",".join(exchange.request.headers.all("Accept")).lower()
        if accept and not any(kind in accept for kind in ("application/sdp", "application/*", "*/*")):
            raise RefusedError(406)
        presentation = self._find(exchange)
        tracks = self._tracks(exchange, presentation)
        if tracks is None:
            return
        loudspeaker = self._loudspeaker(exchange, presentation)
        if loudspeaker is not None and exchange.talks:
            tracks = [*tracks, loudspeaker]
        self._described_path = exchange.target.called
        self._reply(
            exchange,
            200,
            ("Content-Base", exchange.target.base),
            ("Content-Type", "application/sdp"),
            ("Cache-Control", "no-cache"),
            body=describe(presentation, tracks, self.local_host),
        )

    def _setup(self, exchange: _Exchange, now: MonotonicNs) -> None:
        presentation = self._find(exchange)
        session = exchange.session
        if session and session.presentation.path != presentation.path:
            raise RefusedError(459)
        if session:
            self._check_state(session, "SETUP")
        tracks = self._tracks(exchange, presentation)
        if tracks is None:
            return
        loudspeaker = self._loudspeaker(exchange, presentation)
        if exchange.target.track is None and len(tracks) > 1:
            raise RefusedError(459)
        offered = next((each for each in tracks if exchange.target.track in (None, each.track)), None)
        if exchange.target.track == LOUDSPEAKER:
            # Who was shown it has required it; go2rtc does not say so again.
            offered = loudspeaker
        if offered is None:
            raise RefusedError(404)
        route = choose_route(
            parse_transports(",".join(exchange.request.headers.all("Transport"))),
            peer_host=self.peer_host,
            taken=self._channels_taken(session, offered.track),
            secure=self._secure,
            beside=next((leg.route for track, leg in session.legs.items() if track != offered.track), None)
            if session
            else None,
            group=self._group(offered),
        )
        if session is None:
            session = self._make_session(exchange, presentation, now)
        exchange.track = offered.track
        exchange.leg = Leg(route, exchange.target.base + control_of(offered.track), offered.ssrc)
        if isinstance(route, InterleavedRoute):
            session.connection = self
            self._finish_setup(exchange, now)
        else:
            self._wait(exchange, PortsWanted(session, offered.track, route))

    def _group(self, offered: OfferedTrack) -> MulticastRoute | None:
        """Where this client may join; over another family than the group's nothing is known of its networks."""
        group = offered.group
        return group if group is None or (":" in group.host) == (":" in self.peer_host) else None

    def _make_session(self, exchange: _Exchange, presentation: Presentation, now: MonotonicNs) -> Session:
        room = len(self.sessions()) < self._side.sessions_per_connection
        session = self._sessions.make(exchange.user or "", presentation, now) if room else None
        if session is None:
            raise RefusedError(453)
        exchange.session, exchange.fresh = session, True
        return session

    def _channels_taken(self, session: Session | None, track: int) -> set[int]:
        taken: set[int] = set()
        for each in self.sessions():
            for number, leg in each.legs.items():
                if isinstance(leg.route, InterleavedRoute) and (each is not session or number != track):
                    taken |= {leg.route.rtp_channel, leg.route.rtcp_channel}
        return taken

    def _finish_setup(self, exchange: _Exchange, now: MonotonicNs) -> None:
        session, leg = exchange.session, exchange.leg
        if session is None or leg is None:
            raise LocalProtocolError("SETUP finished before a route was chosen")
        if session.ended:
            self._reply(exchange, 454)
            return
        talks = exchange.track == LOUDSPEAKER
        if talks and (self._side.listener is None or not self._side.listener.take(session)):
            self._refuse_talk(exchange, session)
            return
        before = session.legs.pop(exchange.track, None)
        if before is not None and not talks:
            self._events.append(TrackEnded(session, exchange.track, before.route))
        session.legs[exchange.track] = leg
        if not isinstance(leg.route, InterleavedRoute):
            session.connection = None
        session.state = SERVER[session.state, "SETUP"]
        self._attached[session.id] = session
        self._sessions.touch(session, now)
        self._reply(exchange, 200, ("Transport", transport_of(leg)))

    def _refuse_talk(self, exchange: _Exchange, session: Session) -> None:
        """Another one talks. No document names a status: 453 is for what is reserved already (RFC 2326 11.3.4).

        At SETUP, not at PLAY: so a client that also wants to see goes on without.
        """
        if exchange.fresh:
            self._end(session, "another one talks")
            exchange.session = None
        self._reply(exchange, 453)

    def _play(self, exchange: _Exchange) -> None:
        session = self._session_for(exchange)
        self._loudspeaker(exchange, session.presentation)
        text = exchange.request.headers.get("Range")
        try:
            range_ = Range.parse(text) if text is not None else None
        except RemoteProtocolError:
            raise RefusedError(457) from None
        if session.presentation.live and range_ is not None and range_.unit is not RangeUnit.NPT:
            raise RefusedError(457)
        playing = session.state is State.PLAYING
        wish = None if session.presentation.live else read_wish(exchange.request, range_)
        self._wait(exchange, PlayRequested(session, exchange.request, range_, playing, wish))

    def _pause(self, exchange: _Exchange) -> None:
        session = self._session_for(exchange)
        at_ns = None if session.presentation.live else read_pause_point(exchange.request)
        if at_ns is None or session.state is not State.PLAYING:
            session.state = SERVER[session.state, "PAUSE"]
            self._events.append(Paused(session))
        else:
            self._events.append(PauseWanted(session, at_ns))
        self._reply(exchange, 200)

    def _teardown(self, exchange: _Exchange) -> None:
        if exchange.session is None:  # RFC 2326 A.2: harmless before SETUP
            self._reply(exchange, 200)
            return
        session = self._session_for(exchange)
        track = exchange.target.track
        if track is not None and len(session.legs) > 1:
            leg = session.legs.pop(track)
            self._events.append(TrackEnded(session, track, leg.route))
        else:
            self._end(session, "teardown")
        self._reply(exchange, 200)

    def _parameter(self, exchange: _Exchange) -> None:
        """Keepalives, mostly. We have no parameters: a named one is not understood (RFC 2326 10.8, 10.9)."""
        request = exchange.request
        kind = (request.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        if request.body.strip():
            if request.method == "GET_PARAMETER":
                raise RefusedError(451 if kind in ("", "text/parameters") else 415)
            # SET_PARAMETER is kept alive by recorders with bodies of their own making; only a true setting is refused.
            if kind == "text/parameters" and b":" in request.body:
                raise RefusedError(451)
        self._reply(exchange, 200)

    def _session_for(self, exchange: _Exchange) -> Session:
        """The session of a request that must have one, in a state and with a URL that suit it."""
        session, method = exchange.session, exchange.request.method
        if session is None:
            raise RefusedError(455, ("Allow", ", ".join(allowed(State.INIT))))
        self._check_state(session, method)
        if self._find(exchange).path != session.presentation.path:
            raise RefusedError(404)
        track = exchange.target.track
        if track is not None and track not in session.legs:
            raise RefusedError(404)
        if track is not None and len(session.legs) > 1 and method != "TEARDOWN":
            raise RefusedError(460)
        return session

    @staticmethod
    def _check_state(session: Session, method: str) -> None:
        if (session.state, method) not in SERVER:
            raise RefusedError(455, ("Allow", ", ".join(allowed(session.state))))

    # Small things

    def _wait(self, exchange: _Exchange, event: Event) -> None:
        self._waiting = exchange
        self._events.append(event)

    def _take_waiting(self) -> _Exchange:
        exchange, self._waiting = self._waiting, None
        if exchange is None:
            raise LocalProtocolError("an answer came, but no request waits for one")
        return exchange

    def _reply(self, exchange: _Exchange, status: int, *headers: tuple[str, str], body: bytes = b"") -> None:
        fields = [("CSeq", cseq)] if (cseq := exchange.request.headers.get("CSeq")) else []
        fields.append(("Server", self._side.name))
        if exchange.session is not None:
            timeout = f";timeout={self._sessions.timeout_s}" if exchange.request.method == "SETUP" else ""
            fields.append(("Session", exchange.session.id + timeout))
        response = Response(status, headers=Headers([*fields, *headers]), body=body)
        self._events.append(Send(response.encode()))

    def _end(self, session: Session, reason: str) -> None:
        self._sessions.end(session)
        self._attached.pop(session.id, None)
        self._events.append(SessionEnded(session, reason))

    def _close(self, reason: str) -> None:
        self._closed = True
        self._pending.clear()
        self._events.append(Close(reason))

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events
