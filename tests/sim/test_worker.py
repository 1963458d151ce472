"""The encoders of a simulated camera, with real codecs."""

import itertools

import av
import pytest

from bridge.base.media import Codec
from bridge.sim.picture import read_clock
from bridge.sim.scenes import Scene, scenes
from bridge.sim.worker import ToneEncoder, VideoEncoder
from bridge.wire import annexb

START_MS = 1_795_251_600_000


@pytest.mark.parametrize(("codec", "decoder"), [(Codec.H264, "h264"), (Codec.H265, "hevc")])
def test_video_decodes_and_shows_the_time(codec: Codec, decoder: str) -> None:
    encoder = VideoEncoder(Scene("Test", 9, 320, 180, 10, 4, 300_000, codec), divisor=1)
    context, shown = av.CodecContext.create(decoder, "r"), []
    for number in range(9):
        utc_ns = (START_MS + number * 100) * 1_000_000
        for parts in encoder.encode(utc_ns, number * 9000, number):
            assert all(parts)
            for frame in context.decode(av.Packet(annexb.join(parts))):
                plane = frame.reformat(format="gray").planes[0]
                shown.append(read_clock(memoryview(plane), plane.line_size, frame.width, frame.height))
    shown += [
        read_clock(memoryview(plane := frame.planes[0]), plane.line_size, frame.width, frame.height)
        for frame in context.decode(None)
    ]
    assert shown == [START_MS + number * 100 for number in range(9)]


@pytest.mark.parametrize("scene", scenes(4, small=True), ids=lambda scene: scene.camera_id)
@pytest.mark.parametrize("divisor", [1, 2])
def test_the_clock_of_small_pictures_can_be_read(scene: Scene, divisor: int) -> None:
    encoder = VideoEncoder(scene, divisor=divisor)
    decoder = av.CodecContext.create("hevc" if encoder.codec is Codec.H265 else "h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    shown = []
    for number in range(10):
        for parts in encoder.encode((START_MS + number * 50) * 1_000_000, number * 4500, number):
            for frame in decoder.decode(av.Packet(annexb.join(parts))):
                plane = frame.planes[0]
                shown.append(read_clock(memoryview(plane), plane.line_size, frame.width, frame.height))
    assert shown == [START_MS + number * 50 for number in range(len(shown))]
    assert len(shown) >= 8


@pytest.mark.parametrize(
    ("codec", "decoder"), [(Codec.AAC, "aac"), (Codec.PCMA, "pcm_alaw"), (Codec.PCMU, "pcm_mulaw")]
)
def test_sound_decodes(codec: Codec, decoder: str) -> None:
    tone = ToneEncoder(codec)
    context = av.CodecContext.create(decoder, "r")
    context.sample_rate, context.layout = tone.rate, "mono"
    if tone.track.config:
        context.extradata = tone.track.config
    samples, times = 0, []
    for number in range(20):
        for media_time, frame in tone.encode(number * tone.samples, number * tone.samples):
            times.append(media_time)
            samples += sum(decoded.samples for decoded in context.decode(av.Packet(frame)))
    assert samples >= 18 * tone.samples
    assert all(later - earlier == tone.samples for earlier, later in itertools.pairwise(times))
