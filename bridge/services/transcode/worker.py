"""The process that decodes: `python -m bridge.services.transcode.worker`.

Jobs come on standard input, replies go to standard output.
It ends when its standard input closes, so it never outlives the service.
"""

import os
from fractions import Fraction

import av
from av.error import FFmpegError

from bridge.base.media import Codec
from bridge.services.transcode.jobs import StillJob, decode_job, encode_reply, take_message
from bridge.wire import annexb

_DECODERS = {Codec.H264: "h264", Codec.H265: "hevc"}
_READ_BYTES = 1 << 20


def still(job: StillJob) -> bytes:
    """The key frame as JPEG. ValueError when it does not decode."""
    decoder = av.CodecContext.create(_DECODERS[job.codec], "r")
    if not isinstance(decoder, av.VideoCodecContext):
        raise TypeError("the decoder is no video decoder")
    decoder.thread_count = 1
    packet = av.Packet(annexb.join(job.nal_units))
    frames = [*decoder.decode(packet), *decoder.decode(None)]
    if not frames:
        raise ValueError("the key frame decodes to no picture")
    frame = frames[0].reformat(format="yuvj420p")
    encoder = av.CodecContext.create("mjpeg", "w")
    if not isinstance(encoder, av.VideoCodecContext):
        raise TypeError("the encoder is no video encoder")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"qscale": "4", "flags": "+qscale", "global_quality": str(4 * 118)}
    frame.pts, frame.time_base = 0, encoder.time_base
    return b"".join(bytes(part) for part in [*encoder.encode(frame), *encoder.encode(None)])


def answer(body: bytes) -> bytes:
    """A job's body -> the reply to it."""
    try:
        return encode_reply(still(decode_job(body)))
    except (FFmpegError, ValueError) as error:
        return encode_reply(b"", f"no picture: {error}")


def main() -> None:
    """The process."""
    av.logging.set_level(av.logging.PANIC)
    buffer = bytearray()
    while data := os.read(0, _READ_BYTES):
        buffer += data
        while (body := take_message(buffer)) is not None:
            reply = memoryview(answer(body))
            while reply:
                reply = reply[os.write(1, reply) :]


if __name__ == "__main__":
    main()
