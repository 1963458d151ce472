"""What is recorded, as a principal sees it: the recordings of cameras that he may play back.

What the recording, search and replay services share. Whatever blocks for the index or a file is asked in the pool; when
the index cannot be used, these services say so with a fault and everything else goes on.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import structlog

from bridge.base.errors import BridgeError
from bridge.base.media import Medium, Track
from bridge.base.time import NS_PER_S, Clock
from bridge.base.tokens import track_tokens
from bridge.recorder.library import Held, Library
from bridge.services.onvif.profiles import MAX_NAME, UNKNOWN_FRAME_RATE
from bridge.services.onvif.slices import Slices
from bridge.system.access import Action, Gatekeeper, Principal
from bridge.system.catalogue import Catalogue
from bridge.wire.soap.faults import ACTION_FAILED, SoapFault

KEPT_NS = 1 * NS_PER_S
"""A list of all recordings serves for so long: a client asks several things of it in a row, and many ask at once."""

MAX_KEPT = 256
"""Principals for whom it is kept; with one more, it is made anew for all."""

_T = TypeVar("_T")


class InPool(Protocol):
    """Does something in the reader pool, so that the reactor does not wait for it."""

    def __call__(self, work: Callable[[], _T]) -> Awaitable[_T]:
        """What `work` returns."""


@dataclass(frozen=True, slots=True)
class RecordedTrack:
    """A track of a recording, by its token."""

    token: str
    track: Track


@dataclass(frozen=True, slots=True)
class Seen:
    """A recording, for one principal.

    camera_name: as configured now; the camera's id when it is gone
    audible:     he may hear it
    live:        what its stream has now: told while nothing is recorded
    frame_rate:  measured now; for tracks that do not tell theirs
    """

    held: Held
    camera_name: str
    audible: bool
    live: tuple[Track, ...] = ()
    frame_rate: float = float(UNKNOWN_FRAME_RATE)

    @property
    def camera(self) -> str:
        """The camera's id, which is the token of its video source."""
        return self.held.row.camera

    @property
    def profile_token(self) -> str:
        """Of the stream that it is made from."""
        return f"{self.held.row.camera}.{self.held.row.stream}"

    @property
    def job_token(self) -> str:
        """Of the job that records it; "" when it ended."""
        return f"job-{self.profile_token}" if self.held.row.ended_utc_ns is None else ""

    @property
    def tracks(self) -> tuple[RecordedTrack, ...]:
        """Those that he may see or hear; () when they were not asked for."""
        return self.only(self.held.tracks or self.live)

    def only(self, tracks: tuple[Track, ...]) -> tuple[RecordedTrack, ...]:
        """Of all tracks of the recording those that he may see or hear, by their tokens."""
        tokens = track_tokens(track.medium for track in tracks)
        return tuple(
            RecordedTrack(token, track)
            for token, track in zip(tokens, tracks, strict=True)
            if self.audible or track.medium is not Medium.AUDIO
        )

    def with_tracks(self, library: Library) -> "Seen":
        """The same with its tracks. Blocks for a file."""
        return replace(self, held=library.with_tracks(self.held))


class Recorded:
    """Recordings of the library, as far as a principal may play them back."""

    def __init__(
        self,
        library: Library | None,
        catalogue: Catalogue,
        gatekeeper: Gatekeeper,
        slices: Slices,
        in_pool: InPool,
        clock: Clock,
    ) -> None:
        """library: None: the index cannot be used."""
        self._library = library
        self._catalogue, self._gatekeeper = catalogue, gatekeeper
        self._slices, self._in_pool, self._clock = slices, in_pool, clock
        self._kept: dict[str, Held] = {}
        self._kept_until_ns = 0
        self._seen: dict[Principal, tuple[dict[str, Held] | None, tuple[Seen, ...]]] = {}
        self._log = structlog.get_logger()

    async def ask(self, work: Callable[[Library], _T]) -> _T:
        """Something that blocks. Raises SoapFault (Action) when the index cannot be used."""
        library = self._library
        if library is None:
            raise SoapFault(ACTION_FAILED.because("recordings cannot be read: their index cannot be used"))
        try:
            return await self._in_pool(lambda: work(library))
        except BridgeError as error:
            self._log.warning("recordings cannot be read", reason=str(error))
            raise SoapFault(ACTION_FAILED.because("recordings cannot be read now")) from None

    async def all(self, principal: Principal | None) -> tuple[Seen, ...]:
        """All of his, without tracks, in the order of their making; those that ended as long as there is footage."""
        held = await self._held()
        if principal is None:
            return ()
        of, seen = self._seen.get(principal, (None, ()))
        if of is not held:
            seen = tuple(await self._slices.gather(self._seen_by(principal, one) for one in held.values()))
            if len(self._seen) >= MAX_KEPT:
                self._seen.clear()
            self._seen[principal] = held, seen
        return seen

    def forget(self) -> None:
        """Rights have changed: nothing that was made for anybody serves any more."""
        self._seen.clear()

    async def find(self, principal: Principal | None, token: str) -> Seen | None:
        """The recording of that token, without tracks; None when there is none for him."""
        found = (await self._held()).get(token)
        return None if found is None else self._seen_by(principal, found)

    async def with_tracks(self, seen: Iterable[Seen]) -> list[Seen]:
        """The same with their tracks."""
        return await self.ask(lambda library: [one.with_tracks(library) for one in seen])

    def is_source(self, principal: Principal | None, token: str) -> bool:
        """Whether that is a video source, or a profile, of a camera that he may play back."""
        camera_id, _, stream = token.partition(".")
        camera = self._catalogue.camera(camera_id)
        known = camera is not None and (not stream or camera.stream(stream) is not None)
        return known and self.may(principal, camera_id)

    def may(self, principal: Principal | None, camera: str) -> bool:
        """Whether he may play back recordings of that camera."""
        return principal is not None and self._gatekeeper.may(principal, Action.PLAYBACK, camera)

    async def _held(self) -> dict[str, Held]:
        """By token."""
        if self._clock.monotonic_ns() >= self._kept_until_ns or not self._kept:
            held = await self.ask(lambda library: library.recordings(tracks=False))
            # What ended and was deleted since is gone; what goes on and is still empty is there.
            self._kept = {one.token: one for one in held if one.row.ended_utc_ns is None or one.from_ns is not None}
            self._kept_until_ns = self._clock.monotonic_ns() + KEPT_NS
        return self._kept

    def _seen_by(self, principal: Principal | None, held: Held) -> Seen | None:
        camera_id = held.row.camera
        if principal is None or not self.may(principal, camera_id):
            return None
        audible = self._gatekeeper.may(principal, Action.AUDIO, camera_id)
        camera = self._catalogue.camera(camera_id)
        stream = camera.stream(held.row.stream) if camera else None
        if camera is None or stream is None or held.row.ended_utc_ns is not None:
            return Seen(held, (camera.name if camera else "")[:MAX_NAME] or camera_id, audible)
        hub = stream.hub
        frame_rate = round(hub.statistics.frame_rate, 1) or float(UNKNOWN_FRAME_RATE)
        return Seen(held, camera.name[:MAX_NAME] or camera_id, audible, hub.tracks, frame_rate)
