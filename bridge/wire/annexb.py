"""NAL units in a byte stream: ITU-T H.264 and H.265, annex B. Encoders and decoders speak it; RTP does not."""

import re
from collections.abc import Iterable

# A start code is 00 00 01; zero bytes before it belong to no NAL unit (trailing_zero_8bits, zero_byte).
_START_CODE = re.compile(rb"\x00*\x00\x00\x01")


def split(stream: bytes) -> tuple[bytes, ...]:
    """The NAL units of a byte stream, without start codes; what stands before the first start code is left out."""
    first = _START_CODE.search(stream)
    if first is None:
        return ()
    units = _START_CODE.split(stream[first.start() :])
    return tuple(unit.rstrip(b"\0") if number == len(units) - 1 else unit for number, unit in enumerate(units) if unit)


def join(nal_units: Iterable[bytes]) -> bytes:
    """The NAL units as a byte stream."""
    return b"".join(b"\0\0\0\1" + unit for unit in nal_units)
