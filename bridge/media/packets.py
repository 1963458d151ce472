"""One access unit as RTP packets (RFC 3550 5.1), made once and shared by every viewer.

The packets lie in one buffer, each behind its interleaved header (RFC 2326 10.12), so that a viewer over TCP costs one
`send`; for UDP they are joined into runs of equal size, which segmentation offload sends in one call.
"""

import struct
from collections.abc import Iterator, Sequence

from bridge.wire.rtp import HEADER_BYTES

INTERLEAVED_BYTES = 4
_MARKER = 0x80
_DOLLAR = 0x24
_VERSION = 0x80
_EXTENSION = 0x10

_HEAD = struct.Struct("!BBHBBHII")
_LENGTH = struct.Struct("!H")
_TIME = struct.Struct("!I")

#: Where things stand behind the start of an interleaved header.
_CHANNEL_AT = 1
_TIME_AT = INTERLEAVED_BYTES + 4

#: What Linux takes in one send with UDP_SEGMENT (UDP_MAX_SEGMENTS, and the largest datagram less its headers).
MAX_RUN_PACKETS = 64
MAX_RUN_BYTES = 65_000

Run = tuple[int, bytes]
"""(segment size, RTP packets of that size one after the other, the last of which may be shorter)."""


class PacketizedUnit:
    """See the module. All forms beside that for channel 0 are made when first asked for, and kept.

    sequence:     of the first packet, unwrapped
    rtp_time:     of all packets, 32 bits
    media_time:   of the access unit on the hub's time line
    packets:      how many
    octets:       of payload, as sender reports count them: without headers and their extensions
    key:          decoding may start here
    interleaved:  for channel 0
    """

    __slots__ = (
        "_channels",
        "_runs",
        "interleaved",
        "key",
        "media_time",
        "octets",
        "packets",
        "rtp_time",
        "sequence",
    )

    def __init__(
        self,
        interleaved: bytes,
        *,
        sequence: int,
        rtp_time: int,
        media_time: int,
        packets: int,
        key: bool,
        extension_bytes: int = 0,
    ) -> None:
        self.interleaved = interleaved
        self.sequence = sequence
        self.rtp_time = rtp_time
        self.media_time = media_time
        self.packets = packets
        self.octets = len(interleaved) - packets * (INTERLEAVED_BYTES + HEADER_BYTES) - extension_bytes
        self.key = key
        self._channels: dict[int, bytes] = {}
        self._runs: tuple[Run, ...] | None = None

    @staticmethod
    def of(
        payloads: Sequence[bytes],
        *,
        payload_type: int,
        sequence: int,
        rtp_time: int,
        ssrc: int,
        marks: bool,
        media_time: int,
        key: bool,
        extension: bytes = b"",
    ) -> "PacketizedUnit":
        """
        payloads:  at least one
        marks:     the last packet carries the marker
        extension: header extension of the first packet, whole: with its profile and length
        """
        pack = _HEAD.pack
        pieces: list[bytes] = []
        last = len(payloads) - 1
        first = 0
        if extension:
            kind = payload_type | _MARKER if marks and last == 0 else payload_type
            size = len(payloads[0]) + HEADER_BYTES + len(extension)
            pieces += (
                pack(_DOLLAR, 0, size, _VERSION | _EXTENSION, kind, sequence & 0xFFFF, rtp_time, ssrc),
                extension,
                payloads[0],
            )
            first = 1
        for index, payload in enumerate(payloads[first:], first):
            kind = payload_type | _MARKER if marks and index == last else payload_type
            pieces.append(
                pack(
                    _DOLLAR,
                    0,
                    len(payload) + HEADER_BYTES,
                    _VERSION,
                    kind,
                    sequence + index & 0xFFFF,
                    rtp_time,
                    ssrc,
                )
            )
            pieces.append(payload)
        return PacketizedUnit(
            b"".join(pieces),
            sequence=sequence,
            rtp_time=rtp_time,
            media_time=media_time,
            packets=len(payloads),
            key=key,
            extension_bytes=len(extension),
        )

    def spans(self) -> Iterator[tuple[int, int]]:
        """(offset, size) of each RTP packet in `interleaved`."""
        data, at, end = self.interleaved, 0, len(self.interleaved)
        while at < end:
            (size,) = _LENGTH.unpack_from(data, at + 2)
            yield at + INTERLEAVED_BYTES, size
            at += INTERLEAVED_BYTES + size

    def for_channel(self, channel: int) -> bytes:
        """The interleaved frames for another channel number."""
        if channel == 0:
            return self.interleaved
        copy = self._channels.get(channel)
        if copy is None:
            changed = bytearray(self.interleaved)
            for at, _ in self.spans():
                changed[at - INTERLEAVED_BYTES + _CHANNEL_AT] = channel
            copy = self._channels[channel] = bytes(changed)
        return copy

    def runs(self) -> tuple[Run, ...]:
        """The RTP packets alone, joined where one send can carry several."""
        if self._runs is None:
            self._runs = tuple(self._make_runs())
        return self._runs

    def _make_runs(self) -> Iterator[Run]:
        data = memoryview(self.interleaved)
        pieces: list[memoryview] = []
        segment = total = 0
        closed = True
        for at, size in self.spans():
            if closed or size > segment or len(pieces) == MAX_RUN_PACKETS or total + size > MAX_RUN_BYTES:
                if pieces:
                    yield segment, b"".join(pieces)
                pieces, segment, total = [], size, 0
            pieces.append(data[at : at + size])
            total += size
            # A shorter packet can only be the last of its run.
            closed = size < segment
        if pieces:
            yield segment, b"".join(pieces)

    def retimed(self, rtp_time: int) -> "PacketizedUnit":
        """The same packets with another RTP time."""
        changed = bytearray(self.interleaved)
        pack_into = _TIME.pack_into
        for at, _ in self.spans():
            pack_into(changed, at - INTERLEAVED_BYTES + _TIME_AT, rtp_time)
        return PacketizedUnit(
            bytes(changed),
            sequence=self.sequence,
            rtp_time=rtp_time,
            media_time=self.media_time,
            packets=self.packets,
            key=self.key,
            extension_bytes=len(changed) - self.packets * (INTERLEAVED_BYTES + HEADER_BYTES) - self.octets,
        )
