"""Codecs and their RTP payload formats: from SDP to a `Track` and back, depacketisers and packetisers by codec.

RFC 6184 8 (H.264), RFC 7798 7 (H.265), RFC 2435 (JPEG), RFC 3640 4 (AAC), RFC 6416 7 (LATM), RFC 7587 7 (Opus),
RFC 3551 (G.711, G.726), ONVIF Streaming Specification (metadata). Read leniently: cameras leave out rtpmap, damage
parameter sets and contradict themselves; written strictly.
"""

import binascii
import contextlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Protocol

from bridge.base.errors import RemoteProtocolError
from bridge.base.media import Codec, Medium, Track
from bridge.wire import marked_units
from bridge.wire.access_units import UnitSink, without_start_codes
from bridge.wire.audio import aac, g711, g726, latm, opus
from bridge.wire.h264 import nal as h264
from bridge.wire.h264 import rtp as h264_rtp
from bridge.wire.h265 import nal as h265
from bridge.wire.h265 import rtp as h265_rtp
from bridge.wire.jpeg import image as jpeg
from bridge.wire.jpeg import rtp as jpeg_rtp
from bridge.wire.rtp import DEFAULT_MAX_PAYLOAD_BYTES
from bridge.wire.sdp import MediaDescription

VIDEO_CLOCK_RATE = 90_000

#: So many parameter sets are kept of one SDP or access unit, the first ones; encoders use 2 or 3.
MAX_PARAMETER_SETS = 32
MAX_PARAMETER_SET_BYTES = 4096
#: The shortest PPS that can be written.
MIN_PARAMETER_SET_BYTES = 3

#: By encoding name in capitals. G.726 has one for each rate and packing.
_CODECS: dict[str, Codec] = {codec.value.upper(): codec for codec in Codec if codec is not Codec.G726}
_CODECS |= {"HEVC": Codec.H265} | dict.fromkeys(g726.SAMPLE_BITS, Codec.G726)
_PARAMETER_SET_TYPES: dict[Codec, tuple[int, ...]] = {
    Codec.H264: (h264.NalType.SPS, h264.NalType.PPS),
    Codec.H265: (h265.NalType.VPS, h265.NalType.SPS, h265.NalType.PPS),
}
#: A marker begins a talkspurt (RFC 3551 4.1).
_TALKSPURTS = frozenset({Codec.PCMU, Codec.PCMA, Codec.G726, Codec.OPUS})
_STATIC_PAYLOAD_TYPES = {
    Codec.PCMU: g711.PCMU_PAYLOAD_TYPE,
    Codec.PCMA: g711.PCMA_PAYLOAD_TYPE,
    Codec.JPEG: jpeg_rtp.PAYLOAD_TYPE,
}
_MIN_CLOCK_RATE, _MAX_CLOCK_RATE = 1000, 192_000
_MAX_CHANNELS = 8

_NUMBER = re.compile(r"\d{1,4}(?:\.\d{1,9})?", re.ASCII)
_SIZE = re.compile(r"(\d{2,5})\s*[-,x]\s*(\d{2,5})", re.ASCII)


class Depacketizer(Protocol):
    """RTP payloads of one track, in order, become access units, given to `sink(timestamp, parts, key, damaged)`."""

    @property
    def open(self) -> bool:
        """Whether parts of a unit are held back for its end."""

    @property
    def awaits_timestamp(self) -> bool:
        """Whether the open unit looks whole and only a packet of another timestamp, or `flush`, will end it."""

    def push(self, packet: memoryview, start: int, end: int, timestamp: int, marker: bool) -> None:
        """The payload packet[start:end]."""

    def lost(self) -> None:
        """Packets went missing before the next push."""

    def flush(self) -> None:
        """Nothing more comes of the open unit: it is delivered as it is."""


def depacketizer_for(track: Track, sink: UnitSink) -> Depacketizer:
    """A new depacketiser of the track's codec."""
    match track.codec:
        case Codec.H264:
            return h264_rtp.Depacketizer(sink)
        case Codec.H265:
            return h265_rtp.Depacketizer(sink)
        case Codec.AAC:
            return aac.Depacketizer(sink, frame_ticks=_frame_ticks(track))
        case Codec.PCMU | Codec.PCMA:
            return g711.Depacketizer(sink, channels=track.channels)
        case Codec.JPEG:
            return jpeg_rtp.Depacketizer(sink, width=track.width, height=track.height)
        case Codec.OPUS:
            return opus.Depacketizer(sink)
        case Codec.G726:
            return g726.Depacketizer(sink, name=track.config, channels=track.channels)
        case Codec.AAC_LATM:
            return marked_units.Depacketizer(sink, max_unit_bytes=latm.MAX_UNIT_BYTES)
        case Codec.ONVIF_METADATA:
            return marked_units.Depacketizer(sink)


def _frame_ticks(track: Track) -> int:
    """Length of an AAC frame in the RTP clock, which may run at the rate before or after band replication."""
    try:
        config = aac.parse_config(track.config)
    except RemoteProtocolError:
        return aac.FRAME_SAMPLES
    return config.frame_samples * track.clock_rate // config.sample_rate


def packetize(track: Track, parts: Sequence[bytes], max_payload_bytes: int = DEFAULT_MAX_PAYLOAD_BYTES) -> list[bytes]:
    """RTP payloads of one access unit, in order; the last one gets the marker when `marks_units(track.codec)`."""
    match track.codec:
        case Codec.H264:
            return h264_rtp.packetize(parts, max_payload_bytes)
        case Codec.H265:
            return h265_rtp.packetize(parts, max_payload_bytes)
        case Codec.AAC:
            return aac.packetize(parts, max_payload_bytes)
        case Codec.PCMU | Codec.PCMA:
            return g711.packetize(parts, max_payload_bytes)
        case Codec.JPEG:
            return jpeg_rtp.packetize(parts, max_payload_bytes)
        case Codec.OPUS:
            return opus.packetize(parts, max_payload_bytes)
        case Codec.G726:
            return g726.packetize(parts, max_payload_bytes)
        case Codec.AAC_LATM | Codec.ONVIF_METADATA:
            return marked_units.packetize(parts, max_payload_bytes)


def header_extension(track: Track, parts: Sequence[bytes]) -> bytes:
    """The RTP header extension that the first packet of an access unit needs, whole, b"" as a rule; of JPEG alone."""
    return jpeg_rtp.header_extension(parts[0]) if track.codec is Codec.JPEG and parts else b""


def marks_units(codec: Codec) -> bool:
    """Whether the last packet of an access unit carries the marker; in G.711 it would begin a talkspurt instead."""
    return codec not in _TALKSPURTS


def static_payload_type(codec: Codec) -> int | None:
    """RFC 3551 6: the payload type that needs no rtpmap; None when the codec has only dynamic ones."""
    return _STATIC_PAYLOAD_TYPES.get(codec)


def payload_type_from_sdp(media: MediaDescription) -> int | None:
    """The first payload type of the section whose codec we carry; None when there is none."""
    return next((number for number in media.payload_types if _codec(media, number) is not None), None)


def _codec(media: MediaDescription, payload_type: int) -> Codec | None:
    mapping = media.rtpmap(payload_type)
    codec = _CODECS.get(mapping.encoding.upper()) if mapping else None
    return codec if codec is not None and codec.medium == media.medium else None


def track_from_sdp(media: MediaDescription) -> Track | None:
    """The track that a media section announces; None for media and codecs that we do not carry. Never raises."""
    payload_type = payload_type_from_sdp(media)
    mapping = None if payload_type is None else media.rtpmap(payload_type)
    if payload_type is None or mapping is None:
        return None
    codec, parameters = _codec(media, payload_type), media.fmtp(payload_type)
    clock_rate = mapping.clock_rate
    if codec is None or not _MIN_CLOCK_RATE <= clock_rate <= _MAX_CLOCK_RATE or mapping.channels > _MAX_CHANNELS:
        return None
    match codec:
        case Codec.H264:
            names = ["sprop-parameter-sets"]
        case Codec.H265:
            # With decoding order numbers the payloads have more fields, and units have to be put in order.
            if parameters.get("sprop-max-don-diff", "0").strip("0"):
                return None
            names = ["sprop-vps", "sprop-sps", "sprop-pps"]
        case Codec.AAC:
            return _aac_track(clock_rate, mapping.channels, parameters)
        case Codec.JPEG:
            names = []
        case Codec.PCMU | Codec.PCMA:
            return Track(codec, clock_rate, mapping.channels)
        case Codec.OPUS:
            # rtpmap says 2 whatever is sent (RFC 7587 7).
            return Track(codec, clock_rate, 2 if parameters.get("sprop-stereo") == "1" else 1)
        case Codec.G726:
            return Track(codec, clock_rate, mapping.channels, config=mapping.encoding.upper().encode())
        case Codec.AAC_LATM:
            return _latm_track(clock_rate, mapping.channels, parameters)
        case Codec.ONVIF_METADATA:
            return Track(codec, clock_rate)
    width, height = _announced_size(media)
    track = Track(codec, clock_rate, width=width, height=height, frame_rate=_announced_frame_rate(media))
    return complete_track(track, _decode_sets(parameters.get(name, "") for name in names))


def _decode_sets(texts: Iterable[str]) -> list[bytes]:
    """Parameter sets in base64, separated by commas; some cameras leave a start code or zeros on them."""
    sets: list[bytes] = []
    for text in ",".join(texts).split(","):
        try:
            data = binascii.a2b_base64(text.rstrip("=") + "==")
        except ValueError:
            continue
        sets += without_start_codes(data)
    return sets


def _announced_frame_rate(media: MediaDescription) -> Fraction | None:
    for name in ("framerate", "x-framerate"):
        found = _NUMBER.match(media.attribute(name) or "")
        if found and Fraction(found[0]) > 0:
            return Fraction(found[0])
    return None


def _announced_size(media: MediaDescription) -> tuple[int, int]:
    """What non-standard attributes say (3GPP TS 26.234 5.3.3.2 and x-dimensions), for want of parameter sets."""
    for name in ("framesize", "x-dimensions"):
        found = _SIZE.search((media.attribute(name) or "").rpartition(" " if name == "framesize" else "\0")[2])
        if found:
            return int(found[1]), int(found[2])
    return 0, 0


def _aac_track(clock_rate: int, channels: int, parameters: dict[str, str]) -> Track | None:
    """RFC 3640 4.1; only AAC-hbr. The configuration, where it can be read, knows the channels better than rtpmap."""
    if parameters.get("mode", "AAC-hbr").lower() != "aac-hbr" and parameters.get("sizelength") != str(aac.SIZE_BITS):
        return None
    for name, bits in (("sizelength", aac.SIZE_BITS), ("indexlength", aac.INDEX_BITS)):
        if parameters.get(name, str(bits)) != str(bits):
            return None
    try:
        config = bytes.fromhex(parameters.get("config", "").strip('"'))
        channels = aac.parse_config(config).channels or channels
    except (ValueError, RemoteProtocolError):
        try:
            config = aac.encode_config(clock_rate, channels)
        except ValueError:
            return None
    return Track(Codec.AAC, clock_rate, channels, config=config)


def _latm_track(clock_rate: int, channels: int, parameters: dict[str, str]) -> Track | None:
    """RFC 6416 7.1; None where the configuration should be in SDP and is not: nobody could decode that.

    Cameras that send a configuration and leave out cpresent mean 0, although 1 is what its absence stands for.
    """
    try:
        config = bytes.fromhex(parameters.get("config", "").strip('"'))
    except ValueError:
        config = b""
    cpresent = parameters.get("cpresent", "0" if config else "1") != "0"
    if not config and not cpresent:
        return None
    if cpresent:
        return Track(Codec.AAC_LATM, clock_rate, channels)
    with contextlib.suppress(RemoteProtocolError):
        channels = latm.parse_config(config).channels or channels
    return Track(Codec.AAC_LATM, clock_rate, channels, config=config)


def media_for_track(track: Track, payload_type: int, control: str, bandwidth_kbps: int = 0) -> MediaDescription:
    """The media section that announces `track`; bandwidth_kbps 0: no b= line."""
    attributes = [("rtpmap", f"{payload_type} {_encoding(track)}")]
    parameters = _format_parameters(track)
    if parameters:
        attributes.append(("fmtp", f"{payload_type} {parameters}"))
    if track.codec is Codec.JPEG and track.width and track.height:
        # Beyond 2040 the payloads cannot tell it, and otherwise they round up to 8.
        attributes.append(("x-dimensions", f"{track.width},{track.height}"))
    if track.frame_rate is not None:
        attributes.append(("framerate", f"{float(track.frame_rate):.3f}".rstrip("0").rstrip(".")))
    attributes += [("control", control), ("recvonly", "")]
    return MediaDescription(
        track.medium.value,
        formats=[str(payload_type)],
        attributes=attributes,
        bandwidth={"AS": bandwidth_kbps} if bandwidth_kbps else {},
    )


def _encoding(track: Track) -> str:
    """The value of a=rtpmap behind the payload type."""
    name = track.config.decode("latin-1") if track.codec is Codec.G726 else track.codec.value
    channels = opus.CHANNELS_IN_SDP if track.codec is Codec.OPUS else track.channels
    # AAC names its channels always: old clients take one that is missing for stereo.
    named = track.medium is Medium.AUDIO and (channels > 1 or track.codec is Codec.AAC)
    return f"{name}/{track.clock_rate}/{channels}" if named else f"{name}/{track.clock_rate}"


def _format_parameters(track: Track) -> str:
    """The value of a=fmtp behind the payload type."""
    sets = track.parameter_sets
    match track.codec:
        case Codec.H264:
            fields = ["packetization-mode=1"]
            sps = next((nal for nal in sets if h264.nal_type(nal) == h264.NalType.SPS and len(nal) >= 4), None)
            if sps is not None:
                fields.append(f"profile-level-id={sps[1:4].hex().upper()}")
            if sets:
                fields.append("sprop-parameter-sets=" + ",".join(map(_base64, sets)))
        case Codec.H265:
            kinds = {"sprop-vps": h265.NalType.VPS, "sprop-sps": h265.NalType.SPS, "sprop-pps": h265.NalType.PPS}
            chosen = {name: [nal for nal in sets if h265.nal_type(nal) == kind] for name, kind in kinds.items()}
            fields = [f"{name}={','.join(map(_base64, nals))}" for name, nals in chosen.items() if nals]
        case Codec.AAC:
            fields = ["streamtype=5", "profile-level-id=1", "mode=AAC-hbr"]
            fields += [f"sizelength={aac.SIZE_BITS}", f"indexlength={aac.INDEX_BITS}"]
            fields += [f"indexdeltalength={aac.INDEX_BITS}", f"config={track.config.hex().upper()}"]
        case Codec.AAC_LATM:
            fields = ["cpresent=0", f"config={track.config.hex().upper()}"] if track.config else ["cpresent=1"]
        case Codec.OPUS:
            fields = ["sprop-stereo=1"] if track.channels > 1 else []
        case Codec.JPEG | Codec.PCMU | Codec.PCMA | Codec.G726 | Codec.ONVIF_METADATA:
            fields = []
    return ";".join(fields)


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def complete_track(track: Track, parameter_sets: Sequence[bytes]) -> Track:
    """`track` with these parameter sets, and size and frame rate read from them.

    Sets are kept without duplicates and by type; those of types that are not among the new ones stay. An SPS that
    cannot be read is kept, as decoders may do better, and leaves size and frame rate as they were.
    """
    if not track.codec.of_nal_units:
        return track
    nal_type = h264.nal_type if track.codec is Codec.H264 else h265.nal_type
    kinds = _PARAMETER_SET_TYPES[track.codec]
    sizes = range(MIN_PARAMETER_SET_BYTES, MAX_PARAMETER_SET_BYTES + 1)
    new = [nal for nal in parameter_sets if nal_type(nal) in kinds and len(nal) in sizes]
    fresh = {nal_type(nal) for nal in new}
    kept = [nal for nal in track.parameter_sets if nal_type(nal) not in fresh]
    sets = tuple(sorted(dict.fromkeys([*new, *kept]), key=nal_type)[:MAX_PARAMETER_SETS])
    sps = _first_readable_sps(track.codec, sets)
    if sps is None:
        return replace(track, parameter_sets=sets)
    frame_rate = sps.frame_rate or _vps_frame_rate(track.codec, sets) or track.frame_rate
    return replace(track, parameter_sets=sets, width=sps.width, height=sps.height, frame_rate=frame_rate)


def _first_readable_sps(codec: Codec, sets: Sequence[bytes]) -> h264.Sps | h265.Sps | None:
    parse_sps = h264.parse_sps if codec is Codec.H264 else h265.parse_sps
    for nal in sets:
        try:
            return parse_sps(nal)
        except RemoteProtocolError:
            continue  # another type, or damaged
    return None


def _vps_frame_rate(codec: Codec, sets: Sequence[bytes]) -> Fraction | None:
    if codec is not Codec.H265:
        return None
    return next((rate for nal in sets if (rate := h265.parse_vps_frame_rate(nal)) is not None), None)


_PARAMETER_SETS = {Codec.H264: h264.parameter_sets, Codec.H265: h265.parameter_sets}


def parameter_sets_of(track: Track, parts: Sequence[bytes]) -> tuple[bytes, ...] | None:
    """The in-band parameter sets of an access unit; None when it carries none."""
    find = _PARAMETER_SETS.get(track.codec)
    return find(parts) if find is not None else None


def learn(track: Track, parts: Sequence[bytes]) -> Track:
    """`track` as this key frame describes it in band; the very same where it says nothing new.

    H.264, H.265: parameter sets and what is read from them. JPEG: the size.
    """
    if track.codec is Codec.JPEG:
        size = jpeg.size_of(parts[0])
        if size is None or size == (track.width, track.height):
            return track
        return replace(track, width=size[0], height=size[1])
    sets = parameter_sets_of(track, parts)
    if sets is None or sets == track.parameter_sets:
        return track
    completed = complete_track(track, sets)
    return track if completed == track else completed
