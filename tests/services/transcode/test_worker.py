"""A key frame becomes a JPEG, and rubbish becomes a sentence."""

import io

import av
import pytest

from bridge.base.media import Codec
from bridge.services.transcode.jobs import StillJob, decode_reply, encode_job, take_message
from bridge.services.transcode.worker import answer, still
from bridge.sim.scenes import Scene
from bridge.sim.worker import VideoEncoder


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_a_key_frame_becomes_a_jpeg(codec: Codec) -> None:
    encoder = VideoEncoder(Scene("Test", 9, 320, 180, 10, 4, 300_000, codec), divisor=1)
    parts = next(units for number in range(9) for units in encoder.encode(0, number * 9000, number))
    jpeg = still(StillJob(codec, parts))
    assert jpeg.startswith(b"\xff\xd8")
    with av.open(io.BytesIO(jpeg), format="jpeg_pipe") as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (320, 180)


@pytest.mark.parametrize("nal", [b"\x65\x00\x00", b"\x00", b"\x67" * 300])
def test_rubbish_becomes_a_sentence(nal: bytes) -> None:
    buffer = bytearray(encode_job(StillJob(Codec.H264, (nal,))))
    reply = bytearray(answer(take_message(buffer) or b""))
    jpeg, error = decode_reply(take_message(reply) or b"")
    assert jpeg == b""
    assert error.startswith("no picture: ")
