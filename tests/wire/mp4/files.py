"""Whole MP4 files of samples from real encoders, for the players that must open them."""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.base.media import Codec, Track
from bridge.wire import payload
from bridge.wire.mp4 import fragment, random_access
from bridge.wire.mp4.boxes import uuid_box
from bridge.wire.mp4.init import init
from tests.wire import encoded

VIDEO_CLOCK = 90_000
PICTURE_TICKS = VIDEO_CLOCK // 25
FRAGMENT_MS = 400


@dataclass(frozen=True)
class Samples:
    """One track and its samples in decoding order; times in its clock rate."""

    track: Track
    decode_times: tuple[int, ...]
    durations: tuple[int, ...]
    offsets: tuple[int, ...]
    data: tuple[bytes, ...]
    keys: tuple[bool, ...]

    @property
    def rows(self) -> list[tuple[int, int, bytes, bool]]:
        """(presentation time, decode time, bytes, key) of each sample."""
        columns = zip(self.decode_times, self.offsets, self.data, self.keys, strict=True)
        return [(dts + offset, dts, data, key) for dts, offset, data, key in columns]


def video(encoder: str, *, b_frames: int = 0, signed: bool = False, frames: int = 24) -> Samples:
    """signed: decode times are not shifted by the depth of reordering, so that composition offsets are below zero."""
    pictures = encoded.pictures(encoder, frames=frames, b_frames=b_frames)
    codec = {"libx264": Codec.H264, "libx265": Codec.H265}[encoder]
    track = payload.complete_track(Track(codec, VIDEO_CLOCK), pictures[0].parts)
    shift = 0 if signed else -pictures[0].dts
    count = len(pictures)
    return Samples(
        track,
        tuple(index * PICTURE_TICKS for index in range(count)),
        (PICTURE_TICKS,) * count,
        tuple((picture.pts + shift - index) * PICTURE_TICKS for index, picture in enumerate(pictures)),
        tuple(b"".join(len(part).to_bytes(4, "big") + part for part in picture.parts) for picture in pictures),
        tuple(picture.key for picture in pictures),
    )


def aac(sample_rate: int = 48_000, layout: str = "stereo") -> Samples:
    """Half a second of noise."""
    config, frames = encoded.aac(sample_rate, layout)
    track = Track(Codec.AAC, sample_rate, 2 if layout == "stereo" else 1, config=config)
    return _sound(track, frames, (1024,) * len(frames))


def jpeg(frames: int = 24) -> Samples:
    """Pictures of FFmpeg's encoder, all of them key frames."""
    pictures = encoded.jpegs(frames=frames)
    ticks = (PICTURE_TICKS,) * frames
    return _sound(Track(Codec.JPEG, VIDEO_CLOCK, width=320, height=240), pictures, ticks)


def opus(layout: str = "mono") -> Samples:
    """A quarter of a second of noise."""
    packets = encoded.opus(layout)
    return _sound(Track(Codec.OPUS, 48_000, 2 if layout == "stereo" else 1), packets, (960,) * len(packets))


def private(codec: Codec) -> Samples:
    """Half a second of what players have no name for."""
    config = b"G726-32" if codec is Codec.G726 else bytes.fromhex("400028103fc0")
    frames = [random.Random(index).randbytes(80) for index in range(24)]
    return _sound(Track(codec, 8000, config=config), frames, (160,) * 24)


def g711(codec: Codec, channels: int = 1) -> Samples:
    """Frames of 20 and 40 ms in turn."""
    ticks = (160, 320) * 12
    frames = [random.Random(index).randbytes(count * channels) for index, count in enumerate(ticks)]
    return _sound(Track(codec, 8000, channels), frames, ticks)


def metadata() -> Samples:
    """A document whenever something happened; they last until the next one."""
    seconds = (0, 0.1, 0.5, 0.52, 0.9)
    times = [round(second * VIDEO_CLOCK) for second in seconds]
    documents = [f'<tt:MetadataStream n="{number}"/>'.encode() * (number + 1) for number in range(len(times))]
    durations = tuple(after - before for before, after in itertools.pairwise([*times, VIDEO_CLOCK]))
    return _sound(Track(Codec.ONVIF_METADATA, VIDEO_CLOCK), documents, durations)


def _sound(track: Track, frames: Sequence[bytes], durations: tuple[int, ...]) -> Samples:
    times = tuple(sum(durations[:index]) for index in range(len(frames)))
    nothing = (0,) * len(frames)
    return Samples(track, times, durations, nothing, tuple(frames), (True,) * len(frames))


def fragmented(tracks: Sequence[Samples], *, from_ms: int = 0) -> bytes:
    """A file as a recording writes it, private boxes included; from_ms: decode time of the first samples."""
    parts = [*init([samples.track for samples in tracks])]
    parts.insert(1, uuid_box(b"header of ours..", bytes(40)))
    entries: dict[int, list[random_access.RandomAccess]] = {number: [] for number in range(1, len(tracks) + 1)}
    last_ms = max(samples.decode_times[-1] * 1000 // samples.track.clock_rate for samples in tracks)
    for sequence, start_ms in enumerate(range(0, last_ms + 1, FRAGMENT_MS), 1):
        runs, data = [], []
        moof_at = sum(map(len, parts)) + len(fragment.prft(1, 0, 0))
        for number, samples in enumerate(tracks, 1):
            rate = samples.track.clock_rate
            origin = from_ms * rate // 1000
            chosen = [
                index
                for index, time in enumerate(samples.decode_times)
                if start_ms <= time * 1000 // rate < start_ms + FRAGMENT_MS
            ]
            if not chosen:
                continue
            runs.append(
                fragment.TrackRun(
                    number,
                    samples.decode_times[chosen[0]] + origin,
                    [samples.durations[index] for index in chosen],
                    [len(samples.data[index]) for index in chosen],
                    [fragment.KEY_FLAGS if samples.keys[index] else fragment.DELTA_FLAGS for index in chosen],
                    [samples.offsets[index] for index in chosen],
                    uuid_box(b"times of capture", bytes(8 * len(chosen))),
                )
            )
            data += [samples.data[index] for index in chosen]
            for place, index in enumerate(chosen, 1):
                if samples.keys[index]:
                    time = samples.decode_times[index] + samples.offsets[index] + origin
                    entries[number].append(random_access.RandomAccess(time, moof_at, len(runs), place))
        content = b"".join(data)
        parts += [fragment.prft(1, 1_790_000_000 * 10**9, 0), fragment.moof(sequence, runs)]
        parts += [fragment.mdat_header(len(content)), content, uuid_box(b"seal of ours....", bytes(32))]
    parts += [uuid_box(b"index of ours...", bytes(99)), random_access.mfra(list(entries.items()))]
    return b"".join(parts)
