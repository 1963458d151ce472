"""A talker's RTP on its way to a camera's loudspeaker: checked, bounded, and numbered as one stream (RFC 3550 5.1).

Payloads pass as they are. Talkers come and go, with numbers and clocks of their own; the camera hears one source whose
sequence numbers and times run on.
"""

import enum
from collections.abc import Iterable

from bridge.base.errors import RemoteProtocolError
from bridge.base.media import Codec, Track
from bridge.base.time import NS_PER_S, MonotonicNs, ns_to_ticks
from bridge.dialogue.rtsp_presentation import LOUDSPEAKER, OfferedTrack, control_of
from bridge.wire.payload import marks_units, media_for_track, static_payload_type
from bridge.wire.rtp import SEQUENCE_BITS, TIMESTAMP_BITS, difference, pack_header, parse_header
from bridge.wire.sdp import Direction

#: What may be talked in, the first that a camera takes: every client has the first, few have the last.
TALK_CODECS = (Codec.PCMU, Codec.PCMA, Codec.G726, Codec.AAC)

#: A packet must go on to the camera as one datagram, over every path: 1500 less IPv6 and UDP, and a tunnel's share.
MAX_PACKET_BYTES = 1452
#: G.711 in packets of 20 ms takes 8.6 kB/s; AAC at 256 kbit/s takes 32.
BYTES_PER_S = 40_000

#: After so long without a packet the next one begins a talk spurt.
PAUSE_NS = NS_PER_S // 5
#: So far behind, a packet is late; further behind it is another stream.
_LATE_PACKETS = 100
_MOST_STEP_S = 10
_DYNAMIC_PAYLOAD_TYPE = 97


class Dropped(enum.StrEnum):
    """Why a packet of a talker did not go on; the value stands in the metrics."""

    MALFORMED = "malformed"
    TOO_LARGE = "too large"
    TOO_MUCH = "too much"
    PAYLOAD_TYPE = "payload type"
    LATE = "late"
    NOBODY = "no loudspeaker"


def talk_payload_type(track: Track) -> int:
    """The number that we ask talkers for, whatever the camera calls it."""
    static = static_payload_type(track.codec) if (track.clock_rate, track.channels) == (8000, 1) else None
    return _DYNAMIC_PAYLOAD_TYPE if static is None else static


def best_to_talk(tracks: Iterable[Track]) -> Track | None:
    """Which of a loudspeaker's formats is talked in; None: none that we can relay."""
    known = [track for track in tracks if track.codec in TALK_CODECS]
    return min(known, key=lambda track: TALK_CODECS.index(track.codec), default=None)


def offered_loudspeaker(track: Track) -> OfferedTrack:
    """What clients are shown of a loudspeaker that plays this."""
    media = media_for_track(track, talk_payload_type(track), control_of(LOUDSPEAKER))
    other = [attribute for attribute in media.attributes if attribute[0] != Direction.RECVONLY.value]
    media.attributes = [*other, (Direction.SENDONLY.value, "")]
    return OfferedTrack(LOUDSPEAKER, media)


class TalkRelay:
    """See the module. One camera's connection; `relay` takes the packets of one talker after the other.

    What is more than BYTES_PER_S in a second is dropped: a talker who sends faster than time goes would fill the
    camera's buffer, and its line.
    """

    def __init__(self, track: Track, *, payload_type: int, ssrc: int, sequence: int, rtp_time: int) -> None:
        """
        payload_type:       the camera's number for the format
        sequence, rtp_time: of the first packet
        """
        self._accepts = talk_payload_type(track)
        self._clock_rate = track.clock_rate
        self._spurts = not marks_units(track.codec)
        self._payload_type = payload_type
        self._ssrc = ssrc
        self._sequence = sequence
        self._rtp_time = rtp_time
        self._latest: tuple[int, int, int] | None = None  # SSRC, sequence number and time of the talker's
        self._sent_ns: MonotonicNs | None = None
        self._step = 0
        self._budget_bytes = BYTES_PER_S
        self._budget_ns: MonotonicNs | None = None

    def begin(self) -> None:
        """Another talker comes: his numbers have nothing to do with those before, even if his SSRC is the same."""
        self._latest = None

    def relay(self, packet: memoryview, now: MonotonicNs) -> bytes | Dropped:
        """The packet for the camera."""
        if len(packet) > MAX_PACKET_BYTES:
            return Dropped.TOO_LARGE
        try:
            marker, payload_type, sequence, rtp_time, ssrc, start, end = parse_header(packet)
        except RemoteProtocolError:
            return Dropped.MALFORMED
        if payload_type != self._accepts:
            return Dropped.PAYLOAD_TYPE
        if start == end:
            return Dropped.MALFORMED
        if not self._within_budget(len(packet), now):
            return Dropped.TOO_MUCH
        step = self._step_to(ssrc, sequence, rtp_time)
        if step is not None and step < 0:
            return Dropped.LATE
        self._latest = ssrc, sequence, rtp_time
        passed_ns = 0 if self._sent_ns is None else now - self._sent_ns
        pause = self._sent_ns is None or step is None or passed_ns > PAUSE_NS
        if pause:
            # Who pauses may let his clock stand still meanwhile, and who begins has another one.
            step = 0 if self._sent_ns is None else max(step or self._step, ns_to_ticks(passed_ns, self._clock_rate))
        self._step = step or self._step
        self._rtp_time += step or 0
        self._sent_ns = now
        # Of other codecs the marker ends a frame, and is the talker's to set.
        marked = marker or (pause and self._spurts)
        header = pack_header(self._payload_type, self._sequence, self._rtp_time, self._ssrc, marker=marked)
        self._sequence += 1
        return header + packet[start:end]

    def _step_to(self, ssrc: int, sequence: int, rtp_time: int) -> int | None:
        """How far the talker's clock has gone on; below zero: the packet is late; None: it is another stream."""
        if self._latest is None or self._latest[0] != ssrc:
            return None
        ahead = difference(sequence, self._latest[1], SEQUENCE_BITS)
        if ahead <= 0:
            return -1 if ahead > -_LATE_PACKETS else None
        step = difference(rtp_time, self._latest[2], TIMESTAMP_BITS)
        return step if 0 <= step <= _MOST_STEP_S * self._clock_rate else None

    def _within_budget(self, size: int, now: MonotonicNs) -> bool:
        if self._budget_ns is not None:
            self._budget_bytes += (now - self._budget_ns) * BYTES_PER_S // NS_PER_S
        self._budget_bytes, self._budget_ns = min(self._budget_bytes, BYTES_PER_S), now
        if size > self._budget_bytes:
            return False
        self._budget_bytes -= size
        return True
