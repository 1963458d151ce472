"""FFmpeg (through PyAV) opens what we write, finds every sample as it was, and decodes it without a complaint."""

import io
from dataclasses import replace
from typing import NamedTuple

import av
import av.logging
import pytest

from bridge.base.media import Codec
from tests.wire.mp4 import files

FILES = {
    "H.264": [files.video("libx264")],
    "H.264 with B-frames": [files.video("libx264", b_frames=2)],
    "H.264 and AAC": [files.video("libx264"), files.aac()],
    "H.265": [files.video("libx265")],
    "H.265 with B-frames and AAC": [files.video("libx265", b_frames=2), files.aac(16_000, "mono")],
    "AAC of 96 kHz, which the entry has no room for": [files.aac(96_000)],
    "H.264 and mu-law": [files.video("libx264"), files.g711(Codec.PCMU)],
    "A-law in stereo": [files.g711(Codec.PCMA, 2)],
    "JPEG": [files.jpeg()],
    "JPEG and Opus": [files.jpeg(), files.opus()],
    "H.264 and Opus in stereo": [files.video("libx264"), files.opus("stereo")],
}
NAMES = {
    Codec.H264: "h264",
    Codec.H265: "hevc",
    Codec.JPEG: "mjpeg",
    Codec.AAC: "aac",
    Codec.OPUS: "opus",
    Codec.PCMU: "pcm_mulaw",
    Codec.PCMA: "pcm_alaw",
}


class Opened(NamedTuple):
    """What FFmpeg finds: each track's rows, decoder, clock rate and number of frames; complaints."""

    rows: list[list[tuple[int, int, bytes, bool]]]
    names: list[str]
    rates: list[int]
    frames: list[int]
    complaints: list[str]


def opened(data: bytes) -> Opened:
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture(local=False) as logs, av.open(io.BytesIO(data)) as container:
            streams = container.streams
            found = Opened(
                [[] for _ in streams],
                [stream.codec_context.name for stream in streams],
                [int(1 / stream.time_base) for stream in streams],
                [0 for _ in streams],
                [],
            )
            for packet in container.demux():
                found.frames[packet.stream.index] += len(packet.decode())
                if packet.size:
                    found.rows[packet.stream.index].append((packet.pts, packet.dts, bytes(packet), packet.is_keyframe))
    finally:
        av.logging.set_level(None)
    found.complaints.extend(text for _, _, text in logs)
    return found


@pytest.mark.parametrize("from_ms", [0, 1000])
@pytest.mark.parametrize("tracks", FILES.values(), ids=FILES.keys())
def test_fragmented_files(tracks, from_ms):
    found = opened(files.fragmented(tracks, from_ms=from_ms))
    assert found.complaints == []
    assert found.names == [NAMES[samples.track.codec] for samples in tracks]
    assert found.rates == [samples.track.clock_rate for samples in tracks]
    assert found.frames == [len(samples.data) for samples in tracks]
    for samples, rows in zip(tracks, found.rows, strict=True):
        origin = from_ms * samples.track.clock_rate // 1000
        assert rows == [(pts + origin, dts + origin, data, key) for pts, dts, data, key in samples.rows]


@pytest.mark.parametrize("first", [False, True])
def test_metadata_beside_what_is_shown(first):
    video, sound, documents = files.video("libx264"), files.aac(), files.metadata()
    tracks = [documents, video, sound] if first else [video, sound, documents]
    with av.open(io.BytesIO(files.fragmented(tracks))) as container:
        assert [stream.type for stream in container.streams] == [
            {"vnd.onvif.metadata": "data", "H264": "video"}.get(one.track.codec, "audio") for one in tracks
        ]
        rows = [[] for _ in tracks]
        for packet in container.demux():
            if packet.size:
                rows[packet.stream.index].append((packet.pts, packet.dts, bytes(packet), packet.is_keyframe))
    assert rows == [samples.rows for samples in tracks]
    with av.open(io.BytesIO(files.fragmented(tracks))) as container:
        assert len(list(container.decode(video=0))) == len(video.data)


@pytest.mark.parametrize("codec", [Codec.G726, Codec.AAC_LATM])
def test_what_players_have_no_name_for_hides_nothing_else(codec):
    video, sound = files.video("libx264"), files.private(codec)
    with av.open(io.BytesIO(files.fragmented([video, sound]))) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        rows = [[], []]
        for packet in container.demux(container.streams.video[0], container.streams[1]):
            if packet.size:
                rows[packet.stream.index].append((packet.pts, packet.dts, bytes(packet), packet.is_keyframe))
    assert rows == [video.rows, sound.rows]
    with av.open(io.BytesIO(files.fragmented([video, sound]))) as container:
        assert len(list(container.decode(video=0))) == len(video.data)


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
def test_composition_offsets_below_zero(encoder):
    """FFmpeg takes them, but shows the whole track later by the deepest: who can, shifts the decode times instead."""
    samples = files.video(encoder, b_frames=2, signed=True)
    late = -min(samples.offsets)
    assert late > 0
    found = opened(files.fragmented([samples]))
    assert (found.complaints, found.frames) == ([], [len(samples.data)])
    assert found.rows == [[(pts + late, dts, data, key) for pts, dts, data, key in samples.rows]]


def test_a_complaint_would_be_heard():
    samples = files.video("libx264")
    picture = samples.data[1]
    picture = picture[:200] + bytes(byte ^ 0x55 for byte in picture[200:300]) + picture[300:]
    damaged = replace(samples, data=(samples.data[0], picture, *samples.data[2:]))
    assert opened(files.fragmented([damaged])).complaints
