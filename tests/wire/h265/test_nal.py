"""H.265 parameter sets and random access, against what the encoder was told."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.wire.h265 import nal
from tests.wire.encoded import pictures, video

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
