"""NAL units in a byte stream: ITU-T H.264 and H.265, annex B. Encoders and decoders speak it; RTP does not."""

from collections.abc import Iterable

_START_CODE = b"\0\0\1"


def split(stream: bytes) -> tuple[bytes, ...]:
    """The NAL units of a byte stream, without start codes; what stands before the first start code is left out.

    Zero bytes before a start code and at the end belong to no NAL unit (trailing_zero_8bits, zero_byte).
    """
    return tuple(unit for part in stream.split(_START_CODE)[1:] if (unit := part.rstrip(b"\0")))


def join(nal_units: Iterable[bytes]) -> bytes:
    """The NAL units as a byte stream."""
    return b"".join(b"\0\0\0\1" + unit for unit in nal_units)
