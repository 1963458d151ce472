"""H.265 parameter sets and random access, against what the encoder was told."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.wire.h265 import nal
from tests.wire.encoded import decoded_sizes, pictures, video

SIZES = [(64, 64), (176, 144), (320, 240), (640, 360), (704, 576), (1280, 720), (1282, 722), (1920, 1080), (2688, 1520)]
RATES = [Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(15), Fraction(25, 2), Fraction(60), Fraction(1)]
KINDS = [32, 33, 34]


def sps_of(units):
    return next(part for part in units[0] if nal.nal_type(part) == nal.NalType.SPS)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_size_after_cropping(width, height):
    sps = nal.parse_sps(sps_of(video("libx265", width, height, frames=1)))
    assert (sps.width, sps.height) == (width, height)


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_frame_rate(rate):
    assert nal.parse_sps(sps_of(video("libx265", 64, 64, rate, frames=1))).frame_rate == rate


def test_a_damaged_end_costs_the_frame_rate_only():
    whole = sps_of(video("libx265", 1282, 722, frames=1))
    sps = nal.parse_sps(whole[:-4])
    assert (sps.width, sps.height, sps.frame_rate) == (1282, 722, None)


def test_parameter_sets():
    units = video("libx265")
    assert nal.parameter_sets(units[1]) is None
    kinds = [nal.nal_type(part) for part in nal.parameter_sets(units[0])]
    assert kinds == KINDS


def test_other_nal_units_are_no_sps():
    with pytest.raises(RemoteProtocolError, match="no sequence parameter set"):
        nal.parse_sps(b"")
    with pytest.raises(RemoteProtocolError, match="no sequence parameter set"):
        nal.parse_sps(video("libx265")[1][0])
    assert nal.nal_type(b"") == -1


@settings(max_examples=150)
@given(st.data())
def test_any_damage_gives_a_value_or_a_protocol_error(data):
    good = sps_of(video("libx265", 64, 64, frames=1))
    cut = data.draw(st.integers(0, len(good)))
    damaged = good[:cut] + data.draw(st.binary(max_size=60))
    try:
        sps = nal.parse_sps(damaged)
    except RemoteProtocolError:
        return
    assert sps.width > 0
    assert sps.height > 0
    assert sps.frame_rate is None or 0 < sps.frame_rate <= nal.MAX_FRAME_RATE


@pytest.mark.parametrize(
    "parameters",
    [
        "scaling-list=default",
        "overscan=show:videoformat=pal:colorprim=bt709:transfer=bt709:colormatrix=bt709:sar=2",
        "chromaloc=2:range=full:display-window=0,0,4,4",
        "temporal-layers=3",
        "ref=3:multi-pass-opt-rps=1:aud=1:hrd=1:vbv-bufsize=1000:vbv-maxrate=1000",
        "high-tier=1:level-idc=5.1",
    ],
)
def test_other_kinds_of_sps(parameters):
    options = (("x265-params", f"log-level=none:repeat-headers=1:{parameters}"),)
    sps = nal.parse_sps(sps_of(video("libx265", 720, 570, frames=1, options=options)))
    assert (sps.width, sps.height, sps.frame_rate) == (720, 570, 25)


def test_frame_rate_of_the_vps():
    units = video("libx265", 64, 64, Fraction(30000, 1001), frames=1)
    vps = next(part for part in units[0] if nal.nal_type(part) == nal.NalType.VPS)
    assert nal.parse_vps_frame_rate(vps) in (None, Fraction(30000, 1001))
    assert nal.parse_vps_frame_rate(vps[:10]) is None
    assert nal.parse_vps_frame_rate(units[0][1]) is None


def test_chroma_format_and_bit_depths():
    (picture,) = pictures("libx265", 64, 64, frames=1, pix_fmt="yuv444p12le")
    sps = nal.parse_sps(sps_of([picture.parts]))
    assert (sps.chroma_format_idc, sps.bit_depth_luma, sps.bit_depth_chroma) == (3, 12, 12)
    assert (sps.sub_layers, sps.sub_layers_nested, len(sps.profile_tier_level)) == (1, True, 12)


def _head(kind, temporal_id=0):
    return bytes([kind << 1, temporal_id + 1, 0x80])


@pytest.mark.parametrize(
    ("heads", "sub_layers", "expected"),
    [
        ((_head(19),), 1, True),  # IDR
        ((_head(32), _head(33), _head(34), _head(21)), 1, True),  # CRA with parameter sets
        ((_head(1),), 1, True),  # TRAIL_R
        ((_head(0),), 1, False),  # TRAIL_N
        ((_head(35), _head(39), _head(8)), 1, False),  # RASL_N behind a delimiter and SEI
        ((_head(9),), 1, True),  # RASL_R
        ((_head(14),), 1, False),  # reserved, and no reference
        ((_head(16),), 1, True),  # BLA: even, but above the sub-layer types
        ((_head(0, 0),), 2, True),  # the layer above may refer to it
        ((_head(2, 1),), 2, False),  # TSA_N of the highest layer
        ((_head(3, 1),), 2, True),  # TSA_R
        ((_head(39),), 1, True),  # no picture
        ((), 1, True),
    ],
)
def test_what_other_pictures_may_refer_to(heads, sub_layers, expected):
    assert nal.is_reference(heads, sub_layers) is expected


def test_b_pictures_of_x265_are_referred_to_by_none():
    options = (("x265-params", "log-level=none:keyint=10:repeat-headers=1:bframes=2:b-pyramid=0"),)
    shown = pictures("libx265", frames=24, options=options, b_frames=2)
    layers = nal.sub_layers(nal.parameter_sets(shown[0].parts))
    assert layers == 1
    late = [picture for picture in shown if not nal.is_reference(picture.parts, layers)]
    assert late
    kept = [one.parts for one in shown if nal.is_reference(one.parts, layers)]
    assert decoded_sizes("hevc", kept) == [(320, 240)] * (24 - len(late))


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ((), 1),
        (("420101",), 1),
        (("400101", "420105"), 3),
        (("42",), 1),
    ],
)
def test_temporal_layers_of_a_stream(sets, expected):
    assert nal.sub_layers([bytes.fromhex(one) for one in sets]) == expected
