"""Addresses of recordings: `/recordings/<recording token>`, or `/recordings/<camera>` for its first recorded stream.

Rights are asked for at once, of the camera in the address; whether there is such a recording, and what is in it, is
known after a look into the library, in the reader pool. DESCRIBE and SETUP wait for that as they wait for the tracks of
a camera that has not been reached yet; what was seen is good for a moment, so that DESCRIBE and SETUPs look once.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import structlog
from twisted.internet.defer import Deferred, DeferredLock

from bridge.base.media import Codec, Medium
from bridge.base.time import NS_PER_S, Clock
from bridge.base.tokens import is_camera_id, track_tokens
from bridge.dialogue.rtsp_presentation import OfferedTrack, control_of
from bridge.dialogue.rtsp_session import Session
from bridge.media.replay_track import ReplayTrack
from bridge.media.rtp_stream import FIRST_DYNAMIC_PAYLOAD_TYPE
from bridge.recorder.library import Held, Library
from bridge.recorder.replay import NothingThereError, Replay, ReplayOrder
from bridge.services.rtsp.replay_reading import Source
from bridge.services.rtsp.replay_viewer import ReplayMeans, ReplayViewer
from bridge.services.rtsp.served import Served
from bridge.store.backend import DatabaseUnusableError
from bridge.system.access import Action, Gatekeeper, Principal
from bridge.system.catalogue import Catalogue
from bridge.wire.payload import media_for_track, static_payload_type
from bridge.wire.rtsp.headers import Range, RangeUnit

PREFIX = "recordings"

#: For so long it is not looked again for what a client is about to set up.
KNOWN_NS = 10 * NS_PER_S
MAX_KNOWN = 256

Pool = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs blocking work in the reader pool."""


@dataclass(frozen=True, slots=True)
class RecordedPresentation:
    """One recording as one principal may have it; see `bridge.dialogue.rtsp_presentation.Presentation`.

    name:  what stands in its address
    held:  None: it was not looked for yet
    audio: whether he may hear it
    """

    streams: "RecordedStreams"
    name: str
    camera_id: str
    title: str
    held: Held | None
    audio: bool
    live: bool = False
    deed: str = "playback"

    @property
    def path(self) -> str:
        """As it was called: a camera's address and its recording's are two."""
        return f"/{PREFIX}/{self.name}"

    @property
    def range(self) -> str:
        """From the first footage to the last, or open while more comes."""
        held = self.held
        if held is None or held.from_ns is None:
            return ""
        return Range(RangeUnit.CLOCK, held.from_ns, None if held.growing else held.until_ns).format()

    def tracks(self) -> list[OfferedTrack]:
        """As its newest footage has them."""
        offered = []
        tracks = self.held.tracks if self.held else ()
        for number, (track, token) in enumerate(
            zip(tracks, track_tokens(track.medium for track in tracks), strict=True)
        ):
            if track.medium is Medium.AUDIO and not self.audio:
                continue
            media = media_for_track(track, payload_type_of(number, track.codec), control_of(number))
            media = replace(media, attributes=[*media.attributes, ("x-onvif-track", token)])
            offered.append(OfferedTrack(number, media))
        return offered

    def loudspeaker(self) -> OfferedTrack | None:
        """Nobody talks to the past."""
        return None

    def stays(self, allowed: Served | None, tracks: Collection[int]) -> bool:
        """Whether a session of these tracks may go on, when its user would be given `allowed` now."""
        if not isinstance(allowed, RecordedPresentation):
            return False
        heard = self.held is not None and any(self.held.tracks[track].medium is Medium.AUDIO for track in tracks)
        return allowed.audio or not heard

    def when_known(self, done: Callable[[int], object]) -> Callable[[], object]:
        """Looks it up."""
        return self.streams.look_up(self.name, self.camera_id, done)

    def viewer(self, session: Session, peer: str, principal: Principal | None) -> ReplayViewer:
        """For a session of it."""
        return ReplayViewer(session, self, self.streams.means(self), peer=peer)


class RecordedStreams:
    """The recordings of the library, as the RTSP door serves them."""

    def __init__(
        self,
        reactor: Any,  # provides IReactorTime; test clocks provide no more
        clock: Clock,
        catalogue: Catalogue,
        gatekeeper: Gatekeeper,
        library: Library,
        in_pool: Pool,
        random_bytes: Callable[[int], bytes],
        packet_bytes: int,
        *,
        make_replay: Callable[[Library, Held, ReplayOrder], Source] = Replay,
    ) -> None:
        """
        packet_bytes: largest RTP packet, header and extension included
        make_replay:  for tests
        """
        self._reactor = reactor
        self._clock = clock
        self._catalogue = catalogue
        self._gatekeeper = gatekeeper
        self._library = library
        self._in_pool = in_pool
        self._random_bytes = random_bytes
        self._packet_bytes = packet_bytes
        self._make_replay = make_replay
        self._known: dict[str, tuple[int, Held]] = {}
        self._log = structlog.get_logger()

    def find(self, principal: Principal, path: str) -> RecordedPresentation | None:
        """What `path` is for him, should it be there; None when there can be no such thing, or not for him."""
        name, camera_id = _read(path)
        if not camera_id or not self._gatekeeper.may(principal, Action.PLAYBACK, camera_id):
            return None
        camera = self._catalogue.camera(camera_id)
        audio = self._gatekeeper.may(principal, Action.AUDIO, camera_id)
        seen_ns, held = self._known.get(name, (0, None))
        if held is not None and self._clock.monotonic_ns() - seen_ns > KNOWN_NS:
            del self._known[name]
            held = None
        return RecordedPresentation(self, name, camera_id, camera.name if camera else camera_id, held, audio)

    def knows(self, path: str) -> str | None:
        """The camera that `path` is about, whoever asks: for the audit."""
        camera_id = _read(path)[1]
        return camera_id if camera_id and self._catalogue.camera(camera_id) else None

    def look_up(self, name: str, camera_id: str, done: Callable[[int], object]) -> Callable[[], object]:
        """Looks for a recording; then `find` knows it. done: see `Served.when_known`."""
        looking = Deferred.fromCoroutine(self._look_up(name, camera_id))
        cancelled = False

        def found(status: int) -> None:
            if not cancelled:
                done(status)

        def cancel() -> None:
            nonlocal cancelled
            cancelled = True

        looking.addCallback(found)
        looking.addErrback(lambda failure: self._log.error("a look-up failed", traceback=failure.getTraceback()))
        return cancel

    async def _look_up(self, name: str, camera_id: str) -> int:
        order = [stream.name for stream in camera.streams] if (camera := self._catalogue.camera(camera_id)) else []
        try:
            held = await self._in_pool(lambda: _chosen(self._library, name, camera_id, order))
        except DatabaseUnusableError as error:
            self._log.error("the recordings cannot be looked up", error=str(error))
            return 503
        if held is None:
            return 404
        self._known.pop(name, None)
        self._known[name] = (self._clock.monotonic_ns(), held)
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]
        return 0

    def means(self, presentation: RecordedPresentation) -> ReplayMeans:
        """What a viewer of it is given."""
        held, lock = presentation.held, DeferredLock()
        if held is None:
            raise LookupError(f"{presentation.path} was set up before it was looked for")

        def open_source(order: ReplayOrder, latest: bool) -> Source:
            # What was found at SETUP says which recording and which tracks the SDP numbers; a seek asks for no more.
            if latest:
                now = self._library.find(held.token)
                if now is None:
                    raise NothingThereError(f"{held.token} is gone")
                order = replace(order, from_ns=now.until_ns)
            return self._make_replay(self._library, held, order)

        return ReplayMeans(
            self._reactor,
            self._clock,
            open_source,
            lambda number: self._make_track(held, number),
            lambda work: lock.run(self._in_pool, work),
            f"{self._random_bytes(8).hex()}@onb",
        )

    def _make_track(self, held: Held, number: int) -> ReplayTrack:
        track = held.tracks[number]
        # RFC 3550 5.1: all three at random; half the circle is left before the sequence number wraps.
        return ReplayTrack(
            track,
            payload_type=payload_type_of(number, track.codec),
            ssrc=int.from_bytes(self._random_bytes(4)) or 1,
            sequence=int.from_bytes(self._random_bytes(2)) & 0x7FFF,
            time_offset=int.from_bytes(self._random_bytes(4)),
            packet_bytes=self._packet_bytes,
        )


def payload_type_of(number: int, codec: Codec) -> int:
    """Of a track of that number."""
    payload_type = static_payload_type(codec)
    return FIRST_DYNAMIC_PAYLOAD_TYPE + number if payload_type is None else payload_type


def _read(path: str) -> tuple[str, str]:
    """(name, camera) of an address; ("", "") when it is none of ours."""
    parts = path.split("/")
    if len(parts) != 3 or parts[0] or parts[1] != PREFIX:
        return "", ""
    name = parts[2]
    # Ids of cameras have no point in them, tokens of recordings have.
    camera_id = name.removeprefix("rec-").partition(".")[0] if "." in name and name.startswith("rec-") else name
    return (name, camera_id) if is_camera_id(camera_id) else ("", "")


def _chosen(library: Library, name: str, camera_id: str, order: list[str]) -> Held | None:
    """Blocking. order: the camera's streams, the main one first."""
    if "." in name:
        return library.find(name)
    mine = [held for held in library.recordings() if held.row.camera == camera_id and held.row.ended_utc_ns is None]
    places = {stream: place for place, stream in enumerate(order)}
    return min(mine, key=lambda held: places.get(held.row.stream, len(places)), default=None)
