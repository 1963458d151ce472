"""H.264 parameter sets and random access, against what the encoder was told."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.errors import RemoteProtocolError
from bridge.wire.h264 import nal
from tests.wire.encoded import decoded_sizes, pictures, video

SIZES = [(64, 64), (176, 144), (320, 240), (640, 360), (704, 576), (1280, 720), (1282, 722), (1920, 1080), (2688, 1520)]
RATES = [Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(15), Fraction(25, 2), Fraction(60), Fraction(1)]
KINDS = [7, 8]


def sps_of(units):
    return next(part for part in units[0] if nal.nal_type(part) == nal.NalType.SPS)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_size_after_cropping(width, height):
    sps = nal.parse_sps(sps_of(video("libx264", width, height, frames=1)))
    assert (sps.width, sps.height) == (width, height)


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_frame_rate(rate):
    assert nal.parse_sps(sps_of(video("libx264", 64, 64, rate, frames=1))).frame_rate == rate


def test_a_damaged_end_costs_the_frame_rate_only():
    whole = sps_of(video("libx264", 1282, 722, frames=1))
    sps = nal.parse_sps(whole[:-4])
    assert (sps.width, sps.height, sps.frame_rate) == (1282, 722, None)


def test_parameter_sets():
    units = video("libx264")
    assert nal.parameter_sets(units[1]) is None
    kinds = [nal.nal_type(part) for part in nal.parameter_sets(units[0])]
    assert kinds == KINDS


def test_other_nal_units_are_no_sps():
    with pytest.raises(RemoteProtocolError, match="no sequence parameter set"):
        nal.parse_sps(b"")
    with pytest.raises(RemoteProtocolError, match="no sequence parameter set"):
        nal.parse_sps(video("libx264")[1][0])
    assert nal.nal_type(b"") == -1


@settings(max_examples=150)
@given(st.data())
def test_any_damage_gives_a_value_or_a_protocol_error(data):
    good = sps_of(video("libx264", 64, 64, frames=1))
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
    "options",
    [
        (("profile", "baseline"),),
        (("profile", "high"), ("x264-params", "cqm=jvt")),
        (("x264-params", "interlaced=1"),),
        (("x264-params", "overscan=show:videoformat=pal:colorprim=bt709:transfer=bt709:colormatrix=bt709:sar=12/11"),),
        (("x264-params", "chromaloc=2:fullrange=on"),),
    ],
    ids=str,
)
def test_other_kinds_of_sps(options):
    sps = nal.parse_sps(sps_of(video("libx264", 720, 572, frames=1, options=options)))
    assert (sps.width, sps.height, sps.frame_rate) == (720, 572, 25)


def test_profile_and_level():
    sps = nal.parse_sps(
        sps_of(video("libx264", 320, 240, frames=1, options=(("profile", "baseline"), ("level", "3.1"))))
    )
    assert (sps.profile_idc, sps.constraints & 0xC0, sps.level_idc) == (66, 0xC0, 31)


def test_a_clock_of_nonsense_is_not_a_frame_rate():
    good = nal.parse_sps(sps_of(video("libx264", 64, 64, Fraction(1000), frames=1)))
    assert good.frame_rate == 1000
    assert nal.parse_sps(sps_of(video("libx264", 64, 64, Fraction(1001), frames=1))).frame_rate is None


def test_chroma_format_and_bit_depths():
    (picture,) = pictures("libx264", 64, 64, frames=1, pix_fmt="yuv420p10le")
    sps = nal.parse_sps(sps_of([picture.parts]))
    assert (sps.chroma_format_idc, sps.bit_depth_luma, sps.bit_depth_chroma) == (1, 10, 10)


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        ((0x65,), True),
        ((0x67, 0x68, 0x06, 0x65), True),
        ((0x41,), True),
        ((0x09, 0x21, 0x21), True),
        ((0x01,), False),
        ((0x09, 0x06, 0x01, 0x01), False),  # SEI and delimiter have no nal_ref_idc of their own
        ((0x02, 0x03, 0x04), False),  # data partitions
        ((0x06,), True),  # no picture
        ((), True),
    ],
)
def test_what_other_pictures_may_refer_to(heads, expected):
    assert nal.is_reference([bytes([head, 0x9A]) for head in heads]) is expected


def test_b_pictures_of_x264_are_referred_to_by_none():
    options = (("bf", "2"), ("b-pyramid", "none"), ("forced-idr", "1"))
    shown = pictures("libx264", frames=24, options=options, b_frames=2)
    late = [picture for picture in shown if not nal.is_reference(picture.parts)]
    assert late
    # Each is shown before the picture that was decoded just before it.
    assert all(any(one.dts < picture.dts and one.pts > picture.pts for one in shown) for picture in late)
    assert decoded_sizes("h264", [one.parts for one in shown if nal.is_reference(one.parts)]) == [(320, 240)] * (
        24 - len(late)
    )
