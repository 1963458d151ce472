"""Handlers of the media service ver10 (`trt`): profiles, sources, configurations, stream and snapshot URIs.

Follows the ONVIF Media Service Specification. H.264 and JPEG only: this version cannot name H.265, so such a stream is
no profile here and stands in media ver20 alone (media2.py); sound in Opus it cannot name either, and is left out of its
profile. Everything is fixed: the options of a configuration are its present values.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from bridge.base.media import Codec, Medium
from bridge.services.onvif.answers import (
    NO_METADATA_OPTIONS,
    NO_OSD_OPTIONS,
    OF_SOURCES,
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
)
from bridge.services.onvif.call import Answer, Call, Request
from bridge.services.onvif.profiles import AudioFacts, Profile, Profiles, SeenCamera, Source, VideoFacts
from bridge.services.onvif.slices import Slices
from bridge.wire.soap.encoder import Rendered
from bridge.wire.soap.faults import (
    ACTION_NOT_SUPPORTED,
    SENDER,
    Fault,
    SoapFault,
    invalid_value,
    not_supported,
)

_SESSION_TIMEOUT = timedelta(seconds=60)  # of our RTSP server
_VIDEO_ENCODINGS = {Codec.H264: "H264", Codec.JPEG: "JPEG"}
_AUDIO_ENCODINGS = {
    Codec.PCMU: "G711",
    Codec.PCMA: "G711",
    Codec.G726: "G726",
    Codec.AAC: "AAC",
    Codec.AAC_LATM: "AAC",
}

# The one fault of this kind whose code is Sender (Media Service Specification, video analytics configuration).
_NO_ANALYTICS = Fault(SENDER, ("ActionNotSupported", "VideoAnalyticsNotSupported"), ACTION_NOT_SUPPORTED.reason)


class Media:
    """The media service over `profiles`. To a principal who may hear nothing it is a device without audio.

    Whatever it makes for every camera is made in slices.
    """

    def __init__(self, profiles: Profiles, render: Render, slices: Slices) -> None:
        self._profiles = profiles
        self._render = render
        self._slices = slices

    def capabilities(self, _call: Call) -> Answer:
        """`trt:Capabilities`: what is built."""
        return {
            "ProfileCapabilities": {"MaximumNumberOfProfiles": 4096},
            "StreamingCapabilities": {
                "RTPMulticast": self._profiles.multicast,
                "RTP_TCP": False,  # RTP over plain TCP, not interleaved: deprecated by the standard
                "RTP_RTSP_TCP": True,
                "NonAggregateControl": False,
                "NoRTSPStreaming": False,
            },
            "SnapshotUri": True,
            "Rotation": False,
            "VideoSourceMode": False,
            "OSD": False,
            "EXICompression": False,
        }

    def summary(self, _call: Call) -> Answer:
        """What `tt:MediaCapabilities` of the older tds GetCapabilities holds beside the XAddr."""
        multicast = self._profiles.multicast
        return {"StreamingCapabilities": {"RTPMulticast": multicast, "RTP_TCP": False, "RTP_RTSP_TCP": True}}

    def GetServiceCapabilities(self, call: Call, _request: Request) -> Answer:
        """5.16"""
        return {"Capabilities": self.capabilities(call)}

    # --- Profiles and streams ----------------------------------------------------------------------------------------

    async def GetProfiles(self, call: Call, _request: Request) -> Answer:
        """Main stream first, then falling resolution, camera by camera."""
        profiles = await self._profiles.profiles(call.principal)
        texts = (self._text(profile, "Profile") for profile in profiles if _expressible(profile))
        return {"Profiles": await self._slices.gather(texts)}

    def GetProfile(self, call: Call, request: Request) -> Answer:
        """NoProfile for an unknown one."""
        return {"Profile": self._text(self._profile(call, request), "Profile")}

    def GetStreamUri(self, call: Call, request: Request) -> Answer:
        """The same URI for every call and over restarts."""
        profile = self._profile(call, request)
        setup = request["StreamSetup"]
        stream, protocol = setup["Stream"], setup["Transport"]["Protocol"]
        if stream == "RTP-Multicast" and protocol == "UDP" and self._profiles.multicast:
            return {"MediaUri": _uri(multicast_url(call, profile))}
        if stream != "RTP-Unicast" or protocol not in ("UDP", "RTSP", "HTTP"):
            raise SoapFault(invalid_value("InvalidStreamSetup", f"{stream} over {protocol} is not served"))
        return {"MediaUri": _uri(stream_url(call, profile, udp=protocol == "UDP", tunnelled=protocol == "HTTP"))}

    def GetSnapshotUri(self, call: Call, request: Request) -> Answer:
        """A JPEG behind HTTP GET with the same log-in."""
        return {"MediaUri": _uri(snapshot_url(call, self._profile(call, request)))}

    def SetSynchronizationPoint(self, call: Call, request: Request) -> Answer:
        """Nothing to do: a joiner is served from the kept group of pictures."""
        self._profile(call, request)
        return {}

    # --- Video sources -----------------------------------------------------------------------------------------------

    async def GetVideoSources(self, call: Call, _request: Request) -> Answer:
        """A camera is a source."""
        return {"VideoSources": await self._source_texts(await self._sources(call), "VideoSource")}

    async def GetVideoSourceConfigurations(self, call: Call, _request: Request) -> Answer:
        """One for each source."""
        return {"Configurations": await self._source_texts(await self._sources(call), "VideoSourceConfiguration")}

    def GetVideoSourceConfiguration(self, call: Call, request: Request) -> Answer:
        """NoConfig for an unknown one."""
        return {"Configuration": video_source_configuration(self._camera(call, request["ConfigurationToken"]).source)}

    def GetCompatibleVideoSourceConfigurations(self, call: Call, request: Request) -> Answer:
        """The profile's own: profiles are fixed."""
        return {"Configurations": [video_source_configuration(self._profile(call, request).source)]}

    async def GetVideoSourceConfigurationOptions(self, call: Call, request: Request) -> Answer:
        """The present bounds and source; of all sources when neither argument says which."""
        sources = await self._named_sources(call, request)
        if not sources:
            raise SoapFault(invalid_value("NoConfig"))
        return {
            "Options": {
                "BoundsRange": bounds_range(sources),
                "VideoSourceTokensAvailable": [source.token for source in sources],
            }
        }

    def GetVideoSourceModes(self, call: Call, request: Request) -> Answer:
        """No source has modes; an unknown source is told apart."""
        if self._profiles.camera(call.principal, request["VideoSourceToken"]) is None:
            raise SoapFault(invalid_value("NoVideoSource"))
        raise SoapFault(ACTION_NOT_SUPPORTED)

    # --- Video encoders ----------------------------------------------------------------------------------------------

    async def GetVideoEncoderConfigurations(self, call: Call, _request: Request) -> Answer:
        """Of every H.264 stream."""
        texts = self._encoders(await self._profiles.profiles(call.principal))
        return {"Configurations": await self._slices.gather(texts)}

    def GetVideoEncoderConfiguration(self, call: Call, request: Request) -> Answer:
        """NoConfig for an unknown one, and for a stream of which nothing is known yet."""
        profile = self._encoder(call, request["ConfigurationToken"])
        return {"Configuration": self._text(profile, "VideoEncoderConfiguration")}

    def GetCompatibleVideoEncoderConfigurations(self, call: Call, request: Request) -> Answer:
        """Those of the same camera."""
        return {"Configurations": list(self._encoders(self._siblings(call, request)))}

    async def GetVideoEncoderConfigurationOptions(self, call: Call, request: Request) -> Answer:
        """The present values; of all encoders when neither argument says which."""
        if token := request.get("ConfigurationToken"):
            profiles = [self._encoder(call, token)]
        elif request.get("ProfileToken"):
            profiles = [self._profile(call, request)]
        else:
            profiles = await self._profiles.profiles(call.principal)
        if request.get("ProfileToken"):
            self._profile(call, request)
        options: dict[str, object] = {"QualityRange": int_range([QUALITY])}
        extension: dict[str, object] = {}
        for codec, name in _VIDEO_ENCODINGS.items():
            videos = [profile.video for profile in profiles if profile.video and profile.video.codec is codec]
            if videos:
                options[name] = _video_options(codec, videos)
                bitrates = int_range(video.bitrate_kbps for video in videos)
                extension[name] = _video_options(codec, videos) | {"BitrateRange": bitrates}
        return {"Options": options | {"Extension": extension} if extension else options}

    def GetGuaranteedNumberOfVideoEncoderInstances(self, call: Call, request: Request) -> Answer:
        """The token is a video source configuration's: as many encoders as it has streams."""
        camera = self._camera(call, request["ConfigurationToken"])
        # A camera that was never seen most likely sends H.264.
        codecs = [p.video.codec if p.video else Codec.H264 for p in camera.profiles if _expressible(p)]
        numbers = {name: codecs.count(codec) for codec, name in _VIDEO_ENCODINGS.items() if codec in codecs}
        return {"TotalNumber": len(codecs), **numbers}

    # --- Audio -------------------------------------------------------------------------------------------------------

    async def GetAudioSources(self, call: Call, _request: Request) -> Answer:
        """Of every camera with audio."""
        sources = await self._audio_sources(call)
        return {"AudioSources": [{"token": source.token, "Channels": audio.channels} for source, audio in sources]}

    async def GetAudioSourceConfigurations(self, call: Call, _request: Request) -> Answer:
        """One for each source."""
        sources = (source for source, _ in await self._audio_sources(call))
        return {"Configurations": await self._source_texts(sources, "AudioSourceConfiguration")}

    async def GetAudioSourceConfiguration(self, call: Call, request: Request) -> Answer:
        """NoConfig for an unknown one."""
        for source, _ in await self._audio_sources(call):
            if source.token == request["ConfigurationToken"]:
                return {"Configuration": audio_source_configuration(source)}
        raise SoapFault(invalid_value("NoConfig"))

    async def GetCompatibleAudioSourceConfigurations(self, call: Call, request: Request) -> Answer:
        """The one of the same camera, if it has audio."""
        await self._audio_sources(call)
        source = self._profile(call, request).source
        return {"Configurations": [audio_source_configuration(source)] if source.audio else []}

    async def GetAudioSourceConfigurationOptions(self, call: Call, request: Request) -> Answer:
        """The present source; all of them when neither argument says which."""
        await self._audio_sources(call)
        tokens = [source.token for source in await self._named_sources(call, request) if source.audio]
        if not tokens:
            raise SoapFault(invalid_value("NoConfig"))
        return {"Options": {"InputTokensAvailable": tokens}}

    async def GetAudioEncoderConfigurations(self, call: Call, _request: Request) -> Answer:
        """Of every stream with audio."""
        await self._audio_sources(call)
        texts = self._audio_encoders(await self._profiles.profiles(call.principal))
        return {"Configurations": await self._slices.gather(texts)}

    async def GetAudioEncoderConfiguration(self, call: Call, request: Request) -> Answer:
        """NoConfig for an unknown one."""
        await self._audio_sources(call)
        profile = self._audio_encoder(call, request["ConfigurationToken"])
        return {"Configuration": self._text(profile, "AudioEncoderConfiguration")}

    async def GetCompatibleAudioEncoderConfigurations(self, call: Call, request: Request) -> Answer:
        """Those of the same camera."""
        await self._audio_sources(call)
        return {"Configurations": list(self._audio_encoders(self._siblings(call, request)))}

    async def GetAudioEncoderConfigurationOptions(self, call: Call, request: Request) -> Answer:
        """The present values; of all encoders when neither argument says which."""
        await self._audio_sources(call)
        profiles = await self._profiles.profiles(call.principal)
        if request.get("ProfileToken"):
            profiles = [self._profile(call, request)]
        if token := request.get("ConfigurationToken"):
            profiles = [self._audio_encoder(call, token)]
        audios = dict.fromkeys(audio for profile in profiles if (audio := _sound(profile)))
        return {"Options": {"Options": [_audio_options(audio) for audio in audios]}}

    # --- Metadata, analytics, OSD: none ------------------------------------------------------------------------------

    def GetMetadataConfigurations(self, _call: Call, _request: Request) -> Answer:
        """None yet."""
        return {"Configurations": []}

    def GetMetadataConfiguration(self, _call: Call, _request: Request) -> Answer:
        """None yet."""
        raise SoapFault(invalid_value("NoConfig"))

    def GetCompatibleMetadataConfigurations(self, call: Call, request: Request) -> Answer:
        """None yet."""
        self._profile(call, request)
        return {"Configurations": []}

    def GetMetadataConfigurationOptions(self, call: Call, request: Request) -> Answer:
        """None of the filters."""
        if request.get("ProfileToken"):
            self._profile(call, request)
        if request.get("ConfigurationToken"):
            raise SoapFault(invalid_value("NoConfig"))
        return {"Options": NO_METADATA_OPTIONS}

    def GetVideoAnalyticsConfigurations(self, _call: Call, _request: Request) -> Answer:
        """No analytics."""
        raise SoapFault(_NO_ANALYTICS)

    GetVideoAnalyticsConfiguration = GetVideoAnalyticsConfigurations
    GetCompatibleVideoAnalyticsConfigurations = GetVideoAnalyticsConfigurations

    def GetOSDs(self, call: Call, request: Request) -> Answer:
        """None; asked about one source, it must exist."""
        if token := request.get("ConfigurationToken"):
            self._camera(call, token)
        return {"OSDs": []}

    def GetOSD(self, _call: Call, _request: Request) -> Answer:
        """None."""
        raise SoapFault(invalid_value("NoConfig"))

    def GetOSDOptions(self, call: Call, request: Request) -> Answer:
        """Room for none."""
        self._camera(call, request["ConfigurationToken"])
        return {"OSDOptions": NO_OSD_OPTIONS}

    # --- Arguments ---------------------------------------------------------------------------------------------------

    def keep(self, profile: Profile) -> None:
        """Renders what lists of many profiles are made of, unless it is kept already."""
        if _expressible(profile):
            self._text(profile, "Profile")
            if profile.video:
                self._text(profile, "VideoEncoderConfiguration")
            if _sound(profile):
                self._text(profile, "AudioEncoderConfiguration")
        for type_name in OF_SOURCES:
            source_text(profile.source, type_name, self._render)

    def _text(self, profile: Profile, type_name: str) -> Rendered:
        """`tt:Profile`, or a configuration in it, as kept text."""
        text: Rendered = profile.part(("trt", type_name), lambda p: self._rendered(p, type_name))
        return text

    def _rendered(self, profile: Profile, type_name: str) -> Rendered:
        value = _profile(profile)
        value = value if type_name == "Profile" else value[type_name]
        return self._render("media", f"{TT}{type_name}", value)

    async def _source_texts(self, sources: Iterable[Source], type_name: str) -> list[Rendered]:
        return await self._slices.gather(source_text(source, type_name, self._render) for source in sources)

    def _profile(self, call: Call, request: Request) -> Profile:
        profile = self._profiles.profile(call.principal, request["ProfileToken"])
        if profile is None or not _expressible(profile):
            raise SoapFault(invalid_value("NoProfile"))
        return profile

    def _siblings(self, call: Call, request: Request) -> tuple[Profile, ...]:
        """Every profile of the camera whose profile is asked about."""
        return self._camera(call, self._profile(call, request).source.token).profiles

    def _camera(self, call: Call, configuration_token: str) -> SeenCamera:
        camera = self._profiles.camera(call.principal, configuration_token)
        if camera is None:
            raise SoapFault(invalid_value("NoConfig"))
        return camera

    async def _sources(self, call: Call) -> list[Source]:
        return [camera.source for camera in await self._profiles.cameras(call.principal)]

    async def _named_sources(self, call: Call, request: Request) -> list[Source]:
        """Those that ConfigurationToken or ProfileToken names; without either all."""
        profile = self._profile(call, request) if request.get("ProfileToken") else None
        if token := request.get("ConfigurationToken"):
            return [self._camera(call, token).source]
        return [profile.source] if profile is not None else await self._sources(call)

    def _encoder(self, call: Call, token: str) -> Profile:
        profile = self._profiles.profile(call.principal, token)
        if profile is None or profile.video is None or not _expressible(profile):
            raise SoapFault(invalid_value("NoConfig"))
        return profile

    def _audio_encoder(self, call: Call, token: str) -> Profile:
        profile = self._profiles.profile(call.principal, token)
        if profile is None or _sound(profile) is None or not _expressible(profile):
            raise SoapFault(invalid_value("NoConfig"))
        return profile

    def _encoders(self, profiles: Iterable[Profile]) -> Iterator[Rendered]:
        return (self._text(p, "VideoEncoderConfiguration") for p in profiles if p.video and _expressible(p))

    def _audio_encoders(self, profiles: Iterable[Profile]) -> Iterator[Rendered]:
        return (self._text(p, "AudioEncoderConfiguration") for p in profiles if _sound(p) and _expressible(p))

    async def _audio_sources(self, call: Call) -> list[tuple[Source, AudioFacts]]:
        """Raises AudioNotSupported when there is none for this principal."""
        found = [(source, source.audio) for source in await self._sources(call) if source.audio]
        if not found:
            raise SoapFault(not_supported("AudioNotSupported"))
        return found


def _expressible(profile: Profile) -> bool:
    """Whether ver10 has a name for its codec. A camera that was never seen has none yet, and is listed."""
    return profile.video is None or profile.video.codec in _VIDEO_ENCODINGS


def _sound(profile: Profile) -> AudioFacts | None:
    """Its audio, if there is any for which ver10 has a name."""
    return profile.audio if profile.audio and profile.audio.codec in _AUDIO_ENCODINGS else None


def _profile(profile: Profile) -> Answer:
    """`tt:Profile`."""
    made: dict[str, object] = {
        "token": profile.token,
        "fixed": True,
        "Name": profile.name,
        "VideoSourceConfiguration": video_source_configuration(profile.source),
    }
    if profile.audio is not None:
        made["AudioSourceConfiguration"] = audio_source_configuration(profile.source)
    if profile.video is not None:
        made["VideoEncoderConfiguration"] = _video_encoder(profile, profile.video)
    if (audio := _sound(profile)) is not None:
        made["AudioEncoderConfiguration"] = _audio_encoder(profile, audio)
    return made


def _video_encoder(profile: Profile, video: VideoFacts) -> Answer:
    """`tt:VideoEncoderConfiguration`; its three last elements always, because UniFi Protect reads them unasked."""
    h264: Answer = {"GovLength": video.gop_length, "H264Profile": video.profile}
    return {
        "token": profile.token,
        "Name": profile.name,
        "UseCount": 1,
        "Encoding": _VIDEO_ENCODINGS[video.codec],
        "Resolution": resolution(video.width, video.height),
        "Quality": QUALITY,
        "RateControl": {
            "FrameRateLimit": _whole(video),
            "EncodingInterval": 1,
            "BitrateLimit": video.bitrate_kbps,
        },
        **({"H264": h264} if video.codec is Codec.H264 else {}),
        "Multicast": multicast_configuration(profile, Medium.VIDEO),
        "SessionTimeout": _SESSION_TIMEOUT,
    }


def _audio_encoder(profile: Profile, audio: AudioFacts) -> Answer:
    """`tt:AudioEncoderConfiguration`."""
    return {
        "token": profile.token,
        "Name": profile.name,
        "UseCount": 1,
        "Encoding": _AUDIO_ENCODINGS[audio.codec],
        "Bitrate": audio.bitrate_kbps,
        "SampleRate": audio.sample_rate_hz // 1000,
        "Multicast": multicast_configuration(profile, Medium.AUDIO),
        "SessionTimeout": _SESSION_TIMEOUT,
    }


def _video_options(codec: Codec, videos: list[VideoFacts]) -> dict[str, object]:
    """`tt:H264Options` or `tt:JpegOptions` that hold exactly what these encoders do."""
    sizes = dict.fromkeys((video.width, video.height) for video in videos)
    options: dict[str, object] = {
        "ResolutionsAvailable": [resolution(*size) for size in sizes],
        "FrameRateRange": int_range(_whole(video) for video in videos),
        "EncodingIntervalRange": int_range([1]),
    }
    if codec is Codec.H264:
        options["GovLengthRange"] = int_range(video.gop_length for video in videos)
        options["H264ProfilesSupported"] = list(dict.fromkeys(video.profile for video in videos))
    return options


def _audio_options(audio: AudioFacts) -> Answer:
    """`tt:AudioEncoderConfigurationOption`."""
    return {
        "Encoding": _AUDIO_ENCODINGS[audio.codec],
        "BitrateList": {"Items": [audio.bitrate_kbps]},
        "SampleRateList": {"Items": [audio.sample_rate_hz // 1000]},
    }


def _whole(video: VideoFacts) -> int:
    """FrameRateLimit is an integer here, and 0 would mean no picture at all."""
    return max(1, round(video.frame_rate))


def _uri(uri: str) -> Answer:
    """`tt:MediaUri` with all four children: clients read them unasked."""
    return {"Uri": uri, "InvalidAfterConnect": False, "InvalidAfterReboot": False, "Timeout": timedelta(0)}
