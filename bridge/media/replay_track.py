"""One track of one viewer's replay as RTP: its numbering, its packets with the replay extension, its two kinds of time.

SSRC, sequence number and RTP time run on over everything that the viewer plays in his session.
"""

from collections.abc import Sequence

from bridge.base.media import AccessUnit, Medium, Track
from bridge.base.time import ns_to_ticks
from bridge.media.packets import PacketizedUnit
from bridge.media.replay_line import Place
from bridge.media.rtp_track import same_format, with_parameter_sets
from bridge.wire.payload import header_extension, marks_units, packetize
from bridge.wire.replay_header import EXTENSION_BYTES, followed_by
from bridge.wire.rtp import HEADER_BYTES

#: Runs whose place on the RTP clock is remembered, so that a unit has the same time whenever it is sent again.
MAX_RUNS = 64

_TIME_MASK = 0xFFFFFFFF


class ReplayTrack:
    """See the module. `track`: as its footage is described at the moment."""

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
        track:        as the SDP describes it
        sequence:     of the first packet
        time_offset:  RTP time at zero of our clocks
        packet_bytes: largest RTP packet, header and extension included
        """
        self.track = track
        self.payload_type = payload_type
        self.ssrc = ssrc
        self.next_sequence = sequence
        self.plays = True
        self._described = track
        self._time_offset = time_offset
        self._max_payload_bytes = packet_bytes - HEADER_BYTES - EXTENSION_BYTES
        self._runs: dict[int, int] = {}
        self._tied: tuple[int, int] | None = None
        self._tied_at = 0

    def begin(self, track: Track | None) -> None:
        """What follows is of this format; `plays`: whether it is what the SDP says. None: there is no such track."""
        self.plays = track is not None and same_format(track, self._described)
        if track is not None and self.plays:
            self.track = track

    def shown_time(self, unit: AccessUnit, place: Place, run: int, *, true_speed: bool) -> int:
        """RTP time of a unit that we play in time: when it is shown.

        true_speed: forwards at scale 1: the distances of the recording's own media times are kept to the tick
        """
        ticks = ns_to_ticks(place.show_ns, self.track.clock_rate)
        if not true_speed:
            self._tied = None
        elif self._tied != (place.jumps, run):
            self._tied = (place.jumps, run)
            self._tied_at = ticks - unit.media_time
        else:
            ticks = self._tied_at + unit.media_time
        return ticks + self._time_offset & _TIME_MASK

    def original_time(self, unit: AccessUnit, run: int) -> int:
        """RTP time of a unit whose timing is the client's: as it was recorded, runs set apart by capture times."""
        tied_at = self._runs.get(run)
        if tied_at is None:
            tied_at = self._runs[run] = ns_to_ticks(unit.utc_ns, self.track.clock_rate) - unit.media_time
            if len(self._runs) > MAX_RUNS:
                del self._runs[next(iter(self._runs))]
        return unit.media_time + tied_at + self._time_offset & _TIME_MASK

    def packets(self, unit: AccessUnit, rtp_time: int, extension: bytes) -> PacketizedUnit | None:
        """The next packets; None when nothing of the unit can be sent."""
        parts: Sequence[bytes] = unit.parts
        if unit.key and self.track.medium is Medium.VIDEO:
            parts = with_parameter_sets(self.track, parts)
        payloads = packetize(self.track, parts, self._max_payload_bytes)
        if not payloads:
            return None
        of_codec = header_extension(self.track, parts)
        packets = PacketizedUnit.of(
            payloads,
            payload_type=self.payload_type,
            sequence=self.next_sequence,
            rtp_time=rtp_time,
            ssrc=self.ssrc,
            marks=marks_units(self.track.codec),
            media_time=unit.media_time,
            key=unit.key,
            extension=followed_by(extension, of_codec) if of_codec else extension,
        )
        self.next_sequence += packets.packets
        return packets
