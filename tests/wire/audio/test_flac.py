"""G.711 as FLAC, decoded by FFmpeg: bit for bit what FFmpeg makes of the G.711 itself."""

import io
from array import array

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.base.media import Codec, Track
from bridge.wire.audio import flac
from bridge.wire.mp4 import fragment
from bridge.wire.mp4.init import init_for_browsers

DECODERS = {Codec.PCMU: "pcm_mulaw", Codec.PCMA: "pcm_alaw"}


def as_file(track, units):
    """An MP4 of these units, as a browser gets it."""
    parts, at = [init_for_browsers({1: track})], 0
    for number, unit in enumerate(units):
        data = flac.frame(track, unit, at)
        count = len(unit) // track.channels
        parts += (fragment.head_of_one(number + 1, 1, at, 0, count, fragment.KEY_FLAGS, len(data)), data)
        at += count
    return b"".join(parts)


def decoded(file):
    """(samples of each channel, sample rate) as FFmpeg plays them, checksums checked."""
    with av.open(io.BytesIO(file), options={"err_detect": "crccheck+explode"}) as container:
        stream = container.streams.audio[0]
        stream.codec_context.options = {"err_detect": "crccheck+explode"}
        return samples(container.decode(stream)), stream.rate


def samples(frames):
    """Of all channels, interleaved."""
    values = []
    for frame in frames:
        assert frame.format.name == "s16"
        values += array("h", bytes(frame.planes[0])[: 2 * frame.samples * len(frame.layout.channels)])
    return values


def direct(track, data):
    context = av.CodecContext.create(DECODERS[track.codec], "r")
    context.sample_rate, context.layout = track.clock_rate, "mono" if track.channels == 1 else "stereo"
    return samples([*context.decode(av.Packet(data)), *context.decode(None)])


@pytest.mark.parametrize("codec", DECODERS)
def test_every_byte_is_the_value_that_g711_says(codec):
    track = Track(codec, 8000)
    whole = bytes(range(256))
    values, rate = decoded(as_file(track, [whole]))
    assert values == direct(track, whole) == list(flac.linear(codec))
    assert rate == 8000


@given(
    st.sampled_from(list(DECODERS)),
    st.integers(1, 2),
    st.sampled_from([8000, 11025, 16000]),
    st.lists(st.integers(16, 640), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
)
@settings(max_examples=30, deadline=None)
def test_units_of_any_size_come_out_as_they_went_in(codec, channels, rate, sizes, random):
    track = Track(codec, rate, channels)
    units = [random.randbytes(size * channels) for size in sizes]
    values, heard = decoded(as_file(track, units))
    assert (values, heard) == (direct(track, b"".join(units)), rate)


@given(st.integers(0, 0x7FFFFFFF))
def test_frames_are_numbered_by_their_first_sample(number):
    data = flac.frame(Track(Codec.PCMU, 8000), b"\xff" * 160, number)
    coded = data[4 : data.index(_length_of(160), 4)]
    try:
        text = coded.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        assert number > 0x10FFFF  # longer than what UTF-8 allows today
        assert len(coded) in (4, 5, 6)
    else:
        assert ord(text) == number


def _length_of(count):
    return (count - 1).to_bytes(2)


@pytest.mark.parametrize("data", [b"", b"\xff" * 3, b"\xff" * 2 * 4609])
def test_what_makes_no_frame(data):
    with pytest.raises(ValueError, match="whole samples expected"):
        flac.frame(Track(Codec.PCMU, 8000, 2), data, 0)
