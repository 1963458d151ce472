"""The client side of RTSP (RFC 2326): one conversation with a camera, from OPTIONS to PLAY and on with keepalives.

    OPTIONS -> DESCRIBE -> SETUP of each wanted track -> PLAY -> keepalives -> TEARDOWN

Messages come in through `on_message`; interleaved frames never pass through here. Every call returns the events that
the shell performs in order. One request is outstanding at a time, so answers are matched even for cameras that lose
count. Tolerances for faulty cameras are named in `ClientPolicy`. What DESCRIBE's answer means is `rtsp_offer`'s.

Where talk is wanted, DESCRIBE requires the backchannel (ONVIF Streaming Specification), and the loudspeaker is one more
SETUP. A camera that refuses any of it is asked again without, and delivers as others do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.base.media import Medium
from bridge.base.time import NS_PER_S, MonotonicNs
from bridge.dialogue.digest import DigestClient
from bridge.dialogue.rtsp_client_events import (
    Described,
    DownReason,
    Ended,
    Event,
    Failed,
    Fault,
    Lower,
    Playing,
    PortsWanted,
    Ready,
    Redirected,
    Send,
    Tolerated,
    TrackRefused,
)
from bridge.dialogue.rtsp_offer import LENIENT, Offer, OfferPolicy, read_offer, sendable, session_of
from bridge.dialogue.rtsp_presentation import BACKCHANNEL_FEATURE
from bridge.dialogue.rtsp_setups import Setups
from bridge.dialogue.rtsp_states import CLIENT, Phase, Step
from bridge.wire.rtsp.headers import DEFAULT_TIMEOUT_S, parse_public
from bridge.wire.rtsp.message import Headers, Request, Response
from bridge.wire.rtsp.url import RtspUrl, control_base

USER_AGENT = "OpenNetworkBridge"
MAX_REDIRECTS = 4

_REDIRECTS = frozenset({301, 302, 303, 305, 307, 308})
#: 461 is RFC 2326's word for it; the others are what firmware without a table of status codes says instead.
_TRANSPORT_REFUSED = frozenset({406, 415, 461, 501})
#: Playing for so long, a camera has begun anew: a redirect after that is not one of a row.
_REDIRECTS_FORGOTTEN_NS = 60 * NS_PER_S
_NOTHING_CAME_OVER = {
    Lower.TCP: "TCP",
    Lower.UDP: "UDP; a firewall may hold the packets back",
    Lower.MULTICAST: "multicast; a switch, a router or a firewall may hold the packets back",
}
_ACCEPT, _REQUIRE = ("Accept", "application/sdp"), ("Require", BACKCHANNEL_FEATURE)
_FROM_START = ("Range", "npt=0.000-")
_MAX_ABANDONED = 16
_CNONCE_BYTES = 8
_SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True)
class ClientPolicy:
    """How long we wait, and what we forgive.

    media_timeout_ns:        no access unit of the main medium for so long: "no video". Twice as long as the pauses of
                             cameras that fall silent for 4 s every minute while they write to their card
    keepalive_most_ns:       longest distance of keepalives, whatever timeout the camera grants
    try_other_transport:     461, or what some say instead, on the first track: ask for the other transport
    play_without_range:      457 on PLAY: ask without Range, which a live stream has no use for
    forgive_lost_keepalives: a keepalive without an answer is forgotten as long as media comes, and the next one is
                             OPTIONS; so is one that is refused (C520WS: 400 for what its Public names, retina #133)
    forgive_cseq:            an answer with a wrong or missing CSeq belongs to the outstanding request (Foscam's
                             HiSilicon server counts from 0; the C520WS lags behind by one when it refuses)
    offer:                   how DESCRIBE's answer is read
    """

    response_timeout_ns: int = 10 * NS_PER_S
    media_timeout_ns: int = 10 * NS_PER_S
    teardown_timeout_ns: int = 1 * NS_PER_S
    keepalive_most_ns: int = 30 * NS_PER_S
    try_other_transport: bool = True
    play_without_range: bool = True
    forgive_lost_keepalives: bool = True
    forgive_cseq: bool = True
    offer: OfferPolicy = LENIENT


@dataclass(slots=True)
class _Outstanding:
    """The one request that waits for its answer."""

    method: str
    uri: str
    headers: tuple[tuple[str, str], ...]
    cseq: int
    deadline: MonotonicNs


class RtspClient:
    """See the module.

    transport:    the one to ask for first
    random_bytes: source of client nonces (`secrets.token_bytes`)
    talk:         whether the camera's loudspeaker is wanted
    """

    def __init__(
        self,
        url: RtspUrl,
        *,
        transport: Lower,
        random_bytes: Callable[[int], bytes],
        user_agent: str = USER_AGENT,
        policy: ClientPolicy = ClientPolicy(),
        redirects_left: int = MAX_REDIRECTS,
        talk: bool = False,
    ) -> None:
        self.url = url
        #: Whether the camera said nothing, or hung up, where it was asked for its loudspeaker.
        self.talk_was_fatal = False
        self._talk = talk
        self.phase = Phase.IDLE
        self._policy = policy
        self._user_agent = user_agent
        self._redirects_left = redirects_left
        self._random_bytes = random_bytes
        self._login = None if url.user is None else DigestClient(url.user, url.password or "")
        self._request_url = sendable(url.without_credentials)

        self._events: list[Event] = []
        self._outstanding: _Outstanding | None = None
        self._abandoned: list[int] = []
        self._cseq = 0

        self._setups = Setups(transport)
        self._lowers_refused: set[Lower] = set()
        self._public: frozenset[str] = frozenset()
        self._offer: Offer | None = None
        self._last_refusal = 0

        self._session = ""
        self._other_session = ""
        self._playing_since: MonotonicNs | None = None
        self._tolerated: set[Fault] = set()
        self._session_timeout_s = DEFAULT_TIMEOUT_S
        self._keepalive = "OPTIONS"
        self._keepalive_at: MonotonicNs | None = None
        self._media_deadline: MonotonicNs | None = None

    # What the shell calls

    def start(self, now: MonotonicNs) -> list[Event]:
        """The connection is up. Raises LocalProtocolError when called twice."""
        self._step(Step.START)
        self._ask("OPTIONS", self._request_url, now)
        return self._take_events()

    def on_message(self, message: Request | Response, now: MonotonicNs) -> list[Event]:
        """A message of the camera. After the end of the conversation it means nothing any more."""
        if self.phase in (Phase.IDLE, Phase.CLOSED):
            return []
        try:
            if isinstance(message, Request):
                self._on_request(message, now)
            else:
                self._on_response(message, now)
        except RemoteProtocolError as error:
            self._fail(DownReason.PROTOCOL, str(error))
        return self._take_events()

    def give_ports(self, ports: Sequence[tuple[int, int]], now: MonotonicNs) -> list[Event]:
        """The answer to PortsWanted: (RTP port, RTCP port) of as many pairs as were asked for."""
        self._step(Step.PORTS_GIVEN)
        self._setups.give_ports(ports)
        self._set_up_next(now)
        return self._take_events()

    def media_arrived(self, now: MonotonicNs) -> None:
        """The latest access unit of the main medium came then: the camera lives. To be told before `on_timeout`."""
        self._media_deadline = MonotonicNs(now + self._policy.media_timeout_ns)

    def next_timeout(self) -> MonotonicNs | None:
        """When `on_timeout` wants to be called; it may turn out that nothing was due yet."""
        due = [self._outstanding.deadline] if self._outstanding else []
        if self.phase is Phase.PLAYING:
            if self._keepalive_at is not None and self._outstanding is None:
                due.append(self._keepalive_at)
            if self._media_deadline is not None:
                due.append(self._media_deadline)
        return min(due, default=None)

    def on_timeout(self, now: MonotonicNs) -> list[Event]:
        """Time has passed: misses answers and media, sends what is due."""
        outstanding = self._outstanding
        if outstanding is not None and now >= outstanding.deadline:
            self._on_no_answer(outstanding, now)
        if self.phase is Phase.PLAYING:
            if self._media_deadline is not None and now >= self._media_deadline:
                seconds = self._policy.media_timeout_ns // NS_PER_S
                over = _NOTHING_CAME_OVER[self._setups.lower]
                # Untold, a camera sends on over UDP until its session is over, to ports that are another's by then.
                self._ask("TEARDOWN", self._control_url, now)
                self._fail(DownReason.NO_VIDEO, f"no picture came for {seconds} s over {over}")
            elif self._keepalive_at is not None and now >= self._keepalive_at and self._outstanding is None:
                self._keepalive_at = None
                self._ask(self._keepalive, self._control_url, now)
        return self._take_events()

    def connection_lost(self) -> list[Event]:
        """The TCP connection is gone."""
        if self.phase is Phase.TEARDOWN:
            self._outstanding = None
            self._step(Step.ANSWERED)
            self._events.append(Ended())
        elif self.phase is not Phase.CLOSED:
            self.talk_was_fatal = self._talk and self.phase is Phase.DESCRIBE
            while_ = f" instead of answering {self._outstanding.method}" if self._outstanding else ""
            self._fail(DownReason.CLOSED, f"the camera closed the connection{while_}")
        return self._take_events()

    def fail(self, reason: DownReason, detail: str) -> list[Event]:
        """The shell met an end of its own: unreadable bytes, no free ports."""
        if self.phase is not Phase.CLOSED:
            self._fail(reason, detail)
        return self._take_events()

    def teardown(self, now: MonotonicNs) -> list[Event]:
        """We are done. `Ended` comes at once, or with the answer, or after a second without one."""
        before = self.phase
        self._step(Step.TEARDOWN)
        if self.phase is Phase.CLOSED:
            self._outstanding = None
            if before is not Phase.CLOSED:
                self._events.append(Ended())
        elif before is not Phase.TEARDOWN:
            self._abandon()
            self._ask("TEARDOWN", self._control_url, now)
        return self._take_events()

    # Requests

    @property
    def _control_url(self) -> str:
        return self._offer.control if self._offer else self._request_url

    def _ask(
        self,
        method: str,
        uri: str,
        now: MonotonicNs,
        headers: tuple[tuple[str, str], ...] = (),
        authorization: str | None = None,
    ) -> None:
        self._cseq += 1
        wait_ns = self._policy.teardown_timeout_ns if method == "TEARDOWN" else self._policy.response_timeout_ns
        self._outstanding = _Outstanding(method, uri, headers, self._cseq, MonotonicNs(now + wait_ns))
        fields = [("CSeq", str(self._cseq)), ("User-Agent", self._user_agent), *headers]
        if self._session:
            fields.append(("Session", self._session))
        if authorization is None and self._login is not None:
            authorization = self._login.header(method, uri)
        if authorization is not None:
            fields.append(("Authorization", authorization))
        self._events.append(Send(Request(method, uri, Headers(fields), b"").encode()))

    def _abandon(self) -> None:
        """The outstanding request is given up; its answer, should it come, is nobody's. The oldest are forgotten."""
        if self._outstanding is not None:
            self._abandoned = [*self._abandoned, self._outstanding.cseq][-_MAX_ABANDONED:]
            self._outstanding = None

    def _on_no_answer(self, outstanding: _Outstanding, now: MonotonicNs) -> None:
        self._abandon()
        if self.phase is Phase.TEARDOWN:
            self._step(Step.ANSWERED)
            self._events.append(Ended())
        elif self.phase is Phase.PLAYING and self._policy.forgive_lost_keepalives:
            self._tolerate(Fault.KEEPALIVE_UNANSWERED)
            self._keepalive = "OPTIONS"
            self._keepalive_at = MonotonicNs(now + self._keepalive_ns)
        else:
            self.talk_was_fatal = self._talk and self.phase is Phase.DESCRIBE
            seconds = self._policy.response_timeout_ns // NS_PER_S
            self._fail(DownReason.TIMEOUT, f"no answer to {outstanding.method} in {seconds} s")

    # What the camera says

    def _on_request(self, request: Request, now: MonotonicNs) -> None:
        """RFC 2326 10: a server may ask as well. Few cameras do; they want to see an answer."""
        known = request.method in ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "REDIRECT")
        headers = Headers([("CSeq", request.headers.get("CSeq") or "0")])
        if self._session:
            headers.add("Session", self._session)
        if request.method == "OPTIONS":
            headers.add("Public", "OPTIONS, GET_PARAMETER, SET_PARAMETER, REDIRECT")
        response = Response(200, "OK", headers, b"") if known else Response(501, "Not Implemented", headers, b"")
        self._events.append(Send(response.encode()))
        if request.method == "REDIRECT" and self.phase is not Phase.TEARDOWN:
            self._on_redirect(request.headers.get("Location") or "", now)

    def _on_response(self, response: Response, now: MonotonicNs) -> None:
        outstanding = self._outstanding
        if outstanding is None or response.status < 200 or not self._answers(response, outstanding):
            return
        self._outstanding = None
        if response.status == 401 and self._retry_authorised(response, outstanding, now):
            return
        location = response.headers.get("Location")
        if response.status in _REDIRECTS and self.phase is not Phase.TEARDOWN and location is not None:
            self._on_redirect(location, now)
            return
        match self.phase:
            case Phase.OPTIONS:
                self._on_options(response, now)
            case Phase.DESCRIBE:
                self._on_describe(response, now)
            case Phase.SETUP:
                self._on_setup(response, now)
            case Phase.PLAY:
                self._on_play(response, now)
            case Phase.PLAYING:
                self._on_keepalive(response, now)
            case Phase.TEARDOWN:
                self._step(Step.ANSWERED)
                self._events.append(Ended())

    def _answers(self, response: Response, outstanding: _Outstanding) -> bool:
        text = (response.headers.get("CSeq") or "").strip()
        cseq = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
        if cseq == outstanding.cseq:
            return True
        if not self._policy.forgive_cseq or cseq in self._abandoned:
            return False
        self._tolerate(Fault.WRONG_CSEQ)
        return True

    def _retry_authorised(self, response: Response, outstanding: _Outstanding, now: MonotonicNs) -> bool:
        """Whether the request goes out again, with credentials that were not refused yet."""
        if self._login is None:
            return False
        cnonce = self._random_bytes(_CNONCE_BYTES).hex()
        challenges = response.headers.all("WWW-Authenticate")
        authorization = self._login.authorize(challenges, outstanding.method, outstanding.uri, cnonce)
        if authorization is None:
            return False
        self._ask(outstanding.method, outstanding.uri, now, outstanding.headers, authorization)
        return True

    def _on_redirect(self, location: str, now: MonotonicNs) -> None:
        """In the middle as well: the session that is left is torn down, and not waited for."""
        if self._playing_since is not None and now - self._playing_since >= _REDIRECTS_FORGOTTEN_NS:
            self._redirects_left = MAX_REDIRECTS
        if self._redirects_left <= 0:
            self._fail(DownReason.PROTOCOL, f"more than {MAX_REDIRECTS} redirects in a row")
            return
        if not location:
            raise RemoteProtocolError("a redirect without a Location", clause="RFC 2326 11.3")
        target = RtspUrl.parse(control_base(self._request_url, location))
        if self.url.scheme == "rtsps" and target.scheme != "rtsps":
            raise RemoteProtocolError("a redirect from rtsps to rtsp, where all is in clear")
        sendable(target.without_credentials)
        # Credentials belong to the host that they were given for (RFC 9110 15.4 warns of the rest).
        same = target.host == self.url.host
        target = replace(target, user=self.url.user if same else None, password=self.url.password if same else None)
        if self._session or self._setups.ready:
            self._ask("TEARDOWN", self._control_url, now)
        self._outstanding = None
        self._step(Step.FAILED)
        self._events.append(Redirected(target, self._redirects_left - 1))

    def _on_options(self, response: Response, now: MonotonicNs) -> None:
        if response.status == 401:
            self._refused(response, "OPTIONS")
            return
        # Some cameras know no OPTIONS, or not for this path: DESCRIBE will tell.
        if response.status < 300:
            # Foscam's HiSilicon server says Allow.
            named = response.headers.all("Public") or response.headers.all("Allow")
            self._public = parse_public(",".join(named))
        else:
            self._tolerate(Fault.OPTIONS_REFUSED)
        self._step(Step.ANSWERED)
        self._ask("DESCRIBE", self._request_url, now, (_ACCEPT, _REQUIRE) if self._talk else (_ACCEPT,))

    def _on_describe(self, response: Response, now: MonotonicNs) -> None:
        if response.status >= 300 and response.status != 401 and self._talk:
            self._give_up_talk()
            self._ask("DESCRIBE", self._request_url, now, (_ACCEPT,))
            return
        if response.status >= 300:
            self._refused(response, "DESCRIBE")
            return
        offer = read_offer(response, self._request_url, self._policy.offer)
        if not offer.tracks:
            self._fail(*offer.why_none)
            return
        self._offer = offer
        # By multicast nobody talks (ONVIF Streaming Specification, "Multicast streaming").
        if self._talk and (offer.loudspeaker is None or self._setups.lower is Lower.MULTICAST):
            self._give_up_talk()
        self._setups.want(offer.tracks, offer.loudspeaker if self._talk else None)
        self._step(Step.ANSWERED)
        self._events.append(Described(offer.tracks, offer.passed_over))
        self._set_up_over(self._setups.lower, now)

    def _set_up_over(self, lower: Lower, now: MonotonicNs) -> None:
        self._setups.lower = lower
        if lower is Lower.UDP:
            self._step(Step.PORTS_WANTED)
            self._events.append(PortsWanted(len(self._setups.pending)))
        else:
            self._set_up_next(now)

    def _set_up_next(self, now: MonotonicNs) -> None:
        setups = self._setups
        if setups.pending:
            more = (_REQUIRE,) if setups.at_loudspeaker else ()
            self._ask("SETUP", setups.pending[0].control, now, (("Transport", setups.transport()), *more))
        elif setups.ready:
            self._step(Step.TRACKS_READY)
            self._events.append(Ready(tuple(setups.ready), setups.loudspeaker))
            self._ask_to_play(now, _FROM_START)
        else:
            self._fail(DownReason.PROTOCOL, f"SETUP answered {self._last_refusal}")

    def _on_setup(self, response: Response, now: MonotonicNs) -> None:
        if response.status >= 300:
            self._on_setup_refused(response, now)
            return
        self._adopt_session(response)
        talks = self._setups.at_loudspeaker
        try:
            self._setups.accept(response)
        except RemoteProtocolError:
            if not talks:
                raise
        if talks and self._setups.loudspeaker is None:
            self._give_up_talk()
        self._step(Step.ANSWERED)
        self._set_up_next(now)

    def _on_setup_refused(self, response: Response, now: MonotonicNs) -> None:
        self._last_refusal = response.status
        setups = self._setups
        if setups.at_loudspeaker:
            setups.give_up()
            self._give_up_talk()
            self._step(Step.ANSWERED)
            self._set_up_next(now)
            return
        other = response.status in _TRANSPORT_REFUSED and self._policy.try_other_transport
        if other and not setups.begun and not self._lowers_refused:
            self._tolerate(Fault.TRANSPORT_REFUSED)
            self._lowers_refused.add(setups.lower)
            self._step(Step.ANSWERED)
            self._set_up_over(setups.lower.other, now)
            return
        refused = setups.pending[0].track
        if response.status == 401 or refused.medium is Medium.VIDEO or not (setups.ready or setups.pending[1:]):
            self._refused(response, "SETUP")
            return
        setups.give_up()
        self._events.append(TrackRefused(refused, response.status))
        self._step(Step.ANSWERED)
        self._set_up_next(now)

    def _ask_to_play(self, now: MonotonicNs, *headers: tuple[str, str]) -> None:
        """With a loudspeaker, as ONVIF's example is: without Range. GStreamer's server would seek, and fail (503)."""
        self._ask("PLAY", self._control_url, now, (_REQUIRE,) if self._talk else headers)

    def _give_up_talk(self) -> None:
        """The camera has no loudspeaker, or none for us."""
        self._talk = False
        self._tolerate(Fault.NO_LOUDSPEAKER)

    def _on_play(self, response: Response, now: MonotonicNs) -> None:
        if response.status == 457 and self._policy.play_without_range and Fault.RANGE_REFUSED not in self._tolerated:
            self._tolerate(Fault.RANGE_REFUSED)
            self._ask_to_play(now)
            return
        if response.status == 454 and self._other_session:
            self._take_other_session()
            self._ask_to_play(now, _FROM_START)
            return
        if response.status >= 300 and response.status != 401 and self._talk:
            self._give_up_talk()
            self._ask_to_play(now, _FROM_START)
            return
        if response.status >= 300:
            self._refused(response, "PLAY")
            return
        self._adopt_session(response)
        if not self._session:
            self._tolerate(Fault.NO_SESSION)
        self._step(Step.ANSWERED)
        self._playing_since = now
        self._keepalive = next((name for name in ("GET_PARAMETER", "SET_PARAMETER") if name in self._public), "OPTIONS")
        self._keepalive_at = MonotonicNs(now + self._keepalive_ns)
        self.media_arrived(now)
        self._events.append(Playing(self._keepalive, self._keepalive_ns, talks=self._talk))

    @property
    def _keepalive_ns(self) -> int:
        return min(self._session_timeout_s * NS_PER_S // 2, self._policy.keepalive_most_ns)

    def _on_keepalive(self, response: Response, now: MonotonicNs) -> None:
        if response.status == 401:
            self._refused(response, "keepalive")
            return
        wait_ns = self._keepalive_ns
        if response.status == 454 and self._session and self._other_session:
            self._take_other_session()
            wait_ns = 0
        elif response.status == 454 and self._session and self._keepalive == "OPTIONS":
            self._fail(DownReason.CLOSED, "the camera ended the session (454)")
            return
        elif response.status >= 300:
            # Public promised more than the camera does; OPTIONS is the one method that every server has. Thingino's
            # answers 454 to GET_PARAMETER in a session that it knows: whether it does is asked at once.
            self._keepalive = "OPTIONS"
            self._tolerate(Fault.KEEPALIVE_REFUSED)
            wait_ns = 0 if response.status == 454 and self._session else wait_ns
        elif (named := session_of(response)) and named.id != self._session:
            # Not taken as long as ours is: Dahua names one in answers that belong to none.
            self._other_session = named.id
        self._step(Step.ANSWERED)
        self._keepalive_at = MonotonicNs(now + wait_ns)

    def _adopt_session(self, response: Response) -> None:
        """The latest session counts, as for live555; some cameras never name one that can be read.

        "H264DVR 1.0" names another one in its second SETUP (retina #85). For FFmpeg the first counts: it is taken when
        the camera does not know the latest.
        """
        header = session_of(response)
        if header is None:
            return
        if self._session not in ("", header.id):
            self._tolerate(Fault.SESSION_CHANGED)
            self._other_session = self._session
        self._session = header.id
        self._session_timeout_s = header.timeout_s

    def _take_other_session(self) -> None:
        """The camera does not know the one that we named, but it has named two."""
        self._session, self._other_session = self._other_session, ""
        self._tolerate(Fault.SESSION_CHANGED)

    # Ends

    def _refused(self, response: Response, method: str) -> None:
        match response.status:
            case 401 if self._login is not None:
                self._fail(DownReason.AUTH, "user name or password refused")
            case 401:
                self._fail(DownReason.AUTH, "the camera wants a user name and password")
            case 403:
                self._fail(DownReason.AUTH, f"the camera forbids {method} to this user (403)")
            case 404:
                self._fail(DownReason.NOT_FOUND, "the camera has no stream at this path")
            case 454:
                self._fail(DownReason.CLOSED, "the camera ended the session (454)")
            case 453 | 503:
                self._fail(DownReason.BUSY, f"the camera has no room for another viewer ({method}: {response.status})")
            case status:
                self._fail(DownReason.PROTOCOL, f"{method} answered {status}")

    def _fail(self, reason: DownReason, detail: str) -> None:
        self._outstanding = None
        self._step(Step.FAILED)
        # Errors quote what the camera sent; should it echo the password, the quote ends there. A shorter one would be
        # betrayed by the gaps that it leaves in ordinary words.
        password = self.url.password
        if password and len(password) >= _SHORTEST_SECRET:
            detail = detail.replace(password, "***")
        self._events.append(Failed(reason, f"{reason}: {detail}"))

    def _tolerate(self, fault: Fault) -> None:
        if fault not in self._tolerated:
            self._tolerated.add(fault)
            self._events.append(Tolerated(fault))

    def _step(self, step: Step) -> None:
        phase = CLIENT.get((self.phase, step))
        if phase is None:
            raise LocalProtocolError(f"{step} while the conversation is in phase {self.phase}")
        self.phase = phase

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events
