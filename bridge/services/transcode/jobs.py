"""What goes over a worker's pipes: big endian, one reply to each job, in order.

job    u32 length of what follows, u8 length of the codec's name, the name, then for every NAL unit u32 length, bytes
reply  u32 length of what follows, u8 1 (a JPEG follows) or 0 (a UTF-8 sentence says why there is none)
"""

import struct
from dataclasses import dataclass

from bridge.base.media import Codec

LENGTH = struct.Struct(">I")
MAX_MESSAGE_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class StillJob:
    """One key frame, with its parameter sets first, as NAL units without start codes."""

    codec: Codec
    nal_units: tuple[bytes, ...]


def encode_job(job: StillJob) -> bytes:
    """`StillJob` as it goes to the worker."""
    name = job.codec.encode()
    body = bytes((len(name),)) + name + b"".join(x for nal in job.nal_units for x in (LENGTH.pack(len(nal)), nal))
    return LENGTH.pack(len(body)) + body


def decode_job(body: bytes) -> StillJob:
    """The other way; the writer is our own code, so ValueError means a defect."""
    size = body[0]
    codec = Codec(body[1 : 1 + size].decode())
    parts, at = [], 1 + size
    while at < len(body):
        (length,) = LENGTH.unpack_from(body, at)
        parts.append(body[at + LENGTH.size : at + LENGTH.size + length])
        at += LENGTH.size + length
    return StillJob(codec, tuple(parts))


def encode_reply(jpeg: bytes, error: str = "") -> bytes:
    """A picture, or the reason why there is none."""
    body = b"\0" + error.encode() if error else b"\1" + jpeg
    return LENGTH.pack(len(body)) + body


def decode_reply(body: bytes) -> tuple[bytes, str]:
    """(jpeg, error); one of them is empty."""
    return (body[1:], "") if body[:1] == b"\1" else (b"", body[1:].decode("utf-8", "replace"))


def take_message(buffer: bytearray) -> bytes | None:
    """The next whole message, removed from `buffer`; None when it is not complete. ValueError: too large."""
    if len(buffer) < LENGTH.size:
        return None
    (size,) = LENGTH.unpack_from(buffer)
    if size > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {size} bytes; at most {MAX_MESSAGE_BYTES} are possible")
    if len(buffer) < LENGTH.size + size:
        return None
    message = bytes(buffer[LENGTH.size : LENGTH.size + size])
    del buffer[: LENGTH.size + size]
    return message
