"""H.264 NAL units (ITU-T H.264 7.3, 7.4): their types, the sequence parameter set, where decoding may start."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from bridge.base.errors import RemoteProtocolError
from bridge.wire.bits import BitReader, unescape

HEADER_BYTES = 1


class NalType(enum.IntEnum):
    """nal_unit_type (table 7-1), those that we treat apart."""

    SLICE = 1
    SLICE_PARTITION_A = 2
    SLICE_PARTITION_B = 3
    SLICE_PARTITION_C = 4
    SLICE_IDR = 5
    SEI = 6
    SPS = 7
    PPS = 8
    AUD = 9
    SLICE_AUXILIARY = 19
    SLICE_EXTENSION = 20
    SLICE_EXTENSION_3D = 21


#: The last type that H.264 itself defines room for; 0 and 24-31 belong to RTP (RFC 6184 table 1).
LAST_TYPE = 23

#: Level 6.2 ends at 16 880 macroblocks a side.
_MAX_MACROBLOCKS_SIDE = 16_880
_MAX_REFERENCE_CYCLE = 255
_EXTENDED_SAR = 255
_CHROMA_444 = 3

#: profile_idc of the profiles whose SPS carries chroma format and scaling lists (7.3.2.1.1).
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})

#: Beyond this the clock in the VUI is taken for a field that the camera fills with anything.
MAX_FRAME_RATE = 1000


@dataclass(frozen=True, slots=True)
class Sps:
    """What we read of a sequence parameter set.

    constraints: the byte between profile_idc and level_idc
    width, height: luma samples after cropping
    frame_rate: of pictures (two fields each); None when the VUI does not say it
    chroma_format_idc: 1 for 4:2:0
    """

    profile_idc: int
    constraints: int
    level_idc: int
    width: int
    height: int
    frame_rate: Fraction | None
    chroma_format_idc: int = 1
    bit_depth_luma: int = 8
    bit_depth_chroma: int = 8


#: By the first byte of a NAL unit.
_IS_PARAMETER_SET = bytes(byte & 0x1F in (NalType.SPS, NalType.PPS) for byte in range(256))


def nal_type(nal: bytes) -> int:
    """nal_unit_type; -1 of nothing."""
    return nal[0] & 0x1F if nal else -1


def parameter_sets(parts: Sequence[bytes]) -> tuple[bytes, ...] | None:
    """The SPS and PPS among `parts`, in order; None when there are none."""
    for part in parts:
        if _IS_PARAMETER_SET[part[0]]:
            return tuple(part for part in parts if _IS_PARAMETER_SET[part[0]])
    return None


#: By the first byte of a NAL unit: of what holds picture data of the base view.
_IS_SLICE = bytes(NalType.SLICE <= byte & 0x1F <= NalType.SLICE_IDR for byte in range(256))
_REF_IDC = 0x60


def is_reference(parts: Sequence[bytes]) -> bool:
    """Whether other pictures may refer to this one; of what is no picture too.

    nal_ref_idc is zero for all slices of a picture or for none (7.4.1).
    """
    return next((part[0] & _REF_IDC != 0 for part in parts if part and _IS_SLICE[part[0]]), True)


def parse_sps(nal: bytes) -> Sps:
    """Sequence parameter set (7.3.2.1.1), NAL header included. Raises RemoteProtocolError."""
    if nal_type(nal) != NalType.SPS:
        raise RemoteProtocolError(f"NAL unit type {nal_type(nal)} is no sequence parameter set", clause="H.264 7.4.1")
    reader = BitReader(unescape(nal), name="H.264 SPS", first_byte=HEADER_BYTES)
    profile_idc, constraints, level_idc = reader.bits(8), reader.bits(8), reader.bits(8)
    reader.ue_up_to(31, "seq_parameter_set_id")
    chroma_format_idc, separate_planes, bit_depths = 1, False, (8, 8)
    if profile_idc in _HIGH_PROFILES:
        chroma_format_idc = reader.ue_up_to(3, "chroma_format_idc")
        separate_planes = chroma_format_idc == _CHROMA_444 and reader.flag()
        bit_depths = 8 + reader.ue(), 8 + reader.ue()
        _skip_scaling(reader, chroma_format_idc)
    _skip_order_count(reader)
    reader.ue()  # max_num_ref_frames
    reader.skip(1)  # gaps_in_frame_num_value_allowed_flag
    columns = reader.ue_up_to(_MAX_MACROBLOCKS_SIDE, "pic_width_in_mbs_minus1") + 1
    map_units = reader.ue_up_to(_MAX_MACROBLOCKS_SIDE, "pic_height_in_map_units_minus1") + 1
    frames_only = reader.flag()
    if not frames_only:
        reader.skip(1)  # mb_adaptive_frame_field_flag
    reader.skip(1)  # direct_8x8_inference_flag
    left = right = top = bottom = 0
    if reader.flag():
        left, right, top, bottom = (reader.ue() for _ in range(4))
    chroma_array_type = 0 if separate_planes else chroma_format_idc
    unit_x = 2 if chroma_array_type in (1, 2) else 1
    unit_y = (2 if chroma_array_type == 1 else 1) * (1 if frames_only else 2)
    width = 16 * columns - unit_x * (left + right)
    height = 16 * map_units * (1 if frames_only else 2) - unit_y * (top + bottom)
    if width <= 0 or height <= 0:
        raise RemoteProtocolError(f"H.264 SPS: {width}x{height} after cropping", clause="H.264 7.4.2.1.1")
    rate = _frame_rate(reader)
    return Sps(profile_idc, constraints, level_idc, width, height, rate, chroma_format_idc, *bit_depths)


def _skip_scaling(reader: BitReader, chroma_format_idc: int) -> None:
    reader.skip(1)  # qpprime_y_zero_transform_bypass_flag
    if not reader.flag():
        return
    for index in range(12 if chroma_format_idc == _CHROMA_444 else 8):
        if reader.flag():
            _skip_scaling_list(reader, 16 if index < 6 else 64)


def _skip_scaling_list(reader: BitReader, size: int) -> None:
    last = scale = 8
    for _ in range(size):
        if scale:
            scale = (last + reader.se()) % 256
        last = scale or last


def _skip_order_count(reader: BitReader) -> None:
    reader.ue()  # log2_max_frame_num_minus4
    kind = reader.ue_up_to(2, "pic_order_cnt_type")
    if kind == 0:
        reader.ue()  # log2_max_pic_order_cnt_lsb_minus4
    elif kind == 1:
        reader.skip(1)  # delta_pic_order_always_zero_flag
        reader.se()  # offset_for_non_ref_pic
        reader.se()  # offset_for_top_to_bottom_field
        for _ in range(reader.ue_up_to(_MAX_REFERENCE_CYCLE, "num_ref_frames_in_pic_order_cnt_cycle")):
            reader.se()


def _frame_rate(reader: BitReader) -> Fraction | None:
    """From the VUI (E.1.1). Cameras that damage it still have a size, so its errors mean only "not said"."""
    try:
        if not reader.flag():
            return None
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
        if not reader.flag():
            return None
        units, scale = reader.bits(32), reader.bits(32)
    except RemoteProtocolError:
        return None
    # A tick is a field (E.2.1), whether or not fixed_frame_rate_flag promises that none is left out.
    if not 0 < scale <= 2 * MAX_FRAME_RATE * units:
        return None
    return Fraction(scale, 2 * units)
