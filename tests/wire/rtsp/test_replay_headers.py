"""Scale, Rate-Control, Frames and Immediate."""

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.base.errors import LocalProtocolError, RemoteProtocolError
from bridge.wire.rtsp.replay_headers import (
    MAX_INTERVAL_MS,
    Frames,
    FramesKind,
    format_immediate,
    format_rate_control,
    format_scale,
    parse_immediate,
    parse_rate_control,
    parse_scale,
)

ALL, PREDICTED, INTRA = FramesKind.ALL, FramesKind.PREDICTED, FramesKind.INTRA

# as received, normal form, value
SCALES = [
    ("1", "1.0", Fraction(1)),
    ("1.0", "1.0", Fraction(1)),
    (" -1.0 ", "-1.0", Fraction(-1)),
    ("+2.", "2.0", Fraction(2)),
    ("-0.25", "-0.25", Fraction(-1, 4)),
    ("32.500000", "32.5", Fraction(65, 2)),
    ("0.0000019", "0.000001", Fraction(1, 1_000_000)),
    ("999999999", "999999999.0", Fraction(999_999_999)),
]
FRAMES = [
    ("all", "all", Frames()),
    ("intra", "intra", Frames(INTRA)),
    (" Intra / 4000 ", "intra/4000", Frames(INTRA, 4000)),
    ("intra/0", "intra", Frames(INTRA)),
    ("PREDICTED", "predicted", Frames(PREDICTED)),
    (f"intra/{MAX_INTERVAL_MS}", f"intra/{MAX_INTERVAL_MS}", Frames(INTRA, MAX_INTERVAL_MS)),
]
WORDS = [("yes", "yes", True), (" Yes ", "yes", True), ("no", "no", False), ("NO", "no", False)]


@pytest.mark.parametrize(("received", "normal", "value"), SCALES)
def test_scale(received, normal, value):
    assert parse_scale(received) == value
    assert format_scale(value) == normal
    assert parse_scale(normal) == value


@pytest.mark.parametrize(("received", "normal", "value"), FRAMES)
def test_frames(received, normal, value):
    assert Frames.parse(received) == value
    assert value.format() == normal
    assert Frames.parse(normal) == value


@pytest.mark.parametrize(
    ("parse", "format_"), [(parse_rate_control, format_rate_control), (parse_immediate, format_immediate)]
)
@pytest.mark.parametrize(("received", "normal", "value"), WORDS)
def test_rate_control_and_immediate(parse, format_, received, normal, value):
    assert parse(received) is value
    assert format_(value) == normal
    assert parse(normal) is value


REFUSED = [
    *((parse_scale, text) for text in ("", "0", "-0.0", "0.0000001", "1,5", "x", "--1", "1e3", "nan", "1" * 5000)),
    *((Frames.parse, text) for text in ("", "i", "intra/", "intra/x", "intra/-1", "all/1", "predicted/4", "9" * 5000)),
    (Frames.parse, f"intra/{MAX_INTERVAL_MS + 1}"),
    *((parse_rate_control, text) for text in ("", "1", "true", "yes,no")),
    *((parse_immediate, text) for text in ("", "now")),
]


@pytest.mark.parametrize(("parse", "text"), REFUSED)
def test_refused(parse, text):
    with pytest.raises(RemoteProtocolError) as caught:
        parse(text)
    assert caught.value.status == 400
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("scale", [Fraction(0), Fraction(1, 10_000_000), Fraction(10**9)])
def test_scales_that_cannot_be_written(scale):
    with pytest.raises(LocalProtocolError):
        format_scale(scale)


@pytest.mark.parametrize("frames", [Frames(ALL, 1), Frames(INTRA, -1), Frames(INTRA, MAX_INTERVAL_MS + 1)])
def test_frames_that_cannot_be_written(frames):
    with pytest.raises(LocalProtocolError):
        frames.format()


@given(st.integers(1, 10**15 - 1), st.sampled_from([1, -1]))
def test_every_scale_of_six_digits_comes_back(millionths, sign):
    scale = Fraction(sign * millionths, 1_000_000)
    assert parse_scale(format_scale(scale)) == scale


@given(st.text(max_size=40) | st.from_regex(r"-?[0-9]{1,3}(\.[0-9]*)?|[a-z]{1,9}(/[0-9]+)?"))
def test_any_text_gives_a_value_or_a_refusal(text):
    for parse in (parse_scale, parse_rate_control, parse_immediate, Frames.parse):
        with suppress(RemoteProtocolError):
            parse(text)
