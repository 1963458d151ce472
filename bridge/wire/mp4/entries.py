"""Sample entries: what a track holds and how it is decoded (ISO/IEC 14496-12 8.5.2 and 12, -14 5.6, -15 5.3 and 8.3).

Parameter sets stand here although the samples carry them too: players start from here.
G.711 and JPEG are written as QuickTime has them, Opus as "Encapsulation of Opus in ISO Base Media File Format" 4.3.2.
AAC in LATM and G.726 have no entry that players know: `latm` and `g726` are ours, an audio entry with a private box
that holds what SDP says of them (StreamMuxConfig; the RTP encoding name).
"""

import struct
from collections.abc import Sequence
from typing import assert_never

from bridge.base.errors import DamagedError, RemoteProtocolError
from bridge.base.media import Codec, Medium, Track
from bridge.wire import payload
from bridge.wire.audio import flac
from bridge.wire.h264 import nal as h264
from bridge.wire.h265 import nal as h265
from bridge.wire.mp4.boxes import Box, box, child, full_box, read_fields, read_full, uuid_box

#: NAL units in samples stand behind lengths of so many bytes.
NAL_LENGTH_BYTES = 4

_KINDS = {
    Codec.H264: b"avc1",
    Codec.H265: b"hvc1",
    Codec.JPEG: b"jpeg",
    Codec.AAC: b"mp4a",
    Codec.AAC_LATM: b"latm",
    Codec.OPUS: b"Opus",
    Codec.G726: b"g726",
    Codec.PCMU: b"ulaw",
    Codec.PCMA: b"alaw",
    Codec.ONVIF_METADATA: b"mett",
}
_CODECS = {kind: codec for codec, kind in _KINDS.items()}

# Reserved bytes and data_reference_index 1; pre-defined; width, height, 72 dpi twice, reserved, one frame a sample;
# the compressor's name; depth 24, pre-defined -1 (8.5.2.2, 12.1.3).
_VISUAL = struct.Struct("!6xH16xHHIIIH32xHh")
_VISUAL_SIZE = struct.Struct("!24xHH50x")
# Reserved, data_reference_index 1; reserved; channels, bits a sample, pre-defined and reserved; rate in 16.16 (12.2.3).
_AUDIO = struct.Struct("!6xH8xHH4xI")
_AUDIO_CHANNELS = struct.Struct("!16xH10x")
# Reserved, data_reference_index 1; content_encoding (none) and mime_format, each with its zero (12.3.3.2).
_METADATA = struct.Struct("!6xH")
_METADATA_STRINGS = b"\0application/vnd.onvif.metadata\0"
# Version 0, channels, pre-skip (none: what is recorded begins in the middle), rate of the source, gain, mapping family.
_OPUS = struct.Struct("!BBHIhB")
#: What the private box of `latm` and `g726` holds is the track's `config`.
CONFIG_TYPE = b"onb track config"
_DPI_72 = 72 << 16
_DEPTH_24 = 24
_MAX_16 = 0xFFFF

_AVC_CONFIGURATION = struct.Struct("!4B")
_HEVC_CONFIGURATION = struct.Struct("!B12sHBBBBHBB")
_HEVC_ARRAYS = struct.Struct("!22xB")
_HEVC_ARRAY = struct.Struct("!BH")
_BYTE, _LENGTH = struct.Struct("!B"), struct.Struct("!H")
_MAX_SPS = 31
#: Profiles of H.264 whose avcC ends before chroma format and bit depths (ISO/IEC 14496-15 5.3.3.1.2).
_AVC_SHORT_PROFILES = frozenset({66, 77, 88})

# Descriptors of ISO/IEC 14496-1 7.2.2.1 and 7.2.6.
_ES, _DECODER_CONFIG, _DECODER_SPECIFIC, _SL_CONFIG = 3, 4, 5, 6
_OBJECT_TYPE_AAC = 0x40
_AUDIO_STREAM = 5 << 2 | 1
_DECODER_CONFIG_FIELDS = struct.Struct("!BB3sII")
_MAX_DESCRIPTOR_LENGTH_BYTES = 4


def sample_entry(track: Track) -> bytes:
    """The entry of a track. Without parameter sets, or with damaged ones, players must find them in the samples."""
    kind = _KINDS[track.codec]
    match track.codec:
        case Codec.H264:
            return box(kind, _visual(track), box(b"avcC", _avc_configuration(track.parameter_sets)))
        case Codec.H265:
            return box(kind, _visual(track), box(b"hvcC", _hevc_configuration(track.parameter_sets)))
        case Codec.AAC:
            return box(kind, _audio(track), full_box(b"esds", 0, 0, _es_descriptor(track.config)))
        case Codec.JPEG:
            return box(kind, _visual(track))
        case Codec.OPUS:
            specific = _OPUS.pack(0, track.channels, 0, track.clock_rate, 0, 0)
            return box(kind, _audio(track), box(b"dOps", specific))
        case Codec.AAC_LATM | Codec.G726:
            return box(kind, _audio(track), uuid_box(CONFIG_TYPE, track.config))
        case Codec.PCMU | Codec.PCMA:
            return box(kind, _audio(track))
        case Codec.ONVIF_METADATA:
            return box(kind, _METADATA.pack(1), _METADATA_STRINGS)
    assert_never(track.codec)


def entry_for_browsers(track: Track) -> bytes:
    """The same, of G.711 as browsers get it: `fLaC` with its STREAMINFO ("Encapsulation of FLAC in ISO BMFF" 3.3)."""
    if track.codec in (Codec.PCMU, Codec.PCMA):
        return box(b"fLaC", _audio(track), full_box(b"dfLa", 0, 0, flac.stream_info(track)))
    return sample_entry(track)


def parse_sample_entry(data: bytes | memoryview, entry: Box, clock_rate: int) -> Track:
    """The track of an entry of ours in `data`; size and frame rate as its parameter sets say. Raises DamagedError."""
    codec = _CODECS.get(entry.kind)
    if codec is None:
        known = ", ".join(kind.decode() for kind in _CODECS)
        raise DamagedError(f"sample entry {entry.kind!r}; one of {known} expected", offset=entry.start)
    if codec.medium is Medium.VIDEO:
        width, height = read_fields(_VISUAL_SIZE, data, entry.content, entry)
        if codec is Codec.JPEG:
            return Track(codec, clock_rate, width=width, height=height)
        inside = entry._replace(content=entry.content + _VISUAL.size)
        read_sets = _avc_sets if codec is Codec.H264 else _hevc_sets
        track = Track(codec, clock_rate, width=width, height=height)
        return payload.complete_track(track, read_sets(data, inside))
    if codec.medium is Medium.METADATA:
        strings = bytes(data[entry.content + _METADATA.size : entry.end])
        if not strings.startswith(_METADATA_STRINGS):
            raise DamagedError(f"metadata {strings!r:.100}; {_METADATA_STRINGS!r} expected", offset=entry.start)
        return Track(codec, clock_rate)
    (channels,) = read_fields(_AUDIO_CHANNELS, data, entry.content, entry)
    config = b""
    inside = entry._replace(content=entry.content + _AUDIO.size)
    if codec is Codec.AAC:
        config = _read_es_descriptor(data, child(data, inside, b"esds"))
    elif codec in (Codec.AAC_LATM, Codec.G726):
        private = child(data, inside, b"uuid")
        if private.usertype != CONFIG_TYPE:
            raise DamagedError(f"private box {private.usertype!r}; {CONFIG_TYPE!r} expected", offset=private.start)
        config = bytes(data[private.content : private.end])
    return Track(codec, clock_rate, channels, config=config)


def _visual(track: Track) -> bytes:
    width, height = min(track.width, _MAX_16), min(track.height, _MAX_16)
    return _VISUAL.pack(1, width, height, _DPI_72, _DPI_72, 0, 1, _DEPTH_24, -1)


def _audio(track: Track) -> bytes:
    # 0 where the rate does not fit: players take it from the configuration, or the track's clock.
    rate = track.clock_rate if track.clock_rate <= _MAX_16 else 0
    return _AUDIO.pack(1, track.channels, 16, rate << 16)


def _avc_configuration(sets: Sequence[bytes]) -> bytes:
    """AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1)."""
    all_sps = [nal for nal in sets if h264.nal_type(nal) == h264.NalType.SPS][:_MAX_SPS]
    all_pps = [nal for nal in sets if h264.nal_type(nal) == h264.NalType.PPS]
    profile = all_sps[0][1:4].ljust(3, b"\0") if all_sps else bytes(3)
    parts = [_AVC_CONFIGURATION.pack(1, *profile), _BYTE.pack(0xFC | NAL_LENGTH_BYTES - 1)]
    parts += [_BYTE.pack(0xE0 | len(all_sps)), *map(_with_length, all_sps)]
    parts += [_BYTE.pack(len(all_pps)), *map(_with_length, all_pps)]
    if all_sps and profile[0] not in _AVC_SHORT_PROFILES:
        try:
            sps = h264.parse_sps(all_sps[0])
        except RemoteProtocolError:
            return b"".join(parts)  # readers take the rest from the SPS in the samples
        depths = (0xF8 | sps.bit_depth_luma - 8 & 7, 0xF8 | sps.bit_depth_chroma - 8 & 7)
        parts.append(bytes((0xFC | sps.chroma_format_idc, *depths, 0)))
    return b"".join(parts)


def _avc_sets(data: bytes | memoryview, inside: Box) -> list[bytes]:
    record = child(data, inside, b"avcC")
    at = record.content + _AVC_CONFIGURATION.size
    (lengths,) = read_fields(_BYTE, data, at, record)
    _check_nal_length(lengths, at)
    sets: list[bytes] = []
    at += 1
    for mask in (0x1F, 0xFF):
        (count,) = read_fields(_BYTE, data, at, record)
        found, at = _read_sets(data, at + 1, record, count & mask)
        sets += found
    return sets


def _hevc_configuration(sets: Sequence[bytes]) -> bytes:
    """HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 8.3.3.1)."""
    by_kind = {
        kind: [nal for nal in sets if h265.nal_type(nal) == kind]
        for kind in (h265.NalType.VPS, h265.NalType.SPS, h265.NalType.PPS)
    }
    general, chroma, luma_depth, chroma_depth, layers, nested = bytes(h265.PROFILE_TIER_LEVEL_BYTES), 1, 8, 8, 1, True
    for nal in by_kind[h265.NalType.SPS]:
        try:
            sps = h265.parse_sps(nal)
        except RemoteProtocolError:
            continue  # zeros say nothing: readers take it from the SPS
        general, chroma, layers, nested = (
            *(sps.profile_tier_level, sps.chroma_format_idc),
            *(sps.sub_layers, sps.sub_layers_nested),
        )
        luma_depth, chroma_depth = sps.bit_depth_luma, sps.bit_depth_chroma
        break
    # Nothing is said of spatial segmentation, parallelism and frame rate: 0.
    depths = (0xF8 | luma_depth - 8 & 7, 0xF8 | chroma_depth - 8 & 7)
    layering = layers << 3 | nested << 2 | NAL_LENGTH_BYTES - 1
    arrays = {kind: nals for kind, nals in by_kind.items() if nals}
    parts = [_HEVC_CONFIGURATION.pack(1, general, 0xF000, 0xFC, 0xFC | chroma, *depths, 0, layering, len(arrays))]
    for kind, nals in arrays.items():
        # array_completeness 0: the samples carry parameter sets too. Strictly that is `hev1`; Apple plays `hvc1` alone.
        parts += [_HEVC_ARRAY.pack(kind, len(nals)), *map(_with_length, nals)]
    return b"".join(parts)


def _hevc_sets(data: bytes | memoryview, inside: Box) -> list[bytes]:
    record = child(data, inside, b"hvcC")
    (arrays,) = read_fields(_HEVC_ARRAYS, data, record.content, record)
    at = record.content + _HEVC_ARRAYS.size
    _check_nal_length(data[at - 2], at - 2)
    sets: list[bytes] = []
    for _ in range(arrays):
        _, count = read_fields(_HEVC_ARRAY, data, at, record)
        found, at = _read_sets(data, at + _HEVC_ARRAY.size, record, count)
        sets += found
    return sets


def _check_nal_length(field: int, at: int) -> None:
    if field & 3 != NAL_LENGTH_BYTES - 1:
        raise DamagedError(f"NAL units with lengths of {(field & 3) + 1} bytes; {NAL_LENGTH_BYTES} expected", offset=at)


def _with_length(nal: bytes) -> bytes:
    return _LENGTH.pack(len(nal)) + nal


def _read_sets(data: bytes | memoryview, at: int, record: Box, count: int) -> tuple[list[bytes], int]:
    """(`count` NAL units behind 16 bits of length each, offset of what follows)."""
    sets = []
    for _ in range(count):
        (length,) = read_fields(_LENGTH, data, at, record)
        at += _LENGTH.size
        if at + length > record.end:
            raise DamagedError(f"a parameter set of {length} bytes; {record.end - at} are left", offset=at)
        sets.append(bytes(data[at : at + length]))
        at += length
    return sets, at


def _es_descriptor(config: bytes) -> bytes:
    """ES_Descriptor of an AAC track (ISO/IEC 14496-14 5.6); bit rates are not known: 0."""
    specific = _descriptor(_DECODER_SPECIFIC, config) if config else b""
    decoder = _DECODER_CONFIG_FIELDS.pack(_OBJECT_TYPE_AAC, _AUDIO_STREAM, bytes(3), 0, 0)
    return _descriptor(
        _ES, bytes(3) + _descriptor(_DECODER_CONFIG, decoder + specific) + _descriptor(_SL_CONFIG, b"\2")
    )


def _descriptor(tag: int, content: bytes) -> bytes:
    """Its length is written in groups of 7 bits (ISO/IEC 14496-1 8.3.3)."""
    groups, left = [len(content) & 0x7F], len(content) >> 7
    while left:
        groups.append(left & 0x7F | 0x80)
        left >>= 7
    if len(groups) > _MAX_DESCRIPTOR_LENGTH_BYTES:
        raise ValueError(f"a descriptor of {len(content)} bytes")
    return bytes((tag, *reversed(groups))) + content


def _read_es_descriptor(data: bytes | memoryview, esds: Box) -> bytes:
    """AudioSpecificConfig; b"" when the descriptor has none."""
    _, _, at = read_full(data, esds)
    es = _read_descriptor(data, esds._replace(content=at), _ES)
    decoder = _read_descriptor(data, es._replace(content=es.content + 3), _DECODER_CONFIG)
    specific = decoder.content + _DECODER_CONFIG_FIELDS.size
    if specific >= decoder.end:
        return b""
    found = _read_descriptor(data, decoder._replace(content=specific), _DECODER_SPECIFIC)
    return bytes(data[found.content : found.end])


def _read_descriptor(data: bytes | memoryview, inside: Box, tag: int) -> Box:
    """The descriptor that the content begins with, as a box without a kind."""
    at, length = inside.content, 0
    (found,) = read_fields(_BYTE, data, at, inside)
    if found != tag:
        raise DamagedError(f"descriptor with tag {found}; {tag} expected", offset=at)
    for _ in range(_MAX_DESCRIPTOR_LENGTH_BYTES):
        at += 1
        (group,) = read_fields(_BYTE, data, at, inside)
        length = length << 7 | group & 0x7F
        if not group & 0x80:
            break
    if at + 1 + length > inside.end:
        raise DamagedError(f"descriptor of {length} bytes; {inside.end - at - 1} are left", offset=at)
    return Box(b"", b"", inside.content, at + 1, at + 1 + length)
