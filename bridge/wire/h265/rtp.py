"""H.265 in RTP (RFC 7798): payloads to access units, and access units to payloads.

Taken: single NAL unit, AP and FU, in transmission order without DONL fields (sprop-max-don-diff = 0, its default;
tracks that announce more are refused in `wire/payload`). PACI is refused: its payloads are counted in
`refused_payloads` and their unit is damaged. Made: single NAL unit and FU.
"""

from collections.abc import Sequence

from bridge.wire.access_units import NalUnitDepacketizer, roles, without_start_codes
from bridge.wire.h265 import nal as h265
from bridge.wire.h265.nal import NalType

_AP = 48
_FU = 49
_FU_START = 0x80
_FU_END = 0x40


class Depacketizer(NalUnitDepacketizer):
    """RTP payloads of one H.265 track, in order -> access units; see `NalUnitDepacketizer` for its arguments."""

    _ROLES = roles(
        range(64),
        pictures=range(h265.FIRST_NON_VCL_TYPE),
        random_access=h265.RANDOM_ACCESS,
        starts=(NalType.VPS, NalType.SPS, NalType.AUD),
    )
    _NAL_HEADER_BYTES = h265.HEADER_BYTES
    FRAGMENT_HEADER_BYTES = 3

    def push(self, packet: memoryview, start: int, end: int, timestamp: int, marker: bool) -> None:
        """The payload packet[start:end], which must be the next in sequence unless `lost` was called before."""
        if timestamp != self._expected:
            self._turn(timestamp)
        if end - start < 3:
            self._push_short(packet, start, end)
        elif (kind := packet[start] >> 1 & 0x3F) == _FU:
            # Nearly every packet of a camera comes this way.
            header = packet[start + 2]
            if header & _FU_START:
                if self.fragments is not None:
                    self._drop_fragments()
                self.fragments = [bytes((packet[start] & 0x81 | (header & 0x3F) << 1, packet[start + 1]))]
                self.fragments_room = self.room_bytes
                self.middle = packet[start] << 16 | packet[start + 1] << 8 | header & 0x3F
            fragments = self.fragments
            if fragments is None:
                # Its beginning was lost.
                self._damaged = True
            else:
                fragments.append(packet[start + 3 : end])
                self.fragments_room -= end - start
                if self.fragments_room < 0:
                    self._overflow()
                elif header & _FU_END:
                    self._end_fragments(fragments)
        else:
            if self.fragments is not None:
                self._drop_fragments()
            if 0 < kind <= h265.LAST_TYPE:
                self._add(bytes(packet[start:end]), kind)
            elif kind == _AP:
                self._push_aggregate(packet, start + 2, end)
            else:
                self._push_other(bytes(packet[start:end]))
        if marker:
            self._on_marker()

    def _push_short(self, packet: memoryview, start: int, end: int) -> None:
        """An empty payload keeps a NAT open and says nothing; two bytes can be an end of sequence or bitstream."""
        if start < end:
            if self.fragments is not None:
                self._drop_fragments()
            self._add_known(bytes(packet[start:end]))

    def _push_other(self, nal: bytes) -> None:
        """A payload of type 0, as a start code begins, or of one that is not taken."""
        if nal.startswith((b"\0\0\0\1", b"\0\0\1")):
            # Cameras that forget to take the start code off. No NAL unit begins so: nuh_temporal_id_plus1 is not 0.
            for piece in without_start_codes(nal):
                self._add_known(piece)
        else:
            self._add_known(nal)

    def _push_aggregate(self, packet: memoryview, at: int, end: int) -> None:
        """The NAL units of an AP behind its header (RFC 7798 4.4.2)."""
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
        """A NAL unit of a type that H.265 defines; those of RTP's own types would not survive the way to a viewer."""
        kind = nal[0] >> 1 & 0x3F
        if kind <= h265.LAST_TYPE and len(nal) >= h265.HEADER_BYTES:
            self._add(nal, kind)
        else:
            self.refused_payloads += 1
            self._damaged = True


def packetize(parts: Sequence[bytes], max_payload_bytes: int) -> list[bytes]:
    """RTP payloads of one access unit, in order; the last gets the marker (RFC 7798 4.1, 4.4.1, 4.4.3).

    NAL units of types that RTP uses for itself cannot be sent and are left out. max_payload_bytes: at least 4
    """
    if max_payload_bytes < 4:
        raise ValueError(f"max_payload_bytes is {max_payload_bytes}; FU needs 4")
    payloads: list[bytes] = []
    for nal in parts:
        if len(nal) < h265.HEADER_BYTES or h265.nal_type(nal) > h265.LAST_TYPE:
            continue
        if len(nal) <= max_payload_bytes:
            payloads.append(nal)
        else:
            _fragment(nal, max_payload_bytes, payloads)
    return payloads


def _fragment(nal: bytes, max_payload_bytes: int, payloads: list[bytes]) -> None:
    head, kind = bytes((nal[0] & 0x81 | _FU << 1, nal[1])), nal[0] >> 1 & 0x3F
    first, middle, last = (head + bytes((kind | bit,)) for bit in (_FU_START, 0, _FU_END))
    step = max_payload_bytes - 3
    end = len(nal) - step
    payloads.append(first + nal[2 : 2 + step])
    at = 2 + step
    while at < end:
        payloads.append(middle + nal[at : at + step])
        at += step
    payloads.append(last + nal[at:])
