"""Tracks and access units: the values that travel from a camera to every viewer, recording and browser.

An access unit holds all NAL units of one picture, or one frame of audio. Its parts are the bytes that the camera sent,
bit for bit and in order, SEI included: ONVIF media signing rests on that. Of a JPEG picture RTP carries the scan only;
the header in front of it is made from what the payloads tell (`wire/jpeg`).
"""

import enum
from dataclasses import dataclass, field
from fractions import Fraction


class Medium(enum.StrEnum):
    """What a track carries; the value is SDP's media name (RFC 4566 5.14)."""

    VIDEO = "video"
    AUDIO = "audio"
    METADATA = "application"


class Codec(enum.StrEnum):
    """How a track is encoded; the value is the RTP encoding name as IANA lists it."""

    H264 = "H264"
    H265 = "H265"
    JPEG = "JPEG"
    AAC = "MPEG4-GENERIC"
    AAC_LATM = "MP4A-LATM"
    """AAC in MPEG-4's own transport (ISO/IEC 14496-3 1.7), passed on as it comes."""
    OPUS = "opus"
    G726 = "G726"
    """Of any rate and packing: its RTP encoding name, as G726-32 or AAL2-G726-32, is the track's `config`."""
    PCMU = "PCMU"
    PCMA = "PCMA"
    ONVIF_METADATA = "vnd.onvif.metadata"
    """XML documents (ONVIF Streaming Specification)."""

    @property
    def medium(self) -> Medium:
        """The medium that this codec encodes."""
        return _MEDIA[self]

    @property
    def of_nal_units(self) -> bool:
        """Whether an access unit is NAL units, with parameter sets and pictures that refer to others; else one part."""
        return self in _OF_NAL_UNITS


_MEDIA = {
    Codec.H264: Medium.VIDEO,
    Codec.H265: Medium.VIDEO,
    Codec.JPEG: Medium.VIDEO,
    Codec.AAC: Medium.AUDIO,
    Codec.AAC_LATM: Medium.AUDIO,
    Codec.OPUS: Medium.AUDIO,
    Codec.G726: Medium.AUDIO,
    Codec.PCMU: Medium.AUDIO,
    Codec.PCMA: Medium.AUDIO,
    Codec.ONVIF_METADATA: Medium.METADATA,
}
_OF_NAL_UNITS = frozenset({Codec.H264, Codec.H265})


@dataclass(frozen=True, slots=True)
class Track:
    """One medium of a stream: what a receiver must know before the first access unit.

    parameter_sets: H.264: SPS and PPS, H.265: VPS, SPS and PPS; NAL units without start codes; () when not yet known
    config:         AAC: AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1); AAC_LATM: StreamMuxConfig (1.7.3), b"" when it
                    is in band; G726: its RTP encoding name
    width, height:  luma samples shown (after cropping); 0 when not known
    frame_rate:     pictures per second as the parameter sets or SDP say; None when they are silent
    """

    codec: Codec
    clock_rate: int
    channels: int = 1
    parameter_sets: tuple[bytes, ...] = ()
    config: bytes = b""
    width: int = 0
    height: int = 0
    frame_rate: Fraction | None = None

    @property
    def medium(self) -> Medium:
        """Video, audio or metadata."""
        return self.codec.medium


@dataclass(slots=True)
class AccessUnit:
    """All NAL units of one picture, a JPEG picture, a frame of audio, or a document. Never changed after it was made.

    track:       index into the tracks of its stream
    media_time:  presentation time on the hub's timeline, in the track's clock rate, 64 bits, no wrap
    utc_ns:      capture time
    arrived_ns:  monotonic time at which its last packet was read
    key:         decoding may start here (H.264: IDR with its parameter sets known; all else: always)
    parts:       NAL units without start codes; for all else one part: the picture, the frame, the document
    damaged:     packets of it were lost on the way
    size_bytes:  of all parts
    """

    track: int
    media_time: int
    utc_ns: int
    arrived_ns: int
    key: bool
    parts: tuple[bytes, ...]
    damaged: bool = False
    size_bytes: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.size_bytes = sum(map(len, self.parts))
