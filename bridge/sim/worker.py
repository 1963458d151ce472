"""The process that encodes one simulated camera: `python -m bridge.sim.worker SCENE`.

Two video streams (main and sub) and, where asked for, sound are encoded in real time, paced by the clock, and written
as records (records.py) to standard output. It ends when its standard input closes, so it never outlives the service.
"""

import math
import os
import select
import struct
import sys
from collections.abc import Iterator
from fractions import Fraction

import av

from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_S, SystemClock, ns_to_ticks
from bridge.sim.picture import Picture
from bridge.sim.records import EncodedUnit, encode_tracks, encode_unit
from bridge.sim.scenes import Scene
from bridge.wire import annexb

VIDEO_CLOCK_RATE = 90_000
_AUDIO_RATES = {Codec.AAC: 48_000, Codec.PCMA: 8_000, Codec.PCMU: 8_000}
_AUDIO_ENCODERS = {Codec.AAC: "aac", Codec.PCMA: "pcm_alaw", Codec.PCMU: "pcm_mulaw"}
_AUDIO_FRAME = {Codec.AAC: 1024, Codec.PCMA: 160, Codec.PCMU: 160}  # samples; G.711: 20 ms, RFC 3551 4.2


class VideoEncoder:
    """One stream's encoder with the picture that it is fed."""

    def __init__(self, scene: Scene, *, divisor: int) -> None:
        """divisor: 1 for the main stream, 2 for the sub stream."""
        self.codec = scene.codec if divisor == 1 else Codec.H264
        self._width, self._height = scene.width // divisor // 2 * 2, scene.height // divisor // 2 * 2
        rate = scene.frame_rate // divisor
        context = av.CodecContext.create("libx265" if self.codec is Codec.H265 else "libx264", "w")
        if not isinstance(context, av.VideoCodecContext):
            raise TypeError("the encoder is no video encoder")
        context.width, context.height, context.pix_fmt = self._width, self._height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, VIDEO_CLOCK_RATE), Fraction(rate)
        context.bit_rate = scene.bitrate_bps // divisor**2
        gop = scene.gop // divisor
        if self.codec is Codec.H265:
            context.options = {
                "preset": "ultrafast",
                "tune": "zerolatency",
                "x265-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:repeat-headers=1"
                ":pools=none:frame-threads=1:log-level=none",
            }
        else:
            context.options = {
                "preset": "superfast",
                "tune": "zerolatency",
                "profile": "main",
                "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:repeat-headers=1:threads=1",
            }
        self._context = context
        strides = tuple(plane.line_size for plane in self._frame().planes)
        self._picture = Picture(scene.name, self._width, self._height, scene.hue, (strides[0], strides[1], strides[2]))

    def encode(self, utc_ns: int, media_time: int, number: int) -> Iterator[tuple[bytes, ...]]:
        """The access units that this picture completes, as NAL units."""
        frame = self._frame()
        for plane, data in zip(
            frame.planes, (bytes(self._picture.draw(utc_ns, number)), self._picture.u, self._picture.v), strict=True
        ):
            plane.update(data)
        frame.pts, frame.time_base = media_time, Fraction(1, VIDEO_CLOCK_RATE)
        for packet in self._context.encode(frame):
            yield annexb.split(bytes(packet))

    def _frame(self) -> av.VideoFrame:
        return av.VideoFrame(self._width, self._height, "yuv420p")


class ToneEncoder:
    """A short tone at every full second, so that sound and clock can be heard to agree."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.rate = _AUDIO_RATES[codec]
        self.samples = _AUDIO_FRAME[codec]
        context = av.CodecContext.create(_AUDIO_ENCODERS[codec], "w")
        if not isinstance(context, av.AudioCodecContext):
            raise TypeError("the encoder is no audio encoder")
        context.sample_rate = self.rate
        context.layout = "mono"
        context.format = "fltp" if codec is Codec.AAC else "s16"
        context.time_base = Fraction(1, self.rate)
        if codec is Codec.AAC:
            context.bit_rate = 64_000
        context.open()
        self._context = context
        # A second of it is made once: sample by sample sound would cost more than the pictures.
        values = [self._value(offset) for offset in range(self.rate)]
        self._sample_bytes = 4 if codec is Codec.AAC else 2
        second = (
            struct.pack(f"<{self.rate}f", *values)
            if codec is Codec.AAC
            else struct.pack(f"<{self.rate}h", *(int(value * 32767) for value in values))
        )
        self._wave = second + second[: self.samples * self._sample_bytes]

    @property
    def track(self) -> Track:
        """AudioSpecificConfig comes from the encoder."""
        return Track(self.codec, self.rate, 1, config=bytes(self._context.extradata or b""))

    def encode(self, position: int, second_offset: int) -> Iterator[tuple[int, bytes]]:
        """
        position:      of the first sample, in samples since the start: its media time
        second_offset: samples since the full second at that position
        yields:        media time and frame
        """
        at = second_offset % self.rate * self._sample_bytes
        packed = self._wave[at : at + self.samples * self._sample_bytes]
        # Of a single channel packed and planar are the same.
        frame = av.AudioFrame("fltp" if self.codec is Codec.AAC else "s16", "mono", self.samples)
        frame.planes[0].update(packed.ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = self.rate, position, Fraction(1, self.rate)
        for packet in self._context.encode(frame):
            yield packet.pts if packet.pts is not None else position, bytes(packet)

    def _value(self, offset: int) -> float:
        if offset >= self.rate // 10:
            return 0.0
        return 0.3 * math.sin(2 * math.pi * 880 * offset / self.rate)


def _write(record: bytes) -> None:
    """The record to standard output, whole; a closed pipe raises BrokenPipeError, which ends the worker."""
    data = memoryview(record)
    while data:
        data = data[os.write(1, data) :]


def run(scene: Scene) -> None:
    """Encodes until standard input closes."""
    clock = SystemClock()
    encoders = [VideoEncoder(scene, divisor=1), VideoEncoder(scene, divisor=2)]
    tone = ToneEncoder(scene.audio) if scene.audio else None
    for stream, encoder in enumerate(encoders):
        tracks = [Track(encoder.codec, VIDEO_CLOCK_RATE)]
        if tone and stream == 0:
            tracks.append(tone.track)
        _write(encode_tracks(stream, tracks))
    start_ns, start_utc_ns = clock.monotonic_ns(), clock.utc_ns()
    samples_sent, number, missed_ns = 0, 0, 0
    interval_ns = NS_PER_S // scene.frame_rate
    while True:
        due_ns = number * NS_PER_S // scene.frame_rate + missed_ns
        if not _wait_until(clock, start_ns + due_ns):
            return
        late_ns = clock.monotonic_ns() - start_ns - due_ns
        if late_ns > interval_ns:
            # As cameras do that are overloaded: pictures are left out, times stay true.
            missed_ns += late_ns
            due_ns += late_ns
            late_ns = 0
        # What the time stamp says is what the picture shows: it was captured when due, whatever drawing it takes.
        utc_ns = clock.utc_ns() - late_ns
        media_time = ns_to_ticks(due_ns, VIDEO_CLOCK_RATE)
        for stream, encoder in enumerate(encoders[: 1 + (number % 2 == 0)]):
            for parts in encoder.encode(utc_ns, media_time, number):
                _write(encode_unit(EncodedUnit(stream, 0, number % scene.gop == 0, media_time, parts)))
        if tone:
            while samples_sent + tone.samples <= due_ns * tone.rate // NS_PER_S:
                second_offset = (start_utc_ns * tone.rate // NS_PER_S + samples_sent) % tone.rate
                for position, frame in tone.encode(samples_sent, second_offset):
                    _write(encode_unit(EncodedUnit(0, 1, True, position, (frame,))))
                samples_sent += tone.samples
        number += 1


def _wait_until(clock: SystemClock, monotonic_ns: int) -> bool:
    """False when standard input was closed, that is, when the service is gone."""
    while True:
        left_ns = monotonic_ns - clock.monotonic_ns()
        ready, _, _ = select.select([0], [], [], max(left_ns, 0) / NS_PER_S)
        if ready and not os.read(0, 4096):
            return False
        if left_ns <= 0:
            return True


def main() -> None:
    """The process."""
    os.nice(5)  # a demo's cameras must not take the processor from the bridge that shows them
    try:
        run(Scene.from_json(sys.argv[1]))
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(0)


if __name__ == "__main__":
    main()
