"""One track's RTP as all viewers share it: numbering, packets made once, its current GOP ready for a fast start.

Sequence and RTP time run on over reconnects of the camera and over times without viewers: they follow the hub's time
line, and a number is only used up by a packet that was made.
"""

from collections.abc import Sequence

from bridge.base.media import AccessUnit, Codec, Medium, Track
from bridge.media.fanout import Fanout
from bridge.media.fast_start import ReorderDepth, compressed_times
from bridge.media.outbox import Allowance
from bridge.media.packets import PacketizedUnit
from bridge.wire.h264 import nal as h264
from bridge.wire.h265 import nal as h265
from bridge.wire.payload import header_extension, marks_units, packetize, parameter_sets_of
from bridge.wire.rtp import HEADER_BYTES

#: A GOP beyond this is not sent in one burst: the viewer waits for the next key frame instead.
FAST_START_MAX_BYTES = 24 << 20

_TIME_MASK = 0xFFFFFFFF


class RtpTrack:
    """See the module. Makes packets only while `open`."""

    def __init__(
        self,
        track: Track,
        *,
        payload_type: int,
        ssrc: int,
        sequence: int,
        time_offset: int,
        packet_bytes: int,
    ) -> None:
        """
        sequence:     of the first packet
        time_offset:  RTP time at media time 0
        packet_bytes: largest RTP packet, header included
        """
        self.track = track
        self.payload_type = payload_type
        self.ssrc = ssrc
        self.next_sequence = sequence
        self.fanout = Fanout()
        self.allowance = Allowance()
        self.video = track.medium is Medium.VIDEO
        self.latest: AccessUnit | None = None
        self._time_offset = time_offset
        self._max_payload_bytes = packet_bytes - HEADER_BYTES
        self._marks = marks_units(track.codec)
        self._open = False
        self._start: AccessUnit | None = None
        self._gop: list[PacketizedUnit] = []
        self._gop_bytes = 0
        self._gop_before_bytes = 0
        self._order = ReorderDepth()
        self._burst: list[PacketizedUnit] | None = None

    @property
    def reorders(self) -> bool:
        """Whether pictures are shown in another order than they come in (B-frames)."""
        return self._order.depth > 0

    def rtp_time(self, media_time: int) -> int:
        """The 32 bits that stand for a media time."""
        return media_time + self._time_offset & _TIME_MASK

    def open(self, gop: Sequence[AccessUnit]) -> None:
        """The first viewer comes. gop: the units of this track that are cached, () if it has none of its own."""
        if self._open:
            return
        self._open = True
        for unit in gop:
            self._add(unit)

    def close(self) -> None:
        """The last viewer is gone: nothing is kept but the numbering."""
        self._open = False
        self._forget_gop(None)

    def observe(self, unit: AccessUnit) -> None:
        """A unit while nobody watches, and before `take` while somebody does."""
        self.latest = unit
        if self.video:
            self._order.observe(unit.media_time)

    def take(self, unit: AccessUnit) -> PacketizedUnit | None:
        """The packets of the next unit; None when nothing of it can be sent."""
        return self._add(unit)

    def _add(self, unit: AccessUnit) -> PacketizedUnit | None:
        self._burst = None
        parts: Sequence[bytes] = unit.parts
        if self.video and unit.key:
            self._gop_before_bytes = self._gop_bytes
            self._forget_gop(unit)
            parts = with_parameter_sets(self.track, parts)
        payloads = packetize(self.track, parts, self._max_payload_bytes)
        if not payloads:
            return None
        packets = PacketizedUnit.of(
            payloads,
            payload_type=self.payload_type,
            sequence=self.next_sequence,
            rtp_time=self.rtp_time(unit.media_time),
            ssrc=self.ssrc,
            marks=self._marks,
            media_time=unit.media_time,
            key=unit.key,
            extension=header_extension(self.track, parts),
        )
        self.next_sequence += packets.packets
        if self.video and self._start is not None:
            self._gop.append(packets)
            self._gop_bytes += len(packets.interleaved)
            if self._gop_bytes > FAST_START_MAX_BYTES:
                self._start = None
                self._gop = []
            elif self._gop_bytes >= self._gop_before_bytes:
                self.allowance.adjust(self._gop_bytes)
        return packets

    def _forget_gop(self, start: AccessUnit | None) -> None:
        self._start = start
        self._gop = []
        self._gop_bytes = 0
        self._burst = None
        if start is not None:
            self.allowance.adjust(self._gop_before_bytes)

    def burst(self, gop_start: AccessUnit | None) -> Sequence[PacketizedUnit]:
        """The packets of the current GOP for a viewer who joins now; () when he has to wait for a key frame.

        gop_start: the hub's; when it is another one, ours is not what is live
        """
        if self._start is None or self._start is not gop_start:
            return ()
        if self._burst is None:
            times = compressed_times([unit.media_time for unit in self._gop], self._order.depth)
            self._burst = [
                unit if unit.media_time == time else unit.retimed(self.rtp_time(time))
                for unit, time in zip(self._gop, times, strict=True)
            ]
        return self._burst


def with_parameter_sets(track: Track, parts: Sequence[bytes]) -> Sequence[bytes]:
    """A key frame's parts, with those kinds of parameter sets put in front that the camera sends out of band only.

    The unit itself stays as it is: an access unit delimiter must be its first part (H.264 7.4.1.2.3, H.265 7.4.2.4.4).
    """
    if not track.parameter_sets:
        return parts
    nal_type, delimiter = _NAL_TYPES[track.codec]
    present = {nal_type(nal) for nal in parameter_sets_of(track, parts) or ()}
    missing = [nal for nal in track.parameter_sets if nal_type(nal) not in present]
    if not missing:
        return parts
    at = 1 if parts and nal_type(parts[0]) == delimiter else 0
    return [*parts[:at], *missing, *parts[at:]]


def same_format(one: Track, other: Track) -> bool:
    """Whether what a viewer learnt from the SDP still holds; parameter sets come in band."""
    return (one.codec, one.clock_rate, one.channels, one.config) == (
        other.codec,
        other.clock_rate,
        other.channels,
        other.config,
    )


_NAL_TYPES = {
    Codec.H264: (h264.nal_type, h264.NalType.AUD),
    Codec.H265: (h265.nal_type, h265.NalType.AUD),
}
