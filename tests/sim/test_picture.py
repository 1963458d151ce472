"""The picture and the clock in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.sim.picture import Picture, read_clock

SIZES = [(1280, 720), (640, 360), (480, 270), (320, 180)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_clock_is_read_back(width: int, height: int) -> None:
    picture = Picture("Test", width, height, 90, (width, width // 2, width // 2))
    luma = picture.draw(1_795_251_600_250_000_000, 7)
    assert len(luma) == width * height
    assert read_clock(luma, width, width, height) == 1_795_251_600_250


PICTURE = Picture("Test", 320, 180, 90, (352, 176, 176))


@settings(max_examples=50)
@given(st.integers(0, (1 << 48) - 1), st.integers(0, 1 << 40))
def test_any_time_and_any_number(utc_ms: int, number: int) -> None:
    luma = PICTURE.draw(utc_ms * 1_000_000, number) if utc_ms < 4_000_000_000_000 else None
    if luma is not None:
        assert len(luma) == 352 * 180, "a stride wider than the picture is kept"
        assert read_clock(luma, 352, 320, 180) == utc_ms


def test_a_picture_without_a_strip_has_no_clock() -> None:
    assert read_clock(bytes(320 * 180), 320, 320, 180) is None


def test_pictures_differ_from_one_to_the_next() -> None:
    assert PICTURE.draw(0, 1) != PICTURE.draw(0, 2)
