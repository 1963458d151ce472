"""What a browser is asked about a track: the `codecs` parameter of a media type (RFC 6381, ISO/IEC 14496-15 annex E).

It tells of tracks as browsers get them: G.711 is sent to them as FLAC.
"""

from collections.abc import Iterable
from typing import assert_never

from bridge.base.errors import RemoteProtocolError
from bridge.base.media import Codec, Medium, Track
from bridge.wire.audio import aac
from bridge.wire.h264 import nal as h264
from bridge.wire.h265 import nal as h265

_AAC_LC = 2
_SBR, _PS = 5, 29
_PROFILE_SPACES = ("", "A", "B", "C")
_H264_SPS_BYTES = 4


def codecs_string(track: Track) -> str | None:
    """`avc1.640028`; None while the parameter sets do not tell, and of what no browser plays in MP4."""
    match track.codec:
        case Codec.H264:
            return _avc(track)
        case Codec.H265:
            return _hevc(track)
        case Codec.AAC:
            return f"mp4a.40.{_object_type(track.config)}"
        case Codec.OPUS:
            return "opus"
        case Codec.PCMU | Codec.PCMA:
            return "flac"
        case Codec.JPEG | Codec.AAC_LATM | Codec.G726 | Codec.ONVIF_METADATA:
            return None
    assert_never(track.codec)


def media_type(tracks: Iterable[Track]) -> str | None:
    """`video/mp4; codecs="avc1.640028,mp4a.40.2"`: the first picture and the first sound that can be told of.

    None where there are pictures and no browser plays them, or nothing is known yet.
    """
    first: dict[Medium, Track] = {}
    for track in tracks:
        first.setdefault(track.medium, track)
    video, audio = first.get(Medium.VIDEO), first.get(Medium.AUDIO)
    told = [codecs_string(track) for track in (video, audio) if track is not None]
    if video is not None and told[0] is None:
        return None
    known = ",".join(one for one in told if one)
    return f'{"video" if video else "audio"}/mp4; codecs="{known}"' if known else None


def _avc(track: Track) -> str | None:
    """Profile, constraints and level, as the SPS has them (14496-15 E.2)."""
    for nal in track.parameter_sets:
        if h264.nal_type(nal) == h264.NalType.SPS and len(nal) >= _H264_SPS_BYTES:
            return f"avc1.{nal[1:4].hex()}"
    return None


def _hevc(track: Track) -> str | None:
    """Profile, its compatibilities (last bit first), tier and level, constraints without the zeros behind (E.3)."""
    for nal in track.parameter_sets:
        if h265.nal_type(nal) != h265.NalType.SPS:
            continue
        try:
            general = h265.parse_sps(nal).profile_tier_level
        except RemoteProtocolError:
            continue
        space, tier, profile = general[0] >> 6, "H" if general[0] & 0x20 else "L", general[0] & 0x1F
        compatible = int(f"{int.from_bytes(general[1:5]):032b}"[::-1], 2)
        constraints = "".join(f".{byte:x}" for byte in general[5:11].rstrip(b"\0"))
        return f"hvc1.{_PROFILE_SPACES[space]}{profile}.{compatible:x}.{tier}{general[11]}{constraints}"
    return None


def _object_type(config: bytes) -> int:
    """The one that AudioSpecificConfig begins with: what SBR or PS is put on comes after it."""
    if config and config[0] >> 3 in (_SBR, _PS):
        return config[0] >> 3
    try:
        return aac.parse_config(config).object_type if config else _AAC_LC
    except RemoteProtocolError:
        return _AAC_LC
