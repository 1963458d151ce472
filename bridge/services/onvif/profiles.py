"""The catalogue as ONVIF sees it: video sources, their profiles, and what is true of each at this moment.

Tokens are made of ids alone, so that they stay for ever and adding a camera moves no other one:

    video and audio source, and their configurations   `<camera>`
    profile, video and audio encoder configuration     `<camera>.<stream>`     (ids hold no dot; at most 49 characters)

Order: cameras as configured; of each the main stream first, then falling resolution. Clients take the first profile.

What a stream measures wavers, and a configuration that wavers looks to clients like somebody turning knobs. So a
measured value stays as it was first told until it moved by more than its tolerance.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Self, TypeVar

from bridge.base.media import Codec, Medium, Track
from bridge.media.hub import StreamStatistics
from bridge.services.onvif.slices import Slices
from bridge.system.access import Action, Gatekeeper, Principal
from bridge.system.catalogue import Camera, Catalogue, LiveStream
from bridge.system.multicast_groups import Group, MulticastGroups
from bridge.wire.audio import g726

MAX_NAME = 64  # characters; tt:Name

# Told until a camera was seen for the first time: the schema has no "unknown", and clients divide by these.
UNKNOWN_SIZE = (1920, 1080)
UNKNOWN_FRAME_RATE = Fraction(25)
UNKNOWN_BITRATE_KBPS = 4096
AUDIO_BITRATE_KBPS = 64  # of AAC and Opus, whose configuration does not say it

_H264_PROFILES = {66: "Baseline", 77: "Main", 88: "Extended"}
_H265_PROFILES = {1: "Main", 2: "Main10"}


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a stream's video is.

    profile: ONVIF's name of the codec's profile: Baseline, Main, Main10, Extended, High; "": JPEG has none
    """

    codec: Codec
    width: int
    height: int
    frame_rate: Fraction
    bitrate_kbps: int
    gop_length: int
    profile: str


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """What a stream's audio is."""

    codec: Codec
    channels: int
    sample_rate_hz: int
    bitrate_kbps: int


@dataclass(frozen=True, slots=True)
class Keeping:
    """A value that keeps what was made of it: parts of answers, as values or as text."""

    _parts: dict[object, Any] = field(init=False, default_factory=dict, compare=False, repr=False)

    def part(self, key: object, build: Callable[[Self], Any]) -> Any:
        """What `build` makes of this, made once: whatever changes is a new object.

        Any: a part of an answer. Bounded by the few keys of the two media services.
        """
        found = self._parts.get(key)
        if found is None:
            found = self._parts[key] = build(self)
        return found


_KeepingT = TypeVar("_KeepingT", bound=Keeping)


@dataclass(frozen=True, slots=True)
class Source(Keeping):
    """A camera as a video source, and as an audio source where it has audio that the principal may hear.

    width, height, frame_rate: of the main stream, or of the first that is known
    use_count, audio_use_count: profiles that share it
    """

    token: str
    name: str
    width: int
    height: int
    frame_rate: Fraction
    audio: AudioFacts | None
    use_count: int
    audio_use_count: int


@dataclass(frozen=True, slots=True)
class Profile(Keeping):
    """One stream as a profile, for one kind of principal: those who may hear it, or those who may not.

    path:  on the RTSP door
    video: None until the camera was seen
    audio: None when there is none, or the principal may not hear it
    group: where it is to be had by multicast; None: it is not
    multicast_path: on the RTSP door, with the group in its SDP; "" without a group
    """

    token: str
    name: str
    path: str
    source: Source
    video: VideoFacts | None
    audio: AudioFacts | None
    group: Group | None = None
    multicast_path: str = ""


@dataclass(frozen=True, slots=True)
class SeenCamera:
    """A camera as a principal sees it."""

    source: Source
    profiles: tuple[Profile, ...]


class Profiles:
    """Sources and profiles of the catalogue, as far as a principal may see them live.

    Lists of all of them are put together in slices: they hold the cameras that were there when they were asked for,
    each as it was when its turn came.
    """

    def __init__(
        self, catalogue: Catalogue, gatekeeper: Gatekeeper, slices: Slices, groups: MulticastGroups | None = None
    ) -> None:
        """groups: None: nothing is to be had by multicast"""
        self._catalogue = catalogue
        self._groups = groups
        self._gatekeeper = gatekeeper
        self._slices = slices
        self._views: dict[str, _CameraView] = {}
        catalogue.watch(self._rebuild)
        self._rebuild()

    async def cameras(self, principal: Principal | None) -> list[SeenCamera]:
        """Every camera that `principal` may see, in order."""
        views = tuple(self._views.values())
        return await self._slices.gather(self._seen_by(principal, view) for view in views)

    def camera(self, principal: Principal | None, token: str) -> SeenCamera | None:
        """The camera of that source token; None when there is none for him."""
        view = self._views.get(token)
        return None if view is None else self._seen_by(principal, view)

    async def profiles(self, principal: Principal | None) -> list[Profile]:
        """Every profile that `principal` may see, in order."""
        return [profile for camera in await self.cameras(principal) for profile in camera.profiles]

    def profile(self, principal: Principal | None, token: str) -> Profile | None:
        """The profile of that token; None when there is none for him."""
        camera = self.camera(principal, token.partition(".")[0])
        return None if camera is None else next((p for p in camera.profiles if p.token == token), None)

    @property
    def multicast(self) -> bool:
        """Whether streams are to be had by multicast."""
        return self._groups is not None

    def everything(self) -> Iterator[Profile]:
        """Every profile of every camera, for those who may hear it and for those who may not; one camera at a time."""
        for view in tuple(self._views.values()):
            full, silent = view.seen(audible=True), view.seen(audible=False)
            yield from full.profiles
            if silent is not full:
                yield from silent.profiles

    def count(self, camera: str = "") -> tuple[int, int]:
        """Video sources and audio sources of the whole device: the counts that capabilities tell anybody.

        camera: the only one of a virtual device
        """
        views = [view for view in (self._views.get(camera),) if view] if camera else self._views.values()
        return len(views), sum(view.has_audio for view in views)

    def _seen_by(self, principal: Principal | None, view: "_CameraView") -> SeenCamera | None:
        may = self._gatekeeper.may
        if principal is None or not may(principal, Action.LIVE, view.camera.id):
            return None
        return view.seen(audible=may(principal, Action.AUDIO, view.camera.id))

    def _rebuild(self) -> None:
        old = self._views
        self._views = {}
        for camera in self._catalogue.cameras():
            view = old.get(camera.id)
            self._views[camera.id] = (
                view if view is not None and view.shows(camera) else _CameraView(camera, self._groups)
            )


class _CameraView:
    """A camera with and without its audio, made anew when a stream of it became another."""

    def __init__(self, camera: Camera, groups: MulticastGroups | None) -> None:
        self.camera = camera
        self._groups = groups
        self._shown = (camera, camera.name, camera.streams)
        self._streams = [_StreamView(stream) for stream in camera.streams]
        self._sources: dict[bool, Source] = {}
        self._full = self._silent = self._make(audible=True)
        self._remake()

    def shows(self, camera: Camera) -> bool:
        """Whether this is still the view of `camera`."""
        return self._shown == (camera, camera.name, camera.streams)

    @property
    def has_audio(self) -> bool:
        """What `seen` would say of it, for next to nothing: anybody may ask for the counts."""
        return any(_audio_track(stream.stream.hub.tracks) is not None for stream in self._streams)

    def seen(self, *, audible: bool) -> SeenCamera:
        """The camera as it is now."""
        changed = False
        for stream in self._streams:
            changed |= stream.refresh()
        if changed:
            self._remake()
        return self._full if audible else self._silent

    def _remake(self) -> None:
        self._full = self._make(audible=True)
        self._silent = self._make(audible=False) if self._full.source.audio else self._full

    def _make(self, *, audible: bool) -> SeenCamera:
        others = sorted(self._streams[1:], key=_pixels, reverse=True)  # sorted() keeps the order of equals
        streams = (*self._streams[:1], *others)
        video = next((stream.video for stream in streams if stream.video), None)
        made = Source(
            self.camera.id,
            _name(self.camera.name or self.camera.id),
            video.width if video else UNKNOWN_SIZE[0],
            video.height if video else UNKNOWN_SIZE[1],
            video.frame_rate if video else UNKNOWN_FRAME_RATE,
            next((stream.audio for stream in streams if stream.audio), None) if audible else None,
            len(streams),
            sum(stream.audio is not None for stream in streams),
        )
        source = _kept(self._sources, audible, made)
        return SeenCamera(source, tuple(self._profile(source, stream, audible=audible) for stream in streams))

    def _profile(self, source: Source, view: "_StreamView", *, audible: bool) -> Profile:
        camera_id, stream = self.camera.id, view.stream.name
        group = self._groups.of(camera_id, stream) if self._groups else None
        made = Profile(
            f"{camera_id}.{stream}",
            _name(self.camera.name or camera_id, f" ({stream})"),
            f"/live/{camera_id}" if view is self._streams[0] else f"/live/{camera_id}/{stream}",
            source,
            view.video,
            view.audio if audible else None,
            group,
            f"/live/{camera_id}/{stream}/multicast" if group else "",
        )
        return _kept(view.made, audible, made)


class _StreamView:
    """The facts of one stream, and the borders within which what is measured changes none of them."""

    def __init__(self, stream: LiveStream) -> None:
        self.stream = stream
        self.video: VideoFacts | None = None
        self.audio: AudioFacts | None = None
        self.made: dict[bool, Profile] = {}
        self._tracks: tuple[Track, ...] = ()
        self._bitrate_bps = _Steady(25)
        self._frame_rate_mhz = _Steady(10)
        self._gop_length = _Steady(50)
        self.refresh()

    def refresh(self) -> bool:
        """Looks at the hub; whether a fact changed."""
        hub = self.stream.hub
        measured: StreamStatistics = hub.statistics
        bitrate, frame_rate_mhz = measured.bitrate_bps, int(measured.frame_rate * 1000)
        # The usual case, for a thousand streams in a millisecond; the calls below say the same.
        if (
            hub.tracks is self._tracks
            and self._bitrate_bps.low <= bitrate <= self._bitrate_bps.high
            and self._frame_rate_mhz.low <= frame_rate_mhz <= self._frame_rate_mhz.high
            and self._gop_length.low <= measured.gop_length <= self._gop_length.high
        ):
            return False
        # Without short cut: each keeps its own value.
        moved = self._bitrate_bps.moved(bitrate)
        moved |= self._frame_rate_mhz.moved(frame_rate_mhz)
        moved |= self._gop_length.moved(measured.gop_length)
        if not moved and hub.tracks is self._tracks:
            return False
        self._tracks = hub.tracks
        facts = self._video_facts(), _audio_facts(self._tracks)
        changed = facts != (self.video, self.audio)
        self.video, self.audio = facts
        return changed

    def _video_facts(self) -> VideoFacts | None:
        track = next((track for track in self._tracks if track.medium is Medium.VIDEO), None)
        if track is None:
            return None
        frame_rate = _round_rate(Fraction(self._frame_rate_mhz.value, 1000)) or track.frame_rate or UNKNOWN_FRAME_RATE
        width, height = (track.width, track.height) if track.width and track.height else UNKNOWN_SIZE
        return VideoFacts(
            track.codec,
            width,
            height,
            frame_rate,
            -(-self._bitrate_bps.value // 1000) or UNKNOWN_BITRATE_KBPS,
            self._gop_length.value or max(1, round(frame_rate)),
            _codec_profile(track),
        )


class _Steady:
    """A measured value that stays as told until it leaves `low` to `high`, `percent` around it; 0 is "not measured"."""

    __slots__ = ("_percent", "high", "low", "value")

    def __init__(self, percent: int) -> None:
        self.value = 0
        self.low = self.high = 0
        self._percent = percent

    def moved(self, measured: int) -> bool:
        """Takes a new measurement; whether `value` changed with it."""
        if self.low <= measured <= self.high or measured <= 0:
            return False
        slack = measured * self._percent // 100
        self.value, self.low, self.high = measured, measured - slack, measured + slack
        return True


def _kept(before: dict[bool, _KeepingT], audible: bool, made: _KeepingT) -> _KeepingT:
    """The one made before when it is equal: a neighbour's change must not cost it its rendered parts."""
    if before.get(audible) != made:
        before[audible] = made
    return before[audible]


def _pixels(view: _StreamView) -> int:
    return view.video.width * view.video.height if view.video else 0


def _round_rate(frame_rate: Fraction) -> Fraction:
    """24.97 -> 25; 0.48 -> 0.5: jitter of the measurement is not the camera's setting."""
    return Fraction(round(frame_rate)) if frame_rate > 2 else Fraction(round(frame_rate * 10), 10)


def _codec_profile(track: Track) -> str:
    """The profile as the SPS says it: H.264 7.3.2.1.1 profile_idc, H.265 7.3.3 general_profile_idc."""
    if not track.codec.of_nal_units:
        return ""
    for nal in track.parameter_sets:
        if track.codec is Codec.H264 and len(nal) > 1 and nal[0] & 0x1F == 7:
            return _H264_PROFILES.get(nal[1], "High")
        if track.codec is Codec.H265 and len(nal) > 3 and nal[0] >> 1 & 0x3F == 33:
            return _H265_PROFILES.get(nal[3] & 0x1F, "Main")
    return "Main"


def _audio_track(tracks: tuple[Track, ...]) -> Track | None:
    return next((track for track in tracks if track.medium is Medium.AUDIO), None)


def _audio_facts(tracks: tuple[Track, ...]) -> AudioFacts | None:
    track = _audio_track(tracks)
    if track is None:
        return None
    bits = _sample_bits(track)
    kbps = track.clock_rate * bits * track.channels // 1000 if bits else AUDIO_BITRATE_KBPS
    return AudioFacts(track.codec, track.channels, track.clock_rate, kbps)


def _sample_bits(track: Track) -> int:
    """Bits a sample; 0 where they are not always the same."""
    if track.codec is Codec.G726:
        return g726.sample_bits(track.config)
    return 8 if track.codec in (Codec.PCMU, Codec.PCMA) else 0


def _name(text: str, tail: str = "") -> str:
    """`text` cut so that it and `tail` fit into tt:Name."""
    return text[: MAX_NAME - len(tail)] + tail
