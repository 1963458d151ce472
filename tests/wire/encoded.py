"""Real bitstreams for the tests of the codecs: made by x264, x265 and FFmpeg's AAC encoder, never by our own code."""

import array
import functools
import random
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import av

from bridge.wire import annexb

_OPTIONS = {
    # forced-idr and no B-frames: what cameras do; the x265 log goes to stderr otherwise
    "libx264": {"tune": "zerolatency", "preset": "ultrafast", "forced-idr": "1"},
    "libx265": {
        "tune": "zerolatency",
        "preset": "ultrafast",
        "x265-params": "log-level=none:keyint=10:repeat-headers=1",
    },
}


class Picture(NamedTuple):
    """An encoded picture: presentation and decode time in pictures, and its NAL units."""

    pts: int
    dts: int
    key: bool
    parts: tuple[bytes, ...]


def video(
    encoder: str,
    width: int = 320,
    height: int = 240,
    rate: Fraction = Fraction(25),
    frames: int = 12,
    options: tuple[tuple[str, str], ...] = (),
) -> tuple[tuple[bytes, ...], ...]:
    """Access units as tuples of NAL units, in decoding order, parameter sets in band."""
    return tuple(picture.parts for picture in pictures(encoder, width, height, rate, frames, options))


@functools.cache
def pictures(
    encoder: str,
    width: int = 320,
    height: int = 240,
    rate: Fraction = Fraction(25),
    frames: int = 12,
    options: tuple[tuple[str, str], ...] = (),
    b_frames: int = 0,
    pix_fmt: str = "yuv420p",
) -> tuple[Picture, ...]:
    """Pictures in decoding order, parameter sets in band; b_frames: how many of them in a row."""
    context = av.CodecContext.create(encoder, "w")
    context.width, context.height, context.pix_fmt = width, height, pix_fmt
    context.framerate, context.time_base, context.gop_size = rate, 1 / rate, 10
    context.options = {**_OPTIONS[encoder], **dict(options)}
    if b_frames:
        context.options = {name: value for name, value in context.options.items() if name != "tune"}
        context.max_b_frames = b_frames
    packets = []
    for index in range(frames):
        frame = av.VideoFrame(width, height, pix_fmt)
        noise = random.Random(index).randbytes(4096)
        if pix_fmt.endswith("le"):
            noise = bytes(value & 3 if place % 2 else value for place, value in enumerate(noise))  # samples of 10 bits
        for plane in frame.planes:
            plane.update((noise * (plane.buffer_size // 4096 + 1))[: plane.buffer_size])
        frame.pts = index
        packets += context.encode(frame)
    packets += context.encode(None)
    return tuple(Picture(it.pts, it.dts, it.is_keyframe, annexb.split(bytes(it))) for it in packets)


def decoded_sizes(decoder: str, units: Iterable[tuple[bytes, ...]]) -> list[tuple[int, int]]:
    """(width, height) of every picture that FFmpeg decodes from the access units."""
    context = av.CodecContext.create(decoder, "r")
    pictures = []
    for unit in units:
        pictures += context.decode(av.Packet(annexb.join(unit)))
    pictures += context.decode(None)
    return [(picture.width, picture.height) for picture in pictures]


@functools.cache
def aac(sample_rate: int, layout: str) -> tuple[bytes, tuple[bytes, ...]]:
    """(AudioSpecificConfig, frames) of half a second of noise."""
    context = av.CodecContext.create("aac", "w")
    context.sample_rate, context.layout, context.format = sample_rate, layout, "fltp"
    context.open()
    frames = []
    for index in range(0, sample_rate // 2, context.frame_size):
        dice = random.Random(index)
        frame = av.AudioFrame("fltp", layout, context.frame_size)
        for plane in frame.planes:
            plane.update(array.array("f", (dice.uniform(-0.5, 0.5) for _ in range(context.frame_size))).tobytes())
        frame.sample_rate, frame.pts = sample_rate, index
        frames += [bytes(packet) for packet in context.encode(frame)]
    return bytes(context.extradata), tuple(frames)
