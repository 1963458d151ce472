"""H.265 NAL units (ITU-T H.265 7.3, 7.4): their types, the parameter sets, where decoding may start."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from bridge.base.errors import RemoteProtocolError
from bridge.wire.bits import BitReader, unescape

HEADER_BYTES = 2


class NalType(enum.IntEnum):
    """nal_unit_type (table 7-1), those that we treat apart."""

    BLA_W_LP = 16
    CRA = 21
    VPS = 32
    SPS = 33
    PPS = 34
    AUD = 35
    PREFIX_SEI = 39
    SUFFIX_SEI = 40


#: From general_profile_space to general_level_idc.
PROFILE_TIER_LEVEL_BYTES = 12

#: Types below this one are (slices of) pictures.
FIRST_NON_VCL_TYPE = 32

#: The last type that H.265 itself defines room for; RTP takes 48-50 (RFC 7798 4.4), above nobody.
LAST_TYPE = 47

#: Types of pictures that decoding may start at: BLA, IDR and CRA (3.62).
RANDOM_ACCESS = range(NalType.BLA_W_LP, NalType.CRA + 1)
_PARAMETER_SETS = frozenset({NalType.VPS, NalType.SPS, NalType.PPS})

_MAX_SIDE = 1 << 16
_MAX_REFERENCE_SETS = 64
_MAX_REFERENCES = 16
_MAX_LONG_TERM_REFERENCES = 32
_MAX_LAYER_SETS = 1024
_EXTENDED_SAR = 255
_CHROMA_444 = 3

#: Beyond this the clock in VUI or VPS is taken for a field that the camera fills with anything.
MAX_FRAME_RATE = 1000


@dataclass(frozen=True, slots=True)
class Sps:
    """What we read of a sequence parameter set.

    width, height: luma samples inside the conformance window
    frame_rate: None when the VUI does not say it
    chroma_format_idc: 1 for 4:2:0
    sub_layers: temporal layers, at least 1
    profile_tier_level: the 12 bytes from general_profile_space to general_level_idc (7.3.3), which hvcC repeats
    """

    profile_idc: int
    tier: int
    level_idc: int
    width: int
    height: int
    frame_rate: Fraction | None
    chroma_format_idc: int
    bit_depth_luma: int
    bit_depth_chroma: int
    sub_layers: int
    sub_layers_nested: bool
    profile_tier_level: bytes


#: By the first byte of a NAL unit.
_IS_PARAMETER_SET = bytes(byte >> 1 & 0x3F in _PARAMETER_SETS for byte in range(256))


def nal_type(nal: bytes) -> int:
    """nal_unit_type; -1 of nothing."""
    return nal[0] >> 1 & 0x3F if nal else -1


def parameter_sets(parts: Sequence[bytes]) -> tuple[bytes, ...] | None:
    """The VPS, SPS and PPS among `parts`, in order; None when there are none."""
    for part in parts:
        if _IS_PARAMETER_SET[part[0]]:
            return tuple(part for part in parts if _IS_PARAMETER_SET[part[0]])
    return None


def is_reference(parts: Sequence[bytes], sub_layers: int = 1) -> bool:
    """Whether other pictures may refer to this one; of what is no picture too.

    sub_layers: of the stream. Pictures of a "sub-layer non-reference" type (7.4.2.2: the even ones below 16) are none
    to their own temporal layer, but may be to those above it.
    """
    for part in parts:
        if len(part) >= HEADER_BYTES and (kind := nal_type(part)) < FIRST_NON_VCL_TYPE:
            temporal_id = (part[1] & 0x07) - 1
            return kind >= NalType.BLA_W_LP or bool(kind & 1) or temporal_id < sub_layers - 1
    return True


def sub_layers(sets: Sequence[bytes]) -> int:
    """The most temporal layers that a sequence parameter set among `sets` has; 1 without any (7.3.2.2)."""
    counts = [(nal[HEADER_BYTES] >> 1 & 0x07) + 1 for nal in sets if nal_type(nal) == NalType.SPS and len(nal) > 2]
    return max(counts, default=1)


def parse_sps(nal: bytes) -> Sps:
    """Sequence parameter set (7.3.2.2), NAL header included. Raises RemoteProtocolError."""
    if nal_type(nal) != NalType.SPS:
        raise RemoteProtocolError(f"NAL unit type {nal_type(nal)} is no sequence parameter set", clause="H.265 7.4.2.2")
    rbsp = unescape(nal)
    reader = BitReader(rbsp, name="H.265 SPS", first_byte=HEADER_BYTES)
    reader.skip(4)  # sps_video_parameter_set_id
    sub_layers = reader.bits(3)  # minus 1
    nested = reader.flag()
    profile_idc, tier, level_idc = _profile_tier_level(reader, sub_layers)
    reader.ue_up_to(15, "sps_seq_parameter_set_id")
    chroma_format_idc = reader.ue_up_to(3, "chroma_format_idc")
    separate_planes = chroma_format_idc == _CHROMA_444 and reader.flag()
    width = reader.ue_up_to(_MAX_SIDE, "pic_width_in_luma_samples")
    height = reader.ue_up_to(_MAX_SIDE, "pic_height_in_luma_samples")
    if reader.flag():
        left, right, top, bottom = (reader.ue() for _ in range(4))
        chroma_array_type = 0 if separate_planes else chroma_format_idc
        width -= (2 if chroma_array_type in (1, 2) else 1) * (left + right)
        height -= (2 if chroma_array_type == 1 else 1) * (top + bottom)
    if width <= 0 or height <= 0:
        raise RemoteProtocolError(f"H.265 SPS: {width}x{height} after cropping", clause="H.265 7.4.3.2.1")
    luma, chroma, rate = _depths_and_frame_rate(reader, sub_layers)
    general = rbsp[HEADER_BYTES + 1 : HEADER_BYTES + 1 + PROFILE_TIER_LEVEL_BYTES]
    return Sps(
        *(profile_idc, tier, level_idc, width, height, rate),
        *(chroma_format_idc, luma, chroma, sub_layers + 1, nested, general),
    )


def parse_vps_frame_rate(nal: bytes) -> Fraction | None:
    """The frame rate of a video parameter set (7.3.2.1), where some encoders write it instead of the VUI."""
    if nal_type(nal) != NalType.VPS:
        return None
    reader = BitReader(unescape(nal), name="H.265 VPS", first_byte=HEADER_BYTES)
    try:
        reader.skip(4 + 2 + 6)  # vps_video_parameter_set_id, base layer flags, vps_max_layers_minus1
        sub_layers = reader.bits(3)
        reader.skip(1 + 16)  # vps_temporal_id_nesting_flag, vps_reserved_0xffff_16bits
        _profile_tier_level(reader, sub_layers)
        _skip_sub_layer_ordering(reader, sub_layers)
        layers = reader.bits(6) + 1
        reader.skip(layers * reader.ue_up_to(_MAX_LAYER_SETS - 1, "vps_num_layer_sets_minus1"))
        return _timing(reader)
    except RemoteProtocolError:
        return None


def _profile_tier_level(reader: BitReader, sub_layers: int) -> tuple[int, int, int]:
    """(general_profile_idc, general_tier_flag, general_level_idc) of 7.3.3."""
    reader.skip(2)  # general_profile_space
    tier, profile_idc = reader.bits(1), reader.bits(5)
    reader.skip(32 + 48)  # compatibility and constraint flags
    level_idc = reader.bits(8)
    present = [(reader.flag(), reader.flag()) for _ in range(sub_layers)]
    if sub_layers:
        reader.skip(2 * (8 - sub_layers))
    for profile, level in present:
        reader.skip(88 * profile + 8 * level)
    return profile_idc, tier, level_idc


def _skip_sub_layer_ordering(reader: BitReader, sub_layers: int) -> None:
    for _ in range(3 * (sub_layers + 1 if reader.flag() else 1)):
        reader.ue()


def _depths_and_frame_rate(reader: BitReader, sub_layers: int) -> tuple[int, int, Fraction | None]:
    """Bit depths of luma and chroma, and the clock in the VUI (E.2.1). What is damaged there means only "not said"."""
    luma = chroma = 8
    try:
        luma += reader.ue()  # bit_depth_luma_minus8
        chroma += reader.ue()  # bit_depth_chroma_minus8
        order_bits = reader.ue_up_to(12, "log2_max_pic_order_cnt_lsb_minus4") + 4
        _skip_sub_layer_ordering(reader, sub_layers)
        for _ in range(6):  # block sizes and transform depths
            reader.ue()
        if reader.flag() and reader.flag():
            _skip_scaling_lists(reader)
        reader.skip(2)  # amp_enabled_flag, sample_adaptive_offset_enabled_flag
        if reader.flag():  # pcm_enabled_flag
            reader.skip(8)
            reader.ue()
            reader.ue()
            reader.skip(1)
        _skip_reference_sets(reader)
        if reader.flag():  # long_term_ref_pics_present_flag
            reader.skip((order_bits + 1) * reader.ue_up_to(_MAX_LONG_TERM_REFERENCES, "num_long_term_ref_pics_sps"))
        reader.skip(2)  # sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
        return luma, chroma, _vui_frame_rate(reader) if reader.flag() else None
    except RemoteProtocolError:
        return luma, chroma, None


def _skip_scaling_lists(reader: BitReader) -> None:
    """scaling_list_data (7.3.4)."""
    for size_id in range(4):
        for _ in range(2 if size_id == 3 else 6):
            if reader.flag():
                for _ in range(min(64, 16 << 2 * size_id) + (size_id > 1)):
                    reader.se()
            else:
                reader.ue()


def _skip_reference_sets(reader: BitReader) -> None:
    """The candidates for st_ref_pic_set (7.3.7); each may be told as a difference to the one before."""
    pictures = 0
    for index in range(reader.ue_up_to(_MAX_REFERENCE_SETS, "num_short_term_ref_pic_sets")):
        if index and reader.flag():
            reader.skip(1)  # delta_rps_sign
            reader.ue()
            pictures = sum(reader.flag() or reader.flag() for _ in range(pictures + 1))
        else:
            before = reader.ue_up_to(_MAX_REFERENCES, "num_negative_pics")
            pictures = before + reader.ue_up_to(_MAX_REFERENCES, "num_positive_pics")
            for _ in range(pictures):
                reader.ue()
                reader.skip(1)


def _vui_frame_rate(reader: BitReader) -> Fraction | None:
    if reader.flag() and reader.bits(8) == _EXTENDED_SAR:
        reader.skip(32)
    if reader.flag():  # overscan_info_present_flag
        reader.skip(1)
    if reader.flag():  # video_signal_type_present_flag
        reader.skip(4)
        if reader.flag():
            reader.skip(24)
    if reader.flag():  # chroma_loc_info_present_flag
        reader.ue()
        reader.ue()
    reader.skip(3)  # neutral_chroma_indication_flag, field_seq_flag, frame_field_info_present_flag
    if reader.flag():  # default_display_window_flag
        for _ in range(4):
            reader.ue()
    return _timing(reader)


def _timing(reader: BitReader) -> Fraction | None:
    """The flag, num_units_in_tick and time_scale; a tick is a picture (E.3.1)."""
    if not reader.flag():
        return None
    units, scale = reader.bits(32), reader.bits(32)
    return Fraction(scale, units) if 0 < scale <= MAX_FRAME_RATE * units else None
