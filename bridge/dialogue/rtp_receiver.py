"""Reception of one RTP track (RFC 3550): order, loss, SSRC, report statistics. Packets in, access units out.

What a payload means is left to the depacketiser of the track's codec, dating and fan-out to `media/hub`.
"""

import enum
import struct
from collections.abc import Callable, Iterator
from functools import lru_cache

from bridge.base.errors import RemoteProtocolError
from bridge.base.media import Medium, Track
from bridge.base.time import NS_PER_MS, MonotonicNs, ticks_to_ns
from bridge.dialogue.rtp_statistics import ReceptionStatistics
from bridge.wire import rtcp, rtp
from bridge.wire.access_units import NalUnitDepacketizer
from bridge.wire.jpeg import rtp as jpeg
from bridge.wire.payload import depacketizer_for

#: sink(media_time, parts, key, damaged, arrived_ns); media_time is the RTP time unwrapped to 64 bits, arrived_ns when
#: the last packet of the unit was read.
MediaSink = Callable[[int, tuple[bytes, ...], bool, bool, MonotonicNs], object]

#: Packets that came early wait for the missing one: so many, and so long. A camera on a local network reorders within a
#: few packets; 100 ms cover a Wi-Fi retransmission and stay below what a viewer notices.
REORDER_PACKETS = 64
REORDER_NS = 100 * NS_PER_MS

#: RFC 3550 A.1 MAX_DROPOUT and MAX_MISORDER: beyond these a sequence number is not late or early but another sequence.
MAX_DROPOUT = 3000
MAX_MISORDER = 100

#: A new SSRC is followed when so many packets in a row carry it.
FOLLOW_SSRC_PACKETS = 8

#: What the types of RTCP packets (RFC 3550 12.1, RFC 3611) look like where RTP has its payload type: of firmware that
#: sends both on one channel the first report would otherwise be taken for the media.
_RTCP_PAYLOAD_TYPES = range(200 & 0x7F, 208 & 0x7F)

#: Bounds of what is believed to be the time between two pictures.
_MIN_INTERVAL_NS = 20 * NS_PER_MS
_MAX_INTERVAL_NS = 500 * NS_PER_MS

_PLAIN_HEADER = rtp.RTP_VERSION << 6
_parse_fixed_header = struct.Struct("!BBHII").unpack_from

#: An interleaved frame (RFC 2326 10.12) and the RTP header in it: $ and channel, length, then as above.
_parse_frame = struct.Struct("!HHBBHII").unpack_from
_FRAME_HEADER_BYTES = 4
_START = _FRAME_HEADER_BYTES + rtp.HEADER_BYTES
_LEAST_FRAGMENT_BYTES = rtp.HEADER_BYTES + 4


@lru_cache(maxsize=256)
def _split_pieces(
    size: int, restart_bytes: int
) -> Callable[[memoryview], Iterator[tuple[bytes, int, bytes, int, bytes, bytes]]]:
    """Interleaved frames of `size` bytes with pieces of a JPEG picture in them -> what stands before the sequence
    number, that, the rest of the RTP header, the offset in the picture, what stands behind it, and the piece."""
    octets = size - _START - jpeg.HEADER_BYTES - restart_bytes
    return struct.Struct(f"!6sH8sI4s{restart_bytes}x{octets}s").iter_unpack


@lru_cache(maxsize=256)
def _split_fragments(size: int, header_bytes: int) -> Callable[[memoryview], Iterator[tuple[bytes, int, bytes, bytes]]]:
    """Interleaved frames of `size` bytes with fragments in them -> what stands before the sequence number, that, what
    stands behind it up to the end of the fragment's header, and the fragment."""
    return struct.Struct(f"!6sH{8 + header_bytes}s{size - _START - header_bytes}s").iter_unpack


#: (packet, start, end, timestamp, marker, sequence, arrived_ns)
_EarlyPacket = tuple[memoryview, int, int, int, bool, int, MonotonicNs]


class UnknownSsrc(enum.Enum):
    """What happens to packets of another SSRC than the one that the track is locked on.

    DROP:   they are counted and dropped: for sources that share a port
    FOLLOW: FOLLOW_SSRC_PACKETS in a row, or one after a BYE, begin a new source; so does the very first packet when
            SETUP had announced another SSRC (cameras that announce one and send another are common). Should the one
            that was announced come all the same, it is followed at once: what came before was somebody else's, of
            another camera behind the address, or of a session that an old live555 goes on sending here (retina #17)
    """

    DROP = "drop"
    FOLLOW = "follow"


class RtpReceiver:
    """One track of one connection; no object is made per packet, `sink` is called per access unit.

    payload_type: as SDP says; packets of other types are dropped; None: that of the first packet
    ssrc:         as SETUP's reply announced; None: that of the first packet
    reorder:      True over UDP: packets that come early wait for the missing one, at most REORDER_PACKETS for at most
                  REORDER_NS, then the missing one is given up; False over TCP, where a hole is a loss at once
    on_reset:     called with a reason before packets of a new source or sequence are taken; media_time may jump there

    Counters: `malformed`, `foreign` (other payload type or SSRC), `resets`; those of the source in `statistics`.
    """

    def __init__(
        self,
        track: Track,
        sink: MediaSink,
        *,
        payload_type: int | None = None,
        ssrc: int | None = None,
        reorder: bool = False,
        unknown_ssrc: UnknownSsrc = UnknownSsrc.FOLLOW,
        on_reset: Callable[[str], object] | None = None,
    ) -> None:
        self.malformed = 0
        self.foreign = 0
        self.resets = 0
        self.statistics = ReceptionStatistics(track.clock_rate)
        self.depacketizer = depacketizer_for(track, self._deliver)
        self._depacketize = self.depacketizer.push
        self._pictures = self.depacketizer if isinstance(self.depacketizer, jpeg.Depacketizer) else None
        self._nal_units = self.depacketizer if isinstance(self.depacketizer, NalUnitDepacketizer) else None
        self._sink = sink
        self._clock_rate = track.clock_rate
        self._several_times_a_packet = track.medium is not Medium.VIDEO
        self._reorder = reorder
        self._unknown_ssrc = unknown_ssrc
        self._on_reset = on_reset

        self._payload_type = -1 if payload_type is None else payload_type
        self._announced_ssrc = ssrc
        self._ssrc = -1
        self._bye = False
        self._candidate_ssrc = -1
        self._candidate_packets = 0
        self._candidate_since = 0

        self._next_sequence = -1
        self._restart_sequence = -1
        #: Packets that came early, by sequence number and in the order of arrival; at most REORDER_PACKETS.
        self._early: dict[int, _EarlyPacket] = {}

        self._timestamp = -1
        self._timestamp_before = -1
        self._announced_ticks = int(self._clock_rate / (track.frame_rate or 10))
        self._media_time: int | None = None
        self._arrived_ns = MonotonicNs(0)
        self._arrived_before_ns = MonotonicNs(0)

    def take_run(self, frames: memoryview, at: int, now: MonotonicNs) -> int:
        """The interleaved frames of one channel that begin at frames[at:], as long as they are simply the next packets.

        Returns where they end: `at` when that frame is something else, or not whole, which `push` takes. Nearly all
        packets of a camera come this way, most of them as middle fragments. The bytes must stay, as for `push`.
        """
        if self._early:
            return at
        nal_units, pictures, size = self._nal_units, self._pictures, len(frames)
        channel = frames[at] << 8 | frames[at + 1]
        while at + _START <= size:
            frame, length, flags, marker_type, sequence, timestamp, ssrc = _parse_frame(frames, at)
            end = at + _FRAME_HEADER_BYTES + length
            if (
                sequence != self._next_sequence
                or ssrc != self._ssrc
                or marker_type & 0x7F != self._payload_type
                or flags != _PLAIN_HEADER
                or frame != channel
                or end > size
                or length < rtp.HEADER_BYTES
            ):
                break
            # As `_take` does, without its call.
            self._next_sequence = sequence + 1 & 0xFFFF
            self.statistics.packets += 1
            if timestamp != self._timestamp:
                self._on_timestamp(timestamp, now)
            self._arrived_ns = now
            self._depacketize(frames, at + _START, end, timestamp, marker_type > 0x7F)
            if nal_units is not None and nal_units.fragments is not None and length >= _LEAST_FRAGMENT_BYTES:
                at = self._take_fragments(nal_units, nal_units.fragments, frames, at, end)
            elif pictures is not None and pictures.open:
                at = self._take_pieces(pictures, frames, at, end)
            else:
                at = end
        return at

    def _take_fragments(
        self,
        nal_units: NalUnitDepacketizer,
        fragments: list[bytes | memoryview],
        frames: memoryview,
        before: int,
        at: int,
    ) -> int:
        """The middle fragments from frames[at:] on that look like the one taken before, of the frame frames[before:at].

        Of the same size, and so with the same header but for the sequence number: two comparisons each, and no parsing.
        """
        size = at - before
        octets = size - _START
        count = min((len(frames) - at) // size, nal_units.fragments_room // octets)
        if count <= 0:
            return at
        header_bytes = nal_units.FRAGMENT_HEADER_BYTES
        head = frames[before : before + 6].tobytes()
        kind = frames[before + 8 : before + _START].tobytes() + nal_units.middle.to_bytes(header_bytes, "big")
        add, first = fragments.append, self._next_sequence
        wanted = first
        for this_head, sequence, this_kind, fragment in _split_fragments(size, header_bytes)(
            frames[at : at + count * size]
        ):
            if sequence != wanted or this_kind != kind or this_head != head:
                break
            add(fragment)
            wanted = sequence + 1 & 0xFFFF
        taken = wanted - first & 0xFFFF
        self._next_sequence = wanted
        nal_units.fragments_room -= taken * octets
        self.statistics.packets += taken
        return at + taken * size

    def _take_pieces(self, pictures: jpeg.Depacketizer, frames: memoryview, before: int, at: int) -> int:
        """The same for pieces of a JPEG picture: their offsets go on, all else of their headers is the same."""
        size = at - before
        start = before + _START
        restart_bytes = jpeg.RESTART_BYTES if frames[start + 4] & jpeg.RESTARTS else 0
        octets = size - _START - jpeg.HEADER_BYTES - restart_bytes
        count = min((len(frames) - at) // size, pictures.room_bytes // octets) if octets > 0 else 0
        if count <= 0:
            return at
        head, kind = frames[before : before + 6].tobytes(), frames[before + 8 : start].tobytes()
        shape = frames[start + 4 : start + jpeg.HEADER_BYTES].tobytes()
        add, first, offset = pictures.pieces.append, self._next_sequence, pictures.next_offset
        wanted = first
        for this_head, sequence, this_kind, this_offset, this_shape, piece in _split_pieces(size, restart_bytes)(
            frames[at : at + count * size]
        ):
            if (
                sequence != wanted
                or this_offset != offset
                or this_kind != kind
                or this_shape != shape
                or this_head != head
            ):
                break
            add(piece)
            offset += octets
            wanted = sequence + 1 & 0xFFFF
        taken = wanted - first & 0xFFFF
        self._next_sequence = wanted
        pictures.next_offset = offset
        pictures.room_bytes -= taken * octets
        self.statistics.packets += taken
        return at + taken * size

    def push(self, packet: memoryview, now: MonotonicNs) -> None:
        """One RTP packet. What is not RTP of this track is counted and dropped, never raised.

        packet: its bytes must stay as they are: fragments of a NAL unit are joined when the last one has come
        """
        end = len(packet)
        if end < rtp.HEADER_BYTES:
            self.malformed += 1
            return
        flags, marker_type, sequence, timestamp, ssrc = _parse_fixed_header(packet)
        start = rtp.HEADER_BYTES
        if flags != _PLAIN_HEADER:
            try:
                start, end = rtp.parse_header(packet)[5:]
            except RemoteProtocolError:
                self.malformed += 1
                return
        if (ssrc != self._ssrc or marker_type & 0x7F != self._payload_type) and not self._admits(
            marker_type & 0x7F, ssrc, sequence
        ):
            return
        if sequence == self._next_sequence:
            self._take(packet, start, end, timestamp, marker_type > 0x7F, sequence, now)
            if self._early:
                self._take_early()
        elif self._is_due(sequence):
            self._take(packet, start, end, timestamp, marker_type > 0x7F, sequence, now)
        elif self._is_early(sequence):
            self._early[sequence] = (
                packet,
                start,
                end,
                timestamp,
                marker_type > 0x7F,
                sequence,
                now,
            )
            if len(self._early) >= REORDER_PACKETS or now >= self._early_deadline():
                self._give_up()

    def _take(
        self,
        packet: memoryview,
        start: int,
        end: int,
        timestamp: int,
        marker: bool,
        sequence: int,
        arrived_ns: MonotonicNs,
    ) -> None:
        """The next packet of the source in sequence."""
        self._next_sequence = sequence + 1 & 0xFFFF
        self.statistics.packets += 1
        if timestamp != self._timestamp:
            self._on_timestamp(timestamp, arrived_ns)
        self._arrived_ns = arrived_ns
        if self._pictures is not None and start > rtp.HEADER_BYTES:
            extension = rtp.parse_extension(packet)
            if extension is not None:
                self._pictures.extension(*extension)
        self._depacketize(packet, start, end, timestamp, marker)

    def _on_timestamp(self, timestamp: int, arrived_ns: MonotonicNs) -> None:
        self.statistics.on_timestamp(timestamp, arrived_ns)
        self._timestamp_before, self._timestamp = self._timestamp, timestamp
        self._arrived_before_ns = self._arrived_ns

    def _deliver(self, timestamp: int, parts: tuple[bytes, ...], key: bool, damaged: bool) -> None:
        """The depacketiser's sink: an access unit ended, by the packet just taken or by the one before it."""
        near = timestamp if self._media_time is None else self._media_time
        self._media_time = rtp.unwrap(timestamp, near)
        ended_now = timestamp == self._timestamp or self._several_times_a_packet
        self._sink(self._media_time, parts, key, damaged, self._arrived_ns if ended_now else self._arrived_before_ns)

    # Order

    def _is_due(self, sequence: int) -> bool:
        """Whether this packet, which is not the expected one, is to be taken now all the same."""
        ahead = rtp.difference(sequence, self._next_sequence, rtp.SEQUENCE_BITS)
        if ahead > MAX_DROPOUT or ahead < -MAX_MISORDER:
            return self._restarts(sequence)
        if ahead <= 0 or self._reorder:
            return False
        self._skip(ahead)
        return True

    def _restarts(self, sequence: int) -> bool:
        """Two packets in a row far away prove a new sequence, one may be a stray (RFC 3550 A.1)."""
        if sequence != self._restart_sequence:
            self._restart_sequence = sequence + 1 & 0xFFFF
            self.foreign += 1
            return False
        self._reset(f"sequence goes on at {sequence} instead of {self._next_sequence}")
        self._begin_source(self._ssrc, sequence)
        return True

    def _is_early(self, sequence: int) -> bool:
        """Whether the packet can wait for those before it; the others are counted."""
        ahead = rtp.difference(sequence, self._next_sequence, rtp.SEQUENCE_BITS)
        if 0 < ahead <= MAX_DROPOUT and sequence not in self._early:
            return True
        if -MAX_MISORDER <= ahead <= MAX_DROPOUT:
            self.statistics.late += 1
        return False

    def _skip(self, count: int) -> None:
        """`count` packets before the next one are given up."""
        self.statistics.skipped += count
        self._next_sequence = self._next_sequence + count & 0xFFFF
        self.depacketizer.lost()

    def _take_early(self) -> None:
        """Packets that waited and are next now."""
        early = self._early
        while (waiting := early.pop(self._next_sequence, None)) is not None:
            packet, start, end, timestamp, marker, sequence, arrived_ns = waiting
            # It could not be used before the packet that it waited for: arrival times do not go back.
            self._take(packet, start, end, timestamp, marker, sequence, max(arrived_ns, self._arrived_ns))

    def _give_up(self) -> None:
        """Those missing before the nearest packet that waits are lost."""
        expected = self._next_sequence
        self._skip(min((sequence - expected) & 0xFFFF for sequence in self._early))
        self._take_early()

    def _early_deadline(self) -> MonotonicNs:
        """When the packet that waits longest has waited enough."""
        return MonotonicNs(next(iter(self._early.values()))[-1] + REORDER_NS)

    # Sources

    def _admits(self, payload_type: int, ssrc: int, sequence: int) -> bool:
        """Whether a packet of another type or SSRC than the last is ours; begins its source when it is."""
        if self._payload_type < 0 and payload_type not in _RTCP_PAYLOAD_TYPES:
            self._payload_type = payload_type
        admitted = payload_type == self._payload_type and (ssrc == self._ssrc or self._follows(ssrc))
        if not admitted:
            self.foreign += 1
        elif ssrc != self._ssrc:
            if self._ssrc >= 0:
                self._reset(f"SSRC {ssrc:08X} follows {self._ssrc:08X}")
            self._begin_source(ssrc, sequence)
        return admitted

    def _follows(self, ssrc: int) -> bool:
        follow = self._unknown_ssrc is UnknownSsrc.FOLLOW
        if self._ssrc < 0:
            return follow or self._announced_ssrc in (None, ssrc)
        if not follow:
            return False
        if ssrc == self._announced_ssrc:
            return True
        packets = self.statistics.packets
        if ssrc != self._candidate_ssrc or packets != self._candidate_since:
            self._candidate_ssrc, self._candidate_since, self._candidate_packets = ssrc, packets, 0
        self._candidate_packets += 1
        return self._bye or self._candidate_packets >= FOLLOW_SSRC_PACKETS

    def _begin_source(self, ssrc: int, sequence: int) -> None:
        self._ssrc = ssrc
        if ssrc == self._announced_ssrc:
            self._announced_ssrc = None
        self._bye = False
        self._next_sequence = sequence
        self.statistics = ReceptionStatistics(self._clock_rate, ssrc, sequence)

    def _reset(self, reason: str) -> None:
        """The source ends: what is held of it is delivered, and nothing that follows is counted from it."""
        self.end()
        self.resets += 1
        self._timestamp = self._restart_sequence = -1
        self._media_time = None
        if self._on_reset is not None:
            self._on_reset(reason)

    # Reports

    def on_sender_report(self, report: rtcp.SenderReport, now: MonotonicNs) -> int | None:
        """Its RTP time unwrapped like that of the media; None when it is not of our source, or came before any unit."""
        if report.ssrc != self._ssrc:
            return None
        self.statistics.on_sender_report(report, now)
        return None if self._media_time is None else rtp.unwrap(report.rtp_timestamp, self._media_time)

    def on_bye(self, bye: rtcp.Bye) -> None:
        """The source stops: the first packet of another SSRC is followed at once."""
        self._bye |= self._ssrc in bye.ssrcs

    def report_block(self, now: MonotonicNs) -> rtcp.ReportBlock | None:
        """What our receiver report says of this source, and the start of the next interval; None before any packet."""
        return self.statistics.report_block(now) if self._ssrc >= 0 else None

    # Time

    def next_timeout(self) -> MonotonicNs | None:
        """When `on_timeout` wants to be called; None: not before another packet."""
        deadlines = []
        if self._early:
            deadlines.append(self._early_deadline())
        if self.depacketizer.awaits_timestamp:
            deadlines.append(self._silence_deadline())
        return min(deadlines, default=None)

    def on_timeout(self, now: MonotonicNs) -> None:
        """Gives up waiting for what is overdue."""
        while self._early and now >= self._early_deadline():
            self._give_up()
        if self.depacketizer.awaits_timestamp and now >= self._silence_deadline():
            self.depacketizer.flush()

    def _silence_deadline(self) -> MonotonicNs:
        """A picture that no marker ends is over two frame intervals after its latest packet."""
        ticks = self._announced_ticks
        if self._timestamp_before >= 0:
            ticks = abs(rtp.difference(self._timestamp, self._timestamp_before, rtp.TIMESTAMP_BITS))
        interval_ns = ticks_to_ns(ticks, self._clock_rate)
        return MonotonicNs(self._arrived_ns + 2 * max(_MIN_INTERVAL_NS, min(interval_ns, _MAX_INTERVAL_NS)))

    def end(self) -> None:
        """The connection is over: delivers what is held."""
        while self._early:
            self._give_up()
        self.depacketizer.flush()
        self._next_sequence = -1  # whoever was told of a unit may have ended us: `take_run` takes nothing more
