"""Real bitstreams for the tests of the codecs: made by x264, x265, libopus and FFmpeg, never by our own code."""

import array
import functools
import random
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
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


#: By libjpeg: 72 x 40 pixels. See the folder's README.
JPEG_420, JPEG_422, JPEG_GREY = (
    (Path(__file__).parent.parent / "fixtures" / "jpeg" / f"{name}.jpg").read_bytes() for name in ("420", "422", "grey")
)


@functools.cache
def jpegs(
    width: int = 320, height: int = 240, frames: int = 3, options: tuple[tuple[str, str], ...] = ()
) -> list[bytes]:
    """Pictures by FFmpeg in 4:2:0, each another; it writes a restart marker behind every row of blocks."""
    context = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuvj420p"
    context.time_base = Fraction(1, 25)
    context.options = {"huffman": "default", **dict(options)}
    packets = []
    for index in range(frames):
        frame = av.VideoFrame(width, height, "yuvj420p")
        dice = random.Random(index)
        for plane in frame.planes:
            row = bytes(min(255, at * 3 % 200 + dice.randrange(30)) for at in range(plane.line_size))
            plane.update(row * plane.height)
        frame.pts = index
        packets += context.encode(frame)
    return [bytes(packet) for packet in [*packets, *context.encode(None)]]


def jpeg_pixels(picture: bytes) -> tuple[int, int, str, bytes]:
    """(width, height, format, luma and chroma) as FFmpeg decodes a JPEG; fails on any complaint."""
    context = av.CodecContext.create("mjpeg", "r")
    (frame,) = [*context.decode(av.Packet(picture)), *context.decode(None)]
    rows = [
        bytes(plane)[row * plane.line_size :][: plane.width]  # behind the width FFmpeg leaves what was there
        for plane in frame.planes
        for row in range(plane.height)
    ]
    return frame.width, frame.height, frame.format.name, b"".join(rows)


@functools.cache
def opus(layout: str = "mono", packets: int = 12) -> tuple[bytes, ...]:
    """Packets of 20 ms of noise by libopus, at 48 kHz."""
    context = av.CodecContext.create("libopus", "w")
    context.sample_rate, context.layout, context.format = 48_000, layout, "s16"
    context.open()
    made = []
    for index in range(packets):
        frame = av.AudioFrame("s16", layout, 960)
        frame.planes[0].update(random.Random(index).randbytes(frame.planes[0].buffer_size))
        frame.sample_rate, frame.pts = 48_000, 960 * index
        made += [bytes(packet) for packet in context.encode(frame)]
    return tuple(made)
