"""H.264 in RTP (RFC 6184): payloads to access units, and access units to payloads.

Taken: single NAL unit, STAP-A and FU-A (packetization modes 0 and 1). Interleaved mode (STAP-B, MTAP, FU-B) is refused:
its payloads are counted in `refused_payloads` and their unit is damaged. Made: single NAL unit and FU-A.
"""

from collections.abc import Sequence

from bridge.wire.access_units import NalUnitDepacketizer, roles, without_start_codes
from bridge.wire.h264 import nal as h264
from bridge.wire.h264.nal import NalType

_STAP_A = 24
_FU_A = 28
_FU_START = 0x80
_FU_END = 0x40

_PICTURES = (
    NalType.SLICE,
    NalType.SLICE_PARTITION_A,
    NalType.SLICE_PARTITION_B,
    NalType.SLICE_PARTITION_C,
    NalType.SLICE_IDR,
    NalType.SLICE_AUXILIARY,
    NalType.SLICE_EXTENSION,
    NalType.SLICE_EXTENSION_3D,
)


class Depacketizer(NalUnitDepacketizer):
    """RTP payloads of one H.264 track, in order -> access units; see `NalUnitDepacketizer` for its arguments."""

    _ROLES = roles(range(32), pictures=_PICTURES, random_access=(NalType.SLICE_IDR,), starts=(NalType.SPS, NalType.AUD))
    _NAL_HEADER_BYTES = h264.HEADER_BYTES
    FRAGMENT_HEADER_BYTES = 2

    def push(self, packet: memoryview, start: int, end: int, timestamp: int, marker: bool) -> None:
        """The payload packet[start:end], which must be the next in sequence unless `lost` was called before."""
        if timestamp != self._expected:
            self._turn(timestamp)
        if end - start < 2:
            self._push_short(packet, start, end)
        elif (kind := packet[start] & 0x1F) == _FU_A:
            # Nearly every packet of a camera comes this way.
            header = packet[start + 1]
            if header & _FU_START:
                if self.fragments is not None:
                    self._drop_fragments()
                self.fragments = [bytes((packet[start] & 0xE0 | header & 0x1F,))]
                self.fragments_room = self.room_bytes
                self.middle = packet[start] << 8 | header & 0x1F
            fragments = self.fragments
            if fragments is None:
                # Its beginning was lost.
                self._damaged = True
            else:
                fragments.append(packet[start + 2 : end])
                self.fragments_room -= end - start
                if self.fragments_room < 0:
                    self._overflow()
                elif header & _FU_END:
                    self._end_fragments(fragments)
        else:
            if self.fragments is not None:
                self._drop_fragments()
            if 0 < kind <= h264.LAST_TYPE:
                self._add(bytes(packet[start:end]), kind)
            elif kind == _STAP_A:
                self._push_aggregate(packet, start + 1, end)
            else:
                self._push_other(bytes(packet[start:end]))
        if marker:
            self._on_marker()

    def _push_short(self, packet: memoryview, start: int, end: int) -> None:
        """An empty payload keeps a NAT open and says nothing; one byte can be an end of sequence or stream."""
        if start < end:
            if self.fragments is not None:
                self._drop_fragments()
            self._add_known(bytes(packet[start:end]))

    def _push_other(self, nal: bytes) -> None:
        """A payload of type 0, as a start code begins, or of one that is not taken."""
        if nal.startswith((b"\0\0\0\1", b"\0\0\1")):
            # Cameras that forget to take the start code off.
            for piece in without_start_codes(nal):
                self._add_known(piece)
        else:
            self._add_known(nal)

    def _push_aggregate(self, packet: memoryview, at: int, end: int) -> None:
        """The NAL units of a STAP-A behind its header (RFC 6184 5.7.1)."""
        while at + 2 <= end:
            size = packet[at] << 8 | packet[at + 1]
            at += 2
            if at + size > end:
                self._damaged = True
                return
            if size:
                self._add_known(bytes(packet[at : at + size]))
            at += size

    def _add_known(self, nal: bytes) -> None:
        """A NAL unit of a type that H.264 defines; those of RTP's own types would not survive the way to a viewer."""
        kind = nal[0] & 0x1F
        if 0 < kind <= h264.LAST_TYPE:
            self._add(nal, kind)
        else:
            self.refused_payloads += 1
            self._damaged = True


def packetize(parts: Sequence[bytes], max_payload_bytes: int) -> list[bytes]:
    """RTP payloads of one access unit, in order; the last gets the marker (RFC 6184 5.1, 5.6, 5.8).

    NAL units of types that RTP uses for itself cannot be sent and are left out. max_payload_bytes: at least 3
    """
    if max_payload_bytes < 3:
        raise ValueError(f"max_payload_bytes is {max_payload_bytes}; FU-A needs 3")
    payloads: list[bytes] = []
    for nal in parts:
        if not 0 < h264.nal_type(nal) <= h264.LAST_TYPE:
            continue
        if len(nal) <= max_payload_bytes:
            payloads.append(nal)
        else:
            _fragment(nal, max_payload_bytes, payloads)
    return payloads


def _fragment(nal: bytes, max_payload_bytes: int, payloads: list[bytes]) -> None:
    indicator, kind = nal[0] & 0xE0 | _FU_A, nal[0] & 0x1F
    first, middle, last = (bytes((indicator, kind | bit)) for bit in (_FU_START, 0, _FU_END))
    step = max_payload_bytes - 2
    end = len(nal) - step
    payloads.append(first + nal[1 : 1 + step])
    at = 1 + step
    while at < end:
        payloads.append(middle + nal[at : at + step])
        at += step
    payloads.append(last + nal[at:])
