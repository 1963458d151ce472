"""Live addresses: `/live/<camera>[/<stream>]` -> what a principal may have of that stream, and its shared RTP.

There is one `RtpStream` per hub, made when its first viewer asks and kept while the catalogue has the stream. Where
streams have multicast groups, `/live/<camera>/<stream>/multicast` is the same with the groups in its SDP, as ONVIF
demands (Streaming specification, "Multicast streaming"). Elsewhere they are told at SETUP alone: clients that look for
them in the SDP (live555) would ask for multicast and nothing else.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.interfaces import IDelayedCall

from bridge.base.media import Medium, Track
from bridge.base.time import NS_PER_S, Clock
from bridge.dialogue.rtp_talk import offered_loudspeaker
from bridge.dialogue.rtsp_presentation import LOUDSPEAKER, MulticastRoute, OfferedTrack, control_of
from bridge.dialogue.rtsp_session import Session
from bridge.media.hub import Hub, Subscriber
from bridge.media.multicast import Multicast
from bridge.media.rtp_stream import RtpStream
from bridge.media.talk import TalkLine
from bridge.services.rtsp.served import Served
from bridge.services.rtsp.viewer import LiveViewer
from bridge.system.access import Action, Gatekeeper, Principal
from bridge.system.catalogue import Catalogue, LiveStream
from bridge.system.multicast_groups import Group, MulticastGroups
from bridge.wire.payload import media_for_track

PREFIX = "live"
MULTICAST_SUFFIX = "multicast"


@dataclass(frozen=True, slots=True)
class LivePresentation:
    """One stream as one principal may have it; see `bridge.dialogue.rtsp_presentation.Presentation`.

    audio:     whether he may hear it
    watch:     (done) -> calls it when the tracks are known, or after a while
    multicast: its sendings to groups
    group:     of the stream; None: it is not to be had by multicast
    groups_told: the address is the one whose SDP tells the groups
    talk:      the way to the camera's loudspeaker; None: it has none, or none for him
    """

    camera_id: str
    title: str
    stream: LiveStream
    rtp: RtpStream
    audio: bool
    watch: Callable[[Callable[[], object]], "TracksWatch"]
    multicast: Multicast
    group: Group | None = None
    groups_told: bool = False
    talk: TalkLine | None = None
    live: bool = True
    range: str = "npt=now-"
    deed: str = "live"

    @property
    def path(self) -> str:
        """With the stream's name, also when the client left it out."""
        suffix = f"/{MULTICAST_SUFFIX}" if self.groups_told else ""
        return f"/{PREFIX}/{self.camera_id}/{self.stream.name}{suffix}"

    def tracks(self) -> list[OfferedTrack]:
        """The hub's tracks, in its order and under its numbers."""
        return [
            self._offered(number, track)
            for number, track in enumerate(self.stream.hub.tracks)
            if self.audio or track.medium is not Medium.AUDIO
        ]

    def _offered(self, number: int, track: Track) -> OfferedTrack:
        media = media_for_track(track, self.rtp.payload_type(number), control_of(number))
        group = None
        # A stream has one track of a kind; ports are by kind, so that they stay when the camera orders them anew.
        if self.group is not None and track.medium not in {other.medium for other in self.stream.hub.tracks[:number]}:
            group = MulticastRoute(self.group.host, self.group.ports(track.medium), self.group.ttl)
        if group is not None and self.groups_told:
            media = replace(media, port=group.ports[0], connection=f"IN IP4 {group.host}/{group.ttl}")
        return OfferedTrack(number, media, self.rtp.ssrc(number), group)

    def loudspeaker(self) -> OfferedTrack | None:
        """The camera's, whichever stream is watched."""
        track = self.talk.track if self.talk is not None else None
        return offered_loudspeaker(track) if track is not None else None

    def stays(self, allowed: Served | None, tracks: Collection[int]) -> bool:
        """Whether a session of these tracks may go on, when its user would be given `allowed` now."""
        if not isinstance(allowed, LivePresentation) or allowed.stream.hub is not self.stream.hub:
            return False
        if LOUDSPEAKER in tracks and allowed.talk is not self.talk:
            return False
        return not set(tracks) - {LOUDSPEAKER} - {offered.track for offered in allowed.tracks()}

    def when_known(self, done: Callable[[int], object]) -> Callable[[], object]:
        """In time, or not: then there is nothing to describe, and the dialogue says so."""
        return self.watch(lambda: done(0)).cancel

    def viewer(self, session: Session, peer: str, principal: Principal | None) -> LiveViewer:
        """For a session of it."""
        fast_start = principal is None or principal.fast_start
        return LiveViewer(session, self, self.rtp, self.multicast, peer=peer, fast_start=fast_start)


class LiveStreams:
    """The live streams that the catalogue has, as the RTSP door serves them."""

    def __init__(
        self,
        reactor: Any,  # provides IReactorTime; test clocks provide no more
        clock: Clock,
        catalogue: Catalogue,
        gatekeeper: Gatekeeper,
        make_rtp: Callable[[Hub, Callable[[], object]], RtpStream],
        wait_s: float,
        groups: MulticastGroups | None = None,
    ) -> None:
        """
        make_rtp: (hub, wake) -> its RtpStream; `wake` is to be called when its next timeout has become earlier
        wait_s:   how long the tracks of a camera that was never reached are waited for
        groups:   None: nothing goes out by multicast
        """
        self._reactor = reactor
        self._clock = clock
        self._catalogue = catalogue
        self._gatekeeper = gatekeeper
        self._make_rtp = make_rtp
        self._wait_s = wait_s
        self._groups = groups
        self._timed: dict[Hub, _TimedStream] = {}

    def find(self, principal: Principal, path: str) -> LivePresentation | None:
        """What `path` is for him; None when there is no such thing, or when he may not know of it."""
        parts = path.split("/")
        groups_told = len(parts) == 5 and parts[4] == MULTICAST_SUFFIX
        if not (len(parts) in (3, 4) or groups_told) or parts[0] or parts[1] != PREFIX:
            return None
        camera = self._catalogue.camera(parts[2])
        stream = camera.stream(parts[3] if len(parts) > 3 else "") if camera else None
        if camera is None or stream is None or not self._gatekeeper.may(principal, Action.LIVE, camera.id):
            return None
        group = self._groups.of(camera.id, stream.name) if self._groups else None
        if groups_told and group is None:
            return None
        audio = self._gatekeeper.may(principal, Action.AUDIO, camera.id)
        talk = camera.talk if self._gatekeeper.may(principal, Action.OUTPUT, camera.id) else None
        timed = self._timed_of(stream.hub)
        return LivePresentation(
            camera.id,
            camera.name,
            stream,
            timed.rtp,
            audio,
            lambda done: TracksWatch(self._reactor, stream.hub, self._wait_s, done),
            timed.multicast,
            group,
            groups_told,
            talk,
        )

    def knows(self, path: str) -> str | None:
        """The camera that `path` is about, whoever asks: for the audit."""
        parts = path.split("/")
        camera = self._catalogue.camera(parts[2]) if len(parts) > 2 and parts[1] == PREFIX else None
        return camera.id if camera else None

    def prune(self) -> None:
        """Ends the RTP of streams that the catalogue has no more."""
        kept = {stream.hub for camera in self._catalogue.cameras() for stream in camera.streams}
        for hub in [hub for hub in self._timed if hub not in kept]:
            self._timed.pop(hub).close()

    def close(self) -> None:
        """Ends the RTP of all."""
        for timed in self._timed.values():
            timed.close()
        self._timed.clear()

    @property
    def multicast_tracks(self) -> int:
        """How many tracks go to a group now."""
        return sum(len(timed.multicast) for timed in self._timed.values())

    def _timed_of(self, hub: Hub) -> "_TimedStream":
        timed = self._timed.get(hub)
        if timed is None:
            timed = _TimedStream(self._reactor, self._clock, lambda wake: self._make_rtp(hub, wake))
            self._timed[hub] = timed
        return timed


class _TimedStream:
    """An RtpStream, the one timer that it needs, and what of it goes to groups."""

    def __init__(
        self,
        reactor: Any,  # see LiveStreams
        clock: Clock,
        make: Callable[[Callable[[], object]], RtpStream],
    ) -> None:
        self._reactor = reactor
        self._clock = clock
        self._call: IDelayedCall | None = None
        self._made = False
        self.rtp = make(self.wake)
        self.multicast = Multicast(self.rtp)
        self._made = True
        self.wake()

    def wake(self) -> None:
        """The next timeout may have moved."""
        if not self._made:
            return
        if self._call is not None and self._call.active():
            self._call.cancel()
        due = self.rtp.next_timeout()
        self._call = None
        if due is not None:
            self._call = self._reactor.callLater(max(0, due - self._clock.monotonic_ns()) / NS_PER_S, self._expired)

    def close(self) -> None:
        """Ends all its viewers."""
        self.rtp.close(self._clock.monotonic_ns())
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None

    def _expired(self) -> None:
        self._call = None
        self.rtp.on_timeout(self._clock.monotonic_ns())
        if self._call is None:
            self.wake()


class TracksWatch(Subscriber):
    """Calls `done` once: when the tracks of a hub are known, or after `wait_s`. Keeps nothing of what it sees."""

    def __init__(self, reactor: Any, hub: Hub, wait_s: float, done: Callable[[], object]) -> None:  # see LiveStreams
        self._hub = hub
        self._done = done
        self._call = reactor.callLater(wait_s, self._finish)
        hub.subscribe(self)

    def on_access_unit(self, unit: object) -> None:
        """Not our business."""

    def on_tracks(self, tracks: tuple[Track, ...]) -> None:
        """They are known: `done` is called in a moment, for the hub is in the middle of telling everybody."""
        if tracks and self._call.active():
            self._call.reset(0)

    def cancel(self) -> None:
        """Nobody waits any more."""
        self._hub.unsubscribe(self)
        if self._call.active():
            self._call.cancel()

    def _finish(self) -> None:
        self.cancel()
        self._done()
