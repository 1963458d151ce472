"""Handlers of the media service ver20 (`tr2`): the profiles and tokens of ver10, and the only place for H.265 and Opus.

Follows the ONVIF Media 2 Service Specification. Everything is fixed: the options of a configuration are its present
values.
"""

from collections.abc import Callable, Iterable

from bridge.base.media import Codec, Medium
from bridge.services.onvif.answers import (
    NO_METADATA_OPTIONS,
    NO_OSD_OPTIONS,
    QUALITY,
    TT,
    Render,
    audio_source_configuration,
    bounds_range,
    int_range,
    multicast_configuration,
    multicast_url,
    resolution,
    snapshot_url,
    source_text,
    stream_url,
    video_source_configuration,
    websocket_uri,
)
from bridge.services.onvif.call import Answer, Call, Request
from bridge.services.onvif.profiles import AudioFacts, Profile, Profiles, SeenCamera, Source, VideoFacts
from bridge.services.onvif.slices import Slices
from bridge.wire.soap.encoder import Rendered
from bridge.wire.soap.faults import ACTION_NOT_SUPPORTED, SoapFault, invalid_value, not_supported

# IANA media subtypes; PCMA and opus are not in the schema's list, but are what IANA calls them.
_AUDIO_ENCODINGS = {codec: codec.value for codec in Codec} | {Codec.AAC: "mpeg4-generic"}

_STREAM_PROTOCOLS = ("RtspUnicast", "RTSP", "RtspOverHttp")


class Media2:
    """The media service ver20 over `profiles`. Whatever it makes for every camera is made in slices."""

    def __init__(self, profiles: Profiles, render: Render, slices: Slices) -> None:
        self._profiles = profiles
        self._render = render
        self._slices = slices

    def capabilities(self, call: Call) -> Answer:
        """`tr2:Capabilities2`: what is built."""
        return {
            "ProfileCapabilities": {
                "MaximumNumberOfProfiles": 4096,
                "ConfigurationsSupported": ["VideoSource", "VideoEncoder", "AudioSource", "AudioEncoder"],
            },
            "StreamingCapabilities": {
                "RTSPStreaming": True,
                "RTPMulticast": self._profiles.multicast,
                "RTP_RTSP_TCP": True,
                "NonAggregateControl": False,
                "AutoStartMulticast": False,
                "SecureRTSPStreaming": False,
                "RTSPWebSocketUri": websocket_uri(call),
            },
            "SnapshotUri": True,
            "Rotation": False,
            "VideoSourceMode": False,
            "OSD": False,
            "TemporaryOSDText": False,
            "Mask": False,
            "SourceMask": False,
        }

    def GetServiceCapabilities(self, call: Call, _request: Request) -> Answer:
        """5.11"""
        return {"Capabilities": self.capabilities(call)}

    # --- Profiles and streams ----------------------------------------------------------------------------------------

    async def GetProfiles(self, call: Call, request: Request) -> Answer:
        """5.2.2: with their configurations only as far as `Type` names them."""
        wanted = request.get("Type") or ()
        kinds = tuple(kind for kind in _CONFIGURATIONS if kind in wanted or "All" in wanted)
        if token := request.get("Token"):
            profiles = [self._profile(call, token)]
        else:
            profiles = await self._profiles.profiles(call.principal)
        texts = (self._profile_text(profile, kinds) for profile in profiles)
        return {"Profiles": await self._slices.gather(texts)}

    def GetStreamUri(self, call: Call, request: Request) -> Answer:
        """The same URI for every call and over restarts."""
        profile = self._profile(call, request["ProfileToken"])
        protocol = request["Protocol"]
        if protocol == "RtspMulticast" and self._profiles.multicast:
            return {"Uri": multicast_url(call, profile)}
        if protocol not in _STREAM_PROTOCOLS:
            served = ", ".join(_STREAM_PROTOCOLS)
            raise SoapFault(invalid_value("InvalidStreamSetup", f"{protocol} is not served, only {served}"))
        udp, tunnelled = protocol == "RtspUnicast", protocol == "RtspOverHttp"
        return {"Uri": stream_url(call, profile, udp=udp, tunnelled=tunnelled)}

    def GetSnapshotUri(self, call: Call, request: Request) -> Answer:
        """A JPEG behind HTTP GET with the same log-in."""
        return {"Uri": snapshot_url(call, self._profile(call, request["ProfileToken"]))}

    def SetSynchronizationPoint(self, call: Call, request: Request) -> Answer:
        """Nothing to do: a joiner is served from the kept group of pictures."""
        self._profile(call, request["ProfileToken"])
        return {}

    # --- Configurations: by their own token, by the profile they fit, or all -----------------------------------------

    async def GetVideoSourceConfigurations(self, call: Call, request: Request) -> Answer:
        """One for each camera."""
        cameras = await self._cameras(call, request)
        return {"Configurations": await self._source_texts(cameras, "VideoSourceConfiguration")}

    async def GetAudioSourceConfigurations(self, call: Call, request: Request) -> Answer:
        """One for each camera with audio."""
        cameras = await self._cameras(call, request, lambda camera: camera.source.audio is not None)
        return {"Configurations": await self._source_texts(cameras, "AudioSourceConfiguration")}

    async def GetVideoEncoderConfigurations(self, call: Call, request: Request) -> Answer:
        """One for each stream of which something is known."""
        profiles = await self._encoders(call, request, lambda profile: profile.video is not None)
        return {"Configurations": await self._slices.gather(self._text(p, "VideoEncoder") for p in profiles)}

    async def GetAudioEncoderConfigurations(self, call: Call, request: Request) -> Answer:
        """One for each stream with audio."""
        profiles = await self._encoders(call, request, lambda profile: profile.audio is not None)
        return {"Configurations": await self._slices.gather(self._text(p, "AudioEncoder") for p in profiles)}

    def GetMetadataConfigurations(self, call: Call, request: Request) -> Answer:
        """None yet."""
        self._nothing(call, request)
        return {"Configurations": []}

    GetAudioOutputConfigurations = GetMetadataConfigurations
    GetAudioDecoderConfigurations = GetMetadataConfigurations

    # --- Options: what is set now, and nothing else ------------------------------------------------------------------

    async def GetVideoSourceConfigurationOptions(self, call: Call, request: Request) -> Answer:
        """Of all cameras when no argument says which."""
        sources = [camera.source for camera in await self._option_cameras(call, request)]
        if not sources:
            raise SoapFault(invalid_value("NoConfig"))
        return {
            "Options": {
                "BoundsRange": bounds_range(sources),
                "VideoSourceTokensAvailable": [source.token for source in sources],
            }
        }

    async def GetAudioSourceConfigurationOptions(self, call: Call, request: Request) -> Answer:
        """Of all cameras with audio when no argument says which."""
        sources: list[Source] = [camera.source for camera in await self._option_cameras(call, request)]
        tokens = [source.token for source in sources if source.audio]
        if not tokens:
            raise SoapFault(not_supported("AudioNotSupported"))
        return {"Options": {"InputTokensAvailable": tokens}}

    async def GetVideoEncoderConfigurationOptions(self, call: Call, request: Request) -> Answer:
        """One entry for each codec."""
        profiles = await self._option_profiles(call, request)
        by_codec: dict[Codec, list[VideoFacts]] = {}
        for profile in profiles:
            if profile.video is not None:
                by_codec.setdefault(profile.video.codec, []).append(profile.video)
        if not by_codec:
            raise SoapFault(invalid_value("NoConfig", "nothing is known of this stream yet"))
        return {"Options": [_video_options(codec, videos) for codec, videos in by_codec.items()]}

    async def GetAudioEncoderConfigurationOptions(self, call: Call, request: Request) -> Answer:
        """One entry for each way that audio is encoded."""
        profiles = await self._option_profiles(call, request)
        audios = dict.fromkeys(profile.audio for profile in profiles if profile.audio)
        if not audios:
            raise SoapFault(not_supported("AudioNotSupported"))
        return {"Options": [_audio_options(audio) for audio in audios]}

    def GetMetadataConfigurationOptions(self, call: Call, request: Request) -> Answer:
        """None of the filters."""
        self._nothing(call, request)
        return {"Options": NO_METADATA_OPTIONS}

    def GetVideoEncoderInstances(self, call: Call, request: Request) -> Answer:
        """The token is a video source configuration's: as many encoders as it has streams."""
        camera = self._camera(call, request["ConfigurationToken"])
        codecs = [profile.video.codec for profile in camera.profiles if profile.video]
        numbers = [{"Encoding": codec.value, "Number": codecs.count(codec)} for codec in dict.fromkeys(codecs)]
        return {"Info": {"Codec": numbers, "Total": len(camera.profiles)}}

    # --- None of these -----------------------------------------------------------------------------------------------

    def GetVideoSourceModes(self, call: Call, request: Request) -> Answer:
        """No source has modes; an unknown source is told apart."""
        if self._profiles.camera(call.principal, request["VideoSourceToken"]) is None:
            raise SoapFault(invalid_value("NoVideoSource"))
        raise SoapFault(ACTION_NOT_SUPPORTED)

    def GetOSDs(self, call: Call, request: Request) -> Answer:
        """None; asked about one, or about an unknown source, NoConfig."""
        if request.get("OSDToken"):
            raise SoapFault(invalid_value("NoConfig"))
        if token := request.get("ConfigurationToken"):
            self._camera(call, token)
        return {"OSDs": []}

    def GetOSDOptions(self, call: Call, request: Request) -> Answer:
        """Room for none."""
        self._camera(call, request["ConfigurationToken"])
        return {"OSDOptions": NO_OSD_OPTIONS}

    def keep(self, profile: Profile) -> None:
        """Renders what lists of many profiles are made of, unless it is kept already."""
        self._profile_text(profile, ())
        self._profile_text(profile, tuple(_CONFIGURATIONS))
        if profile.video:
            self._text(profile, "VideoEncoder")
        if profile.audio:
            self._text(profile, "AudioEncoder")

    def _profile_text(self, profile: Profile, kinds: tuple[str, ...]) -> Rendered:
        """`tr2:MediaProfile` with those configurations, as kept text."""
        type_name = "{http://www.onvif.org/ver20/media/wsdl}MediaProfile"
        text: Rendered = profile.part(kinds, lambda p: self._render("media2", type_name, _profile(p, kinds)))
        return text

    def _text(self, profile: Profile, kind: str) -> Rendered:
        """The encoder's configuration as kept text; the profile has one."""
        type_name = f"{TT}{kind}2Configuration"
        make = _CONFIGURATIONS[kind]
        text: Rendered = profile.part(kind, lambda p: self._render("media2", type_name, make(p) or {}))
        return text

    async def _source_texts(self, cameras: Iterable[SeenCamera], type_name: str) -> list[Rendered]:
        return await self._slices.gather(source_text(camera.source, type_name, self._render) for camera in cameras)

    # --- Arguments ---------------------------------------------------------------------------------------------------

    def _profile(self, call: Call, token: str) -> Profile:
        profile = self._profiles.profile(call.principal, token)
        if profile is None:
            raise SoapFault(invalid_value("NoProfile"))
        return profile

    def _camera(self, call: Call, configuration_token: str) -> SeenCamera:
        camera = self._profiles.camera(call.principal, configuration_token)
        if camera is None:
            raise SoapFault(invalid_value("NoConfig"))
        return camera

    async def _cameras(
        self, call: Call, request: Request, has: Callable[[SeenCamera], bool] = lambda _: True
    ) -> list[SeenCamera]:
        """Those that `has` and that ConfigurationToken and ProfileToken leave over. Raises NoProfile, NoConfig."""
        cameras = await self._profiles.cameras(call.principal)
        if token := request.get("ProfileToken"):
            source = self._profile(call, token).source.token
            cameras = [camera for camera in cameras if camera.source.token == source]
        cameras = [camera for camera in cameras if has(camera)]
        if token := request.get("ConfigurationToken"):
            cameras = [camera for camera in cameras if camera.source.token == token]
            if not cameras:
                raise SoapFault(invalid_value("NoConfig"))
        return cameras

    async def _encoders(
        self, call: Call, request: Request, has: Callable[[Profile], bool] = lambda _: True
    ) -> list[Profile]:
        """The same for what hangs on a stream."""
        camera_only = {"ProfileToken": request.get("ProfileToken")}
        profiles = [p for camera in await self._cameras(call, camera_only) for p in camera.profiles if has(p)]
        if token := request.get("ConfigurationToken"):
            profiles = [profile for profile in profiles if profile.token == token]
            if not profiles:
                raise SoapFault(invalid_value("NoConfig"))
        return profiles

    async def _option_cameras(self, call: Call, request: Request) -> list[SeenCamera]:
        """Whose options are asked for. A camera that is not the profile's is IncompatibleConfiguration."""
        configuration, profile = request.get("ConfigurationToken"), request.get("ProfileToken")
        if configuration and profile:
            if self._profile(call, profile).source.token != self._camera(call, configuration).source.token:
                raise SoapFault(invalid_value("IncompatibleConfiguration"))
            return [self._camera(call, configuration)]
        return await self._cameras(call, request)

    async def _option_profiles(self, call: Call, request: Request) -> list[Profile]:
        """The same for what hangs on a stream: the encoder of the named profile is its own."""
        configuration, profile = request.get("ConfigurationToken"), request.get("ProfileToken")
        if configuration and profile:
            found = await self._encoders(call, {"ConfigurationToken": configuration})
            if self._profile(call, profile).source.token != found[0].source.token:
                raise SoapFault(invalid_value("IncompatibleConfiguration"))
            return found
        return [self._profile(call, profile)] if profile else await self._encoders(call, request)

    def _nothing(self, call: Call, request: Request) -> None:
        """Arguments of a kind of which there is none: a profile must exist, a configuration cannot."""
        if token := request.get("ProfileToken"):
            self._profile(call, token)
        if request.get("ConfigurationToken"):
            raise SoapFault(invalid_value("NoConfig"))


# What a profile may hold, in the schema's order, and how each is made; None when this profile has none.
_CONFIGURATIONS: dict[str, Callable[[Profile], Answer | None]] = {
    "VideoSource": lambda p: video_source_configuration(p.source),
    "AudioSource": lambda p: audio_source_configuration(p.source) if p.audio else None,
    "VideoEncoder": lambda p: _video_encoder(p, p.video) if p.video else None,
    "AudioEncoder": lambda p: _audio_encoder(p, p.audio) if p.audio else None,
}


def _profile(profile: Profile, kinds: Iterable[str]) -> Answer:
    """`tr2:MediaProfile`."""
    made: dict[str, object] = {"token": profile.token, "fixed": True, "Name": profile.name}
    configurations = {kind: _CONFIGURATIONS[kind](profile) for kind in kinds}
    if configurations:
        made["Configurations"] = {kind: value for kind, value in configurations.items() if value is not None}
    return made


def _video_encoder(profile: Profile, video: VideoFacts) -> Answer:
    """`tt:VideoEncoder2Configuration`. JPEG has neither groups of pictures nor profiles."""
    of_groups: Answer = {"GovLength": video.gop_length, "Profile": video.profile} if video.profile else {}
    return {
        "token": profile.token,
        "Name": profile.name,
        "UseCount": 1,
        **of_groups,
        "Encoding": video.codec.value,
        "Resolution": resolution(video.width, video.height),
        "RateControl": {"FrameRateLimit": float(video.frame_rate), "BitrateLimit": video.bitrate_kbps},
        "Multicast": multicast_configuration(profile, Medium.VIDEO),
        "Quality": QUALITY,
    }


def _audio_encoder(profile: Profile, audio: AudioFacts) -> Answer:
    """`tt:AudioEncoder2Configuration`."""
    return {
        "token": profile.token,
        "Name": profile.name,
        "UseCount": 1,
        "Encoding": _AUDIO_ENCODINGS[audio.codec],
        "Multicast": multicast_configuration(profile, Medium.AUDIO),
        "Bitrate": audio.bitrate_kbps,
        "SampleRate": audio.sample_rate_hz // 1000,
    }


def _video_options(codec: Codec, videos: list[VideoFacts]) -> Answer:
    """`tt:VideoEncoder2ConfigurationOptions` that hold exactly what these encoders do."""
    of_groups: Answer = {}
    if codec.of_nal_units:
        gop_lengths = int_range(video.gop_length for video in videos)
        profiles = list(dict.fromkeys(video.profile for video in videos))
        of_groups = {"GovLengthRange": [gop_lengths["Min"], gop_lengths["Max"]], "ProfilesSupported": profiles}
    return {
        "Encoding": codec.value,
        "QualityRange": {"Min": QUALITY, "Max": QUALITY},
        "ResolutionsAvailable": [
            resolution(*size) for size in dict.fromkeys((video.width, video.height) for video in videos)
        ],
        "BitrateRange": int_range(video.bitrate_kbps for video in videos),
        **of_groups,
        "FrameRatesSupported": [float(rate) for rate in sorted({video.frame_rate for video in videos}, reverse=True)],
        "ConstantBitRateSupported": False,
        "GuaranteedFrameRateSupported": False,
    }


def _audio_options(audio: AudioFacts) -> Answer:
    """`tt:AudioEncoder2ConfigurationOptions`."""
    return {
        "Encoding": _AUDIO_ENCODINGS[audio.codec],
        "BitrateList": {"Items": [audio.bitrate_kbps]},
        "SampleRateList": {"Items": [audio.sample_rate_hz // 1000]},
    }
