"""RTP packets (RFC 3550 5.1, 5.3.1): the header both ways, and the arithmetic of numbers that wrap.

What the payload means is left to `wire/h264`, `wire/h265` and `wire/audio`; order and loss to `dialogue/rtp_receiver`.
"""

import struct

from bridge.base.errors import RemoteProtocolError

RTP_VERSION = 2
HEADER_BYTES = 12

#: Payload bytes that fit one packet on every path we know of: 1500 less IPv6, UDP, RTP, a 0xABAC extension and tunnels.
DEFAULT_MAX_PAYLOAD_BYTES = 1400

SEQUENCE_BITS = 16
TIMESTAMP_BITS = 32

_PADDING = 0x20
_EXTENSION = 0x10
_CSRC_COUNT = 0x0F
_MARKER = 0x80

_HEADER = struct.Struct("!BBHII")
_EXTENSION_HEADER = struct.Struct("!HH")


def parse_header(packet: bytes | memoryview) -> tuple[bool, int, int, int, int, int, int]:
    """(marker, payload_type, sequence, timestamp, ssrc, payload_start, payload_end) of one packet.

    CSRCs, header extension and padding lie outside payload_start..payload_end. Raises RemoteProtocolError.
    """
    size = len(packet)
    if size < HEADER_BYTES:
        raise RemoteProtocolError(f"RTP packet of {size} bytes; its header alone has 12", clause="RFC 3550 5.1")
    flags, marker_type, sequence, timestamp, ssrc = _HEADER.unpack_from(packet)
    if flags >> 6 != RTP_VERSION:
        raise RemoteProtocolError(f"RTP version {flags >> 6} instead of 2", clause="RFC 3550 5.1")
    start, end = _payload_bounds(packet, flags, size) if flags & 0x3F else (HEADER_BYTES, size)
    return marker_type >= _MARKER, marker_type & 0x7F, sequence, timestamp, ssrc, start, end


def _payload_bounds(packet: bytes | memoryview, flags: int, size: int) -> tuple[int, int]:
    start = HEADER_BYTES + 4 * (flags & _CSRC_COUNT)
    if flags & _EXTENSION:
        if start + 4 > size:
            raise RemoteProtocolError(f"RTP header extension beyond {size} bytes", clause="RFC 3550 5.3.1")
        start += 4 + 4 * _EXTENSION_HEADER.unpack_from(packet, start)[1]
    end = size
    if flags & _PADDING:
        end -= packet[size - 1]
        if end == size:
            raise RemoteProtocolError("RTP padding of 0 bytes; its count includes itself", clause="RFC 3550 5.1")
    if start > end:
        raise RemoteProtocolError(f"RTP header and padding exceed the packet of {size} bytes", clause="RFC 3550 5.1")
    return start, end


def parse_extension(packet: bytes | memoryview) -> tuple[int, bytes] | None:
    """(profile, data) of the header extension of a packet that `parse_header` accepted; None when it has none."""
    if not packet[0] & _EXTENSION:
        return None
    start = HEADER_BYTES + 4 * (packet[0] & _CSRC_COUNT)
    profile, words = _EXTENSION_HEADER.unpack_from(packet, start)
    return profile, bytes(packet[start + 4 : start + 4 + 4 * words])


def pack_header(
    payload_type: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    *,
    marker: bool = False,
    extension: tuple[int, bytes] | None = None,
) -> bytes:
    """Header without CSRCs and padding; sequence and timestamp may be unwrapped, their low bits are sent.

    extension: (profile, data); data is whole 32-bit words
    """
    head = _HEADER.pack(
        RTP_VERSION << 6 | (_EXTENSION if extension else 0),
        payload_type | (_MARKER if marker else 0),
        sequence & 0xFFFF,
        timestamp & 0xFFFFFFFF,
        ssrc,
    )
    if extension is None:
        return head
    profile, data = extension
    if len(data) % 4:
        raise ValueError(f"header extension of {len(data)} bytes; RFC 3550 5.3.1 counts whole words of 4")
    return head + _EXTENSION_HEADER.pack(profile, len(data) // 4) + data


def difference(value: int, earlier: int, bits: int) -> int:
    """How far `value` is ahead of `earlier` on a circle of 2^bits: from -2^(bits-1) to 2^(bits-1) - 1."""
    half = 1 << (bits - 1)
    return ((value - earlier + half) & ((1 << bits) - 1)) - half


def unwrap(value: int, near: int, bits: int = TIMESTAMP_BITS) -> int:
    """The number congruent to `value` modulo 2^bits that lies nearest to `near`: wrapping counters made endless."""
    return near + difference(value, near, bits)
